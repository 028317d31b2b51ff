#include "node/wait.h"

#include <limits.h>

/* How often positions are looked at, and a server that is away is asked again. */
enum { LOOK_MS = 20, ASK_AGAIN_MS = 500 };

struct barrier {
	struct node *node;            /* borrowed */
	struct lt_wake *cancel;       /* borrowed */
	uint64_t deadline_us;         /* monotonic; UINT64_MAX = none */
	struct change_position *ends; /* owned, of each pipeline */
	bool *behind;                 /* owned; as of the last look */
};

/* Pause; false when the wait is over for another reason than the barrier. `err` holds what to say at the time limit. */
static bool
pause_ms(const struct barrier *b, int ms, struct lt_err *err)
{
	if (lt_wake_wait(b->cancel, ms))
		return lt_fail(err, LT_E_NOT_RUNNING, "`lutra run` is ending, and the wait with it");
	return lt_mono_us(b->node->clock) < b->deadline_us;
}

/* At the `until` of its channel file: nothing more is to be applied, so all of it is. */
static bool
has_ended(const struct pipeline_status *s)
{
	return s->state == PIPELINE_STOPPED && s->err.code == LT_E_UNTIL;
}

static bool
check_stopped(const struct node_view *v, struct lt_err *err)
{
	for (size_t i = 0; i < v->count; i++) {
		const struct pipeline_status *s = &v->pipelines[i].status;

		if (s->state == PIPELINE_PAUSED)
			lt_fail(err, LT_E_PAUSED, "pipeline %s is paused", v->pipelines[i].name);
		else if (has_ended(s))
			continue;
		else if (s->state == PIPELINE_STOPPED || s->state == PIPELINE_ENDED)
			lt_fail(err, LT_E_PIPELINE_STOPPED, "pipeline %s is stopped: E%d %s", v->pipelines[i].name,
			    (int)s->err.code, s->err.message);
		else
			continue;
		err->where = s->err.where;
		lt_str_copy(err->where.pipeline, sizeof(err->where.pipeline), lt_str_z(v->pipelines[i].name));
		return false;
	}
	return true;
}

/* Milliseconds to the time limit, at least 1; 0: there is none. */
static unsigned
left_ms(const struct barrier *b)
{
	uint64_t now = lt_mono_us(b->node->clock);

	if (b->deadline_us == UINT64_MAX)
		return 0;
	return now >= b->deadline_us ? 1 : (unsigned)LT_MIN((b->deadline_us - now) / 1000 + 1, (uint64_t)UINT_MAX);
}

/* Where the log that pipeline `i` reads ends. Which one that is may change from one try to the next. */
static bool
ask_end(struct barrier *b, size_t i, struct change_position *out, struct lt_err *err)
{
	char server[64];

	pipeline_source_server(b->node->pipelines[i], server);
	if (server[0] == '\0')
		return lt_fail(err, LT_E_CONNECT, "it was not reached yet");
	return node_origin_end(b->node->origins[i], server, left_ms(b), out, err);
}

/* Asks again while the server is away. `v` holds the last look. */
static bool
take_end(struct barrier *b, size_t i, struct change_position *out, struct node_view *v, struct lt_err *err)
{
	struct lt_err why;
	bool ok;

	for (;;) {
		why = (struct lt_err){ 0 };
		ok = ask_end(b, i, out, &why);
		if (ok || lt_err_kind(&why) != LT_KIND_RETRY)
			break;
		node_view_get(b->node, v);
		if (!check_stopped(v, err))
			return false;
		lt_fail(err, LT_E_TIMEOUT_WAIT, "pipeline %s: its source cannot be asked: %s", v->pipelines[i].name,
		    why.message);
		if (!pause_ms(b, ASK_AGAIN_MS, err))
			return false;
		*err = (struct lt_err){ 0 };
	}
	if (!ok)
		*err = why;
	return ok;
}

/* Which pipelines have not applied their end yet; false: none. */
static bool
look(struct barrier *b, const struct node_view *v)
{
	bool any = false;

	for (size_t i = 0; i < v->count; i++) {
		b->behind[i] =
		    !has_ended(&v->pipelines[i].status) && !pipeline_has_applied(b->node->pipelines[i], &b->ends[i]);
		any = any || b->behind[i];
	}
	return any;
}

static void
say_behind(const struct barrier *b, const struct node_view *v, struct lt_err *err)
{
	struct lt_buf text = { 0 };

	for (size_t i = 0; i < v->count; i++) {
		const struct pipeline_status *s = &v->pipelines[i].status;

		if (!b->behind[i])
			continue;
		lt_buf_printf(&text, "%s%s (%s) has applied up to %s:%llu of %s:%llu, %llu ms behind",
		    text.len > 0 ? "; " : "", v->pipelines[i].name, pipeline_state_name(s->state), s->applied.file,
		    (unsigned long long)s->applied.pos, b->ends[i].place.file, (unsigned long long)b->ends[i].place.pos,
		    (unsigned long long)s->lag_ms);
		if (s->delay_ms > 0)
			lt_buf_printf(
			    &text, ", as it applies with a delay of %llu ms", (unsigned long long)s->delay_ms);
	}
	lt_fail(err, LT_E_TIMEOUT_WAIT, "%s", lt_buf_cstr(&text));
	lt_buf_free(&text);
}

