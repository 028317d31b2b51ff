/* pipeline/delay.h - `delay`: how long a transaction is held back after its commit at the source.
 *
 * The source stamps a commit with its own clock, so its distance from ours is measured, again every few seconds, since
 * somebody may set it; in between our monotonic clock counts. Never early: a stamp that has only its second counts as
 * the end of that second, and a stamp in the future as the moment it was read. One owner thread (the reader's). */
#ifndef PIPELINE_DELAY_H
#define PIPELINE_DELAY_H

#include "base/clock.h"
#include "model/channel.h"

struct pipeline_delay {
	const struct lt_clock *clock;    /* borrowed */
	uint64_t delay_us;               /* 0: none */
	uint64_t source_us, mono_us;     /* what the source's clock said at that moment of ours */
	const struct model_site *source; /* borrowed; NULL: nothing asks for its clock */
	struct lt_wake *stop;            /* borrowed */
	struct my_conn *conn;            /* owned: to ask by */
};

struct lt_wake; /* base/thread.h */

/** Connects to the source and asks its clock, where the pipeline has a delay or a time to end at. `stop`: see
 * pipeline_connect(). */
LT_MUST_USE bool pipeline_delay_init(struct pipeline_delay *d, const struct model_site *source,
    const struct model_pipeline *pipeline, const struct lt_clock *clock, struct lt_wake *stop, struct lt_err *err);
void pipeline_delay_clear(struct pipeline_delay *d);
/** Asks the clock again where that was long ago and there is a delay. */
LT_MUST_USE bool pipeline_delay_follow(struct pipeline_delay *d, struct lt_err *err);
/** Whether a stamp lies in the future of the source's clock, so that it tells nothing: a session may stamp its commits
 * as it likes. */
LT_MUST_USE bool pipeline_delay_is_future(
    struct pipeline_delay *d, uint64_t commit_us, bool *future, struct lt_err *err);
/** The source does not answer: our own clock is taken for its. */
void pipeline_delay_own(struct pipeline_delay *d);
/** How long a transaction committed at `commit_us` (0: not known) and read at `read_us` (monotonic) is still to be held
 * back. */
uint64_t pipeline_delay_left_us(const struct pipeline_delay *d, uint64_t commit_us, uint64_t read_us);

#endif
