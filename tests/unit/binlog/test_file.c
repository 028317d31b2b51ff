#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "binlog/dump.h"
#include "binlog/source.h"
#include "events.h"

static const struct binlog_options everything = { .server_id = 1 };

/** A file of bytes, readable under `path` until it is closed. */
static int
file_of(struct lt_str bytes, char path[64])
{
	int fd = memfd_create("log", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.ptr, bytes.len), (ssize_t)bytes.len);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static struct lt_buf
slurp(const char *name)
{
	struct lt_buf b = { 0 };
	FILE *f;

	{
		char path[512];

		snprintf(path, sizeof(path), "%s/binlog/%s", TESTS_DATA, name);
		f = fopen(path, "rb");
	}
	assert_non_null(f);
	for (;;) {
		size_t n = fread(lt_buf_reserve(&b, 65536), 1, 65536, f);

		if (n == 0)
			break;
		b.len += n;
	}
	fclose(f);
	return b;
}

/** What a log holds: a letter and the number of rows for each item, and where each ends. */
struct reading {
	char text[512];
	uint64_t ends[64];
	size_t count;
	enum lt_code code; /* it ended with */
	struct lt_err err;
};

static void
read_all(const char *path, uint64_t from, struct reading *r)
{
	struct change_source *s;

	*r = (struct reading){ 0 };
	if (!binlog_file_open(path, from, &everything, &s, &r->err)) {
		r->code = r->err.code;
		return;
	}
	for (;;) {
		struct change_txn *t;

		if (!change_source_next(s, 0, &t, &r->err)) {
			r->code = r->err.code;
			break;
		}
		if (t == NULL)
			break;
		if (t->kind != CHANGE_TXN_PLACE) {
			size_t n = strlen(r->text);

			snprintf(r->text + n, sizeof(r->text) - n, "%s%c%zu", n > 0 ? " " : "",
			    t->kind == CHANGE_TXN_DDL ? 'd' : 'r', t->nrows);
			r->ends[r->count++] = t->end.pos;
		}
		change_txn_free(t);
	}
	if (r->code == LT_OK)
		assert_true(binlog_source_ended(s));
	change_source_close(s);
}

static void
read_bytes(struct lt_str bytes, uint64_t from, struct reading *r)
{
	char path[64];
	int fd = file_of(bytes, path);

	read_all(path, from, r);
	close(fd);
}

static void
reads_real_logs_of_both_engines(void **state)
{
	static const struct {
		const char *name, *text;
	} logs[] = {
		{ "mariadb.000001", "d0 d0 d0 d0 r2 r3 r2 r1 r1 d0 r2 d0 r1 d0 r2 r2 d0 d0 r1" },
		{ "mariadb.000002", "r1" },
		{ "mysql.000001", "d0 d0 d0 d0 r2 r3 r2 d0 r1 d0 r1 d0 r1 r1 d0 r1" },
		{ "mysql.000002", "r1" },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(logs); i++) {
		struct lt_buf b = slurp(logs[i].name);
		struct reading r;

		read_bytes(lt_buf_str(&b), 0, &r);
		assert_int_equal(r.code, LT_OK);
		assert_string_equal(r.text, logs[i].text);
		lt_buf_free(&b);
	}
}

static void
goes_on_from_the_end_of_every_transaction(void **state)
{
	static const char *const logs[] = { "mariadb.000001", "mysql.000001" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(logs); i++) {
		struct lt_buf b = slurp(logs[i]);
		struct reading whole, rest;

		read_bytes(lt_buf_str(&b), 4, &whole);
		for (size_t k = 0; k < whole.count; k++) {
			read_bytes(lt_buf_str(&b), whole.ends[k], &rest);
			/* Behind CREATE TABLE ... SELECT stand rows that belong to it. */
			if (rest.code == LT_E_LOG_POSITION)
				continue;
			assert_int_equal(rest.code, LT_OK);
			assert_int_equal(rest.count, whole.count - k - 1);
			assert_string_equal(rest.text, whole.text + strlen(whole.text) - strlen(rest.text));
		}
		lt_buf_free(&b);
	}
}

