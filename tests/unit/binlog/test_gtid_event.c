#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "binlog/gtid_event.h"
#include "events.h"

static struct binlog_gtid_event
decoded(uint8_t type, const void *bytes, size_t len)
{
	struct binlog_gtid_event e;
	struct lt_err err = { 0 };

	assert_true(binlog_gtid_decode(type, lt_str_of(bytes, len), 11, &e, &err));
	return e;
}

static void
assert_gtid(const struct binlog_gtid_event *e, const char *expected)
{
	char text[96];

	change_gtid_text(&e->gtid, text);
	assert_string_equal(text, expected);
}

static void
mysqls_event_grew_and_every_age_is_read(void **state)
{
	struct binlog_gtid_event e;
	struct lt_buf b = { 0 };

	(void)state;
	gtid_body(&b, 23);
	e = decoded(BINLOG_GTID, b.ptr, b.len); /* 5.6 */
	assert_gtid(&e, "01020304-0506-0708-090a-0b0c0d0e0f10:23");
	assert_int_equal(e.commit_us, 0);
	lt_buf_c(&b, 2);
	lt_buf_le(&b, 5, 8);
	lt_buf_le(&b, 6, 8);
	e = decoded(BINLOG_GTID, b.ptr, b.len); /* 5.7 */
	assert_int_equal(e.commit_us, 0);
	lt_buf_le(&b, 1795379224020959, 7);
	e = decoded(BINLOG_GTID, b.ptr, b.len); /* 8.0, first made here */
	assert_int_equal(e.commit_us, 1795379224020959);
	assert_int_equal(e.written_us, 1795379224020959);
	b.ptr[b.len - 1] = (char)(b.ptr[b.len - 1] | 0x80);
	lt_buf_le(&b, 1700000000000000, 7);
	lt_buf_le(&b, 0xfc, 1);
	e = decoded(BINLOG_GTID, b.ptr, b.len); /* first made elsewhere; more behind it */
	assert_int_equal(e.commit_us, 1795379224020959);
	assert_int_equal(e.written_us, 1700000000000000);
	e = decoded(BINLOG_ANONYMOUS_GTID, b.ptr, b.len);
	assert_int_equal(e.gtid.kind, CHANGE_GTID_ANONYMOUS);
	lt_buf_free(&b);
}

static void
mysqls_event_is_refused_where_a_field_is_cut(void **state)
{
	struct lt_buf b = { 0 };

	(void)state;
	gtid_body(&b, 23);
	lt_buf_c(&b, 2);
	lt_buf_le(&b, 5, 8);
	lt_buf_le(&b, 6, 8);
	lt_buf_le(&b, 1795379224020959 | (uint64_t)1 << 55, 7);
	lt_buf_le(&b, 1700000000000000, 7);
	for (size_t n = 0; n < b.len; n++) {
		bool whole = n == 25 || n == 42; /* as 5.6 and 5.7 wrote it */
		struct binlog_gtid_event e;
		struct lt_err err = { 0 };

		assert_int_equal(binlog_gtid_decode(BINLOG_GTID, lt_str_of(b.ptr, n), 11, &e, &err), whole);
		assert_int_equal(err.code, whole ? LT_OK : LT_E_TRUNCATED);
	}
	lt_buf_free(&b);
}

/* MySQL 9.7.4: gtid_next = 'AUTOMATIC:lutra' */
static const uint8_t tagged[] = { 0x02, 0x74, 0x00, 0x00, 0x02, 0x02, 0x0a, 0xfd, 0x03, 0xb1, 0x02, 0xee, 0x99, 0x03,
	0xcd, 0x02, 0x22, 0xc5, 0x03, 0xc9, 0x02, 0xd4, 0x04, 0xf1, 0x03, 0x00, 0x00, 0x00, 0x02, 0x04, 0x04, 0x06,
	0x0a, 0x6c, 0x75, 0x74, 0x72, 0x61, 0x08, 0x48, 0x0a, 0x4c, 0x0c, 0x7f, 0xa9, 0x1c, 0x16, 0x4e, 0xe3, 0x60,
	0x06, 0x10, 0x91, 0x04, 0x12, 0x83, 0x12, 0x0b };

static void
tagged_ids_of_a_real_server_are_read(void **state)
{
	static const uint8_t first_made[] = { 0x0e, 0x7f, 0xa8, 0x1c, 0x16, 0x4e, 0xe3, 0x60, 0x06 };
	struct binlog_gtid_event e = decoded(BINLOG_GTID_TAGGED, tagged, sizeof(tagged));
	uint8_t at_replica[sizeof(tagged) + sizeof(first_made)];

	(void)state;
	assert_gtid(&e, "05ffac77-e6b3-11f1-b26a-02fc00000001:lutra:1");
	assert_int_equal(e.commit_us, 1795379244178601);
	assert_int_equal(e.written_us, 1795379244178601);
	memcpy(at_replica, tagged, sizeof(tagged));
	memcpy(at_replica + sizeof(tagged), first_made, sizeof(first_made));
	e = decoded(BINLOG_GTID_TAGGED, at_replica, sizeof(at_replica));
	assert_int_equal(e.commit_us, 1795379244178601);
	assert_int_equal(e.written_us, 1795379244178600);
}

