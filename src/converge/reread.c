/* What a site remembers of rows it takes from its log: behind the order from a checkpoint further back than before. */
#include "converge/heal_priv.h"

/** Its log, on its way. */
struct rereading {
	struct converge_regain *tables; /* as they are now */
	struct lt_where unfit;          /* of which one the log has rows that are none of it */
};

static bool
pass_over(void *ctx, struct change_txn *t, const struct conflict_mark *mark, struct lt_err *err)
{
	(void)ctx, (void)t, (void)mark, (void)err;
	return true;
}

static bool
look_at_table(void *ctx, const struct change_table *table, struct lt_err *err)
{
	struct rereading *here = ctx;
	bool fits = true;

	if (here->unfit.table[0] != '\0')
		return true;
	if (!converge_regain_fits(here->tables, table, &fits, err))
		return false;
	if (!fits)
		lt_where_table(&here->unfit, table->schema, table->name);
	return true;
}

static const struct model_pipeline *
out_of(const struct model_channel *c, size_t site)
{
	const struct model_pipeline *p = c->pipelines;

	while (p->from != site)
		p++;
	return p;
}

/* What else is wrong with the log its own reader tells, and a person can order to pass that over. */
static bool
read_to_end(const struct converge_healing *w, struct converge_scan *r, const struct rereading *here, struct lt_err *err)
{
	bool ok = true, more = true;

	while (ok && more && here->unfit.table[0] == '\0') {
		struct change_txn *t;

		ok = converge_scan_next(r, w->h, &t, err);
		more = ok && t != NULL;
		if (more)
			change_txn_free(t);
	}
	if (ok || lt_err_kind(err) == LT_KIND_RETRY)
		return ok;
	*err = (struct lt_err){ 0 };
	return true;
}

static bool
fail_unfit(const struct converge_healing *w, size_t site, const struct change_position *at,
    const struct lt_where *table, struct lt_err *err)
{
	const struct model_site *s = &w->h->channel->sites[site];

	lt_str_copy(err->where.table, sizeof(err->where.table), lt_str_z(table->table));
	lt_fail(err, LT_E_CANNOT_HEAL,
	    "site %s: site %s would have to read its log again from %s:%llu on, where rows were written to %s before a statement "
	    "changed it, and those are none of it any more. Choose a peer, which has what was lost",
	    w->site->model->name, s->name, at->place.file, (unsigned long long)at->place.pos, table->table);
	return converge_heal_by_hand(w, err);
}

bool
converge_heal_reread(const struct converge_healing *w, size_t site, const struct change_position *at,
    const struct conflict_checkpoint *state, struct lt_err *err)
{
	struct rereading here = { .tables =
				      converge_regain_new(w->h->channel, out_of(w->h->channel, site), w->h->gone) };
	struct converge_scan r = { .group = pass_over, .local = look_at_table, .regain = here.tables, .ctx = &here };
	bool ok = converge_scan_open(&r, w->h->sites[site], at, state, NULL, err) && read_to_end(w, &r, &here, err);

	converge_scan_close(&r);
	converge_regain_free(here.tables);
	if (ok && here.unfit.table[0] != '\0')
		return fail_unfit(w, site, at, &here.unfit, err);
	return ok || lt_wrap(err, "while looking for what site %s remembers", w->h->sites[site]->model->name);
}
