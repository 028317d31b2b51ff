#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "made_log.h"

#define U "01020304-0506-0708-090a-0b0c0d0e0f10"

static void
a_transaction_comes_whole_with_its_end(void **state)
{
	struct change_txn *t;
	struct log l;
	uint64_t begin;

	(void)state;
	log_init(&l);
	begin = l.pos;
	assert_true(gtid(&l, 1) && query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 2) && map(&l, 7, "t") &&
		    insert(&l, 7, 1));
	expect_nothing(&l);
	assert_true(binlog_assembler_busy(&l.a));
	assert_true(xid(&l));
	t = binlog_assembler_take(&l.a);
	assert_int_equal(t->nrows, 3);
	assert_int_equal(t->rows[1].event, 0);
	assert_int_equal(t->rows[2].event, 1);
	assert_int_equal(t->pos, begin);
	assert_int_equal(t->end.pos, l.pos);
	assert_int_equal(t->end.last_pos, l.pos - 31);
	assert_int_not_equal(t->end.last_crc, 0);
	assert_int_equal(t->server_id, 11);
	assert_int_equal(t->commit_us, 1700000000000000);
	assert_int_equal(t->gtid.seq, 1);
	assert_int_equal(l.asked_tables, 1); /* the second map is known again */
	change_txn_free(t);
	assert_null(binlog_assembler_take_place(&l.a));
	log_clear(&l);
}

static void
groups_may_end_in_commit_and_begin_without_gtid(void **state)
{
	struct log l;

	(void)state;
	log_init(&l);
	assert_true(query(&l, "BEGIN") && map(&l, 7, "m") && insert(&l, 7, 1) && query(&l, "COMMIT"));
	expect(&l, CHANGE_TXN_ROWS, 1);
	assert_true(mariadb_gtid(&l, 5, 0, 0) && map(&l, 7, "m") && insert(&l, 7, 1) && query(&l, "COMMIT"));
	expect(&l, CHANGE_TXN_ROWS, 1);
	log_clear(&l);
}

/* MariaDB: the second of COMMIT stands in front at the server that wrote, that of the last statement at a replica. */
static void
when_it_was_written_is_told_as_each_replica_has_it(void **state)
{
	struct change_txn *t;
	struct log l;

	(void)state;
	log_init(&l);
	l.later_s = 9;
	assert_true(mariadb_gtid(&l, 5, 0, 0));
	l.later_s = 3;
	assert_true(map(&l, 7, "t") && insert(&l, 7, 1));
	l.later_s = 4;
	assert_true(map(&l, 8, "unwanted") && insert(&l, 8, 1));
	l.later_s = 9;
	assert_true(xid(&l));
	t = binlog_assembler_take(&l.a);
	assert_int_equal(t->commit_us, 1700000009000000);
	assert_int_equal(t->written_us, 1700000004000000);
	change_txn_free(t);
	l.a.filter.every = true;
	l.want_ddl = false;
	assert_true(mariadb_gtid(&l, 6, 0, 0));
	l.later_s = 5;
	assert_true(query(&l, "UPDATE elsewhere SET a=1"));
	l.later_s = 9;
	assert_true(query(&l, "COMMIT"));
	t = binlog_assembler_take(&l.a);
	assert_int_equal(t->written_us, 1700000005000000);
	change_txn_free(t);
	log_clear(&l);
}

static void
rolled_back_transactions_leave_their_id_only(void **state)
{
	struct change_txn *t;
	struct log l;

	(void)state;
	log_init(&l);
	assert_true(gtid(&l, 9) && query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 2) && query(&l, "ROLLBACK"));
	t = binlog_assembler_take(&l.a);
	assert_int_equal(t->kind, CHANGE_TXN_PLACE);
	assert_int_equal(t->gtid.seq, 9);
	assert_int_equal(t->nrows, 0);
	change_txn_free(t);
	assert_true(query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 1) && xid(&l));
	expect(&l, CHANGE_TXN_ROWS, 1);
	log_clear(&l);
}

