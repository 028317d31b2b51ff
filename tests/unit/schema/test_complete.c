#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "make.h"
#include "schema/history.h"

static struct change_table *
make_log(const struct change_column *columns, size_t n, bool named)
{
	struct change_table *t = change_table_new();

	t->schema = LT_STR("s");
	t->name = LT_STR("t");
	t->columns = columns;
	t->ncolumns = n;
	t->named = named;
	return t;
}

static void
fills_in_what_a_log_without_metadata_leaves_open(void **state)
{
	static const char *const known_columns[] = { "id|bigint unsigned||", "e|enum('a','b')|latin1|",
		"x|varchar(3)|gbk|n", "b|binary(4)||", "m|vector(2)||", "u|uuid||", "d|datetime(3)||", NULL };
	static const struct change_column columns[] = {
		{ .wire_type = 8, .kind = CHANGE_INT },
		{ .wire_type = 247, .kind = CHANGE_ENUM },
		{ .wire_type = 15, .kind = CHANGE_TEXT, .length = 6 },
		{ .wire_type = 254, .kind = CHANGE_TEXT, .length = 4 },
		{ .wire_type = 15, .kind = CHANGE_TEXT, .length = 8 },
		{ .wire_type = 254, .kind = CHANGE_TEXT, .length = 16 },
		{ .wire_type = 12, .kind = CHANGE_DATETIME },
	};
	struct schema_table *known = make_table(known_columns);
	struct change_table *log = make_log(columns, LT_COUNT(columns), false);
	struct lt_err err = { 0 };

	(void)state;
	assert_true(schema_complete(known, log, &err));
	schema_table_free(known); /* nothing of it may be borrowed */
	assert_true(log->named);
	assert_true(log->columns[0].is_unsigned);
	assert_int_equal(log->columns[0].kind, CHANGE_UINT);
	assert_true(lt_str_eqz(log->columns[0].name, "id"));
	assert_int_equal(log->columns[1].nmembers, 2);
	assert_true(lt_str_eqz(log->columns[1].members[1], "b"));
	assert_int_equal(log->columns[2].kind, CHANGE_TEXT);
	assert_true(lt_str_eqz(log->columns[2].charset, "gbk"));
	assert_int_equal(log->columns[3].kind, CHANGE_BYTES);
	assert_int_equal(log->columns[4].kind, CHANGE_VECTOR);
	assert_int_equal(log->columns[5].kind, CHANGE_BYTES);
	assert_int_equal(log->columns[6].scale, 3); /* MariaDB's old form: only the schema tells */
	change_table_unref(log);
}

static void
passes_over_hidden_columns(void **state)
{
	static const char *const known_columns[] = { "id|int||v", "z|int||n", NULL };
	static const struct change_column named[] = {
		{ .name = { "id", 2 }, .wire_type = 3 },
		{ .name = { "row_start", 9 }, .wire_type = 17 },
		{ .name = { "row_end", 7 }, .wire_type = 17 },
		{ .name = { "z", 1 }, .wire_type = 3 },
	};
	static const struct change_column nameless[] = { { .wire_type = 3 }, { .wire_type = 3 },
		{ .wire_type = 17, .scale = 6 }, { .wire_type = 17, .scale = 6 } };
	struct schema_table *known = make_table(known_columns);
	struct change_table *log = make_log(named, LT_COUNT(named), true);
	struct lt_err err = { 0 };

	(void)state;
	assert_true(schema_complete(known, log, &err));
	assert_true(log->columns[1].hidden && log->columns[2].hidden && !log->columns[3].hidden);
	change_table_unref(log);
	log = make_log(nameless, LT_COUNT(nameless), false);
	assert_true(schema_complete(known, log, &err));
	assert_true(log->columns[2].hidden && log->columns[3].hidden && !log->columns[1].hidden);
	change_table_unref(log);
	schema_table_free(known);
}

