#include "binlog/json.h"

#include "binlog/column.h"
#include "binlog/decimal.h"
#include "binlog/json_priv.h"
#include "binlog/real.h"
#include "binlog/temporal.h"

#define BASE64_LINE 76 /* mysys/base64.cc breaks lines there, also inside a JSON string */

struct text {
	struct lt_arena *arena;
	char *ptr;
	size_t len, cap, limit;
	struct lt_err *err;
	struct change_json_mark *marks; /* in the arena */
	size_t nmarks, marks_cap;
};

/* Room for `more`, or NULL and an error. */
static char *
room(struct text *t, size_t more)
{
	size_t cap;

	if (more > t->limit - t->len) {
		lt_fail(t->err, LT_E_CORRUPT, "JSON: its text would be too long for its bytes");
		return NULL;
	}
	if (more > t->cap - t->len) {
		cap = LT_MIN(LT_MAX(t->cap * 2, t->len + more), t->limit);
		t->ptr = lt_arena_grow(t->arena, t->ptr, t->cap, cap);
		t->cap = cap;
	}
	return t->ptr + t->len;
}

static bool
put(struct text *t, const char *from, size_t len)
{
	char *to = room(t, len);

	if (to == NULL)
		return false;
	memcpy(to, from, len);
	t->len += len;
	return true;
}

static bool
put_u64(struct text *t, uint64_t n, bool negative)
{
	char digits[24], *at = digits + sizeof(digits);

	do {
		*--at = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	if (negative)
		*--at = '-';
	return put(t, at, (size_t)(digits + sizeof(digits) - at));
}

static bool
put_i64(struct text *t, int64_t n)
{
	return n < 0 ? put_u64(t, 0 - (uint64_t)n, true) : put_u64(t, (uint64_t)n, false);
}

static const char *
escape_of(unsigned char c, char hex[8])
{
	static const char digits[] = "0123456789abcdef";

	switch (c) {
	case '"': return "\\\"";
	case '\\': return "\\\\";
	case '\b': return "\\b";
	case '\t': return "\\t";
	case '\n': return "\\n";
	case '\f': return "\\f";
	case '\r': return "\\r";
	default:
		if (c >= 0x20)
			return NULL;
		memcpy(hex, "\\u00", 4);
		hex[4] = digits[c >> 4];
		hex[5] = digits[c & 15];
		hex[6] = '\0';
		return hex;
	}
}

static bool
put_string(struct text *t, struct lt_str s)
{
	size_t plain = 0;
	char hex[8];

	if (!put(t, "\"", 1))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		const char *escape = escape_of((unsigned char)s.ptr[i], hex);

		if (escape == NULL)
			continue;
		if (!put(t, s.ptr + plain, i - plain) || !put(t, escape, strlen(escape)))
			return false;
		plain = i + 1;
	}
	return put(t, s.ptr + plain, s.len - plain) && put(t, "\"", 1);
}

static bool
put_double(struct text *t, uint64_t bits)
{
	char number[BINLOG_REAL_TEXT + 2];
	double d;
	size_t len;

	memcpy(&d, &bits, sizeof(d));
	len = binlog_double_text(d, number);
	if (len == 0)
		return lt_fail(t->err, LT_E_CORRUPT, "JSON: a double that is no number");
	if (memchr(number, '.', len) == NULL && memchr(number, 'e', len) == NULL) {
		number[len++] = '.';
		number[len++] = '0';
	}
	return put(t, number, len);
}

static bool
put_base64(struct text *t, unsigned type, struct lt_str bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = (const uint8_t *)bytes.ptr;
	size_t column = 0;

	if (!put(t, "\"base64:type", 12) || !put_u64(t, type, false) || !put(t, ":", 1))
		return false;
	for (size_t i = 0; i < bytes.len; i += 3, column += 4) {
		size_t n = LT_MIN(bytes.len - i, (size_t)3);
		uint32_t bits = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0u);
		char quad[4] = { digits[bits >> 18], digits[bits >> 12 & 63], n > 1 ? digits[bits >> 6 & 63] : '=',
			n > 2 ? digits[bits & 63] : '=' };

		if (column == BASE64_LINE) {
			column = 0;
			if (!put(t, "\\n", 2))
				return false;
		}
		if (!put(t, quad, sizeof(quad)))
			return false;
	}
	return put(t, "\"", 1);
}