static void
rows_behind_a_savepoint_go_with_it(void **state)
{
	struct log l;

	(void)state;
	log_init(&l);
	assert_true(query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 1) && query(&l, "SAVEPOINT `a`") &&
		    insert(&l, 7, 2) && query(&l, "SAVEPOINT b") && insert(&l, 7, 4) && query(&l, "ROLLBACK TO `A`") &&
		    insert(&l, 7, 8) && query(&l, "RELEASE SAVEPOINT `a`") && xid(&l));
	expect(&l, CHANGE_TXN_ROWS, 9);
	assert_true(query(&l, "BEGIN") && map(&l, 7, "t"));
	assert_false(query(&l, "ROLLBACK TO x"));
	assert_int_equal(l.err.code, LT_E_CORRUPT);
	log_clear(&l);
}

static void
what_nobody_wants_moves_the_place(void **state)
{
	struct log l;

	(void)state;
	log_init(&l);
	l.want_ddl = false;
	assert_true(gtid(&l, 1) && query(&l, "BEGIN") && map(&l, 8, "unwanted") && insert(&l, 8, 2) && xid(&l));
	assert_true(gtid(&l, 2) && query(&l, "GRANT ALL ON *.* TO x"));
	expect_place(&l, U ":1-2");
	assert_true(gtid(&l, 3) && query(&l, "CREATE VIEW v AS SELECT 1"));
	assert_true(gtid(&l, 4) && query(&l, "BEGIN") && map(&l, 8, "unwanted") && insert(&l, 8, 2) &&
		    map(&l, 7, "t") && insert(&l, 7, 1) && xid(&l));
	{
		struct change_txn *t = binlog_assembler_take(&l.a);
		struct lt_buf text = { 0 };

		assert_int_equal(t->nrows, 1);
		assert_int_equal(t->ignored, 1);
		assert_non_null(t->passed);
		change_gtid_set_text(t->passed, &text);
		assert_string_equal(lt_buf_cstr(&text), U ":3");
		change_txn_free(t);
		lt_buf_free(&text);
	}
	{
		struct lt_buf text = { 0 };

		change_gtid_set_text(l.a.executed, &text);
		assert_string_equal(lt_buf_cstr(&text), U ":1-4");
		lt_buf_free(&text);
	}
	log_clear(&l);
}

static void
statements_come_alone_and_select_brings_rows(void **state)
{
	struct log l;

	(void)state;
	log_init(&l);
	assert_true(gtid(&l, 1) && query(&l, "CREATE TABLE t (a INT)"));
	expect(&l, CHANGE_TXN_DDL, 0);
	/* MySQL: inside of BEGIN */
	assert_true(gtid(&l, 2) && query(&l, "BEGIN") && query(&l, "CREATE TABLE c (a INT) START TRANSACTION") &&
		    map(&l, 7, "c") && insert(&l, 7, 3) && xid(&l));
	expect(&l, CHANGE_TXN_DDL, 0);
	expect(&l, CHANGE_TXN_ROWS, 3);
	/* MariaDB: a group of one statement, rows behind it */
	assert_true(mariadb_gtid(&l, 3, BINLOG_GTID_STANDALONE, 0) && query(&l, "CREATE TABLE c (a INT)") &&
		    map(&l, 7, "c") && insert(&l, 7, 2) && xid(&l));
	expect(&l, CHANGE_TXN_DDL, 0);
	expect(&l, CHANGE_TXN_ROWS, 2);
	/* nothing selected */
	assert_true(
	    gtid(&l, 4) && query(&l, "BEGIN") && query(&l, "CREATE TABLE c (a INT) START TRANSACTION") && xid(&l));
	expect(&l, CHANGE_TXN_DDL, 0);
	expect_nothing(&l);
	log_clear(&l);
}

static void
a_two_phase_alter_counts_once(void **state)
{
	struct log l;

	(void)state;
	log_init(&l);
	assert_true(mariadb_gtid(&l, 1, BINLOG_GTID_STANDALONE, BINLOG_GTID_START_ALTER) &&
		    query(&l, "ALTER TABLE t ADD b INT"));
	expect_nothing(&l);
	assert_true(mariadb_gtid(&l, 2, BINLOG_GTID_STANDALONE, BINLOG_GTID_COMMIT_ALTER) &&
		    query(&l, "ALTER TABLE t ADD b INT"));
	expect(&l, CHANGE_TXN_DDL, 0);
	assert_true(mariadb_gtid(&l, 3, BINLOG_GTID_STANDALONE, BINLOG_GTID_ROLLBACK_ALTER) &&
		    query(&l, "ALTER TABLE t ADD b INT"));
	expect_nothing(&l);
	log_clear(&l);
}

