#include "binlog/decimal.h"

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

struct digits {
	const uint8_t *at;
	uint8_t flip; /* 0xff: negative, all bits are inverted */
	char *to;
};

/* One group of `count` digits. */
static bool
group(struct digits *d, unsigned count)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < bytes_of[count]; i++)
		n = n << 8 | (uint8_t)(*d->at++ ^ d->flip);
	if (n >= power[count])
		return false;
	for (unsigned i = count; i-- > 0; n /= 10)
		d->to[i] = (char)('0' + n % 10);
	d->to += count;
	return true;
}

static bool
all_groups(struct digits *d, unsigned whole, unsigned scale)
{
	bool ok = group(d, whole % GROUP);

	for (unsigned i = 0; ok && i < whole / GROUP; i++)
		ok = group(d, GROUP);
	for (unsigned i = 0; ok && i < scale / GROUP; i++)
		ok = group(d, GROUP);
	return ok && group(d, scale % GROUP);
}

bool
binlog_decimal_text(struct lt_str bytes, unsigned precision, unsigned scale, char out[BINLOG_DECIMAL_TEXT], size_t *len,
    struct lt_err *err)
{
	uint8_t copy[BINLOG_DECIMAL_PRECISION];
	char digits[BINLOG_DECIMAL_PRECISION + GROUP];
	struct digits d = { copy, 0, digits };
	unsigned whole, skip = 0;
	size_t size;
	char *to = out;

	if (!binlog_decimal_fits(precision, scale))
		return lt_fail(err, LT_E_CORRUPT, "there is no DECIMAL(%u,%u)", precision, scale);
	size = binlog_decimal_size(precision, scale);
	if (bytes.len < size)
		return lt_fail(err, LT_E_TRUNCATED, "DECIMAL(%u,%u): %zu bytes wanted, %zu left", precision, scale,
		    size, bytes.len);
	memcpy(copy, bytes.ptr, size);
	d.flip = (copy[0] & 0x80) != 0 ? 0 : 0xff;
	copy[0] ^= 0x80;
	whole = precision - scale;
	if (!all_groups(&d, whole, scale))
		return lt_fail(err, LT_E_CORRUPT, "DECIMAL(%u,%u): a group of digits is too large", precision, scale);

	while (skip < whole && digits[skip] == '0')
		skip++;
	if (d.flip != 0)
		*to++ = '-';
	if (skip == whole)
		*to++ = '0';
	memcpy(to, digits + skip, whole - skip);
	to += whole - skip;
	if (scale > 0) {
		*to++ = '.';
		memcpy(to, digits + whole, scale);
		to += scale;
	}
	*to = '\0';
	*len = (size_t)(to - out);
	return true;
}
