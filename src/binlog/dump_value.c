#include "base/buf.h"
#include "binlog/charset.h"
#include "binlog/dump.h"
#include "binlog/real.h"

static void
put_hex(struct lt_str bytes, struct lt_buf *out)
{
	lt_buf_z(out, "{\"hex\":\"");
	lt_buf_hex(out, bytes);
	lt_buf_z(out, "\"}");
}

static void
put_text(uint16_t collation, struct lt_str bytes, struct lt_buf *out)
{
	struct lt_buf utf8 = { 0 };

	if (binlog_charset_is_utf8(collation)) {
		if (!lt_json_utf8(out, bytes))
			put_hex(bytes, out);
		return;
	}
	if (binlog_charset_utf8(collation, bytes, &utf8))
		lt_json_str(out, lt_buf_str(&utf8));
	else
		put_hex(bytes, out);
	lt_buf_free(&utf8);
}

/* What is no number cannot be written as one: its bits, as no server stores it. */
static void
put_real(const char *text, size_t len, struct lt_str bits, struct lt_buf *out)
{
	if (len > 0)
		lt_buf_str_add(out, lt_str_of(text, len));
	else
		put_hex(bits, out);
}

static void
put_bits(uint64_t n, uint32_t width, struct lt_buf *out)
{
	uint32_t bits = LT_MIN(LT_MAX(width, 1u), 64u);

	lt_buf_z(out, "{\"bit\":\"");
	while (bits-- > 0)
		lt_buf_c(out, (n >> bits & 1) != 0 ? '1' : '0');
	lt_buf_z(out, "\"}");
}

static void
put_enum(const struct change_column *c, uint64_t n, struct lt_buf *out)
{
	if (n == 0 || n > c->nmembers) {
		lt_buf_u64(out, n);
		return;
	}
	lt_buf_z(out, "{\"enum\":");
	lt_buf_u64(out, n);
	lt_buf_z(out, ",\"name\":");
	put_text(c->collation, c->members[n - 1], out);
	lt_buf_c(out, '}');
}

static void
put_set(const struct change_column *c, uint64_t n, struct lt_buf *out)
{
	bool first = true;

	if (c->nmembers == 0 || (c->nmembers < 64 && n >> c->nmembers != 0)) {
		lt_buf_u64(out, n);
		return;
	}
	lt_buf_z(out, "{\"set\":");
	lt_buf_u64(out, n);
	lt_buf_z(out, ",\"names\":[");
	for (size_t i = 0; i < LT_MIN(c->nmembers, (size_t)64); i++) {
		if ((n >> i & 1) == 0)
			continue;
		if (!first)
			lt_buf_c(out, ',');
		first = false;
		put_text(c->collation, c->members[i], out);
	}
	lt_buf_z(out, "]}");
}

static void
put_quoted(struct lt_str text, struct lt_buf *out)
{
	lt_buf_c(out, '"');
	lt_buf_str_add(out, text);
	lt_buf_c(out, '"');
}

static void
put_bytes(const struct change_column *c, const struct change_value *v, bool raw, struct lt_buf *out)
{
	if (v->kind == CHANGE_JSON || v->kind == CHANGE_JSON_DIFF) {
		lt_buf_z(out, v->kind == CHANGE_JSON ? "{\"json\":" : "{\"json_diff\":");
		lt_json_str(out, v->bytes);
		lt_buf_c(out, '}');
	} else if (v->kind == CHANGE_TEXT && !raw) {
		put_text(c->collation, v->bytes, out);
	} else {
		put_hex(v->bytes, out);
	}
}

void
binlog_dump_value(const struct change_column *column, const struct change_value *value, bool raw, struct lt_buf *out)
{
	char text[BINLOG_REAL_TEXT];
	size_t len;

	switch (value->kind) {
	case CHANGE_ABSENT:
	case CHANGE_NULL: lt_buf_z(out, "null"); break;
	case CHANGE_INT: lt_buf_i64(out, value->i64); break;
	case CHANGE_UINT:
	case CHANGE_YEAR: lt_buf_u64(out, value->u64); break;
	case CHANGE_FLOAT:
		len = binlog_float_text(value->f32, text);
		put_real(text, len, lt_str_of(&value->f32, sizeof(value->f32)), out);
		break;
	case CHANGE_DOUBLE:
		len = binlog_double_text(value->f64, text);
		put_real(text, len, lt_str_of(&value->f64, sizeof(value->f64)), out);
		break;
	case CHANGE_DECIMAL: put_quoted(value->bytes, out); break;
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP:
		put_quoted(lt_str_of(text, change_time_text(value->kind, &value->time, text)), out);
		break;
	case CHANGE_BIT: put_bits(value->u64, column->length, out); break;
	case CHANGE_ENUM: put_enum(column, value->u64, out); break;
	case CHANGE_SET: put_set(column, value->u64, out); break;
	case CHANGE_TEXT:
	case CHANGE_BYTES:
	case CHANGE_JSON:
	case CHANGE_JSON_DIFF:
	case CHANGE_GEOMETRY:
	case CHANGE_VECTOR: put_bytes(column, value, raw, out); break;
	}
}
