/* Transactions beyond memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "made_log.h"

/* A folder for what spills, and a log that spills anything. */
static void
spilling(struct log *l, struct change_spill_room *room, char dir[32])
{
	log_init(l);
	strcpy(dir, "/tmp/lutra-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	*room = (struct change_spill_room){ .dir = dir, .memory_bytes = 1, .part_bytes = 100 };
	l->a.spill = room;
}

static void
spilled_out(struct log *l, struct change_spill_room *room, const char *dir)
{
	log_clear(l);
	assert_int_equal(room->used, 0);
	assert_int_equal(room->handed, 0);
	assert_int_equal(rmdir(dir), 0);
}

/* The next transaction went to disk and has rows 0 .. nrows - 1 of each of the events given, in order. */
static void
expect_spilled(struct log *l, const size_t *events, size_t nevents)
{
	struct change_txn *t = binlog_assembler_take(&l->a);
	size_t event = 0, row = 0, parts = 0;
	bool got;

	assert_non_null(t);
	assert_int_equal(t->kind, CHANGE_TXN_ROWS);
	assert_non_null(t->spill);
	change_txn_rewind(t);
	for (;; parts++) {
		assert_true(change_txn_part(t, &got, NULL));
		if (!got)
			break;
		for (size_t i = 0; i < t->nrows; i++) {
			assert_true(event < nevents);
			assert_int_equal(lt_le((const uint8_t *)t->rows[i].after.bytes.ptr + 1, 4), row);
			row++;
			if (row == events[event]) {
				event++;
				row = 0;
			}
		}
	}
	assert_int_equal(event, nevents);
	assert_true(parts > 1);
	change_txn_free(t);
}

static void
rows_beyond_memory_go_to_disk_and_come_back(void **state)
{
	struct change_spill_room room;
	struct log l;
	char dir[32];

	(void)state;
	spilling(&l, &room, dir);
	assert_true(query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 20) && insert(&l, 7, 3) && map(&l, 8, "u") &&
		    insert(&l, 8, 9));
	assert_true(change_txn_bytes(l.a.txn) < 20000);
	assert_true(xid(&l));
	assert_int_equal(room.handed, 1);
	expect_spilled(&l, (size_t[]){ 20, 3, 9 }, 3);
	spilled_out(&l, &room, dir);
}

static void
a_savepoint_cuts_what_is_on_disk(void **state)
{
	struct change_spill_room room;
	struct log l;
	char dir[32];

	(void)state;
	spilling(&l, &room, dir);
	assert_true(query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 13) && query(&l, "SAVEPOINT a") &&
		    insert(&l, 7, 20) && query(&l, "SAVEPOINT b") && insert(&l, 7, 40) && query(&l, "ROLLBACK TO b") &&
		    query(&l, "ROLLBACK TO a") && insert(&l, 7, 8) && xid(&l));
	expect_spilled(&l, (size_t[]){ 13, 8 }, 2);
	spilled_out(&l, &room, dir);
}

static void
what_is_rolled_back_or_cut_off_leaves_the_disk(void **state)
{
	const struct binlog_format format = { .known = true, .crc = true, .query_size = 13, .id_width = 6 };
	struct change_spill_room room;
	struct log l;
	char dir[32];

	(void)state;
	spilling(&l, &room, dir);
	assert_true(query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 200) && query(&l, "ROLLBACK"));
	expect(&l, CHANGE_TXN_PLACE, 0);
	assert_int_equal(room.used, 0);
	assert_true(query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 200));
	assert_true(room.used > 0);
	binlog_assembler_format(&l.a, &format); /* the server died */
	assert_int_equal(room.used, 0);
	spilled_out(&l, &room, dir);
}

static void
prepared_xa_transactions_go_to_disk_the_largest_first(void **state)
{
	struct change_spill_room room;
	struct log l;
	char dir[32];

	(void)state;
	spilling(&l, &room, dir);
	room.memory_bytes = 450000;
	for (uint64_t i = 0; i < 4; i++) {
		const char *const end[] = { "XA END X'30',X'',1", "XA END X'31',X'',1", "XA END X'32',X'',1",
			"XA END X'33',X'',1" };

		assert_true(gtid(&l, i + 1) && query(&l, "XA START X'30',X'',1") && map(&l, 7, "t") &&
			    insert(&l, 7, i == 1 ? 900 : 500) && query(&l, end[i]) &&
			    feed(&l, BINLOG_XA_PREPARE, LT_STR("\0\1\0\0\0\1\0\0\0\0\0\0\0x")));
		assert_true(l.a.prepared_bytes <= 450000);
	}
	assert_true(room.used >= 900 * 18 && room.used < 900 * 30);
	assert_int_equal(room.handed, 0);
	assert_true(gtid(&l, 5) && query(&l, "XA COMMIT X'31',X'',1"));
	expect_spilled(&l, (size_t[]){ 900 }, 1);
	assert_true(gtid(&l, 6) && query(&l, "XA COMMIT X'33',X'',1"));
	expect(&l, CHANGE_TXN_ROWS, 500);
	spilled_out(&l, &room, dir);
}

static bool
take_own(void *ctx, struct change_txn *t, size_t first, struct lt_err *err)
{
	(void)ctx;
	(void)err;
	assert_int_equal(first, 0); /* none stayed */
	t->own = t->shown = true;
	t->nrows = 0;
	return true;
}

static void
what_the_filter_takes_out_never_meets_the_disk(void **state)
{
	struct change_spill_room room;
	struct change_txn *t;
	struct log l;
	char dir[32];

	(void)state;
	spilling(&l, &room, dir);
	l.a.filter.rows = take_own;
	assert_true(query(&l, "BEGIN") && map(&l, 7, "t"));
	for (int i = 0; i < 100; i++) {
		assert_true(insert(&l, 7, 500));
		assert_true(change_txn_bytes(l.a.txn) < 20000);
	}
	assert_true(xid(&l));
	t = binlog_assembler_take(&l.a);
	assert_non_null(t);
	assert_true(t->own && t->spill == NULL && t->nrows == 0);
	change_txn_free(t);
	spilled_out(&l, &room, dir);
}

static void
a_disk_that_fails_is_the_errors_of_the_feed(void **state)
{
	struct change_spill_room room;
	struct log l;
	char dir[32];

	(void)state;
	spilling(&l, &room, dir);
	room.limit = 500;
	assert_true(query(&l, "BEGIN") && map(&l, 7, "t"));
	assert_false(insert(&l, 7, 200));
	assert_int_equal(l.err.code, LT_E_SPILL_LIMIT);
	assert_string_equal(l.err.where.table, "s.t");
	spilled_out(&l, &room, dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_beyond_memory_go_to_disk_and_come_back),
		cmocka_unit_test(a_savepoint_cuts_what_is_on_disk),
		cmocka_unit_test(what_is_rolled_back_or_cut_off_leaves_the_disk),
		cmocka_unit_test(prepared_xa_transactions_go_to_disk_the_largest_first),
		cmocka_unit_test(what_the_filter_takes_out_never_meets_the_disk),
		cmocka_unit_test(a_disk_that_fails_is_the_errors_of_the_feed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