static void
the_filters_refusal_stops(void **state)
{
	struct log l;

	(void)state;
	log_init(&l);
	l.refuse = true;
	assert_true(gtid(&l, 1) && query(&l, "BEGIN") && feed(&l, BINLOG_INTVAR, LT_STR("\2\1\0\0\0\0\0\0\0")));
	assert_false(query(&l, "INSERT INTO t VALUES (1)"));
	assert_int_equal(l.err.code, LT_E_STATEMENT_FORMAT);
	log_clear(&l);
}

static void
r14_xa_rows_come_with_the_commit(void **state)
{
	static const char prepare[] = "\0\1\0\0\0\1\0\0\0\0\0\0\0x", one_phase[] = "\1\1\0\0\0\1\0\0\0\0\0\0\0x";
	struct log l;

	(void)state;
	log_init(&l);
	/* one phase is a commit */
	assert_true(gtid(&l, 1) && query(&l, "XA START X'78',X'',1") && map(&l, 7, "t") && insert(&l, 7, 1) &&
		    query(&l, "XA END X'78',X'',1") &&
		    feed(&l, BINLOG_XA_PREPARE, lt_str_of(one_phase, sizeof(one_phase) - 1)));
	expect(&l, CHANGE_TXN_ROWS, 1);
	/* nothing wanted inside: passes, in both engines' shapes */
	assert_true(gtid(&l, 2) && query(&l, "XA START X'78',X'',1") && map(&l, 8, "unwanted") && insert(&l, 8, 1) &&
		    query(&l, "XA END X'78',X'',1") &&
		    feed(&l, BINLOG_XA_PREPARE, lt_str_of(prepare, sizeof(prepare) - 1)));
	assert_true(gtid(&l, 3) && query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 1) && xid(&l));
	expect(&l, CHANGE_TXN_ROWS, 1);
	assert_true(gtid(&l, 4) && query(&l, "XA COMMIT X'78',X'',1"));
	assert_true(mariadb_gtid(&l, 5, BINLOG_GTID_XA_PREPARED, 0) && map(&l, 8, "unwanted") && insert(&l, 8, 1) &&
		    query(&l, "XA END X'79',X'',1") &&
		    feed(&l, BINLOG_XA_PREPARE, lt_str_of(prepare, sizeof(prepare) - 1)));
	assert_true(mariadb_gtid(&l, 6, 0, 0) && query(&l, "XA ROLLBACK X'79',X'',1"));
	expect_nothing(&l);
	/* decided without having been seen */
	assert_true(gtid(&l, 7) && query(&l, "XA ROLLBACK X'7a',X'',1"));
	assert_true(gtid(&l, 8));
	assert_false(query(&l, "XA COMMIT X'7a',X'',1"));
	assert_int_equal(l.err.code, LT_E_EVENT_UNSUPPORTED);
	log_clear(&l);

	/* wanted rows come with the commit, under its id, and not at all with a rollback */
	log_init(&l);
	for (uint64_t n = 0; n < 2; n++) {
		assert_true(gtid(&l, 10 * n + 1) && query(&l, "XA START X'78',X'',1") && map(&l, 7, "t") &&
			    insert(&l, 7, 3) && query(&l, "XA END X'78',X'',1") &&
			    feed(&l, BINLOG_XA_PREPARE, lt_str_of(prepare, sizeof(prepare) - 1)));
		expect_nothing(&l);
		assert_true(
		    gtid(&l, 10 * n + 2) && query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 1) && xid(&l));
		expect(&l, CHANGE_TXN_ROWS, 1);
		assert_true(
		    gtid(&l, 10 * n + 3) && query(&l, n == 0 ? "XA COMMIT X'78',X'',1" : "XA ROLLBACK X'78',X'',1"));
		if (n == 0)
			expect(&l, CHANGE_TXN_ROWS, 3);
	}
	expect_nothing(&l);
	assert_int_equal(l.a.prepared_bytes, 0);
	/* all that is prepared counts */
	l.a.txn_limit = 1;
	assert_true(gtid(&l, 30) && query(&l, "XA START X'78',X'',1") && map(&l, 7, "t"));
	l.a.txn_limit = 100000;
	assert_true(insert(&l, 7, 3) && query(&l, "XA END X'78',X'',1"));
	l.a.txn_limit = 1;
	assert_false(feed(&l, BINLOG_XA_PREPARE, lt_str_of(prepare, sizeof(prepare) - 1)));
	assert_int_equal(l.err.code, LT_E_TXN_TOO_LARGE);
	log_clear(&l);
}

