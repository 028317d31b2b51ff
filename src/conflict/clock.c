#include "conflict/clock.h"

#include "base/fault.h"

void
conflict_clock_init(struct conflict_clock *c, uint32_t origin, int64_t interval_us)
{
	*c = (struct conflict_clock){ .origin = origin, .reach_us = 2 * interval_us };
}

void
conflict_clock_free(struct conflict_clock *c)
{
	conflict_vector_free(&c->seen);
}

/* What the stamp counts as. */
static int64_t
physical_us(const struct conflict_clock *c, int64_t stamp_us)
{
	if (lt_fault("conflict_clamp"))
		return stamp_us;
	if (!c->has_beat)
		return c->now_us + 1;
	return LT_MIN(stamp_us, c->beat_us + c->reach_us);
}

void
conflict_clock_pass(struct conflict_clock *c, int64_t stamp_us)
{
	int64_t physical = physical_us(c, stamp_us);

	c->now_us = lt_fault("conflict_hybrid") ? physical : LT_MAX(physical, c->now_us + 1);
	c->count++;
}

struct conflict_version
conflict_clock_local(struct conflict_clock *c, int64_t stamp_us)
{
	conflict_clock_pass(c, stamp_us);
	conflict_vector_raise(&c->seen, c->origin, c->count);
	return (struct conflict_version){ c->now_us, c->count, c->origin };
}

void
conflict_clock_applied(struct conflict_clock *c, struct conflict_version version)
{
	c->now_us = LT_MAX(c->now_us, version.clock_us);
	conflict_vector_raise(&c->seen, version.origin, version.seq);
}

void
conflict_clock_beat(struct conflict_clock *c, const int64_t *server_us)
{
	if (server_us == NULL)
		return;
	c->has_beat = true;
	c->beat_us = *server_us;
	c->now_us = LT_MAX(c->now_us, *server_us);
}

bool
conflict_clock_believes(int64_t server_us, int64_t ours_us, int64_t max_skew_us)
{
	int64_t off;

	return !__builtin_sub_overflow(server_us, ours_us, &off) && off <= max_skew_us / 2 && off >= -(max_skew_us / 2);
}

bool
conflict_clock_is_ahead(struct conflict_version version, int64_t ours_us, int64_t max_skew_us)
{
	return version.clock_us > ours_us && (uint64_t)version.clock_us - (uint64_t)ours_us > (uint64_t)max_skew_us;
}
