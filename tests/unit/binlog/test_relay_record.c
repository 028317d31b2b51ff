#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "binlog/crc.h"
#include "binlog/relay_record.h"

static const struct binlog_relay_head head = { .flags = BINLOG_RELAY_BEGIN,
	.pos = (uint64_t)5 << 32,
	.file = { "mb.000003", 9 },
	.server = { "mariadb-1-abc", 13 },
	.gtids = { "0-1-42", 6 } };

static void
a_head_comes_back(void **state)
{
	struct lt_buf b = { 0 };
	struct binlog_relay_head h;
	size_t used = 0;

	(void)state;
	binlog_relay_head_encode(&head, &b);
	lt_buf_z(&b, "records");
	assert_true(binlog_relay_head_decode(lt_buf_str(&b), &h, &used, NULL));
	assert_int_equal(used, b.len - 7);
	assert_int_equal(h.flags, head.flags);
	assert_true(h.pos == head.pos);
	assert_true(lt_str_eq(h.file, head.file) && lt_str_eq(h.server, head.server) && lt_str_eq(h.gtids, head.gtids));
	lt_buf_free(&b);
}

static void
every_truncation_of_a_head_is_told(void **state)
{
	struct lt_buf b = { 0 };

	(void)state;
	binlog_relay_head_encode(&head, &b);
	for (size_t n = 0; n < b.len; n++) {
		struct binlog_relay_head h = { .flags = 77 };
		struct lt_err err = { 0 };
		size_t used = 5;

		assert_false(binlog_relay_head_decode(lt_str_of(b.ptr, n), &h, &used, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
		assert_int_equal(h.flags, 77);
	}
	lt_buf_free(&b);
}

static void
every_wrong_bit_of_a_head_is_told(void **state)
{
	struct lt_buf b = { 0 };

	(void)state;
	binlog_relay_head_encode(&head, &b);
	for (size_t i = 0; i < b.len * 8; i++) {
		struct binlog_relay_head h;
		struct lt_err err = { 0 };
		size_t used;

		b.ptr[i / 8] = (char)(b.ptr[i / 8] ^ (1 << (i % 8)));
		assert_false(binlog_relay_head_decode(lt_buf_str(&b), &h, &used, &err));
		assert_true(err.code == LT_E_CORRUPT || err.code == LT_E_TRUNCATED);
		b.ptr[i / 8] = (char)(b.ptr[i / 8] ^ (1 << (i % 8)));
	}
	lt_buf_free(&b);
}

static void
a_record_comes_back(void **state)
{
	struct binlog_relay_record r = { .size = 70000,
		.kind = BINLOG_RELAY_SHOWN,
		.pos = ((uint64_t)1 << 40) + 3,
		.end = ((uint64_t)1 << 40) + 9 };
	struct binlog_relay_record back;
	char bytes[BINLOG_RELAY_RECORD_SIZE];

	(void)state;
	r.crc = binlog_relay_record_crc(&r, LT_STR("abcdef"));
	assert_int_equal(r.crc, binlog_crc32(binlog_relay_record_crc(&r, LT_STR("abc")), LT_STR("def")));
	binlog_relay_record_encode(&r, bytes);
	assert_true(binlog_relay_record_decode(bytes, &back));
	assert_memory_equal(&back.pos, &r.pos, sizeof(r.pos));
	assert_true(back.size == r.size && back.crc == r.crc && back.kind == r.kind && back.end == r.end);
}

static void
what_no_record_begins_with_is_told(void **state)
{
	struct binlog_relay_record r = { .size = 18, .kind = BINLOG_RELAY_EVENT }, back;
	char bytes[BINLOG_RELAY_RECORD_SIZE] = { 0 };

	(void)state;
	assert_false(binlog_relay_record_decode(bytes, &back));
	binlog_relay_record_encode(&r, bytes); /* shorter than any event */
	assert_false(binlog_relay_record_decode(bytes, &back));
	r.size = 19;
	r.kind = 9;
	binlog_relay_record_encode(&r, bytes);
	assert_false(binlog_relay_record_decode(bytes, &back));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_comes_back),
		cmocka_unit_test(every_truncation_of_a_head_is_told),
		cmocka_unit_test(every_wrong_bit_of_a_head_is_told),
		cmocka_unit_test(a_record_comes_back),
		cmocka_unit_test(what_no_record_begins_with_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
