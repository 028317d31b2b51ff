#include <stdio.h>

#include "called.h"

static void
what_could_answer_differently_or_reach_out_is_not_there(void **state)
{
	static const char *const names[] = { "io", "os", "debug", "package", "coroutine", "load", "loadstring",
		"loadfile", "dofile", "require", "collectgarbage", "next", "select", "print", "pcall", "xpcall",
		"getmetatable", "setmetatable", "rawget", "rawset", "rawequal", "rawlen", "warn", "_G", "_ENV",
		"math.random", "math.randomseed", "math.exp", "math.log", "math.sin", "math.cos", "math.tan",
		"string.dump", "string.match", "string.gmatch", "string.gsub", "string.pack", "string.unpack",
		"string.packsize", "table.move", "table.pack", "utf8.codes", "utf8.charpattern" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(names); i++) {
		char body[64];

		snprintf(body, sizeof(body), "return tostring(%s)", names[i]);
		if (strcmp(names[i], "_ENV") == 0)
			fails("return tostring(_ENV)", "error", "a table has no text");
		else
			gives_string(body, "nil");
	}
	fails("return ('x').gsub('x', 'x', 'y')", "error", "nil value (field 'gsub')");
	fails("return tostring({})", "error", "has no text");
	fails("return tostring(w)", "error", "has no text");
	fails("return tostring(tostring)", "error", "has no text");
	fails("return string.format('%s', {})", "error", "%s of a table");
	fails("return string.format('%s', NULL)", "error", "%s of a userdata");
	fails("return string.format('%p', w)", "error", "is not taken here");
	fails("return string.format('\\0%p', w)", "error", "is not taken here");
	fails("return string.format('\\0%s', w)", "error", "%s of a table");
	fails("return string.format('%\\0p', w)", "error", "is not taken here");
	fails("return string.format('%a', 1)", "error", "is not taken here");
	fails("return string.format('%q', 1)", "error", "is not taken here");
	fails("return string.format('%')", "error", "is not taken here");
	fails("return table.concat({ {} })", "error", "a table among the values");
	fails("return {} .. ''", "error", NULL);
}

static void
strings(void **state)
{
	(void)state;
	gives_string("return ('abc'):upper() .. ('ABC'):lower() .. ('abc'):reverse()", "ABCabccba");
	gives_string("return ('hello'):sub(2, -2)", "ell");
	gives_integer("return ('abc'):byte(2) + #'abc' + ('abc'):len()", 98 + 6);
	gives_string("return string.char(97, 98)", "ab");
	gives_string("return string.format('%5.2f|%d|%s|%-3s|%%|%x', 1.005, 7, 'a', 'b', 255)", " 1.00|7|a|b  |%|ff");
	gives_string("return string.format('%s %s %s', 1, 1.5, true)", "1 1.5 true");
	gives_string("return ('ab'):rep(3, ',')", "ab,ab,ab");
	gives_string("return ('ab'):rep(0) .. ('ab'):rep(-1) .. (''):rep(1)", "");
	gives_integer("return (string.find('a.b.c', '.'))", 2);
	gives_integer("return (string.find('a.b.c', '.', 3))", 4);
	gives_integer("return (string.find('a.b.c', '.', -2))", 4);
	gives_integer("local a, b = ('abc'):find('bc') return a * 10 + b", 23);
	gives_kind("return (('abc'):find('x'))", SCRIPT_NONE);
	gives_kind("return (('abc'):find('a', 9))", SCRIPT_NONE);
	gives_integer("return (('abc'):find(''))", 1);
	gives_string("return table.concat(('a,b,,c'):split(','), '|')", "a|b||c");
	gives_integer("return #(','):split(',')", 2);
	gives_integer("return #(''):split(',')", 1);
	fails("return ('a'):split('')", "error", "a separator is wanted");
	gives_integer("return utf8.len('h\xc3\xa9')", 2);
	gives_string("return utf8.char(233)", "\xc3\xa9");
}

static void
strings_are_ordered_by_their_bytes(void **state)
{
	(void)state;
	gives_string("return tostring('a' < 'b') .. tostring('B' < 'a') .. tostring('\xc3\xa4' > 'z')", "truetruetrue");
}

