#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "make.h"
#include "schema/history.h"

/* Column "c" at both ends; what: a part of the complaint, NULL for none. */
static const struct {
	const char *from, *to, *what;
} pairs[] = {
	{ "c|int(11)||", "c|int||", NULL },
	{ "c|int||", "c|bigint||", NULL },
	{ "c|bigint||", "c|int||", "is bigint, but at the target int" },
	{ "c|int||", "c|int unsigned||", "int unsigned" },
	{ "c|int unsigned||", "c|int||", "is int unsigned" },
	{ "c|int unsigned||", "c|bigint||", NULL },
	{ "c|decimal(10,2)||", "c|decimal(12,4)||", NULL },
	{ "c|decimal(10,2)||", "c|decimal(10,3)||", "decimal(10,3)" },
	{ "c|decimal(10,2)||", "c|decimal(12,1)||", "decimal(12,1)" },
	{ "c|float||", "c|double||", NULL },
	{ "c|double||", "c|float||", "float" },
	{ "c|datetime(3)||", "c|datetime(6)||", NULL },
	{ "c|datetime(3)||", "c|datetime||", "datetime(3)" },
	{ "c|datetime||", "c|timestamp||", "timestamp" },
	{ "c|year(4)||", "c|year||", NULL },
	{ "c|bit(9)||", "c|bit(8)||", "bit(9)" },
	{ "c|varchar(20)|utf8|", "c|varchar(20)|utf8mb3|", NULL },
	{ "c|varchar(20)|utf8mb3|", "c|varchar(20)|utf8mb4|", NULL },
	{ "c|varchar(20)|utf8mb4|", "c|varchar(19)|utf8mb4|", "varchar(19)" },
	{ "c|varchar(64)|utf8mb4|", "c|tinytext|utf8mb4|", "tinytext" },
	{ "c|varchar(63)|utf8mb4|", "c|tinytext|utf8mb4|", NULL },
	{ "c|char(5)|latin1|", "c|varchar(5)|latin1|", NULL },
	{ "c|varchar(5)|latin1|", "c|char(5)|latin1|", "char(5)" },
	{ "c|longtext|utf8mb4|", "c|json||", NULL },
	{ "c|json||", "c|longtext|utf8mb4|", NULL },
	{ "c|json||", "c|text|utf8mb4|", "json" },
	{ "c|longtext|latin1|", "c|json||", "json" },
	{ "c|binary(5)||", "c|binary(6)||", "binary(6)" },
	{ "c|binary(5)||", "c|varbinary(6)||", NULL },
	{ "c|varbinary(5)||", "c|binary(5)||", "varbinary(5)" },
	{ "c|blob||", "c|tinyblob||", "tinyblob" },
	{ "c|blob||", "c|text|utf8mb4|", "text" },
	{ "c|enum('a','b')|latin1|", "c|enum('a','b','c')|utf8mb4|", NULL },
	{ "c|enum('a','b')|latin1|", "c|enum('b','a')|latin1|", "enum" },
	{ "c|set('a','b')|latin1|", "c|set('a')|latin1|", "set" },
	{ "c|point||", "c|geometry||", NULL },
	{ "c|geometry||", "c|point||", "point" },
	{ "c|geomcollection||", "c|geometrycollection||", NULL },
	{ "c|vector(3)||", "c|vector(4)||", "vector(4)" },
	{ "c|uuid||", "c|binary(16)||", "uuid" },
	{ "c|uuid||", "c|uuid||", NULL },
	{ "c|int||n", "c|int||", "may be NULL" },
	{ "c|int||", "c|int||n", NULL },
	{ "c|int||g", "c|tinyint||g", NULL },
	{ "c|int||", "c|int||g", "generated at the target only" },
	{ "c|int||g", "c|int||", NULL },
	{ "c|int||", "d|int||d", "column c is missing at the target (as c)" },
	{ "c|int||", "C|int||", NULL },
};

static void
compare(const char *const *from, const char *const *to, schema_column_fn map, struct lt_buf *out)
{
	struct schema_table *a = make_table(from), *b = make_table(to);

	schema_compare(a, b, &(struct schema_map){ .column = map }, out);
	schema_table_free(a);
	schema_table_free(b);
}

static void
knows_which_types_hold_each_others_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < LT_COUNT(pairs); i++) {
		const char *const from[] = { pairs[i].from, NULL }, *const to[] = { pairs[i].to, NULL };
		struct lt_buf out = { 0 };

		compare(from, to, NULL, &out);
		if (pairs[i].what == NULL ? out.len != 0 : strstr(lt_buf_cstr(&out), pairs[i].what) == NULL)
			fail_msg("%s to %s: \"%s\"", pairs[i].from, pairs[i].to, lt_buf_cstr(&out));
		lt_buf_free(&out);
	}
}

