/* Any bytes as a binary JSON document: a coded error, or text within its bound. */
#include "binlog/json.h"
#include "fuzz/fuzz.h"

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
	lt_arena_free(arena);
	return 0;
}