static void
tables(void **state)
{
	(void)state;
	gives_string(
	    "local t = {1, 2, 3}; table.insert(t, 4); table.insert(t, 1, 0); return table.concat(t, ',')", "0,1,2,3,4");
	gives_string(
	    "local t = {1, 2, 3}; table.remove(t, 1); return table.remove(t) .. ':' .. table.concat(t, ',')", "3:2");
	gives_kind("return table.remove({})", SCRIPT_NONE);
	gives_string("return table.concat({1, 'a', 2.5}, ';', 2, 3)", "a;2.5");
	gives_integer("local a, b, c = table.unpack({1, 2, 3}) return a + b * 10 + c * 100", 321);
	gives_integer("local a = table.unpack({1, 2, 3}, 3) return a", 3);
	fails("table.insert({}, 5, 1)", "error", "out of the table");
	fails("table.remove({1}, 3)", "error", "out of the table");
	fails("table.insert(1, 2)", "error", NULL);
}

static void
numbers(void **state)
{
	(void)state;
	gives_integer("return math.max(3, 7, 5) + math.floor(1.5) + math.tointeger(2.0) + math.abs(-4)", 14);
	gives_real("return math.sqrt(2.25)", 1.5);
	gives_integer("return 7 // 2 + 7 % 4 + (6 & 3) + (1 << 4)", 3 + 3 + 2 + 16);
	gives_integer("return math.maxinteger", INT64_MAX);
	gives_string("return math.type(1) .. math.type(1.0) .. type(math.pi)", "integerfloatnumber");
	gives_integer("return tonumber('42') + tonumber('ff', 16)", 297);
	gives_kind("return tonumber('x')", SCRIPT_NONE);
	gives_string(
	    "return tostring(1e15) .. ' ' .. 0.1 .. ' ' .. 10 // 3 .. ' ' .. tostring(-0.0)", "1e+15 0.1 3 -0.0");
	fails("return 1 // 0", "error", "divide by zero");
}

/* None of them ends in a lifetime if it is let. */
static void
no_function_of_the_library_runs_for_ever(void **state)
{
	(void)state;
	gives_string("return (''):rep(1 << 62)", "");
	gives_string("return (''):rep(math.maxinteger)", "");
	fails("return ('x'):rep(1 << 40)", "out of memory", NULL);
	fails("return ('xxxxxxxx'):rep(1 << 62)", "out of memory", NULL);
	fails("return ('x'):rep(4000000)", "out of steps", NULL);
	fails("return ('x'):rep(100000, ('x'):rep(1000))", "out of memory", NULL);
	fails("local s = ('x'):rep(100000); for i = 1, 100 do s:find('y') end", "out of steps", NULL);
	fails("local a, b = ('a'):rep(100000), ('a'):rep(50000) .. 'b'; for i = 1, 100 do a:find(b) end",
	    "out of steps", NULL);
	fails("local t = {}; for i = 1, 1000 do t[i] = ('x'):rep(100000) end", "out of steps", NULL);
	fails("local s, t = ('x'):rep(100000), {}; for i = 1, 1000 do t[i] = s end; return table.concat(t)",
	    "out of memory", NULL);
	fails("local s = ('x'):rep(500000); return string.format('%s%s%s%s%s%s%s%s%s', s, s, s, s, s, s, s, s, s)",
	    "out of steps", NULL);
	fails("return table.unpack({}, 1, 1 << 40)", "error", "too many values");
	fails("return table.unpack({}, math.mininteger, math.maxinteger)", "error", "too many values");
	fails("for i = 1, 1000 do local _ = { table.unpack({}, 1, 90000) } end", "out of steps", NULL);
	fails("return table.concat({}, '', math.mininteger, math.maxinteger)", "error", "a nil among the values");
	fails("local t = {}; for i = 1, 1500 do table.insert(t, 1, i) end", "out of steps", NULL);
	fails("local t = {}; for i = 1, 1500 do t[i] = i end; for i = 1, 1500 do table.remove(t, 1) end",
	    "out of steps", NULL);
	fails("local s = ('x,'):rep(100000); return #s:split(',')", "out of steps", NULL);
	fails("local s = ('x'):rep(200000); for i = 1, 1000 do s:byte(1, -1) end", "out of steps", NULL);
	fails("local s = ('x'):rep(200000); for i = 1, 1000 do s:upper() end", "out of steps", NULL);
	fails("local s = ('x'):rep(200000); for i = 1, 100 do utf8.len(s) end", "out of steps", NULL);
	fails("local t = {}; for i = 1, 5000 do t[i] = 'x' end; for i = 1, 100 do table.concat(t) end", "out of steps",
	    NULL);
	fails("local t = {}; for i = 1, 10 do t[i] = ('x'):rep(10000) end; for i = 1, 60 do table.concat(t) end",
	    "out of steps", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_could_answer_differently_or_reach_out_is_not_there),
		cmocka_unit_test(strings),
		cmocka_unit_test(strings_are_ordered_by_their_bytes),
		cmocka_unit_test(tables),
		cmocka_unit_test(numbers),
		cmocka_unit_test(no_function_of_the_library_runs_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
