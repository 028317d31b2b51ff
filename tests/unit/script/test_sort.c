#include "called.h"

static void
sort_goes_by_what_is_less(void **state)
{
	(void)state;
	gives_string("local t = {3, 1, 2, 10, -1}; table.sort(t); return table.concat(t, ',')", "-1,1,2,3,10");
	gives_string("local t = {3, 1, 2}; table.sort(t, function(a, b) return a > b end); return table.concat(t, ',')",
	    "3,2,1");
	gives_string("local t = {'b', 'a', 'C'}; table.sort(t); return table.concat(t)", "Cab");
	gives_integer("local t = {}; table.sort(t); return #t", 0);
	fails("table.sort({1, 'a'})", "error", "attempt to compare");
	fails("table.sort({2, 1}, function() error() end)", "error", "it called error()");
}

static void
sort_is_right_at_every_length(void **state)
{
	(void)state;
	gives_integer("local bad, x = 0, 1\n"
		      "for n = 1, 40 do\n"
		      "  local t = {}\n"
		      "  for i = 1, n do x = x * 1103515245 + 12345 & 0x7fffffff; t[i] = x >> 8 & 31 end\n"
		      "  table.sort(t)\n"
		      "  if #t ~= n then bad = bad + 1 end\n"
		      "  for i = 2, n do if t[i] < t[i - 1] then bad = bad + 1 end end\n"
		      "end\n"
		      "return bad",
	    0);
}

/* Lua's own takes its pivots by the clock for so many: equals came out in any order. */
static void
what_is_equal_stays_in_its_order(void **state)
{
	(void)state;
	gives_integer("local t, bad = {}, 0\n"
		      "for i = 1, 500 do t[i] = { i % 3, i } end\n"
		      "table.sort(t, function(a, b) return a[1] < b[1] end)\n"
		      "for i = 2, 500 do\n"
		      "  if t[i][1] == t[i - 1][1] and t[i][2] < t[i - 1][2] then bad = bad + 1 end\n"
		      "end\n"
		      "return bad",
	    0);
}

static void
a_comparison_that_is_none_ends_all_the_same(void **state)
{
	struct called first, second;
	static const char text[] = "return function(w)\n"
				   "  local t = {}\n"
				   "  for i = 1, 300 do t[i] = i * 7919 % 1000 end\n"
				   "  local n = 0\n"
				   "  table.sort(t, function(a, b) n = n + 1; return n % 3 == 0 end)\n"
				   "  return table.concat(t, ',')\n"
				   "end";

	(void)state;
	called(&first, text);
	called(&second, text);
	assert_true(first.ok && second.ok);
	assert_true(lt_str_eq(first.value.string, second.value.string));
	called_end(&first);
	called_end(&second);
}

#define AT(n) "[1 << " #n "] = 1, "

static void
sort_has_its_price(void **state)
{
	(void)state;
	fails("local t = {}; for i = 1, 10000 do t[i] = -i end; table.sort(t)", "out of steps", NULL);
	/* #t is 1 << 30: more than there is room for. */
	fails("local t = { " AT(0) AT(1) AT(2) AT(3) AT(4) AT(5) AT(6) AT(7) AT(8) AT(9) AT(10) AT(11) AT(12) AT(13)
		  AT(14) AT(15) AT(16) AT(17) AT(18) AT(19) AT(20) AT(21) AT(22) AT(23) AT(24) AT(25) AT(26) AT(27)
		      AT(28) AT(29) AT(30) "}; table.sort(t)",
	    "out of steps", NULL);
}

static void
pairs_goes_by_the_order_of_keys(void **state)
{
	(void)state;
	gives_string(
	    "local t = { z = 1, a = 2, [10] = 3, [-1] = 4, [2.5] = 5, [true] = 6, [false] = 7, B = 8, 9, [2] = 10 }\n"
	    "local out = {}\n"
	    "for k, v in pairs(t) do out[#out + 1] = tostring(k) .. '=' .. v end\n"
	    "return table.concat(out, ' ')",
	    "-1=4 1=9 2=10 2.5=5 10=3 B=8 a=2 z=1 false=7 true=6");
	gives_integer("for k in pairs({}) do return 1 end return 0", 0);
	fails("for k in pairs({ [{}] = 1 }) do end", "error", "in no order");
	fails("for k in pairs({ [type] = 1 }) do end", "error", "in no order");
	fails("pairs(1)", "error", NULL);
}

/* Where Lua has a key that is a table goes by its address: it may be the first or the last one. */
static void
why_a_table_has_no_order_is_the_same_each_time(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		fails(
		    "local t = { [{}] = 1 }; for i = 1, 45000 do t[i * 7919] = i end; pairs(t)", "out of steps", NULL);
	for (int i = 0; i < 10; i++)
		fails("pairs({ [{}] = 1, [type] = 1, [NULL] = 1 })", "error", "pairs: a key is neither");
}

static void
a_table_may_change_while_it_is_gone_through(void **state)
{
	(void)state;
	gives_string("local t, out = { a = 1, b = 2, c = 3 }, ''\n"
		     "for k, v in pairs(t) do out = out .. k .. v; t.b = nil; t.d = 4 end\n"
		     "return out",
	    "a1c3");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sort_goes_by_what_is_less),
		cmocka_unit_test(sort_is_right_at_every_length),
		cmocka_unit_test(what_is_equal_stays_in_its_order),
		cmocka_unit_test(a_comparison_that_is_none_ends_all_the_same),
		cmocka_unit_test(sort_has_its_price),
		cmocka_unit_test(pairs_goes_by_the_order_of_keys),
		cmocka_unit_test(why_a_table_has_no_order_is_the_same_each_time),
		cmocka_unit_test(a_table_may_change_while_it_is_gone_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
