#include "binlog/column.h"

#include <zlib.h>

#include "binlog/compress.h"
#include "binlog/decimal.h"
#include "binlog/json.h"
#include "binlog/table_map.h"
#include "binlog/temporal.h"

#define BINARY_COLLATION 63
/* Values of other kinds do not pay for its stack frame. */
#define APART __attribute__((noinline))

bool
binlog_column_is_number(uint8_t wire_type)
{
	switch (wire_type) {
	case BINLOG_COL_DECIMAL:
	case BINLOG_COL_TINY:
	case BINLOG_COL_SHORT:
	case BINLOG_COL_LONG:
	case BINLOG_COL_FLOAT:
	case BINLOG_COL_DOUBLE:
	case BINLOG_COL_LONGLONG:
	case BINLOG_COL_INT24:
	case BINLOG_COL_YEAR:
	case BINLOG_COL_NEWDECIMAL: return true;
	default: return false;
	}
}

static enum change_kind
kind_of(const struct change_column *c)
{
	switch (c->wire_type) {
	case BINLOG_COL_TINY:
	case BINLOG_COL_SHORT:
	case BINLOG_COL_INT24:
	case BINLOG_COL_LONG:
	case BINLOG_COL_LONGLONG: return c->is_unsigned ? CHANGE_UINT : CHANGE_INT;
	case BINLOG_COL_FLOAT: return CHANGE_FLOAT;
	case BINLOG_COL_DOUBLE: return CHANGE_DOUBLE;
	case BINLOG_COL_DECIMAL:
	case BINLOG_COL_NEWDECIMAL: return CHANGE_DECIMAL;
	case BINLOG_COL_NULL: return CHANGE_NULL;
	case BINLOG_COL_TIMESTAMP:
	case BINLOG_COL_TIMESTAMP2: return CHANGE_TIMESTAMP;
	case BINLOG_COL_DATE:
	case BINLOG_COL_NEWDATE: return CHANGE_DATE;
	case BINLOG_COL_TIME:
	case BINLOG_COL_TIME2: return CHANGE_TIME;
	case BINLOG_COL_DATETIME:
	case BINLOG_COL_DATETIME2: return CHANGE_DATETIME;
	case BINLOG_COL_YEAR: return CHANGE_YEAR;
	case BINLOG_COL_BIT: return CHANGE_BIT;
	case BINLOG_COL_ENUM: return CHANGE_ENUM;
	case BINLOG_COL_SET: return CHANGE_SET;
	case BINLOG_COL_JSON:
	case BINLOG_COL_TYPED_ARRAY: return CHANGE_JSON;
	case BINLOG_COL_GEOMETRY: return CHANGE_GEOMETRY;
	case BINLOG_COL_VECTOR: return CHANGE_VECTOR;
	default: return c->collation == BINARY_COLLATION ? CHANGE_BYTES : CHANGE_TEXT;
	}
}

void
binlog_column_describe(struct change_column *c)
{
	c->kind = kind_of(c);
	switch (c->wire_type) {
	case BINLOG_COL_NEWDECIMAL:
		c->precision = (uint8_t)(c->wire_meta >> 8);
		c->scale = (uint8_t)c->wire_meta;
		break;
	case BINLOG_COL_TIME2:
	case BINLOG_COL_DATETIME2:
	case BINLOG_COL_TIMESTAMP2: c->scale = (uint8_t)c->wire_meta; break;
	case BINLOG_COL_BIT: c->length = (uint32_t)(c->wire_meta >> 8) * 8 + (c->wire_meta & 0xff); break;
	case BINLOG_COL_VARCHAR:
	case BINLOG_COL_VAR_STRING:
	case BINLOG_COL_VARCHAR_COMPRESSED:
	case BINLOG_COL_STRING: c->length = c->wire_meta; break;
	default: break;
	}
}

#define UNKNOWN_WIDTH SIZE_MAX
#define WRONG_META (SIZE_MAX - 1)

static size_t
decimal_width(const struct change_column *c)
{
	unsigned precision = c->wire_meta >> 8, scale = c->wire_meta & 0xff;

	return binlog_decimal_fits(precision, scale) ? binlog_decimal_size(precision, scale) : WRONG_META;
}

