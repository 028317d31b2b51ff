#include "pipeline/batch.h"

#include "pipeline/fold.h"
#include "pipeline/writeset.h"

#define FK_FLAGS (CHANGE_ROW_FK_LOGGED | CHANGE_ROW_NO_FK_CHECKS)

struct level {
	struct pipeline_run *first, *last;
};

struct pipeline_batch {
	struct pipeline_levels *levels; /* owned */
	struct pipeline_fold *fold;     /* owned */
	struct lt_arena *arena;         /* owned: runs and their rows */
	struct level *items;            /* owned */
	size_t count, cap;
	bool merge;
};

struct pipeline_batch *
pipeline_batch_new(void)
{
	struct pipeline_batch *b = lt_new(struct pipeline_batch);

	b->levels = pipeline_levels_new();
	b->fold = pipeline_fold_new();
	b->arena = lt_arena_new();
	return b;
}

void
pipeline_batch_free(struct pipeline_batch *b)
{
	if (b == NULL)
		return;
	pipeline_levels_free(b->levels);
	pipeline_fold_free(b->fold);
	lt_arena_free(b->arena);
	free(b->items);
	free(b);
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, size_t columns)
{
	if (a == b)
		return true;
	return a != NULL && b != NULL && memcmp(a, b, (columns + 7) / 8) == 0;
}

/* Of the row decoded in the route. */
static bool
is_plain(const struct pipeline_route *route, const struct change_row *row)
{
	bool changes = false;

	for (size_t i = 0; i < route->ncolumns && row->op == CHANGE_UPDATE; i++) {
		const struct pipeline_column *c = &route->columns[i];
		const struct change_value *after = &route->after[c->source];

		if (after->kind == CHANGE_ABSENT || change_value_eq(&route->before[c->source], after))
			continue;
		if (c->in_key)
			return false;
		changes = changes || c->target->generated == SCHEMA_PLAIN;
	}
	return changes;
}

static bool
belongs(const struct pipeline_run *run, const struct pipeline_route *route, const struct change_row *row, bool plain)
{
	size_t columns = route->from->ncolumns;

	return run->route == route && run->plain == plain && run->first->op == row->op &&
	       (run->first->flags & FK_FLAGS) == (row->flags & FK_FLAGS) &&
	       same_bits(run->first->before.present, row->before.present, columns) &&
	       same_bits(run->first->after.present, row->after.present, columns);
}

static struct level *
level_at(struct pipeline_batch *b, size_t at)
{
	if (at >= b->cap) {
		size_t cap = LT_MAX(b->cap * 2, at + 16);

		b->items = lt_realloc(b->items, cap * sizeof(*b->items));
		b->cap = cap;
	}
	while (b->count <= at)
		b->items[b->count++] = (struct level){ 0 };
	return &b->items[at];
}

static struct pipeline_run *
run_for(struct pipeline_batch *b, struct level *level, struct pipeline_route *route, const struct change_row *row)
{
	bool plain = is_plain(route, row);
	struct pipeline_run *run;

	for (run = level->first; run != NULL; run = run->next) {
		if (belongs(run, route, row, plain))
			return run;
	}
	run = lt_arena_zalloc(b->arena, sizeof(*run));
	run->route = route;
	run->plain = plain;
	run->first = row;
	if (level->last != NULL)
		level->last->next = run;
	else
		level->first = run;
	level->last = run;
	return run;
}

static void
add_row(struct pipeline_batch *b, struct pipeline_run *run, struct pipeline_row_ref ref)
{
	if (run->count == run->cap) {
		size_t cap = run->cap > 0 ? run->cap * 2 : 8;

		run->rows = lt_arena_grow(b->arena, run->rows, run->cap * sizeof(*run->rows), cap * sizeof(*run->rows));
		run->cap = cap;
	}
	run->rows[run->count++] = ref;
}

/* What is done with each row. */
enum pass {
	PASS_PLACE,      /* it is given its level */
	PASS_FOLD,       /* it is shown to the fold */
	PASS_PLACE_REST, /* it is given its level if the fold did not take it */
};

static bool
take_row(struct pipeline_batch *b, struct pipeline_router *router, struct pipeline_row_ref ref, enum pass pass,
    struct lt_err *err)
{
	const struct change_row *row = ref.row;
	struct pipeline_route *route = NULL;
	size_t level;

	if (!pipeline_router_get(router, row->table, &route, err))
		return false;
	if (pass == PASS_PLACE_REST && pipeline_fold_takes(b->fold, route))
		return true;
	pipeline_router_forget(router);
	if (!pipeline_router_decode(router, route, row, err))
		return false;
	if (pass == PASS_FOLD) {
		pipeline_fold_add(b->fold, route, &ref);
		return true;
	}
	level = pipeline_levels_add(b->levels, route, route->indexes, row);
	add_row(b, run_for(b, level_at(b, level), route, row), ref);
	return true;
}

static bool
take_rows(struct pipeline_batch *b, struct pipeline_router *router, struct change_txn *const *txns, size_t at,
    enum pass pass, struct lt_err *err)
{
	const struct change_txn *t = txns[at];

	for (size_t i = 0; i < t->nrows; i++) {
		struct pipeline_row_ref ref = { &t->rows[i], (uint32_t)at, (uint32_t)i };

		if (take_row(b, router, ref, pass, err))
			continue;
		change_txn_where(t, &err->where);
		return false;
	}
	return true;
}

/* Behind all that was not folded, which is of other tables: deletes, updates, inserts. */
static bool
place_nets(struct pipeline_batch *b, struct pipeline_router *router, struct lt_err *err)
{
	static const size_t levels[] = { [CHANGE_DELETE] = 0, [CHANGE_UPDATE] = 1, [CHANGE_INSERT] = 2 };
	size_t first = b->count;
	struct pipeline_net *net = NULL;

	if (!pipeline_fold_end(b->fold, &net, err))
		return false;
	for (; net != NULL; net = net->next) {
		struct pipeline_row_ref ref = { &net->row, net->txn, net->at };

		if (net->row.op == CHANGE_UPDATE) { /* its run depends on its values */
			pipeline_router_forget(router);
			if (!pipeline_router_decode(router, net->route, &net->row, err))
				return false;
		}
		add_row(b, run_for(b, level_at(b, first + levels[net->row.op]), net->route, &net->row), ref);
	}
	return true;
}

void
pipeline_batch_begin(struct pipeline_batch *b, bool merge)
{
	b->count = 0;
	b->merge = merge;
	lt_arena_reset(b->arena);
	pipeline_levels_clear(b->levels);
	if (merge)
		pipeline_fold_clear(b->fold);
}

bool
pipeline_batch_add(struct pipeline_batch *b, struct pipeline_router *router, struct change_txn *const *txns,
    size_t from, size_t to, struct lt_err *err)
{
	for (size_t i = from; i < to; i++) {
		if (!take_rows(b, router, txns, i, b->merge ? PASS_FOLD : PASS_PLACE, err))
			return false;
	}
	return true;
}

bool
pipeline_batch_end(struct pipeline_batch *b, struct pipeline_router *router, struct change_txn *const *txns, size_t n,
    struct lt_err *err)
{
	for (size_t i = 0; i < n && b->merge; i++) {
		if (!take_rows(b, router, txns, i, PASS_PLACE_REST, err))
			return false;
	}
	return !b->merge || place_nets(b, router, err);
}

size_t
pipeline_batch_levels(const struct pipeline_batch *b)
{
	return b->count;
}

const struct pipeline_run *
pipeline_batch_runs(const struct pipeline_batch *b, size_t level)
{
	return b->items[level].first;
}