static void
every_truncation_shows_what_was_whole_and_says_so(void **state)
{
	static const char *const logs[] = { "mariadb.000001", "mysql.000001" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(logs); i++) {
		struct lt_buf b = slurp(logs[i]);
		struct reading whole, cut;

		read_bytes(lt_buf_str(&b), 0, &whole);
		for (size_t n = 0; n < b.len; n++) {
			size_t fit = 0;

			read_bytes(lt_str_of(b.ptr, n), 0, &cut);
			while (fit < whole.count && whole.ends[fit] <= n)
				fit++;
			assert_int_equal(cut.count, fit);
			assert_true(cut.code == LT_OK || cut.code == LT_E_TRUNCATED ||
				    (n < 4 && cut.code == LT_E_NOT_A_BINLOG));
			if (cut.code == LT_OK && fit > 0)
				assert_memory_equal(whole.text, cut.text, strlen(cut.text));
		}
		lt_buf_free(&b);
	}
}

static void
every_changed_byte_stops_with_a_code(void **state)
{
	static const char *const logs[] = { "mariadb.000001", "mysql.000001" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(logs); i++) {
		struct lt_buf b = slurp(logs[i]);
		struct reading r;

		for (size_t n = 0; n < b.len; n++) {
			b.ptr[n] = (char)(b.ptr[n] ^ 0x41);
			read_bytes(lt_buf_str(&b), 0, &r);
			assert_int_not_equal(r.code, LT_OK);
			assert_int_not_equal(r.code, LT_E_INTERNAL);
			for (size_t k = 0; k < r.count; k++)
				assert_true(r.ends[k] <= n);
			b.ptr[n] = (char)(b.ptr[n] ^ 0x41);
		}
		lt_buf_free(&b);
	}
}

/** A log of one whole transaction and the beginning of a second one. */
static struct lt_buf
made_log(uint16_t format_flags, bool whole)
{
	struct lt_buf b = { 0 }, body = { 0 };

	lt_buf_add(&b,
	    "\xfe"
	    "bin",
	    4);
	put_format(&b, format_flags);
	query_body(&body, LT_STR(""), "s", "BEGIN");
	put_event(&b, BINLOG_QUERY, 0, b.len, lt_buf_str(&body));
	put_event(&b, BINLOG_XID, 0, b.len, LT_STR("12345678"));
	if (!whole)
		put_event(&b, BINLOG_QUERY, 0, b.len, lt_buf_str(&body));
	lt_buf_free(&body);
	return b;
}

static void
a_file_in_use_may_end_anywhere(void **state)
{
	struct lt_buf b = made_log(0, false);
	struct reading r;

	(void)state;
	read_bytes(lt_buf_str(&b), 0, &r);
	assert_string_equal(r.text, "r0");
	assert_int_equal(r.code, LT_E_TRUNCATED);
	assert_int_equal(r.err.where.pos, b.len);
	b.ptr[4 + 17] = BINLOG_FLAG_IN_USE;
	read_bytes(lt_buf_str(&b), 0, &r);
	assert_int_equal(r.code, LT_OK);
	read_bytes(lt_str_of(b.ptr, b.len - 3), 0, &r);
	assert_int_equal(r.code, LT_OK);
	assert_string_equal(r.text, "r0");
	lt_buf_free(&b);
}

static void
zeros_behind_the_last_event_are_its_end(void **state)
{
	struct lt_buf b = made_log(0, true);
	struct reading r;

	(void)state;
	for (size_t n = 0; n < 100; n++) {
		lt_buf_c(&b, 0);
		read_bytes(lt_buf_str(&b), 0, &r);
		assert_string_equal(r.text, "r0");
		assert_int_equal(r.code, n + 1 < BINLOG_HEADER_SIZE ? LT_E_TRUNCATED : LT_OK);
	}
	lt_buf_c(&b, 1);
	read_bytes(lt_buf_str(&b), 0, &r);
	assert_int_equal(r.code, LT_E_CORRUPT);
	lt_buf_free(&b);
}

