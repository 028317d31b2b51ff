#include "binlog/compress.h"

#include <malloc.h>
#include <zlib.h>
#include <zstd.h>

#include "events.h"
#include "vectors.h"

#define LIMIT ((size_t)1 << 20)
#define QUERY_SIZE 13

/* What stands in front of the compressed part, of each type; `plain` is the type it stands for. */
static const struct packed {
	uint8_t type, plain;
	struct lt_str front;
} packed[] = {
	{ BINLOG_MARIADB_QUERY_COMPRESSED, BINLOG_QUERY, { "\1\0\0\0\2\0\0\0\1\0\0\3\0\0\0\0s\0", 18 } },
	{ BINLOG_MARIADB_WRITE_ROWS_COMPRESSED_V1, BINLOG_WRITE_ROWS_V1, { "\7\0\0\0\0\0\1\0\11\xff\1", 11 } },
	{ BINLOG_MARIADB_UPDATE_ROWS_COMPRESSED_V1, BINLOG_UPDATE_ROWS_V1, { "\7\0\0\0\0\0\1\0\11\xff\1\xff\1", 13 } },
	{ BINLOG_MARIADB_WRITE_ROWS_COMPRESSED, BINLOG_WRITE_ROWS, { "\7\0\0\0\0\0\1\0\4\0ab\2\xff", 14 } },
	{ BINLOG_MARIADB_UPDATE_ROWS_COMPRESSED, BINLOG_UPDATE_ROWS, { "\7\0\0\0\0\0\1\0\2\0\2\xff\xff", 13 } },
	{ BINLOG_MARIADB_DELETE_ROWS_COMPRESSED, BINLOG_DELETE_ROWS, { "\7\0\0\0\0\0\1\0\2\0\2\xff", 12 } },
};

static struct lt_str
text_of(char out[400])
{
	for (int i = 0; i < 400; i++)
		out[i] = (char)('a' + i * i % 23);
	return lt_str_of(out, 400);
}

static void
put_blob(struct lt_buf *out, struct lt_str text)
{
	uLongf size = compressBound((uLong)text.len);
	Bytef *zip = malloc(size);

	assert_non_null(zip);
	assert_int_equal(compress(zip, &size, (const Bytef *)text.ptr, (uLong)text.len), Z_OK);
	lt_buf_c(out, (char)0x82); /* zlib, two bytes of length */
	lt_buf_c(out, (char)(text.len >> 8));
	lt_buf_c(out, (char)text.len);
	lt_buf_add(out, zip, size);
	free(zip);
}

static bool
expand(uint8_t *type, struct lt_str body, size_t limit, struct lt_buf *out, struct lt_err *err)
{
	*err = (struct lt_err){ 0 };
	return binlog_expand(type, body, QUERY_SIZE, limit, out, err);
}

static void
a_compressed_event_becomes_the_plain_one_and_no_part_of_it_does(void **state)
{
	struct lt_buf body = { 0 }, out = { 0 };
	char buf[400];
	struct lt_str text = text_of(buf);
	struct lt_err err;

	(void)state;
	for (size_t i = 0; i < LT_COUNT(packed); i++) {
		uint8_t type = packed[i].type;

		lt_buf_clear(&body);
		lt_buf_str_add(&body, packed[i].front);
		put_blob(&body, text);
		assert_true(expand(&type, lt_buf_str(&body), LIMIT, &out, &err));
		assert_int_equal(type, packed[i].plain);
		assert_int_equal(out.len, packed[i].front.len + text.len);
		assert_memory_equal(out.ptr, packed[i].front.ptr, packed[i].front.len);
		assert_memory_equal(out.ptr + packed[i].front.len, text.ptr, text.len);
		for (size_t n = 0; n < body.len; n++) {
			struct lt_str cut = vectors_cut(lt_buf_str(&body), n);

			type = packed[i].type;
			assert_false(expand(&type, cut, LIMIT, &out, &err));
			assert_true(err.code == LT_E_TRUNCATED || err.code == LT_E_CORRUPT);
			assert_int_equal(type, packed[i].type); /* untouched */
			vectors_free(cut);
		}
	}
	lt_buf_free(&body);
	lt_buf_free(&out);
}

