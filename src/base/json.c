/* JSON text out of byte buffers; declared in buf.h. */
#include "base/buf.h"
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

void
lt_json_str(struct lt_buf *b, struct lt_str s)
{
	size_t start = 0, i = 0;

	if (s.ptr == NULL)
		s = LT_STR(""); /* no arithmetic on NULL */
	lt_buf_c(b, '"');
	while (i < s.len) {
		unsigned char c = (unsigned char)s.ptr[i];
		size_t len = c >= 0x20 && c < 0x7f ? 1 : lt_utf8_len(lt_str_of(s.ptr + i, s.len - i));

		if (len > 0 && c >= 0x20 && c != 0x7f && c != '"' && c != '\\') {
			i += len;
			continue;
		}
		lt_buf_add(b, s.ptr + start, i - start);
		if (len == 0)
			lt_buf_z(b, "\xef\xbf\xbd");
		else
			escape(b, c);
		start = ++i;
	}
	lt_buf_add(b, s.ptr + start, s.len - start);
	lt_buf_c(b, '"');
}

void
lt_json_key(struct lt_buf *b, const char *key)
{
	if (b->len > 0 && b->ptr[b->len - 1] != '{')
		lt_buf_c(b, ',');
	lt_json_str(b, lt_str_z(key));
	lt_buf_c(b, ':');
}
