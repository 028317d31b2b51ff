#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "change/value.h"

static void
times_print_as_the_server_prints_them(void **state)
{
	static const struct {
		enum change_kind kind;
		struct change_time time;
		const char *text;
	} cases[] = {
		{ CHANGE_DATE, { .year = 2024, .month = 2, .day = 29 }, "2024-02-29" },
		{ CHANGE_DATE, { 0 }, "0000-00-00" },
		{ CHANGE_TIME, { .hour = 1, .minute = 2, .second = 3 }, "01:02:03" },
		{ CHANGE_TIME, { .negative = true, .frac = 1, .micro = 100000 }, "-00:00:00.1" },
		{ CHANGE_TIME,
		    { .negative = true, .hour = 838, .minute = 59, .second = 58, .frac = 6, .micro = 999999 },
		    "-838:59:58.999999" },
		{ CHANGE_DATETIME, { .year = 9999, .month = 12, .day = 31, .hour = 23, .frac = 3, .micro = 1000 },
		    "9999-12-31 23:00:00.001" },
		{ CHANGE_TIMESTAMP, { .frac = 2 }, "0000-00-00 00:00:00.00" },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		assert_int_equal(change_time_text(cases[i].kind, &cases[i].time, out), strlen(cases[i].text));
		assert_string_equal(out, cases[i].text);
	}
}

static void
nothing_a_time_holds_outgrows_its_text(void **state)
{
	struct change_time t;
	char out[32];

	(void)state;
	memset(&t, 0xff, sizeof(t));
	t.negative = true;
	for (int kind = CHANGE_DATE; kind <= CHANGE_TIMESTAMP; kind++)
		assert_true(change_time_text((enum change_kind)kind, &t, out) < sizeof(out));
}

static void
equal_is_kind_and_value(void **state)
{
	struct change_value one = { .kind = CHANGE_INT, .i64 = 1 }, other = { .kind = CHANGE_UINT, .u64 = 1 };
	struct change_value zero = { .kind = CHANGE_DOUBLE, .f64 = 0.0 },
			    minus = { .kind = CHANGE_DOUBLE, .f64 = -0.0 };
	struct change_value text = { .kind = CHANGE_TEXT, .bytes = LT_STR("a") }, same = text;
	struct change_value noon = { .kind = CHANGE_TIME, .time = { .hour = 12 } }, later = noon;
	struct change_value null = { .kind = CHANGE_NULL };

	(void)state;
	assert_true(change_value_eq(&one, &one));
	assert_false(change_value_eq(&one, &other));
	assert_false(change_value_eq(&zero, &minus));
	assert_true(change_value_eq(&text, &same));
	same.bytes = LT_STR("A");
	assert_false(change_value_eq(&text, &same));
	later.time.frac = 3; /* how it prints, not what it is */
	assert_true(change_value_eq(&noon, &later));
	later.time.micro = 1;
	assert_false(change_value_eq(&noon, &later));
	assert_true(change_value_eq(&null, &null));
	assert_false(change_value_eq(&null, &one));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_print_as_the_server_prints_them),
		cmocka_unit_test(nothing_a_time_holds_outgrows_its_text),
		cmocka_unit_test(equal_is_kind_and_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
