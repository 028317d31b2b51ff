/* conflict/clock.h - the version of each transaction of a site, as a function of the site's log alone (R18, R20).
 *
 * Fed with what the log holds, in its order: local transactions with their stamps, marks of what was applied,
 * heartbeats. A second clock that is fed the same gives the same versions, so a reader that was killed begins again at
 * a checkpoint and nobody can tell. Stamps are as fine as the log has them: microseconds of commit, or the second of
 * the header; what comes within the same instant is counted up. One owner thread; reads no clock itself. */
#ifndef CONFLICT_CLOCK_H
#define CONFLICT_CLOCK_H

#include "conflict/version.h"

struct conflict_clock {
	int64_t now_us;   /* the newest version given or met */
	int64_t beat_us;  /* the server's time in the last heartbeat, if has_beat */
	int64_t reach_us; /* how far above it a stamp may lie: two heartbeat intervals */
	bool has_beat;
	uint64_t count;              /* transactions of the origin in the log so far, whoever wants them */
	uint32_t origin;             /* of local transactions */
	struct conflict_vector seen; /* owned: all that is in the log so far */
};

/** Nothing read yet. */
void conflict_clock_init(struct conflict_clock *c, uint32_t origin, int64_t interval_us);
void conflict_clock_free(struct conflict_clock *c);
/** A local transaction with its stamp in the log. Afterwards `seen` is the vector that it was written under, itself
 * included. A stamp counts at most as `reach_us` above the last heartbeat, and before the first one not at all: users
 * may put any time into a log (SET timestamp). */
struct conflict_version conflict_clock_local(struct conflict_clock *c, int64_t stamp_us);
/** A transaction of which no row is wanted here. It is counted and moves the clock as if there were, so that what is
 * wanted may change without changing a version. */
void conflict_clock_pass(struct conflict_clock *c, int64_t stamp_us);
/** A transaction of another site that was applied. */
void conflict_clock_applied(struct conflict_clock *c, struct conflict_version version);
/** A heartbeat row. NULL: the server's clock was off when it was written, so it carries no time. */
void conflict_clock_beat(struct conflict_clock *c, const int64_t *server_us);
/** Whether a heartbeat carries the server's time: not if that is further from our own clock than half of the allowed
 * skew. */
bool conflict_clock_believes(int64_t server_us, int64_t ours_us, int64_t max_skew_us);
/** Whether a transaction is to be held, and told, because its clock is too far ahead of ours to be true. Sites end
 * equal without it (ADR 33); it keeps a wrong clock from deciding for years. */
bool conflict_clock_is_ahead(struct conflict_version version, int64_t ours_us, int64_t max_skew_us);
/** From this place of the log on, local transactions are of another origin (ADR 32), and later than `above_us`. */
static inline void
conflict_clock_begin(struct conflict_clock *c, uint32_t origin, int64_t above_us)
{
	c->origin = origin;
	c->count = conflict_vector_get(&c->seen, origin);
	c->now_us = LT_MAX(c->now_us, above_us);
}

#endif
