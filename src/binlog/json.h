/* binlog/json.h - MySQL's binary JSON as the text that the server prints.
 *
 * Source: MySQL sql-common/json_binary.h (format), json_dom.cc (text). */
#ifndef BINLOG_JSON_H
#define BINLOG_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "change/value.h"

/** Levels of arrays and objects; what the server itself allows (JSON_DOCUMENT_MAX_DEPTH). */
#define BINLOG_JSON_DEPTH 100
/** The text and its marks have at most this many bytes for each byte of input (and 256 more), or it is LT_E_CORRUPT:
 * offsets that point at the same bytes again and again would make it grow without end. */
#define BINLOG_JSON_FACTOR 8

/** `*out` (CHANGE_JSON) lives in `arena`. No bytes at all is JSON null. */
LT_MUST_USE bool binlog_json_value(
    struct lt_str bytes, struct lt_arena *arena, struct change_value *out, struct lt_err *err);
/** The text alone. */
LT_MUST_USE bool binlog_json_text(struct lt_str bytes, struct lt_arena *arena, struct lt_str *out, struct lt_err *err);

#endif
