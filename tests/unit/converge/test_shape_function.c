#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>

#include <cmocka.h>

#include "table.h"

static const struct model_site sites[] = { { .id = 11, .name = (char *)(uintptr_t) "hz" },
	{ .id = 12, .name = (char *)(uintptr_t) "us" } };

/** A table (id, v) whose `v` is made by a function, or whose rows are chosen by one. */
struct decided {
	struct schema_table target;
	struct schema_column columns[2];
	struct converge_shape *shape;
	struct script *script;
	struct conflict_op ops[2];
	struct conflict_row rows[2];
	struct lt_str values[2][2];
	struct lt_arena *arena;
	struct lt_err err;
	bool made;
	const struct conflict_function *function;
	struct conflict_verdict verdict;
};

static void
begin(struct decided *d, const char *type, const char *charset, bool row, const char *body)
{
	static const struct lt_str members[] = { { "a", 1 }, { "b", 1 }, { "c", 1 } };
	char text[1024];

	memset(d, 0, sizeof(*d));
	d->columns[0] = table_column("id", "int", NULL, NULL);
	d->columns[1] = table_column("v", type, charset, charset != NULL ? "x_bin" : NULL);
	if (strcmp(type, "enum") == 0 || strcmp(type, "set") == 0) {
		d->columns[1].members = members;
		d->columns[1].nmembers = LT_COUNT(members);
	}
	d->shape = table_shape(&d->target, d->columns, 2);
	d->shape->table->sites = sites;
	d->shape->table->nsites = LT_COUNT(sites);
	d->arena = lt_arena_new();
	snprintf(text, sizeof(text), "return function(w) %s end", body);
	if (!script_new(lt_str_z(text), &d->script, &d->err))
		fail_msg("%s", d->err.message);
	d->made = true;
	if (row)
		d->function = converge_shape_function_of_row(d->shape->table, d->script);
	else
		d->made = converge_shape_function_of_column(d->shape->table, 1, d->script, &d->function, &d->err);
}

static void
end(struct decided *d)
{
	script_free(d->script);
	table_free(d->shape);
	lt_arena_free(d->arena);
}

static void
ask(struct decided *d)
{
	const struct conflict_op *ops[] = { &d->ops[0], &d->ops[1] };

	assert_true(d->made);
	d->verdict = (struct conflict_verdict){ 0 };
	d->function->decide(d->function->ctx, ops, 2, d->arena, &d->verdict);
}

/* Two writes, of site hz at 1 us and of a site that has left: what is kept of `v` behind them. */
static void
write_both(struct decided *d, struct lt_str first, struct lt_str second)
{
	for (uint32_t i = 0; i < 2; i++) {
		d->values[i][0] = LT_STR("1");
		d->values[i][1] = i == 0 ? first : second;
		d->rows[i] = (struct conflict_row){ d->values[i], 2 };
		d->ops[i] = (struct conflict_op){ { i + 1, 1, i == 0 ? 11 : 99 }, { 0 }, NULL, &d->rows[i] };
	}
}

static void
decide(struct decided *d, struct lt_str first, struct lt_str second)
{
	write_both(d, first, second);
	ask(d);
}

/* What a column of that type keeps of what the function says; NULL: it does not fit. */
static void
keeps(const char *type, const char *charset, const char *says, const char *kept)
{
	struct decided d;
	char body[600];

	snprintf(body, sizeof(body), "return %s", says);
	begin(&d, type, charset, false, body);
	decide(&d, LT_STR("\x01"), LT_STR("\x02"));
	if (kept == NULL && (d.verdict.failed == NULL || strcmp(d.verdict.failed, "does not fit") != 0))
		fail_msg("%s: %s gave %.*s", type, says, LT_FMT(d.verdict.value));
	if (kept != NULL && (d.verdict.failed != NULL || !lt_str_eqz(d.verdict.value, kept)))
		fail_msg("%s: %s gave %s%s%.*s", type, says, d.verdict.failed != NULL ? d.verdict.failed : "",
		    d.verdict.failed != NULL ? " " : "", LT_FMT(d.verdict.value));
	end(&d);
}