static bool
put_time(struct text *t, enum change_kind kind, struct lt_str bytes)
{
	struct change_time time;
	char out[34];
	size_t len;

	if (bytes.len != 8)
		return lt_fail(t->err, LT_E_CORRUPT, "JSON: a time of %zu bytes", bytes.len);
	if (!binlog_packed_time(kind, (int64_t)lt_le((const uint8_t *)bytes.ptr, 8), &time, t->err))
		return lt_wrap(t->err, "JSON");
	out[0] = '"';
	len = change_time_text(kind, &time, out + 1) + 1;
	out[len++] = '"';
	return put(t, out, len);
}

static bool
put_decimal(struct text *t, struct lt_str bytes)
{
	char out[BINLOG_DECIMAL_TEXT];
	size_t len;

	if (bytes.len < 2)
		return lt_fail(t->err, LT_E_CORRUPT, "JSON: a decimal of %zu bytes", bytes.len);
	if (!binlog_decimal_text(lt_str_of(bytes.ptr + 2, bytes.len - 2), (uint8_t)bytes.ptr[0], (uint8_t)bytes.ptr[1],
		out, &len, t->err))
		return lt_wrap(t->err, "JSON");
	return put(t, out, len);
}

static bool
cut(struct text *t)
{
	return json_cut(t->err);
}

/* Of the value that comes next. Its bytes count as some of the text. */
static bool
mark(struct text *t, enum change_kind kind, uint8_t type, struct lt_str bytes)
{
	struct change_json_mark m = { .at = (uint32_t)t->len, .kind = (uint8_t)kind, .wire = type };

	if (t->len > UINT32_MAX || t->limit - t->len < sizeof(m))
		return lt_fail(t->err, LT_E_CORRUPT, "JSON: its text would be too long for its bytes");
	if (kind == CHANGE_DECIMAL && bytes.len >= 2) {
		m.precision = (uint8_t)bytes.ptr[0];
		m.scale = (uint8_t)bytes.ptr[1];
	}
	if (t->nmarks == t->marks_cap) {
		size_t cap = LT_MAX(t->marks_cap * 2, (size_t)8);

		t->marks = lt_arena_grow(t->arena, t->marks, t->marks_cap * sizeof(m), cap * sizeof(m));
		t->marks_cap = cap;
	}
	t->marks[t->nmarks++] = m;
	t->limit -= sizeof(m);
	return true;
}

static bool
put_opaque(struct text *t, struct lt_cur in)
{
	uint8_t type = lt_cur_u8(&in);
	struct lt_str bytes = lt_cur_bytes(&in, json_take_length(&in));

	if (!lt_cur_ok(&in))
		return cut(t);
	switch (type) {
	case BINLOG_COL_NEWDECIMAL: return mark(t, CHANGE_DECIMAL, type, bytes) && put_decimal(t, bytes);
	case BINLOG_COL_DATE: return mark(t, CHANGE_DATE, type, bytes) && put_time(t, CHANGE_DATE, bytes);
	case BINLOG_COL_TIME: return mark(t, CHANGE_TIME, type, bytes) && put_time(t, CHANGE_TIME, bytes);
	case BINLOG_COL_DATETIME:
	case BINLOG_COL_TIMESTAMP: return mark(t, CHANGE_DATETIME, type, bytes) && put_time(t, CHANGE_DATETIME, bytes);
	default: return mark(t, CHANGE_BYTES, type, bytes) && put_base64(t, type, bytes);
	}
}

static bool
put_literal(struct text *t, unsigned n)
{
	switch (n) {
	case 0: return put(t, "null", 4);
	case 1: return put(t, "true", 4);
	case 2: return put(t, "false", 5);
	default: return lt_fail(t->err, LT_E_CORRUPT, "JSON: unknown literal %u", n);
	}
}

