/* change/value.h - one column's value, typed, as it came out of a log. */
#ifndef CHANGE_VALUE_H
#define CHANGE_VALUE_H

#include "base/str.h"

enum change_kind {
	CHANGE_ABSENT, /* the image does not carry the column */
	CHANGE_NULL,
	CHANGE_INT,       /* i64 */
	CHANGE_UINT,      /* u64 */
	CHANGE_FLOAT,     /* f32 */
	CHANGE_DOUBLE,    /* f64 */
	CHANGE_DECIMAL,   /* bytes: text with the column's scale ("-0.50") */
	CHANGE_DATE,      /* time: year, month, day; zero and partial dates as they are */
	CHANGE_TIME,      /* time: negative, hour up to 838 */
	CHANGE_DATETIME,  /* time */
	CHANGE_TIMESTAMP, /* time, in UTC; the zero timestamp has year 0 */
	CHANGE_YEAR,      /* u64: 0, 1901..2155 */
	CHANGE_BIT,       /* u64; width in the column */
	CHANGE_ENUM,      /* u64: 1.., 0 = the invalid value */
	CHANGE_SET,       /* u64: bits */
	CHANGE_TEXT,      /* bytes, in the column's character set */
	CHANGE_BYTES,     /* bytes; BINARY(n) padded to its length again */
	CHANGE_JSON,      /* bytes: utf8mb4 text as the server prints it */
	CHANGE_JSON_DIFF, /* bytes: what was done to a JSON value that the log does not have, as an array of edits:
			   * {"op": "replace" "insert" or "remove", "path": ..., "value": ...} */
	CHANGE_GEOMETRY,  /* bytes: SRID + WKB as stored */
	CHANGE_VECTOR,    /* bytes: little-endian floats */
};

struct change_time {
	bool negative;
	uint8_t frac; /* digits of the column, 0 to 6 */
	uint16_t year;
	uint8_t month, day, minute, second;
	uint16_t hour;
	uint32_t micro;
};

/** Inside of a JSON document: a value of a type that JSON does not have, which MySQL keeps, prints as a string or a
 * number, and tells apart (JSON_TYPE). */
struct change_json_mark {
	uint32_t at;              /* where it begins in the text */
	uint8_t kind;             /* CHANGE_DECIMAL, CHANGE_DATE, CHANGE_TIME, CHANGE_DATETIME or CHANGE_BYTES */
	uint8_t wire;             /* MySQL's number of its type */
	uint8_t precision, scale; /* of a DECIMAL */
};

/** Bytes are borrowed from the image or from the arena given to the decoder. */
struct change_value {
	enum change_kind kind;
	uint32_t nmarks; /* of CHANGE_JSON and CHANGE_JSON_DIFF: how many marks stand behind its text, in order
			  * (change_value_marks) */
	union {
		int64_t i64;
		uint64_t u64;
		float f32;
		double f64;
		struct lt_str bytes;
		struct change_time time;
	};
};

/** Where the marks of a text stand: behind it, where a mark may. */
static inline size_t
change_json_marks_at(const char *text, size_t len)
{
	size_t align = _Alignof(struct change_json_mark);

	return len + (align - ((uintptr_t)text + len) % align) % align;
}

/** `v->nmarks` of them; NULL: none. */
static inline const struct change_json_mark *
change_value_marks(const struct change_value *v)
{
	return v->nmarks > 0 ? (const void *)(v->bytes.ptr + change_json_marks_at(v->bytes.ptr, v->bytes.len)) : NULL;
}

/** "2026-11-22 08:00:00.000", "-838:59:59", ... in the server's own form with `frac` digits, for DATE, TIME, DATETIME
 * and TIMESTAMP. `out` has room for 32 bytes; returns the length. */
size_t change_time_text(enum change_kind kind, const struct change_time *t, char out[32]);

/** Same kind and same value: FLOAT and DOUBLE by bits, text and bytes by bytes. */
bool change_value_eq(const struct change_value *a, const struct change_value *b);

#endif
