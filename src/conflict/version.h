/* conflict/version.h - when a transaction was written, and what had been seen by then.
 *
 * A version orders all transactions of all sites; a vector says, for each origin, the newest of its transactions that
 * was seen, and with it all before that one. Values without an owner, but for a vector's memory. Any thread. */
#ifndef CONFLICT_VERSION_H
#define CONFLICT_VERSION_H

#include "base/arena.h"

/** Who writes: a site, and how often its log lost its tail (ADR 32). Larger than every site id is a later incarnation.
 */
#define CONFLICT_SITE_BITS 16
static inline uint32_t
conflict_origin(uint32_t site, uint32_t incarnation)
{
	return incarnation << CONFLICT_SITE_BITS | site;
}
static inline uint32_t
conflict_origin_site(uint32_t origin)
{
	return origin & ((1u << CONFLICT_SITE_BITS) - 1);
}

/** One transaction: `origin` and `seq` (from 1, ascending) name it, the clock orders it. */
struct conflict_version {
	int64_t clock_us; /* hybrid: physical where that goes forward, else counted up */
	uint64_t seq;
	uint32_t origin;
};

/** No clock is later: there is always room to count up. */
#define CONFLICT_CLOCK_MAX (INT64_MAX / 2)

/** Of a row that nobody remembers: below all others, and seen by everybody. */
#define CONFLICT_UNKNOWN ((struct conflict_version){ INT64_MIN, 0, 0 })

/** <0, 0, >0: by clock, then by origin, so that equal clocks are decided alike everywhere. */
int conflict_version_cmp(struct conflict_version a, struct conflict_version b);
static inline bool
conflict_version_same(struct conflict_version a, struct conflict_version b)
{
	return a.clock_us == b.clock_us && a.seq == b.seq && a.origin == b.origin;
}

struct conflict_seen {
	uint64_t seq;
	uint32_t origin;
};

/** Ordered by origin; origins of which nothing was seen are not in it. Zeroed is empty. */
struct conflict_vector {
	struct conflict_seen
	    *at;             /* owned if it was raised or merged into; borrowed if decoded or copied into an arena */
	uint32_t count, cap; /* cap 0: borrowed */
};

/** Frees what is owned. */
void conflict_vector_free(struct conflict_vector *v);
/** 0 where nothing was seen. */
uint64_t conflict_vector_get(const struct conflict_vector *v, uint32_t origin);
static inline bool
conflict_vector_has(const struct conflict_vector *v, struct conflict_version version)
{
	return conflict_vector_get(v, version.origin) >= version.seq;
}
/** Never lowers. `v` must own its memory or be empty. */
void conflict_vector_raise(struct conflict_vector *v, uint32_t origin, uint64_t seq);
/** Raise to all of `other`. */
void conflict_vector_merge(struct conflict_vector *v, const struct conflict_vector *other);
/** Lower to what both have seen. */
void conflict_vector_meet(struct conflict_vector *v, const struct conflict_vector *other);
/** Whether all that `a` has seen `b` has seen too. */
bool conflict_vector_below(const struct conflict_vector *a, const struct conflict_vector *b);
/** A copy in `arena`, not to be raised. */
struct conflict_vector conflict_vector_copy(const struct conflict_vector *v, struct lt_arena *arena);

#endif
