#include "node/heal.h"

#include <inttypes.h>

#include "converge/heal.h"

/* What a pipeline may take over going on. */
#define ORDER_TIMEOUT_MS 60000

static bool
find_site(const struct node *n, struct lt_str name, size_t *out, struct lt_err *err)
{
	const struct model_channel *c = n->channel;

	if (n->converge == NULL || c->conflicts.shadow)
		return lt_fail(
		    err, LT_E_USAGE, "channel %s decides no conflicts: `lutra position` says where to go on", c->name);
	for (*out = 0; *out < c->nsites; (*out)++) {
		if (lt_str_eqz(name, c->sites[*out].name))
			return true;
	}
	return lt_fail(err, LT_E_USAGE, "the channel has no site '%.*s'", LT_FMT(name));
}

/* Pipelines out of the site stand since its log is another one. */
static bool
check_stopped(const struct node *n, size_t site, struct lt_err *err)
{
	for (size_t i = 0; i < n->count; i++) {
		struct pipeline_status status;

		if (n->channel->pipelines[i].from != site)
			continue;
		pipeline_status_get(n->pipelines[i], &status);
		if (status.state != PIPELINE_STOPPED || status.err.code != LT_E_LOG_HISTORY)
			return lt_fail(err, LT_E_USAGE, "%s is not stopped by E%d: the site has its log",
			    pipeline_name(n->pipelines[i]), (int)LT_E_LOG_HISTORY);
	}
	return true;
}

static bool
go_on(struct node *n, size_t pipeline, const struct node_healing *w, const struct model_start *position,
    struct lt_err *err)
{
	struct pipeline_command command = { .order = position != NULL ? PIPELINE_POSITION : PIPELINE_RETRY,
		.why = w->why,
		.who = w->who,
		.position = position,
		.gone = w->gone };
	struct lt_buf answer = { 0 };
	bool ok = pipeline_do(n->pipelines[pipeline], &command, ORDER_TIMEOUT_MS, &answer, err);

	lt_buf_free(&answer);
	return ok || lt_wrap(err, "pipeline %s", pipeline_name(n->pipelines[pipeline]));
}

/* After a crash GTIDs are given a second time. */
static void
make_start(const struct converge_heal *h, struct model_start *out)
{
	struct lt_buf gtids = { 0 };

	*out = (struct model_start){ .kind = h->crashed ? MODEL_START_PLACE : MODEL_START_GTID };
	if (h->crashed) {
		out->file = lt_str_dup(lt_str_z(h->at.place.file));
		out->pos = h->at.place.pos;
		return;
	}
	change_gtid_set_text(h->at.gtids, &gtids);
	out->gtid = lt_str_dup(lt_buf_str(&gtids));
	lt_buf_free(&gtids);
}

/* Those out of it first: by where they stand it is seen that nothing more is missing. */
static bool
let_go(struct node *n, const struct converge_heal *h, const struct node_healing *w, struct lt_err *err)
{
	size_t site = h->site;
	struct model_start start;
	bool ok = true;

	make_start(h, &start);
	for (size_t i = 0; ok && i < n->count; i++) {
		if (n->channel->pipelines[i].from == site)
			ok = go_on(n, i, w, &start, err);
	}
	for (size_t i = 0; ok && i < n->count; i++) {
		struct pipeline_status status;

		pipeline_status_get(n->pipelines[i], &status);
		if (n->channel->pipelines[i].to == site && status.state == PIPELINE_STOPPED)
			ok = go_on(n, i, w, NULL, err);
	}
	free(start.gtid);
	free(start.file);
	return ok;
}

bool
node_heal(struct node *n, const struct node_healing *w, struct lt_buf *text, struct lt_err *err)
{
	struct converge_heal h = { .channel = n->channel, .gone = w->gone };
	bool ok;

	if (!find_site(n, w->site, &h.site, err) || !check_stopped(n, h.site, err))
		return false;
	change_position_init(&h.at);
	h.sites = lt_calloc(n->channel->nsites, sizeof(struct converge_site *));
	for (size_t i = 0; i < n->channel->nsites; i++)
		h.sites[i] = node_converge_site(n->converge, i);
	ok = converge_heal(&h, err) && let_go(n, &h, w, err);
	if (ok)
		lt_buf_printf(text, "site %.*s goes on; %" PRIu64 " of its transactions that it lacks are given back\n",
		    LT_FMT(w->site), h.lost);
	if (ok && h.crashed)
		lt_buf_z(text,
		    "its server is the same as before: what a crash took from its tables and not from its log, or the "
		    "other way round, is known but for the last moment; compare its tables with a peer's\n");
	free(h.sites);
	change_position_clear(&h.at);
	return ok;
}