static void
refuses_what_is_not_in_the_snapshot(void **state)
{
	struct change_table *log = make_log(NULL, 0, false);
	struct lt_err err = { 0 };

	(void)state;
	assert_false(schema_complete(NULL, log, &err));
	assert_int_equal(err.code, LT_E_SCHEMA_MISMATCH);
	assert_string_equal(err.where.table, "s.t");
	change_table_unref(log);
}

/* One column at both ends; every one of these must be noticed, and leave the draft as it was. */
static const struct {
	const char *known;
	struct change_column log;
	const char *what;
} mismatches[] = {
	{ "c|int||", { .wire_type = 8 }, "type 8" },
	{ "c|int||", { .name = { "d", 1 }, .wire_type = 3 }, "column d in its place" },
	{ "c|int||", { .wire_type = 3, .is_unsigned = true }, "unsigned" },
	{ "c|decimal(10,2)||", { .wire_type = 246, .precision = 10, .scale = 3 }, "decimal(10,3)" },
	{ "c|datetime(3)||", { .wire_type = 18, .scale = 0 }, "0 fraction digits" },
	{ "c|bit(8)||", { .wire_type = 16, .length = 9 }, "bit(9)" },
	{ "c|varchar(3)|utf8|", { .wire_type = 15, .length = 12 }, "at most 12 bytes" },
	{ "c|varchar(3)|utf8|", { .wire_type = 15, .length = 9, .collation = 45 }, "utf8mb4" },
	{ "c|varbinary(3)||", { .wire_type = 15, .length = 3, .collation = 45 }, "text" },
	{ "c|varchar(3)|latin1|", { .wire_type = 15, .length = 3, .collation = 63 }, "binary" },
	{ "c|binary(3)||", { .wire_type = 254, .length = 4 }, "at most 4 bytes" },
	{ "c|text|latin1|", { .wire_type = 252, .wire_meta = 3 }, "a length of 3 bytes" },
	{ "c|json||", { .wire_type = 252, .wire_meta = 4 }, "type 252" },
	{ "c|uuid||", { .wire_type = 254, .length = 4 }, "at most 4 bytes" },
	{ "c|vector(3)||", { .wire_type = 15, .length = 8 }, "at most 8 bytes" },
	{ "c|enum('a')|utf8mb4|", { .wire_type = 247, .nmembers = 1, .members = &(const struct lt_str){ "b", 1 } },
	    "'b'" },
	{ "c|int unsigned||", { .wire_type = 3 }, "a signed number" },
	{ "c|int||", { .wire_type = 3, .invisible = true }, "an invisible column" },
	{ "c|enum('\xc3\xbc','a')|latin1|",
	    { .wire_type = 247,
		.nmembers = 2,
		.members = (const struct lt_str[]){ { "a", 1 }, { "\xc3\xbc", 2 } },
		.members_utf8 = true,
		.collation = 8 },
	    "'a' as member 1" },
	{ "c|enum('\xc3\xbc','a')|keybcs2|",
	    { .wire_type = 247, .nmembers = 2, .members = (const struct lt_str[]){ { "\x81", 1 }, { "b", 1 } } },
	    "'b' as member 2" },
	{ "c|enum('a','b')|utf8mb4|", { .wire_type = 247, .nmembers = 1, .members = &(const struct lt_str){ "a", 1 } },
	    "1 members" },
};

static void
refuses_every_difference_and_leaves_the_draft(void **state)
{
	(void)state;
	for (size_t i = 0; i < LT_COUNT(mismatches); i++) {
		const char *const columns[] = { mismatches[i].known, NULL };
		struct schema_table *known = make_table(columns);
		struct change_table *log = make_log(&mismatches[i].log, 1, false);
		struct lt_err err = { 0 };

		log->signs_told = log->visibility_told = true;
		assert_false(schema_complete(known, log, &err));
		assert_int_equal(err.code, LT_E_SCHEMA_MISMATCH);
		if (strstr(err.message, mismatches[i].what) == NULL)
			fail_msg("%s: %s", mismatches[i].known, err.message);
		assert_ptr_equal(log->columns, &mismatches[i].log);
		change_table_unref(log);
		schema_table_free(known);
	}
}

