/* Values: of a log, of the text protocol, and as they are kept. */
#include <math.h>

#include "base/cur.h"
#include "base/digits.h"
#include "converge/shape_priv.h"

/* -- text ----------------------------------------------------------------------------------------- */

bool
converge_shape_charset_is_utf8(struct lt_str charset)
{
	static const char *const names[] = { "utf8mb4", "utf8mb3", "utf8", "ascii" };

	return lt_str_one_of(charset, names, LT_COUNT(names));
}

struct lt_str
converge_shape_blank(struct lt_str charset)
{
	if (lt_str_eqz(charset, "utf16le"))
		return LT_STR(" \0");
	if (lt_str_eqz(charset, "utf32"))
		return LT_STR("\0\0\0 ");
	if (lt_str_eqz(charset, "ucs2") || lt_str_eqz(charset, "utf16"))
		return LT_STR("\0 ");
	return LT_STR(" ");
}

struct lt_str
converge_shape_cut_blanks(struct lt_str text, struct lt_str charset)
{
	struct lt_str blank = converge_shape_blank(charset);

	while (text.len >= blank.len && memcmp(text.ptr + text.len - blank.len, blank.ptr, blank.len) == 0)
		text.len -= blank.len;
	return text;
}

/* -- numbers -------------------------------------------------------------------------------------- */

/* No bytes are still no NULL. */
static struct lt_str
copy(struct lt_str s, struct lt_arena *arena)
{
	char *to = lt_arena_alloc(arena, LT_MAX(s.len, 1));

	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	return lt_str_of(to, s.len);
}

static struct lt_str
unsigned_text(uint64_t n, bool negative, struct lt_arena *arena)
{
	char text[1 + LT_U64_TEXT], *end;

	text[0] = '-';
	end = lt_u64_text(text + 1, n);
	return copy(
	    negative ? lt_str_of(text, (size_t)(end - text)) : lt_str_of(text + 1, (size_t)(end - text - 1)), arena);
}

static struct lt_str
signed_text(int64_t n, struct lt_arena *arena)
{
	return unsigned_text(n < 0 ? 0 - (uint64_t)n : (uint64_t)n, n < 0, arena);
}

/* "-7", also with zeros in front (ZEROFILL). */
static bool
parse_integer(struct lt_str text, bool *negative, uint64_t *out)
{
	*negative = text.len > 0 && text.ptr[0] == '-';
	if (*negative)
		text = lt_str_of(text.ptr + 1, text.len - 1);
	return lt_str_u64(text, out);
}

static bool
parse_signed(struct lt_str text, int64_t *out)
{
	bool negative;
	uint64_t n;

	if (!parse_integer(text, &negative, &n) || n > (uint64_t)INT64_MAX + negative)
		return false;
	*out = (int64_t)(negative ? 0 - n : n);
	return true;
}

static bool
is_digits(const char *at, const char *end)
{
	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return false;
	}
	return true;
}

bool
converge_shape_decimal(struct lt_str text, unsigned scale, struct lt_arena *arena, struct lt_str *out)
{
	bool negative = text.len > 0 && text.ptr[0] == '-', zero = true;
	const char *at = text.ptr + negative, *end = text.ptr + text.len;
	const char *point = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL, *whole = point != NULL ? point : end;
	size_t places = point != NULL ? (size_t)(end - point - 1) : 0;
	char *to, *begin;

	if (at >= end || whole == at || !is_digits(at, whole) || (point != NULL && !is_digits(point + 1, end)))
		return false;
	for (; places > scale; places--) {
		if (point[places] != '0')
			return false;
	}
	while (at < whole - 1 && *at == '0')
		at++;
	begin = to = lt_arena_alloc(arena, (size_t)(whole - at) + scale + 3);
	*to++ = '-';
	for (; at < whole; at++) {
		zero = zero && *at == '0';
		*to++ = *at;
	}
	if (scale > 0)
		*to++ = '.';
	for (size_t i = 0; i < scale; i++) {
		*to = i < places ? point[1 + i] : '0';
		zero = zero && *to == '0';
		to++;
	}
	begin += !negative || zero; /* -0 is 0 */
	*out = lt_str_of(begin, (size_t)(to - begin));
	return true;
}

static struct lt_str
bits(uint64_t n, size_t width, struct lt_arena *arena)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(n >> 8 * i);
	return copy(lt_str_of(bytes, width), arena);
}

static struct lt_str
float_bits(float f, struct lt_arena *arena)
{
	uint32_t n;

	memcpy(&n, &f, sizeof(n));
	return bits(n, sizeof(n), arena);
}

