/* JSON text out of byte buffers; declared in buf.h. */
#include "base/buf.h"
#include "base/cur.h"
#include "base/utf8.h"

static void
escape(struct lt_buf *b, unsigned char c)
{
	switch (c) {
	case '"': lt_buf_z(b, "\\\""); break;
	case '\\': lt_buf_z(b, "\\\\"); break;
	case '\n': lt_buf_z(b, "\\n"); break;
	case '\r': lt_buf_z(b, "\\r"); break;
	case '\t': lt_buf_z(b, "\\t"); break;
	default: lt_buf_printf(b, "\\u%04x", c); break;
	}
}

/* Whether any of eight bytes is not from 0x20 to 0x7e, or a quote, or a backslash: the lowest such has its high bit
 * set.
 */
static inline uint64_t
special(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101, high = ones << 7;
	uint64_t quote = x ^ (ones * '"'), back = x ^ (ones * '\\'), del = x ^ (ones * 0x7f);

	return (((x - ones * 0x20) | (quote - ones) | (back - ones) | (del - ones)) & ~x & high) | (x & high);
}

/** Bytes at the front that stand in JSON text as they are. */
static size_t
plain(const char *p, size_t len)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t found = special(lt_le64((const uint8_t *)p + i));

		if (found != 0)
			return i + (size_t)__builtin_ctzll(found) / 8;
	}
	while (i < len && (unsigned char)p[i] >= 0x20 && (unsigned char)p[i] < 0x7f && p[i] != '"' && p[i] != '\\')
		i++;
	return i;
}

static bool
put(struct lt_buf *b, struct lt_str s, bool mend)
{
	size_t start = 0, i = 0;

	lt_buf_reserve(b, s.len + 2);
	lt_buf_c(b, '"');
	for (;;) {
		unsigned char c;
		size_t len;

		i += plain(s.ptr + i, s.len - i);
		if (i == s.len)
			break;
		c = (unsigned char)s.ptr[i];
		len = c < 0x80 ? 1 : lt_utf8_len(lt_str_of(s.ptr + i, s.len - i));
		if (len > 1) {
			i += len;
			continue;
		}
		if (len == 0 && !mend)
			return false;
		lt_buf_add(b, s.ptr + start, i - start);
		if (len == 0)
			lt_buf_z(b, "\xef\xbf\xbd");
		else
			escape(b, c);
		start = ++i;
	}
	lt_buf_add(b, s.ptr + start, s.len - start);
	lt_buf_c(b, '"');
	return true;
}

void
lt_json_str(struct lt_buf *b, struct lt_str s)
{
	(void)put(b, s.ptr != NULL ? s : LT_STR(""), true); /* no arithmetic on NULL */
}

bool
lt_json_utf8(struct lt_buf *b, struct lt_str s)
{
	size_t old = b->len;

	if (put(b, s.ptr != NULL ? s : LT_STR(""), false))
		return true;
	b->len = old;
	return false;
}

void
lt_json_key(struct lt_buf *b, const char *key)
{
	if (b->len > 0 && b->ptr[b->len - 1] != '{')
		lt_buf_c(b, ',');
	lt_json_str(b, lt_str_z(key));
	lt_buf_c(b, ':');
}
