#include "binlog/json_diff.h"

#include "binlog/json.h"
#include "vectors.h"

/* {"a": [1, "x"], "bc": true} as the server stores it. */
static const char document[] = "\0\2\0\42\0\22\0\1\0\23\0\2\0\2\25\0\4\1\0abc\2\0\r\0\5\1\0\f\n\0\1x";
#define DOCUMENT lt_str_of(document, sizeof(document) - 1)

static void
add_edit(struct lt_buf *out, int op, const char *path, struct lt_str value)
{
	lt_buf_c(out, (char)op);
	lt_buf_lenstr(out, lt_str_z(path));
	if (op < 2)
		lt_buf_lenstr(out, value);
}

struct edit {
	int op;
	const char *path;
	struct lt_str value;
};

#define NUMBER LT_STR("\5\7\0")
#define TEXT LT_STR("\f\1t")
#define LIST LT_STR("\2\1\0\7\0\5\7\0")

static void
check(const struct edit *edits, size_t n, const char *expected)
{
	struct lt_arena *arena = lt_arena_new();
	struct lt_buf diffs = { 0 };
	struct lt_str after, text;
	struct lt_err err = { 0 };

	for (size_t i = 0; i < n; i++)
		add_edit(&diffs, edits[i].op, edits[i].path, edits[i].value);
	assert_true(binlog_json_edit(DOCUMENT, lt_buf_str(&diffs), arena, &after, &err));
	assert_true(binlog_json_text(after, arena, &text, &err));
	assert_int_equal(text.len, strlen(expected));
	assert_memory_equal(text.ptr, expected, text.len);
	lt_buf_free(&diffs);
	lt_arena_free(arena);
}

#define CHECK(expected, ...)                                                                                           \
	do {                                                                                                           \
		const struct edit edits[] = { __VA_ARGS__ };                                                           \
		check(edits, LT_COUNT(edits), expected);                                                               \
	} while (0)

static void
edits_are_carried_out_in_their_order(void **state)
{
	(void)state;
	check(NULL, 0, "{\"a\": [1, \"x\"], \"bc\": true}");
	CHECK("{\"a\": [1, \"x\"], \"bc\": 7}", { 0, "$.bc", NUMBER });
	CHECK("{\"a\": [7, \"x\"], \"bc\": \"t\"}", { 0, "$.a[0]", NUMBER }, { 0, "$.\"bc\"", TEXT });
	CHECK("{\"a\": [1, \"t\"], \"bc\": true}", { 0, "$.a[last]", TEXT });
	CHECK("{\"a\": [7, \"x\"], \"bc\": true}", { 0, "$.a[last-1]", NUMBER });
	CHECK("{\"bc\": true}", { 2, "$.a", { 0 } });
	CHECK("{}", { 2, "$.a", { 0 } }, { 2, "$.bc", { 0 } });
	CHECK("{\"a\": [\"t\", 1, \"x\"], \"bc\": true}", { 1, "$.a[0]", TEXT });
	CHECK("{\"a\": [1, \"x\", \"t\"], \"bc\": true}", { 1, "$.a[9]", TEXT });
	CHECK("{\"a\": [1, \"x\"], \"b\": [7, 7], \"bc\": true}", { 1, "$.b", LIST }, { 1, "$.b[1]", NUMBER });
	CHECK("{\"a\": [1, \"x\"], \"\\u0001\\\"\": \"t\", \"bc\": true}", { 1, "$.\"\\u0001\\\"\"", TEXT });
	CHECK("7", { 0, "$", NUMBER });
	CHECK("{\"a\": [1, 7], \"bc\": true}", { 0, "$.a[1][0]", NUMBER }); /* no array: one cell */
	CHECK("{\"a\": null, \"bc\": true}", { 0, "$.a", { 0 } });
}

static void
refuse(struct lt_str before, struct lt_str diffs, enum lt_code code)
{
	struct lt_arena *arena = lt_arena_new();
	struct lt_str after = { 0 };
	struct lt_err err = { 0 };

	assert_false(binlog_json_edit(before, diffs, arena, &after, &err));
	assert_int_equal(err.code, code);
	assert_null(after.ptr);
	lt_arena_free(arena);
}

