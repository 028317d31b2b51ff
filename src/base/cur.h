/* base/cur.h - reading bytes that a peer wrote: never past the end, the failure remembered.
 *
 * Read fields one statement at a time, then ask lt_cur_ok() once. After a failed read every further one gives zeros. */
#ifndef LT_BASE_CUR_H
#define LT_BASE_CUR_H

#include <endian.h>

#include "base/str.h"

struct lt_cur {
	const uint8_t *at, *end;
	bool failed;
};

static inline struct lt_cur
lt_cur_of(const void *ptr, size_t len)
{
	/* No bytes may come without a pointer; adding to NULL is undefined. */
	const uint8_t *at = ptr != NULL ? (const uint8_t *)ptr : (const uint8_t *)"";

	return (struct lt_cur){ at, at + len, false };
}

/* clang-format off: a line each */
static inline struct lt_cur
lt_cur_str(struct lt_str s)
{
	return lt_cur_of(s.ptr, s.len);
}
static inline bool
lt_cur_ok(const struct lt_cur *c)
{
	return !c->failed;
}
static inline size_t
lt_cur_left(const struct lt_cur *c)
{
	return (size_t)(c->end - c->at);
}
/* clang-format on */

/** `len` bytes, or NULL and failed. */
static inline const uint8_t *
lt_cur_take(struct lt_cur *c, size_t len)
{
	const uint8_t *p = c->at;

	if (c->failed || len > lt_cur_left(c)) {
		c->failed = true;
		return NULL;
	}
	c->at += len;
	return p;
}

/* Whole words: compilers do not gather single bytes by themselves, and nearly all that is read goes through here. */
/* clang-format off: a line each */
static inline uint16_t
lt_le16(const uint8_t *p)
{
	uint16_t n;

	memcpy(&n, p, sizeof(n));
	return le16toh(n);
}
static inline uint32_t
lt_le32(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return le32toh(n);
}
static inline uint64_t
lt_le64(const uint8_t *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof(n));
	return le64toh(n);
}
/* clang-format on */

/** `width` is at most 8. */
static inline uint64_t
lt_le(const uint8_t *p, size_t width)
{
	switch (width) {
	case 0: return 0;
	case 1: return p[0];
	case 2: return lt_le16(p);
	case 3: return lt_le16(p) | (uint64_t)p[2] << 16;
	case 4: return lt_le32(p);
	case 5: return lt_le32(p) | (uint64_t)p[4] << 32;
	case 6: return lt_le32(p) | (uint64_t)lt_le16(p + 4) << 32;
	case 7: return lt_le32(p) | (uint64_t)lt_le32(p + 3) << 24; /* one byte twice */
	default: return lt_le64(p);
	}
}

/** `width` is at most 8. */
static inline uint64_t
lt_be(const uint8_t *p, size_t width)
{
	return width == 0 ? 0 : __builtin_bswap64(lt_le(p, width)) >> (64 - 8 * width);
}

static inline uint64_t
lt_cur_le(struct lt_cur *c, size_t width)
{
	const uint8_t *p = lt_cur_take(c, width);

	return p != NULL ? lt_le(p, width) : 0;
}

/* clang-format off: a line each */
static inline uint8_t
lt_cur_u8(struct lt_cur *c)
{
	return (uint8_t)lt_cur_le(c, 1);
}
static inline uint16_t
lt_cur_u16(struct lt_cur *c)
{
	return (uint16_t)lt_cur_le(c, 2);
}
static inline uint32_t
lt_cur_u24(struct lt_cur *c)
{
	return (uint32_t)lt_cur_le(c, 3);
}
static inline uint32_t
lt_cur_u32(struct lt_cur *c)
{
	return (uint32_t)lt_cur_le(c, 4);
}
static inline uint64_t
lt_cur_u64(struct lt_cur *c)
{
	return lt_cur_le(c, 8);
}
/* clang-format on */

struct lt_str lt_cur_bytes(struct lt_cur *c, size_t len);
/** All that is left. */
struct lt_str lt_cur_rest(struct lt_cur *c);
/** Up to a zero byte, which is taken too. */
struct lt_str lt_cur_z(struct lt_cur *c);
/** Length-encoded integer of the MySQL protocol; 0xfb and 0xff are failures here. */
uint64_t lt_cur_lenenc(struct lt_cur *c);
struct lt_str lt_cur_lenstr(struct lt_cur *c);

#endif
