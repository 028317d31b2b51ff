#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conflict/version.h"

static void
equal_clocks_are_ordered_by_origin(void **state)
{
	struct conflict_version a = { 5, 9, 1 }, b = { 5, 1, 2 }, later = { 6, 1, 1 };

	(void)state;
	assert_true(conflict_version_cmp(a, b) < 0);
	assert_true(conflict_version_cmp(b, a) > 0);
	assert_true(conflict_version_cmp(later, b) > 0);
	assert_int_equal(conflict_version_cmp(a, a), 0);
	assert_true(conflict_version_cmp(CONFLICT_UNKNOWN, a) < 0);
}

static void
an_incarnation_is_above_every_site_of_the_one_before(void **state)
{
	(void)state;
	assert_true(conflict_origin(1, 1) > conflict_origin(255, 0));
	assert_int_equal(conflict_origin_site(conflict_origin(255, 3)), 255);
}

static void
a_vector_never_goes_down(void **state)
{
	struct conflict_vector v = { 0 };

	(void)state;
	assert_int_equal(conflict_vector_get(&v, 7), 0);
	assert_true(conflict_vector_has(&v, CONFLICT_UNKNOWN));
	for (uint32_t origin = 20; origin > 0; origin--)
		conflict_vector_raise(&v, origin, origin);
	conflict_vector_raise(&v, 7, 3);
	assert_int_equal(v.count, 20);
	for (uint32_t origin = 1; origin <= 20; origin++)
		assert_int_equal(conflict_vector_get(&v, origin), origin);
	assert_true(conflict_vector_has(&v, (struct conflict_version){ 0, 7, 7 }));
	assert_false(conflict_vector_has(&v, (struct conflict_version){ 0, 8, 7 }));
	conflict_vector_free(&v);
}

static void
merging_takes_the_greater_and_meeting_the_smaller(void **state)
{
	struct conflict_vector a = { 0 }, b = { 0 };
	struct lt_arena *arena = lt_arena_new();
	struct conflict_vector old;

	(void)state;
	conflict_vector_raise(&a, 1, 5);
	conflict_vector_raise(&a, 3, 1);
	conflict_vector_raise(&b, 1, 2);
	conflict_vector_raise(&b, 2, 9);
	old = conflict_vector_copy(&a, arena);
	assert_false(conflict_vector_below(&a, &b));
	conflict_vector_meet(&a, &b);
	assert_int_equal(a.count, 1); /* what one of them has not seen at all is not in it */
	assert_int_equal(conflict_vector_get(&a, 1), 2);
	assert_true(conflict_vector_below(&a, &b));
	assert_true(conflict_vector_below(&a, &old));
	conflict_vector_merge(&b, &old);
	assert_true(conflict_vector_below(&old, &b));
	assert_int_equal(conflict_vector_get(&b, 1), 5);
	assert_int_equal(conflict_vector_get(&b, 2), 9);
	conflict_vector_free(&a);
	conflict_vector_free(&b);
	lt_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_clocks_are_ordered_by_origin),
		cmocka_unit_test(an_incarnation_is_above_every_site_of_the_one_before),
		cmocka_unit_test(a_vector_never_goes_down),
		cmocka_unit_test(merging_takes_the_greater_and_meeting_the_smaller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
