/* conflict/observer.h - the observing reader of a site's log: versions of what users wrote there, and whose each row
 * is.
 *
 * It is told what the log holds, in order, and never waits (R21): a fence has passed once it has been told all up to
 * the log's end. Its state is a function of a checkpoint and the log behind that. One owner thread. */
#ifndef CONFLICT_OBSERVER_H
#define CONFLICT_OBSERVER_H

#include "conflict/checkpoint.h"
#include "conflict/policy.h"

/** What a source transaction did to one key. A change of the primary key is two: the old key deleted, the new one
 * inserted. */
struct conflict_change {
	struct lt_str key;
	const struct conflict_policy *policy; /* of the key's table */
	const struct conflict_row *before, *after;
};

/** A transaction of a site, as it is sent to others. All borrowed; each key at most once. */
struct conflict_txn {
	struct conflict_version version;
	struct conflict_vector seen;
	const struct conflict_change *changes;
	uint32_t nchanges;
	bool given; /* back, by a peer that had it: as far as it won there, with that site's rows for before images */
};

struct conflict_observer;

/** At the beginning of the log of `origin`. What is remembered lies in `room` (borrowed). */
struct conflict_observer *conflict_observer_new(uint32_t origin, int64_t interval_us, const struct conflict_room *room);
/** At a checkpoint's place. */
struct conflict_observer *conflict_observer_resume(
    const struct conflict_checkpoint *from, int64_t interval_us, const struct conflict_room *room);
void conflict_observer_free(struct conflict_observer *o);

/** A local transaction with its stamp in the log: fills in txn's version and vector, of its changes all is there. The
 * vector is borrowed until the next call. */
void conflict_observer_local(struct conflict_observer *o, int64_t stamp_us, struct conflict_txn *txn);
/** One of which nothing is wanted. */
void conflict_observer_pass(struct conflict_observer *o, int64_t stamp_us);
/** A group that was applied here. */
void conflict_observer_mark(struct conflict_observer *o, const struct conflict_mark *mark);
/** A heartbeat; NULL: without time. */
void conflict_observer_beat(struct conflict_observer *o, const int64_t *server_us);
/** From this place of the log on, local transactions are of another origin; see conflict_clock_begin(). */
void conflict_observer_begin(struct conflict_observer *o, uint32_t origin, int64_t above_us);
/** The state as a checkpoint at `place`, without pins (conflict/sweep.h); the vector lies in `arena`. */
void conflict_observer_checkpoint(
    const struct conflict_observer *o, struct lt_str place, struct lt_arena *arena, struct conflict_checkpoint *out);

/** The audit: how often the version of a key went down in this log. Where it is not 0 a row was decided wrongly. */
uint64_t conflict_observer_went_back(const struct conflict_observer *o);
/** The key of the newest of these; borrowed until it happens again. NULL: none. */
struct lt_str conflict_observer_back_key(const struct conflict_observer *o);
/** Borrowed. What it forgets is said by whoever knows what peers have seen (conflict/sweep.h). */
struct conflict_memory *conflict_observer_memory(const struct conflict_observer *o);
const struct conflict_clock *conflict_observer_clock(const struct conflict_observer *o);

#endif
