#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>
#include <zstd.h>

#include "binlog/compress.h"
#include "binlog/spool.h"
#include "events.h"

enum { INNER = 400 };

/* Of the newest event, which begins at `at`. */
static void
drop_checksum(struct lt_buf *out, size_t at)
{
	struct lt_buf size = { 0 };

	out->len -= BINLOG_CHECKSUM_SIZE;
	lt_buf_le(&size, out->len - at, 4);
	memcpy(out->ptr + at + BINLOG_HEADER_SIZE_AT, size.ptr, 4);
	lt_buf_free(&size);
}

/* A TRANSACTION_PAYLOAD event of INNER events, 600 kB of them; `packed`: by zstd. */
static void
payload_event(struct lt_buf *out, bool packed, uint64_t claim_more)
{
	struct lt_buf inner = { 0 }, body = { 0 };

	for (uint32_t i = 0; i < INNER; i++) {
		struct lt_buf one = { 0 };

		for (uint32_t k = 0; k < 1500; k++)
			lt_buf_c(&one, (char)((i * 2654435761u >> (k % 24)) + k * k));
		drop_checksum(&inner, put_event(&inner, BINLOG_ROWS_QUERY, 0, 0, lt_buf_str(&one)));
		lt_buf_free(&one);
	}
	lt_buf_c(&body, 2); /* algorithm */
	if (packed)
		lt_buf_add(&body, "\1\0", 2);
	else
		lt_buf_add(&body, "\3\xfc\xff\0", 4);
	lt_buf_add(&body, "\x03\x09\xfe", 3); /* unpacked size */
	lt_buf_le(&body, inner.len, 8);
	lt_buf_add(&body, "\x01\x09\xfe", 3); /* size */
	if (packed) {
		size_t bound = ZSTD_compressBound(inner.len), n;
		char *bytes = lt_realloc(NULL, bound);

		n = ZSTD_compress(bytes, bound, inner.ptr, inner.len, 1);
		assert_false(ZSTD_isError(n));
		lt_buf_le(&body, n + claim_more, 8);
		lt_buf_c(&body, 0);
		lt_buf_add(&body, bytes, n);
		free(bytes);
	} else {
		lt_buf_le(&body, inner.len + claim_more, 8);
		lt_buf_c(&body, 0);
		lt_buf_str_add(&body, lt_buf_str(&inner));
	}
	put_event(out, BINLOG_TRANSACTION_PAYLOAD, 0, 4, lt_buf_str(&body));
	lt_buf_free(&inner);
	lt_buf_free(&body);
}

struct spooled {
	char dir[32];
	struct change_spill_room room;
	struct binlog_spool spool;
};

static void
spool_in_pieces(struct spooled *s, struct lt_str bytes, size_t piece)
{
	memset(s, 0, sizeof(*s));
	strcpy(s->dir, "/tmp/lutra-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->room.dir = s->dir;
	assert_true(binlog_spool_open(&s->spool, &s->room, NULL));
	for (size_t at = 0; at < bytes.len; at += piece)
		assert_true(
		    binlog_spool_add(&s->spool, lt_str_of(bytes.ptr + at, LT_MIN(piece, bytes.len - at)), NULL));
}

static void
end(struct spooled *s)
{
	binlog_spool_close(&s->spool);
	assert_int_equal(s->room.used, 0);
	assert_int_equal(rmdir(s->dir), 0);
}

static void
gives_the_events_that_memory_would_give(void **state)
{
	static const size_t pieces[] = { 1, 3, 4, 5, 4097, 100000, 1 << 24 };

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		struct lt_buf bytes = { 0 };
		struct binlog_event whole;

		payload_event(&bytes, packed != 0, 0);
		assert_true(binlog_event_open(lt_buf_str(&bytes), BINLOG_CHECKSUM_CRC32, &whole, NULL));
		for (size_t i = 0; i < LT_COUNT(pieces); i++) {
			struct binlog_payload *a = NULL, *b = NULL;
			struct lt_str one, other;
			struct binlog_event e;
			struct spooled s;
			size_t n = 0;

			spool_in_pieces(&s, lt_buf_str(&bytes), pieces[i]);
			assert_true(binlog_spool_event(&s.spool, BINLOG_CHECKSUM_CRC32, &e, NULL));
			assert_int_equal(binlog_event_crc(&e), binlog_event_crc(&whole));
			assert_int_equal(e.header.size, bytes.len);
			assert_true(binlog_payload_open_event(&whole, 10000, &a, NULL));
			assert_true(binlog_payload_open_event(&e, 10000, &b, NULL));
			for (;; n++) {
				assert_true(binlog_payload_next(a, &one, NULL));
				assert_true(binlog_payload_next(b, &other, NULL));
				assert_true(lt_str_eq(one, other));
				if (one.len == 0)
					break;
			}
			assert_int_equal(n, INNER);
			binlog_payload_close(a);
			binlog_payload_close(b);
			end(&s);
		}
		lt_buf_free(&bytes);
	}
}