static void
unknown_events_stop_unless_they_may_be_ignored(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t flags;
		enum lt_code code;
	} cases[] = {
		{ 99, 0, LT_E_EVENT_UNKNOWN },
		{ 99, BINLOG_FLAG_IGNORABLE, LT_OK },
		{ BINLOG_ROWS_QUERY, BINLOG_FLAG_IGNORABLE, LT_OK },
		{ BINLOG_RAND, 0, LT_OK },
		{ BINLOG_USER_VAR, 0, LT_OK },
		{ BINLOG_STOP, 0, LT_OK },
		{ BINLOG_VIEW_CHANGE, 0, LT_OK },
		{ BINLOG_MARIADB_START_ENCRYPTION, 0, LT_E_EVENT_UNSUPPORTED },
		{ BINLOG_MARIADB_START_ENCRYPTION, BINLOG_FLAG_IGNORABLE, LT_OK },
		{ BINLOG_MARIADB_PARTIAL_ROW_DATA, 0, LT_E_LOG_POSITION },
		{ BINLOG_PRE_GA_WRITE_ROWS, 0, LT_E_EVENT_UNSUPPORTED },
		{ BINLOG_INCIDENT, 0, LT_E_INCIDENT },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct log l;

		log_init(&l);
		assert_int_equal(
		    feed_flags(&l, cases[i].type, cases[i].flags, LT_STR("\1\0\0")), cases[i].code == LT_OK);
		assert_int_equal(l.err.code, cases[i].code);
		log_clear(&l);
	}
}

static void
partial_updates_are_read_only_where_wanted(void **state)
{
	const struct lt_str broken = LT_STR("\7\0\0\0\0\0\1\0\2\0\1\1\1\xfe\0\0\0\0\2");
	struct log l;

	(void)state;
	log_init(&l);
	assert_true(
	    gtid(&l, 1) && query(&l, "BEGIN") && map(&l, 8, "unwanted") &&
	    feed(&l, BINLOG_PARTIAL_UPDATE_ROWS, LT_STR("\x08\0\0\0\0\0\1\0\2\0")) && map(&l, 7, "t") &&
	    feed(&l, BINLOG_PARTIAL_UPDATE_ROWS, LT_STR("\7\0\0\0\0\0\1\0\2\0\1\1\1\xfe\0\0\0\0\0\xfe\1\0\0\0")));
	assert_false(feed(&l, BINLOG_PARTIAL_UPDATE_ROWS, broken)); /* value options that are not known */
	assert_int_equal(l.err.code, LT_E_EVENT_UNSUPPORTED);
	assert_string_equal(l.err.where.table, "s.t");
	log_clear(&l);
}

