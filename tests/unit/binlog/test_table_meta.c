#include "binlog/table_meta.h"

#include "binlog/column.h"
#include "vectors.h"

static void
types(struct change_column *columns, size_t n, const uint8_t *wire_types)
{
	memset(columns, 0, n * sizeof(*columns));
	for (size_t i = 0; i < n; i++)
		columns[i].wire_type = wire_types[i];
}

static bool
optional(struct lt_str fields, bool mariadb, struct change_column *columns, size_t n, struct lt_err *err)
{
	static struct change_table *t; /* holds the strings until the next call */

	change_table_unref(t);
	t = NULL;
	if (fields.ptr == NULL)
		return true;
	t = change_table_new();
	t->columns = columns;
	t->ncolumns = n;
	return binlog_table_meta_optional(lt_cur_str(fields), mariadb, t, columns, err);
}

/* VARCHAR, GEOMETRY, VECTOR, JSON, VARCHAR: only the first and last are characters to both engines. */
static void
engines_count_characters_differently(void **state)
{
	static const uint8_t list[] = { BINLOG_COL_VARCHAR, BINLOG_COL_GEOMETRY, BINLOG_COL_VECTOR, BINLOG_COL_JSON,
		BINLOG_COL_VARCHAR };
	struct change_column c[LT_COUNT(list)];
	struct lt_err err = { 0 };

	(void)state;
	types(c, LT_COUNT(list), list);
	assert_true(optional(LT_STR("\x03\x03\x2d\x3f\x1c"), false, c, LT_COUNT(list), &err));
	assert_int_equal(c[0].collation, 45);
	assert_int_equal(c[1].collation, 0);
	assert_int_equal(c[2].collation, 63);
	assert_int_equal(c[4].collation, 28);

	types(c, LT_COUNT(list), list);
	assert_true(optional(LT_STR("\x03\x03\x2d\x3f\x1c"), true, c, LT_COUNT(list), &err));
	assert_int_equal(c[1].collation, 63);
	assert_int_equal(c[2].collation, 0);
	assert_int_equal(c[4].collation, 28);
}

static void
a_default_collation_with_exceptions(void **state)
{
	static const uint8_t list[] = { BINLOG_COL_BLOB, BINLOG_COL_LONG, BINLOG_COL_STRING, BINLOG_COL_VARCHAR };
	struct change_column c[LT_COUNT(list)];
	struct lt_err err = { 0 };

	(void)state;
	types(c, LT_COUNT(list), list);
	assert_true(optional(LT_STR("\x02\x07\xfc\x01\x09\x01\x1c\x02\x3f"), false, c, LT_COUNT(list), &err));
	assert_int_equal(c[0].collation, 0x0901);
	assert_int_equal(c[1].collation, 0);
	assert_int_equal(c[2].collation, 28);
	assert_int_equal(c[3].collation, 63);
	assert_false(optional(LT_STR("\x02\x03\x2d\x09\x1c"), false, c, LT_COUNT(list), &err)); /* the tenth of three */
	assert_int_equal(err.code, LT_E_CORRUPT);
}

static void
year_takes_a_bit_among_the_signs(void **state)
{
	static const uint8_t list[] = { BINLOG_COL_YEAR, BINLOG_COL_TINY, BINLOG_COL_VARCHAR, BINLOG_COL_NEWDECIMAL };
	struct change_column c[LT_COUNT(list)];
	struct lt_err err = { 0 };

	(void)state;
	types(c, LT_COUNT(list), list);
	assert_true(optional(LT_STR("\x01\x01\xa0"), false, c, LT_COUNT(list), &err));
	assert_true(c[0].is_unsigned);
	assert_false(c[1].is_unsigned);
	assert_true(c[3].is_unsigned);
}

