#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"

static void
text_names_code_place_and_hint(void **state)
{
	struct lt_err err = { 0 };
	struct lt_buf out = { 0 };

	(void)state;
	assert_false(lt_fail(&err, LT_E_LOG_PURGED, "gone: %s", "mb.000001"));
	lt_str_copy(err.where.file, sizeof(err.where.file), LT_STR("mb.000001"));
	err.where.pos = 4711;
	lt_where_table(&err.where, LT_STR("shop"), LT_STR("orders"));
	assert_false(lt_wrap(&err, "while reading"));
	lt_err_text(&err, &out);
	assert_string_equal(lt_buf_cstr(&out),
	    "lutra: E3010 while reading: gone: mb.000001 (mb.000001:4711, shop.orders): the source has purged what is needed: "
	    "load a fresh dump, then `lutra position --data DIR PIPELINE ...` with its place; where conflicts are decided, copy one site to the "
	    "others and begin the channel anew, as the guide says (conflicts.md, `A long outage`)");
	lt_buf_free(&out);
}

static void
the_hint_names_the_pipeline_where_it_is_known(void **state)
{
	struct lt_err err = { 0 };
	struct lt_buf out = { 0 };

	(void)state;
	assert_false(lt_fail(&err, LT_E_DUPLICATE, "twice"));
	lt_err_text(&err, &out);
	assert_non_null(
	    strstr(lt_buf_cstr(&out), "`lutra retry --data DIR PIPELINE`; or `lutra replace --data DIR PIPELINE"));
	lt_str_copy(err.where.pipeline, sizeof(err.where.pipeline), LT_STR("shop hz->us"));
	lt_buf_clear(&out);
	lt_err_text(&err, &out);
	assert_non_null(
	    strstr(lt_buf_cstr(&out), "`lutra retry --data DIR 'hz->us'`; or `lutra replace --data DIR 'hz->us'"));
	lt_buf_clear(&out);
	lt_err_json(&err, &out);
	assert_non_null(
	    strstr(lt_buf_cstr(&out), "`lutra retry --data DIR 'hz->us'`; or `lutra replace --data DIR 'hz->us'"));
	lt_buf_free(&out);
}

static void
every_code_has_a_name_and_a_hint_and_numbers_are_unique(void **state)
{
	static const int numbers[] = {
#define LT_CODE(name, number, kind, exit_status, hint) (number),
#include "base/codes.def"
#undef LT_CODE
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(numbers); i++) {
		assert_true(strlen(lt_code_hint((enum lt_code)numbers[i])) > 0);
		assert_in_range(lt_code_exit((enum lt_code)numbers[i]), 1, 5);
		for (size_t j = i + 1; j < LT_COUNT(numbers); j++)
			assert_int_not_equal(numbers[i], numbers[j]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_names_code_place_and_hint),
		cmocka_unit_test(the_hint_names_the_pipeline_where_it_is_known),
		cmocka_unit_test(every_code_has_a_name_and_a_hint_and_numbers_are_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
