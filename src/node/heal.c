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

static bool
leads_out(const struct node *n, size_t pipeline, size_t site)
{
	return n->channel->pipelines[pipeline].from == site;
}

/* Pipelines out of the site stand since its log is another one; in a mesh some may go on, by an order before. */
static void
list_standing(const struct node *n, size_t site, bool *stands)
{
	for (size_t i = 0; i < n->count; i++) {
		struct pipeline_status status;

		pipeline_status_get(n->pipelines[i], &status);
		stands[i] =
		    leads_out(n, i, site) && status.state == PIPELINE_STOPPED && status.err.code == LT_E_LOG_HISTORY;
	}
}

static bool
go_on(struct node *n, size_t pipeline, const struct node_healing *w, const struct model_start *position,
    struct lt_buf *text, struct lt_err *err)
{
	struct pipeline_command command = { .order = position != NULL ? PIPELINE_POSITION : PIPELINE_RETRY,
		.why = w->why,
		.who = w->who,
		.position = position,
		.gone = w->gone };
	bool ok = pipeline_do(n->pipelines[pipeline], &command, ORDER_TIMEOUT_MS, text, err);

	lt_buf_c(text, '\n');
	return ok || lt_wrap(err, "the site is healed, but pipeline %s does not go on: give the order again",
			 pipeline_name(n->pipelines[pipeline]));
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

static void
tell_left(struct node *n, size_t pipeline, struct lt_buf *text)
{
	struct pipeline_status status;

	pipeline_status_get(n->pipelines[pipeline], &status);
	lt_buf_printf(text, "%s is left as it is: %s%s\n", pipeline_name(n->pipelines[pipeline]),
	    pipeline_state_name(status.state),
	    status.state == PIPELINE_RUNNING ? "" : "; if it stops as the log is another one, give the order again");
}

/* Those out of it first: by where they stand it is seen that nothing more is missing. */
static bool
let_go(struct node *n, const struct converge_heal *h, const struct node_healing *w, struct lt_buf *text,
    struct lt_err *err)
{
	struct model_start start;
	bool ok = true;

	make_start(h, &start);
	for (size_t i = 0; ok && i < n->count; i++) {
		if (h->stands[i])
			ok = go_on(n, i, w, &start, text, err);
		else if (leads_out(n, i, h->site))
			tell_left(n, i, text);
	}
	for (size_t i = 0; ok && i < n->count; i++) {
		struct pipeline_status status;

		pipeline_status_get(n->pipelines[i], &status);
		if (n->channel->pipelines[i].to == h->site && status.state == PIPELINE_STOPPED)
			ok = go_on(n, i, w, NULL, text, err);
	}
	free(start.gtid);
	free(start.file);
	return ok;
}

static void
tell_healed(const struct converge_heal *h, struct lt_buf *text)
{
	const char *site = h->channel->sites[h->site].name;

	if (h->again)
		lt_buf_printf(text, "site %s was healed by an order before this one\n", site);
	else
		lt_buf_printf(text, "site %s goes on; %" PRIu64 " of its transactions that it lacks are given back\n",
		    site, h->lost);
	if (h->crashed)
		lt_buf_z(text,
		    "its server is the same as before: what a crash took from its tables and not from its log, or the "
		    "other way round, is known but for the last moment; compare its tables with a peer's\n");
}

/* Who stands still is looked at here: another order would have let it go on meanwhile. */
static bool
heal(struct node *n, const struct node_healing *w, struct lt_buf *text, struct lt_err *err)
{
	struct converge_heal h = { .channel = n->channel, .gone = w->gone };
	bool *stands;
	bool ok;

	if (!find_site(n, w->site, &h.site, err))
		return false;
	stands = lt_calloc(n->count, sizeof(*stands));
	list_standing(n, h.site, stands);
	h.stands = stands;
	change_position_init(&h.at);
	h.sites = lt_calloc(n->channel->nsites, sizeof(struct converge_site *));
	for (size_t i = 0; i < n->channel->nsites; i++)
		h.sites[i] = node_converge_site(n->converge, i);
	ok = converge_heal(&h, err);
	if (ok) {
		tell_healed(&h, text);
		ok = let_go(n, &h, w, text, err);
	}
	free(stands);
	free(h.sites);
	change_position_clear(&h.at);
	return ok;
}

bool
node_heal(struct node *n, const struct node_healing *w, struct lt_buf *text, struct lt_err *err)
{
	bool ok;

	if (atomic_exchange(&n->heals, true))
		return lt_fail(err, LT_E_SERVER_BUSY,
		    "an order to heal is being carried out: give this one again once that has ended");
	ok = heal(n, w, text, err);
	atomic_store(&n->heals, false);
	return ok;
}
