#include "binlog/partial.h"

#include "binlog/column.h"
#include "binlog/json.h"
#include "vectors.h"

/* INT, JSON. */
static const struct change_column columns[] = {
	{ .wire_type = BINLOG_COL_LONG, .kind = CHANGE_INT },
	{ .wire_type = BINLOG_COL_JSON, .wire_meta = 4, .kind = CHANGE_JSON },
};
static const struct change_table table = {
	.schema = { "s", 1 }, .name = { "t", 1 }, .ncolumns = LT_COUNT(columns), .columns = columns
};
static const uint8_t edited[] = { 1 }, untouched[] = { 0 };

/* 7 and {"a": 1}; 8 and the edit "$.a" = 2 */
#define BEFORE LT_STR("\0\7\0\0\0\15\0\0\0\0\1\0\14\0\13\0\1\0\5\1\0a")
#define AFTER LT_STR("\0\10\0\0\0\11\0\0\0\0\3$.a\3\5\2\0")
/* In front of the document */
#define FRONT 9

static bool
whole(const struct change_image *before, const struct change_image *after, const uint8_t *bits,
    struct change_image *out, struct lt_arena *arena, struct lt_err *err)
{
	*err = (struct lt_err){ 0 };
	return binlog_partial_whole(&table, before, after, bits, arena, out, err);
}

static void
edits_are_carried_out_on_the_before_image(void **state)
{
	static const uint8_t first[] = { 1 };
	const struct change_image before = { .bytes = BEFORE }, after = { .bytes = AFTER },
				  keys = { .bytes = LT_STR("\0\7\0\0\0"), .present = first };
	struct lt_arena *arena = lt_arena_new();
	struct change_image out;
	struct lt_str text;
	struct lt_err err;

	(void)state;
	assert_int_equal(binlog_partial_columns(&table), 1);
	assert_true(whole(&before, &after, edited, &out, arena, &err));
	assert_true(out.present == NULL && out.partial == NULL && lt_str_starts(out.bytes, LT_STR("\0\10\0\0\0")));
	assert_int_equal(lt_le((const uint8_t *)out.bytes.ptr + 5, 4), out.bytes.len - FRONT);
	assert_true(binlog_json_text(lt_str_of(out.bytes.ptr + FRONT, out.bytes.len - FRONT), arena, &text, &err));
	assert_true(lt_str_eqz(text, "{\"a\": 2}"));
	/* Without the value they go on as they are. */
	assert_true(whole(&keys, &after, edited, &out, arena, &err));
	assert_true(lt_str_eq(out.bytes, AFTER) && out.partial != NULL && out.partial[0] == 2);
	assert_true(whole(&before, &before, untouched, &out, arena, &err));
	assert_true(lt_str_eq(out.bytes, BEFORE));
	lt_arena_free(arena);
}

static void
refuses_every_truncation(void **state)
{
	const struct lt_str images[] = { BEFORE, AFTER };
	struct lt_arena *arena = lt_arena_new();

	(void)state;
	for (size_t which = 0; which < LT_COUNT(images); which++) {
		for (size_t n = 0; n < images[which].len; n++) {
			struct lt_str cut = vectors_cut(images[which], n);
			const struct change_image before = { .bytes = which == 0 ? cut : BEFORE },
						  after = { .bytes = which == 1 ? cut : AFTER };
			struct change_image out = { .bytes = LT_STR("as it was") };
			struct lt_err err;

			assert_false(whole(&before, &after, edited, &out, arena, &err));
			assert_int_equal(err.code, LT_E_TRUNCATED);
			assert_true(lt_str_eqz(out.bytes, "as it was"));
			vectors_free(cut);
		}
	}
	lt_arena_free(arena);
}

/* The list of edits ends anywhere, in an image that is whole by its own word. */
static void
refuses_every_truncation_of_the_edits(void **state)
{
	const struct change_image before = { .bytes = BEFORE };
	struct lt_arena *arena = lt_arena_new();

	(void)state;
	for (size_t n = 1; n < 9; n++) {
		struct lt_str cut = vectors_cut(AFTER, FRONT + n);
		struct change_image after = { .bytes = cut }, out;
		struct lt_err err;

		((char *)(uintptr_t)cut.ptr)[5] = (char)n;
		assert_false(whole(&before, &after, edited, &out, arena, &err));
		assert_true(err.code == LT_E_TRUNCATED || err.code == LT_E_CORRUPT);
		vectors_free(cut);
	}
	lt_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits_are_carried_out_on_the_before_image),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_every_truncation_of_the_edits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