/* Until all ends are applied; `v` is then the last look. */
static bool
wait_all(struct barrier *b, struct node_view *v, struct lt_err *err)
{
	node_view_get(b->node, v);
	if (!check_stopped(v, err)) /* before a source is asked that may be why */
		return false;
	for (size_t i = 0; i < b->node->count; i++) {
		if (!take_end(b, i, &b->ends[i], v, err))
			return false;
	}
	for (;;) {
		node_view_get(b->node, v);
		if (!check_stopped(v, err))
			return false;
		if (!look(b, v))
			return true;
		say_behind(b, v, err);
		if (!pause_ms(b, LOOK_MS, err))
			return false;
		*err = (struct lt_err){ 0 };
	}
}

/* -- what follows from it, where sites may write the same rows: rows that were parked come back --------------- */

/* NULL: nothing follows there, or nobody is to do it any more. */
static struct converge_site *
site_to_tend(const struct barrier *b, const struct node_view *v, size_t site)
{
	const struct model_channel *channel = b->node->channel;

	for (size_t i = 0; i < channel->npipelines; i++) {
		if (channel->pipelines[i].to == site && !has_ended(&v->pipelines[i].status))
			return node_converge_site(b->node->converge, site);
	}
	return NULL;
}

static size_t
pipeline_from(const struct model_channel *channel, size_t site)
{
	size_t i = 0;

	while (channel->pipelines[i].from != site)
		i++;
	return i;
}

/* Another look later; false: it is over. */
static bool
look_later(struct barrier *b, size_t site, const char *what, struct node_view *v, struct lt_err *err)
{
	node_view_get(b->node, v);
	if (!check_stopped(v, err))
		return false;
	lt_fail(err, LT_E_TIMEOUT_WAIT, "site %s: %s", b->node->channel->sites[site].name, what);
	if (!pause_ms(b, LOOK_MS, err))
		return false;
	*err = (struct lt_err){ 0 };
	return true;
}

/* What was applied there is in its log; until the site has read that. */
static bool
wait_read(struct barrier *b, size_t site, struct converge_site *s, struct node_view *v, struct lt_err *err)
{
	struct change_position end;
	bool ok;

	change_position_init(&end);
	ok = take_end(b, pipeline_from(b->node->channel, site), &end, v, err);
	while (ok && !converge_site_has_read(s, end.server, &end.place))
		ok = look_later(b, site, "its own log is not read to its end yet", v, err);
	change_position_clear(&end);
	return ok;
}

/* Until somebody has looked whether parked rows can come back by what was written, or nobody is to any more. */
static bool
wait_tended(struct barrier *b, size_t site, uint64_t written, struct node_view *v, struct lt_err *err)
{
	struct converge_site *s;

	while ((s = site_to_tend(b, v, site)) != NULL && !converge_site_has_tended(s, written)) {
		if (!look_later(b, site, "rows that lost a unique value are not all looked at yet", v, err))
			return false;
	}
	return true;
}

/* At all sites at once. */
static bool
wait_sites(struct barrier *b, struct node_view *v, struct lt_err *err)
{
	const struct model_channel *channel = b->node->channel;
	uint64_t *written;
	bool ok = true;

	if (b->node->converge == NULL || channel->conflicts.shadow)
		return true;
	written = lt_calloc(channel->nsites, sizeof(*written));
	for (size_t i = 0; ok && i < channel->nsites; i++) {
		struct converge_site *s = site_to_tend(b, v, i);

		ok = s == NULL || wait_read(b, i, s, v, err);
		if (ok && s != NULL)
			written[i] = converge_site_want_tended(s);
	}
	for (size_t i = 0; ok && i < channel->nsites; i++)
		ok = wait_tended(b, i, written[i], v, err);
	free(written);
	return ok;
}

static void
say_done(const struct barrier *b, const struct node_view *v, struct lt_buf *text)
{
	for (size_t i = 0; i < v->count; i++) {
		if (has_ended(&v->pipelines[i].status))
			lt_buf_printf(text, "%s has applied all that its `until` lets it\n", v->pipelines[i].name);
		else
			lt_buf_printf(text, "%s has applied all up to %s:%llu\n", v->pipelines[i].name,
			    b->ends[i].place.file, (unsigned long long)b->ends[i].place.pos);
	}
}

bool
node_wait(struct node *n, int64_t timeout_ms, struct lt_wake *cancel, struct lt_buf *text, struct lt_err *err)
{
	struct barrier b = { .node = n, .cancel = cancel, .deadline_us = UINT64_MAX };
	struct node_view v = { 0 };
	bool ok;

	if (timeout_ms >= 0)
		b.deadline_us = lt_mono_us(n->clock) + (uint64_t)timeout_ms * 1000u;
	b.ends = lt_calloc(n->count, sizeof(*b.ends));
	b.behind = lt_calloc(n->count, sizeof(*b.behind));
	for (size_t i = 0; i < n->count; i++)
		change_position_init(&b.ends[i]);
	ok = wait_all(&b, &v, err) && wait_sites(&b, &v, err);
	if (ok)
		say_done(&b, &v, text);
	for (size_t i = 0; i < n->count; i++)
		change_position_clear(&b.ends[i]);
	free(b.ends);
	free(b.behind);
	node_view_clear(&v);
	return ok;
}