static bool
put_scalar(struct text *t, uint8_t type, struct lt_cur in)
{
	struct lt_str s;
	uint64_t n;

	switch (type) {
	case JSON_LITERAL: n = lt_cur_u8(&in); return lt_cur_ok(&in) ? put_literal(t, (unsigned)n) : cut(t);
	case JSON_INT16: n = lt_cur_u16(&in); return lt_cur_ok(&in) ? put_i64(t, (int16_t)n) : cut(t);
	case JSON_UINT16: n = lt_cur_u16(&in); return lt_cur_ok(&in) ? put_u64(t, n, false) : cut(t);
	case JSON_INT32: n = lt_cur_u32(&in); return lt_cur_ok(&in) ? put_i64(t, (int32_t)n) : cut(t);
	case JSON_UINT32: n = lt_cur_u32(&in); return lt_cur_ok(&in) ? put_u64(t, n, false) : cut(t);
	case JSON_INT64: n = lt_cur_u64(&in); return lt_cur_ok(&in) ? put_i64(t, (int64_t)n) : cut(t);
	case JSON_UINT64: n = lt_cur_u64(&in); return lt_cur_ok(&in) ? put_u64(t, n, false) : cut(t);
	case JSON_DOUBLE: n = lt_cur_u64(&in); return lt_cur_ok(&in) ? put_double(t, n) : cut(t);
	case JSON_STRING:
		s = lt_cur_bytes(&in, json_take_length(&in));
		return lt_cur_ok(&in) ? put_string(t, s) : cut(t);
	case JSON_OPAQUE: return put_opaque(t, in);
	default: return lt_fail(t->err, LT_E_CORRUPT, "JSON: unknown type %u", type);
	}
}

struct level {
	struct json_container c;
	size_t next;
};

/* The type and the bytes of the next value; its key is written. */
static bool
next_value(struct text *t, struct level *l, uint8_t *type, struct lt_cur *value)
{
	size_t i = l->next++;
	struct lt_str key;

	if (i > 0 && !put(t, ", ", 2))
		return false;
	if (l->c.object && (!json_container_key(&l->c, i, &key, t->err) || !put_string(t, key) || !put(t, ": ", 2)))
		return false;
	return json_container_value(&l->c, i, type, value, t->err);
}

static bool
put_value(struct text *t, uint8_t type, struct lt_cur in)
{
	struct level stack[BINLOG_JSON_DEPTH];
	size_t depth = 0;

	for (;;) {
		if (json_is_container(type)) {
			if (depth == BINLOG_JSON_DEPTH)
				return lt_fail(t->err, LT_E_CORRUPT, "JSON: more than %d levels", BINLOG_JSON_DEPTH);
			stack[depth].next = 0;
			if (!json_container_open(type, in, &stack[depth].c, t->err) ||
			    !put(t, stack[depth].c.object ? "{" : "[", 1))
				return false;
			depth++;
		} else if (!put_scalar(t, type, in)) {
			return false;
		}
		while (depth > 0 && stack[depth - 1].next == stack[depth - 1].c.count) {
			depth--;
			if (!put(t, stack[depth].c.object ? "}" : "]", 1))
				return false;
		}
		if (depth == 0)
			return true;
		if (!next_value(t, &stack[depth - 1], &type, &in))
			return false;
	}
}

/* The marks go behind the text. */
static void
finish(struct text *t, struct change_value *out)
{
	size_t at, size = t->nmarks * sizeof(*t->marks);

	*out = (struct change_value){ .kind = CHANGE_JSON, .nmarks = (uint32_t)t->nmarks };
	if (t->nmarks > 0) {
		size_t need = t->len + sizeof(*t->marks) + size;

		if (need > t->cap)
			t->ptr = lt_arena_grow(t->arena, t->ptr, t->cap, need);
		at = change_json_marks_at(t->ptr, t->len);
		memcpy(t->ptr + at, t->marks, size);
	}
	out->bytes = lt_str_of(t->ptr, t->len);
}

bool
binlog_json_value(struct lt_str bytes, struct lt_arena *arena, struct change_value *out, struct lt_err *err)
{
	struct text t = { .arena = arena, .err = err };
	struct lt_cur in = lt_cur_str(bytes);
	uint8_t type;

	if (bytes.len == 0) {
		*out = (struct change_value){ .kind = CHANGE_JSON, .bytes = LT_STR("null") };
		return true;
	}
	if (bytes.len > SIZE_MAX / 2 / BINLOG_JSON_FACTOR)
		return lt_fail(err, LT_E_CORRUPT, "JSON: %zu bytes", bytes.len);
	t.limit = bytes.len * BINLOG_JSON_FACTOR + 256;
	t.cap = bytes.len + 64;
	t.ptr = lt_arena_alloc(arena, t.cap);
	type = lt_cur_u8(&in);
	if (!put_value(&t, type, in))
		return false;
	finish(&t, out);
	return true;
}

bool
binlog_json_text(struct lt_str bytes, struct lt_arena *arena, struct lt_str *out, struct lt_err *err)
{
	struct change_value v;

	if (!binlog_json_value(bytes, arena, &v, err))
		return false;
	*out = v.bytes;
	return true;
}
