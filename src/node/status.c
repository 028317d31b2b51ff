#include "node/status.h"

#include <stdio.h>

static int
badness(enum pipeline_state s)
{
	switch (s) {
	case PIPELINE_RUNNING: return 0;
	case PIPELINE_PAUSED: return 1;
	case PIPELINE_STARTING:
	case PIPELINE_RETRYING: return 2;
	case PIPELINE_STOPPED: return 3;
	case PIPELINE_ENDED: break;
	}
	return 4;
}

enum pipeline_state
node_view_state(const struct node_view *v)
{
	enum pipeline_state worst = PIPELINE_RUNNING;

	for (size_t i = 0; i < v->count; i++) {
		if (badness(v->pipelines[i].status.state) > badness(worst))
			worst = v->pipelines[i].status.state;
	}
	return worst;
}

static void
key_text(struct lt_buf *out, const char *key, const char *value)
{
	lt_json_key(out, key);
	lt_json_str(out, lt_str_z(value));
}

static void
key_u64(struct lt_buf *out, const char *key, uint64_t value)
{
	lt_json_key(out, key);
	lt_buf_u64(out, value);
}

static void
key_place(struct lt_buf *out, const char *key, const struct change_place *place, const char *gtid)
{
	lt_json_key(out, key);
	lt_buf_c(out, '{');
	key_text(out, "file", place->file);
	key_u64(out, "pos", place->pos);
	key_text(out, "gtid", gtid);
	lt_buf_c(out, '}');
}

static void
pipeline_json(const char *name, const struct pipeline_status *s, struct lt_buf *out)
{
	char since[32];

	lt_time_text(s->since_us, since);
	lt_buf_c(out, '{');
	key_text(out, "name", name);
	key_text(out, "state", pipeline_state_name(s->state));
	key_text(out, "since", since);
	key_place(out, "read_position", &s->read, s->read_gtid);
	key_place(out, "applied_position", &s->applied, s->applied_gtid);
	lt_json_key(out, "saved_position");
	lt_buf_c(out, '{');
	key_text(out, "file", s->saved.file);
	key_u64(out, "pos", s->saved.pos);
	lt_buf_c(out, '}');
	key_u64(out, "lag_ms", s->lag_ms);
	key_u64(out, "delay_ms", s->delay_ms);
	key_u64(out, "lag_bytes", s->lag_bytes);
	key_u64(out, "transactions", s->transactions);
	key_u64(out, "rows", s->rows);
	lt_json_key(out, "rows_per_s");
	lt_buf_printf(out, "%.1f", s->rows_per_s);
	key_u64(out, "groups", s->groups);
	key_u64(out, "retries", s->retries);
	key_u64(out, "own", s->own);
	key_u64(out, "opted_out", s->opted_out);
	key_u64(out, "passed", s->passed);
	key_u64(out, "memory_bytes", s->memory_bytes);
	lt_json_key(out, "error");
	if (s->err.code != LT_OK)
		lt_err_json(&s->err, out);
	else
		lt_buf_z(out, "null");
	lt_buf_c(out, '}');
}

void
node_status_json(const struct node_view *v, struct lt_buf *out)
{
	lt_buf_z(out, "{\"channels\":[{");
	key_text(out, "name", v->channel);
	key_text(out, "state", pipeline_state_name(node_view_state(v)));
	lt_json_key(out, "pipelines");
	lt_buf_c(out, '[');
	for (size_t i = 0; i < v->count; i++) {
		if (i > 0)
			lt_buf_c(out, ',');
		pipeline_json(v->pipelines[i].name, &v->pipelines[i].status, out);
	}
	lt_buf_z(out, "]}]}");
}

void
node_status_text(const struct node_view *v, struct lt_buf *out)
{
	lt_buf_printf(out, "channel %s: %s\n", v->channel, pipeline_state_name(node_view_state(v)));
	lt_buf_printf(out, "%-20s %-9s %10s %12s %12s %12s %10s  %s\n", "PIPELINE", "STATE", "LAG MS", "LAG BYTES",
	    "TRANSACTIONS", "ROWS", "ROWS/S", "APPLIED");
	for (size_t i = 0; i < v->count; i++) {
		const struct pipeline_status *s = &v->pipelines[i].status;

		lt_buf_printf(out, "%-20s %-9s %10llu %12llu %12llu %12llu %10.1f  %s:%llu\n", v->pipelines[i].name,
		    pipeline_state_name(s->state), (unsigned long long)s->lag_ms, (unsigned long long)s->lag_bytes,
		    (unsigned long long)s->transactions, (unsigned long long)s->rows, s->rows_per_s,
		    s->applied.file[0] != '\0' ? s->applied.file : "-", (unsigned long long)s->applied.pos);
	}
	for (size_t i = 0; i < v->count; i++) {
		if (v->pipelines[i].status.err.code == LT_OK)
			continue;
		lt_buf_printf(out, "%s: ", v->pipelines[i].name);
		lt_err_text(&v->pipelines[i].status.err, out);
		lt_buf_c(out, '\n');
	}
}
