#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "binlog/semi_sync.h"

static void
two_bytes_stand_in_front_of_an_event(void **state)
{
	bool ack = true;

	(void)state;
	assert_true(binlog_semi_sync_head(LT_STR("\xef\0..."), &ack));
	assert_false(ack);
	assert_true(binlog_semi_sync_head(LT_STR("\xef\1..."), &ack));
	assert_true(ack);
}

static void
without_them_it_is_a_plain_stream(void **state)
{
	bool ack = true;

	(void)state;
	assert_false(binlog_semi_sync_head(LT_STR(""), &ack));
	assert_false(binlog_semi_sync_head(LT_STR("\xef"), &ack));
	assert_false(binlog_semi_sync_head(LT_STR("\0\0\0\0"), &ack));
	assert_true(ack); /* untouched */
}

static void
an_acknowledgement_is_a_place(void **state)
{
	static const char wire[] = "\xef\x01\x02\x03\x04\x05\0\0\0binlog.000007";
	struct change_place end = { .file = "binlog.000007", .pos = 0x0504030201, .last_pos = 4 };
	struct lt_buf out = { 0 };

	(void)state;
	binlog_semi_sync_ack(&end, &out);
	assert_int_equal(out.len, sizeof(wire) - 1);
	assert_memory_equal(out.ptr, wire, out.len);
	lt_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_bytes_stand_in_front_of_an_event),
		cmocka_unit_test(without_them_it_is_a_plain_stream),
		cmocka_unit_test(an_acknowledgement_is_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
