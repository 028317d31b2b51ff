/* converge/turn.h - the place behind which a site's log lost its tail, kept in the checkpoints before it (ADR 48): what
 * comes behind it is of another origin. Plain values. */
#ifndef CONVERGE_TURN_H
#define CONVERGE_TURN_H

#include "change/txn.h"
#include "conflict/checkpoint.h"

struct converge_turn {
	uint32_t origin;  /* of what users write behind it; 0: there is none ahead */
	int64_t above_us; /* their versions are later */
	struct change_position at;
};

void converge_turn_init(struct converge_turn *t);
void converge_turn_clear(struct converge_turn *t);
void converge_turn_copy(struct converge_turn *dst, const struct converge_turn *src); /* dst initialised */

/** Into a checkpoint; bytes in `arena`. */
void converge_turn_note(const struct converge_turn *t, struct lt_arena *arena, struct conflict_checkpoint *out);
/** And back; `out` initialised. LT_E_STATE_BROKEN. */
LT_MUST_USE bool converge_turn_read(
    const struct conflict_checkpoint *from, struct converge_turn *out, struct lt_err *err);
/** Whether a transaction of the log of `server` comes behind it: by place in the same log, else by its GTID. */
bool converge_turn_is_before(const struct converge_turn *t, const char *server, const struct change_txn *txn);

#endif
