/* Any bytes as a binary JSON document, and as edits of one: a coded error, or text within its bound. */
#include "binlog/json.h"
#include "binlog/json_diff.h"
#include "change/json.h"
#include "fuzz/fuzz.h"

static void
each_step(void *ctx, const struct change_json_step *step)
{
	const struct change_json_mark *marks = change_value_marks(&step->value);

	LT_ASSERT(step->op == CHANGE_JSON_REMOVE || step->value.bytes.len > 0);
	for (size_t i = 0; i < step->value.nmarks; i++)
		LT_ASSERT(marks[i].at < step->value.bytes.len);
	*(size_t *)ctx += step->value.nmarks;
}

/* The first byte says where the document ends and the edits begin. */
static void
edit(const uint8_t *data, size_t size, struct lt_arena *arena)
{
	size_t cut = LT_MIN((size_t)data[0], size - 1);
	struct lt_str before = lt_str_of(data + 1, cut), diffs = lt_str_of(data + 1 + cut, size - 1 - cut), after;
	struct change_value edits;
	struct lt_err err = { 0 };
	size_t marks = 0;

	if (binlog_json_edit(before, diffs, arena, &after, &err))
		LT_ASSERT(after.len <= size * BINLOG_JSON_FACTOR + 256);
	else
		LT_ASSERT(err.code == LT_E_CORRUPT || err.code == LT_E_TRUNCATED);
	if (!binlog_json_diff_value(diffs, arena, &edits, &err)) {
		LT_ASSERT(err.code == LT_E_CORRUPT || err.code == LT_E_TRUNCATED);
		return;
	}
	change_json_steps(&edits, arena, each_step, &marks);
	LT_ASSERT(marks == edits.nmarks);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lt_arena *arena = lt_arena_new();
	struct lt_str text = { 0 };
	struct lt_err err = { 0 };

	if (binlog_json_text(lt_str_of(data, size), arena, &text, &err))
		LT_ASSERT(text.len > 0 && text.len <= size * BINLOG_JSON_FACTOR + 256);
	else
		LT_ASSERT(err.code != LT_OK && err.code != LT_E_INTERNAL);
	if (size > 0)
		edit(data, size, arena);
	lt_arena_free(arena);
	return 0;
}
