/* binlog/json_diff.h - partial updates of JSON columns (PARTIAL_UPDATE_ROWS): a list of edits in place of a value.
 *
 * Source: MySQL sql/json_diff.cc (Json_diff_vector::read_binary, apply_json_diffs), sql-common/json_path.cc. An edit is
 * {u8 operation, path, value unless it removes}, the last two behind length-encoded integers. */
#ifndef BINLOG_JSON_DIFF_H
#define BINLOG_JSON_DIFF_H

#include "base/arena.h"
#include "base/err.h"
#include "change/value.h"

/** The binary document behind the edits, `*out` in `arena` or borrowed from `before`. Only what lies on an edit's path
 * is taken apart. An edit that does not fit the document is LT_E_CORRUPT. */
LT_MUST_USE bool binlog_json_edit(
    struct lt_str before, struct lt_str diffs, struct lt_arena *arena, struct lt_str *out, struct lt_err *err);
/** The edits as CHANGE_JSON_DIFF, with the marks of their values: [{"op": "replace", "path": "$.a", "value": 1}, ...];
 * `*out` lives in `arena`. */
LT_MUST_USE bool binlog_json_diff_value(
    struct lt_str diffs, struct lt_arena *arena, struct change_value *out, struct lt_err *err);

#endif
