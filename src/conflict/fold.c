#include "conflict/fold.h"

#include "base/fault.h"

/* The writes of a row, or of a column, that no later one had seen. */
struct rivals {
	const struct conflict_op **ops; /* in the arena, room for all */
	uint32_t count;
};

static void
rivals_add(struct rivals *r, const struct conflict_op *op)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < r->count; i++) {
		if (!conflict_vector_has(&op->seen, r->ops[i]->version) || lt_fault("conflict_causal"))
			r->ops[kept++] = r->ops[i];
	}
	r->ops[kept++] = op;
	r->count = kept;
}

/* What a function makes of two or more of them; false: it failed. */
static bool
ask(const struct conflict_function *f, const struct rivals *r, struct lt_arena *arena, struct conflict_verdict *out,
    struct conflict_verdict *failed)
{
	*out = (struct conflict_verdict){ 0 };
	f->decide(f->ctx, r->ops, r->count, arena, out);
	if (out->failed == NULL)
		return true;
	if (failed != NULL && failed->failed == NULL)
		*failed = *out;
	return false;
}

static const struct conflict_op *
hold_function(const struct conflict_policy *policy, const struct conflict_op *const *ops, uint32_t nops,
    struct lt_arena *arena, struct conflict_verdict *failed)
{
	struct rivals r = { lt_arena_alloc(arena, nops * sizeof(struct conflict_op *)), 0 };
	struct conflict_verdict verdict;

	for (uint32_t i = 0; i < nops; i++)
		rivals_add(&r, ops[i]);
	if (r.count == 1 || !ask(policy->function, &r, arena, &verdict, failed))
		return ops[nops - 1]; /* the newest, which nobody had seen */
	LT_ASSERT(verdict.stands < r.count);
	return r.ops[verdict.stands];
}

static uint32_t
rank_of(const struct conflict_policy *policy, uint32_t origin)
{
	uint32_t site = conflict_origin_site(origin), i = 0;

	while (i < policy->ntrusted && policy->trusted[i] != site)
		i++;
	return i;
}

static const struct conflict_op *
hold_home(const struct conflict_policy *policy, const struct conflict_op *const *ops, uint32_t nops)
{
	const struct conflict_op *holder = NULL;

	for (uint32_t i = 0; i < nops; i++) {
		if (holder == NULL || conflict_vector_has(&ops[i]->seen, holder->version) ||
		    rank_of(policy, ops[i]->version.origin) <= rank_of(policy, holder->version.origin))
			holder = ops[i];
	}
	return holder;
}

/** Where a row begins: its last insertion or deletion, or the base. */
struct root {
	const struct conflict_row *row;
	const struct conflict_op *op; /* that wrote it whole; NULL: the base */
	uint32_t next;                /* the first operation after it */
};

static struct root
find_root(const struct conflict_row *base, const struct conflict_op *const *ops, uint32_t nops)
{
	struct root root = { base, NULL, 0 };

	for (uint32_t i = 0; i < nops; i++) {
		const struct conflict_row *before = ops[i]->before, *after = ops[i]->after;

		/* An update of a row that a newer deletion took away brings it back whole. */
		if (after == NULL || before == NULL || root.row == NULL || before->count != after->count ||
		    root.row->count != after->count)
			root = (struct root){ after, ops[i], i + 1 };
	}
	return root;
}

/* A write that sets, or takes away, a NULL is no difference: it stands as it is. */
static struct lt_str
add(const struct conflict_type *type, struct lt_str value, struct lt_str before, struct lt_str after,
    struct lt_arena *arena)
{
	if (before.ptr == NULL || after.ptr == NULL)
		return after;
	return type->add(type->ctx, value, before, after, arena);
}

static bool
better(const struct conflict_column *column, struct lt_str a, struct lt_str than)
{
	int order;

	if (a.ptr == NULL || than.ptr == NULL)
		order = (a.ptr != NULL) - (than.ptr != NULL);
	else
		order = column->type->compare(column->type->ctx, a, than);
	return column->rule == CONFLICT_MAX ? order > 0 : order < 0;
}