static void
wrong_starts_and_wrong_files_have_their_codes(void **state)
{
	struct lt_buf b = made_log(0, true);
	struct reading r;

	(void)state;
	read_bytes(lt_buf_str(&b), b.len + 1, &r);
	assert_int_equal(r.code, LT_E_LOG_POSITION);
	read_bytes(lt_buf_str(&b), b.len, &r);
	assert_int_equal(r.code, LT_OK);
	read_bytes(lt_buf_str(&b), b.len - 31, &r); /* at the XID */
	assert_int_equal(r.code, LT_E_LOG_POSITION);
	read_bytes(lt_buf_str(&b), b.len - 40, &r); /* inside an event */
	assert_int_equal(r.code, LT_E_LOG_POSITION);
	read_bytes(LT_STR("# a text file"), 0, &r);
	assert_int_equal(r.code, LT_E_NOT_A_BINLOG);
	read_bytes(LT_STR("\xfd"
			  "bin and what is encrypted"),
	    0, &r);
	assert_int_equal(r.code, LT_E_EVENT_UNSUPPORTED);
	read_all("/nowhere/log.000001", 0, &r);
	assert_int_equal(r.code, LT_E_FILE_IO);
	assert_string_equal(r.err.where.file, "log.000001");
	lt_buf_free(&b);
}

static void
a_dump_counts_and_stops_where_it_is_told(void **state)
{
	struct lt_buf b = slurp("mariadb.000001"), sums_text = { 0 };
	struct binlog_dump_options options = { .count = true };
	struct binlog_dump_sums sums = { 0 };
	struct change_source *s;
	char path[64], *out = NULL;
	size_t out_len = 0;
	FILE *to = open_memstream(&out, &out_len);
	int fd = file_of(lt_buf_str(&b), path);
	struct reading r;

	(void)state;
	assert_true(binlog_file_open(path, 0, &everything, &s, NULL));
	assert_true(binlog_dump(s, &options, to, &sums, NULL));
	change_source_close(s);
	binlog_dump_sums_json(&sums, &sums_text);
	assert_string_equal(
	    lt_buf_cstr(&sums_text), "{\"transactions\":10,\"rows\":17,\"images\":20,\"values\":44,\"bytes\":5061}");
	read_all(path, 0, &r);
	options = (struct binlog_dump_options){ .to_pos = r.ends[1] };
	assert_true(binlog_file_open(path, 0, &everything, &s, NULL));
	assert_true(binlog_dump(s, &options, to, &sums, NULL));
	change_source_close(s);
	fclose(to);
	assert_non_null(strstr(out, "CREATE DATABASE s"));
	assert_null(strstr(out, "CREATE TABLE u"));
	free(out);
	close(fd);
	lt_buf_free(&b);
	lt_buf_free(&sums_text);
}

struct dumped {
	char *text;
	size_t len;
	bool ok;
	struct binlog_dump_sums sums;
	struct lt_err err;
};

static void
dump_of(struct lt_str bytes, uint64_t ahead, struct dumped *out)
{
	struct binlog_dump_options options = { .ahead = ahead };
	struct change_source *s = NULL;
	char path[64];
	int fd = file_of(bytes, path);
	FILE *to;

	*out = (struct dumped){ .ok = false };
	to = open_memstream(&out->text, &out->len);
	if (binlog_file_open(path, 0, &everything, &s, &out->err))
		out->ok = binlog_dump(s, &options, to, &out->sums, &out->err);
	change_source_close(s);
	fclose(to);
	close(fd);
}

static void
check_ahead(struct lt_str bytes)
{
	struct dumped one, two;

	dump_of(bytes, 0, &one);
	dump_of(bytes, 400, &two); /* so that both ways come, and several times */
	assert_int_equal(one.ok, two.ok);
	assert_int_equal(one.err.code, two.err.code);
	assert_string_equal(one.err.message, two.err.message);
	assert_int_equal(one.err.where.pos, two.err.where.pos);
	assert_string_equal(one.text, two.text);
	assert_memory_equal(&one.sums, &two.sums, sizeof(one.sums));
	free(one.text);
	free(two.text);
}

/** Whole, cut anywhere, damaged anywhere. */
static void
a_thread_that_reads_ahead_changes_nothing(void **state)
{
	static const char *const names[] = { "mariadb.000001", "mysql.000001" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(names); i++) {
		struct lt_buf b = slurp(names[i]);

		check_ahead(lt_buf_str(&b));
		for (size_t n = 0; n < b.len; n += 61) {
			check_ahead(lt_str_of(b.ptr, n));
			b.ptr[n] ^= 0x20;
			check_ahead(lt_buf_str(&b));
			b.ptr[n] ^= 0x20;
		}
		lt_buf_free(&b);
	}
}

