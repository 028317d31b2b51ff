#include "node/status.h"

#include <stdio.h>

void
node_view_clear(struct node_view *v)
{
	free(v->pipelines);
	free(v->sites);
	*v = (struct node_view){ 0 };
}

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
key_error(struct lt_buf *out, const char *key, const struct lt_err *err)
{
	lt_json_key(out, key);
	if (err->code != LT_OK)
		lt_err_json(err, out);
	else
		lt_buf_z(out, "null");
}

static void
relay_json(const struct binlog_relay_status *s, struct lt_buf *out)
{
	static const char *const words[] = { [BINLOG_SEMI_SYNC_UNKNOWN] = "unknown",
		[BINLOG_SEMI_SYNC_ABSENT] = "absent",
		[BINLOG_SEMI_SYNC_OFF] = "off",
		[BINLOG_SEMI_SYNC_ON] = "on" };

	lt_json_key(out, "semi_sync");
	lt_buf_c(out, '{');
	key_text(out, "source", words[s->source]);
	lt_json_key(out, "connected");
	lt_buf_z(out, s->connected ? "true" : "false");
	key_u64(out, "relay_bytes", s->bytes);
	key_u64(out, "relay_limit", s->limit);
	key_u64(out, "acks", s->acks);
	key_place(out, "received_position", &s->received, "");
	key_place(out, "acked_position", &s->acked, "");
	key_error(out, "error", &s->alarm);
	lt_buf_c(out, '}');
}

static void
pipeline_json(
    const char *name, const struct pipeline_status *s, const struct binlog_relay_status *relay, struct lt_buf *out)
{
	char since[32];

	lt_time_text(s->since_us, since);
	lt_buf_c(out, '{');
	key_text(out, "name", name);
	key_text(out, "state", pipeline_state_name(s->state));
	key_text(out, "since", since);
	key_u64(out, "tries", s->tries);
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
	if (relay != NULL)
		relay_json(relay, out);
	key_error(out, "error", &s->err);
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
		pipeline_json(v->pipelines[i].name, &v->pipelines[i].status,
		    v->pipelines[i].semi_sync ? &v->pipelines[i].relay : NULL, out);
	}
	lt_buf_c(out, ']');
	if (v->nsites > 0) {
		key_u64(out, "divergence", node_sites_diverged(v->sites, v->nsites));
		lt_json_key(out, "sites");
		node_sites_json(v->sites, v->nsites, out);
	}
	lt_buf_z(out, "}]}");
}

void
node_tries_text(const struct pipeline_status *s, struct lt_buf *out)
{
	char since[32];

	lt_time_text(s->since_us, since);
	lt_buf_printf(out, "since %s", since);
	if (s->tries > 1)
		lt_buf_printf(out, ", %llu tries", (unsigned long long)s->tries);
}

static void
error_text(const char *name, const struct lt_err *err, struct lt_buf *out)
{
	if (err->code == LT_OK)
		return;
	lt_buf_printf(out, "%s: ", name);
	lt_err_text(err, out);
	lt_buf_c(out, '\n');
}

void
node_status_text(const struct node_view *v, struct lt_buf *out)
{
	lt_buf_printf(out, "channel %s: %s%s\n", v->channel, pipeline_state_name(node_view_state(v)),
	    node_sites_diverged(v->sites, v->nsites) > 0 ? ", DIVERGED" : "");
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
		const struct pipeline_status *s = &v->pipelines[i].status;

		error_text(v->pipelines[i].name, &s->err, out);
		if (s->tries > 0) {
			lt_buf_printf(out, "%s: retrying ", v->pipelines[i].name);
			node_tries_text(s, out);
			lt_buf_c(out, '\n');
		}
		if (v->pipelines[i].semi_sync)
			error_text(v->pipelines[i].name, &v->pipelines[i].relay.alarm, out);
	}
	node_sites_text(v->sites, v->nsites, out);
}
