#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/bind_priv.h"

static const struct lt_str here[] = { LT_STR("x"), LT_STR("y"), LT_STR("only here") };
static const struct lt_str there[] = { LT_STR("new"), LT_STR("y"), LT_STR("x") };
static const struct change_column from = { .name = LT_STR("s"), .kind = CHANGE_SET, .nmembers = 3, .members = here };
static const struct schema_column to = {
	.name = LT_STR("s"), .base_type = LT_STR("set"), .nmembers = 3, .members = there
};

static void
bound(uint64_t bits, const char *want)
{
	struct pipeline_column c = { .target = &to, .from = &from };
	struct change_value v = { .kind = CHANGE_SET, .u64 = bits };
	struct lt_arena *arena = lt_arena_new();
	struct my_param param = { .kind = MY_PARAM_NULL };
	struct lt_err err = { 0 };

	assert_true(pipeline_bind_choose(&from, &to, true, &c.bind, &err));
	assert_int_equal(c.bind, PIPELINE_BIND_NAME);
	if (want == NULL) {
		assert_false(pipeline_bind_value(&c, &v, arena, &param, &err));
		assert_int_equal(err.code, LT_E_CORRUPT);
	} else {
		assert_true(pipeline_bind_value(&c, &v, arena, &param, &err));
		assert_int_equal(param.kind, MY_PARAM_TEXT);
		assert_true(lt_str_eqz(param.bytes, want));
	}
	lt_arena_free(arena);
}

static void
members_of_a_set_come_in_the_targets_order(void **state)
{
	(void)state;
	bound(0, "");
	bound(1, "x");
	bound(3, "y,x");
	bound(7, "y,x,only here"); /* for the server to refuse */
	bound(8, NULL);
}

/* What a server may make a value of its own of. */
static void
null_for_a_time_or_a_counter_that_has_none_is_refused(void **state)
{
	static const struct {
		struct schema_column to;
		bool takes;
	} columns[] = {
		{ { .name = LT_STR("c"), .base_type = LT_STR("timestamp") }, false },
		{ { .name = LT_STR("c"), .base_type = LT_STR("timestamp"), .nullable = true }, true },
		{ { .name = LT_STR("c"), .base_type = LT_STR("int"), .auto_increment = true }, false },
		{ { .name = LT_STR("c"), .base_type = LT_STR("int") }, true }, /* the server refuses it */
	};
	struct change_value null = { .kind = CHANGE_NULL }, one = { .kind = CHANGE_INT, .i64 = 1 };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(columns); i++) {
		struct pipeline_column c = { .target = &columns[i].to };
		struct lt_err err = { 0 };

		assert_true(pipeline_bind_takes(&c, &one, &err));
		assert_int_equal(pipeline_bind_takes(&c, &null, &err), columns[i].takes);
		assert_int_equal(err.code, columns[i].takes ? LT_OK : LT_E_VALUE_REFUSED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_a_set_come_in_the_targets_order),
		cmocka_unit_test(null_for_a_time_or_a_counter_that_has_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
