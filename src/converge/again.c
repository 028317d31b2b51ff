/* The order given again. What it does to the sites is one transaction, the turn; then pipelines go on one by one, so of
 * a mesh some may and others stand still. The turn stays noted until nobody needs the log before it. */
#include "converge/heal_priv.h"

/* So long a peer's observing reader may take to come to the end of its log, after a start. */
#define PEER_MS 20000
#define PEER_STEP_MS 200

static bool
refuse_again(const struct converge_healing *w, struct lt_err *err)
{
	return converge_heal_refuse(w, err,
	    "it lost the end of its log once more, and what is noted of the first time does not tell where: compare the "
	    "sites");
}

bool
converge_again_is_of_this_loss(const struct converge_healing *w)
{
	bool of_crash = strcmp(w->base_at.server, w->server) == 0;

	return of_crash == w->h->crashed && (!of_crash || strcmp(w->held.file, w->turn.at.place.file) == 0);
}

/* Who has met what was written behind the turn was there once, and stands still by another loss. */
static bool
check_behind(const struct converge_healing *w, size_t pipeline, struct lt_err *err)
{
	struct converge_site *peer = w->h->sites[w->h->channel->pipelines[pipeline].to];
	const struct conflict_version first = { .origin = w->turn.origin, .seq = 1 };
	bool ok, lacks = true;

	for (unsigned waited_ms = 0;; waited_ms += PEER_STEP_MS) {
		ok = converge_site_lacks(peer, first, w->h->gone, &lacks, err);
		if (ok || err->code != LT_E_FENCE_LATE || waited_ms >= PEER_MS)
			break;
		*err = (struct lt_err){ 0 };
		lt_wake_wait(w->h->gone, PEER_STEP_MS);
	}
	if (!ok && err->code == LT_E_FENCE_LATE)
		err->code = LT_E_SERVER_BUSY;
	return ok && (lacks || refuse_again(w, err));
}

/* Who goes on may not have noticed yet that the log lost its end again. */
static bool
check_ahead(const struct converge_healing *w, size_t pipeline, struct lt_err *err)
{
	struct change_position at;
	bool ok, has = true;

	change_position_init(&at);
	ok = converge_crash_held(w, pipeline, &at, err);
	if (ok && strcmp(at.server, w->server) == 0 && at.place.last_pos != 0)
		ok = converge_crash_log_has(&w->site->origin, w->server, &at.place, &has, err);
	change_position_clear(&at);
	return ok && (has || refuse_again(w, err));
}

bool
converge_again_check(const struct converge_healing *w, struct lt_err *err)
{
	const struct model_channel *c = w->h->channel;
	bool ok = true, any = false;

	for (size_t i = 0; ok && i < c->npipelines; i++) {
		if (c->pipelines[i].from != w->h->site)
			continue;
		any = any || w->h->stands[i];
		ok = w->h->stands[i] ? check_behind(w, i, err) : check_ahead(w, i, err);
	}
	return ok && (!any || converge_again_is_of_this_loss(w) || refuse_again(w, err));
}

bool
converge_again_is_known(const struct converge_healing *w)
{
	struct lt_err ignored = { 0 };
	uint32_t origin = 0;

	return converge_site_origin(w->site, w->h->gone, &origin, &ignored) && origin == w->turn.origin;
}
