/* Groups that somebody else carries out, between the lane's move and COMMIT (pipeline/settle.h). */
#include "base/fault.h"
#include "pipeline/load_priv.h"

bool
pipeline_load_write(struct change_sink *s, struct change_txn *t, struct lt_err *err)
{
	struct load *l = (struct load *)s;
	struct change_txn *const *group = l->txns;
	bool gather = l->gather && t->nrows >= LOAD_GATHER_ROWS && !pipeline_load_edits(t), ok;

	LT_ASSERT(l->settling && l->due == 0);
	l->txns = &t;
	ok = (gather ? pipeline_load_group_gathered(l, 1, err) : pipeline_load_group(l, 1, err)) &&
	     pipeline_load_take(l, 0, err);
	l->txns = group;
	return ok;
}

bool
pipeline_load_heed(struct change_sink *s, uint64_t rows, struct lt_err *err)
{
	const struct load *l = (struct load *)s;

	if (l->turn != NULL && l->turn->called_off(l->turn->ctx, rows))
		return lt_fail(err, LT_E_CANCELLED, "the group gives way to those before it");
	return true;
}

/* It is decided about all of its rows at once. */
static bool
fits_memory(struct load *l, size_t n, struct lt_err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct change_txn *t = l->txns[i];

		if (t->spill == NULL)
			continue;
		l->culprit = i;
		change_txn_where(t, &err->where);
		return lt_fail(err, LT_E_TXN_TOO_LARGE,
		    "%llu rows in one transaction are more than fit into memory, which they must where several sites "
		    "may write the same rows",
		    (unsigned long long)change_txn_rows(t));
	}
	return true;
}

/* With the lane moved. */
static bool
settle(struct load *l, size_t n, bool gather, struct lt_err *err)
{
	l->settling = true;
	l->gather = gather;
	l->culprit = SIZE_MAX;
	return l->settle->apply(l->settle, &l->base, l->txns, n, &l->culprit, err) && pipeline_load_settle(l, err);
}

bool
pipeline_load_send_settled(struct load *l, size_t n, bool gather, const struct change_position *end, struct lt_err *err)
{
	for (;;) {
		if (!fits_memory(l, n, err) || !pipeline_load_lane_first(l, n, end, err) ||
		    !pipeline_load_take(l, 0, err))
			return false;
		if (settle(l, n, gather, err))
			return true;
		if (!my_alive(l->conn) || !l->settle->again(l->settle, err))
			return false;
		pipeline_load_rollback(&l->base);
		*err = (struct lt_err){ 0 };
	}
}

bool
pipeline_load_look(struct load *l, size_t n, struct lt_err *err)
{
	if (l->settle == NULL || l->settle->look == NULL)
		return true;
	if (!pipeline_load_take(l, 0, err))
		return false;
	l->settling = true;
	if (l->settle->look(l->settle, &l->base, l->txns, n, err))
		return true;
	l->culprit = n;
	return false;
}

void
pipeline_load_tell_settle(struct load *l, bool committed)
{
	if (l->settling)
		l->settle->done(l->settle, committed);
	l->settling = false;
}

bool
pipeline_load_tend(struct change_sink *s, const struct change_position *at, bool *moved, struct lt_err *err)
{
	struct load *l = (struct load *)s;
	bool due = false;

	*moved = false;
	if (l->settle == NULL)
		return true;
	if (!l->settle->due(l->settle, s, &due, err) || !due)
		return !due && err->code == LT_OK;
	l->txns = NULL;
	l->gather = false;
	if (pipeline_load_lane_first(l, 0, at, err) && pipeline_load_take(l, 0, err)) {
		l->settling = true;
		if (l->settle->tend(l->settle, s, moved, err) && *moved && pipeline_load_commit(s, err))
			return true;
	}
	*moved = false;
	pipeline_load_rollback(s);
	return err->code == LT_OK;
}
