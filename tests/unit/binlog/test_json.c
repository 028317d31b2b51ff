#include "binlog/json.h"

#include "vectors.h"

/* The vectors have no blanks between the parts of a document. */
static void
without_blanks(struct lt_str s, struct lt_buf *out)
{
	bool quoted = false;

	lt_buf_clear(out);
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"' && (i == 0 || s.ptr[i - 1] != '\\'))
			quoted = !quoted;
		if (quoted || s.ptr[i] != ' ')
			lt_buf_c(out, s.ptr[i]);
	}
}

/* Every truncation gives another text or an error; reading behind the end is the sanitizer's to see. */
static void
cut_everywhere(struct lt_str bytes)
{
	for (size_t n = 0; n < bytes.len; n++) {
		struct lt_arena *arena = lt_arena_new();
		struct lt_str cut = vectors_cut(bytes, n), text = { 0 };
		struct lt_err err = { 0 };

		if (binlog_json_text(cut, arena, &text, &err))
			assert_true(text.len > 0);
		else
			assert_int_equal(err.code, err.code == LT_E_TRUNCATED ? LT_E_TRUNCATED : LT_E_CORRUPT);
		vectors_free(cut);
		lt_arena_free(arena);
	}
}

/* What the vectors write differently: strings of times stand without quotes, bytes as 0x.. */
static void
expected_text(const char *kind, const char *expected, struct lt_buf *out)
{
	lt_buf_clear(out);
	if (strcmp(kind, "opaque-bit") == 0)
		lt_buf_z(out, "\"base64:type16:yv4=\"");
	else if (strcmp(kind, "opaque-varchar") == 0)
		lt_buf_z(out, "\"base64:type15:yv4=\"");
	else if (strcmp(kind, "opaque-blob") == 0)
		lt_buf_z(out, "\"base64:type252:yv4=\"");
	else if (strncmp(kind, "opaque-", 7) == 0 && strcmp(kind, "opaque-decimal") != 0)
		lt_buf_printf(out, "\"%s\"", expected);
	else
		lt_buf_z(out, expected);
}

static void
vitess_vectors(void **state)
{
	struct lt_buf wanted = { 0 }, got = { 0 };
	struct vectors v;
	size_t lines = 0;

	(void)state;
	vectors_open(&v, "vitess/json_vectors.tsv");
	assert_true(vectors_next(&v)); /* its head */
	for (; vectors_next(&v); lines++) {
		struct lt_str bytes = vectors_bytes(v.column[2]), text;
		struct lt_arena *arena = lt_arena_new();
		struct change_value value = { 0 };
		struct lt_err err = { 0 };
		bool ok = binlog_json_value(bytes, arena, &value, &err);

		if (strcmp(v.column[0], "error") == 0) {
			assert_false(ok);
			assert_log_fault(&err);
		} else {
			assert_true(ok);
			text = value.bytes;
			assert_int_equal(value.nmarks, strncmp(v.column[0], "opaque-", 7) == 0 ? 1 : 0);
			expected_text(v.column[0], v.column[1], &wanted);
			if (strncmp(v.column[0], "opaque-", 7) == 0) {
				lt_buf_clear(&got);
				lt_buf_str_add(&got, text);
			} else {
				without_blanks(text, &got);
			}
			assert_string_equal(lt_buf_cstr(&got), lt_buf_cstr(&wanted));
			cut_everywhere(bytes);
		}
		vectors_free(bytes);
		lt_arena_free(arena);
	}
	assert_int_equal(lines, 45);
	lt_buf_free(&wanted);
	lt_buf_free(&got);
}

static struct lt_str
text_of(struct lt_arena *arena, struct lt_str bytes)
{
	struct lt_str text = { 0 };
	struct lt_err err = { 0 };

	assert_true(binlog_json_text(bytes, arena, &text, &err));
	return text;
}

static void
prints_as_the_server_does(void **state)
{
	struct lt_arena *arena = lt_arena_new();

	(void)state;
	assert_true(lt_str_eqz(text_of(arena, LT_STR("\x02\x02\x00\x0a\x00\x05\x01\x00\x05\x02\x00")), "[1, 2]"));
	assert_true(
	    lt_str_eqz(text_of(arena, LT_STR("\x00\x01\x00\x0c\x00\x0b\x00\x01\x00\x05\x02\x00\x61")), "{\"a\": 2}"));
	assert_true(lt_str_eqz(text_of(arena, LT_STR("\x0b\0\0\0\0\0\0\xf0\x3f")), "1.0"));
	assert_true(lt_str_eqz(text_of(arena, LT_STR("\x0b\0\0\0\0\0\0\0\x80")), "-0.0"));
	assert_true(lt_str_eqz(
	    text_of(arena, LT_STR("\x0c\x09\"\\\b\t\n\f\r\x01\x7f")), "\"\\\"\\\\\\b\\t\\n\\f\\r\\u0001\x7f\""));
	lt_arena_free(arena);
}

