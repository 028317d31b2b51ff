/* change/json.h - JSON text: edits carried out on it, and its numbers that a server would not give back. */
#ifndef CHANGE_JSON_H
#define CHANGE_JSON_H

#include "base/arena.h"
#include "base/err.h"

/** The document behind `edits` (the form of CHANGE_JSON_DIFF); `*out` in `arena`. What lies on an edit's path is
 * written as MySQL prints it, the rest stays as it is. LT_E_ROW_DIFFERS: an edit does not fit the document. */
LT_MUST_USE bool change_json_edit(
    struct lt_str text, struct lt_str edits, struct lt_arena *arena, struct lt_str *out, struct lt_err *err);

/** Each number that MySQL would not print in the same way again after reading it from text, which makes a DOUBLE of
 * all but integers of 64 bits: "19.90", or what has more than 17 digits. `path` is MySQL's own form. */
typedef void (*change_json_number_fn)(void *ctx, struct lt_str path, struct lt_str number);
void change_json_numbers(struct lt_str text, change_json_number_fn each, void *ctx);

#endif
