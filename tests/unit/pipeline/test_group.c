#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/group.h"

static struct change_table *table;

static void
push(struct lt_queue *q, enum change_txn_kind kind, size_t rows)
{
	struct change_txn *t = change_txn_new(kind);

	for (size_t i = 0; i < rows; i++)
		change_txn_add_row(t, table);
	assert_int_equal(lt_queue_push(q, t, change_txn_bytes(t), 0), LT_QUEUE_DONE);
}

static void
drop(void *item)
{
	change_txn_free(item);
}

static void
backlog_shares_a_group_up_to_the_row_bound(void **state)
{
	struct lt_queue *q = lt_queue_new(1 << 30);
	struct pipeline_group g;

	(void)state;
	pipeline_group_init(&g, 10, 1 << 30, 1000);
	for (int i = 0; i < 5; i++)
		push(q, CHANGE_TXN_ROWS, 4);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.count, 2);
	assert_int_equal(g.rows, 8);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.count, 2); /* the one held back comes first */
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.count, 1);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_TIMEOUT);
	pipeline_group_clear(&g);
	lt_queue_free(q, drop);
}

static void
one_that_spilled_goes_alone(void **state)
{
	struct change_spill_room room = { .dir = "/tmp", .part_bytes = 1000 };
	struct lt_queue *q = lt_queue_new(1 << 30);
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);
	struct pipeline_group g;

	(void)state;
	pipeline_group_init(&g, 1000, 1 << 30, 1000);
	push(q, CHANGE_TXN_ROWS, 1);
	change_txn_add_row(t, table);
	assert_true(change_txn_spill(t, &room, NULL));
	change_txn_add_row(t, table);
	assert_true(change_txn_seal(t, NULL));
	assert_int_equal(lt_queue_push(q, t, change_txn_bytes(t), 0), LT_QUEUE_DONE);
	push(q, CHANGE_TXN_ROWS, 1);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
		assert_int_equal(g.count, 1);
		assert_int_equal(g.rows, i == 1 ? 2 : 1);
	}
	pipeline_group_clear(&g);
	lt_queue_free(q, drop);
}

static void
a_transaction_beyond_every_bound_goes_alone(void **state)
{
	struct lt_queue *q = lt_queue_new(1 << 30);
	struct pipeline_group g;

	(void)state;
	pipeline_group_init(&g, 10, 1, 1000);
	push(q, CHANGE_TXN_ROWS, 1000);
	push(q, CHANGE_TXN_ROWS, 1);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.count, 1);
	assert_int_equal(g.rows, 1000);
	pipeline_group_clear(&g);
	lt_queue_free(q, drop);
}

static void
ddl_is_a_group_of_its_own(void **state)
{
	struct lt_queue *q = lt_queue_new(1 << 30);
	struct pipeline_group g;

	(void)state;
	pipeline_group_init(&g, 100, 1 << 30, 1000);
	push(q, CHANGE_TXN_ROWS, 1);
	push(q, CHANGE_TXN_DDL, 0);
	push(q, CHANGE_TXN_ROWS, 1);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.count, 1);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.count, 1);
	assert_int_equal(g.txns[0]->kind, CHANGE_TXN_DDL);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.txns[0]->kind, CHANGE_TXN_ROWS);
	pipeline_group_clear(&g);
	lt_queue_free(q, drop);
}

static void
what_is_left_comes_out_before_the_queue_is_closed(void **state)
{
	struct lt_queue *q = lt_queue_new(1 << 30);
	struct pipeline_group g;

	(void)state;
	pipeline_group_init(&g, 1, 1 << 30, 1000);
	push(q, CHANGE_TXN_ROWS, 1);
	push(q, CHANGE_TXN_ROWS, 1);
	lt_queue_close(q);
	assert_int_equal(pipeline_group_fill(&g, q, -1), LT_QUEUE_DONE);
	assert_int_equal(pipeline_group_fill(&g, q, -1), LT_QUEUE_DONE);
	assert_int_equal(pipeline_group_fill(&g, q, -1), LT_QUEUE_CLOSED);
	pipeline_group_clear(&g);
	lt_queue_free(q, drop);
}