static void
rows_need_a_transaction_and_a_map_of_it(void **state)
{
	struct log l;

	(void)state;
	log_init(&l);
	assert_false(map(&l, 7, "t")); /* the very first event: a wrong start */
	assert_int_equal(l.err.code, LT_E_LOG_POSITION);
	assert_false(xid(&l));
	assert_int_equal(l.err.code, LT_E_LOG_POSITION);
	assert_true(query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 1) && xid(&l));
	assert_false(insert(&l, 7, 1));
	assert_int_equal(l.err.code, LT_E_CORRUPT);
	assert_true(query(&l, "BEGIN"));
	assert_false(insert(&l, 7, 1)); /* the map was another transaction's */
	assert_int_equal(l.err.code, LT_E_CORRUPT);
	assert_true(insert(&l, 0x00ffffff, 0)); /* "the statement ends" */
	assert_false(gtid(&l, 2));
	assert_int_equal(l.err.code, LT_E_CORRUPT);
	assert_false(query(&l, "BEGIN"));
	assert_int_equal(l.err.code, LT_E_CORRUPT);
	assert_false(feed(&l, BINLOG_ROTATE, LT_STR("\4\0\0\0\0\0\0\0log.000002")));
	assert_int_equal(l.err.code, LT_E_CORRUPT);
	log_clear(&l);
}

static void
a_new_file_drops_what_was_never_ended(void **state)
{
	struct binlog_format format;
	struct log l;

	(void)state;
	log_init(&l);
	assert_true(gtid(&l, 1) && query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 1));
	format = l.a.format;
	binlog_assembler_format(&l.a, &format);
	assert_false(binlog_assembler_busy(&l.a));
	assert_true(gtid(&l, 2) && query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, 5) && xid(&l));
	expect(&l, CHANGE_TXN_ROWS, 5);
	expect_nothing(&l);
	log_clear(&l);
}

static void
what_was_applied_before_is_passed_over(void **state)
{
	struct change_gtid_set *applied = NULL;
	struct log l;

	(void)state;
	log_init(&l);
	assert_true(change_gtid_set_parse(LT_STR(U ":1:3"), &applied, NULL));
	l.a.skip = applied;
	for (uint64_t n = 1; n <= 4; n++)
		assert_true(gtid(&l, n) && query(&l, "BEGIN") && map(&l, 7, "t") && insert(&l, 7, n) && xid(&l));
	expect(&l, CHANGE_TXN_ROWS, 2);
	expect(&l, CHANGE_TXN_ROWS, 4);
	expect_nothing(&l);
	assert_true(gtid(&l, 3) && query(&l, "DROP TABLE t"));
	expect_nothing(&l);
	change_gtid_set_free(applied);
	log_clear(&l);
}

static void
too_large_a_transaction_is_told(void **state)
{
	struct log l;
	bool ok = true;

	(void)state;
	log_init(&l);
	l.a.txn_limit = 100000;
	assert_true(gtid(&l, 1) && query(&l, "BEGIN") && map(&l, 7, "t"));
	for (size_t i = 0; i < 1000 && ok; i++)
		ok = insert(&l, 7, 10);
	assert_false(ok);
	assert_int_equal(l.err.code, LT_E_TXN_TOO_LARGE);
	log_clear(&l);
}

/* Rows may point to any of them, so none can be given up before its end. */
static void
tables_of_one_transaction_have_a_limit(void **state)
{
	enum { LARGE = 1 << 20 };
	struct lt_buf body = { 0 };
	struct log l;
	uint64_t id;

	(void)state;
	log_init(&l);
	l.a.txn_limit = 1;
	lt_buf_le(&body, 0, 6);
	lt_buf_le(&body, 1, 2);
	lt_buf_add(&body, "\1s\0\10unwanted", 13);
	memset(lt_buf_reserve(&body, LARGE), 0, LARGE);
	body.len += LARGE;
	assert_true(gtid(&l, 1) && query(&l, "BEGIN"));
	for (id = 1; id < 100; id++) {
		body.ptr[0] = (char)id;
		if (!feed(&l, BINLOG_TABLE_MAP, lt_buf_str(&body)))
			break;
	}
	assert_in_range(id, 20, 40);
	assert_int_equal(l.err.code, LT_E_TXN_TOO_LARGE);
	log_clear(&l);

	/* the same ones again take no more */
	log_init(&l);
	for (id = 1; id < 100; id++) {
		body.ptr[0] = (char)(id % 2);
		assert_true(
		    gtid(&l, id) && query(&l, "BEGIN") && feed(&l, BINLOG_TABLE_MAP, lt_buf_str(&body)) && xid(&l));
		body.len--;
	}
	assert_in_range(l.a.tables.bytes, LARGE, 2 * LARGE + 100);
	lt_buf_free(&body);
	log_clear(&l);
}