static void
a_log_without_checksums_has_a_crc_all_the_same(void **state)
{
	struct lt_buf bytes = { 0 };
	struct binlog_event whole, e;
	struct spooled s;

	(void)state;
	payload_event(&bytes, true, 0);
	drop_checksum(&bytes, 0);
	assert_true(binlog_event_open(lt_buf_str(&bytes), BINLOG_CHECKSUM_NONE, &whole, NULL));
	spool_in_pieces(&s, lt_buf_str(&bytes), 1000);
	assert_true(binlog_spool_event(&s.spool, BINLOG_CHECKSUM_NONE, &e, NULL));
	assert_int_equal(binlog_event_crc(&e), binlog_event_crc(&whole));
	assert_int_equal(e.spool_size, bytes.len);
	end(&s);
	lt_buf_free(&bytes);
}

static void
damage_is_a_coded_error(void **state)
{
	struct lt_buf bytes = { 0 };
	struct binlog_payload *p = NULL;
	struct lt_err err = { 0 };
	struct binlog_event e;
	struct spooled s;

	(void)state;
	payload_event(&bytes, true, 0);
	bytes.ptr[bytes.len / 2] ^= 1;
	spool_in_pieces(&s, lt_buf_str(&bytes), 5000);
	assert_false(binlog_spool_event(&s.spool, BINLOG_CHECKSUM_CRC32, &e, &err));
	assert_int_equal(err.code, LT_E_CHECKSUM);
	end(&s);
	spool_in_pieces(&s, lt_str_of(bytes.ptr, bytes.len - 1), 5000);
	assert_false(binlog_spool_event(&s.spool, BINLOG_CHECKSUM_CRC32, &e, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
	end(&s);
	lt_buf_free(&bytes);

	payload_event(&bytes, true, 1);
	spool_in_pieces(&s, lt_buf_str(&bytes), 5000);
	assert_true(binlog_spool_event(&s.spool, BINLOG_CHECKSUM_CRC32, &e, NULL));
	assert_false(binlog_payload_open_event(&e, 10000, &p, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
	end(&s);
	lt_buf_free(&bytes);
}

static void
a_file_that_ends_early_is_a_coded_error(void **state)
{
	struct lt_buf bytes = { 0 };
	struct binlog_payload *p = NULL;
	struct lt_err err = { 0 };
	struct binlog_event e;
	struct spooled s;
	struct lt_str one = { 0 };
	bool ok = true;

	(void)state;
	payload_event(&bytes, false, 0);
	spool_in_pieces(&s, lt_buf_str(&bytes), 5000);
	assert_true(binlog_spool_event(&s.spool, BINLOG_CHECKSUM_CRC32, &e, NULL));
	assert_true(binlog_payload_open_event(&e, 10000, &p, NULL));
	assert_true(change_scratch_cut(&s.spool.file, bytes.len / 2, NULL));
	do
		ok = binlog_payload_next(p, &one, &err);
	while (ok && one.len > 0);
	assert_false(ok);
	assert_int_equal(err.code, LT_E_SPILL_DAMAGED);
	binlog_payload_close(p);
	end(&s);
	lt_buf_free(&bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_events_that_memory_would_give),
		cmocka_unit_test(a_log_without_checksums_has_a_crc_all_the_same),
		cmocka_unit_test(damage_is_a_coded_error),
		cmocka_unit_test(a_file_that_ends_early_is_a_coded_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
