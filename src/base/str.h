/* base/str.h - bytes with a length; they may hold zeros and end without one. */
#ifndef LT_BASE_STR_H
#define LT_BASE_STR_H

#include "base/def.h"

/** Borrowed bytes: whoever hands one out says how long they live. */
struct lt_str {
	const char *ptr;
	size_t len;
};

#define LT_STR(literal) ((struct lt_str){ (literal), sizeof(literal) - 1 })
/* printf: "%.*s", LT_FMT(str) */
#define LT_FMT(s) ((int)LT_MIN((s).len, (size_t)INT32_MAX)), ((s).ptr != NULL ? (s).ptr : "")

static inline struct lt_str
lt_str_of(const void *ptr, size_t len)
{
	return (struct lt_str){ (const char *)ptr, len };
}

static inline struct lt_str
lt_str_z(const char *text)
{
	return (struct lt_str){ text, text != NULL ? strlen(text) : 0 };
}

static inline bool
lt_str_eq(struct lt_str a, struct lt_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool
lt_str_eqz(struct lt_str a, const char *b)
{
	return lt_str_eq(a, lt_str_z(b));
}

/** ASCII letters alike, all other bytes as they are. */
bool lt_str_ieq(struct lt_str a, struct lt_str b);
/** Order by bytes, the shorter first. */
int lt_str_cmp(struct lt_str a, struct lt_str b);
bool lt_str_starts(struct lt_str s, struct lt_str prefix);
/** Whole string as a decimal number; false on anything else or on overflow. */
LT_MUST_USE bool lt_str_u64(struct lt_str s, uint64_t *out);
/** 0 to 15, or -1 for what is no hexadecimal digit. */
int lt_hex_digit(char c);
/** 64-bit hash, stable within one process. */
uint64_t lt_str_hash(struct lt_str s);
/** Nothing but printable ASCII, space among it. */
bool lt_str_is_print(struct lt_str s);
/** A copy that ends with a zero byte; the caller's to free(). */
char *lt_str_dup(struct lt_str s);
/** Copy into a fixed buffer, cut to fit, always ended by a zero byte. */
void lt_str_copy(char *dst, size_t cap, struct lt_str s);
/** Overwrite with zeros in a way that the compiler keeps. */
void lt_wipe(void *ptr, size_t len);

/** Whether it is one of `names`. */
bool lt_str_one_of(struct lt_str s, const char *const *names, size_t count);

#endif