static void
integers_are_held_to_their_columns_range(void **state)
{
	(void)state;
	keeps("int", NULL, "7", "7");
	keeps("int", NULL, "-7", "-7");
	keeps("int", NULL, "7.0", "7");
	keeps("int", NULL, "'007'", "7");
	keeps("int", NULL, "7.5", NULL);
	keeps("int", NULL, "2147483647", "2147483647");
	keeps("int", NULL, "2147483648", NULL);
	keeps("int", NULL, "-2147483648", "-2147483648");
	keeps("int", NULL, "-2147483649", NULL);
	keeps("tinyint(4)", NULL, "-129", NULL);
	keeps("mediumint(9) unsigned", NULL, "16777215", "16777215");
	keeps("mediumint(9) unsigned", NULL, "16777216", NULL);
	keeps("int unsigned", NULL, "-1", NULL);
	keeps("bigint", NULL, "math.mininteger", "-9223372036854775808");
	keeps("bigint unsigned", NULL, "'18446744073709551615'", "18446744073709551615");
	keeps("bigint unsigned", NULL, "'18446744073709551616'", NULL);
	keeps("bigint unsigned", NULL, "-1", NULL);
	keeps("bigint", NULL, "1e19", NULL);
	keeps("bigint", NULL, "0/0", NULL);
	keeps("bigint", NULL, "1/0", NULL);
	keeps("int", NULL, "'x'", NULL);
	keeps("int", NULL, "true", NULL);
	keeps("int", NULL, "w[1]", NULL);
	keeps("year", NULL, "2155", "2155");
	keeps("year", NULL, "2156", NULL);
	keeps("bit(3)", NULL, "7", "7");
	keeps("bit(3)", NULL, "8", NULL);
	keeps("enum", NULL, "3", "3");
	keeps("enum", NULL, "4", NULL);
	keeps("enum", NULL, "0", NULL);
	keeps("set", NULL, "7", "7");
	keeps("set", NULL, "0", "0");
	keeps("set", NULL, "8", NULL);
}

static void
decimals_keep_their_digits(void **state)
{
	(void)state;
	keeps("decimal(5,2)", NULL, "'1.5'", "1.50");
	keeps("decimal(5,2)", NULL, "7", "7.00");
	keeps("decimal(5,2)", NULL, "'-0'", "0.00");
	keeps("decimal(5,2)", NULL, "'999.99'", "999.99");
	keeps("decimal(5,2)", NULL, "'1000'", NULL);
	keeps("decimal(5,2)", NULL, "'0.005'", NULL);
	keeps("decimal(5,2)", NULL, "1.5", NULL);
	keeps("decimal(2,2)", NULL, "'0.25'", "0.25");
	keeps("decimal(2,2)", NULL, "'1.25'", NULL);
	keeps("decimal(5,0)", NULL, "'12345'", "12345");
	keeps("decimal(5,0)", NULL, "'123456'", NULL);
	keeps("decimal(5,2) unsigned", NULL, "'-1'", NULL);
	keeps("decimal(5,2)", NULL, "'1,5'", NULL);
}

static void
times_are_days_that_there_are(void **state)
{
	(void)state;
	keeps("date", NULL, "'2024-02-29'", "2024-02-29");
	keeps("date", NULL, "'2023-02-29'", NULL);
	keeps("date", NULL, "'2000-02-29'", "2000-02-29");
	keeps("date", NULL, "'1900-02-29'", NULL);
	keeps("date", NULL, "'0999-12-31'", NULL);
	keeps("date", NULL, "'2024-04-31'", NULL);
	keeps("date", NULL, "'2024-04-00'", NULL);
	keeps("date", NULL, "'2023-00-01'", NULL);
	keeps("date", NULL, "'2023-13-01'", NULL);
	keeps("date", NULL, "'0000-00-00'", NULL);
	keeps("date", NULL, "'1000-01-01'", "1000-01-01");
	keeps("date", NULL, "'0999-12-31'", NULL);
	keeps("date", NULL, "20240229", NULL);
	keeps("datetime(3)", NULL, "'2024-02-29 23:59:59.5'", "2024-02-29 23:59:59.500");
	keeps("datetime", NULL, "'2024-02-29 23:59:59.5'", NULL);
	keeps("datetime", NULL, "'2024-02-29 24:00:00'", NULL);
	keeps("datetime", NULL, "'2024-02-29 23:60:00'", NULL);
	keeps("datetime", NULL, "'2024-02-29 23:59:60'", NULL);
	keeps("timestamp", NULL, "'1970-01-01 00:00:00'", NULL);
	keeps("timestamp", NULL, "'1970-01-01 00:00:01'", "1970-01-01 00:00:01");
	keeps("timestamp", NULL, "'2038-01-19 03:14:08'", NULL);
	keeps("timestamp", NULL, "'2024-07-01 00:00:00'", "2024-07-01 00:00:00");
	keeps("time", NULL, "'-838:59:59'", "-838:59:59");
	keeps("time(1)", NULL, "'838:59:59.1'", NULL);
	keeps("time", NULL, "'839:00:00'", NULL);
	keeps("time(3)", NULL, "'-00:00:00'", "00:00:00.000");
	keeps("time(3)", NULL, "'-00:00:00.001'", "-00:00:00.001");
}

