#include "binlog/temporal.h"

#include "binlog/column.h"

/* Kept apart, so that the common forms do not pay for their registers. */
#define RARE __attribute__((noinline))

static const uint32_t power[] = { 1, 10, 100, 1000, 10000, 100000, 1000000 };

static inline bool
checked(enum change_kind kind, const struct change_time *t, struct change_time *out, struct lt_err *err)
{
	bool clock_ok = t->minute < 60 && t->second < 60 && t->micro < 1000000;

	if (kind == CHANGE_TIME ? t->hour > 838 : t->hour > 23)
		clock_ok = false;
	if (!clock_ok || t->year > 9999 || t->month > 12 || t->day > 31)
		return lt_fail(err, LT_E_CORRUPT, "a date or time that no server writes");
	*out = *t;
	return true;
}

size_t
binlog_old_temporal_size(uint8_t wire_type, unsigned digits)
{
	static const uint8_t timestamp_size[] = { 4, 5, 5, 6, 6, 7, 7 };
	static const uint8_t time_size[] = { 3, 4, 4, 5, 5, 5, 6 };
	static const uint8_t datetime_size[] = { 8, 6, 6, 7, 7, 7, 8 };

	LT_ASSERT(digits <= 6);
	if (wire_type == BINLOG_COL_TIMESTAMP)
		return timestamp_size[digits];
	return wire_type == BINLOG_COL_TIME ? time_size[digits] : datetime_size[digits];
}

/* Source: C. Neri, L. Schneider, "Euclidean affine functions and their application to calendar algorithms" (2022). The
 * year begins in March, so that a leap day is its last one; 719468 days lie between its year 0 and 1970. */
static inline void
utc(uint32_t seconds, struct change_time *t)
{
	uint32_t days = seconds / 86400 + 719468, rest = seconds % 86400;
	uint32_t in_era = 4 * days + 3, century = in_era / 146097;
	uint64_t in_century = (uint64_t)2939745 * (in_era % 146097 / 4 * 4 + 3); /* fraction of a year: low 32 bits */
	uint32_t day_of_year = (uint32_t)in_century / 2939745 / 4;
	uint32_t in_month = 2141 * day_of_year + 197913; /* fraction of a month: low 16 bits */
	bool next_year = day_of_year >= 306;

	t->day = (uint8_t)((in_month & 0xffff) / 2141 + 1);
	t->month = (uint8_t)((in_month >> 16) - (next_year ? 12 : 0));
	t->year = (uint16_t)(100 * century + (uint32_t)(in_century >> 32) + next_year);
	t->hour = (uint16_t)(rest / 3600);
	t->minute = (uint8_t)(rest / 60 % 60);
	t->second = (uint8_t)(rest % 60);
}

static inline bool
timestamp(uint32_t seconds, uint64_t micro, unsigned digits, struct change_time *out, struct lt_err *err)
{
	struct change_time t = { .frac = (uint8_t)digits, .micro = (uint32_t)LT_MIN(micro, UINT32_MAX) };

	if (seconds != 0 || micro != 0)
		utc(seconds, &t);
	return checked(CHANGE_TIMESTAMP, &t, out, err);
}

static inline bool
date(uint64_t n, struct change_time *out, struct lt_err *err)
{
	struct change_time t = { 0 };

	t.day = (uint8_t)(n & 31);
	t.month = (uint8_t)(n >> 5 & 15);
	t.year = (uint16_t)(n >> 9);
	return checked(CHANGE_DATE, &t, out, err);
}

/* The fraction's bytes hold an even number of digits. */
static inline uint64_t
frac_micro(const uint8_t *p, unsigned digits)
{
	size_t size = binlog_frac_size(digits);

	return lt_be(p, size) * power[6 - 2 * size];
}

static inline void
set_clock(struct change_time *t, uint64_t hms)
{
	t->second = (uint8_t)(hms & 63);
	t->minute = (uint8_t)(hms >> 6 & 63);
	t->hour = (uint16_t)(hms >> 12 & 1023);
}

