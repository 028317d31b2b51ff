#include "change/value.h"

#include "base/digits.h"

static char *
put_date(char *at, const struct change_time *t)
{
	at = lt_digits(at, t->year, 4);
	*at++ = '-';
	at = lt_digits(at, t->month, 2);
	*at++ = '-';
	return lt_digits(at, t->day, 2);
}

static char *
put_clock(char *at, const struct change_time *t)
{
	static const unsigned scale[] = { 1000000, 100000, 10000, 1000, 100, 10, 1 };
	unsigned frac = LT_MIN(t->frac, 6u);

	at = lt_digits(at, t->hour, t->hour > 99 ? 3 : 2);
	*at++ = ':';
	at = lt_digits(at, t->minute, 2);
	*at++ = ':';
	at = lt_digits(at, t->second, 2);
	if (frac > 0) {
		*at++ = '.';
		at = lt_digits(at, t->micro / scale[frac], frac);
	}
	return at;
}

size_t
change_time_text(enum change_kind kind, const struct change_time *t, char out[32])
{
	char *at = out;

	if (kind == CHANGE_TIME) {
		if (t->negative)
			*at++ = '-';
		at = put_clock(at, t);
	} else {
		at = put_date(at, t);
		if (kind != CHANGE_DATE) {
			*at++ = ' ';
			at = put_clock(at, t);
		}
	}
	*at = '\0';
	return (size_t)(at - out);
}

static bool
time_eq(const struct change_time *a, const struct change_time *b)
{
	return a->negative == b->negative && a->year == b->year && a->month == b->month && a->day == b->day &&
	       a->hour == b->hour && a->minute == b->minute && a->second == b->second && a->micro == b->micro;
}

/** Bits, not numbers: a NaN is itself, and -0 is another value than 0. */
static bool
same_bits(const void *a, const void *b, size_t size)
{
	return memcmp(a, b, size) == 0;
}

bool
change_value_eq(const struct change_value *a, const struct change_value *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case CHANGE_ABSENT:
	case CHANGE_NULL: return true;
	case CHANGE_INT: return a->i64 == b->i64;
	case CHANGE_UINT:
	case CHANGE_YEAR:
	case CHANGE_BIT:
	case CHANGE_ENUM:
	case CHANGE_SET: return a->u64 == b->u64;
	case CHANGE_FLOAT: return same_bits(&a->f32, &b->f32, sizeof(a->f32));
	case CHANGE_DOUBLE: return same_bits(&a->f64, &b->f64, sizeof(a->f64));
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: return time_eq(&a->time, &b->time);
	case CHANGE_DECIMAL:
	case CHANGE_TEXT:
	case CHANGE_BYTES:
	case CHANGE_JSON:
	case CHANGE_JSON_DIFF:
	case CHANGE_GEOMETRY:
	case CHANGE_VECTOR: return lt_str_eq(a->bytes, b->bytes);
	}
	return false;
}
