#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "make.h"
#include "schema/history.h"

static struct schema_table *
named(const char *name, const char *type)
{
	char column[64] = "id|";
	const char *const columns[] = { column, NULL };
	struct schema_table *t;

	strncat(column, type, sizeof(column) - 8);
	strcat(column, "||");
	t = make_table(columns);
	t->name = lt_arena_str(t->arena, lt_str_z(name));
	return t;
}

static void
newest_version_is_in_force_and_older_ones_stay_readable(void **state)
{
	struct schema_history *h = schema_history_new();
	struct change_place at = { .file = "b.000001", .pos = 4 };
	const struct schema_table *old, *now;

	(void)state;
	schema_history_put(h, &at, named("t", "int"));
	old = schema_history_table(h, LT_STR("s"), LT_STR("t"));
	schema_history_put(h, &at, named("t", "bigint"));
	now = schema_history_table(h, LT_STR("s"), LT_STR("t"));
	assert_ptr_not_equal(old, now);
	assert_true(lt_str_eqz(old->columns[0].type, "int"));
	assert_true(lt_str_eqz(now->columns[0].type, "bigint"));
	schema_history_free(h);
}

static void
equal_table_replaces_nothing(void **state)
{
	struct schema_history *h = schema_history_new();
	struct change_place at = { .file = "b.000001", .pos = 4 };
	const struct schema_table *first;

	(void)state;
	schema_history_put(h, &at, named("t", "int"));
	first = schema_history_table(h, LT_STR("s"), LT_STR("t"));
	schema_history_put(h, &at, named("t", "int"));
	assert_ptr_equal(schema_history_table(h, LT_STR("s"), LT_STR("t")), first);
	schema_history_free(h);
}

static void
equal_table_from_an_earlier_place_on_is_put(void **state)
{
	struct schema_history *h = schema_history_new();
	struct change_place later = { .file = "b.000002", .pos = 4 }, earlier = { .file = "b.000001", .pos = 400 };
	const struct schema_table *first;

	(void)state;
	schema_history_put(h, &later, named("t", "int"));
	first = schema_history_table(h, LT_STR("s"), LT_STR("t"));
	schema_history_put(h, &earlier, named("t", "int"));
	assert_ptr_not_equal(schema_history_table(h, LT_STR("s"), LT_STR("t")), first);
	schema_history_free(h);
}

static void
finds_each_of_many_tables(void **state)
{
	struct schema_history *h = schema_history_new();
	struct change_place at = { .file = "b.000001", .pos = 4 };
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "t%u", i * 7919 % 500);
		schema_history_put(h, &at, named(name, "int"));
	}
	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		assert_non_null(schema_history_table(h, LT_STR("s"), lt_str_z(name)));
		assert_null(schema_history_table(h, LT_STR("x"), lt_str_z(name)));
	}
	assert_null(schema_history_table(h, LT_STR("s"), LT_STR("t500")));
	schema_history_free(h);
	schema_history_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newest_version_is_in_force_and_older_ones_stay_readable),
		cmocka_unit_test(equal_table_replaces_nothing),
		cmocka_unit_test(equal_table_from_an_earlier_place_on_is_put),
		cmocka_unit_test(finds_each_of_many_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