static size_t
bit_width(const struct change_column *c)
{
	unsigned bits = c->wire_meta & 0xff, bytes = c->wire_meta >> 8;

	return bits < 8 && bytes <= 8 && bytes * 8 + bits >= 1 && bytes * 8 + bits <= 64 ? bytes + (bits > 0)
											 : WRONG_META;
}

static size_t
temporal_width(const struct change_column *c, size_t whole)
{
	return c->wire_meta <= 6 ? whole + binlog_frac_size(c->wire_meta) : WRONG_META;
}

static size_t
old_temporal_width(const struct change_column *c)
{
	return c->scale <= 6 ? binlog_old_temporal_size(c->wire_type, c->scale) : WRONG_META;
}

static size_t
between(size_t n, size_t low, size_t high)
{
	return n >= low && n <= high ? n : WRONG_META;
}

/* Bytes of a value; where `*prefix` becomes true, bytes of the length in front of it. */
static inline size_t
width(const struct change_column *c, bool *prefix)
{
	*prefix = false;
	switch (c->wire_type) {
	case BINLOG_COL_NULL: return 0;
	case BINLOG_COL_TINY:
	case BINLOG_COL_YEAR: return 1;
	case BINLOG_COL_SHORT: return 2;
	case BINLOG_COL_INT24:
	case BINLOG_COL_DATE:
	case BINLOG_COL_NEWDATE: return 3;
	case BINLOG_COL_LONG:
	case BINLOG_COL_FLOAT: return 4;
	case BINLOG_COL_LONGLONG:
	case BINLOG_COL_DOUBLE: return 8;
	case BINLOG_COL_TIMESTAMP:
	case BINLOG_COL_TIME:
	case BINLOG_COL_DATETIME: return old_temporal_width(c);
	case BINLOG_COL_TIME2: return temporal_width(c, 3);
	case BINLOG_COL_TIMESTAMP2: return temporal_width(c, 4);
	case BINLOG_COL_DATETIME2: return temporal_width(c, 5);
	case BINLOG_COL_NEWDECIMAL: return decimal_width(c);
	case BINLOG_COL_BIT: return bit_width(c);
	case BINLOG_COL_ENUM: return between(c->wire_meta, 1, 2);
	case BINLOG_COL_SET: return between(c->wire_meta, 1, 8);
	case BINLOG_COL_VARCHAR:
	case BINLOG_COL_VAR_STRING:
	case BINLOG_COL_VARCHAR_COMPRESSED:
	case BINLOG_COL_STRING: *prefix = true; return c->wire_meta > 255 ? 2 : 1;
	case BINLOG_COL_TINY_BLOB:
	case BINLOG_COL_MEDIUM_BLOB:
	case BINLOG_COL_LONG_BLOB:
	case BINLOG_COL_BLOB:
	case BINLOG_COL_BLOB_COMPRESSED:
	case BINLOG_COL_JSON:
	case BINLOG_COL_TYPED_ARRAY:
	case BINLOG_COL_GEOMETRY:
	case BINLOG_COL_VECTOR: *prefix = true; return between(c->wire_meta, 1, 4);
	default: return UNKNOWN_WIDTH;
	}
}

static uint8_t
plain_of(uint8_t wire_type)
{
	switch (wire_type) {
	case BINLOG_COL_TINY:
	case BINLOG_COL_SHORT:
	case BINLOG_COL_INT24:
	case BINLOG_COL_LONG:
	case BINLOG_COL_LONGLONG: return BINLOG_PLAIN_INT;
	case BINLOG_COL_VARCHAR:
	case BINLOG_COL_VAR_STRING:
	case BINLOG_COL_STRING:
	case BINLOG_COL_TINY_BLOB:
	case BINLOG_COL_MEDIUM_BLOB:
	case BINLOG_COL_LONG_BLOB:
	case BINLOG_COL_BLOB: return BINLOG_PLAIN_BYTES;
	default: return BINLOG_PLAIN_NOT;
	}
}

