/* base/clock.h - time as a parameter, so that tests and the simulation can drive it. */
#ifndef LT_BASE_CLOCK_H
#define LT_BASE_CLOCK_H

#include "base/def.h"

struct lt_clock {
	uint64_t (*wall_us)(void *ctx); /* since 1970, UTC; may jump */
	uint64_t (*mono_us)(void *ctx); /* never goes back */
	void *ctx;
};

/** The machine's own clock. */
const struct lt_clock *lt_clock_real(void);
/* clang-format off: a line each */
static inline uint64_t
lt_wall_us(const struct lt_clock *c)
{
	return c->wall_us(c->ctx);
}
static inline uint64_t
lt_mono_us(const struct lt_clock *c)
{
	return c->mono_us(c->ctx);
}
/* clang-format on */

/** Whether the calendar has that day; the month and the day count from 1. */
bool lt_day_exists(unsigned year, unsigned month, unsigned day);

/** "2026-11-22T08:00:00.000000Z"; 28 bytes with the zero. */
void lt_time_text(uint64_t wall_us, char out[32]);

#endif
