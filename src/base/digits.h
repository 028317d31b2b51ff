/* base/digits.h - numbers as decimal digits, two at a time. */
#ifndef LT_BASE_DIGITS_H
#define LT_BASE_DIGITS_H

#include "base/def.h"

/** "00" to "99". */
extern const char lt_digit_pairs[201];

/** The lowest `count` digits of `n`, zeros in front; returns where they end. */
static inline char *
lt_digits(char *to, uint32_t n, unsigned count)
{
	char *end = to + count, *at = end;

	for (; count >= 2; count -= 2, n /= 100) {
		at -= 2;
		memcpy(at, lt_digit_pairs + (size_t)2 * (n % 100), 2);
	}
	if (count > 0)
		*to = (char)('0' + n % 10);
	return end;
}

#define LT_U64_TEXT 20
/** `n` as it is written; `to` has room for LT_U64_TEXT bytes. Returns where it ends. */
char *lt_u64_text(char *to, uint64_t n);

/** How many digits `n` has; 0 has one. */
static inline unsigned
lt_digit_count(uint32_t n)
{
	static const uint32_t power[] = { 0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000 };
	unsigned about = ((32 - (unsigned)__builtin_clz(n | 1)) * 1233) >> 12; /* log10(2) is about 1233/4096 */

	return about + (n >= power[about]);
}

#endif