static void
what_is_taken_ahead_is_the_next_group(void **state)
{
	struct lt_queue *q = lt_queue_new(1 << 30);
	struct change_txn *first;
	struct pipeline_group g;

	(void)state;
	pipeline_group_init(&g, 10, 1 << 30, 1000);
	for (int i = 0; i < 3; i++)
		push(q, CHANGE_TXN_ROWS, 4);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.count, 2);
	pipeline_group_take_ahead(&g, q); /* the one held back */
	first = g.ahead.txns[0];
	assert_int_equal(g.count, 2);
	assert_int_equal(g.ahead.count, 1);
	assert_true(pipeline_group_is_full(&g));
	for (int i = 0; i < 3; i++)
		push(q, CHANGE_TXN_ROWS, 3);
	pipeline_group_take_ahead(&g, q); /* as much as fits beside it */
	assert_int_equal(g.ahead.count, 3);
	assert_int_equal(g.ahead.rows, 10);
	assert_ptr_equal(g.ahead.txns[0], first);
	pipeline_group_take_ahead(&g, q);
	assert_int_equal(g.ahead.count, 3);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.count, 3);
	assert_ptr_equal(g.txns[0], first);
	assert_int_equal(g.ahead.count, 0);
	assert_true(pipeline_group_is_full(&g));
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.count, 1);
	assert_false(pipeline_group_is_full(&g));
	pipeline_group_clear(&g);
	lt_queue_free(q, drop);
}

static void
what_was_taken_ahead_grows_when_its_turn_comes(void **state)
{
	struct lt_queue *q = lt_queue_new(1 << 30);
	struct pipeline_group g;

	(void)state;
	pipeline_group_init(&g, 10, 1 << 30, 1000);
	push(q, CHANGE_TXN_ROWS, 4);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	push(q, CHANGE_TXN_ROWS, 4);
	pipeline_group_take_ahead(&g, q);
	push(q, CHANGE_TXN_ROWS, 5);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.rows, 9);
	push(q, CHANGE_TXN_DDL, 0);
	push(q, CHANGE_TXN_ROWS, 1);
	pipeline_group_take_ahead(&g, q);
	assert_int_equal(g.ahead.count, 1);
	lt_queue_close(q);
	assert_int_equal(pipeline_group_fill(&g, q, -1), LT_QUEUE_DONE);
	assert_int_equal(g.txns[0]->kind, CHANGE_TXN_DDL);
	pipeline_group_take_ahead(&g, q); /* and is freed with it */
	assert_int_equal(g.ahead.rows, 1);
	pipeline_group_clear(&g);
	lt_queue_free(q, drop);
}

static void
behind_a_transaction_larger_than_a_group_nothing_is_taken(void **state)
{
	struct lt_queue *q = lt_queue_new(1 << 30);
	struct pipeline_group g;

	(void)state;
	pipeline_group_init(&g, 1000000, 20000, 1000000);
	push(q, CHANGE_TXN_ROWS, 1);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	push(q, CHANGE_TXN_ROWS, 1000);
	push(q, CHANGE_TXN_ROWS, 1);
	pipeline_group_take_ahead(&g, q);
	assert_int_equal(g.ahead.count, 1);
	assert_true(g.ahead.bytes > 20000);
	assert_true(lt_queue_bytes(q) > 0); /* not even to be held back */
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.count, 1);
	pipeline_group_take_ahead(&g, q);
	assert_int_equal(g.ahead.count, 0);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	assert_int_equal(g.rows, 1);
	pipeline_group_clear(&g);
	lt_queue_free(q, drop);
}

static void
what_leaves_the_group_is_not_freed_with_it(void **state)
{
	struct lt_queue *q = lt_queue_new(1 << 30);
	struct pipeline_group g;
	struct change_txn *mine;

	(void)state;
	pipeline_group_init(&g, 10, 1 << 30, 1000);
	push(q, CHANGE_TXN_ROWS, 1);
	push(q, CHANGE_TXN_ROWS, 2);
	assert_int_equal(pipeline_group_fill(&g, q, 0), LT_QUEUE_DONE);
	mine = g.txns[1];
	pipeline_group_leave(&g, mine);
	pipeline_group_clear(&g);
	assert_int_equal(mine->nrows, 2);
	change_txn_free(mine);
	lt_queue_free(q, drop);
}

static void
a_slow_target_gets_smaller_groups(void **state)
{
	struct lt_queue *q = lt_queue_new(1 << 30);
	struct pipeline_group g;
	size_t fast, slow;

	(void)state;
	pipeline_group_init(&g, 100000, 1 << 30, 10);
	g.rows = 2000;
	for (int i = 0; i < 50; i++)
		pipeline_group_learn(&g, g.rows, 20000, 2); /* 100 rows/ms */
	g.rows = 0;
	for (int i = 0; i < 3000; i++)
		push(q, CHANGE_TXN_ROWS, 1);
	pipeline_group_fill(&g, q, 0);
	fast = g.rows;
	for (int i = 0; i < 50; i++) {
		g.rows = 2000;
		pipeline_group_learn(&g, g.rows, 200000, 2); /* 10 rows/ms */
	}
	pipeline_group_fill(&g, q, 0);
	slow = g.rows;
	assert_in_range(fast, 900, 1000);
	assert_in_range(slow, 90, 110);
	pipeline_group_clear(&g);
	lt_queue_free(q, drop);
}

