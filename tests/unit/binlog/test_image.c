#include "binlog/image.h"

#include "binlog/column.h"
#include "binlog/table_map.h"
#include "vectors.h"

static const struct change_column columns[] = {
	{ .wire_type = BINLOG_COL_LONG, .kind = CHANGE_INT },
	{ .wire_type = BINLOG_COL_VARCHAR, .wire_meta = 10, .kind = CHANGE_TEXT, .name = { "note", 4 } },
	{ .wire_type = BINLOG_COL_TINY, .kind = CHANGE_INT },
};
static const struct change_table table = {
	.schema = { "s", 1 }, .name = { "t", 1 }, .ncolumns = LT_COUNT(columns), .columns = columns
};

/** The same table with its widths worked out, as a TABLE_MAP gives it, and as it stands. */
static struct change_column measured_columns[LT_COUNT(columns)];
static struct change_table measured;
static const struct change_table *in_hand = &table;

static void
measure(void)
{
	memcpy(measured_columns, columns, sizeof(columns));
	binlog_column_measure(measured_columns, LT_COUNT(columns));
	assert_true(measured_columns[1].wire.known);
	assert_int_equal(measured_columns[0].wire.run, 1);
	measured = table;
	measured.columns = measured_columns;
}

static bool
decode(struct lt_str bytes, const uint8_t *present, struct change_value *out, struct lt_err *err)
{
	struct change_image image = { .bytes = bytes, .present = present };
	struct lt_arena *arena = lt_arena_new();
	bool ok = binlog_codec()->decode(in_hand, &image, arena, out, err);

	lt_arena_free(arena);
	return ok;
}

static void
null_bits_count_present_columns_only(void **state)
{
	static const uint8_t present[] = { 0x05 };
	struct change_value v[LT_COUNT(columns)];
	struct lt_err err = { 0 };

	(void)state;
	assert_int_equal(binlog_image_columns(in_hand, present), 2);
	assert_true(decode(LT_STR("\x02\x07\0\0\0"), present, v, &err)); /* the second one present, column 3, is NULL */
	assert_int_equal(v[0].i64, 7);
	assert_int_equal(v[1].kind, CHANGE_ABSENT);
	assert_int_equal(v[2].kind, CHANGE_NULL);
}

static void
the_whole_image_or_an_error_with_its_column(void **state)
{
	struct lt_str bytes = LT_STR("\0\x07\0\0\0\x02"
				     "ab\xff");
	struct change_value v[LT_COUNT(columns)];
	struct lt_err err = { 0 };

	(void)state;
	assert_true(decode(bytes, NULL, v, &err));
	assert_true(lt_str_eqz(v[1].bytes, "ab"));
	assert_int_equal(v[2].i64, -1);
	for (size_t n = 0; n < bytes.len; n++) {
		struct lt_str cut = vectors_cut(bytes, n);

		err = (struct lt_err){ 0 };
		assert_false(decode(cut, NULL, v, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
		assert_string_equal(err.where.table, "s.t");
		if (n == 6)
			assert_non_null(strstr(err.message, "column 2 note"));
		vectors_free(cut);
	}
	err = (struct lt_err){ 0 };
	assert_false(decode(LT_STR("\0\x07\0\0\0\0\xff?"), NULL, v, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
}

static void
taking_measures_as_decoding_does(void **state)
{
	struct lt_str bytes = LT_STR("\0\x07\0\0\0\x02"
				     "ab\xff"
				     "\x07");
	struct lt_cur in = lt_cur_str(bytes);
	struct lt_str image = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	assert_true(binlog_image_take(in_hand, NULL, LT_COUNT(columns), &in, &image, &err));
	assert_int_equal(image.len, 9);
	assert_true(binlog_image_take(in_hand, NULL, LT_COUNT(columns), &in, &image, &err)); /* all NULL */
	assert_int_equal(image.len, 1);
	assert_false(binlog_image_take(in_hand, NULL, LT_COUNT(columns), &in, &image, &err));
	assert_int_equal(image.len, 1); /* untouched */
}

static void
worked_out_or_not_is_the_same(void **state)
{
	measure();
	in_hand = &measured;
	null_bits_count_present_columns_only(state);
	the_whole_image_or_an_error_with_its_column(state);
	taking_measures_as_decoding_does(state);
	in_hand = &table;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_bits_count_present_columns_only),
		cmocka_unit_test(the_whole_image_or_an_error_with_its_column),
		cmocka_unit_test(taking_measures_as_decoding_does),
		cmocka_unit_test(worked_out_or_not_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
