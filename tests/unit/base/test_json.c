#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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
	check(lt_str_of(NULL, 0), "\"\"");
}

/** Words of eight bytes are looked at together: a byte of every value at each place of them. */
static void
every_byte_at_every_place(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		for (size_t at = 0; at < 19; at++) {
			struct lt_buf out = { 0 }, strict = { 0 };
			char text[] = "abcdefgh~\x20zZ!#[]^_`", want[64], *end = want;
			size_t len = sizeof(text) - 1;
			bool as_it_is = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';

			text[at] = (char)c;
			*end++ = '"';
			for (size_t i = 0; i < len; i++) {
				if (i != at || as_it_is)
					*end++ = text[i];
				else if (c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t')
					end += sprintf(end, "\\%c",
					    c == '\n'   ? 'n'
					    : c == '\r' ? 'r'
					    : c == '\t' ? 't'
							: (int)c);
				else
					end +=
					    c < 0x80 ? sprintf(end, "\\u%04x", c) : sprintf(end, "%s", "\xef\xbf\xbd");
			}
			memcpy(end, "\"", 2);
			lt_json_str(&out, lt_str_of(text, len));
			assert_string_equal(lt_buf_cstr(&out), want);
			lt_buf_c(&strict, '!');
			assert_int_equal(lt_json_utf8(&strict, lt_str_of(text, len)), c < 0x80);
			assert_int_equal(strict.len, c < 0x80 ? out.len + 1 : 1);
			lt_buf_free(&out);
			lt_buf_free(&strict);
		}
	}
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
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(keys_take_commas_but_for_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