static inline void
set_date(struct change_time *t, uint64_t ymd)
{
	t->day = (uint8_t)(ymd & 31);
	t->month = (uint8_t)((ymd >> 5) % 13);
	t->year = (uint16_t)LT_MIN((ymd >> 5) / 13, (uint64_t)UINT16_MAX);
}

/* Seconds and fraction are one signed number whose zero lies in the middle, so negative fractions need no care of their
 * own. */
RARE static bool
time2(const uint8_t *p, unsigned digits, struct change_time *out, struct lt_err *err)
{
	size_t size = binlog_frac_size(digits);
	int64_t n = (int64_t)lt_be(p, 3 + size) - ((int64_t)0x800000 << (8 * size));
	struct change_time t = { .frac = (uint8_t)digits, .negative = n < 0 };
	uint64_t abs = (uint64_t)(n < 0 ? -n : n);

	set_clock(&t, abs >> (8 * size));
	t.micro = (uint32_t)((abs & (((uint64_t)1 << (8 * size)) - 1)) * power[6 - 2 * size]);
	if (abs >> (8 * size) > 0x3fffff)
		return lt_fail(err, LT_E_CORRUPT, "a time that no server writes");
	return checked(CHANGE_TIME, &t, out, err);
}

static inline bool
datetime2(const uint8_t *p, unsigned digits, struct change_time *out, struct lt_err *err)
{
	uint64_t n = lt_be(p, 5);
	struct change_time t = { .frac = (uint8_t)digits };

	if ((n & 0x8000000000u) == 0)
		return lt_fail(err, LT_E_CORRUPT, "a date before year 0");
	n &= 0x7fffffffffu;
	set_clock(&t, n & 0x1ffff);
	set_date(&t, n >> 17);
	t.micro = (uint32_t)frac_micro(p + 5, digits);
	return checked(CHANGE_DATETIME, &t, out, err);
}

/* 3 bytes: hhmmss as a decimal number */
RARE static bool
old_time(const uint8_t *p, struct change_time *out, struct lt_err *err)
{
	int32_t n = (int32_t)lt_le(p, 3);
	struct change_time t = { 0 };

	if (n >= 0x800000) {
		n = 0x1000000 - n;
		t.negative = true;
	}
	t.hour = (uint16_t)(n / 10000);
	t.minute = (uint8_t)(n / 100 % 100);
	t.second = (uint8_t)(n % 100);
	return checked(CHANGE_TIME, &t, out, err);
}

/* 8 bytes: YYYYMMDDhhmmss as a decimal number */
RARE static bool
old_datetime(const uint8_t *p, struct change_time *out, struct lt_err *err)
{
	uint64_t n = lt_le(p, 8);
	uint64_t day = n / 1000000, clock = n % 1000000;
	struct change_time t = { 0 };

	if (day > 99991231)
		return lt_fail(err, LT_E_CORRUPT, "a date behind year 9999");
	t.year = (uint16_t)(day / 10000);
	t.month = (uint8_t)(day / 100 % 100);
	t.day = (uint8_t)(day % 100);
	t.hour = (uint16_t)(clock / 10000);
	t.minute = (uint8_t)(clock / 100 % 100);
	t.second = (uint8_t)(clock % 100);
	return checked(CHANGE_DATETIME, &t, out, err);
}

/* MariaDB with mysql56_temporal_format=OFF: a count in units of the last fraction digit, big-endian. */
RARE static bool
hires_time(const uint8_t *p, unsigned digits, struct change_time *out, struct lt_err *err)
{
	uint32_t unit = power[6 - digits];
	int64_t zero = (int64_t)3020400 * 1000000 / unit;
	int64_t n = (int64_t)lt_be(p, binlog_old_temporal_size(BINLOG_COL_TIME, digits)) - zero;
	struct change_time t = { .frac = (uint8_t)digits, .negative = n < 0 };
	uint64_t micro = (uint64_t)(n < 0 ? -n : n) * unit;
	uint64_t seconds = micro / 1000000;

	t.micro = (uint32_t)(micro % 1000000);
	t.second = (uint8_t)(seconds % 60);
	t.minute = (uint8_t)(seconds / 60 % 60);
	t.hour = (uint16_t)LT_MIN(seconds / 3600, (uint64_t)UINT16_MAX);
	return checked(CHANGE_TIME, &t, out, err);
}