void
binlog_column_measure(struct change_column *columns, size_t n)
{
	for (size_t i = n; i-- > 0;) {
		struct change_column *c = &columns[i];
		const struct change_column *next = i + 1 < n ? c + 1 : NULL;
		bool prefix;
		size_t bytes = width(c, &prefix);

		/* A describer may give the old temporal types fractions, which make them wider. */
		c->wire.known = bytes < WRONG_META && c->wire_type != BINLOG_COL_TIMESTAMP &&
				c->wire_type != BINLOG_COL_TIME && c->wire_type != BINLOG_COL_DATETIME;
		if (!c->wire.known)
			continue;
		c->wire.plain = plain_of(c->wire_type);
		c->wire.prefix = prefix ? (uint8_t)bytes : 0;
		c->wire.width = prefix ? 0 : (uint32_t)bytes;
		if (prefix)
			continue;
		c->wire.run = (uint16_t)(1 + (next != NULL ? next->wire.run : 0));
		c->wire.all = c->wire.width + (next != NULL ? next->wire.all : 0);
	}
}

static bool
no_width(const struct change_column *c, size_t n, struct lt_err *err)
{
	if (n == WRONG_META)
		return lt_fail(err, LT_E_CORRUPT, "type %u cannot have metadata 0x%04x", c->wire_type, c->wire_meta);
	return lt_fail(err, LT_E_TYPE_UNSUPPORTED, "values of type %u cannot be read", c->wire_type);
}

bool
binlog_column_take(const struct change_column *c, struct lt_cur *in, struct lt_str *out, struct lt_err *err)
{
	bool prefix;
	size_t n = width(c, &prefix), left;

	if (n >= WRONG_META)
		return no_width(c, n, err);
	if (prefix)
		n = (size_t)lt_cur_le(in, n);
	left = lt_cur_left(in);
	out->ptr = (const char *)in->at;
	out->len = n;
	if (in->failed || lt_cur_take(in, n) == NULL)
		return lt_fail(err, LT_E_TRUNCATED, "type %u: %zu bytes wanted, %zu left", c->wire_type, n, left);
	return true;
}

static void
decode_int(const struct change_column *c, struct lt_str bytes, struct change_value *out)
{
	uint64_t n = lt_le((const uint8_t *)bytes.ptr, bytes.len);

	if (c->is_unsigned || c->kind == CHANGE_UINT) {
		out->kind = CHANGE_UINT;
		out->u64 = n;
	} else {
		unsigned shift = 64 - 8 * (unsigned)bytes.len;

		out->kind = CHANGE_INT;
		out->i64 = (int64_t)(n << shift) >> shift;
	}
}

static void
decode_real(struct lt_str bytes, struct change_value *out)
{
	uint64_t n = lt_le((const uint8_t *)bytes.ptr, bytes.len);
	uint32_t low = (uint32_t)n;

	if (bytes.len == 4) {
		out->kind = CHANGE_FLOAT;
		memcpy(&out->f32, &low, sizeof(low));
	} else {
		out->kind = CHANGE_DOUBLE;
		memcpy(&out->f64, &n, sizeof(n));
	}
}

APART static bool
decode_decimal(const struct change_column *c, struct lt_str bytes, struct lt_arena *scratch, struct change_value *out,
    struct lt_err *err)
{
	unsigned precision = c->wire_meta >> 8;
	char *text = lt_arena_alloc(scratch, precision + BINLOG_DECIMAL_MORE);
	size_t len;

	if (!binlog_decimal_text(bytes, precision, c->wire_meta & 0xff, text, &len, err))
		return false;
	out->kind = CHANGE_DECIMAL;
	out->bytes = lt_str_of(text, len);
	return true;
}