static struct lt_str
double_bits(double d, struct lt_arena *arena)
{
	uint64_t n;

	memcpy(&n, &d, sizeof(n));
	return bits(n, sizeof(n), arena);
}

/* -- times ---------------------------------------------------------------------------------------- */

/* Digits of a number, at least one and at most `most`, and the byte behind them (0: the end). */
static uint32_t
take_number(struct lt_cur *in, size_t most, char behind)
{
	uint32_t n = 0;
	size_t digits = 0;

	for (; lt_cur_ok(in) && lt_cur_left(in) > 0 && *in->at >= '0' && *in->at <= '9' && digits < most; digits++)
		n = n * 10 + (uint32_t)(lt_cur_u8(in) - '0');
	if (digits == 0 || (behind != 0 && lt_cur_u8(in) != (uint8_t)behind))
		in->failed = true;
	return n;
}

static void
take_fraction(struct lt_cur *in, unsigned scale, struct change_time *out)
{
	uint32_t unit = 100000;
	unsigned digits = 0;

	out->frac = (uint8_t)scale;
	if (lt_cur_left(in) == 0)
		return;
	if (lt_cur_u8(in) != '.')
		in->failed = true;
	for (; lt_cur_ok(in) && lt_cur_left(in) > 0; digits++, unit /= 10) {
		uint8_t c = lt_cur_u8(in);

		if (c < '0' || c > '9' || digits == 6 || (digits >= scale && c != '0'))
			in->failed = true;
		else
			out->micro += (uint32_t)(c - '0') * unit;
	}
}

bool
converge_shape_time_parse(enum change_kind kind, struct lt_str text, unsigned scale, struct change_time *out)
{
	struct lt_cur in = lt_cur_str(text);
	struct change_time t = { 0 };

	if (kind != CHANGE_TIME) {
		t.year = (uint16_t)take_number(&in, 4, '-');
		t.month = (uint8_t)take_number(&in, 2, '-');
		t.day = (uint8_t)take_number(&in, 2, kind == CHANGE_DATE ? 0 : ' ');
	} else if (lt_cur_left(&in) > 0 && *in.at == '-') {
		t.negative = true;
		in.at++;
	}
	if (kind != CHANGE_DATE) {
		t.hour = (uint16_t)take_number(&in, 3, ':');
		t.minute = (uint8_t)take_number(&in, 2, ':');
		t.second = (uint8_t)take_number(&in, 2, 0);
		take_fraction(&in, scale, &t);
	}
	if (!lt_cur_ok(&in) || lt_cur_left(&in) > 0)
		return false;
	*out = t;
	return true;
}

static struct lt_str
time_text(enum change_kind kind, const struct change_time *t, struct lt_arena *arena)
{
	char text[32];

	return copy(lt_str_of(text, change_time_text(kind, t, text)), arena);
}

/* -- from a log ----------------------------------------------------------------------------------- */

/* CHAR has no blanks at its end, though wide ones come with some. */
static struct lt_str
text_of(const struct shape_column *c, struct lt_str s)
{
	return c->padded ? converge_shape_cut_blanks(s, c->kept->charset) : s;
}

struct lt_str
converge_shape_value_keep(const struct shape_column *c, const struct change_value *v, struct lt_arena *arena)
{
	struct lt_str decimal;

	switch (v->kind) {
	case CHANGE_INT: return signed_text(v->i64, arena);
	case CHANGE_UINT:
	case CHANGE_YEAR:
	case CHANGE_BIT:
	case CHANGE_ENUM:
	case CHANGE_SET: return unsigned_text(v->u64, false, arena);
	case CHANGE_FLOAT: return float_bits(v->f32, arena);
	case CHANGE_DOUBLE: return double_bits(v->f64, arena);
	case CHANGE_DECIMAL:
		return converge_shape_decimal(v->bytes, c->kept->scale, arena, &decimal) ? decimal
											 : copy(v->bytes, arena);
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: return time_text(v->kind, &v->time, arena);
	case CHANGE_TEXT:
	case CHANGE_BYTES:
	case CHANGE_JSON:
	case CHANGE_GEOMETRY:
	case CHANGE_VECTOR: return copy(text_of(c, v->bytes), arena);
	case CHANGE_ABSENT:
	case CHANGE_NULL:
	case CHANGE_JSON_DIFF: break;
	}
	return (struct lt_str){ 0 };
}

/* -- from the text protocol ----------------------------------------------------------------------- */

static bool
found_integer(struct lt_str text, struct lt_arena *arena, struct lt_str *out)
{
	bool negative;
	uint64_t n;

	if (!parse_integer(text, &negative, &n))
		return false;
	*out = unsigned_text(n, negative && n > 0, arena);
	return true;
}