RARE static bool
hires_datetime(const uint8_t *p, unsigned digits, struct change_time *out, struct lt_err *err)
{
	uint64_t n = lt_be(p, binlog_old_temporal_size(BINLOG_COL_DATETIME, digits));
	struct change_time t = { .frac = (uint8_t)digits };

	t.micro = (uint32_t)(n % power[digits] * power[6 - digits]);
	n /= power[digits];
	t.second = (uint8_t)(n % 60);
	t.minute = (uint8_t)(n / 60 % 60);
	n /= 3600;
	t.hour = (uint16_t)(n % 24);
	n /= 24;
	t.day = (uint8_t)(n % 32);
	n /= 32;
	t.month = (uint8_t)(n % 13);
	t.year = (uint16_t)LT_MIN(n / 13, (uint64_t)UINT16_MAX);
	return checked(CHANGE_DATETIME, &t, out, err);
}

RARE static bool
old_timestamp(const uint8_t *p, unsigned digits, struct change_time *out, struct lt_err *err)
{
	size_t frac = binlog_old_temporal_size(BINLOG_COL_TIMESTAMP, digits) - 4;

	if (digits == 0)
		return timestamp(lt_le32(p), 0, 0, out, err);
	return timestamp((uint32_t)lt_be(p, 4), lt_be(p + 4, frac) * power[6 - digits], digits, out, err);
}

bool
binlog_temporal_decode(
    uint8_t wire_type, unsigned digits, struct lt_str bytes, struct change_time *out, struct lt_err *err)
{
	const uint8_t *p = (const uint8_t *)bytes.ptr;

	switch (wire_type) {
	case BINLOG_COL_DATE:
	case BINLOG_COL_NEWDATE: return date(lt_le(p, 3), out, err);
	case BINLOG_COL_TIME2: return time2(p, digits, out, err);
	case BINLOG_COL_DATETIME2: return datetime2(p, digits, out, err);
	case BINLOG_COL_TIMESTAMP2:
		return timestamp((uint32_t)lt_be(p, 4), frac_micro(p + 4, digits), digits, out, err);
	case BINLOG_COL_TIME: return digits > 0 ? hires_time(p, digits, out, err) : old_time(p, out, err);
	case BINLOG_COL_DATETIME: return digits > 0 ? hires_datetime(p, digits, out, err) : old_datetime(p, out, err);
	case BINLOG_COL_TIMESTAMP: return old_timestamp(p, digits, out, err);
	default: return lt_fail(err, LT_E_INTERNAL, "type %u is no date or time", wire_type);
	}
}

bool
binlog_packed_time(enum change_kind kind, int64_t packed, struct change_time *out, struct lt_err *err)
{
	uint64_t n = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
	struct change_time t = { .frac = kind == CHANGE_DATE ? 0 : 6 };

	t.micro = (uint32_t)(n & 0xffffff);
	n >>= 24;
	if (kind == CHANGE_TIME) {
		t.negative = packed < 0;
		set_clock(&t, n);
		if (n > 0x3fffff)
			return lt_fail(err, LT_E_CORRUPT, "a time that no server writes");
	} else {
		if (packed < 0)
			return lt_fail(err, LT_E_CORRUPT, "a date before year 0");
		set_clock(&t, n & 0x1ffff);
		set_date(&t, n >> 17);
	}
	if (kind == CHANGE_DATE) {
		t.hour = 0;
		t.minute = t.second = 0;
		t.micro = 0;
	}
	return checked(kind, &t, out, err);
}
