/* base/buf.h - bytes that grow at the end. Doubles; aborts when memory ends, so callers bound what they append. */
#ifndef LT_BASE_BUF_H
#define LT_BASE_BUF_H

#include "base/str.h"

/** Zeroed is a valid, empty buffer. */
struct lt_buf {
	char *ptr; /* owned */
	size_t len, cap;
};

void lt_buf_free(struct lt_buf *b);
/** Empty it, keep the memory. */
/* clang-format off: a line each */
static inline void
lt_buf_clear(struct lt_buf *b)
{
	b->len = 0;
}
static inline struct lt_str
lt_buf_str(const struct lt_buf *b)
{
	return lt_str_of(b->ptr, b->len);
}
/* clang-format on */
void lt_buf_grow(struct lt_buf *b, size_t more); /* for reserve() */

/** Room for `more` bytes behind the end; returns where they go. The length is the caller's to raise. */
static inline char *
lt_buf_reserve(struct lt_buf *b, size_t more)
{
	if (more > b->cap - b->len)
		lt_buf_grow(b, more);
	return b->ptr + b->len;
}

static inline void
lt_buf_add(struct lt_buf *b, const void *ptr, size_t len)
{
	if (len == 0)
		return;
	memcpy(lt_buf_reserve(b, len), ptr, len);
	b->len += len;
}

/* clang-format off: a line each */
static inline void
lt_buf_str_add(struct lt_buf *b, struct lt_str s)
{
	lt_buf_add(b, s.ptr, s.len);
}
static inline void
lt_buf_z(struct lt_buf *b, const char *text)
{
	lt_buf_add(b, text, strlen(text));
}
static inline void
lt_buf_c(struct lt_buf *b, char c)
{
	*lt_buf_reserve(b, 1) = c;
	b->len++;
}
/* clang-format on */

void lt_buf_printf(struct lt_buf *b, const char *fmt, ...) LT_PRINTF(2, 3);
void lt_buf_u64(struct lt_buf *b, uint64_t n); /* decimal text */
void lt_buf_i64(struct lt_buf *b, int64_t n);
void lt_buf_hex(struct lt_buf *b, struct lt_str bytes); /* lower case */
/* Little-endian integers, as the MySQL protocol has them. */
void lt_buf_le(struct lt_buf *b, uint64_t n, size_t width);
/** Length-encoded integer / string of the MySQL protocol. */
void lt_buf_lenenc(struct lt_buf *b, uint64_t n);
void lt_buf_lenstr(struct lt_buf *b, struct lt_str s);
/** Ends the text with a zero byte (not counted) and returns it; lives until the next append. */
const char *lt_buf_cstr(struct lt_buf *b);
/** Zero the whole memory, then free it: for secrets. */
void lt_buf_wipe(struct lt_buf *b);

/* JSON text. Strings are escaped; what is not valid UTF-8 becomes U+FFFD (callers send binary as hex). */
void lt_json_str(struct lt_buf *b, struct lt_str s); /* with quotes */
/** The same; false, with nothing appended, for what is not valid UTF-8. */
LT_MUST_USE bool lt_json_utf8(struct lt_buf *b, struct lt_str s);
void lt_json_key(struct lt_buf *b, const char *key); /* "key": with a comma before it unless first in its object */

#endif