/* Of transactions of every shape, those that nobody can read too, one to the left and one behind. */
static void
who_looks_for_a_place_sees_every_transaction_and_nothing_in_it(void **state)
{
	static const char prepare[] = "\0\1\0\0\0\1\0\0\0\0\0\0\0x";
	struct log l;

	(void)state;
	log_init(&l);
	l.a.filter = l.a.tables.filter = (struct change_filter){ 0 };
	l.a.boundaries = true;
	/* statements on either side of rows, and rows that do not decode */
	assert_true(gtid(&l, 1) && query(&l, "BEGIN") && query(&l, "INSERT INTO s.t VALUES (1)") && map(&l, 7, "t") &&
		    insert(&l, 7, 3) && query(&l, "INSERT INTO s.t VALUES (2)") &&
		    feed(&l, BINLOG_WRITE_ROWS, LT_STR("what is this")) && xid(&l));
	expect(&l, CHANGE_TXN_ROWS, 0);
	expect_nothing(&l);
	assert_true(gtid(&l, 2) && query(&l, "BEGIN") && query(&l, "COMMIT"));
	expect(&l, CHANGE_TXN_ROWS, 0);
	/* a statement that stands alone, and one that is gone on from before its rows */
	assert_true(gtid(&l, 3) && query(&l, "DROP TABLE t"));
	expect(&l, CHANGE_TXN_DDL, 0);
	assert_true(gtid(&l, 4) && query(&l, "BEGIN") && query(&l, "CREATE TABLE c (a INT) START TRANSACTION"));
	expect(&l, CHANGE_TXN_DDL, 0);
	assert_true(map(&l, 7, "c") && insert(&l, 7, 1) && xid(&l));
	expect_nothing(&l);
	/* what is prepared, and decided */
	assert_true(gtid(&l, 5) && query(&l, "XA START X'78',X'',1") && map(&l, 7, "t") && insert(&l, 7, 1) &&
		    query(&l, "XA END X'78',X'',1") &&
		    feed(&l, BINLOG_XA_PREPARE, lt_str_of(prepare, sizeof(prepare) - 1)));
	expect(&l, CHANGE_TXN_ROWS, 0);
	assert_true(gtid(&l, 6) && query(&l, "XA COMMIT X'78',X'',1"));
	expect_nothing(&l);
	/* what stops who reads the rows */
	assert_true(gtid(&l, 7) && query(&l, "BEGIN") && feed(&l, 99, LT_STR("new")) && xid(&l));
	expect(&l, CHANGE_TXN_ROWS, 0);
	assert_true(gtid(&l, 8) && feed(&l, BINLOG_INCIDENT, LT_STR("\1\0\4lost")));
	expect(&l, CHANGE_TXN_ROWS, 0);
	assert_true(feed(&l, BINLOG_INCIDENT, LT_STR("\1\0\4lost")));
	expect(&l, CHANGE_TXN_ROWS, 0);
	assert_false(binlog_assembler_busy(&l.a));
	log_clear(&l);
}

/* Its checksum was wrong. */
static bool
damaged(struct log *l, uint8_t type)
{
	struct binlog_event e = { .header = { .type = type, .size = 50 } };
	struct binlog_at at = { .file = "log.000001", .pos = l->pos, .end = l->pos + 50 };

	l->pos = at.end;
	l->err = (struct lt_err){ .code = LT_E_CHECKSUM };
	return binlog_assembler_damaged(&l->a, &e, &at, &l->err);
}

