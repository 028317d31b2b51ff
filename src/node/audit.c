#include "node/audit.h"

#include "base/clock.h"
#include "pipeline/connect.h"
#include "pipeline/state.h"

/* What one answer on the control socket takes, with room for the last line. */
#define LOG_BYTES ((size_t)3 << 20)

/* Columns of pipeline_state_log(). */
enum { AT, WHO, PIPELINE, ACTION, DETAIL, WHY };

/* The lines of one target, the newest first. */
struct lines {
	struct my_rows *rows; /* owned */
	size_t next;
};

static bool
read_lines(const struct model_channel *channel, size_t pipeline, const struct node_log_wish *wish, struct lines *out,
    struct lt_err *err)
{
	const struct model_pipeline *p = &channel->pipelines[pipeline];
	const struct model_site *site = &channel->sites[p->to];
	struct my_conn *c = NULL;
	bool ok = pipeline_connect(site, false, wish->stop, &c, err) &&
		  my_exec(c, "SET time_zone='+00:00'", NULL, err) &&
		  pipeline_state_log(c, channel->name, p->name, wish->limit, &out->rows, err);

	my_close(c);
	return ok ? true : lt_wrap(err, "while reading lutra.audit at site %s", site->name);
}

static uint64_t
time_of(const struct lines *l)
{
	uint64_t us = 0;

	return lt_str_u64(my_rows_at(l->rows, l->next, AT), &us) ? us : 0;
}

static void
line_text(const struct lines *l, struct lt_buf *out)
{
	struct lt_str why = my_rows_at(l->rows, l->next, WHY);
	char at[32];

	lt_time_text(time_of(l), at);
	lt_buf_printf(out, "%s  %.*s  %.*s  %.*s  %.*s", at, LT_FMT(my_rows_at(l->rows, l->next, PIPELINE)),
	    LT_FMT(my_rows_at(l->rows, l->next, WHO)), LT_FMT(my_rows_at(l->rows, l->next, ACTION)),
	    LT_FMT(my_rows_at(l->rows, l->next, DETAIL)));
	if (why.len > 0)
		lt_buf_printf(out, "  (%.*s)", LT_FMT(why));
	/* A line each, whatever stands in it. */
	for (size_t i = 0; i < out->len; i++)
		out->ptr[i] = out->ptr[i] == '\n' ? ' ' : out->ptr[i];
	lt_buf_c(out, '\n');
}

static void
line_json(const struct lines *l, struct lt_buf *out)
{
	static const char *const keys[] = { "at", "who", "pipeline", "action", "detail", "why" };
	char at[32];

	lt_time_text(time_of(l), at);
	lt_buf_c(out, '{');
	for (size_t i = AT; i <= WHY; i++) {
		lt_json_key(out, keys[i]);
		lt_json_str(out, i == AT ? lt_str_z(at) : my_rows_at(l->rows, l->next, i));
	}
	lt_buf_c(out, '}');
}

/* The newest of the lines that are left. */
static struct lines *
newest(struct lines *all, size_t count)
{
	struct lines *found = NULL;

	for (size_t i = 0; i < count; i++) {
		bool left = all[i].rows != NULL && all[i].next < all[i].rows->nrows;

		if (left && (found == NULL || time_of(&all[i]) > time_of(found)))
			found = &all[i];
	}
	return found;
}

/* Newest first into pieces, which then come out in the other order. */
static void
print_lines(struct lines *all, size_t count, const struct node_log_wish *wish, struct lt_buf *out)
{
	struct lt_buf *pieces = lt_calloc(wish->limit + 1, sizeof(*pieces));
	struct lines *l;
	size_t n = 0, bytes = 0;

	while (n < wish->limit && bytes < LOG_BYTES && (l = newest(all, count)) != NULL) {
		if (wish->json)
			line_json(l, &pieces[n]);
		else
			line_text(l, &pieces[n]);
		bytes += pieces[n++].len;
		l->next++;
	}
	if (wish->json)
		lt_buf_z(out, "{\"log\":[");
	for (size_t i = n; i > 0; i--) {
		lt_buf_str_add(out, lt_buf_str(&pieces[i - 1]));
		if (wish->json && i > 1)
			lt_buf_c(out, ',');
		lt_buf_free(&pieces[i - 1]);
	}
	if (wish->json)
		lt_buf_z(out, "]}");
	free(pieces);
}

bool
node_log(const struct model_channel *channel, const struct node_log_wish *wish, struct lt_buf *out, struct lt_err *err)
{
	struct lines *all = lt_calloc(channel->npipelines, sizeof(*all));
	bool ok = true;

	for (size_t i = 0; ok && i < channel->npipelines; i++) {
		if (wish->pipeline.len == 0 || lt_str_eqz(wish->pipeline, channel->pipelines[i].name))
			ok = read_lines(channel, i, wish, &all[i], err);
	}
	if (ok)
		print_lines(all, channel->npipelines, wish, out);
	for (size_t i = 0; i < channel->npipelines; i++)
		my_rows_free(all[i].rows);
	free(all);
	return ok;
}