static void
target_columns_of_its_own_must_fill_themselves(void **state)
{
	static const char *const from[] = { "a|int||", NULL };
	static const char *const to[] = { "a|int||", "n|int||n", "d|int||d", "i|int||a", "g|int||g", "bad|int||",
		NULL };
	struct lt_buf out = { 0 };

	(void)state;
	compare(from, to, NULL, &out);
	assert_string_equal(lt_buf_cstr(&out), "s.t: column bad gets no value from the source and has no default\n");
	lt_buf_free(&out);
}

static bool
only_a_as_b(void *ctx, struct lt_str column, struct lt_str *target)
{
	(void)ctx;
	*target = LT_STR("b");
	return lt_str_eqz(column, "a");
}

static void
follows_the_mapping(void **state)
{
	static const char *const from[] = { "a|int||", "left_out|int||", NULL };
	static const char *const to[] = { "b|int||", NULL };
	struct lt_buf out = { 0 };

	(void)state;
	compare(from, to, only_a_as_b, &out);
	assert_int_equal(out.len, 0);
	lt_buf_free(&out);
}

/* Columns a, b, c at all three; keys before and after the statement, and at the target. */
static const struct {
	const char *before, *after, *target, *what;
} keys[] = {
	{ NULL, "@k|1|", NULL, "s.t: key k (b) is new at the source and missing at the target\n" },
	{ NULL, "@k|1|", "@other|1|", NULL },
	{ NULL, "@k|1|u", "@k|1|", "unique key k (b) is new" },
	{ NULL, "@k|1,2|", "@k|2,1|", "key k (b, c) is new" },
	{ NULL, "@k|1:5|", "@k|1:4|", "is new" },
	{ NULL, "@k|1:5|", "@k|1:5|", NULL },
	{ NULL, "@k|x|", "@k|x|", NULL },
	{ NULL, "@k|x|", "@k|1|", "key k (an expression) is new" },
	{ "@k|1|", NULL, "@k|1|", "key k (b) is gone at the source and still at the target\n" },
	{ "@k|1|", NULL, NULL, NULL },
	{ "@k|1|", "@renamed|1|", NULL, NULL }, /* different all along */
	{ "@k|1|u", "@k|1|", "@k|1|u", "is new" },
	{ NULL, NULL, "@k|1|u", NULL },
};

static void
keys_that_a_statement_brought_or_took_are_so_at_the_target(void **state)
{
	(void)state;
	for (size_t i = 0; i < LT_COUNT(keys); i++) {
		const char *const before[] = { "a|int||", "b|text||", "c|text||", keys[i].before, NULL };
		const char *const after[] = { "a|int||", "b|text||", "c|text||", keys[i].after, NULL };
		const char *const to[] = { "a|int||", "b|text||", "c|text||", keys[i].target, NULL };
		struct schema_table *b = make_table(before), *s = make_table(after), *t = make_table(to);
		struct lt_buf out = { 0 };

		schema_compare_keys(b, s, t, NULL, &out);
		if (keys[i].what == NULL ? out.len != 0 : strstr(lt_buf_cstr(&out), keys[i].what) == NULL)
			fail_msg("%zu: \"%s\"", i, lt_buf_cstr(&out));
		schema_table_free(b);
		schema_table_free(s);
		schema_table_free(t);
		lt_buf_free(&out);
	}
}

static void
keys_of_columns_without_a_name_at_the_target_do_not_count(void **state)
{
	static const char *const before[] = { "a|int||", "left_out|int||", NULL };
	static const char *const after[] = { "a|int||", "left_out|int||", "@k|1|", NULL };
	static const char *const to[] = { "b|int||", NULL };
	struct schema_table *b = make_table(before), *s = make_table(after), *t = make_table(to);
	struct lt_buf out = { 0 };

	(void)state;
	schema_compare_keys(b, s, t, &(struct schema_map){ .column = only_a_as_b }, &out);
	assert_int_equal(out.len, 0);
	schema_table_free(b);
	schema_table_free(s);
	schema_table_free(t);
	lt_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_which_types_hold_each_others_values),
		cmocka_unit_test(target_columns_of_its_own_must_fill_themselves),
		cmocka_unit_test(follows_the_mapping),
		cmocka_unit_test(keys_that_a_statement_brought_or_took_are_so_at_the_target),
		cmocka_unit_test(keys_of_columns_without_a_name_at_the_target_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
