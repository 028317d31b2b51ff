#include "binlog/decimal.h"

#include "base/cur.h"
#include "base/digits.h"

#define GROUP 9 /* digits in four bytes */

static const uint8_t bytes_of[GROUP + 1] = { 0, 1, 1, 2, 2, 3, 3, 4, 4, 4 };
static const uint32_t power[GROUP + 1] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000 };

bool
binlog_decimal_fits(unsigned precision, unsigned scale)
{
	return precision >= 1 && precision <= BINLOG_DECIMAL_PRECISION && scale <= precision;
}

size_t
binlog_decimal_size(unsigned precision, unsigned scale)
{
	unsigned whole = precision - scale;

	return whole / GROUP * 4 + bytes_of[whole % GROUP] + scale / GROUP * 4 + bytes_of[scale % GROUP];
}

struct groups {
	const uint8_t *at;
	uint32_t flip; /* all ones: negative, all bits are inverted */
	uint32_t mask; /* of the next group: in the first one the highest bit is the other way round */
};

static inline bool
next(struct groups *g, unsigned digits, uint32_t *out)
{
	unsigned bytes = bytes_of[digits];

	*out = (uint32_t)lt_be(g->at, bytes) ^ g->mask >> (32 - 8 * bytes);
	g->at += bytes;
	g->mask = g->flip;
	return *out < power[digits];
}

/** What is in front of the point, without needless zeros. */
static inline bool
put_whole(struct groups *g, unsigned digits, char **to)
{
	unsigned count = digits % GROUP != 0 ? digits % GROUP : GROUP;
	char *start = *to;

	for (; digits > 0; digits -= count, count = GROUP) {
		uint32_t n;

		if (!next(g, count, &n))
			return false;
		if (*to > start)
			*to = lt_digits(*to, n, GROUP);
		else if (n > 0)
			*to = lt_digits(*to, n, lt_digit_count(n));
	}
	if (*to == start)
		*(*to)++ = '0';
	return true;
}

static inline bool
put_fraction(struct groups *g, unsigned digits, char **to)
{
	while (digits > 0) {
		unsigned count = LT_MIN(digits, GROUP);
		uint32_t n;

		if (!next(g, count, &n))
			return false;
		*to = lt_digits(*to, n, count);
		digits -= count;
	}
	return true;
}

bool
binlog_decimal_text(struct lt_str bytes, unsigned precision, unsigned scale, char *out, size_t *len, struct lt_err *err)
{
	struct groups g = { .at = (const uint8_t *)bytes.ptr };
	char *to = out;
	size_t size;
	bool ok;

	if (!binlog_decimal_fits(precision, scale))
		return lt_fail(err, LT_E_CORRUPT, "there is no DECIMAL(%u,%u)", precision, scale);
	size = binlog_decimal_size(precision, scale);
	if (bytes.len < size)
		return lt_fail(err, LT_E_TRUNCATED, "DECIMAL(%u,%u): %zu bytes wanted, %zu left", precision, scale,
		    size, bytes.len);
	g.flip = (g.at[0] & 0x80) != 0 ? 0 : UINT32_MAX;
	g.mask = g.flip ^ 0x80000000;
	if (g.flip != 0)
		*to++ = '-';
	ok = put_whole(&g, precision - scale, &to);
	if (scale > 0) {
		*to++ = '.';
		ok = ok && put_fraction(&g, scale, &to);
	}
	if (!ok)
		return lt_fail(err, LT_E_CORRUPT, "DECIMAL(%u,%u): a group of digits is too large", precision, scale);
	*to = '\0';
	*len = (size_t)(to - out);
	return true;
}
