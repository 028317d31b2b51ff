#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/delay.h"

#define S UINT64_C(1000000)

static uint64_t mono_us;

static uint64_t
read_mono(void *ctx)
{
	(void)ctx;
	return mono_us;
}

static const struct lt_clock test_clock = { NULL, read_mono, NULL };

/* The source said 1000 s when our monotonic clock stood at 50 s; ten seconds are wanted. */
static const struct pipeline_delay ten = {
	.clock = &test_clock, .delay_us = 10 * S, .source_us = 1000 * S, .mono_us = 50 * S
};

static void
counts_from_the_commit_by_the_sources_clock(void **state)
{
	(void)state;
	mono_us = 53 * S; /* 1003 at the source */
	assert_int_equal(pipeline_delay_left_us(&ten, 1002 * S + 1, 53 * S), 9 * S + 1);
	mono_us = 62 * S;
	assert_int_equal(pipeline_delay_left_us(&ten, 1002 * S + 1, 53 * S), 1);
	mono_us = 63 * S;
	assert_int_equal(pipeline_delay_left_us(&ten, 1002 * S + 1, 53 * S), 0);
	assert_int_equal(pipeline_delay_left_us(&ten, 900 * S + 1, 63 * S), 0);
}

static void
a_stamp_in_seconds_counts_as_the_end_of_its_second(void **state)
{
	(void)state;
	mono_us = 53 * S;
	assert_int_equal(pipeline_delay_left_us(&ten, 1000 * S, 53 * S), 8 * S);
}

static void
a_stamp_in_the_future_counts_as_the_moment_of_reading(void **state)
{
	(void)state;
	mono_us = 53 * S;
	assert_int_equal(pipeline_delay_left_us(&ten, 2000000000 * S + 1, 53 * S), 10 * S);
	mono_us = 60 * S;
	assert_int_equal(pipeline_delay_left_us(&ten, 2000000000 * S + 1, 53 * S), 3 * S);
	mono_us = 70 * S;
	assert_int_equal(pipeline_delay_left_us(&ten, 2000000000 * S + 1, 53 * S), 0);
}

static void
nothing_is_held_without_a_delay_or_a_stamp(void **state)
{
	struct pipeline_delay none = ten;

	(void)state;
	mono_us = 53 * S;
	none.delay_us = 0;
	assert_int_equal(pipeline_delay_left_us(&none, 1003 * S, 53 * S), 0);
	assert_int_equal(pipeline_delay_left_us(&ten, 0, 53 * S), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_from_the_commit_by_the_sources_clock),
		cmocka_unit_test(a_stamp_in_seconds_counts_as_the_end_of_its_second),
		cmocka_unit_test(a_stamp_in_the_future_counts_as_the_moment_of_reading),
		cmocka_unit_test(nothing_is_held_without_a_delay_or_a_stamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
