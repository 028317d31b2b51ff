#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "binlog/crc.h"
#include "binlog/event.h"
#include "events.h"

static void
crc_is_zlibs_at_every_length(void **state)
{
	uint8_t bytes[700];
	uint32_t n = 12345;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		n = n * 1103515245 + 12345;
		bytes[i] = (uint8_t)(n >> 16);
	}
	for (size_t from = 0; from < 17; from++) {
		for (size_t len = 0; from + len <= sizeof(bytes); len++) {
			uint32_t first = (uint32_t)len * 2654435761U;

			assert_int_equal(binlog_crc32(0, lt_str_of(bytes + from, len)), crc32_z(0, bytes + from, len));
			assert_int_equal(
			    binlog_crc32(first, lt_str_of(bytes + from, len)), crc32_z(first, bytes + from, len));
		}
	}
}

static void
refuses_every_truncation(void **state)
{
	struct lt_buf b = { 0 };

	(void)state;
	put_event(&b, BINLOG_XID, 0, 4, LT_STR("12345678"));
	for (size_t n = 0; n < b.len; n++) {
		struct binlog_event e = { .crc = 7 };
		struct lt_err err = { 0 };

		assert_false(binlog_event_open(lt_str_of(b.ptr, n), BINLOG_CHECKSUM_CRC32, &e, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
		assert_int_equal(e.crc, 7); /* untouched */
	}
	lt_buf_free(&b);
}

static void
finds_every_flipped_bit(void **state)
{
	struct binlog_event e;
	struct lt_buf b = { 0 };

	(void)state;
	put_event(&b, BINLOG_XID, 0, 4, LT_STR("12345678"));
	assert_true(binlog_event_open(lt_buf_str(&b), BINLOG_CHECKSUM_CRC32, &e, NULL));
	assert_int_equal(e.body.len, 8);
	for (size_t i = 0; i < b.len * 8; i++) {
		struct lt_err err = { 0 };

		b.ptr[i / 8] = (char)(b.ptr[i / 8] ^ 1 << i % 8);
		assert_false(binlog_event_open(lt_buf_str(&b), BINLOG_CHECKSUM_CRC32, &e, &err));
		assert_true(err.code == LT_E_CHECKSUM || err.code == LT_E_TRUNCATED || err.code == LT_E_CORRUPT);
		b.ptr[i / 8] = (char)(b.ptr[i / 8] ^ 1 << i % 8);
	}
	lt_buf_free(&b);
}

static void
artificial_rotates_come_with_and_without_checksum(void **state)
{
	struct binlog_rotate r;
	struct binlog_event e;
	struct lt_buf b = { 0 }, body = { 0 };

	(void)state;
	lt_buf_le(&body, 4711, 8);
	lt_buf_z(&body, "log.000003");
	put_event(&b, BINLOG_ROTATE, BINLOG_FLAG_ARTIFICIAL, 0, lt_buf_str(&body));
	assert_true(binlog_event_open(lt_buf_str(&b), BINLOG_CHECKSUM_EITHER, &e, NULL));
	assert_true(binlog_rotate_decode(e.body, &r, NULL));
	assert_int_equal(r.pos, 4711);
	assert_true(lt_str_eqz(r.file, "log.000003"));
	b.len -= BINLOG_CHECKSUM_SIZE;
	b.ptr[9] = (char)b.len;
	assert_true(binlog_event_open(lt_buf_str(&b), BINLOG_CHECKSUM_EITHER, &e, NULL));
	assert_true(binlog_rotate_decode(e.body, &r, NULL));
	assert_true(lt_str_eqz(r.file, "log.000003"));
	lt_buf_free(&b);
	lt_buf_free(&body);
}

static void
rotates_need_a_name(void **state)
{
	struct binlog_rotate r;
	struct lt_err err = { 0 };

	(void)state;
	for (size_t n = 0; n <= 8; n++) {
		assert_false(binlog_rotate_decode(lt_str_of("\4\0\0\0\0\0\0\0", n), &r, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
	}
	assert_false(binlog_rotate_decode(lt_str_of("\4\0\0\0\0\0\0\0a\nb", 11), &r, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_is_zlibs_at_every_length),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(finds_every_flipped_bit),
		cmocka_unit_test(artificial_rotates_come_with_and_without_checksum),
		cmocka_unit_test(rotates_need_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
