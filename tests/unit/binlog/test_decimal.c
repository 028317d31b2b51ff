#include "binlog/decimal.h"

#include "vectors.h"

static void
known_answers_and_every_truncation(void **state)
{
	struct vectors v;
	size_t lines = 0;

	(void)state;
	vectors_open(&v, "go-mysql/decimal.tsv");
	assert_true(vectors_next(&v)); /* its head */
	while (vectors_next(&v)) {
		struct lt_str bytes = vectors_bytes(v.column[0]);
		unsigned precision = (unsigned)atoi(v.column[1]), scale = (unsigned)atoi(v.column[2]);
		size_t size = (size_t)atoi(v.column[4]), len = 0;
		char out[BINLOG_DECIMAL_TEXT];
		struct lt_err err = { 0 };

		assert_int_equal(binlog_decimal_size(precision, scale), size);
		assert_true(binlog_decimal_text(bytes, precision, scale, out, &len, &err));
		assert_string_equal(out, v.column[3]);
		assert_int_equal(len, strlen(out));
		for (size_t n = 0; n < size; n++) {
			struct lt_str cut = vectors_cut(bytes, n);

			err = (struct lt_err){ 0 };
			assert_false(binlog_decimal_text(cut, precision, scale, out, &len, &err));
			assert_int_equal(err.code, LT_E_TRUNCATED);
			vectors_free(cut);
		}
		vectors_free(bytes);
		lines++;
	}
	assert_int_equal(lines, 187);
}

static void
refuses_groups_with_too_many_digits(void **state)
{
	char out[BINLOG_DECIMAL_TEXT];
	struct lt_err err = { 0 };
	size_t len = 7;

	(void)state;
	assert_false(binlog_decimal_text(LT_STR("\xff\xff\xff\xff"), 9, 0, out, &len, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
	assert_int_equal(len, 7); /* untouched */
}

static void
refuses_impossible_columns(void **state)
{
	static const unsigned wrong[][2] = { { 0, 0 }, { 82, 0 }, { 255, 255 }, { 5, 6 } };
	char out[BINLOG_DECIMAL_TEXT];
	struct lt_err err = { 0 };
	size_t len;

	(void)state;
	for (size_t i = 0; i < LT_COUNT(wrong); i++) {
		assert_false(binlog_decimal_fits(wrong[i][0], wrong[i][1]));
		assert_false(binlog_decimal_text(LT_STR("\x80\0\0\0"), wrong[i][0], wrong[i][1], out, &len, &err));
		assert_int_equal(err.code, LT_E_CORRUPT);
	}
}

static void
the_widest_fits_its_text(void **state)
{
	uint8_t bytes[64];
	char out[BINLOG_DECIMAL_TEXT];
	struct lt_err err = { 0 };
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i + 4 <= sizeof(bytes); i += 4) /* -999999999 in each group */
		memcpy(bytes + i, "\xc4\x65\x36\x00", 4);
	bytes[0] ^= 0x80;
	for (unsigned scale = 0; scale <= BINLOG_DECIMAL_PRECISION; scale += 9) {
		assert_true(binlog_decimal_text(
		    lt_str_of(bytes, sizeof(bytes)), BINLOG_DECIMAL_PRECISION, scale, out, &len, &err));
		assert_true(len < sizeof(out));
	}
}

/** The log's form of `digits` (precision of them), as the servers' decimal2bin() makes it. */
static size_t
encode(const char *digits, unsigned precision, unsigned scale, bool negative, uint8_t *out)
{
	static const uint8_t bytes_of[] = { 0, 1, 1, 2, 2, 3, 3, 4, 4, 4 };
	unsigned at = 0, whole = precision - scale;
	size_t n = 0;

	while (at < precision) {
		unsigned count = at < whole ? (whole - at) % 9 : LT_MIN(precision - at, 9u);
		uint32_t value = 0;

		count = count == 0 ? 9 : count;
		for (unsigned i = 0; i < count; i++)
			value = value * 10 + (uint32_t)(digits[at++] - '0');
		for (unsigned i = bytes_of[count]; i-- > 0;)
			out[n++] = (uint8_t)(negative ? ~(value >> (8 * i)) : value >> (8 * i));
	}
	out[0] ^= 0x80;
	return n;
}

static void
check_round(const char *digits, unsigned precision, unsigned scale, bool negative)
{
	uint8_t wire[BINLOG_DECIMAL_PRECISION];
	size_t n = encode(digits, precision, scale, negative, wire), len = 0, skip = 0, whole = precision - scale;
	char *got = lt_realloc(NULL, precision + BINLOG_DECIMAL_MORE), want[BINLOG_DECIMAL_TEXT];
	struct lt_err err = { 0 };

	while (skip < whole && digits[skip] == '0')
		skip++;
	snprintf(want, sizeof(want), "%s%s%.*s%s%.*s", negative ? "-" : "", skip == whole ? "0" : "",
	    (int)(whole - skip), digits + skip, scale > 0 ? "." : "", (int)scale, digits + whole);
	assert_int_equal(n, binlog_decimal_size(precision, scale));
	assert_true(binlog_decimal_text(lt_str_of(wire, n), precision, scale, got, &len, &err));
	assert_string_equal(got, want);
	assert_int_equal(len, strlen(want));
	free(got);
}

static void
every_precision_and_scale(void **state)
{
	static const char *const patterns[] = { "0", "9", "1", "10", "0000000001", "00000000012300000000000000456" };

	(void)state;
	for (unsigned precision = 1; precision <= 65; precision++) {
		for (unsigned scale = 0; scale <= LT_MIN(precision, 38u); scale++) {
			for (size_t p = 0; p < LT_COUNT(patterns); p++) {
				char digits[BINLOG_DECIMAL_PRECISION];

				for (unsigned i = 0; i < precision; i++)
					digits[i] = patterns[p][i % strlen(patterns[p])];
				check_round(digits, precision, scale, false);
				check_round(digits, precision, scale, true);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers_and_every_truncation),
		cmocka_unit_test(refuses_groups_with_too_many_digits),
		cmocka_unit_test(refuses_impossible_columns),
		cmocka_unit_test(the_widest_fits_its_text),
		cmocka_unit_test(every_precision_and_scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