static bool
found_real(enum change_kind kind, struct lt_str text, struct lt_arena *arena, struct lt_str *out)
{
	char *end;
	double d = strtod(text.ptr, &end);

	if (text.len == 0 || end != text.ptr + text.len || !isfinite(kind == CHANGE_FLOAT ? (float)d : d))
		return false;
	*out = kind == CHANGE_FLOAT ? float_bits((float)d, arena) : double_bits(d, arena);
	return true;
}

static bool
found_time(const struct change_column *c, struct lt_str text, struct lt_arena *arena, struct lt_str *out)
{
	struct change_time t;

	if (!converge_shape_time_parse(c->kind, text, c->scale, &t))
		return false;
	*out = time_text(c->kind, &t, arena);
	return true;
}

bool
converge_shape_value_found(const struct shape_column *c, struct lt_str text, struct lt_arena *arena, struct lt_str *out)
{
	if (text.ptr == NULL) {
		*out = (struct lt_str){ 0 };
		return true;
	}
	switch (c->kept->kind) {
	case CHANGE_INT:
	case CHANGE_UINT:
	case CHANGE_YEAR:
	case CHANGE_BIT:
	case CHANGE_ENUM:
	case CHANGE_SET: return found_integer(text, arena, out);
	case CHANGE_FLOAT:
	case CHANGE_DOUBLE: return found_real(c->kept->kind, text, arena, out);
	case CHANGE_DECIMAL: return converge_shape_decimal(text, c->kept->scale, arena, out);
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: return found_time(c->kept, text, arena, out);
	default: *out = copy(text_of(c, text), arena); return true;
	}
}

/* -- from what is kept ---------------------------------------------------------------------------- */

static bool
read_float(struct lt_str kept, float *out)
{
	uint32_t n;

	if (kept.len != sizeof(n))
		return false;
	n = lt_le32((const uint8_t *)kept.ptr);
	memcpy(out, &n, sizeof(n));
	return true;
}

static bool
read_double(struct lt_str kept, double *out)
{
	uint64_t n;

	if (kept.len != sizeof(n))
		return false;
	n = lt_le64((const uint8_t *)kept.ptr);
	memcpy(out, &n, sizeof(n));
	return true;
}

bool
converge_shape_value_read(const struct change_column *c, struct lt_str kept, struct change_value *out)
{
	*out = (struct change_value){ .kind = kept.ptr != NULL ? c->kind : CHANGE_NULL };
	switch (out->kind) {
	case CHANGE_NULL: return true;
	case CHANGE_INT: return parse_signed(kept, &out->i64);
	case CHANGE_UINT:
	case CHANGE_YEAR:
	case CHANGE_BIT:
	case CHANGE_ENUM:
	case CHANGE_SET: return lt_str_u64(kept, &out->u64);
	case CHANGE_FLOAT: return read_float(kept, &out->f32);
	case CHANGE_DOUBLE: return read_double(kept, &out->f64);
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: return converge_shape_time_parse(c->kind, kept, c->scale, &out->time);
	default: out->bytes = kept; return true;
	}
}

/* An image is, for each column, four bytes of its value's length and one (0: NULL), and the value. */
static bool
decode(const struct change_table *table, const struct change_image *image, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(image->bytes);

	(void)scratch;
	for (size_t i = 0; i < table->ncolumns; i++) {
		uint32_t len = lt_cur_u32(&in);
		struct lt_str kept = { 0 };

		if (len > 0)
			kept = lt_cur_bytes(&in, len - 1);
		if (!lt_cur_ok(&in) || !converge_shape_value_read(&table->columns[i], kept, &out[i]))
			return lt_fail(err, LT_E_CORRUPT, "column %.*s: no such value as is kept of a row",
			    LT_FMT(table->columns[i].name));
	}
	return lt_cur_left(&in) == 0 || lt_fail(err, LT_E_CORRUPT, "a row that is kept has too many bytes");
}

const struct change_codec converge_shape_codec = { "row", decode };

struct lt_str
converge_shape_encode(const struct conflict_row *row, struct lt_arena *arena)
{
	size_t len = 0;
	char *bytes, *to;

	for (uint32_t i = 0; i < row->count; i++)
		len += 4 + row->values[i].len;
	bytes = to = lt_arena_alloc(arena, LT_MAX(len, 1));
	for (uint32_t i = 0; i < row->count; i++) {
		struct lt_str v = row->values[i];
		uint32_t told = v.ptr != NULL ? htole32((uint32_t)v.len + 1) : 0;

		memcpy(to, &told, sizeof(told));
		to += sizeof(told);
		if (v.len > 0)
			memcpy(to, v.ptr, v.len);
		to += v.len;
	}
	return lt_str_of(bytes, len);
}
