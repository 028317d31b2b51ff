#include "binlog/header.h"

#include "vectors.h"

static const char wire[] = "\x86\x4c\x9c\x5d\x13\x65\x00\x00\x00\x2c\x00\x00\x00\x4d\x01\x00\x00\x80\x80";

static void
reads_every_field(void **state)
{
	struct lt_cur in = lt_cur_of(wire, BINLOG_HEADER_SIZE);
	struct binlog_header h;
	struct lt_err err = { 0 };

	(void)state;
	assert_true(binlog_header_decode(&in, &h, &err));
	assert_int_equal(h.when_s, 0x5d9c4c86);
	assert_int_equal(h.type, BINLOG_TABLE_MAP);
	assert_int_equal(h.server_id, 101);
	assert_int_equal(h.size, 44);
	assert_int_equal(h.end_pos, 333);
	assert_int_equal(h.flags, BINLOG_FLAG_SKIP_REPLICATION | BINLOG_FLAG_IGNORABLE);
}

static void
refuses_every_truncation(void **state)
{
	(void)state;
	for (size_t n = 0; n < BINLOG_HEADER_SIZE; n++) {
		struct lt_str cut = vectors_cut(lt_str_of(wire, BINLOG_HEADER_SIZE), n);
		struct lt_cur in = lt_cur_str(cut);
		struct binlog_header h = { .size = 1 };
		struct lt_err err = { 0 };

		assert_false(binlog_header_decode(&in, &h, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
		assert_int_equal(h.size, 1); /* untouched */
		vectors_free(cut);
	}
}

static void
refuses_events_shorter_than_their_header(void **state)
{
	char small[BINLOG_HEADER_SIZE];
	struct lt_cur in = lt_cur_of(small, sizeof(small));
	struct binlog_header h;
	struct lt_err err = { 0 };

	(void)state;
	memcpy(small, wire, sizeof(small));
	small[9] = BINLOG_HEADER_SIZE - 1;
	assert_false(binlog_header_decode(&in, &h, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
}

static void
types_have_names(void **state)
{
	(void)state;
	assert_string_equal(binlog_type_name(BINLOG_TABLE_MAP), "TABLE_MAP");
	assert_non_null(binlog_type_name(BINLOG_MARIADB_PARTIAL_ROW_DATA));
	assert_null(binlog_type_name(0));
	assert_null(binlog_type_name(99));
	assert_null(binlog_type_name(255));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_field),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_events_shorter_than_their_header),
		cmocka_unit_test(types_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