/* The known table has (a). */
static void
assert_key(const struct change_key_part *key, size_t n, bool told, const char *what)
{
	static const char *const known_columns[] = { "a|int||", "b|varchar(9)|latin1|", "c|int||", NULL };
	static const struct change_column columns[] = { { .name = { "a", 1 }, .wire_type = 3 },
		{ .name = { "b", 1 }, .wire_type = 15, .length = 9 }, { .name = { "c", 1 }, .wire_type = 3 } };
	struct schema_table *known = make_table(known_columns);
	struct change_table *log = make_log(columns, LT_COUNT(columns), true);
	struct lt_err err = { 0 };

	log->key_told = told;
	log->key = key;
	log->nkey = n;
	if (schema_complete(known, log, &err) != (what == NULL))
		fail_msg("%zu parts: %s", n, err.message);
	if (what != NULL && (err.code != LT_E_SCHEMA_MISMATCH || strstr(err.message, what) == NULL))
		fail_msg("%s", err.message);
	change_table_unref(log);
	schema_table_free(known);
}

static void
another_key_is_a_difference_where_the_log_tells_it(void **state)
{
	static const struct change_key_part a[] = { { 0, 0 }, { 2, 0 } }, b[] = { { 1, 3 }, { 0, 0 } },
					    whole[] = { { 0, 8 } };

	(void)state;
	assert_key(a, 1, true, NULL);
	assert_key(a, 2, true, "primary key (a, c), the schema that was read has (a)");
	assert_key(b, 2, true, "primary key (b(3), a), ");
	assert_key(b, 1, true, "primary key (b(3)), ");
	assert_key(whole, 1, true, NULL);
	assert_key(NULL, 0, true, "primary key (), ");
	assert_key(NULL, 0, false, NULL);
}

/* `fits`: with so many columns, and no other number. */
static void
assert_fits_only(const char *const *known_columns, const struct change_column *columns, size_t max, size_t fits)
{
	struct schema_table *known = make_table(known_columns);

	for (size_t n = 0; n <= max; n++) {
		struct change_table *log = make_log(columns, n, false);
		struct lt_err err = { 0 };

		assert_int_equal(schema_complete(known, log, &err), n == fits);
		change_table_unref(log);
	}
	schema_table_free(known);
}

static void
refuses_another_number_of_columns(void **state)
{
	static const char *const plain[] = { "a|int||", "b|int||", NULL };
	static const char *const unique[] = { "a|int||", "b|int||", "@u|1|u", NULL };
	static const char *const hash[] = { "a|int||", "b|int||", "@u|1|uh", NULL };
	static const struct change_column ints[5] = { { .wire_type = 3 }, { .wire_type = 3 }, { .wire_type = 3 },
		{ .wire_type = 3 }, { .wire_type = 3 } };
	static const struct change_column hashed[5] = { { .wire_type = 3 }, { .wire_type = 3 }, { .wire_type = 8 },
		{ .wire_type = 8 }, { .wire_type = 3 } };

	(void)state;
	assert_fits_only(plain, ints, 5, 2);
	assert_fits_only(unique, ints, 5, 2); /* a third one would be a column that the table has lost */
	assert_fits_only(hash, hashed, 5, 3);
	assert_fits_only(hash, ints, 5, SIZE_MAX); /* nor is a hash an INT */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_in_what_a_log_without_metadata_leaves_open),
		cmocka_unit_test(passes_over_hidden_columns),
		cmocka_unit_test(refuses_what_is_not_in_the_snapshot),
		cmocka_unit_test(refuses_every_difference_and_leaves_the_draft),
		cmocka_unit_test(another_key_is_a_difference_where_the_log_tells_it),
		cmocka_unit_test(refuses_another_number_of_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
