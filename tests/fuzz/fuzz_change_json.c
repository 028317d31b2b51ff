/* Any bytes as JSON text that a target holds, and as edits of it: a coded error, or text no longer than both. */
#include "change/json.h"
#include "fuzz/fuzz.h"

static void
count(void *ctx, struct lt_str path, struct lt_str number)
{
	LT_ASSERT(path.len > 0 && path.ptr[0] == '$' && number.len > 0);
	*(size_t *)ctx += 1;
}

/* The first byte says where the text ends and the edits begin. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lt_arena *arena = lt_arena_new();
	size_t cut = size > 0 ? LT_MIN((size_t)data[0], size - 1) : 0, numbers = 0;
	struct lt_str text = lt_str_of(data + (size > 0), cut),
		      edits = lt_str_of(data + (size > 0) + cut, size > 0 ? size - 1 - cut : 0);
	struct lt_str out = { 0 };
	struct lt_err err = { 0 };

	/* A comma gets a blank, a key its quotes, a control character six bytes. */
	if (change_json_edit(text, edits, arena, &out, &err))
		LT_ASSERT(out.len <= size * 8 + 8);
	else
		LT_ASSERT(err.code == LT_E_ROW_DIFFERS || err.code == LT_E_CORRUPT || err.code == LT_E_INTERNAL);
	change_json_numbers(text, count, &numbers);
	LT_ASSERT(numbers <= text.len);
	lt_arena_free(arena);
	return 0;
}
