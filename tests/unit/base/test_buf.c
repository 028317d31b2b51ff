#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"

static void
writes_little_endian_of_any_width(void **state)
{
	static const char want[] = "\x34\x12\xff\xff\xff\xff\xff\xff\xff\xff\x07\0\0\0\0\0\0\0\0\0\0\0\0";
	struct lt_buf b = { 0 };

	(void)state;
	lt_buf_le(&b, 0x551234, 2);
	lt_buf_le(&b, UINT64_MAX, 8);
	lt_buf_le(&b, 7, 13); /* a register-replica command has 13 bytes of nothing */
	assert_int_equal(b.len, sizeof(want) - 1);
	assert_memory_equal(b.ptr, want, b.len);
	lt_buf_free(&b);
}

static void
writes_lengths_in_the_fewest_bytes(void **state)
{
	static const struct {
		uint64_t n;
		size_t width;
		uint8_t first;
	} cases[] = {
		{ 0, 1, 0 },
		{ 250, 1, 250 },
		{ 251, 3, 0xfc },
		{ 0xffff, 3, 0xfc },
		{ 0x10000, 4, 0xfd },
		{ 0xffffff, 4, 0xfd },
		{ 0x1000000, 9, 0xfe },
		{ UINT64_MAX, 9, 0xfe },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct lt_buf b = { 0 };

		lt_buf_lenenc(&b, cases[i].n);
		assert_int_equal(b.len, cases[i].width);
		assert_int_equal((uint8_t)b.ptr[0], cases[i].first);
		lt_buf_free(&b);
	}
}

static void
writes_numbers_as_printf_does(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (int digits = 0; digits < 20; digits++, power *= 10) {
		for (uint64_t n = power - 2; n != power + 3; n++) {
			struct lt_buf b = { 0 };
			char want[48];

			snprintf(want, sizeof(want), "%llu%lld", (unsigned long long)n, (long long)n);
			lt_buf_u64(&b, n);
			lt_buf_i64(&b, (int64_t)n);
			assert_string_equal(lt_buf_cstr(&b), want);
			lt_buf_free(&b);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_little_endian_of_any_width),
		cmocka_unit_test(writes_lengths_in_the_fewest_bytes),
		cmocka_unit_test(writes_numbers_as_printf_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
