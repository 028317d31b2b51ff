#include "binlog/dump.h"

#include <math.h>

#include "vectors.h"

static void
check(const struct change_column *c, struct change_value v, bool raw, const char *json)
{
	struct lt_buf out = { 0 };

	binlog_dump_value(c, &v, raw, &out);
	assert_string_equal(lt_buf_cstr(&out), json);
	lt_buf_free(&out);
}

#define VALUE(...) ((struct change_value){ __VA_ARGS__ })

static void
numbers_and_times(void **state)
{
	struct change_column c = { 0 };

	(void)state;
	check(&c, VALUE(.kind = CHANGE_NULL), false, "null");
	check(&c, VALUE(.kind = CHANGE_INT, .i64 = INT64_MIN), false, "-9223372036854775808");
	check(&c, VALUE(.kind = CHANGE_UINT, .u64 = UINT64_MAX), false, "18446744073709551615");
	check(&c, VALUE(.kind = CHANGE_YEAR, .u64 = 0), false, "0");
	check(&c, VALUE(.kind = CHANGE_FLOAT, .f32 = 0.1f), false, "0.1");
	check(&c, VALUE(.kind = CHANGE_DOUBLE, .f64 = 0.1), false, "0.1");
	check(&c, VALUE(.kind = CHANGE_FLOAT, .f32 = INFINITY), false, "{\"hex\":\"0000807f\"}");
	check(&c, VALUE(.kind = CHANGE_DECIMAL, .bytes = LT_STR("-0.50")), true, "\"-0.50\"");
	check(&c, VALUE(.kind = CHANGE_TIME, .time = { .negative = true, .hour = 838, .frac = 1 }), false,
	    "\"-838:00:00.0\"");
}

static void
bits_in_their_width(void **state)
{
	struct change_column c = { .length = 4 };

	(void)state;
	check(&c, VALUE(.kind = CHANGE_BIT, .u64 = 5), false, "{\"bit\":\"0101\"}");
	c.length = 64;
	check(&c, VALUE(.kind = CHANGE_BIT, .u64 = UINT64_MAX), false,
	    "{\"bit\":\"1111111111111111111111111111111111111111111111111111111111111111\"}");
}

static void
enums_and_sets_by_name_where_known(void **state)
{
	static const struct lt_str members[] = { LT_STR("a"), LT_STR("\xfc"), LT_STR("c") };
	struct change_column c = { .collation = 8, .nmembers = LT_COUNT(members), .members = members }, bare = { 0 };

	(void)state;
	check(&c, VALUE(.kind = CHANGE_ENUM, .u64 = 2), false, "{\"enum\":2,\"name\":\"ü\"}");
	check(&c, VALUE(.kind = CHANGE_ENUM, .u64 = 0), false, "0");
	check(&c, VALUE(.kind = CHANGE_ENUM, .u64 = 4), false, "4");
	check(&c, VALUE(.kind = CHANGE_SET, .u64 = 5), false, "{\"set\":5,\"names\":[\"a\",\"c\"]}");
	check(&c, VALUE(.kind = CHANGE_SET, .u64 = 0), false, "{\"set\":0,\"names\":[]}");
	check(&c, VALUE(.kind = CHANGE_SET, .u64 = 9), false, "9");
	check(&bare, VALUE(.kind = CHANGE_ENUM, .u64 = 2), false, "2");
	check(&bare, VALUE(.kind = CHANGE_SET, .u64 = UINT64_MAX), false, "18446744073709551615");
}

static void
text_as_utf8_else_hex(void **state)
{
	struct change_column gbk = { .collation = 28 }, none = { 0 };
	struct change_value text = VALUE(.kind = CHANGE_TEXT, .bytes = LT_STR("\xd6\xd0\n"));

	(void)state;
	check(&gbk, text, false, "\"中\\n\"");
	check(&gbk, text, true, "{\"hex\":\"d6d00a\"}");
	check(&none, text, false, "{\"hex\":\"d6d00a\"}");
	check(&none, VALUE(.kind = CHANGE_BYTES, .bytes = LT_STR("ab")), false, "{\"hex\":\"6162\"}");
	check(&none, VALUE(.kind = CHANGE_BYTES, .bytes = LT_STR("")), false, "{\"hex\":\"\"}");
	check(&none, VALUE(.kind = CHANGE_JSON, .bytes = LT_STR("{\"a\": 1}")), false, "{\"json\":\"{\\\"a\\\": 1}\"}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_times),
		cmocka_unit_test(bits_in_their_width),
		cmocka_unit_test(enums_and_sets_by_name_where_known),
		cmocka_unit_test(text_as_utf8_else_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