/* One gzip member, or one zstd frame, for each half of the bytes. */
static struct lt_buf
packed(struct lt_str bytes, bool gzip)
{
	size_t half = bytes.len / 2, room = bytes.len + 1000;
	struct lt_buf out = { 0 };

	for (int i = 0; i < 2; i++) {
		struct lt_str part =
		    i == 0 ? lt_str_of(bytes.ptr, half) : lt_str_of(bytes.ptr + half, bytes.len - half);
		char *to = lt_buf_reserve(&out, room);
		z_stream z = { 0 };

		if (!gzip) {
			out.len += ZSTD_compress(to, room, part.ptr, part.len, 3);
			continue;
		}
		assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
		z.next_in = (Bytef *)(uintptr_t)part.ptr;
		z.avail_in = (unsigned)part.len;
		z.next_out = (Bytef *)to;
		z.avail_out = (unsigned)room;
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		out.len += z.total_out;
		deflateEnd(&z);
	}
	return out;
}

static void
a_packed_log_is_read_as_it_is_unpacked(void **state)
{
	(void)state;
	for (int gzip = 0; gzip < 2; gzip++) {
		struct lt_buf plain = slurp("mysql.000001"), b = packed(lt_buf_str(&plain), gzip != 0);
		struct reading expected, got;
		char plain_path[64], path[64];
		uint64_t from;
		int plain_fd = file_of(lt_buf_str(&plain), plain_path), fd = file_of(lt_buf_str(&b), path);

		read_all(plain_path, 0, &expected);
		assert_true(expected.count > 3);
		read_all(path, 0, &got);
		assert_string_equal(got.text, expected.text);
		assert_int_equal(got.code, expected.code);
		assert_memory_equal(got.ends, expected.ends, sizeof(got.ends));
		from = expected.ends[1];
		read_all(plain_path, from, &expected);
		read_all(path, from, &got);
		assert_string_equal(got.text, expected.text);
		read_all(path, plain.len + 1, &got);
		assert_int_equal(got.code, LT_E_LOG_POSITION);
		close(plain_fd);
		close(fd);
		lt_buf_free(&plain);
		lt_buf_free(&b);
	}
}

static void
a_packed_log_that_is_cut_or_damaged_is_refused(void **state)
{
	(void)state;
	for (int gzip = 0; gzip < 2; gzip++) {
		struct lt_buf plain = slurp("mysql.000001"), b = packed(lt_buf_str(&plain), gzip != 0);

		for (size_t n = 0; n < b.len; n += 1 + b.len / 40) {
			struct reading r;
			char path[64];
			int fd = file_of(lt_str_of(b.ptr, n), path);

			read_all(path, 0, &r);
			assert_true(r.code == LT_E_TRUNCATED || (n < 4 && r.code == LT_E_NOT_A_BINLOG));
			close(fd);
			if (n > 8) {
				struct lt_str bytes = lt_buf_str(&b);

				b.ptr[n] = (char)(b.ptr[n] ^ 0x55);
				fd = file_of(bytes, path);
				read_all(path, 0, &r);
				assert_int_not_equal(r.code, LT_E_INTERNAL);
				assert_true(gzip == 0 || r.code != LT_OK || n < 12);
				b.ptr[n] = (char)(b.ptr[n] ^ 0x55);
				close(fd);
			}
		}
		lt_buf_free(&plain);
		lt_buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_real_logs_of_both_engines),
		cmocka_unit_test(goes_on_from_the_end_of_every_transaction),
		cmocka_unit_test(every_truncation_shows_what_was_whole_and_says_so),
		cmocka_unit_test(every_changed_byte_stops_with_a_code),
		cmocka_unit_test(a_file_in_use_may_end_anywhere),
		cmocka_unit_test(zeros_behind_the_last_event_are_its_end),
		cmocka_unit_test(wrong_starts_and_wrong_files_have_their_codes),
		cmocka_unit_test(a_dump_counts_and_stops_where_it_is_told),
		cmocka_unit_test(a_thread_that_reads_ahead_changes_nothing),
		cmocka_unit_test(a_packed_log_is_read_as_it_is_unpacked),
		cmocka_unit_test(a_packed_log_that_is_cut_or_damaged_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
