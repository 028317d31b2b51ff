#include "base/cur.h"

struct lt_str
lt_cur_bytes(struct lt_cur *c, size_t len)
{
	const uint8_t *p = lt_cur_take(c, len);

	return p != NULL ? lt_str_of(p, len) : lt_str_of("", 0);
}

struct lt_str
lt_cur_rest(struct lt_cur *c)
{
	return lt_cur_bytes(c, lt_cur_left(c));
}

struct lt_str
lt_cur_z(struct lt_cur *c)
{
	const uint8_t *zero = lt_cur_left(c) > 0 ? memchr(c->at, 0, lt_cur_left(c)) : NULL;
	struct lt_str s;

	if (c->failed || zero == NULL) {
		c->failed = true;
		return lt_str_of("", 0);
	}
	s = lt_cur_bytes(c, (size_t)(zero - c->at));
	c->at++;
	return s;
}

uint64_t
lt_cur_lenenc(struct lt_cur *c)
{
	uint8_t first = lt_cur_u8(c);

	switch (first) {
	case 0xfb:
	case 0xff: c->failed = true; return 0;
	case 0xfc: return lt_cur_u16(c);
	case 0xfd: return lt_cur_u24(c);
	case 0xfe: return lt_cur_u64(c);
	default: return first;
	}
}

struct lt_str
lt_cur_lenstr(struct lt_cur *c)
{
	uint64_t len = lt_cur_lenenc(c);

	if (len > lt_cur_left(c)) {
		c->failed = true;
		return lt_str_of("", 0);
	}
	return lt_cur_bytes(c, (size_t)len);
}
