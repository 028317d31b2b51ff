/* binlog/json_priv.h - the parts of a binary JSON document; shared by its text and its edits. */
#ifndef BINLOG_JSON_PRIV_H
#define BINLOG_JSON_PRIV_H

#include "base/cur.h"
#include "base/err.h"

enum binlog_json_type {
	JSON_SMALL_OBJECT,
	JSON_LARGE_OBJECT,
	JSON_SMALL_ARRAY,
	JSON_LARGE_ARRAY,
	JSON_LITERAL,
	JSON_INT16,
	JSON_UINT16,
	JSON_INT32,
	JSON_UINT32,
	JSON_INT64,
	JSON_UINT64,
	JSON_DOUBLE,
	JSON_STRING,
	JSON_OPAQUE = 15,
};

/** An array or object: count, size, then entries of keys (offset, two bytes of length) and of values (type, then the
 * value itself where it fits, else its offset). Offsets count from the container's first byte. */
struct json_container {
	const uint8_t *at; /* first byte */
	size_t len;        /* up to the end of all bytes: the size it claims is not needed */
	size_t size;       /* what it claims, or `len` where that is less */
	size_t width;      /* of counts and offsets: 2 or 4 */
	size_t count;
	bool object;
};

static inline bool
json_is_container(uint8_t type)
{
	return type <= JSON_LARGE_ARRAY;
}

/** Whether a value of that type stands in its entry. */
bool json_is_inline(uint8_t type, size_t width);
LT_MUST_USE bool json_container_open(uint8_t type, struct lt_cur in, struct json_container *out, struct lt_err *err);
LT_MUST_USE bool json_container_key(const struct json_container *c, size_t i, struct lt_str *out, struct lt_err *err);
/** The type of the i-th value, and its bytes up to the end of all. */
LT_MUST_USE bool json_container_value(
    const struct json_container *c, size_t i, uint8_t *type, struct lt_cur *value, struct lt_err *err);
/** Seven bits a byte, the lowest first, at most five bytes. */
size_t json_take_length(struct lt_cur *in);
LT_MUST_USE bool json_cut(struct lt_err *err);

#endif
