#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "change/table.h"

static void
ids_differ_and_the_last_reference_frees(void **state)
{
	struct change_table *a = change_table_new(), *b = change_table_new();

	(void)state;
	assert_true(a->id != b->id);
	assert_ptr_equal(change_table_ref(a), a);
	change_table_unref(a);
	a->name = lt_arena_str(a->arena, LT_STR("still here")); /* a sanitizer would tell */
	change_table_unref(a);
	change_table_unref(b);
	change_table_unref(NULL);
}

static void
a_column_is_in_an_image_by_its_bit(void **state)
{
	static const uint8_t map[] = { 0x05, 0x80 };
	struct change_image some = { .present = map }, all = { 0 };

	(void)state;
	assert_true(change_image_has(&some, 0));
	assert_false(change_image_has(&some, 1));
	assert_true(change_image_has(&some, 2));
	assert_false(change_image_has(&some, 8));
	assert_true(change_image_has(&some, 15));
	assert_true(change_image_has(&all, 4000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_differ_and_the_last_reference_frees),
		cmocka_unit_test(a_column_is_in_an_image_by_its_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