static void
an_edit_that_does_not_fit_is_refused(void **state)
{
	static const struct edit edits[] = {
		{ 0, "$.z", NUMBER },
		{ 0, "$.a[2]", NUMBER },
		{ 0, "$.z.y", NUMBER },
		{ 1, "$.a", NUMBER },
		{ 1, "$", NUMBER },
		{ 1, "$.bc.x", NUMBER },
		{ 1, "$[0]", NUMBER },
		{ 2, "$", { 0 } },
		{ 2, "$.z", { 0 } },
		{ 2, "$.bc[0]", { 0 } },
		{ 0, "", NUMBER },
		{ 0, "a", NUMBER },
		{ 0, "$a", NUMBER },
		{ 0, "$.", NUMBER },
		{ 0, "$.a[", NUMBER },
		{ 0, "$.a[x]", NUMBER },
		{ 0, "$.a[0", NUMBER },
		{ 0, "$.a[last-]", NUMBER },
		{ 0, "$.a[99999999999999999999]", NUMBER },
		{ 0, "$.\"a", NUMBER },
		{ 0, "$.\"\\q\"", NUMBER },
		{ 0, "$.\"\\u00ff\"", NUMBER },
		{ 3, "$.a", { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(edits); i++) {
		struct lt_buf diffs = { 0 };

		add_edit(&diffs, edits[i].op, edits[i].path, edits[i].value);
		refuse(DOCUMENT, lt_buf_str(&diffs), LT_E_CORRUPT);
		lt_buf_free(&diffs);
	}
}

static void
every_truncation_of_the_edits_is_refused(void **state)
{
	struct lt_buf diffs = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	add_edit(&diffs, 0, "$.a[0]", NUMBER);
	for (size_t n = 1; n < diffs.len; n++) {
		struct lt_str cut = vectors_cut(lt_buf_str(&diffs), n);

		refuse(DOCUMENT, cut, LT_E_TRUNCATED);
		vectors_free(cut);
	}
	for (size_t n = 1; n < DOCUMENT.len; n++) {
		struct lt_arena *arena = lt_arena_new();
		struct lt_str cut = vectors_cut(DOCUMENT, n), after, text;

		if (binlog_json_edit(cut, lt_buf_str(&diffs), arena, &after, &err))
			(void)!binlog_json_text(after, arena, &text, &err);
		assert_true(err.code == LT_OK || err.code == LT_E_CORRUPT);
		vectors_free(cut);
		lt_arena_free(arena);
	}
	lt_buf_free(&diffs);
}

/* An array of cells that are all the same large array: each becomes bytes of its own once it is taken apart. */
static void
a_document_cannot_grow_without_bound(void **state)
{
	enum { CELLS = 2000, INNER = 4000 };
	struct lt_buf doc = { 0 }, diffs = { 0 };

	(void)state;
	lt_buf_c(&doc, 2);
	lt_buf_le(&doc, CELLS, 2);
	lt_buf_le(&doc, 4 + 3 * CELLS + 4 + INNER, 2);
	for (int i = 0; i < CELLS; i++) {
		lt_buf_c(&doc, 2);
		lt_buf_le(&doc, 4 + 3 * CELLS, 2);
	}
	lt_buf_le(&doc, 0, 2);
	lt_buf_le(&doc, 4 + INNER, 2);
	for (int i = 0; i < INNER; i++)
		lt_buf_c(&doc, 0);
	add_edit(&diffs, 0, "$[0]", NUMBER);
	refuse(lt_buf_str(&doc), lt_buf_str(&diffs), LT_E_CORRUPT);
	lt_buf_free(&doc);
	lt_buf_free(&diffs);
}

static void
edits_as_text(void **state)
{
	struct lt_arena *arena = lt_arena_new();
	struct lt_buf diffs = { 0 };
	struct change_value value;
	struct lt_err err = { 0 };

	(void)state;
	add_edit(&diffs, 0, "$.a", TEXT);
	add_edit(&diffs, 1, "$.\"b c\"[0]", LIST);
	add_edit(&diffs, 2, "$.z", NUMBER);
	assert_true(binlog_json_diff_value(lt_buf_str(&diffs), arena, &value, &err));
	assert_int_equal(value.kind, CHANGE_JSON_DIFF);
	assert_int_equal(value.nmarks, 0);
	assert_string_equal(lt_arena_str(arena, value.bytes).ptr,
	    "[{\"op\": \"replace\", \"path\": \"$.a\", \"value\": \"t\"},"
	    " {\"op\": \"insert\", \"path\": \"$.\\\"b c\\\"[0]\", \"value\": [7]},"
	    " {\"op\": \"remove\", \"path\": \"$.z\"}]");
	for (size_t n = 1; n < diffs.len; n++) {
		if (!binlog_json_diff_value(lt_str_of(diffs.ptr, n), arena, &value, &err))
			assert_int_equal(err.code, LT_E_TRUNCATED);
	}
	lt_buf_free(&diffs);
	lt_arena_free(arena);
}

/* A DECIMAL(3,2) of 1.50, twice. */
static void
values_in_edits_are_marked_where_they_stand(void **state)
{
	static const struct lt_str decimal = { "\x0f\xf6\4\3\2\x81\x32", 7 };
	struct lt_arena *arena = lt_arena_new();
	const struct change_json_mark *marks;
	struct lt_buf diffs = { 0 };
	struct change_value value;

	(void)state;
	add_edit(&diffs, 0, "$.a", decimal);
	add_edit(&diffs, 2, "$.b", NUMBER);
	add_edit(&diffs, 1, "$.c[1]", decimal);
	assert_true(binlog_json_diff_value(lt_buf_str(&diffs), arena, &value, NULL));
	assert_int_equal(value.nmarks, 2);
	marks = change_value_marks(&value);
	for (size_t i = 0; i < value.nmarks; i++) {
		assert_int_equal(marks[i].kind, CHANGE_DECIMAL);
		assert_memory_equal(value.bytes.ptr + marks[i].at, "1.50}", 5);
	}
	assert_true(marks[0].at < marks[1].at);
	lt_buf_free(&diffs);
	lt_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits_are_carried_out_in_their_order),
		cmocka_unit_test(an_edit_that_does_not_fit_is_refused),
		cmocka_unit_test(every_truncation_of_the_edits_is_refused),
		cmocka_unit_test(a_document_cannot_grow_without_bound),
		cmocka_unit_test(edits_as_text),
		cmocka_unit_test(values_in_edits_are_marked_where_they_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