/* {"d": [5, 1.50, "base64..."]}: what it holds of types that the text does not tell. */
static void
types_of_its_own_are_marked_where_they_stand(void **state)
{
	static const char bytes[] = "\x00\x01\x00\x2d\x00\x0b\x00\x01\x00\x02\x0c\x00\x64"
				    "\x03\x00\x21\x00\x05\x05\x00\x0f\x0d\x00\x0f\x13\x00"
				    "\xf6\x04\x03\x02\x81\x32\x0f\x02\x00\xff";
	struct lt_arena *arena = lt_arena_new();
	const struct change_json_mark *marks;
	struct change_value v;
	struct lt_err err = { 0 };

	(void)state;
	assert_true(binlog_json_value(lt_str_of(bytes, sizeof(bytes) - 1), arena, &v, &err));
	assert_true(lt_str_eqz(v.bytes, "{\"d\": [5, 1.50, \"base64:type15:AP8=\"]}"));
	assert_int_equal(v.nmarks, 2);
	marks = change_value_marks(&v);
	assert_int_equal(marks[0].kind, CHANGE_DECIMAL);
	assert_int_equal(marks[0].at, 10);
	assert_int_equal(marks[0].precision, 3);
	assert_int_equal(marks[0].scale, 2);
	assert_int_equal(marks[1].kind, CHANGE_BYTES);
	assert_int_equal(marks[1].wire, 15);
	assert_int_equal(marks[1].at, 16);
	lt_arena_free(arena);
}

static void
levels_end_where_the_server_ends_them(void **state)
{
	struct lt_arena *arena = lt_arena_new();
	struct lt_buf deep = { 0 };
	struct lt_str text;
	struct lt_err err = { 0 };

	(void)state;
	/* each array holds the next at offset 7; the innermost is empty */
	lt_buf_c(&deep, 2);
	for (int i = 1; i < BINLOG_JSON_DEPTH; i++)
		lt_buf_add(&deep, "\x01\x00\x00\x00\x02\x07\x00", 7);
	lt_buf_add(&deep, "\x00\x00\x04\x00", 4);
	text = text_of(arena, lt_buf_str(&deep));
	assert_int_equal(text.len, 2 * BINLOG_JSON_DEPTH);

	lt_buf_clear(&deep);
	lt_buf_c(&deep, 2);
	for (int i = 0; i < BINLOG_JSON_DEPTH; i++)
		lt_buf_add(&deep, "\x01\x00\x00\x00\x02\x07\x00", 7);
	lt_buf_add(&deep, "\x00\x00\x04\x00", 4);
	assert_false(binlog_json_text(lt_buf_str(&deep), arena, &text, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
	lt_buf_free(&deep);
	lt_arena_free(arena);
}

/* Each array holds the next one many times: the text would have 50^20 parts. */
static void
shared_parts_cannot_blow_up(void **state)
{
	enum { FAN = 50, LEVELS = 20, SIZE = 4 + 3 * FAN };
	struct lt_arena *arena = lt_arena_new();
	struct lt_buf bomb = { 0 };
	struct lt_str text;
	struct lt_err err = { 0 };

	(void)state;
	lt_buf_c(&bomb, 2);
	for (int i = 0; i < LEVELS; i++) {
		lt_buf_le(&bomb, FAN, 2);
		lt_buf_le(&bomb, 0, 2);
		for (int k = 0; k < FAN; k++) {
			lt_buf_c(&bomb, 2);
			lt_buf_le(&bomb, SIZE, 2);
		}
	}
	lt_buf_le(&bomb, 0, 4);
	assert_false(binlog_json_text(lt_buf_str(&bomb), arena, &text, &err));
	assert_int_equal(err.code, LT_E_CORRUPT);
	assert_true(lt_arena_bytes(arena) < 64 * bomb.len);

	/* an array that holds itself */
	assert_false(binlog_json_text(LT_STR("\x02\x01\x00\x07\x00\x02\x00\x00"), arena, &text, &err));
	lt_buf_free(&bomb);
	lt_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vitess_vectors),
		cmocka_unit_test(prints_as_the_server_does),
		cmocka_unit_test(types_of_its_own_are_marked_where_they_stand),
		cmocka_unit_test(levels_end_where_the_server_ends_them),
		cmocka_unit_test(shared_parts_cannot_blow_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
