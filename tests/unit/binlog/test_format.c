#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "binlog/format.h"
#include "events.h"

static void
tells_engine_checksum_and_widths(void **state)
{
	struct binlog_format f;
	struct lt_buf b = { 0 };

	(void)state;
	put_format(&b, 0);
	assert_true(binlog_format_decode(lt_buf_str(&b), &f, NULL));
	assert_true(f.known && f.crc && !f.mariadb);
	assert_string_equal(f.version, "9.7.4");
	assert_int_equal(f.id_width, 6);
	assert_int_equal(f.query_size, 13);
	lt_buf_free(&b);
}

static void
a_file_in_use_has_its_flag_outside_of_the_checksum(void **state)
{
	struct binlog_format f;
	struct lt_buf b = { 0 };

	(void)state;
	put_format(&b, 0);
	b.ptr[17] = BINLOG_FLAG_IN_USE;
	assert_true(binlog_format_decode(lt_buf_str(&b), &f, NULL));
	lt_buf_free(&b);
}

static void
refuses_every_truncation(void **state)
{
	struct lt_buf b = { 0 };

	(void)state;
	put_format(&b, 0);
	for (size_t n = 0; n < b.len; n++) {
		struct binlog_format f = { .query_size = 77 };
		struct lt_err err = { 0 };
		struct lt_buf cut = { 0 };

		lt_buf_add(&cut, b.ptr, n);
		assert_false(binlog_format_decode(lt_buf_str(&cut), &f, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
		if (n >= BINLOG_HEADER_SIZE) {
			cut.ptr[9] = (char)n; /* now it claims no more than there is */
			assert_false(binlog_format_decode(lt_buf_str(&cut), &f, &err));
		}
		assert_int_equal(f.query_size, 77);
		lt_buf_free(&cut);
	}
	lt_buf_free(&b);
}

static void
refuses_other_log_versions_and_checksums(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
		enum lt_code code;
	} wrong[] = { { 19, 3, LT_E_EVENT_UNSUPPORTED }, { 19 + 56, 13, LT_E_EVENT_UNSUPPORTED },
		{ 30, 'x', LT_E_CHECKSUM }, { 4, BINLOG_QUERY, LT_E_EVENT_UNSUPPORTED } };
	struct binlog_format f;

	(void)state;
	for (size_t i = 0; i < LT_COUNT(wrong); i++) {
		struct lt_err err = { 0 };
		struct lt_buf b = { 0 };

		put_format(&b, 0);
		b.ptr[wrong[i].at] = (char)wrong[i].byte;
		assert_false(binlog_format_decode(lt_buf_str(&b), &f, &err));
		assert_int_equal(err.code, wrong[i].code);
		b.ptr[b.len - 5] = 2;
		assert_false(binlog_format_decode(lt_buf_str(&b), &f, &err));
		lt_buf_free(&b);
	}
}

static void
put_version(struct lt_buf *out, const char *version)
{
	enum { VERSION_AT = BINLOG_HEADER_SIZE + 2, VERSION_SIZE = 50 };

	put_format(out, 0);
	out->len -= BINLOG_CHECKSUM_SIZE;
	memset(out->ptr + VERSION_AT, 0, VERSION_SIZE);
	memcpy(out->ptr + VERSION_AT, version, strlen(version));
	lt_buf_le(out, crc32_z(0, (const Bytef *)out->ptr, out->len), BINLOG_CHECKSUM_SIZE);
}

/* On the version depends whether events end with a checksum. */
static void
a_version_that_is_none_is_refused(void **state)
{
	static const char *const good[] = { "8.4-log", "5.7.mysql_aurora.2.10.2", "10.11.6-MariaDB", "5.6.1" };
	static const char *const bad[] = { "", "trunk", "v9.7.4", "8" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(good); i++) {
		struct binlog_format f;
		struct lt_buf b = { 0 };

		put_version(&b, good[i]);
		assert_true(binlog_format_decode(lt_buf_str(&b), &f, NULL));
		assert_true(f.crc && !f.bare_rows);
		lt_buf_free(&b);
	}
	for (size_t i = 0; i < LT_COUNT(bad); i++) {
		struct binlog_format f;
		struct lt_err err = { 0 };
		struct lt_buf b = { 0 };

		put_version(&b, bad[i]);
		assert_false(binlog_format_decode(lt_buf_str(&b), &f, &err));
		assert_int_equal(err.code, LT_E_EVENT_UNSUPPORTED);
		lt_buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_engine_checksum_and_widths),
		cmocka_unit_test(a_file_in_use_has_its_flag_outside_of_the_checksum),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_other_log_versions_and_checksums),
		cmocka_unit_test(a_version_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