/* The event of a replica. */
static void
tagged_ids_tell_when_they_were_first_committed(void **state)
{
	const size_t behind = sizeof(tagged) - 7; /* of the commit here */
	uint8_t bytes[sizeof(tagged) + 2];
	struct binlog_gtid_event e;

	(void)state;
	memcpy(bytes, tagged, behind);
	bytes[1] = sizeof(bytes) << 1;
	bytes[behind] = 7 << 1;
	bytes[behind + 1] = 3 << 1;
	memcpy(bytes + behind + 2, tagged + behind, sizeof(tagged) - behind);
	e = decoded(BINLOG_GTID_TAGGED, bytes, sizeof(bytes));
	assert_int_equal(e.commit_us, 1795379244178601);
	assert_int_equal(e.written_us, 3);
}

static void
tagged_ids_meet_every_truncation_without_a_wrong_id(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(tagged); n++) {
		struct binlog_gtid_event e = { 0 };
		struct lt_err err = { 0 };

		/* Behind the tag all fields may be missing: the id is whole then. */
		if (binlog_gtid_decode(BINLOG_GTID_TAGGED, lt_str_of(tagged, n), 11, &e, &err)) {
			assert_true(n >= 31);
			assert_int_equal(e.gtid.seq, 1);
		} else {
			assert_true(err.code == LT_E_TRUNCATED || err.code == LT_E_CORRUPT);
		}
	}
}

static void
unknown_fields_stop_only_where_they_may_not_be_passed(void **state)
{
	uint8_t bytes[sizeof(tagged) + 2];
	struct binlog_gtid_event e;
	struct lt_err err = { 0 };

	(void)state;
	memcpy(bytes, tagged, sizeof(tagged));
	bytes[sizeof(tagged) - 4] = 0x28; /* field 20 */
	assert_true(binlog_gtid_decode(BINLOG_GTID_TAGGED, lt_str_of(bytes, sizeof(tagged)), 11, &e, &err));
	bytes[2] = 0x28; /* ... and it must be known */
	assert_false(binlog_gtid_decode(BINLOG_GTID_TAGGED, lt_str_of(bytes, sizeof(tagged)), 11, &e, &err));
	assert_int_equal(err.code, LT_E_EVENT_UNKNOWN);
}

static void
mariadbs_conditional_fields_are_walked(void **state)
{
	struct binlog_gtid_event e;
	struct lt_buf b = { 0 };

	(void)state;
	lt_buf_le(&b, 42, 8);
	lt_buf_le(&b, 3, 4);
	lt_buf_c(&b, 0x01);
	e = decoded(BINLOG_MARIADB_GTID, b.ptr, b.len);
	assert_gtid(&e, "3-11-42");
	assert_int_equal(e.flags, BINLOG_GTID_STANDALONE);
	lt_buf_le(&b, 0, 6);
	e = decoded(BINLOG_MARIADB_GTID, b.ptr, b.len); /* filled up to 19 bytes */
	assert_int_equal(e.flags_extra, 0);
	b.len = 12;
	lt_buf_c(&b, 0x42); /* group commit id, XA */
	lt_buf_le(&b, 77, 8);
	lt_buf_le(&b, 1, 4);
	lt_buf_z(&b, "\2\1xyz");
	e = decoded(BINLOG_MARIADB_GTID, b.ptr, b.len);
	assert_int_equal(e.flags_extra, 0);
	lt_buf_c(&b, BINLOG_GTID_START_ALTER);
	for (size_t n = 0; n < 4096; n++)
		lt_buf_c(&b, 0); /* as a large transaction has it */
	e = decoded(BINLOG_MARIADB_GTID, b.ptr, b.len);
	assert_int_equal(e.flags_extra, BINLOG_GTID_START_ALTER);
	for (size_t n = 0; n < 12 + 1 + 8 + 4 + 5; n++) {
		struct lt_err err = { 0 };

		assert_false(binlog_gtid_decode(BINLOG_MARIADB_GTID, lt_str_of(b.ptr, n), 11, &e, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
	}
	lt_buf_free(&b);
}

static void
lists_give_the_newest_of_each_domain(void **state)
{
	struct change_gtid_set *s = NULL;
	struct lt_buf b = { 0 }, text = { 0 };

	(void)state;
	lt_buf_le(&b, 3 | 0x10000000, 4);
	for (uint32_t i = 0; i < 3; i++) {
		lt_buf_le(&b, i / 2, 4);
		lt_buf_le(&b, 11 + i, 4);
		lt_buf_le(&b, 100 + i, 8);
	}
	assert_true(binlog_gtid_list_decode(lt_buf_str(&b), &s, NULL));
	change_gtid_set_text(s, &text);
	assert_string_equal(lt_buf_cstr(&text), "0-12-101,1-13-102");
	change_gtid_set_free(s);
	for (size_t n = 0; n < b.len; n++) {
		struct lt_err err = { 0 };

		assert_false(binlog_gtid_list_decode(lt_str_of(b.ptr, n), &s, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
	}
	lt_buf_free(&b);
	lt_buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mysqls_event_grew_and_every_age_is_read),
		cmocka_unit_test(mysqls_event_is_refused_where_a_field_is_cut),
		cmocka_unit_test(tagged_ids_of_a_real_server_are_read),
		cmocka_unit_test(tagged_ids_tell_when_they_were_first_committed),
		cmocka_unit_test(tagged_ids_meet_every_truncation_without_a_wrong_id),
		cmocka_unit_test(unknown_fields_stop_only_where_they_may_not_be_passed),
		cmocka_unit_test(mariadbs_conditional_fields_are_walked),
		cmocka_unit_test(lists_give_the_newest_of_each_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