static void
what_a_length_claims_is_not_believed(void **state)
{
	struct lt_buf body = { 0 }, out = { 0 };
	size_t at = packed[0].front.len;
	uint8_t type = packed[0].type;
	char buf[400];
	struct lt_err err;

	(void)state;
	lt_buf_str_add(&body, packed[0].front);
	put_blob(&body, text_of(buf));
	assert_false(expand(&type, lt_buf_str(&body), 399, &out, &err));
	assert_int_equal(err.code, LT_E_TXN_TOO_LARGE);
	body.ptr[at + 2]++; /* 401 bytes */
	assert_false(expand(&type, lt_buf_str(&body), LIMIT, &out, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
	body.ptr[at] = (char)0x92; /* not zlib */
	assert_false(expand(&type, lt_buf_str(&body), LIMIT, &out, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
	body.len = at;
	lt_buf_add(&body, "\x83\x0f\xff\xffxyz", 7); /* a megabyte from three bytes */
	assert_false(expand(&type, lt_buf_str(&body), LIMIT, &out, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
	assert_true(out.cap < LIMIT / 2);
	lt_buf_free(&body);
	lt_buf_free(&out);
}

/* A payload of two events, which have no checksums there. */
static void
put_payload(struct lt_buf *out, bool zstd)
{
	struct lt_buf events = { 0 };
	char buf[400], zip[2000];
	struct lt_str bytes;

	put_event(&events, BINLOG_XID, 0, 4, text_of(buf));
	put_event(&events, BINLOG_XID, 0, 4, LT_STR("12345678"));
	bytes = lt_buf_str(&events);
	if (zstd) {
		bytes = lt_str_of(zip, ZSTD_compress(zip, sizeof(zip), events.ptr, events.len, 3));
		assert_false(ZSTD_isError(bytes.len));
	}
	lt_buf_add(out, "\2\3\xfc", 3); /* compression; 0 is zstd, 255 none */
	lt_buf_le(out, zstd ? 0 : 255, 2);
	lt_buf_add(out, "\3\3\xfc", 3); /* unpacked size */
	lt_buf_le(out, events.len, 2);
	lt_buf_add(out, "\1\3\xfc", 3); /* size */
	lt_buf_le(out, bytes.len, 2);
	lt_buf_c(out, 0);
	lt_buf_str_add(out, bytes);
	lt_buf_free(&events);
}

/* How many events come out of it; -1: an error. */
static int
count_events(struct lt_str body, struct lt_err *err)
{
	struct binlog_payload *p = NULL;
	struct lt_str event = { 0 };
	int n = 0;
	bool ok;

	*err = (struct lt_err){ 0 };
	if (!binlog_payload_open(body, LIMIT, &p, err))
		return -1;
	while ((ok = binlog_payload_next(p, &event, err)) && event.len > 0)
		n++;
	binlog_payload_close(p);
	return ok ? n : -1;
}

static void
a_payload_gives_all_its_events_or_an_error(void **state)
{
	struct lt_buf body = { 0 };
	struct lt_err err;

	(void)state;
	for (int zstd = 0; zstd < 2; zstd++) {
		lt_buf_clear(&body);
		put_payload(&body, zstd != 0);
		assert_int_equal(count_events(lt_buf_str(&body), &err), 2);
		for (size_t n = 0; n < body.len; n++) {
			struct lt_str cut = vectors_cut(lt_buf_str(&body), n);

			assert_int_equal(count_events(cut, &err), -1);
			assert_true(err.code == LT_E_TRUNCATED || err.code == LT_E_CORRUPT);
			vectors_free(cut);
		}
	}
	lt_buf_free(&body);
}

/* The compressed bytes end anywhere, in a payload whose size says so. */
static void
what_is_packed_may_end_anywhere(void **state)
{
	enum { FRONT = 16, SIZE_AT = 13 };
	struct lt_buf body = { 0 };
	struct lt_err err;

	(void)state;
	for (int zstd = 0; zstd < 2; zstd++) {
		lt_buf_clear(&body);
		put_payload(&body, zstd != 0);
		for (size_t n = FRONT; n + 1 < body.len; n++) {
			struct lt_str cut = vectors_cut(lt_buf_str(&body), n);
			char *size = (char *)(uintptr_t)cut.ptr + SIZE_AT;

			size[0] = (char)(n - FRONT);
			size[1] = (char)((n - FRONT) >> 8);
			assert_true(count_events(cut, &err) < 2);
			assert_true(err.code == LT_OK || err.code == LT_E_TRUNCATED || err.code == LT_E_CORRUPT);
			vectors_free(cut);
		}
	}
	lt_buf_free(&body);
}

/* An event inside claims to be large, and so does the payload; but few bytes are there. */
static void
an_event_takes_the_memory_that_comes_not_what_it_claims(void **state)
{
	enum { CLAIMED = 1 << 29 };
	uint8_t head[BINLOG_HEADER_SIZE] = { 0 };
	struct lt_buf body = { 0 }, zipped = { 0 };
	struct binlog_payload *p = NULL;
	struct lt_err err = { 0 };
	struct lt_str one;
	size_t len;

	(void)state;
	head[4] = BINLOG_WRITE_ROWS;
	head[BINLOG_HEADER_SIZE_AT + 3] = CLAIMED >> 24;
	len = ZSTD_compress(lt_buf_reserve(&zipped, 100), 100, head, sizeof(head), 1);
	assert_false(ZSTD_isError(len));
	zipped.len = len;
	lt_buf_add(&body, "\1\1", 2); /* its size */
	lt_buf_c(&body, (char)len);
	lt_buf_add(&body, "\2\1\0\3\x09\xfe", 6); /* zstd; unpacked */
	lt_buf_le(&body, CLAIMED, 8);
	lt_buf_c(&body, 0);
	lt_buf_str_add(&body, lt_buf_str(&zipped));
	assert_true(binlog_payload_open(lt_buf_str(&body), (size_t)CLAIMED * 2, &p, &err));
	assert_false(binlog_payload_next(p, &one, &err));
	assert_int_equal(err.code, LT_E_TRUNCATED);
	assert_true(mallinfo2().hblkhd < CLAIMED / 8);
	binlog_payload_close(p);
	lt_buf_free(&body);
	lt_buf_free(&zipped);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_compressed_event_becomes_the_plain_one_and_no_part_of_it_does),
		cmocka_unit_test(what_a_length_claims_is_not_believed),
		cmocka_unit_test(a_payload_gives_all_its_events_or_an_error),
		cmocka_unit_test(what_is_packed_may_end_anywhere),
		cmocka_unit_test(an_event_takes_the_memory_that_comes_not_what_it_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
