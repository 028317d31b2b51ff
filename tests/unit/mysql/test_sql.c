#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mysql/sql.h"

static void
names_double_their_backquotes(void **state)
{
	struct lt_buf b = { 0 };

	(void)state;
	my_sql_table(&b, LT_STR("sh`op"), LT_STR("`"));
	assert_string_equal(lt_buf_cstr(&b), "`sh``op`.````");
	lt_buf_clear(&b);
	my_sql_name(&b, LT_STR("gr\xc3\xbc'\\"));
	assert_string_equal(lt_buf_cstr(&b), "`gr\xc3\xbc'\\`");
	lt_buf_free(&b);
}

static void
text_escapes_what_would_end_it(void **state)
{
	struct lt_buf b = { 0 };

	(void)state;
	my_sql_text(&b, lt_str_of("a'b\"c\\d\0e\nf\rg\x1a%_\xe6\x97\xa5", 19));
	assert_string_equal(lt_buf_cstr(&b), "'a\\'b\\\"c\\\\d\\0e\\nf\\rg\\Z%_\xe6\x97\xa5'");
	lt_buf_clear(&b);
	my_sql_text(&b, LT_STR(""));
	assert_string_equal(lt_buf_cstr(&b), "''");
	lt_buf_free(&b);
}

static void
bytes_are_hex(void **state)
{
	struct lt_buf b = { 0 };

	(void)state;
	my_sql_bytes(&b, lt_str_of("\0\xff'", 3));
	assert_string_equal(lt_buf_cstr(&b), "X'00ff27'");
	lt_buf_clear(&b);
	my_sql_bytes(&b, LT_STR(""));
	assert_string_equal(lt_buf_cstr(&b), "X''");
	lt_buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_double_their_backquotes),
		cmocka_unit_test(text_escapes_what_would_end_it),
		cmocka_unit_test(bytes_are_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