static void
who_looks_for_a_place_passes_damage_that_begins_nothing(void **state)
{
	struct change_txn *t;
	struct log l;

	(void)state;
	log_init(&l);
	assert_true(gtid(&l, 1) && query(&l, "BEGIN") && map(&l, 7, "t"));
	assert_false(damaged(&l, BINLOG_WRITE_ROWS)); /* who reads the rows stops */
	assert_int_equal(l.err.code, LT_E_CHECKSUM);
	l.a.filter = l.a.tables.filter = (struct change_filter){ 0 };
	l.a.boundaries = true;
	assert_true(damaged(&l, BINLOG_WRITE_ROWS) && damaged(&l, BINLOG_TABLE_MAP));
	assert_int_equal(l.err.code, LT_OK);
	assert_true(xid(&l));
	expect(&l, CHANGE_TXN_ROWS, 0);
	assert_true(gtid(&l, 2) && query(&l, "BEGIN") && map(&l, 7, "t") && damaged(&l, BINLOG_XID));
	t = binlog_assembler_take(&l.a);
	assert_int_equal(t->gtid.seq, 2);
	assert_int_equal(t->end.pos, l.pos);
	assert_int_equal(t->end.last_pos, 0); /* nothing to be found again */
	change_txn_free(t);
	assert_false(damaged(&l, BINLOG_GTID) || damaged(&l, BINLOG_QUERY));
	assert_true(damaged(&l, BINLOG_XID)); /* of nothing */
	assert_true(gtid(&l, 3) && query(&l, "BEGIN") && xid(&l));
	expect(&l, CHANGE_TXN_ROWS, 0);
	log_clear(&l);
}

/* A table made by CREATE ... SELECT at a MariaDB that compresses its log; read on from behind the statement. */
static void
rows_behind_a_compressed_create_are_read_on_from(void **state)
{
	static const char sql[] =
	    "CREATE TABLE c (a INT, note VARCHAR(100) DEFAULT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')";
	struct lt_buf body = { 0 }, event = { 0 };
	uLongf packed = compressBound(sizeof(sql) - 1);
	struct binlog_event e;
	struct log l;

	(void)state;
	log_init(&l);
	query_body(&body, LT_STR(""), "s", "");
	lt_buf_c(&body, (char)0x81);
	lt_buf_c(&body, (char)(sizeof(sql) - 1));
	assert_int_equal(
	    compress((Bytef *)lt_buf_reserve(&body, packed), &packed, (const Bytef *)sql, sizeof(sql) - 1), Z_OK);
	body.len += packed;
	put_event(&event, BINLOG_MARIADB_QUERY_COMPRESSED, 0, 4, lt_buf_str(&body));
	assert_true(binlog_event_open(lt_buf_str(&event), BINLOG_CHECKSUM_CRC32, &e, NULL));

	assert_true(binlog_assembler_behind(&l.a, &e, &l.err));
	assert_true(map(&l, 7, "c") && insert(&l, 7, 2) && xid(&l));
	expect(&l, CHANGE_TXN_ROWS, 2);
	lt_buf_free(&body);
	lt_buf_free(&event);
	log_clear(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transaction_comes_whole_with_its_end),
		cmocka_unit_test(groups_may_end_in_commit_and_begin_without_gtid),
		cmocka_unit_test(when_it_was_written_is_told_as_each_replica_has_it),
		cmocka_unit_test(rolled_back_transactions_leave_their_id_only),
		cmocka_unit_test(rows_behind_a_savepoint_go_with_it),
		cmocka_unit_test(what_nobody_wants_moves_the_place),
		cmocka_unit_test(statements_come_alone_and_select_brings_rows),
		cmocka_unit_test(a_two_phase_alter_counts_once),
		cmocka_unit_test(the_filters_refusal_stops),
		cmocka_unit_test(r14_xa_rows_come_with_the_commit),
		cmocka_unit_test(unknown_events_stop_unless_they_may_be_ignored),
		cmocka_unit_test(partial_updates_are_read_only_where_wanted),
		cmocka_unit_test(rows_need_a_transaction_and_a_map_of_it),
		cmocka_unit_test(a_new_file_drops_what_was_never_ended),
		cmocka_unit_test(what_was_applied_before_is_passed_over),
		cmocka_unit_test(too_large_a_transaction_is_told),
		cmocka_unit_test(tables_of_one_transaction_have_a_limit),
		cmocka_unit_test(who_looks_for_a_place_sees_every_transaction_and_nothing_in_it),
		cmocka_unit_test(who_looks_for_a_place_passes_damage_that_begins_nothing),
		cmocka_unit_test(rows_behind_a_compressed_create_are_read_on_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
