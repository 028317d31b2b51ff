/* binlog/column.h - column types as the log numbers them, and the bytes of one value.
 *
 * Source: MySQL include/field_types.h, libs/mysql/binlog/event/binary_log_funcs.cpp (calc_field_size); MariaDB
 * sql/field.cc for the types 140 and 141 and for the old temporal types with fractions. */
#ifndef BINLOG_COLUMN_H
#define BINLOG_COLUMN_H

#include "base/cur.h"
#include "change/table.h"

enum binlog_column_type {
	BINLOG_COL_DECIMAL = 0, /* MySQL 4: its width is not in the log */
	BINLOG_COL_TINY = 1,
	BINLOG_COL_SHORT = 2,
	BINLOG_COL_LONG = 3,
	BINLOG_COL_FLOAT = 4,
	BINLOG_COL_DOUBLE = 5,
	BINLOG_COL_NULL = 6,
	BINLOG_COL_TIMESTAMP =
	    7, /* the old forms 7, 11, 12: whole seconds, or MariaDB's with fractions that only the schema tells */
	BINLOG_COL_LONGLONG = 8,
	BINLOG_COL_INT24 = 9,
	BINLOG_COL_DATE = 10,
	BINLOG_COL_TIME = 11,
	BINLOG_COL_DATETIME = 12,
	BINLOG_COL_YEAR = 13,
	BINLOG_COL_NEWDATE = 14,
	BINLOG_COL_VARCHAR = 15,
	BINLOG_COL_BIT = 16,
	BINLOG_COL_TIMESTAMP2 = 17,
	BINLOG_COL_DATETIME2 = 18,
	BINLOG_COL_TIME2 = 19,
	BINLOG_COL_TYPED_ARRAY = 20,
	BINLOG_COL_BLOB_COMPRESSED = 140,    /* MariaDB */
	BINLOG_COL_VARCHAR_COMPRESSED = 141, /* MariaDB */
	BINLOG_COL_VECTOR = 242,
	BINLOG_COL_JSON = 245,
	BINLOG_COL_NEWDECIMAL = 246,
	BINLOG_COL_ENUM = 247,
	BINLOG_COL_SET = 248,
	BINLOG_COL_TINY_BLOB = 249,
	BINLOG_COL_MEDIUM_BLOB = 250,
	BINLOG_COL_LONG_BLOB = 251,
	BINLOG_COL_BLOB = 252,
	BINLOG_COL_VAR_STRING = 253,
	BINLOG_COL_STRING = 254,
	BINLOG_COL_GEOMETRY = 255,
};

/* What wire_meta holds: bytes of the length in front of a value (blobs, JSON, geometry, vector), bytes at most (CHAR,
 * VARCHAR), bytes of the value (ENUM, SET), precision << 8 | scale (DECIMAL), fraction digits (temporal types), bytes
 * of the value << 8 | bits beyond (BIT). */

/** Whether the metadata counts it as a number (SIGNEDNESS). YEAR is one. */
bool binlog_column_is_number(uint8_t wire_type);
/** Fill kind, length, precision and scale from wire_type, wire_meta, is_unsigned and collation. */
void binlog_column_describe(struct change_column *c);

/* What wire.plain holds. */
enum { BINLOG_PLAIN_NOT, BINLOG_PLAIN_INT, BINLOG_PLAIN_BYTES };

/** Work out how the values of all columns are cut and picked up, which their types and metadata tell. */
void binlog_column_measure(struct change_column *columns, size_t n);

/** As binlog_column_take() where the width was worked out: the value at `at`, and what is behind it; NULL: ask that
 * one. */
static inline const uint8_t *
binlog_column_cut(const struct change_column *c, const uint8_t *at, const uint8_t *end, struct lt_str *out)
{
	size_t left = (size_t)(end - at), n = c->wire.width, prefix = c->wire.prefix;

	if (!c->wire.known || prefix > left)
		return NULL;
	if (prefix > 0) {
		n = prefix == 1 ? at[0] : prefix == 2 ? lt_le16(at) : (size_t)lt_le(at, prefix);
		at += prefix;
		left -= prefix;
	}
	if (n > left)
		return NULL;
	*out = lt_str_of(at, n);
	return at + n;
}

/** As binlog_column_decode() for the most common kinds: false: ask that one. `end` is behind the last byte that may be
 * read. */
static inline bool
binlog_column_pick(const struct change_column *c, struct lt_str bytes, const uint8_t *end, struct change_value *out)
{
	const uint8_t *p = (const uint8_t *)bytes.ptr;

	if (c->wire.plain == BINLOG_PLAIN_INT && end - p >= 8) {
		unsigned shift = 64 - 8 * c->wire.width;
		uint64_t n = lt_le64(p) << shift; /* what is not its own goes out at the top */

		if (c->kind == CHANGE_INT && !c->is_unsigned) {
			out->kind = CHANGE_INT;
			out->i64 = (int64_t)n >> shift;
			return true;
		}
		out->kind = CHANGE_UINT;
		out->u64 = n >> shift;
		return c->is_unsigned || c->kind == CHANGE_UINT;
	}
	if (c->wire.plain == BINLOG_PLAIN_BYTES && (c->kind == CHANGE_TEXT || c->wire_type != BINLOG_COL_STRING)) {
		out->kind = c->kind >= CHANGE_TEXT ? c->kind : CHANGE_TEXT;
		out->bytes = bytes;
		return true;
	}
	return false;
}

/** Take one value that is not NULL: `*out` is its bytes without the length that may stand in front. Allocates nothing.
 * The error does not name the column. */
LT_MUST_USE bool binlog_column_take(
    const struct change_column *c, struct lt_cur *in, struct lt_str *out, struct lt_err *err);

/** The value in `bytes`, which binlog_column_take() gave for the same column. */
LT_MUST_USE bool binlog_column_decode(const struct change_column *c, struct lt_str bytes, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err);

#endif
