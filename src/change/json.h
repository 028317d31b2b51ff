/* change/json.h - JSON text: edits carried out on it, and its numbers that a server would not give back. */
#ifndef CHANGE_JSON_H
#define CHANGE_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "change/value.h"

/** The document behind `edits` (the form of CHANGE_JSON_DIFF); `*out` in `arena`. What lies on an edit's path is
 * written as MySQL prints it, the rest stays as it is. LT_E_ROW_DIFFERS: an edit does not fit the document. */
LT_MUST_USE bool change_json_edit(
    struct lt_str text, struct lt_str edits, struct lt_arena *arena, struct lt_str *out, struct lt_err *err);

enum change_json_op { CHANGE_JSON_REPLACE, CHANGE_JSON_INSERT, CHANGE_JSON_REMOVE };

/** One edit; `value` is CHANGE_JSON, with marks, but where it removes. */
struct change_json_step {
	enum change_json_op op;
	struct lt_str path; /* as MySQL reads it */
	struct change_value value;
};

/** The edits of a CHANGE_JSON_DIFF, in their order; what a step borrows lives in `arena`. */
typedef void (*change_json_step_fn)(void *ctx, const struct change_json_step *step);
void change_json_steps(const struct change_value *edits, struct lt_arena *arena, change_json_step_fn each, void *ctx);

/** A value of `text` (copied into `arena`) with `n` marks behind it. */
struct change_value change_json_marked(
    enum change_kind kind, struct lt_str text, const struct change_json_mark *marks, size_t n, struct lt_arena *arena);

/** Each number that MySQL would not print in the same way again after reading it from text, which makes a DOUBLE of
 * all but integers of 64 bits: "19.90", or what has more than 17 digits. `path` is MySQL's own form. */
typedef void (*change_json_number_fn)(void *ctx, struct lt_str path, struct lt_str number);
void change_json_numbers(struct lt_str text, change_json_number_fn each, void *ctx);

enum change_json_part {
	CHANGE_JSON_PLAIN, /* a value with no mark in it, as it is written */
	CHANGE_JSON_MARKED,
	CHANGE_JSON_OBJECT, /* one that has; then keys (with their quotes) and values, then END */
	CHANGE_JSON_ARRAY,  /* likewise, without keys */
	CHANGE_JSON_KEY,
	CHANGE_JSON_END,
};

/** The document of a value with marks, taken apart as far as they need. */
typedef void (*change_json_part_fn)(
    void *ctx, enum change_json_part part, struct lt_str text, const struct change_json_mark *mark);
void change_json_parts(const struct change_value *value, change_json_part_fn each, void *ctx);

#endif
