#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "converge/altered.h"

/* Whether the statement, run in schema `shop`, is about what is noted; then of which table, if that is asked. */
static bool
is_about(const struct converge_altered *a, const char *sql, const char *table)
{
	struct change_txn *t = change_txn_new(CHANGE_TXN_DDL);
	struct lt_str said = { 0 };
	bool about;

	t->ddl = lt_str_z(sql);
	t->ddl_schema = LT_STR("shop");
	about = converge_altered_by(a, t, &said);
	if (about)
		assert_true(lt_str_eqz(said, table));
	change_txn_free(t);
	return about;
}

static void
only_statements_on_a_table_that_is_noted_count(void **state)
{
	struct converge_altered a = { .arena = lt_arena_new() };

	(void)state;
	assert_false(is_about(&a, "ALTER TABLE stock ADD COLUMN z INT", ""));
	converge_altered_note(&a, LT_STR("shop.stock"));
	converge_altered_note(&a, LT_STR("shop.hot"));
	converge_altered_note(&a, LT_STR("shop.stock"));
	assert_true(is_about(&a, "ALTER TABLE stock ADD COLUMN z INT", "shop.stock"));
	assert_true(is_about(&a, "alter table `Shop`.HOT drop column v", "shop.hot")); /* as a server may fold names */
	assert_true(is_about(&a, "RENAME TABLE stock TO stock_old, stock_new TO stock", "shop.stock"));
	assert_false(is_about(&a, "ALTER TABLE rival ADD COLUMN z INT", ""));
	assert_false(is_about(&a, "ALTER TABLE other.stock ADD COLUMN z INT", ""));
	lt_arena_free(a.arena);
}

static void
what_cannot_be_told_apart_counts(void **state)
{
	struct converge_altered a = { .arena = lt_arena_new() };

	(void)state;
	converge_altered_note(&a, LT_STR("shop.stock"));
	assert_true(is_about(&a, "DROP DATABASE shop", "a table"));
	assert_true(is_about(&a, "FROBNICATE stock", "a table"));
	converge_altered_note(&a, LT_STR("")); /* of some table */
	assert_true(is_about(&a, "ALTER TABLE rival ADD COLUMN z INT", "a table"));
	lt_arena_free(a.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_statements_on_a_table_that_is_noted_count),
		cmocka_unit_test(what_cannot_be_told_apart_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
