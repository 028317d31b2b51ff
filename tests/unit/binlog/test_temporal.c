#include "binlog/temporal.h"

#include <time.h>

#include "binlog/column.h"
#include "vectors.h"

static void
run_file(const char *name, uint8_t wire_type, enum change_kind kind, size_t expected)
{
	struct vectors v;
	size_t lines = 0;

	vectors_open(&v, name);
	assert_true(vectors_next(&v)); /* its head */
	for (; vectors_next(&v); lines++) {
		struct lt_str bytes = vectors_bytes(v.column[0]);
		struct change_time t;
		struct lt_err err = { 0 };
		char out[32];

		assert_true(binlog_temporal_decode(wire_type, (unsigned)atoi(v.column[1]), bytes, &t, &err));
		change_time_text(kind, &t, out);
		assert_string_equal(out, v.column[2]);
		vectors_free(bytes);
	}
	assert_int_equal(lines, expected);
}

static void
known_answers(void **state)
{
	(void)state;
	run_file("go-mysql/time2.tsv", BINLOG_COL_TIME2, CHANGE_TIME, 15);
	run_file("go-mysql/datetime2.tsv", BINLOG_COL_DATETIME2, CHANGE_DATETIME, 8);
}

struct sample {
	uint8_t wire_type;
	unsigned digits;
	const char *hex;
	enum change_kind kind;
	const char *text; /* NULL: refused */
};

static void
check(const struct sample *s)
{
	struct lt_str bytes = vectors_bytes(s->hex);
	struct change_time t;
	struct lt_err err = { 0 };
	char out[32];

	if (s->text == NULL) {
		assert_false(binlog_temporal_decode(s->wire_type, s->digits, bytes, &t, &err));
		assert_int_equal(err.code, LT_E_CORRUPT);
	} else {
		assert_true(binlog_temporal_decode(s->wire_type, s->digits, bytes, &t, &err));
		change_time_text(s->kind, &t, out);
		assert_string_equal(out, s->text);
	}
	vectors_free(bytes);
}

static void
edges_and_old_forms(void **state)
{
	static const struct sample samples[] = {
		{ BINLOG_COL_TIMESTAMP2, 0, "00000000", CHANGE_TIMESTAMP, "0000-00-00 00:00:00" },
		{ BINLOG_COL_TIMESTAMP2, 6, "ffffffff0f423f", CHANGE_TIMESTAMP, "2106-02-07 06:28:15.999999" },
		{ BINLOG_COL_TIMESTAMP2, 1, "386d437f5a", CHANGE_TIMESTAMP, "1999-12-31 23:59:59.9" },
		{ BINLOG_COL_TIMESTAMP, 0, "ffffff7f", CHANGE_TIMESTAMP, "2038-01-19 03:14:07" },
		{ BINLOG_COL_TIMESTAMP, 3, "00000001006f", CHANGE_TIMESTAMP, "1970-01-01 00:00:01.111" },
		{ BINLOG_COL_DATE, 0, "000000", CHANGE_DATE, "0000-00-00" },
		{ BINLOG_COL_DATE, 0, "9f1f4e", CHANGE_DATE, "9999-12-31" },
		{ BINLOG_COL_NEWDATE, 0, "0fd00f", CHANGE_DATE, "2024-00-15" },
		{ BINLOG_COL_TIME, 0, "a7f57f", CHANGE_TIME, "838:59:59" },
		{ BINLOG_COL_TIME, 0, "590a80", CHANGE_TIME, "-838:59:59" },
		{ BINLOG_COL_TIME, 0, "ffffff", CHANGE_TIME, "-00:00:01" },
		{ BINLOG_COL_TIME, 0, "e43e00", CHANGE_TIME, NULL },
		{ BINLOG_COL_DATETIME, 0, "5b4db88b68120000", CHANGE_DATETIME, "2024-02-30 01:02:03" },
		{ BINLOG_COL_DATETIME, 0, "ffffffffffffffff", CHANGE_DATETIME, NULL },
		{ BINLOG_COL_DATETIME, 6, "ffffffffffffffff", CHANGE_DATETIME, NULL },
		{ BINLOG_COL_TIME, 6, "ffffffffffff", CHANGE_TIME, NULL },
		{ BINLOG_COL_TIME2, 0, "000000", CHANGE_TIME, NULL },
		{ BINLOG_COL_TIME2, 0, "ffffff", CHANGE_TIME, NULL },
		{ BINLOG_COL_TIME2, 2, "800000ff", CHANGE_TIME, NULL },
		{ BINLOG_COL_DATETIME2, 0, "7fffffffff", CHANGE_DATETIME, NULL },
		{ BINLOG_COL_DATETIME2, 0, "ffffffffff", CHANGE_DATETIME, NULL },
		{ BINLOG_COL_DATETIME2, 6, "8000000000ffffff", CHANGE_DATETIME, NULL },
		{ BINLOG_COL_TIMESTAMP2, 2, "00000001ff", CHANGE_TIMESTAMP, NULL },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(samples); i++)
		check(&samples[i]);
}

/** The C library's calendar. */
static void
a_timestamp_of_every_day(void **state)
{
	(void)state;
	for (uint64_t s = 1; s <= UINT32_MAX; s += 86399) {
		uint8_t wire[] = { (uint8_t)(s >> 24), (uint8_t)(s >> 16), (uint8_t)(s >> 8), (uint8_t)s };
		time_t seconds = (time_t)s;
		struct change_time t;
		struct tm want;

		assert_non_null(gmtime_r(&seconds, &want));
		assert_true(binlog_temporal_decode(BINLOG_COL_TIMESTAMP2, 0, lt_str_of(wire, 4), &t, NULL));
		assert_int_equal(t.year, want.tm_year + 1900);
		assert_int_equal(t.month, want.tm_mon + 1);
		assert_int_equal(t.day, want.tm_mday);
		assert_int_equal(t.hour, want.tm_hour);
		assert_int_equal(t.minute, want.tm_min);
		assert_int_equal(t.second, want.tm_sec);
	}
}

static void
packed_times_of_documents(void **state)
{
	struct change_time t;
	struct lt_err err = { 0 };
	char out[32];

	(void)state;
	assert_true(binlog_packed_time(CHANGE_TIME, -((int64_t)1 << 24), &t, &err));
	change_time_text(CHANGE_TIME, &t, out);
	assert_string_equal(out, "-00:00:01.000000");
	assert_false(binlog_packed_time(CHANGE_TIME, INT64_MIN, &t, &err));
	assert_false(binlog_packed_time(CHANGE_TIME, INT64_MAX, &t, &err));
	assert_false(binlog_packed_time(CHANGE_DATETIME, -1, &t, &err));
	assert_false(binlog_packed_time(CHANGE_DATETIME, INT64_MAX, &t, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(edges_and_old_forms),
		cmocka_unit_test(a_timestamp_of_every_day),
		cmocka_unit_test(packed_times_of_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
