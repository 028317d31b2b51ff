#include "binlog/table_map.h"

#include "binlog/column.h"
#include "vectors.h"

static struct change_table *
decode(struct lt_str body, bool mariadb)
{
	struct change_table *t = NULL;
	struct lt_err err = { 0 };

	assert_true(binlog_table_map_decode(body, 6, mariadb, &t, &err));
	assert_non_null(t);
	return t;
}

static void
names_without_decoding(void **state)
{
	struct lt_str body = vectors_literal("row_event_test.go", 895);
	struct binlog_table_name name = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	assert_true(binlog_table_map_name(body, 6, &name, &err));
	assert_int_equal(name.table_id, 0x6c);
	assert_true(lt_str_eqz(name.schema, "test"));
	assert_true(lt_str_eqz(name.table, "_prim"));
	for (size_t n = 0; n < 6 + 2 + 6 + 7; n++) {
		struct lt_str cut = vectors_cut(body, n);

		assert_false(binlog_table_map_name(cut, 6, &name, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
		vectors_free(cut);
	}
	vectors_free(body);
}

static void
columns_of_every_type(void **state)
{
	struct lt_str body = vectors_literal("row_event_test.go", 844);
	struct change_table *t = decode(body, false);
	const struct change_column *c = t->columns;

	(void)state;
	assert_true(t->named);
	assert_ptr_equal(t->codec, binlog_codec());
	assert_int_equal(t->ncolumns, 42);
	assert_true(lt_str_eqz(c[0].name, "b_bit"));
	assert_int_equal(c[0].kind, CHANGE_BIT);
	assert_int_equal(c[0].length, 64);
	assert_int_equal(c[6].kind, CHANGE_INT);
	assert_true(lt_str_eqz(c[14].name, "nu_bigint"));
	assert_int_equal(c[14].kind, CHANGE_UINT);
	assert_true(c[15].is_unsigned);
	assert_int_equal(c[15].precision, 65);
	assert_int_equal(c[15].scale, 30);
	assert_true(lt_str_eqz(c[23].name, "t_fdatetime"));
	assert_int_equal(c[23].scale, 6);
	assert_int_equal(c[26].kind, CHANGE_TEXT); /* CHAR(255) utf8mb4 */
	assert_int_equal(c[26].length, 1020);
	assert_int_equal(c[26].collation, 224);
	assert_int_equal(c[28].kind, CHANGE_BYTES);
	assert_int_equal(c[28].length, 64);
	assert_int_equal(c[38].wire_type, BINLOG_COL_ENUM);
	assert_int_equal(c[38].nmembers, 2);
	assert_true(lt_str_eqz(c[38].members[1], "b"));
	assert_int_equal(c[38].collation, 224);
	assert_int_equal(c[39].nmembers, 2);
	assert_int_equal(c[40].kind, CHANGE_GEOMETRY);
	assert_int_equal(c[41].kind, CHANGE_JSON);
	change_table_unref(t);
	vectors_free(body);
}

static void
without_names_signs_and_collations(void **state)
{
	struct lt_str body = vectors_literal("row_event_test.go", 842);
	struct change_table *t = decode(body, false);

	(void)state;
	assert_false(t->named);
	assert_int_equal(t->columns[14].kind, CHANGE_INT);
	assert_int_equal(t->columns[30].kind, CHANGE_TEXT);
	assert_int_equal(t->columns[30].collation, 0);
	assert_int_equal(t->columns[0].name.len, 0);
	change_table_unref(t);
	vectors_free(body);
}

static void
refuses_truncations_and_leaves_the_result_alone(void **state)
{
	struct lt_str body = vectors_literal("row_event_test.go", 844);
	size_t whole = 0;

	(void)state;
	for (size_t n = 0; n < body.len; n++) {
		struct change_table *t = NULL;
		struct lt_err err = { 0 };
		struct lt_str cut = vectors_cut(body, n);

		if (binlog_table_map_decode(cut, 6, false, &t, &err)) {
			whole++; /* cut between two optional fields */
			change_table_unref(t);
		} else {
			assert_log_fault(&err);
			assert_null(t);
		}
		vectors_free(cut);
	}
	assert_int_equal(whole, 7);
	vectors_free(body);
}

static void
refuses_more_columns_than_a_server_has(void **state)
{
	struct lt_buf body = { 0 };
	struct change_table *t = NULL;
	struct lt_err err = { 0 };

	(void)state;
	lt_buf_le(&body, 1, 6);
	lt_buf_le(&body, 0, 2);
	lt_buf_add(&body, "\x01s\0\x01t\0", 6);
	lt_buf_lenenc(&body, 5000);
	memset(lt_buf_reserve(&body, 6000), 1, 6000);
	body.len += 6000;
	assert_false(binlog_table_map_decode(lt_buf_str(&body), 6, false, &t, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
	assert_string_equal(err.where.table, "s.t");
	lt_buf_free(&body);
}

static void
narrow_table_ids(void **state)
{
	static const char body[] = "\x2a\0\0\0\1\0\1s\0\1t\0\1\3\0\1";
	struct binlog_table_name name = { 0 };
	struct change_table *t = NULL;
	struct lt_err err = { 0 };

	(void)state;
	assert_true(binlog_table_map_name(lt_str_of(body, sizeof(body) - 1), 4, &name, &err));
	assert_int_equal(name.table_id, 42);
	assert_true(binlog_table_map_decode(lt_str_of(body, sizeof(body) - 1), 4, false, &t, &err));
	assert_true(t->columns[0].nullable);
	change_table_unref(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_without_decoding),
		cmocka_unit_test(columns_of_every_type),
		cmocka_unit_test(without_names_signs_and_collations),
		cmocka_unit_test(refuses_truncations_and_leaves_the_result_alone),
		cmocka_unit_test(refuses_more_columns_than_a_server_has),
		cmocka_unit_test(narrow_table_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
