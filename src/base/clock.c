#include "base/clock.h"

#include <string.h>
#include <time.h>

#include "base/digits.h"

static uint64_t
read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static uint64_t
real_wall(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_REALTIME);
}

static uint64_t
real_mono(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_MONOTONIC);
}

const struct lt_clock *
lt_clock_real(void)
{
	static const struct lt_clock real = { real_wall, real_mono, NULL };

	return &real;
}

bool
lt_day_exists(unsigned year, unsigned month, unsigned day)
{
	static const unsigned char lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month >= 1 && month <= 12 && day >= 1 && day <= lengths[month - 1] + (unsigned)(leap && month == 2);
}

void
lt_time_text(uint64_t wall_us, char out[32])
{
	time_t seconds = (time_t)(wall_us / 1000000u);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	memcpy(out, "0000-00-00T00:00:00.000000Z", 28);
	lt_digits(out, (uint32_t)tm.tm_year + 1900, 4);
	lt_digits(out + 5, (uint32_t)tm.tm_mon + 1, 2);
	lt_digits(out + 8, (uint32_t)tm.tm_mday, 2);
	lt_digits(out + 11, (uint32_t)tm.tm_hour, 2);
	lt_digits(out + 14, (uint32_t)tm.tm_min, 2);
	lt_digits(out + 17, (uint32_t)tm.tm_sec, 2);
	lt_digits(out + 20, (uint32_t)(wall_us % 1000000u), 6);
}
