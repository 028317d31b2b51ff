/* While the replies to a group are awaited, what comes behind it is planned (ADR 54). Nothing here reaches the target,
 * and no failure counts: what cannot be planned now is met again when its group is sent. */
#include "base/fault.h"
#include "pipeline/load_priv.h"

/* Planned in one go: a reply that comes meanwhile waits for no more than that. */
#define STEP_ROWS 256
/* A transaction of more rows is planned when it is sent. */
#define WHOLE_ROWS 4096

void
pipeline_load_plan_use(struct load *l, size_t n)
{
	bool holds = !pipeline_router_trim(l->router) && l->plan.first == l->txns[0] && l->plan.count <= n &&
		     l->plan.merge == l->merge;

	l->planned = holds ? l->plan.count : 0;
	l->plan = (struct load_plan){ 0 };
}

static bool
can_wait(const struct change_txn *t)
{
	return t->spill != NULL || t->nrows > WHOLE_ROWS || pipeline_load_edits(t);
}

/* Transactions [plan.count, to) of the next group. What would have to be asked for is better known when it is sent. */
static bool
add(struct load *l, struct change_txn *const *txns, size_t to)
{
	struct lt_err ignored = { 0 };
	bool ok;

	if (l->plan.count == 0) {
		l->plan = (struct load_plan){ .first = txns[0], .merge = pipeline_load_merges(l) };
		pipeline_batch_begin(l->batch, l->plan.merge);
	}
	pipeline_router_hush(l->router, true);
	ok = pipeline_batch_add(l->batch, l->router, txns, l->plan.count, to, &ignored);
	ok = !pipeline_router_hush(l->router, false) && ok;
	l->plan.count = to;
	lt_step("load.plan");
	return ok;
}

/* False: there is nothing to plan now. */
static bool
plan_some(struct load *l)
{
	struct change_txn *const *txns = NULL;
	size_t n = l->follow.next(l->follow.ctx, &txns), to = l->plan.count, rows = 0;

	for (; to < n && rows < STEP_ROWS && !can_wait(txns[to]); to++)
		rows += txns[to]->nrows;
	if (to == l->plan.count)
		return false;
	if (add(l, txns, to))
		return true;
	l->plan = (struct load_plan){ 0 };
	l->follow.next = NULL;
	return false;
}

bool
pipeline_load_plan_ahead(struct load *l, struct lt_err *err)
{
	if (l->follow.next != NULL && !my_flush(l->conn, err))
		return false;
	while (l->due > 0) {
		while (l->follow.next != NULL && !my_answered(l->conn) && plan_some(l))
			;
		if (!pipeline_load_take(l, l->due - 1, err))
			return false;
	}
	return true;
}
