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
	schema_history_put(h, &at, NULL, named("t", "int"));
	old = schema_history_table(h, LT_STR("s"), LT_STR("t"));
	schema_history_put(h, &at, NULL, named("t", "bigint"));
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
	schema_history_put(h, &at, NULL, named("t", "int"));
	first = schema_history_table(h, LT_STR("s"), LT_STR("t"));
	schema_history_put(h, &at, NULL, named("t", "int"));
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
	schema_history_put(h, &later, NULL, named("t", "int"));
	first = schema_history_table(h, LT_STR("s"), LT_STR("t"));
	schema_history_put(h, &earlier, NULL, named("t", "int"));
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
		schema_history_put(h, &at, NULL, named(name, "int"));
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

static struct change_place
place(uint64_t pos)
{
	return (struct change_place){ .file = "b.000001", .pos = pos };
}

static bool
is_sure(const struct schema_history *h, const char *name)
{
	return schema_history_is_sure(h, LT_STR("s"), lt_str_z(name));
}

static void
read_later_is_sure_only_when_no_statement_came_between(void **state)
{
	struct schema_history *h = schema_history_new();
	struct change_place at = place(4), read = place(900), between = place(500), behind = place(901), changed;

	(void)state;
	schema_history_put(h, &at, &read, named("t", "int"));
	schema_history_put(h, &at, &read, named("u", "int"));
	schema_history_put(h, &at, &read, named("v", "int"));
	schema_history_put(h, &at, NULL, named("w", "int"));
	assert_false(is_sure(h, "t"));
	assert_true(is_sure(h, "w") && is_sure(h, "unknown"));
	schema_history_changes(h, LT_STR("S"), LT_STR("T"), &between);
	schema_history_changes(h, LT_STR("other"), LT_STR("v"), &between);
	schema_history_changes(h, LT_STR("s"), LT_STR("u"), &behind);
	assert_true(schema_history_changed_at(h, LT_STR("s"), LT_STR("t"), &changed));
	assert_int_equal(changed.pos, 500);
	schema_history_settle(h);
	assert_false(is_sure(h, "t"));
	assert_true(is_sure(h, "u") && is_sure(h, "v"));
	schema_history_free(h);
}

static void
statements_without_a_table_or_a_schema_change_all_of_them(void **state)
{
	struct schema_history *h = schema_history_new();
	struct change_place at = place(4), read = place(900), between = place(500);

	(void)state;
	schema_history_put(h, &at, &read, named("t", "int"));
	schema_history_changes(h, LT_STR("s"), LT_STR(""), &between);
	schema_history_settle(h);
	assert_false(is_sure(h, "t"));
	schema_history_put(h, &at, &read, named("t", "int"));
	schema_history_changes(h, LT_STR(""), LT_STR(""), &between);
	schema_history_settle(h);
	assert_false(is_sure(h, "t"));
	schema_history_free(h);
}

static void
reading_that_comes_as_far_as_the_catalog_makes_it_sure(void **state)
{
	struct schema_history *h = schema_history_new();
	struct change_place at = place(4), read = place(900), nearly = place(899), another = { .file = "" };

	(void)state;
	schema_history_put(h, &at, &read, named("t", "int"));
	schema_history_reach(h, &nearly);
	assert_false(is_sure(h, "t"));
	schema_history_reach(h, &read);
	assert_true(is_sure(h, "t"));
	/* In another server's log no place says when that is. */
	schema_history_put(h, &at, &read, named("t", "bigint"));
	schema_history_rebase(h, &another);
	schema_history_reach(h, &read);
	assert_false(is_sure(h, "t"));
	schema_history_free(h);
}

static void
an_equal_table_that_is_not_sure_is_put_all_the_same(void **state)
{
	struct schema_history *h = schema_history_new();
	struct change_place at = place(4), read = place(900);

	(void)state;
	schema_history_put(h, &at, NULL, named("t", "int"));
	schema_history_put(h, &at, &read, named("t", "int"));
	assert_false(is_sure(h, "t"));
	schema_history_put(h, &at, NULL, named("t", "int"));
	assert_true(is_sure(h, "t"));
	schema_history_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newest_version_is_in_force_and_older_ones_stay_readable),
		cmocka_unit_test(equal_table_replaces_nothing),
		cmocka_unit_test(equal_table_from_an_earlier_place_on_is_put),
		cmocka_unit_test(finds_each_of_many_tables),
		cmocka_unit_test(read_later_is_sure_only_when_no_statement_came_between),
		cmocka_unit_test(statements_without_a_table_or_a_schema_change_all_of_them),
		cmocka_unit_test(reading_that_comes_as_far_as_the_catalog_makes_it_sure),
		cmocka_unit_test(an_equal_table_that_is_not_sure_is_put_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
