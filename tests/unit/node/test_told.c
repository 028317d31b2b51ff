#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/told.h"

#define MINUTE_US (UINT64_C(60) * 1000000)

static void
changes_are_told_at_once(void **state)
{
	struct node_told t = { 0 };
	struct pipeline_status s = { .state = PIPELINE_STARTING };

	(void)state;
	assert_false(node_told_due(&t, &s, 5));
	s.state = PIPELINE_RUNNING;
	assert_true(node_told_due(&t, &s, 5));
	assert_false(node_told_due(&t, &s, 100 * MINUTE_US));
	s.state = PIPELINE_RETRYING;
	s.err.code = LT_E_READ_ONLY;
	assert_true(node_told_due(&t, &s, 100 * MINUTE_US));
	s.err.code = LT_E_CONNECT;
	assert_true(node_told_due(&t, &s, 100 * MINUTE_US));
	s.state = PIPELINE_STOPPED;
	assert_true(node_told_due(&t, &s, 100 * MINUTE_US));
	assert_false(node_told_due(&t, &s, 900 * MINUTE_US));
}

static void
the_same_trouble_is_told_again_ever_more_rarely(void **state)
{
	struct node_told t = { 0 };
	struct pipeline_status s = { .state = PIPELINE_RETRYING, .err = { .code = LT_E_DISK_FULL } };
	unsigned told = 0, late = 0;

	(void)state;
	for (unsigned minute = 0; minute < 24 * 60; minute++) {
		bool due = node_told_due(&t, &s, minute * MINUTE_US);

		told += due ? 1 : 0;
		late += due && minute >= 23 * 60 ? 1 : 0;
	}
	assert_in_range(told, 24, 32);
	assert_int_equal(late, 1);
	/* Over, and there again: from the start. */
	s = (struct pipeline_status){ .state = PIPELINE_RUNNING };
	assert_true(node_told_due(&t, &s, 1440 * MINUTE_US));
	s = (struct pipeline_status){ .state = PIPELINE_RETRYING, .err = { .code = LT_E_DISK_FULL } };
	assert_true(node_told_due(&t, &s, 1440 * MINUTE_US));
	assert_false(node_told_due(&t, &s, 1441 * MINUTE_US - 1));
	assert_true(node_told_due(&t, &s, 1441 * MINUTE_US));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_told_at_once),
		cmocka_unit_test(the_same_trouble_is_told_again_ever_more_rarely),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
