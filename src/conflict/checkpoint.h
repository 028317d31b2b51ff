/* conflict/checkpoint.h - the observing reader's whole state at a place of its log (R18), a row of schema `lutra`.
 *
 * Whoever begins at it and reads on computes the same versions as whoever came all the way. It may be used when all
 * that it has seen was durably received by every peer: what was forgotten, or never remembered, below it no peer asks
 * for. */
#ifndef CONFLICT_CHECKPOINT_H
#define CONFLICT_CHECKPOINT_H

#include "conflict/clock.h"
#include "conflict/mark.h"

struct conflict_checkpoint {
	struct lt_str place; /* in the log; the caller's form */
	int64_t now_us, beat_us;
	bool has_beat;
	uint64_t count;
	uint32_t origin;
	struct conflict_vector seen;
	struct conflict_pin *pins; /* versions of parked rows and of those in their way */
	uint32_t npins;
	/** The log lost its tail behind this place (ADR 48): who comes by there begins `turn_origin`, later than
	 * `turn_us`. turn_origin 0: no such place is ahead. */
	struct lt_str turn; /* the caller's form */
	uint32_t turn_origin;
	int64_t turn_us;
};

/** A clock that goes on there; free it with conflict_clock_free(). */
void conflict_checkpoint_clock(const struct conflict_checkpoint *c, int64_t interval_us, struct conflict_clock *out);
void conflict_checkpoint_encode(const struct conflict_checkpoint *c, struct lt_buf *out);
/** Place and keys borrow from `bytes`, the rest lies in `arena`. LT_E_STATE_BROKEN, LT_E_STATE_NEWER; `*out` is
 * untouched then. */
LT_MUST_USE bool conflict_checkpoint_decode(
    struct lt_str bytes, struct lt_arena *arena, struct conflict_checkpoint *out, struct lt_err *err);

#endif
