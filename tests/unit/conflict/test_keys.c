#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "conflict/keys.h"

static void
keys_are_numbered_as_they_come(void **state)
{
	struct lt_arena *arena = lt_arena_new();
	struct conflict_keys k = { .arena = arena };
	char text[16];

	(void)state;
	assert_int_equal(conflict_keys_find(&k, LT_STR("a")), CONFLICT_NO_KEY);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 1000; i++) {
			snprintf(text, sizeof(text), "key %u", i);
			assert_int_equal(conflict_keys_add(&k, lt_arena_str(arena, lt_str_z(text))), i);
		}
	}
	assert_int_equal(k.count, 1000);
	assert_int_equal(conflict_keys_find(&k, LT_STR("key 500")), 500);
	assert_int_equal(conflict_keys_find(&k, LT_STR("key 1000")), CONFLICT_NO_KEY);
	lt_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keys_are_numbered_as_they_come) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