/* What a group holds of a backlog of one-row transactions, at 100 rows/ms beside the round trips. */
static size_t
filled(struct pipeline_group *g, uint64_t round_us, size_t backlog)
{
	struct lt_queue *q = lt_queue_new(1 << 30);
	size_t rows;

	pipeline_group_note_round(g, round_us);
	pipeline_group_note_round(g, round_us);
	for (int i = 0; i < 50; i++)
		pipeline_group_learn(g, 10000, 100000 + 2 * round_us, 2);
	for (size_t i = 0; i < backlog; i++)
		push(q, CHANGE_TXN_ROWS, 1);
	pipeline_group_fill(g, q, 0);
	rows = g->rows;
	pipeline_group_clear(g);
	lt_queue_free(q, drop);
	return rows;
}

static void
a_far_target_gets_groups_worth_their_round_trips(void **state)
{
	struct pipeline_group g;

	(void)state;
	pipeline_group_init(&g, 5000, 1 << 30, 200);
	g.link_bytes = 1 << 30;
	assert_int_equal(filled(&g, 100, 50000), 5000);
	pipeline_group_init(&g, 5000, 1 << 30, 200);
	g.link_bytes = 1 << 30;
	assert_in_range(filled(&g, 20000, 50000), 39000, 41000); /* 400 ms */
	pipeline_group_init(&g, 5000, 1 << 30, 200);
	assert_int_equal(filled(&g, 20000, 50000), 5000); /* its bounds are given */
}

static void
a_far_target_is_not_a_slow_one(void **state)
{
	struct pipeline_group g;

	(void)state;
	pipeline_group_init(&g, 5000, 1 << 30, 10);
	assert_in_range(filled(&g, 20000, 5000), 900, 1100);
}

static void
bytes_bound_a_group_for_a_far_target_too(void **state)
{
	struct pipeline_group g;
	size_t near, far;

	(void)state;
	pipeline_group_init(&g, 5000, 100000, 200);
	g.link_bytes = 1000000;
	near = filled(&g, 100, 50000);
	pipeline_group_init(&g, 5000, 100000, 200);
	g.link_bytes = 1000000;
	far = filled(&g, 20000, 50000);
	assert_in_range(far, near * 9, near * 12);
}

static void
one_slow_round_trip_counts_only_when_the_next_is_slow_too(void **state)
{
	struct pipeline_group g;

	(void)state;
	pipeline_group_init(&g, 5000, 1 << 30, 200);
	pipeline_group_note_round(&g, 300);
	assert_int_equal(g.round_us, 300);
	pipeline_group_note_round(&g, 90000);
	assert_int_equal(g.round_us, 300);
	pipeline_group_note_round(&g, 20000);
	assert_int_equal(g.round_us, 20000);
	pipeline_group_note_round(&g, 400);
	assert_int_equal(g.round_us, 400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backlog_shares_a_group_up_to_the_row_bound),
		cmocka_unit_test(a_transaction_beyond_every_bound_goes_alone),
		cmocka_unit_test(one_that_spilled_goes_alone),
		cmocka_unit_test(ddl_is_a_group_of_its_own),
		cmocka_unit_test(what_is_left_comes_out_before_the_queue_is_closed),
		cmocka_unit_test(what_is_taken_ahead_is_the_next_group),
		cmocka_unit_test(what_was_taken_ahead_grows_when_its_turn_comes),
		cmocka_unit_test(behind_a_transaction_larger_than_a_group_nothing_is_taken),
		cmocka_unit_test(what_leaves_the_group_is_not_freed_with_it),
		cmocka_unit_test(a_slow_target_gets_smaller_groups),
		cmocka_unit_test(a_far_target_gets_groups_worth_their_round_trips),
		cmocka_unit_test(a_far_target_is_not_a_slow_one),
		cmocka_unit_test(bytes_bound_a_group_for_a_far_target_too),
		cmocka_unit_test(one_slow_round_trip_counts_only_when_the_next_is_slow_too),
	};
	int failed;

	table = change_table_new();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	change_table_unref(table);
	return failed;
}