static void
text_is_of_its_character_set_and_length(void **state)
{
	(void)state;
	keeps("varchar(3)", "utf8mb4", "'abc'", "abc");
	keeps("varchar(3)", "utf8mb4", "'\xc3\xa4\xc3\xb6\xf0\x9f\x98\x80'", "\xc3\xa4\xc3\xb6\xf0\x9f\x98\x80");
	keeps("varchar(3)", "utf8mb4", "'abcd'", NULL);
	keeps("varchar(3)", "utf8mb4", "'\\xff'", NULL);
	keeps("varchar(3)", "utf8mb4", "''", "");
	keeps("varchar(3)", "utf8mb4", "7", NULL);
	keeps("varchar(3)", "utf8mb3", "'\xf0\x9f\x98\x80'", NULL);
	keeps("varchar(3)", "utf8mb3", "'\xc3\xa4'", "\xc3\xa4");
	keeps("varchar(3)", "ascii", "'\xc3\xa4'", NULL);
	keeps("varchar(3)", "latin1", "'\\xe4\\xff'", "\xe4\xff");
	keeps("varchar(3)", "sjis", "'a'", NULL);
	keeps("varchar(3)", "sjis", "w[1].after", "\x01");
	keeps("char(3)", "utf8mb4", "'abc  '", "abc");
	keeps("tinytext", "utf8mb4", "'abc'", "abc");
	keeps("tinytext", "utf8mb4", "('x'):rep(256)", NULL);
	keeps("json", "utf8mb4", "'[1]'", NULL);
	keeps("json", "utf8mb4", "w[2].after", "\x02");
	keeps("varbinary(3)", NULL, "'\\xff\\xfe'", "\xff\xfe");
	keeps("varbinary(3)", NULL, "'abcd'", NULL);
	keeps("binary(3)", NULL, "'abcd'", NULL);
	keeps("blob", NULL, "'\\xff\\xfe'", "\xff\xfe");
	keeps("blob", NULL, "('x'):rep(65536)", NULL);
	keeps("uuid", NULL, "('x'):rep(16)", NULL);
}

static void
fixed_bytes_are_filled_up(void **state)
{
	struct decided d;

	(void)state;
	begin(&d, "binary(3)", NULL, false, "return 'a'");
	decide(&d, LT_STR("abc"), LT_STR("abd"));
	assert_null(d.verdict.failed);
	assert_true(lt_str_eq(d.verdict.value, lt_str_of("a\0\0", 3)));
	end(&d);
}

static void
null_needs_a_column_that_takes_it(void **state)
{
	struct decided d;

	(void)state;
	begin(&d, "int", NULL, false, "return NULL");
	decide(&d, LT_STR("1"), LT_STR("2"));
	assert_null(d.verdict.failed);
	assert_null(d.verdict.value.ptr);
	d.columns[1].nullable = false;
	decide(&d, LT_STR("1"), LT_STR("2"));
	assert_string_equal(d.verdict.failed, "does not fit");
	end(&d);
	begin(&d, "int", NULL, false, "");
	decide(&d, LT_STR("1"), LT_STR("2"));
	assert_string_equal(d.verdict.failed, "no value");
	end(&d);
}

/* What a column keeps of what the function says; NULL: it does not fit. Both writes are 1.5. */
static void
keeps_real(const char *type, const char *says, const double *kept)
{
	static const double one = 1.5;
	static const float narrow = 1.5F;
	bool is_double = strncmp(type, "double", 6) == 0;
	struct lt_str in = is_double ? lt_str_of(&one, sizeof(one)) : lt_str_of(&narrow, sizeof(narrow));
	struct decided d;
	char body[100];

	snprintf(body, sizeof(body), "return %s", says);
	begin(&d, type, NULL, false, body);
	decide(&d, in, in);
	if (kept == NULL) {
		assert_string_equal(d.verdict.failed, "does not fit");
	} else {
		float f = (float)*kept;
		struct lt_str out = is_double ? lt_str_of(kept, sizeof(*kept)) : lt_str_of(&f, sizeof(f));

		assert_null(d.verdict.failed);
		assert_true(lt_str_eq(d.verdict.value, out));
	}
	end(&d);
}

static void
reals_are_numbers_that_servers_have(void **state)
{
	static const double three = 3, zero = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *type = i == 0 ? "double" : "float";

		keeps_real(type, "w[1].after + w[2].after", &three);
		keeps_real(type, "3", &three);
		keeps_real(type, "-0.0", &zero);
		keeps_real(type, "1/0", NULL);
		keeps_real(type, "0/0", NULL);
		keeps_real(type, "'3'", NULL);
	}
	keeps_real("double unsigned", "-1", NULL);
	keeps_real("float", "1e300", NULL);
}

