#include "binlog/column.h"

#include "vectors.h"

struct sample {
	struct change_column column;
	const char *hex;
	struct change_value value;
};

#define COL(...)                                                                                                       \
	{                                                                                                              \
		__VA_ARGS__                                                                                            \
	}

static void
check(const struct sample *s, struct lt_arena *arena)
{
	struct lt_str wire = vectors_bytes(s->hex), bytes;
	struct lt_cur in = lt_cur_str(wire);
	struct change_value v;
	struct lt_err err = { 0 };

	assert_true(binlog_column_take(&s->column, &in, &bytes, &err));
	assert_int_equal(lt_cur_left(&in), 0);
	assert_true(binlog_column_decode(&s->column, bytes, arena, &v, &err));
	assert_true(change_value_eq(&v, &s->value));
	for (size_t n = 0; n < wire.len; n++) {
		struct lt_str cut = vectors_cut(wire, n);

		in = lt_cur_str(cut);
		err = (struct lt_err){ 0 };
		assert_false(binlog_column_take(&s->column, &in, &bytes, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
		vectors_free(cut);
	}
	vectors_free(wire);
}

static void
known_answers_and_every_truncation(void **state)
{
	static const struct sample samples[] = {
		{ COL(.wire_type = BINLOG_COL_TINY), "80", { .kind = CHANGE_INT, .i64 = -128 } },
		{ COL(.wire_type = BINLOG_COL_TINY, .is_unsigned = true), "80", { .kind = CHANGE_UINT, .u64 = 128 } },
		{ COL(.wire_type = BINLOG_COL_SHORT), "ffff", { .kind = CHANGE_INT, .i64 = -1 } },
		{ COL(.wire_type = BINLOG_COL_INT24), "000080", { .kind = CHANGE_INT, .i64 = -8388608 } },
		{ COL(.wire_type = BINLOG_COL_INT24, .kind = CHANGE_UINT), "ffffff",
		    { .kind = CHANGE_UINT, .u64 = 16777215 } },
		{ COL(.wire_type = BINLOG_COL_LONG), "00000080", { .kind = CHANGE_INT, .i64 = INT32_MIN } },
		{ COL(.wire_type = BINLOG_COL_LONGLONG), "0000000000000080", { .kind = CHANGE_INT, .i64 = INT64_MIN } },
		{ COL(.wire_type = BINLOG_COL_LONGLONG, .is_unsigned = true), "ffffffffffffffff",
		    { .kind = CHANGE_UINT, .u64 = UINT64_MAX } },
		{ COL(.wire_type = BINLOG_COL_FLOAT), "0000c03f", { .kind = CHANGE_FLOAT, .f32 = 1.5f } },
		{ COL(.wire_type = BINLOG_COL_DOUBLE), "000000000000f8bf", { .kind = CHANGE_DOUBLE, .f64 = -1.5 } },
		{ COL(.wire_type = BINLOG_COL_YEAR), "00", { .kind = CHANGE_YEAR, .u64 = 0 } },
		{ COL(.wire_type = BINLOG_COL_YEAR), "ff", { .kind = CHANGE_YEAR, .u64 = 2155 } },
		{ COL(.wire_type = BINLOG_COL_BIT, .wire_meta = 0x0101), "01ff", { .kind = CHANGE_BIT, .u64 = 511 } },
		{ COL(.wire_type = BINLOG_COL_BIT, .wire_meta = 0x0800), "8000000000000001",
		    { .kind = CHANGE_BIT, .u64 = 0x8000000000000001u } },
		{ COL(.wire_type = BINLOG_COL_ENUM, .wire_meta = 2), "2c01", { .kind = CHANGE_ENUM, .u64 = 300 } },
		{ COL(.wire_type = BINLOG_COL_SET, .wire_meta = 8), "0000000000000080",
		    { .kind = CHANGE_SET, .u64 = 0x8000000000000000u } },
		{ COL(.wire_type = BINLOG_COL_NEWDECIMAL, .wire_meta = 0x0402), "75c8",
		    { .kind = CHANGE_DECIMAL, .bytes = LT_STR("-10.55") } },
		{ COL(.wire_type = BINLOG_COL_VARCHAR, .wire_meta = 255, .kind = CHANGE_TEXT), "026162",
		    { .kind = CHANGE_TEXT, .bytes = LT_STR("ab") } },
		{ COL(.wire_type = BINLOG_COL_VARCHAR, .wire_meta = 256, .kind = CHANGE_BYTES, .length = 256),
		    "02006162", { .kind = CHANGE_BYTES, .bytes = LT_STR("ab") } },
		{ COL(.wire_type = BINLOG_COL_VAR_STRING, .wire_meta = 9, .kind = CHANGE_TEXT), "0161",
		    { .kind = CHANGE_TEXT, .bytes = LT_STR("a") } },
		{ COL(.wire_type = BINLOG_COL_STRING, .wire_meta = 4, .kind = CHANGE_BYTES, .length = 4), "020100",
		    { .kind = CHANGE_BYTES, .bytes = LT_STR("\x01\0\0\0") } },
		{ COL(.wire_type = BINLOG_COL_STRING, .wire_meta = 4, .kind = CHANGE_TEXT, .length = 4), "0161",
		    { .kind = CHANGE_TEXT, .bytes = LT_STR("a") } },
		{ COL(.wire_type = BINLOG_COL_BLOB, .wire_meta = 3, .kind = CHANGE_BYTES), "020000dead",
		    { .kind = CHANGE_BYTES, .bytes = LT_STR("\xde\xad") } },
		{ COL(.wire_type = BINLOG_COL_BLOB, .wire_meta = 4, .kind = CHANGE_JSON), "020000003133",
		    { .kind = CHANGE_JSON, .bytes = LT_STR("13") } }, /* MariaDB: text */
		{ COL(.wire_type = BINLOG_COL_JSON, .wire_meta = 4), "00000000",
		    { .kind = CHANGE_JSON, .bytes = LT_STR("null") } },
		{ COL(.wire_type = BINLOG_COL_JSON, .wire_meta = 4), "020000000401",
		    { .kind = CHANGE_JSON, .bytes = LT_STR("true") } },
		{ COL(.wire_type = BINLOG_COL_GEOMETRY, .wire_meta = 4, .kind = CHANGE_GEOMETRY), "0100000099",
		    { .kind = CHANGE_GEOMETRY, .bytes = LT_STR("\x99") } },
		{ COL(.wire_type = BINLOG_COL_VECTOR, .wire_meta = 4, .kind = CHANGE_VECTOR), "040000000000803f",
		    { .kind = CHANGE_VECTOR, .bytes = LT_STR("\0\0\x80\x3f") } },
		{ COL(.wire_type = BINLOG_COL_VARCHAR_COMPRESSED, .wire_meta = 100, .kind = CHANGE_TEXT), "03006162",
		    { .kind = CHANGE_TEXT, .bytes = LT_STR("ab") } },
		{ COL(.wire_type = BINLOG_COL_BLOB_COMPRESSED, .wire_meta = 2, .kind = CHANGE_BYTES), "0000",
		    { .kind = CHANGE_BYTES, .bytes = LT_STR("") } },
	};
	struct lt_arena *arena = lt_arena_new();

	(void)state;
	for (size_t i = 0; i < LT_COUNT(samples); i++)
		check(&samples[i], arena);
	lt_arena_free(arena);
}

static void
types_and_metadata_that_cannot_be_read(void **state)
{
	static const struct {
		struct change_column column;
		enum lt_code code;
	} cases[] = {
		{ COL(.wire_type = BINLOG_COL_DECIMAL), LT_E_TYPE_UNSUPPORTED },
		{ COL(.wire_type = 99), LT_E_TYPE_UNSUPPORTED },
		{ COL(.wire_type = 243), LT_E_TYPE_UNSUPPORTED },
		{ COL(.wire_type = BINLOG_COL_NEWDECIMAL, .wire_meta = 0x0506), LT_E_CORRUPT },
		{ COL(.wire_type = BINLOG_COL_BIT, .wire_meta = 0), LT_E_CORRUPT },
		{ COL(.wire_type = BINLOG_COL_BIT, .wire_meta = 0x0801), LT_E_CORRUPT },
		{ COL(.wire_type = BINLOG_COL_BIT, .wire_meta = 0x0009), LT_E_CORRUPT },
		{ COL(.wire_type = BINLOG_COL_ENUM, .wire_meta = 3), LT_E_CORRUPT },
		{ COL(.wire_type = BINLOG_COL_SET, .wire_meta = 9), LT_E_CORRUPT },
		{ COL(.wire_type = BINLOG_COL_SET, .wire_meta = 0), LT_E_CORRUPT },
		{ COL(.wire_type = BINLOG_COL_BLOB, .wire_meta = 0), LT_E_CORRUPT },
		{ COL(.wire_type = BINLOG_COL_BLOB, .wire_meta = 5), LT_E_CORRUPT },
		{ COL(.wire_type = BINLOG_COL_TIME2, .wire_meta = 7), LT_E_CORRUPT },
		{ COL(.wire_type = BINLOG_COL_TIME, .scale = 7), LT_E_CORRUPT },
	};
	char wire[64] = { 0 };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct lt_cur in = lt_cur_of(wire, sizeof(wire));
		struct lt_str bytes;
		struct lt_err err = { 0 };

		assert_false(binlog_column_take(&cases[i].column, &in, &bytes, &err));
		assert_int_equal(err.code, cases[i].code);
	}
}

static bool
inflate_hex(const char *hex, struct lt_str *out, struct lt_arena *arena, struct lt_err *err)
{
	struct change_column c = { .wire_type = BINLOG_COL_BLOB_COMPRESSED, .wire_meta = 4, .kind = CHANGE_TEXT };
	struct lt_str bytes = vectors_bytes(hex);
	struct change_value v;
	bool ok = binlog_column_decode(&c, bytes, arena, &v, err);

	if (ok)
		*out = lt_arena_str(arena, v.bytes);
	vectors_free(bytes);
	return ok;
}

/* "aaaaaaaaaaaaaaaaaaaa", raw and with zlib's head and sum. */
static void
compressed_columns(void **state)
{
	static const char raw[] = "89144b4cc40400", wrapped[] = "8114789c4b4cc404004fa60795";
	static const char *const wrong[] = {
		"8914",                           /* no stream */
		"89154b4cc40400",                 /* another length */
		"89134b4cc40400",                 /* too short a length */
		"8cffffffff4b4cc40400",           /* more than deflate can do */
		"91144b4cc40400",                 /* another method */
		"80144b4cc40400",                 /* no length */
		"8f0000000000000000144b4cc40400", /* a length of seven bytes */
		"8114789c4b4cc404004ccd0796",     /* wrong sum */
		"8914ffffffff",                   /* no deflate */
		"89",
		"01",
	};
	struct lt_arena *arena = lt_arena_new();
	struct lt_str out = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	assert_true(inflate_hex(raw, &out, arena, &err));
	assert_true(lt_str_eqz(out, "aaaaaaaaaaaaaaaaaaaa"));
	assert_true(inflate_hex(wrapped, &out, arena, &err));
	assert_true(lt_str_eqz(out, "aaaaaaaaaaaaaaaaaaaa"));
	for (size_t i = 0; i < LT_COUNT(wrong); i++) {
		err = (struct lt_err){ 0 };
		assert_false(inflate_hex(wrong[i], &out, arena, &err));
		assert_log_fault(&err);
	}
	assert_true(lt_arena_bytes(arena) < 1 << 16);
	lt_arena_free(arena);
}

static void
the_schema_may_say_more_than_the_log(void **state)
{
	struct change_column c = { .wire_type = BINLOG_COL_STRING, .wire_meta = 16, .collation = 63 };
	struct lt_arena *arena = lt_arena_new();
	struct change_value v;
	struct lt_err err = { 0 };

	(void)state;
	binlog_column_describe(&c);
	assert_int_equal(c.kind, CHANGE_BYTES);
	assert_int_equal(c.length, 16);
	c.kind = CHANGE_TEXT;
	assert_true(binlog_column_decode(&c, LT_STR("ab"), arena, &v, &err));
	assert_int_equal(v.kind, CHANGE_TEXT);
	assert_int_equal(v.bytes.len, 2);
	c.kind = CHANGE_BYTES;
	assert_true(binlog_column_decode(&c, LT_STR("ab"), arena, &v, &err));
	assert_int_equal(v.bytes.len, 16);
	lt_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers_and_every_truncation),
		cmocka_unit_test(types_and_metadata_that_cannot_be_read),
		cmocka_unit_test(compressed_columns),
		cmocka_unit_test(the_schema_may_say_more_than_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
