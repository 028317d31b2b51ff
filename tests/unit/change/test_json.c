#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "change/json.h"

static void
becomes(const char *text, const char *edits, const char *want)
{
	struct lt_arena *arena = lt_arena_new();
	struct lt_err err = { 0 };
	struct lt_str out = LT_STR("untouched");

	if (!change_json_edit(lt_str_z(text), lt_str_z(edits), arena, &out, &err))
		fail_msg("%s, %s: %s", text, edits, err.message);
	assert_int_equal(out.len, strlen(want));
	assert_memory_equal(out.ptr, want, out.len);
	lt_arena_free(arena);
}

static void
refused(const char *text, const char *edits, enum lt_code code)
{
	struct lt_arena *arena = lt_arena_new();
	struct lt_err err = { 0 };
	struct lt_str out = LT_STR("untouched");

	if (change_json_edit(lt_str_z(text), lt_str_z(edits), arena, &out, &err))
		fail_msg("%s, %s: taken", text, edits);
	assert_int_equal(err.code, code);
	assert_true(lt_str_eqz(out, "untouched"));
	lt_arena_free(arena);
}

#define REPLACE(path, value) "{\"op\": \"replace\", \"path\": \"" path "\", \"value\": " value "}"
#define INSERT(path, value) "{\"op\": \"insert\", \"path\": \"" path "\", \"value\": " value "}"
#define REMOVE(path) "{\"op\": \"remove\", \"path\": \"" path "\"}"

static void
edits_are_carried_out_in_order(void **state)
{
	(void)state;
	becomes("{\"a\": 1, \"b\": [1, 2]}", "[]", "{\"a\": 1, \"b\": [1, 2]}");
	becomes("{\"a\": 1}", "[" REPLACE("$", "null") "]", "null");
	becomes("{\"a\": 1}", "[" REPLACE("$.a", "[1, {\"x\": 2}]") "]", "{\"a\": [1, {\"x\": 2}]}");
	becomes("{\"a\": {\"b\": [0, 1, 2]}, \"c\": \"}]\"}",
	    "[" REMOVE("$.a.b[0]") ", " REPLACE("$.a.b[last]", "\"l\"") ", " INSERT("$.a.b[1]", "7") "]",
	    "{\"a\": {\"b\": [1, 7, \"l\"]}, \"c\": \"}]\"}");
	becomes("[1]", "[" INSERT("$[9]", "2") "]", "[1, 2]");
	becomes("[1, 2]", "[" INSERT("$[last]", "3") "]", "[1, 3, 2]");
	becomes("{\"b\": 1, \"ccc\": 2}",
	    "[" INSERT("$.aa", "1.50") ", " INSERT("$.a", "{}") ", " INSERT("$.a.x", "1e5") "]",
	    "{\"a\": {\"x\": 1e5}, \"b\": 1, \"aa\": 1.50, \"ccc\": 2}");
	becomes("{\"a\":{\"k\":1}}", "[" REPLACE("$.a[0].k", "2") "]", "{\"a\": {\"k\": 2}}");
}

static void
keys_are_what_they_mean(void **state)
{
	(void)state;
	becomes("{\"o\\\"k\\n\": 1}", "[" REPLACE("$.\\\"o\\\\\\\"k\\\\n\\\"", "2") "]", "{\"o\\\"k\\n\": 2}");
	becomes("{\"\\u00fc\\ud83e\\udda6\": 1}", "[" REMOVE("$.\\\"\303\274\360\237\246\246\\\"") "]", "{}");
	becomes("{}", "[" INSERT("$.\\\"a b\\\"", "1") "]", "{\"a b\": 1}");
	becomes("{\"\": 1}", "[" REPLACE("$.\\\"\\\"", "2") "]", "{\"\": 2}");
}