static void
members_become_utf8_where_their_character_set_is_known(void **state)
{
	static const struct lt_str gbk[] = { { "\xd6\xd0", 2 }, { "a", 1 } }, keybcs2[] = { { "\x81", 1 } };
	struct change_column c[] = {
		{ .wire_type = BINLOG_COL_ENUM, .collation = 28, .nmembers = 2, .members = gbk },
		{ .wire_type = BINLOG_COL_SET, .collation = 37, .nmembers = 1, .members = keybcs2 },
		{ .wire_type = BINLOG_COL_LONG },
	};
	struct change_table *t = change_table_new();

	(void)state;
	t->ncolumns = LT_COUNT(c);
	binlog_table_meta_members(t, c);
	assert_true(c[0].members_utf8 && !c[1].members_utf8 && !c[2].members_utf8);
	assert_true(lt_str_eqz(c[0].members[0], "\xe4\xb8\xad"));
	assert_true(lt_str_eqz(c[0].members[1], "a"));
	assert_ptr_equal(c[1].members, keybcs2);
	change_table_unref(t);
}

static void
members_go_by_type_and_unknown_fields_are_passed_over(void **state)
{
	static const uint8_t list[] = { BINLOG_COL_SET, BINLOG_COL_ENUM, BINLOG_COL_SET };
	struct change_column c[LT_COUNT(list)];
	struct lt_err err = { 0 };

	(void)state;
	types(c, LT_COUNT(list), list);
	assert_true(optional(LT_STR("\x80\x02??"
				    "\x06\x05\x02\x01x\x01y"
				    "\x05\x06\x01\x01"
				    "a\x01\x01"
				    "b"
				    "\x0c\x01\xe0"
				    "\x0b\x03\x08\x1c\x3f"),
	    true, c, LT_COUNT(list), &err));
	assert_true(lt_str_eqz(c[0].members[0], "a"));
	assert_int_equal(c[1].nmembers, 2);
	assert_true(lt_str_eqz(c[1].members[1], "y"));
	assert_true(lt_str_eqz(c[2].members[0], "b"));
	assert_int_equal(c[1].collation, 28);
}

/* The key (b(3), a), of three columns whose second one is invisible; then a log with names and no key. */
static void
the_key_and_what_is_invisible_are_told(void **state)
{
	static const uint8_t list[] = { BINLOG_COL_LONG, BINLOG_COL_VARCHAR, BINLOG_COL_LONG };
	static const struct lt_str wrong[] = { LT_STR("\x08\x01\x03"), LT_STR("\x09\x01\x01"), LT_STR("\x0c\x00") };
	struct change_column c[LT_COUNT(list)] = { 0 };
	struct change_table *t = change_table_new();
	struct lt_err err = { 0 };

	(void)state;
	types(c, LT_COUNT(list), list);
	t->columns = c;
	t->ncolumns = LT_COUNT(list);
	assert_true(binlog_table_meta_optional(lt_cur_str(LT_STR("\x04\x06\x01"
								 "a\x01"
								 "b\x01"
								 "c\x09\x04\x01\x03\x00\x00\x0c\x01\xa0")),
	    false, t, c, &err));
	assert_true(t->key_told && t->visibility_told);
	assert_int_equal(t->nkey, 2);
	assert_int_equal(t->key[0].column, 1);
	assert_int_equal(t->key[0].prefix, 3);
	assert_int_equal(t->key[1].column, 0);
	assert_int_equal(t->key[1].prefix, 0);
	assert_true(!c[0].invisible && c[1].invisible && !c[2].invisible);
	change_table_unref(t);

	t = change_table_new();
	t->columns = c;
	t->ncolumns = LT_COUNT(list);
	assert_true(binlog_table_meta_optional(lt_cur_str(LT_STR("\x08\x02\x02\x01")), true, t, c, &err));
	assert_true(t->key_told && t->nkey == 2 && t->key[0].column == 2 && !t->visibility_told);
	t->key_told = false;
	assert_true(binlog_table_meta_optional(lt_cur_str(LT_STR("\x04\x06\x01"
								 "a\x01"
								 "b\x01"
								 "c")),
	    true, t, c, &err));
	assert_true(t->key_told);
	for (size_t i = 0; i < LT_COUNT(wrong); i++) {
		assert_false(binlog_table_meta_optional(lt_cur_str(wrong[i]), true, t, c, &err));
		assert_int_equal(err.code, LT_E_CORRUPT);
	}
	change_table_unref(t);
}

