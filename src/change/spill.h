/* change/spill.h - rows of one transaction on disk: appended while a log is read, then read again and again from their
 * start, a part at a time.
 *
 * The file has no name, so nothing of it outlives the process. Each part is a block with a checksum: a disk that gives
 * back something else is a coded error. What cannot be written is LT_E_SPILL_IO, which is tried again from the log. */
#ifndef CHANGE_SPILL_H
#define CHANGE_SPILL_H

#include "change/row.h"
#include "change/scratch.h"

/** One owner thread at a time. */
struct change_spill;

/** `room` must outlive it. */
LT_MUST_USE bool change_spill_open(struct change_spill_room *room, struct change_spill **ret, struct lt_err *err);
void change_spill_free(struct change_spill *s);

/* -- while it is written -------------------------------------------------------------------------- */

/** Append a row; `table` is the number that reading gives its table by. More than the room's limit: LT_E_SPILL_LIMIT
 * when this one alone takes it, else LT_E_SPILL_FULL. After a failure only free() is allowed. */
LT_MUST_USE bool change_spill_add(
    struct change_spill *s, const struct change_row *row, uint32_t table, struct lt_err *err);
/** Keep the first `rows` rows only; `tables` by their numbers. */
LT_MUST_USE bool change_spill_cut(struct change_spill *s, const struct change_table *const *tables, size_t ntables,
    uint64_t rows, struct lt_err *err);
/** Nothing comes any more: write what is held back, give up its memory. */
LT_MUST_USE bool change_spill_finish(struct change_spill *s, struct lt_err *err);
/** A source gives it away: from now on it counts among those handed out. */
void change_spill_hand_out(struct change_spill *s);

/* -- when it is finished -------------------------------------------------------------------------- */

/** The next part will be the first. */
void change_spill_rewind(struct change_spill *s);
/** The next part's rows, in `arena`; *count 0 at the end. LT_E_SPILL_DAMAGED: it is not what was written. */
LT_MUST_USE bool change_spill_next(struct change_spill *s, const struct change_table *const *tables, size_t ntables,
    struct lt_arena *arena, struct change_row **rows, size_t *count, struct lt_err *err);

/** How many of its room are handed out and not freed yet, itself among them. Any thread that may touch `s`. */
unsigned change_spill_handed(const struct change_spill *s);
uint64_t change_spill_rows(const struct change_spill *s);
/** Of memory. */
size_t change_spill_bytes(const struct change_spill *s);

#endif
