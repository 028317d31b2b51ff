#include "binlog/real.h"

#include <float.h>
#include <math.h>

#include "vectors.h"

/* The vectors are JSON text, where a whole number gets ".0". */
static void
prints_doubles_as_mysql_does(void **state)
{
	struct vectors v;
	size_t lines = 0;

	(void)state;
	vectors_open(&v, "go-mysql/json_double_text.tsv");
	assert_true(vectors_next(&v)); /* its head */
	for (; vectors_next(&v); lines++) {
		char out[BINLOG_REAL_TEXT];
		size_t len = binlog_double_text(strtod(v.column[0], NULL), out), wanted = strlen(v.column[1]);

		if (wanted > 2 && strcmp(v.column[1] + wanted - 2, ".0") == 0)
			v.column[1][wanted - 2] = '\0';
		assert_string_equal(out, v.column[1]);
		assert_int_equal(len, strlen(out));
	}
	assert_int_equal(lines, 90);
}

static void
every_text_reads_back_the_same(void **state)
{
	uint64_t bits = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint32_t low;
		char out[BINLOG_REAL_TEXT];
		double d, back;
		float f, f_back;

		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		low = (uint32_t)(bits >> 32);
		memcpy(&d, &bits, sizeof(d));
		memcpy(&f, &low, sizeof(f));
		if (isfinite(d)) {
			assert_true(binlog_double_text(d, out) < sizeof(out));
			back = strtod(out, NULL);
			assert_memory_equal(&back, &d, sizeof(d));
		}
		if (isfinite(f)) {
			assert_true(binlog_float_text(f, out) < sizeof(out));
			f_back = strtof(out, NULL);
			assert_memory_equal(&f_back, &f, sizeof(f));
		}
	}
}

static void
floats_are_short(void **state)
{
	static const struct {
		float f;
		const char *text;
	} cases[] = { { 0.1f, "0.1" }, { 3.4e38f, "3.4e38" }, { 16777216, "16777216" }, { 1e-45f, "1e-45" },
		{ -0.0f, "-0" }, { 999999.9f, "999999.9" }, { 3.1415927f, "3.1415927" }, { FLT_MAX, "3.4028235e38" },
		{ 0, "0" } };
	char out[BINLOG_REAL_TEXT];

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		binlog_float_text(cases[i].f, out);
		assert_string_equal(out, cases[i].text);
	}
}

static void
what_is_no_number_has_no_text(void **state)
{
	char out[BINLOG_REAL_TEXT];

	(void)state;
	assert_int_equal(binlog_double_text(NAN, out), 0);
	assert_int_equal(binlog_double_text(-INFINITY, out), 0);
	assert_int_equal(binlog_float_text(INFINITY, out), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_doubles_as_mysql_does),
		cmocka_unit_test(every_text_reads_back_the_same),
		cmocka_unit_test(floats_are_short),
		cmocka_unit_test(what_is_no_number_has_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
