#include <stdio.h>

#include "called.h"

static void
a_function_gets_the_writes_in_their_order(void **state)
{
	(void)state;
	gives_integer("return #w", 2);
	gives_integer("return w[1].after + w[2].after", 12);
	gives_integer("return w[1].before - w[1].after", 95);
	gives_integer("return w[1].time * 10 + w[2].time", 12);
	gives_string("return w[1].site .. '+' .. w[2].site", "hz+us");
	gives_string("return tostring(w[2].before == NULL) .. tostring(w[1].before == NULL)", "truefalse");
}

static void
every_kind_of_value_comes_out(void **state)
{
	(void)state;
	gives_integer("return -9223372036854775807 - 1", INT64_MIN);
	gives_real("return 0.1 + 0.2", 0.1 + 0.2);
	gives_string("return 'a\\0b' == 'a' and 'cut' or 'whole'", "whole");
	gives_kind("return NULL", SCRIPT_NULL);
	gives_kind("return nil", SCRIPT_NONE);
	gives_kind("", SCRIPT_NONE);
	gives_kind("return true", SCRIPT_OTHER);
	gives_kind("return {}", SCRIPT_OTHER);
	gives_kind("return w", SCRIPT_OTHER);
	gives_write("return w[2]", 2);
}

static void
a_write_is_known_whatever_the_function_did_to_its_list(void **state)
{
	(void)state;
	gives_write("table.sort(w, function(a, b) return a.time > b.time end) return w[1]", 2);
	gives_write("table.remove(w, 1) return w[1]", 2);
	gives_write("local first = w[1] w[1] = { site = 'hz' } return first", 1);
	gives_kind("w[1] = { site = 'hz' } return w[1]", SCRIPT_OTHER);
}

static void
a_string_with_zero_bytes_is_whole(void **state)
{
	const struct script_value in = { .kind = SCRIPT_STRING, .string = { "x\0y", 3 } },
				  empty = { .kind = SCRIPT_STRING, .string = { "", 0 } };
	const struct script_write writes[] = { { LT_STR("a"), 0, NULL, &in }, { LT_STR("b"), 0, NULL, &empty } };
	struct called c;

	(void)state;
	called_with(&c, "return function(w) return w[1].after .. '\\0' .. w[2].after end",
	    &(struct script_call){ .writes = writes, .nwrites = 2 });
	assert_true(c.ok);
	assert_true(lt_str_eq(c.value.string, lt_str_of("x\0y\0", 4)));
	called_end(&c);
}

static void
rows_come_by_the_names_of_their_columns(void **state)
{
	const struct lt_str columns[] = { LT_STR("id"), LT_STR("odd name") };
	const struct script_value one[] = { { .kind = SCRIPT_INTEGER, .integer = 1 }, { .kind = SCRIPT_NULL } },
				  two[] = { { .kind = SCRIPT_INTEGER, .integer = 1 },
					  { .kind = SCRIPT_REAL, .real = 0.5 } };
	const struct script_write writes[] = { { LT_STR("a"), 0, one, two }, { LT_STR("b"), 0, two, NULL } };
	const struct script_call call = { writes, 2, columns, 2 };
	struct called c;

	(void)state;
	called_with(
	    &c, "return function(w) for i, x in ipairs(w) do if x.after == nil then return i end end end", &call);
	assert_true(c.ok);
	assert_int_equal(c.value.integer, 2);
	called_end(&c);
	called_with(
	    &c, "return function(w) return w[1].before['odd name'] == NULL and w[1].after['odd name'] end", &call);
	assert_true(c.ok && c.value.real > 0.4 && c.value.real < 0.6);
	called_end(&c);
}

static void
nothing_goes_over_from_one_call_to_the_next(void **state)
{
	static const char text[] = "n = 0; local m = 0\n"
				   "return function(w) n = n + 1; m = m + 1; string.len = n; return n + m end";
	struct script *s = NULL;
	struct lt_err err = { 0 };
	struct lt_arena *arena = lt_arena_new();
	const struct script_call call = { 0 };

	(void)state;
	assert_true(script_new(LT_STR(text), &s, &err));
	for (int i = 0; i < 3; i++) {
		struct script_value v;
		struct script_failure failure;

		assert_true(script_call(s, &call, arena, &v, &failure));
		assert_int_equal(v.integer, 2);
	}
	script_free(s);
	lt_arena_free(arena);
}

