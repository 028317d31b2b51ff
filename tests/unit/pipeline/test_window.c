#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "pipeline/window.h"

static void
at(struct change_position *p, const char *file, uint64_t pos, const char *gtids)
{
	struct lt_err err = { 0 };
	struct change_gtid_set *set = NULL;

	change_position_init(p);
	assert_true(change_gtid_set_parse(lt_str_z(gtids), &set, &err));
	change_gtid_set_free(p->gtids);
	p->gtids = set;
	lt_str_copy(p->server, sizeof(p->server), LT_STR("one"));
	lt_str_copy(p->place.file, sizeof(p->place.file), lt_str_z(file));
	p->place.pos = pos;
	p->place.last_pos = pos - 31;
	p->place.last_crc = (uint32_t)pos;
}

static void
add(struct lt_buf *text, const char *from_gtids, uint64_t from, const char *to_gtids, uint64_t to)
{
	struct change_position begin, end;

	at(&begin, from > 500 ? "log.000010" : "log.000009", from, from_gtids);
	at(&end, "log.000010", to, to_gtids);
	pipeline_window_line(&begin, &end, text);
	change_position_clear(&begin);
	change_position_clear(&end);
}

/* A transaction of MariaDB's domain 0 (0: none) that ends there. */
static struct change_txn *
txn(uint64_t seq, const char *file, uint64_t pos)
{
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);

	if (seq > 0)
		t->gtid = (struct change_gtid){ .kind = CHANGE_GTID_MARIADB, .domain = 0, .server_id = 1, .seq = seq };
	lt_str_copy(t->end.file, sizeof(t->end.file), lt_str_z(file));
	t->end.pos = pos;
	t->end.last_crc = (uint32_t)pos;
	return t;
}

/* 1 held, 0 not, -1 another history. */
static int
holds(const struct pipeline_window *w, struct change_txn *t)
{
	struct lt_err err = { 0 };
	bool held = false, ok = pipeline_window_holds(w, "one", t, &held, &err);

	change_txn_free(t);
	if (!ok)
		assert_int_equal(err.code, LT_E_LOG_HISTORY);
	return ok ? held : -1;
}

static void
groups_are_known_by_their_ids(void **state)
{
	struct pipeline_window w = { 0 };
	struct lt_buf text = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	add(&text, "0-1-5", 500, "0-1-8", 800);
	add(&text, "0-1-10", 1000, "0-1-11", 1100);
	assert_true(pipeline_window_parse(&w, "one", lt_buf_str(&text), &err));
	assert_int_equal(w.count, 2);
	assert_int_equal(holds(&w, txn(5, "log.000009", 500)), 0);
	assert_int_equal(holds(&w, txn(6, "log.000009", 600)), 1);
	assert_int_equal(holds(&w, txn(8, "log.000010", 800)), 1);
	assert_int_equal(holds(&w, txn(9, "log.000010", 900)), 0);
	assert_int_equal(holds(&w, txn(11, "log.000010", 1100)), 1);
	assert_int_equal(holds(&w, txn(12, "log.000010", 1200)), 0);
	pipeline_window_clear(&w);
	lt_buf_free(&text);
}

static void
numbers_of_mariadb_need_not_ascend(void **state)
{
	struct pipeline_window w = { 0 };
	struct lt_buf text = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	add(&text, "0-2-50", 1000, "0-1-61", 1100);
	add(&text, "0-1-100", 2000, "0-2-60", 2100);
	assert_true(pipeline_window_parse(&w, "one", lt_buf_str(&text), &err));
	assert_int_equal(holds(&w, txn(60, "log.000010", 900)), 0); /* in front of the first group */
	assert_int_equal(holds(&w, txn(61, "log.000010", 1100)), 1);
	assert_int_equal(holds(&w, txn(45, "log.000010", 2050)), 1); /* in the second */
	pipeline_window_clear(&w);
	lt_buf_free(&text);
}

static void
without_ids_groups_are_known_by_their_place(void **state)
{
	struct pipeline_window w = { 0 };
	struct lt_buf text = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	add(&text, "", 500, "", 800);
	assert_true(pipeline_window_parse(&w, "one", lt_buf_str(&text), &err));
	assert_int_equal(holds(&w, txn(0, "log.000009", 500)), 0);
	assert_int_equal(holds(&w, txn(0, "log.000009", 501)), 1);
	assert_int_equal(holds(&w, txn(0, "log.000010", 800)), 1);
	assert_int_equal(holds(&w, txn(0, "log.000010", 801)), 0);
	pipeline_window_clear(&w);
	lt_buf_free(&text);
}

static void
r13_another_transaction_in_the_place_is_noticed(void **state)
{
	struct pipeline_window w = { 0 };
	struct lt_buf text = { 0 };
	struct lt_err err = { 0 };
	struct change_txn *other = txn(8, "log.000010", 800);

	(void)state;
	add(&text, "0-1-5", 500, "0-1-8", 800);
	assert_true(pipeline_window_parse(&w, "one", lt_buf_str(&text), &err));
	other->end.last_crc++;
	assert_int_equal(holds(&w, other), -1);
	assert_int_equal(holds(&w, txn(7, "log.000010", 900)), -1); /* the same id behind the group's end */
	pipeline_window_clear(&w);
	lt_buf_free(&text);
}

