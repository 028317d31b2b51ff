#include "base/utf8.h"

#include "base/buf.h"

static bool
tail(struct lt_str s, size_t count)
{
	if (s.len < count + 1)
		return false;
	for (size_t i = 1; i <= count; i++) {
		if (((unsigned char)s.ptr[i] & 0xc0) != 0x80)
			return false;
	}
	return true;
}

size_t
lt_utf8_len(struct lt_str s)
{
	unsigned char a, b;

	if (s.len == 0)
		return 0;
	a = (unsigned char)s.ptr[0];
	if (a < 0x80)
		return 1;
	b = s.len > 1 ? (unsigned char)s.ptr[1] : 0;
	if (a >= 0xc2 && a <= 0xdf)
		return tail(s, 1) ? 2 : 0;
	if (a >= 0xe0 && a <= 0xef) {
		if (!tail(s, 2) || (a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f))
			return 0;
		return 3;
	}
	if (a >= 0xf0 && a <= 0xf4) {
		if (!tail(s, 3) || (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

bool
lt_utf8_valid(struct lt_str s)
{
	while (s.len > 0) {
		size_t n = (unsigned char)s.ptr[0] < 0x80 ? 1 : lt_utf8_len(s);

		if (n == 0)
			return false;
		s.ptr += n;
		s.len -= n;
	}
	return true;
}

void
lt_utf8_add(struct lt_buf *b, uint32_t code)
{
	if (code < 0x80) {
		lt_buf_c(b, (char)code);
	} else if (code < 0x800) {
		lt_buf_c(b, (char)(0xc0 | code >> 6));
		lt_buf_c(b, (char)(0x80 | (code & 0x3f)));
	} else if (code < 0x10000) {
		lt_buf_c(b, (char)(0xe0 | code >> 12));
		lt_buf_c(b, (char)(0x80 | (code >> 6 & 0x3f)));
		lt_buf_c(b, (char)(0x80 | (code & 0x3f)));
	} else {
		lt_buf_c(b, (char)(0xf0 | code >> 18));
		lt_buf_c(b, (char)(0x80 | (code >> 12 & 0x3f)));
		lt_buf_c(b, (char)(0x80 | (code >> 6 & 0x3f)));
		lt_buf_c(b, (char)(0x80 | (code & 0x3f)));
	}
}
