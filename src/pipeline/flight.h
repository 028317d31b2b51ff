/* pipeline/flight.h - groups applied beside each other on several connections, committed in the source's order.
 *
 * The loader owns it: it hands groups to writers (threads with a connection and a lane each) and takes them back. A
 * group begins when all that touch a key of its are committed (pipeline/schedule.h), and commits when the one before it
 * is. Whatever goes wrong with one, all behind it roll back and are done again in order: what a group met while others
 * ran beside it proves nothing. */
#ifndef PIPELINE_FLIGHT_H
#define PIPELINE_FLIGHT_H

#include "pipeline/group.h"
#include "pipeline/pipeline_priv.h"

struct pipeline_flight;

/** Connects nowhere before the first group is taken. `sink` (borrowed) has claimed the pipeline; `learnt` (borrowed) is
 * told how long groups take. */
struct pipeline_flight *pipeline_flight_new(
    struct pipeline *p, struct change_sink *sink, struct pipeline_group *learnt);
/** Ends the writers. What is not committed is rolled back, or in doubt where a connection does not answer: the next
 * claim tells. NULL is fine. */
void pipeline_flight_free(struct pipeline_flight *f);
/** Nothing is in it: `p->applied` is the end of all that was taken. */
bool pipeline_flight_is_empty(const struct pipeline_flight *f);
/** Whether another group may be taken now. */
bool pipeline_flight_has_room(const struct pipeline_flight *f);
size_t pipeline_flight_bytes(const struct pipeline_flight *f);
/** Commit stamp of the oldest transaction in it; 0: none. */
uint64_t pipeline_flight_oldest_us(const struct pipeline_flight *f);
/** Take the group's transactions; there is room. `*alone`: it must be applied alone, with the flight empty, and is
 * still the group's. */
LT_MUST_USE bool pipeline_flight_take(
    struct pipeline_flight *f, struct pipeline_group *g, bool *alone, struct lt_err *err);
/** Take back what is finished (waiting up to `timeout_ms` for it), see to locks, hand out what may begin. False: the
 * run is over; `p->stop` is set where a transaction is the reason, and nothing behind it is committed. */
LT_MUST_USE bool pipeline_flight_step(struct pipeline_flight *f, int timeout_ms, struct lt_err *err);
/** Take `t` out of it without freeing it: the caller's now. `f` may be NULL. */
void pipeline_flight_leave(struct pipeline_flight *f, const struct change_txn *t);
/** Let all end that was taken. */
LT_MUST_USE bool pipeline_flight_drain(struct pipeline_flight *f, struct lt_err *err);
/** Let those end that have begun, for a few seconds at most; the others are given up. False: some have not, so that
 * `p->applied` may be behind what is committed, and must not be written. */
bool pipeline_flight_land(struct pipeline_flight *f);

#endif