static void
a_failure_says_where_and_nothing_of_the_values(void **state)
{
	(void)state;
	fails("\n\nreturn w[3].after", "error", "function:3:");
	fails("return w[2].before + 1", "error", "attempt to perform arithmetic on a userdata value");
	fails("error('secret 7')", "error", "it called error()");
	fails("assert(false, 'secret 7')", "error", "it called assert()");
	fails("error({})", "error", "it called error()");
	fails("return '1' + 1", "error", "attempt to perform arithmetic on a string value");
	fails("return {} < {}", "error", "attempt to compare two table values");
}

static void
what_never_ends_is_ended(void **state)
{
	(void)state;
	fails("while true do end", "out of steps", NULL);
	fails("repeat until false", "out of steps", NULL);
	fails("::again:: goto again", "out of steps", NULL);
	fails("local f; f = function() return f() end; return f()", "out of steps", NULL);
	fails("for i = 1, math.huge do end", "out of steps", NULL);
}

static void
what_goes_too_deep_is_ended(void **state)
{
	(void)state;
	fails("local f; f = function(n) return 1 + f(n + 1) end; return f(0)", "error", "nest deeper");
	fails("local f; f = function(a, b) table.sort({2, 1}, f) return true end; f()", "error", NULL);
}

static void
what_takes_more_and_more_memory_is_ended(void **state)
{
	(void)state;
	fails("local s = 'x'; while true do s = s .. s end", "out of memory", NULL);
	fails("local t = {}; while true do t = { t } end", "out of memory", NULL);
	fails("local t = {}; for i = 1, 1e9 do t[i] = i end", "out of steps", NULL);
	fails("local t = {}; for i = 1, 1e9 do t[i * 7919] = i end", "out of steps", NULL);
	fails("local t = {}; for i = 1, 1e9 do t[i] = function() return t end end", "out of steps", NULL);
	fails("local s, n = 'x', 0; while true do n = n + 1; s = s .. n .. s end", "out of memory", NULL);
}

#define LOOP "for i = 1, 10000 do local _ = a == b end return 1"

static void
long_strings_make_steps_dear(void **state)
{
	(void)state;
	gives_integer("local a = ('x'):rep(600); local b = a .. 'y'; a = a .. 'y'; " LOOP, 1);
	fails("local a = ('x'):rep(600000); local b = a .. 'y'; a = a .. 'y'; " LOOP, "out of steps", NULL);
	gives_integer("local a, b = ('x'):rep(300000), ('x'):rep(299999) .. 'y'; return a < b and 1 or 2", 1);
}

static void
long_strings_that_are_given_make_steps_dear_too(void **state)
{
	char *bytes = lt_calloc(1 << 20, 1);
	const struct script_value v = { .kind = SCRIPT_STRING, .string = { bytes, 1 << 20 } },
				  few = { .kind = SCRIPT_STRING, .string = { bytes, 1 << 10 } };
	struct script_write writes[] = { { LT_STR("a"), 0, NULL, &few }, { LT_STR("b"), 0, NULL, &few } };
	const struct script_call call = { .writes = writes, .nwrites = 2 };
	struct called c;

	(void)state;
	called_with(&c, "return function(w) local a, b = w[1].after, w[2].after " LOOP " end", &call);
	assert_true(c.ok);
	called_end(&c);
	writes[0].after = writes[1].after = &v;
	called_with(&c, "return function(w) local a, b = w[1].after, w[2].after " LOOP " end", &call);
	assert_false(c.ok);
	assert_string_equal(c.failure.what, "out of steps");
	called_end(&c);
	free(bytes);
}

static bool
gets_through(const char *form, int n)
{
	struct called c;
	char text[300];
	bool ok;

	snprintf(text, sizeof(text), form, n);
	called(&c, text);
	ok = c.ok;
	called_end(&c);
	return ok;
}

/* Else one site would have the function's value, the other the newest. Each state draws another number by which keys
 * fall in tables. */
