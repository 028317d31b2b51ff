#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/digits.h"

void
lt_buf_free(struct lt_buf *b)
{
	free(b->ptr);
	*b = (struct lt_buf){ 0 };
}

void
lt_buf_wipe(struct lt_buf *b)
{
	if (b->ptr != NULL)
		lt_wipe(b->ptr, b->cap);
	lt_buf_free(b);
}

void
lt_buf_grow(struct lt_buf *b, size_t more)
{
	size_t cap = b->cap > 0 ? b->cap : 64;

	LT_ASSERT(more < SIZE_MAX / 4 && b->len < SIZE_MAX / 4);
	while (cap - b->len < more)
		cap *= 2;
	b->ptr = lt_realloc(b->ptr, cap);
	b->cap = cap;
}

void
lt_buf_printf(struct lt_buf *b, const char *fmt, ...)
{
	va_list args, again;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	LT_ASSERT(n >= 0);
	vsnprintf(lt_buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
	va_end(again);
	b->len += (size_t)n;
}

void
lt_buf_u64(struct lt_buf *b, uint64_t n)
{
	char *start = lt_buf_reserve(b, LT_U64_TEXT);

	b->len += (size_t)(lt_u64_text(start, n) - start);
}

void
lt_buf_i64(struct lt_buf *b, int64_t n)
{
	if (n < 0)
		lt_buf_c(b, '-');
	lt_buf_u64(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void
lt_buf_hex(struct lt_buf *b, struct lt_str bytes)
{
	static const char digits[] = "0123456789abcdef";
	char *out = lt_buf_reserve(b, bytes.len * 2);

	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.ptr[i];

		out[2 * i] = digits[c >> 4];
		out[2 * i + 1] = digits[c & 15];
	}
	b->len += bytes.len * 2;
}

void
lt_buf_le(struct lt_buf *b, uint64_t n, size_t width)
{
	char *out = lt_buf_reserve(b, width);

	for (size_t i = 0; i < width; i++, n >>= 8)
		out[i] = (char)(n & 0xff);
	b->len += width;
}

void
lt_buf_lenenc(struct lt_buf *b, uint64_t n)
{
	if (n < 251) {
		lt_buf_le(b, n, 1);
	} else if (n < 1u << 16) {
		lt_buf_le(b, 0xfc, 1);
		lt_buf_le(b, n, 2);
	} else if (n < 1u << 24) {
		lt_buf_le(b, 0xfd, 1);
		lt_buf_le(b, n, 3);
	} else {
		lt_buf_le(b, 0xfe, 1);
		lt_buf_le(b, n, 8);
	}
}

void
lt_buf_lenstr(struct lt_buf *b, struct lt_str s)
{
	lt_buf_lenenc(b, s.len);
	lt_buf_str_add(b, s);
}

const char *
lt_buf_cstr(struct lt_buf *b)
{
	*lt_buf_reserve(b, 1) = '\0';
	return b->ptr;
}
