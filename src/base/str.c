#include "base/str.h"

static unsigned char
lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

bool
lt_str_ieq(struct lt_str a, struct lt_str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower((unsigned char)a.ptr[i]) != lower((unsigned char)b.ptr[i]))
			return false;
	}
	return true;
}

int
lt_str_cmp(struct lt_str a, struct lt_str b)
{
	size_t n = LT_MIN(a.len, b.len);
	int order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

bool
lt_str_starts(struct lt_str s, struct lt_str prefix)
{
	return s.len >= prefix.len && lt_str_eq(lt_str_of(s.ptr, prefix.len), prefix);
}

bool
lt_str_u64(struct lt_str s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)((unsigned char)s.ptr[i] - '0');

		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

/* FNV-1a, finished with a mix so that the low bits may index a table. */
uint64_t
lt_str_hash(struct lt_str s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

bool
lt_str_is_print(struct lt_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
			return false;
	}
	return true;
}

char *
lt_str_dup(struct lt_str s)
{
	char *copy = lt_calloc(s.len + 1, 1);

	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	return copy;
}

void
lt_str_copy(char *dst, size_t cap, struct lt_str s)
{
	size_t n = LT_MIN(s.len, cap - 1);

	if (n > 0)
		memmove(dst, s.ptr, n);
	dst[n] = '\0';
}

void
lt_wipe(void *ptr, size_t len)
{
	if (len > 0)
		explicit_bzero(ptr, len);
}

int
lt_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
lt_str_one_of(struct lt_str s, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (lt_str_eqz(s, names[i]))
			return true;
	}
	return false;
}