static void
what_an_edit_does_not_find_is_refused(void **state)
{
	(void)state;
	refused("{\"a\": 1}", "[" REPLACE("$.b", "1") "]", LT_E_ROW_DIFFERS);
	refused("{\"a\": 1}", "[" REMOVE("$.b") "]", LT_E_ROW_DIFFERS);
	refused("{\"a\": 1}", "[" REMOVE("$") "]", LT_E_ROW_DIFFERS);
	refused("{\"a\": 1}", "[" INSERT("$.a", "1") "]", LT_E_ROW_DIFFERS);
	refused("{\"a\": 1}", "[" INSERT("$.b.c", "1") "]", LT_E_ROW_DIFFERS);
	refused("{\"a\": 1}", "[" INSERT("$[0]", "1") "]", LT_E_ROW_DIFFERS);
	refused("[1]", "[" INSERT("$.a", "1") "]", LT_E_ROW_DIFFERS);
	refused("[1]", "[" REPLACE("$[1]", "1") "]", LT_E_ROW_DIFFERS);
	refused("no json at all", "[" REPLACE("$", "1") "]", LT_E_ROW_DIFFERS);
	refused("", "[]", LT_E_ROW_DIFFERS);
	refused("[1", "[" REPLACE("$[0]", "1") "]", LT_E_ROW_DIFFERS);
	refused("{\"a\" 1}", "[" REPLACE("$.a", "1") "]", LT_E_ROW_DIFFERS);
	refused("[1]", "[" REPLACE("a", "1") "]", LT_E_CORRUPT);
	refused("[1]", "[{\"op\": \"replace\"}]", LT_E_INTERNAL);
	refused("[1]", "x", LT_E_INTERNAL);
}

static void
every_cut_of_text_and_edits_ends_well(void **state)
{
	const char *text = "{\"a\\u00fc\": [1, {\"b\": \"\\\"\"}], \"c\": 19.90}";
	const char *edits = "[" REPLACE("$.c", "[1]") ", " REMOVE("$.\\\"a\303\274\\\"[1].b") "]";
	struct lt_arena *arena = lt_arena_new();

	(void)state;
	for (size_t n = 0; n <= strlen(text); n++) {
		for (size_t m = 0; m <= strlen(edits); m++) {
			char *t = lt_str_dup(lt_str_of(text, n)), *e = lt_str_dup(lt_str_of(edits, m));
			struct lt_err err = { 0 };
			struct lt_str out;

			if (!change_json_edit(lt_str_of(t, n), lt_str_of(e, m), arena, &out, &err))
				assert_int_not_equal(err.code, LT_OK);
			free(t);
			free(e);
		}
	}
	lt_arena_free(arena);
}

static void
list(void *ctx, struct lt_str path, struct lt_str number)
{
	lt_buf_printf(ctx, "%.*s=%.*s ", LT_FMT(path), LT_FMT(number));
}

static void
numbers(const char *text, const char *want)
{
	struct lt_buf found = { 0 };

	change_json_numbers(lt_str_z(text), list, &found);
	assert_string_equal(lt_buf_cstr(&found), want);
	lt_buf_free(&found);
}

static void
numbers_that_a_double_does_not_give_back_are_told(void **state)
{
	(void)state;
	numbers(
	    "{\"p\": 19.90, \"q\": 19.9, \"r\": [0, 1.0, {\"x y\": 0.10}]}", "$.\"p\"=19.90 $.\"r\"[2].\"x y\"=0.10 ");
	numbers("[18446744073709551615, -9223372036854775808, 123456789012345, 0.5, -0.0, 100.0]", "");
	numbers("[18446744073709551616, -9223372036854775809]", "$[0]=18446744073709551616 $[1]=-9223372036854775809 ");
	numbers("12345678901234567890.123456789012345678", "$=12345678901234567890.123456789012345678 ");
	numbers("[0.30000000000000004, 0.30000000000000005, 0.1234567890123456789, 2.5e-7]",
	    "$[1]=0.30000000000000005 $[2]=0.1234567890123456789 ");
	numbers("\"19.90\"", "");
	numbers("{\"1.50\": \"2.50\", \"a\": 0.00}", "$.\"a\"=0.00 ");
	numbers("[1.10", "");
	numbers(
	    "[0.0000000000000000000000000000010, 12345678901234567890123456789012345678901234567890123456789012345]",
	    "$[1]=12345678901234567890123456789012345678901234567890123456789012345 ");
	numbers("[123456789012345678901234567890123456789012345678901234567890123456]", "");
	numbers("-12345678901234567890123456789012345.678901234567890123456789012345",
	    "$=-12345678901234567890123456789012345.678901234567890123456789012345 ");
	numbers("", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits_are_carried_out_in_order),
		cmocka_unit_test(keys_are_what_they_mean),
		cmocka_unit_test(what_an_edit_does_not_find_is_refused),
		cmocka_unit_test(every_cut_of_text_and_edits_ends_well),
		cmocka_unit_test(numbers_that_a_double_does_not_give_back_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