static void
what_the_progress_covers_is_told_no_more(void **state)
{
	struct pipeline_window w = { 0 };
	struct lt_buf text = { 0 }, left = { 0 };
	struct lt_err err = { 0 };
	struct change_position here;

	(void)state;
	add(&text, "0-1-5", 500, "0-1-8", 800);
	add(&text, "0-1-10", 1000, "0-1-11", 1100);
	assert_true(pipeline_window_parse(&w, "one", lt_buf_str(&text), &err));
	at(&here, "log.000010", 800, "0-1-8");
	pipeline_window_text(&w, &here, &left);
	pipeline_window_clear(&w);
	assert_true(pipeline_window_parse(&w, "one", lt_buf_str(&left), &err));
	assert_int_equal(w.count, 1);
	assert_int_equal(w.items[0].end.place.pos, 1100);
	assert_int_equal(w.items[0].end.place.last_pos, 1069);
	lt_buf_clear(&left);
	lt_str_copy(here.server, sizeof(here.server), LT_STR("another")); /* whose places say nothing */
	pipeline_window_text(&w, &here, &left);
	assert_int_not_equal(left.len, 0);
	change_gtid_set_free(here.gtids);
	assert_true(change_gtid_set_parse(LT_STR("0-1-11"), &here.gtids, &err));
	lt_buf_clear(&left);
	pipeline_window_text(&w, &here, &left);
	assert_int_equal(left.len, 0);
	pipeline_window_clear(&w);
	lt_buf_clear(&text);
	add(&text, "", 500, "", 800); /* nor does it say what was executed */
	assert_true(pipeline_window_parse(&w, "one", lt_buf_str(&text), &err));
	pipeline_window_text(&w, &here, &left);
	assert_int_not_equal(left.len, 0);
	change_position_clear(&here);
	pipeline_window_clear(&w);
	lt_buf_free(&text);
	lt_buf_free(&left);
}

/* As long as a start by GTID has not met all that was executed before. */
static void
without_places_groups_are_known_by_their_ids(void **state)
{
	struct pipeline_window w = { 0 };
	struct lt_buf text = { 0 }, left = { 0 };
	struct lt_err err = { 0 };
	struct change_position begin, end, here;

	(void)state;
	at(&begin, "", 31, "0-1-5");
	at(&end, "", 31, "0-1-8");
	at(&here, "", 31, "0-1-4");
	pipeline_window_line(&begin, &end, &text);
	assert_true(pipeline_window_parse(&w, "one", lt_buf_str(&text), &err));
	pipeline_window_text(&w, &here, &left);
	assert_true(lt_str_eq(lt_buf_str(&left), lt_buf_str(&text)));
	assert_int_equal(holds(&w, txn(5, "", 31)), 0);
	assert_int_equal(holds(&w, txn(6, "", 31)), 1);
	assert_int_equal(holds(&w, txn(8, "log.000010", 800)), 1); /* known by now */
	assert_int_equal(holds(&w, txn(9, "log.000010", 900)), 0);
	change_position_clear(&begin);
	change_position_clear(&end);
	change_position_clear(&here);
	pipeline_window_clear(&w);
	lt_buf_free(&text);
	lt_buf_free(&left);
}

/* Progress that went over to another server's log: what was done ahead stays of the first one's. */
static void
groups_keep_the_log_that_they_are_of(void **state)
{
	struct pipeline_window w = { 0 };
	struct lt_buf text = { 0 }, left = { 0 };
	struct lt_err err = { 0 };
	struct change_position here;

	(void)state;
	add(&text, "0-1-5", 500, "0-1-8", 800);
	assert_true(pipeline_window_parse(&w, "one", lt_buf_str(&text), &err));
	at(&here, "log.000010", 900, "0-1-5");
	lt_str_copy(here.server, sizeof(here.server), LT_STR("another"));
	pipeline_window_text(&w, &here, &left);
	pipeline_window_clear(&w);
	assert_true(pipeline_window_parse(&w, "another", lt_buf_str(&left), &err));
	assert_int_equal(w.count, 1);
	assert_string_equal(w.items[0].begin.server, "one");
	assert_string_equal(w.items[0].end.server, "one");
	lt_buf_clear(&left);
	lt_str_copy(here.server, sizeof(here.server), LT_STR("one")); /* there again */
	here.place.pos = 700;
	pipeline_window_text(&w, &here, &left);
	assert_true(lt_str_eq(lt_buf_str(&left), lt_buf_str(&text)));
	change_position_clear(&here);
	pipeline_window_clear(&w);
	lt_buf_free(&text);
	lt_buf_free(&left);
}

static void
text_that_cannot_be_read_is_refused(void **state)
{
	struct lt_buf text = { 0 };

	(void)state;
	add(&text, "0-1-5", 500, "0-1-8", 800);
	for (size_t n = 1; n + 8 < text.len; n++) {
		struct pipeline_window w = { 0 };
		struct lt_err err = { 0 };

		if (!pipeline_window_parse(&w, "one", lt_str_of(text.ptr, n), &err))
			assert_int_not_equal(err.code, LT_OK);
		else
			assert_true(n > 40); /* the last field alone may be shorter */
		pipeline_window_clear(&w);
	}
	lt_buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_known_by_their_ids),
		cmocka_unit_test(numbers_of_mariadb_need_not_ascend),
		cmocka_unit_test(without_ids_groups_are_known_by_their_place),
		cmocka_unit_test(r13_another_transaction_in_the_place_is_noticed),
		cmocka_unit_test(what_the_progress_covers_is_told_no_more),
		cmocka_unit_test(without_places_groups_are_known_by_their_ids),
		cmocka_unit_test(groups_keep_the_log_that_they_are_of),
		cmocka_unit_test(text_that_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
