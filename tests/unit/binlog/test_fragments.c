#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "made_log.h"
#include "vectors.h"

/* A fragment, its two numbers in either order. */
static bool
fragment(struct log *l, bool number_first, uint32_t number, uint32_t total, uint64_t size, struct lt_str chunk)
{
	struct lt_buf body = { 0 };
	bool ok;

	lt_buf_le(&body, number_first ? number : total, 4);
	lt_buf_le(&body, number_first ? total : number, 4);
	lt_buf_c(&body, size != 0);
	if (size != 0)
		lt_buf_le(&body, size, 8);
	lt_buf_str_add(&body, chunk);
	ok = feed(l, BINLOG_MARIADB_PARTIAL_ROW_DATA, lt_buf_str(&body));
	lt_buf_free(&body);
	return ok;
}

/* An insert of two rows, as a whole event with or without its checksum. */
static void
rows_event(struct lt_buf *out, uint8_t type, char table_id, bool crc)
{
	char body[] = "\7\0\0\0\0\0\1\0\1\xff\xfe\1\0\0\0\xfe\2\0\0";

	body[0] = table_id;
	put_event(out, type, 0, 4, lt_str_of(body, sizeof(body)));
	if (!crc) {
		out->len -= BINLOG_CHECKSUM_SIZE;
		out->ptr[9] = (char)out->len; /* of the header: the event's size */
	}
}

static struct lt_str
piece(const struct lt_buf *b, size_t i, size_t n)
{
	size_t from = b->len * (i - 1) / n, to = b->len * i / n;

	return lt_str_of(b->ptr + from, to - from);
}

static void
a_row_event_in_fragments_is_put_together(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 4; way++) {
		bool number_first = (way & 1) != 0;
		struct lt_buf b = { 0 };
		struct log l;

		log_init(&l);
		rows_event(&b, BINLOG_WRITE_ROWS_V1, 7, (way & 2) != 0);
		assert_true(mariadb_gtid(&l, 1, 0, 0) && map(&l, 7, "t") && map(&l, 8, "unwanted"));
		for (uint32_t n = 1; n <= 3; n++)
			assert_true(fragment(&l, number_first, n, 3, n == 1 ? b.len : 0, piece(&b, n, 3)));
		assert_true(fragment(&l, number_first, 1, 1, b.len, lt_buf_str(&b)));
		assert_true(xid(&l));
		expect(&l, CHANGE_TXN_ROWS, 4);
		lt_buf_free(&b);
		log_clear(&l);
	}
}

static void
fragments_of_unwanted_tables_are_only_counted(void **state)
{
	struct lt_buf b = { 0 };
	struct log l;

	(void)state;
	log_init(&l);
	l.a.txn_limit = 60;
	rows_event(&b, BINLOG_WRITE_ROWS_V1, 8, true);
	assert_true(mariadb_gtid(&l, 1, 0, 0) && map(&l, 8, "unwanted") && map(&l, 7, "t"));
	assert_true(fragment(&l, true, 1, 100, 99 * b.len + 30, lt_str_of(b.ptr, 30)));
	for (uint32_t n = 2; n <= 100; n++)
		assert_true(fragment(&l, true, n, 100, 0, lt_buf_str(&b)));
	assert_true(l.a.fragments.bytes.len == 30);
	b.ptr[BINLOG_HEADER_SIZE] = 7;
	assert_true(fragment(&l, true, 1, 2, 2 * b.len, lt_buf_str(&b)));
	assert_false(fragment(&l, true, 2, 2, 0, lt_buf_str(&b)));
	assert_int_equal(l.err.code, LT_E_TXN_TOO_LARGE);
	lt_buf_free(&b);
	log_clear(&l);
}

static void
fragments_that_do_not_fit_are_refused(void **state)
{
	static const struct {
		uint32_t number, total;
		uint64_t size;
	} second[] = { { 3, 3, 0 }, { 1, 3, 0 }, { 2, 4, 0 }, { 1, 3, 60 }, { 2, 2, 0 } };
	struct lt_buf b = { 0 }, other = { 0 };

	(void)state;
	rows_event(&b, BINLOG_WRITE_ROWS_V1, 7, true);
	rows_event(&other, BINLOG_XID, 7, true);
	for (size_t i = 0; i < LT_COUNT(second) + 5; i++) {
		struct log l;
		bool ok;

		log_init(&l);
		assert_true(mariadb_gtid(&l, 1, 0, 0) && map(&l, 7, "t"));
		switch (i) {
		case 0: ok = fragment(&l, true, 2, 3, 0, piece(&b, 2, 3)); break;                /* no first one */
		case 1: ok = fragment(&l, true, 1, 1, b.len + 1, lt_buf_str(&b)); break;         /* too short */
		case 2: ok = fragment(&l, true, 1, 3, 5, piece(&b, 1, 3)); break;                /* too long */
		case 3: ok = fragment(&l, true, 1, 1, other.len, lt_buf_str(&other)); break;     /* of no rows */
		case 4: ok = fragment(&l, true, 1, 3, b.len, piece(&b, 1, 3)) && xid(&l); break; /* no end */
		default:
			assert_true(fragment(&l, true, 1, 3, b.len, piece(&b, 1, 3)));
			ok = fragment(
			    &l, true, second[i - 5].number, second[i - 5].total, second[i - 5].size, piece(&b, 2, 3));
		}
		assert_false(ok);
		assert_int_equal(l.err.code, LT_E_CORRUPT);
		log_clear(&l);
	}
	lt_buf_free(&b);
	lt_buf_free(&other);
}

static void
refuses_every_truncation(void **state)
{
	const struct lt_str body = LT_STR("\1\0\0\0\1\0\0\0\1\3\0\0\0\0\0\0\0abc");
	struct binlog_fragments f = { 0 };
	struct lt_err err = { 0 };
	bool whole = false;

	(void)state;
	assert_true(binlog_fragments_add(&f, body, 100, &whole, &err));
	assert_true(whole && lt_str_eqz(lt_buf_str(&f.bytes), "abc"));
	for (size_t n = 0; n < body.len; n++) {
		struct lt_str cut = vectors_cut(body, n);

		binlog_fragments_reset(&f);
		assert_false(binlog_fragments_add(&f, cut, 100, &whole, &err));
		assert_int_equal(
		    err.code, n < 17 ? LT_E_TRUNCATED : LT_E_CORRUPT); /* a piece of three bytes is missed */
		vectors_free(cut);
	}
	binlog_fragments_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_event_in_fragments_is_put_together),
		cmocka_unit_test(fragments_of_unwanted_tables_are_only_counted),
		cmocka_unit_test(fragments_that_do_not_fit_are_refused),
		cmocka_unit_test(refuses_every_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
