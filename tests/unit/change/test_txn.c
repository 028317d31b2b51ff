#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "change/txn.h"

static void
rows_keep_their_order_and_tables_one_reference(void **state)
{
	struct change_table *a = change_table_new(), *b = change_table_new();
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		change_txn_add_row(t, i % 3 == 0 ? a : b)->event = i;
	assert_int_equal(t->nrows, 1000);
	assert_int_equal(t->ntables, 2);
	assert_int_equal(a->refs, 2);
	assert_int_equal(b->refs, 2);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(t->rows[i].event, i);
		assert_ptr_equal(t->rows[i].table, i % 3 == 0 ? a : b);
		assert_null(t->rows[i].after.bytes.ptr);
	}
	assert_true(change_txn_bytes(t) >= 1000 * sizeof(struct change_row));
	change_txn_free(t);
	assert_int_equal(a->refs, 1);
	change_table_unref(a);
	change_table_unref(b);
	change_txn_free(NULL);
}

/* What a transaction is said to take bounds how many of them share a group. */
static void
a_small_one_takes_little(void **state)
{
	struct change_table *table = change_table_new();
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);
	size_t before = change_txn_bytes(t);

	(void)state;
	for (int i = 0; i < 4; i++)
		change_txn_add_row(t, table)->after.bytes = lt_arena_str(t->arena, LT_STR("a row of some length"));
	assert_int_equal(change_txn_bytes(t), before);
	assert_true(before < sizeof(*t) + 4096);
	lt_arena_alloc(t->arena, 10000);
	assert_true(change_txn_bytes(t) >= before + 10000);
	change_txn_drop_rows(t);
	assert_int_equal(change_txn_bytes(t), before);
	change_txn_free(t);
	change_table_unref(table);
}

static struct change_txn *
with_images(struct change_txn_like *like, const struct change_table *table, size_t rows, size_t each)
{
	struct change_txn *t = change_txn_new_like(CHANGE_TXN_ROWS, like);

	for (size_t i = 0; i < rows; i++)
		change_txn_add_row(t, table)->after.bytes = lt_str_of(lt_arena_zalloc(t->arena, each), each);
	change_txn_note_like(like, t);
	return t;
}

/* Memory as the last ones needed it: one more of their kind takes that and no more. */
static void
memory_is_as_the_last_ones_needed_it(void **state)
{
	struct change_table *table = change_table_new();
	struct change_txn_like like = { 0 };
	size_t large, small;

	(void)state;
	change_txn_free(with_images(&like, table, 4, 300));
	large = like.bytes;
	assert_in_range(large, 4 * (300 + sizeof(struct change_row)), 4 * (300 + sizeof(struct change_row)) + 64);
	for (int i = 0; i < 3; i++) {
		struct change_txn *t = with_images(&like, table, 4, 300);

		assert_int_equal(change_txn_bytes(t), sizeof(*t) + large);
		change_txn_free(t);
	}
	for (int i = 0; i < 100; i++)
		change_txn_free(with_images(&like, table, 1, 8));
	small = like.bytes;
	assert_in_range(small, 100, 512);
	change_txn_free(with_images(&like, table, 4, 300));
	assert_int_equal(like.bytes, large);

	/* One that is larger than most, and the few behind it. */
	change_txn_free(with_images(&like, table, 1000, 300));
	assert_int_equal(like.bytes, 4096);
	for (int i = 0; i < 3; i++) {
		struct change_txn *t = with_images(&like, table, 1, 8);

		assert_true(change_txn_bytes(t) <= sizeof(*t) + 4096);
		change_txn_free(t);
	}
	change_table_unref(table);
}

static void
an_errors_place_is_where_it_begins(void **state)
{
	struct change_txn *t = change_txn_new(CHANGE_TXN_DDL);
	struct lt_where where = { 0 };

	(void)state;
	lt_str_copy(t->file, sizeof(t->file), LT_STR("log.000003"));
	t->pos = 4711;
	t->gtid = (struct change_gtid){ .kind = CHANGE_GTID_MARIADB, .domain = 1, .server_id = 2, .seq = 3 };
	change_txn_where(t, &where);
	assert_string_equal(where.file, "log.000003");
	assert_string_equal(where.gtid, "1-2-3");
	assert_int_equal(where.pos, 4711);
	change_txn_free(t);
}

static void
progress_moves_over_what_was_passed_too(void **state)
{
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);
	struct change_position p;
	struct lt_buf text = { 0 };

	(void)state;
	change_position_init(&p);
	t->gtid = (struct change_gtid){ .kind = CHANGE_GTID_MARIADB, .server_id = 1, .seq = 9 };
	assert_true(change_gtid_set_parse(LT_STR("0-1-8,5-1-3"), &t->passed, NULL));
	lt_str_copy(t->end.file, sizeof(t->end.file), LT_STR("log.000003"));
	t->end.pos = 4711;
	change_txn_advance(t, &p);
	change_txn_free(t);
	t = change_txn_new(CHANGE_TXN_PLACE);
	t->end.pos = 4;
	assert_true(change_gtid_set_parse(LT_STR("5-1-4"), &t->passed, NULL));
	change_txn_advance(t, &p);
	change_txn_free(t);
	change_position_json(&p, &text);
	assert_string_equal(lt_buf_cstr(&text), "{\"file\":\"\",\"pos\":4,\"gtid\":\"0-1-9,5-1-4\"}");
	change_position_clear(&p);
	lt_buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_keep_their_order_and_tables_one_reference),
		cmocka_unit_test(a_small_one_takes_little),
		cmocka_unit_test(memory_is_as_the_last_ones_needed_it),
		cmocka_unit_test(an_errors_place_is_where_it_begins),
		cmocka_unit_test(progress_moves_over_what_was_passed_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