static void
a_limit_falls_at_the_same_place_each_time(void **state)
{
	static const char *const forms[] = {
		"return function(w) for i = 1, %d do end return 1 end",
		"return function(w) local s = '' for i = 1, %d do s = s .. i end return 1 end",
		"return function(w) local t = {} for i = 1, %d do t['k' .. i] = i t['k' .. (i - 5)] = nil end return 1 end",
		"return function(w) local t = {} for i = 1, %d do t[{}] = {} end return 1 end",
		"return function(w) local t = {} for i = 1, %d do t[i] = ('x'):rep(3000) .. i end return 1 end",
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(forms); i++) {
		int last = 1, first = 1000000; /* that gets through, that does not */

		assert_true(gets_through(forms[i], last) && !gets_through(forms[i], first));
		while (first - last > 1) {
			int middle = last + (first - last) / 2;

			*(gets_through(forms[i], middle) ? &last : &first) = middle;
		}
		for (int k = 0; k < 20; k++)
			assert_true(gets_through(forms[i], last) && !gets_through(forms[i], first));
	}
}

static void
more_than_a_call_can_take_is_told(void **state)
{
	size_t len = SCRIPT_INPUT_MAX / 2;
	char *bytes = lt_calloc(len + 1, 1);
	const struct script_value v = { .kind = SCRIPT_STRING, .string = { bytes, len } },
				  w = { .kind = SCRIPT_STRING, .string = { bytes, len + 1 } };
	struct script_write writes[] = { { LT_STR("a"), 0, NULL, &v }, { LT_STR("b"), 0, NULL, &v } };
	const struct script_call call = { .writes = writes, .nwrites = 2 };
	struct called c;

	(void)state;
	called_with(&c, "return function(w) return #(w[1].after .. w[2].after) end", &call);
	assert_true(c.ok);
	assert_int_equal(c.value.integer, SCRIPT_INPUT_MAX);
	called_end(&c);
	writes[1].after = &w;
	called_with(&c, "return function(w) return 1 end", &call);
	assert_false(c.ok);
	assert_string_equal(c.failure.what, "too much data");
	called_end(&c);
	free(bytes);
}

static void
a_text_that_is_no_function_is_refused_with_its_line(void **state)
{
	(void)state;
	is_refused("return function(w)\n  return w[1]\n", "line 3 of the function: ");
	is_refused("return function(w)\n  return = 1\nend", "line 2 of the function: unexpected symbol near '='");
	is_refused("", "it returns a nil");
	is_refused("return 1", "it returns a number");
	is_refused("return nothing.at.all", "line 1 of the function: attempt to index a nil value");
	is_refused("while true do end", "more than 250000 steps");
	is_refused("\x1bLua", "");
}

static void
a_text_has_a_largest_size(void **state)
{
	char *text = lt_calloc(SCRIPT_TEXT_MAX + 2, 1);
	struct script *s = NULL;
	struct lt_err err = { 0 };

	(void)state;
	memset(text, ' ', SCRIPT_TEXT_MAX + 1);
	memcpy(text, "return type", 11);
	assert_true(script_new(lt_str_of(text, SCRIPT_TEXT_MAX), &s, &err));
	script_free(s);
	assert_false(script_new(lt_str_of(text, SCRIPT_TEXT_MAX + 1), &s, &err));
	assert_int_equal(err.code, LT_E_CONFIG_FUNCTION);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_function_gets_the_writes_in_their_order),
		cmocka_unit_test(every_kind_of_value_comes_out),
		cmocka_unit_test(a_write_is_known_whatever_the_function_did_to_its_list),
		cmocka_unit_test(a_string_with_zero_bytes_is_whole),
		cmocka_unit_test(rows_come_by_the_names_of_their_columns),
		cmocka_unit_test(nothing_goes_over_from_one_call_to_the_next),
		cmocka_unit_test(a_failure_says_where_and_nothing_of_the_values),
		cmocka_unit_test(what_never_ends_is_ended),
		cmocka_unit_test(what_goes_too_deep_is_ended),
		cmocka_unit_test(what_takes_more_and_more_memory_is_ended),
		cmocka_unit_test(long_strings_make_steps_dear),
		cmocka_unit_test(long_strings_that_are_given_make_steps_dear_too),
		cmocka_unit_test(a_limit_falls_at_the_same_place_each_time),
		cmocka_unit_test(more_than_a_call_can_take_is_told),
		cmocka_unit_test(a_text_that_is_no_function_is_refused_with_its_line),
		cmocka_unit_test(a_text_has_a_largest_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