static void
counts_beyond_the_bytes_are_refused(void **state)
{
	static const uint8_t list[] = { BINLOG_COL_ENUM };
	static const struct lt_str wrong[] = {
		LT_STR("\x06\x09\xfe\xff\xff\xff\xff\xff\xff\xff\xff"), /* 2^64 members */
		LT_STR("\x06\x02\x02\x00"),
		LT_STR("\x04\x02\x05x"),
		LT_STR("\x04\x00"),
		LT_STR("\x0b\x00"),
		LT_STR("\x01"),
		LT_STR("\x63\xff"),
		LT_STR("\x63\x05x"),
	};
	struct change_column c[LT_COUNT(list)];

	(void)state;
	for (size_t i = 0; i < LT_COUNT(wrong); i++) {
		struct lt_err err = { 0 };

		types(c, LT_COUNT(list), list);
		assert_false(optional(wrong[i], false, c, LT_COUNT(list), &err));
		assert_log_fault(&err);
	}
}

static void
real_types_stand_in_the_metadata(void **state)
{
	static const uint8_t list[] = { BINLOG_COL_STRING, BINLOG_COL_STRING, BINLOG_COL_STRING, BINLOG_COL_STRING,
		BINLOG_COL_NEWDECIMAL, BINLOG_COL_VARCHAR, BINLOG_COL_TYPED_ARRAY };
	struct change_column c[LT_COUNT(list)];
	struct lt_err err = { 0 };
	struct lt_str meta = LT_STR("\xce\xfc\xfe\x0a\xf7\x02\xf8\x08\x41\x1e\x2c\x01\x0f\x01\x02\x03");

	(void)state;
	types(c, LT_COUNT(list), list);
	assert_true(binlog_table_meta_types(lt_cur_str(meta), c, LT_COUNT(list), &err));
	assert_int_equal(c[0].wire_type, BINLOG_COL_STRING);
	assert_int_equal(c[0].wire_meta, 1020);
	assert_int_equal(c[1].wire_meta, 10);
	assert_int_equal(c[2].wire_type, BINLOG_COL_ENUM);
	assert_int_equal(c[3].wire_type, BINLOG_COL_SET);
	assert_int_equal(c[3].wire_meta, 8);
	assert_int_equal(c[4].wire_meta, 0x411e);
	assert_int_equal(c[5].wire_meta, 300);
	assert_int_equal(c[6].wire_meta, 4);
	for (size_t n = 0; n < meta.len; n++) {
		struct lt_str cut = vectors_cut(meta, n);

		types(c, LT_COUNT(list), list);
		assert_false(binlog_table_meta_types(lt_cur_str(cut), c, LT_COUNT(list), &err));
		assert_int_equal(err.code, LT_E_CORRUPT);
		vectors_free(cut);
	}
}

static void
behind_an_unknown_type_nothing_is_guessed(void **state)
{
	static const uint8_t list[] = { BINLOG_COL_VARCHAR, 99, BINLOG_COL_VARCHAR };
	struct change_column c[LT_COUNT(list)];
	struct lt_err err = { 0 };

	(void)state;
	types(c, LT_COUNT(list), list);
	assert_true(binlog_table_meta_types(lt_cur_str(LT_STR("\x0a\0\x0b\0")), c, LT_COUNT(list), &err));
	assert_int_equal(c[2].wire_meta, 11); /* it fits: that type has no metadata */
	types(c, LT_COUNT(list), list);
	assert_true(binlog_table_meta_types(lt_cur_str(LT_STR("\x0a\0\x05\x0b\0")), c, LT_COUNT(list), &err));
	assert_int_equal(c[0].wire_type, BINLOG_COL_VARCHAR);
	assert_int_not_equal(c[2].wire_type, BINLOG_COL_VARCHAR);
}

static int
end(void **state)
{
	(void)state;
	return optional((struct lt_str){ 0 }, false, NULL, 0, NULL) ? 0 : 1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engines_count_characters_differently),
		cmocka_unit_test(a_default_collation_with_exceptions),
		cmocka_unit_test(year_takes_a_bit_among_the_signs),
		cmocka_unit_test(members_become_utf8_where_their_character_set_is_known),
		cmocka_unit_test(members_go_by_type_and_unknown_fields_are_passed_over),
		cmocka_unit_test(the_key_and_what_is_invisible_are_told),
		cmocka_unit_test(counts_beyond_the_bytes_are_refused),
		cmocka_unit_test(real_types_stand_in_the_metadata),
		cmocka_unit_test(behind_an_unknown_type_nothing_is_guessed),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
