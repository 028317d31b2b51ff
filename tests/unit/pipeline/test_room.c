#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/room_priv.h"

static bool
keeps(enum schema_room_kind kind, uint32_t count, const struct change_value *v)
{
	static const struct schema_column target = { .name = { "at", 2 }, .type = { "datetime", 8 } };
	const struct pipeline_column c = { .target = &target, .room = { kind, count } };
	struct lt_err err = { 0 };
	bool kept = pipeline_room_keeps(&c, v, &err);

	if (!kept) {
		assert_int_equal(err.code, LT_E_VALUE_REFUSED);
		assert_non_null(strstr(err.message, "column at"));
	}
	return kept;
}

#define TIME(...)                                                                                                      \
	&(struct change_value)                                                                                         \
	{                                                                                                              \
		.kind = CHANGE_DATETIME, .time = { __VA_ARGS__ }                                                       \
	}
#define DECIMAL(text)                                                                                                  \
	&(struct change_value)                                                                                         \
	{                                                                                                              \
		.kind = CHANGE_DECIMAL, .bytes = LT_STR(text)                                                          \
	}
#define INT(n)                                                                                                         \
	&(struct change_value)                                                                                         \
	{                                                                                                              \
		.kind = CHANGE_INT, .i64 = (n)                                                                         \
	}
#define UINT(n)                                                                                                        \
	&(struct change_value)                                                                                         \
	{                                                                                                              \
		.kind = CHANGE_UINT, .u64 = (n)                                                                        \
	}
#define DOUBLE(n)                                                                                                      \
	&(struct change_value)                                                                                         \
	{                                                                                                              \
		.kind = CHANGE_DOUBLE, .f64 = (n)                                                                      \
	}
#define FLOAT(n)                                                                                                       \
	&(struct change_value)                                                                                         \
	{                                                                                                              \
		.kind = CHANGE_FLOAT, .f32 = (n)                                                                       \
	}
#define BYTES(text)                                                                                                    \
	&(struct change_value)                                                                                         \
	{                                                                                                              \
		.kind = CHANGE_BYTES, .bytes = LT_STR(text)                                                            \
	}

static void
what_is_whole_goes_and_what_would_be_bent_does_not(void **state)
{
	(void)state;
	assert_true(keeps(SCHEMA_ROOM_DIGITS, 3, TIME(.micro = 123000)));
	assert_false(keeps(SCHEMA_ROOM_DIGITS, 3, TIME(.micro = 123400)));
	assert_true(keeps(SCHEMA_ROOM_DIGITS, 0, TIME(.year = 2026)));
	assert_false(keeps(SCHEMA_ROOM_DIGITS, 0, TIME(.micro = 1)));
	assert_true(keeps(SCHEMA_ROOM_DATE, 0, TIME(.year = 2026, .month = 2, .day = 3)));
	assert_false(keeps(SCHEMA_ROOM_DATE, 0, TIME(.year = 2026, .second = 1)));
	assert_true(keeps(SCHEMA_ROOM_DIGITS, 2, DECIMAL("-12.3400")));
	assert_false(keeps(SCHEMA_ROOM_DIGITS, 2, DECIMAL("-12.3410")));
	assert_true(keeps(SCHEMA_ROOM_DIGITS, 0, DECIMAL("7")));
	assert_true(keeps(SCHEMA_ROOM_DIGITS, 2, DOUBLE(0.25)));
	assert_false(keeps(SCHEMA_ROOM_DIGITS, 2, DOUBLE(0.125)));
	assert_true(keeps(SCHEMA_ROOM_DIGITS, 0, DOUBLE(1e300)));
	assert_false(keeps(SCHEMA_ROOM_DIGITS, 0, FLOAT(1.5f)));
	assert_true(keeps(SCHEMA_ROOM_FLOAT, 0, INT(-16777216)));
	assert_false(keeps(SCHEMA_ROOM_FLOAT, 0, INT(16777217)));
	assert_true(keeps(SCHEMA_ROOM_FLOAT, 0, DOUBLE(0.5)));
	assert_false(keeps(SCHEMA_ROOM_FLOAT, 0, DOUBLE(0.1)));
	assert_false(keeps(SCHEMA_ROOM_DOUBLE, 0, UINT(UINT64_MAX)));
	assert_true(keeps(SCHEMA_ROOM_DOUBLE, 0, DECIMAL("00123456789012345.00")));
	assert_false(keeps(SCHEMA_ROOM_DOUBLE, 0, DECIMAL("0.1234567890123456")));
	assert_true(keeps(SCHEMA_ROOM_CHAR, 0, BYTES("")));
	assert_false(keeps(SCHEMA_ROOM_CHAR, 0, BYTES("x ")));
	assert_true(keeps(SCHEMA_ROOM_BINARY, 2, BYTES("ab")));
	assert_false(keeps(SCHEMA_ROOM_BINARY, 2, BYTES("a")));
	assert_false(keeps(SCHEMA_ROOM_NONE, 0, INT(0)));
	assert_true(keeps(SCHEMA_ROOM_NONE, 0, &(struct change_value){ .kind = CHANGE_NULL }));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_whole_goes_and_what_would_be_bent_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