static struct lt_str
best_of(const struct conflict_column *column, uint32_t at, const struct rivals *r)
{
	struct lt_str best = r->ops[0]->after->values[at];

	for (uint32_t i = 1; i < r->count; i++) {
		if (better(column, r->ops[i]->after->values[at], best))
			best = r->ops[i]->after->values[at];
	}
	return best;
}

/** One column's way through the operations. */
struct way {
	const struct conflict_column *column;
	uint32_t at;
	struct rivals rivals; /* greatest, least and functions */
	struct lt_str value;
};

static void
step(struct way *w, const struct conflict_op *op, struct lt_arena *arena)
{
	struct lt_str before = op->before->values[w->at], after = op->after->values[w->at];

	if (conflict_value_eq(before, after))
		return;
	switch (w->column->rule) {
	case CONFLICT_LAST: w->value = after; break;
	case CONFLICT_SUM: w->value = add(w->column->type, w->value, before, after, arena); break;
	case CONFLICT_MAX:
	case CONFLICT_MIN:
		rivals_add(&w->rivals, op);
		if (!lt_fault("conflict_causal"))
			w->value = best_of(w->column, w->at, &w->rivals);
		else if (better(w->column, after, w->value))
			w->value = after;
		break;
	case CONFLICT_FUNCTION:
		rivals_add(&w->rivals, op);
		w->value = after;
		break;
	}
}

/* The value of a column with all operations behind it. */
static struct lt_str
end(const struct way *w, struct lt_arena *arena, struct conflict_verdict *failed)
{
	struct conflict_verdict verdict;

	if (w->column->rule != CONFLICT_FUNCTION || w->rivals.count < 2 ||
	    !ask(w->column->function, &w->rivals, arena, &verdict, failed))
		return w->value; /* of a function: the newest write's */
	return verdict.value;
}

static const struct conflict_row *
fold_columns(const struct conflict_policy *policy, const struct conflict_row *base,
    const struct conflict_op *const *ops, uint32_t nops, struct lt_arena *arena, struct conflict_verdict *failed)
{
	static const struct conflict_column last = { CONFLICT_LAST, NULL, NULL };
	struct root root = find_root(base, ops, nops);
	struct conflict_row *row;
	const struct conflict_op **room;

	if (root.row == NULL || root.next == nops)
		return root.row;
	row = lt_arena_alloc(arena, sizeof(*row));
	row->count = root.row->count;
	row->values = lt_arena_alloc(arena, row->count * sizeof(*row->values));
	room = lt_arena_alloc(arena, (nops + 1) * sizeof(struct conflict_op *));
	for (uint32_t at = 0; at < row->count; at++) {
		struct way w = { at < policy->ncolumns ? &policy->columns[at] : &last, at, { room, 0 },
			root.row->values[at] };

		if (root.op != NULL)
			rivals_add(&w.rivals, root.op);
		for (uint32_t i = root.next; i < nops; i++)
			step(&w, ops[i], arena);
		row->values[at] = end(&w, arena, failed);
	}
	return row;
}

const struct conflict_op *
conflict_fold_holder(const struct conflict_policy *policy, const struct conflict_op *const *ops, uint32_t nops,
    struct lt_arena *arena, struct conflict_verdict *failed)
{
	switch (policy->kind) {
	case CONFLICT_BY_HOME: return hold_home(policy, ops, nops);
	case CONFLICT_BY_FUNCTION: return hold_function(policy, ops, nops, arena, failed);
	case CONFLICT_BY_ROW:
	case CONFLICT_BY_COLUMN: break;
	}
	return ops[nops - 1];
}

const struct conflict_row *
conflict_fold(const struct conflict_policy *policy, const struct conflict_row *base,
    const struct conflict_op *const *ops, uint32_t nops, struct lt_arena *arena, struct conflict_verdict *failed)
{
	if (nops == 0)
		return base;
	if (policy->kind == CONFLICT_BY_COLUMN)
		return fold_columns(policy, base, ops, nops, arena, failed);
	return conflict_fold_holder(policy, ops, nops, arena, failed)->after;
}
