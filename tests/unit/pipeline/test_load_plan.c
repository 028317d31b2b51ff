/* Whether what was planned ahead is of the group that is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/mapping.h"
#include "pipeline/load_priv.h"
#include "unit/mysql/peer.h"

#define TXNS 3
#define MANY 600 /* more routes than are kept */

struct fixture {
	struct peer peer;
	struct model_mapping *mapping;
	struct load load;
	struct change_txn *txns[TXNS], *other;
};

static const struct change_column from_id = { .name = { "id", 2 }, .kind = CHANGE_INT };
static const struct schema_column to_id = { .name = { "id", 2 }, .base_type = { "bigint", 6 } };

static struct schema_table *
target(void)
{
	struct lt_arena *arena = lt_arena_new();
	struct schema_table *t = lt_arena_zalloc(arena, sizeof(*t));

	*t = (struct schema_table){ .schema = LT_STR("shop"),
		.name = LT_STR("item"),
		.transactional = true,
		.ncolumns = 1,
		.columns = &to_id,
		.arena = arena };
	return t;
}

/* As the log describes it anew, which is a route of its own each time. */
static void
meet_table(struct fixture *f)
{
	struct change_table *t = change_table_new();
	struct pipeline_route *route;
	struct lt_err err = { 0 };

	t->schema = LT_STR("shop");
	t->name = LT_STR("item");
	t->columns = &from_id;
	t->ncolumns = 1;
	t->named = true;
	assert_true(pipeline_router_get(f->load.router, t, &route, &err));
	change_table_unref(t);
}

static int
begin(void **state)
{
	const struct model_entry all = { .from = LT_STR("shop.*") };
	struct fixture *f = lt_new(struct fixture);
	struct lt_err err = { 0 };
	size_t bad;

	peer_open(&f->peer);
	assert_true(model_mapping_new(&all, 1, &f->mapping, &bad, &err));
	f->load.router = pipeline_router_new(f->mapping, f->peer.conn, false);
	pipeline_router_know(f->load.router, target());
	for (size_t i = 0; i < TXNS; i++)
		f->txns[i] = change_txn_new(CHANGE_TXN_ROWS);
	f->other = change_txn_new(CHANGE_TXN_ROWS);
	f->load.txns = f->txns;
	*state = f;
	return 0;
}

static int
end(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < TXNS; i++)
		change_txn_free(f->txns[i]);
	change_txn_free(f->other);
	pipeline_router_free(f->load.router);
	model_mapping_free(f->mapping);
	peer_close(&f->peer);
	free(f);
	return 0;
}

/* How much of a plan serves a group of `n`, which is folded or not. */
static size_t
used(struct fixture *f, struct load_plan plan, size_t n, bool merge)
{
	f->load.plan = plan;
	f->load.merge = merge;
	f->load.planned = SIZE_MAX;
	pipeline_load_plan_use(&f->load, n);
	assert_null(f->load.plan.first);
	assert_int_equal(f->load.plan.count, 0);
	return f->load.planned;
}

static void
a_plan_serves_the_group_that_it_is_of(void **state)
{
	struct fixture *f = *state;

	for (int merge = 0; merge < 2; merge++) {
		for (size_t count = 1; count <= TXNS; count++)
			assert_int_equal(used(f, (struct load_plan){ f->txns[0], count, merge }, TXNS, merge), count);
	}
	assert_int_equal(used(f, (struct load_plan){ 0 }, TXNS, false), 0);
}

static void
a_plan_of_anything_else_is_dropped(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(used(f, (struct load_plan){ f->other, 2, false }, TXNS, false), 0);
	assert_int_equal(used(f, (struct load_plan){ f->txns[1], 2, false }, TXNS, false), 0);
	assert_int_equal(used(f, (struct load_plan){ f->txns[0], TXNS, false }, TXNS - 1, false), 0);
	assert_int_equal(used(f, (struct load_plan){ f->txns[0], 2, true }, TXNS, false), 0);
	assert_int_equal(used(f, (struct load_plan){ f->txns[0], 2, false }, TXNS, true), 0);
}

/* Rows that were planned are of routes. */
static void
a_plan_is_dropped_with_the_routes_that_are_too_many(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < MANY; i++)
		meet_table(f);
	assert_int_equal(used(f, (struct load_plan){ f->txns[0], 2, false }, TXNS, false), 0);
	assert_int_equal(used(f, (struct load_plan){ f->txns[0], 2, false }, TXNS, false), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_plan_serves_the_group_that_it_is_of, begin, end),
		cmocka_unit_test_setup_teardown(a_plan_of_anything_else_is_dropped, begin, end),
		cmocka_unit_test_setup_teardown(a_plan_is_dropped_with_the_routes_that_are_too_many, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
