#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "converge/changes.h"
#include "converge/shape_priv.h"

static struct shape_table table = { .policy = { .kind = CONFLICT_BY_ROW } };
static struct converge_shape shape = { .table = &table };
static struct lt_str values[] = { { "1", 1 }, { "2", 1 }, { "3", 1 } };
static struct conflict_row rows[] = { { &values[0], 1 }, { &values[1], 1 }, { &values[2], 1 } };

static int
make(void **state)
{
	struct converge_changes *c = lt_new(struct converge_changes);

	c->arena = lt_arena_new();
	*state = c;
	return 0;
}

static int
drop(void **state)
{
	struct converge_changes *c = *state;

	lt_arena_free(c->arena);
	free(c);
	return 0;
}

static void
add(struct converge_changes *c, const char *key, const struct conflict_row *before, const struct conflict_row *after)
{
	converge_changes_add(c, &shape, lt_str_z(key), before, after);
}

static void
rows_of_a_key_are_one_change(void **state)
{
	struct converge_changes *c = *state;

	add(c, "a", &rows[0], &rows[1]);
	add(c, "b", NULL, &rows[0]);
	add(c, "a", &rows[1], &rows[2]);
	converge_changes_end(c);
	assert_int_equal(c->count, 2);
	assert_true(lt_str_eqz(c->at[0].key, "a"));
	assert_ptr_equal(c->at[0].before, &rows[0]);
	assert_ptr_equal(c->at[0].after, &rows[2]);
	assert_ptr_equal(c->at[0].policy, &table.policy);
	assert_ptr_equal(c->shapes[1], &shape);
}

static void
deleted_and_inserted_again_is_an_update(void **state)
{
	struct converge_changes *c = *state;

	add(c, "a", &rows[0], NULL);
	add(c, "a", NULL, &rows[1]);
	converge_changes_end(c);
	assert_int_equal(c->count, 1);
	assert_ptr_equal(c->at[0].before, &rows[0]);
	assert_ptr_equal(c->at[0].after, &rows[1]);
}

static void
what_comes_out_as_it_was_is_no_change(void **state)
{
	struct converge_changes *c = *state;
	struct lt_str same = { "1", 1 };
	struct conflict_row as_before = { &same, 1 };

	add(c, "a", &rows[0], &rows[1]);
	add(c, "b", NULL, &rows[1]);
	add(c, "c", &rows[1], &rows[2]);
	add(c, "b", &rows[1], NULL);
	add(c, "a", &rows[1], &as_before);
	converge_changes_end(c);
	assert_int_equal(c->count, 1);
	assert_true(lt_str_eqz(c->at[0].key, "c"));
}

static void
many_keys_keep_their_order(void **state)
{
	struct converge_changes *c = *state;
	char names[100][8];

	for (int i = 0; i < 100; i++) {
		lt_str_copy(names[i], sizeof(names[i]), LT_STR("key"));
		names[i][3] = (char)('0' + i / 10);
		names[i][4] = (char)('0' + i % 10);
		names[i][5] = '\0';
		add(c, names[i], NULL, &rows[0]);
	}
	converge_changes_end(c);
	assert_int_equal(c->count, 100);
	for (int i = 0; i < 100; i++)
		assert_true(lt_str_eqz(c->at[i].key, names[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_of_a_key_are_one_change, make, drop),
		cmocka_unit_test_setup_teardown(deleted_and_inserted_again_is_an_update, make, drop),
		cmocka_unit_test_setup_teardown(what_comes_out_as_it_was_is_no_change, make, drop),
		cmocka_unit_test_setup_teardown(many_keys_keep_their_order, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
