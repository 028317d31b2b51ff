#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static void
check(struct lt_str in, const char *want)
{
	struct lt_buf out = { 0 };

	lt_json_str(&out, in);
	assert_string_equal(lt_buf_cstr(&out), want);
	lt_buf_free(&out);
}

static void
escapes_what_json_must_and_keeps_the_rest(void **state)
{
	(void)state;
	check(LT_STR("a\"b\\c\n\t\x01\x7f"), "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\"");
	check(LT_STR("gr\xc3\xbc\xc3\x9f \xf0\x9f\xa6\xa6"), "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\xa6\xa6\"");
	check(LT_STR("\xff\xc3"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	check(LT_STR(""), "\"\"");
}

static void
keys_take_commas_but_for_the_first(void **state)
{
	struct lt_buf out = { 0 };

	(void)state;
	lt_buf_c(&out, '{');
	lt_json_key(&out, "a");
	lt_buf_u64(&out, UINT64_MAX);
	lt_json_key(&out, "b");
	lt_buf_i64(&out, INT64_MIN);
	lt_buf_c(&out, '}');
	assert_string_equal(lt_buf_cstr(&out), "{\"a\":18446744073709551615,\"b\":-9223372036854775808}");
	lt_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_what_json_must_and_keeps_the_rest),
		cmocka_unit_test(keys_take_commas_but_for_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