static void
a_write_brings_what_was_there_before(void **state)
{
	struct decided d;

	(void)state;
	begin(&d, "int", NULL, false, "return w[1].before == nil and w[2].before * 100 + w[2].after");
	write_both(&d, LT_STR("7"), LT_STR("8"));
	d.ops[1].before = &d.rows[0];
	ask(&d);
	assert_true(lt_str_eqz(d.verdict.value, "708"));
	end(&d);
}

/* As it was before somebody added the column. */
static void
a_row_of_fewer_columns_has_no_value_there(void **state)
{
	struct decided d;

	(void)state;
	for (int row = 0; row < 2; row++) {
		begin(&d, "int", NULL, row == 1,
		    row == 1 ? "return w[1].after.id == 1 and w[1].after.v == nil and 2"
			     : "return w[1].after == nil and 5");
		write_both(&d, LT_STR("7"), LT_STR("8"));
		d.rows[0].count = 1;
		ask(&d);
		assert_null(d.verdict.failed);
		assert_int_equal(d.verdict.stands, row);
		end(&d);
	}
}

static void
values_go_in_as_what_they_are(void **state)
{
	static const struct {
		const char *type, *body;
		struct lt_str first, second;
	} cases[] = {
		{ "bigint unsigned", "return math.type(w[1].after) == 'integer' and type(w[2].after) == 'string' and 1",
		    LT_STR("9223372036854775807"), LT_STR("9223372036854775808") },
		{ "decimal(5,2)", "return w[1].after == '1.50' and w[2].after == NULL and 1", LT_STR("1.50"), { 0 } },
		{ "datetime", "return w[1].after < w[2].after and 1", LT_STR("2024-01-01 00:00:00"),
		    LT_STR("2024-01-02 00:00:00") },
		{ "int",
		    "return w[1].site == 'hz' and w[2].site == '99' and w[2].time == 2 and w[1].before == nil and 1",
		    LT_STR("1"), LT_STR("2") },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct decided d;

		begin(&d, cases[i].type, NULL, false, cases[i].body);
		decide(&d, cases[i].first, cases[i].second);
		/* 1 is none of a DATETIME: it got that far. */
		if (strcmp(cases[i].type, "datetime") == 0)
			assert_string_equal(d.verdict.failed, "does not fit");
		else if (d.verdict.failed != NULL)
			fail_msg("%s: %s %.*s", cases[i].body, d.verdict.failed, LT_FMT(d.verdict.details));
		end(&d);
	}
}

static void
of_rows_one_is_named(void **state)
{
	static const struct {
		const char *body;
		const char *failed;
		uint32_t stands;
	} cases[] = {
		{ "return w[1].after.v > w[2].after.v and w[1] or w[2]", NULL, 1 },
		{ "return 1", NULL, 0 },
		{ "return 0", "none of them", 0 },
		{ "return 3", "none of them", 0 },
		{ "return w[1].after", "none of them", 0 },
		{ "return NULL", "none of them", 0 },
		{ "return", "no value", 0 },
		{ "return w[1].after.id .. w[1].after.nothing", "error", 0 },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct decided d;

		begin(&d, "int", NULL, true, cases[i].body);
		decide(&d, LT_STR("7"), LT_STR("8"));
		if (cases[i].failed != NULL)
			assert_string_equal(d.verdict.failed, cases[i].failed);
		else
			assert_null(d.verdict.failed);
		assert_int_equal(d.verdict.stands, cases[i].stands);
		end(&d);
	}
}

static void
some_columns_no_function_can_make(void **state)
{
	struct decided d;

	(void)state;
	begin(&d, "float(7,2)", NULL, false, "return 1");
	assert_false(d.made);
	assert_int_equal(d.err.code, LT_E_CONFLICT_TABLE);
	assert_false(converge_shape_function_of_column(d.shape->table, 0, d.script, &d.function, &d.err));
	assert_non_null(strstr(d.err.message, "primary key"));
	end(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_held_to_their_columns_range),
		cmocka_unit_test(decimals_keep_their_digits),
		cmocka_unit_test(times_are_days_that_there_are),
		cmocka_unit_test(text_is_of_its_character_set_and_length),
		cmocka_unit_test(fixed_bytes_are_filled_up),
		cmocka_unit_test(null_needs_a_column_that_takes_it),
		cmocka_unit_test(reals_are_numbers_that_servers_have),
		cmocka_unit_test(a_write_brings_what_was_there_before),
		cmocka_unit_test(a_row_of_fewer_columns_has_no_value_there),
		cmocka_unit_test(values_go_in_as_what_they_are),
		cmocka_unit_test(of_rows_one_is_named),
		cmocka_unit_test(some_columns_no_function_can_make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