/* MariaDB, COMPRESSED columns: 0x80 | 8 for raw deflate | bytes of the length; the length, big-endian; the stream. */
APART static bool
inflate_value(struct lt_str *bytes, struct lt_arena *scratch, struct lt_err *err)
{
	const uint8_t *p = (const uint8_t *)bytes->ptr;
	size_t width_of_length, want;
	z_stream z = { 0 };
	uint8_t *to;
	int rc;

	if (bytes->len == 0)
		return true;
	if (p[0] == 0) {
		*bytes = lt_str_of(bytes->ptr + 1, bytes->len - 1);
		return true;
	}
	width_of_length = p[0] & 7;
	if ((p[0] & 0xf0) != 0x80 || width_of_length < 1 || width_of_length > 4)
		return lt_fail(err, LT_E_CORRUPT, "compressed value: unknown head 0x%02x", p[0]);
	if (bytes->len <= 1 + width_of_length)
		return lt_fail(err, LT_E_TRUNCATED, "compressed value: %zu bytes", bytes->len);
	want = (size_t)lt_be(p + 1, width_of_length);
	z.next_in = (Bytef *)(uintptr_t)(p + 1 + width_of_length);
	z.avail_in = (uInt)(bytes->len - 1 - width_of_length);
	if (want / BINLOG_INFLATE_FACTOR > z.avail_in)
		return lt_fail(err, LT_E_CORRUPT, "compressed value: %zu bytes from %u cannot be", want, z.avail_in);
	to = lt_arena_alloc(scratch, want);
	z.next_out = to;
	z.avail_out = (uInt)want;
	LT_ASSERT(inflateInit2(&z, (p[0] & 8) != 0 ? -MAX_WBITS : MAX_WBITS) == Z_OK);
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	if (rc != Z_STREAM_END || z.total_out != want)
		return lt_fail(
		    err, LT_E_CORRUPT, "compressed value: %lu bytes came out, %zu expected", z.total_out, want);
	*bytes = lt_str_of(to, want);
	return true;
}

/* What the column holds by the schema's word where the log's type leaves it open. */
APART static bool
decode_string(const struct change_column *c, struct lt_str bytes, struct lt_arena *scratch, struct change_value *out,
    struct lt_err *err)
{
	if ((c->wire_type == BINLOG_COL_BLOB_COMPRESSED || c->wire_type == BINLOG_COL_VARCHAR_COMPRESSED) &&
	    !inflate_value(&bytes, scratch, err))
		return false;
	out->kind = c->kind >= CHANGE_TEXT ? c->kind : CHANGE_TEXT;
	if (c->kind == CHANGE_BYTES && c->wire_type == BINLOG_COL_STRING && bytes.len < c->length) {
		char *padded = lt_arena_zalloc(scratch, c->length); /* the log cuts zeros off BINARY(n) */

		if (bytes.len > 0)
			memcpy(padded, bytes.ptr, bytes.len);
		bytes = lt_str_of(padded, c->length);
	}
	out->bytes = bytes;
	return true;
}

static bool
decode_time(const struct change_column *c, struct lt_str bytes, struct change_value *out, struct lt_err *err)
{
	out->kind = c->kind;
	return binlog_temporal_decode(c->wire_type, c->scale, bytes, &out->time, err);
}

bool
binlog_column_decode(const struct change_column *c, struct lt_str bytes, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err)
{
	const uint8_t *p = (const uint8_t *)bytes.ptr;

	switch (c->wire_type) {
	case BINLOG_COL_TINY:
	case BINLOG_COL_SHORT:
	case BINLOG_COL_INT24:
	case BINLOG_COL_LONG:
	case BINLOG_COL_LONGLONG: decode_int(c, bytes, out); return true;
	case BINLOG_COL_FLOAT:
	case BINLOG_COL_DOUBLE: decode_real(bytes, out); return true;
	case BINLOG_COL_NEWDECIMAL: return decode_decimal(c, bytes, scratch, out, err);
	case BINLOG_COL_NULL: out->kind = CHANGE_NULL; return true;
	case BINLOG_COL_TIMESTAMP:
	case BINLOG_COL_TIMESTAMP2:
	case BINLOG_COL_DATE:
	case BINLOG_COL_NEWDATE:
	case BINLOG_COL_TIME:
	case BINLOG_COL_TIME2:
	case BINLOG_COL_DATETIME:
	case BINLOG_COL_DATETIME2: return decode_time(c, bytes, out, err);
	case BINLOG_COL_YEAR:
		out->kind = CHANGE_YEAR;
		out->u64 = p[0] == 0 ? 0 : 1900u + p[0];
		return true;
	case BINLOG_COL_BIT:
		out->kind = CHANGE_BIT;
		out->u64 = lt_be(p, bytes.len);
		return true;
	case BINLOG_COL_ENUM:
	case BINLOG_COL_SET:
		out->kind = c->wire_type == BINLOG_COL_ENUM ? CHANGE_ENUM : CHANGE_SET;
		out->u64 = lt_le(p, bytes.len);
		return true;
	case BINLOG_COL_JSON:
	case BINLOG_COL_TYPED_ARRAY: return binlog_json_value(bytes, scratch, out, err);
	default: return decode_string(c, bytes, scratch, out, err);
	}
}
