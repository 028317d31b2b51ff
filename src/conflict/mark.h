/* conflict/mark.h - what the lane's row carries beside progress (R19): all that the target's reader needs to know of a
 * group.
 *
 * The reader at a target sees the rows that the group changed, but not whose they are, nor what the group left alone
 * since the row was already so. Therefore each source transaction keeps its origin, number, version and vector, and
 * names the keys that it won. Where operations are remembered it brings those. The bytes are written into schema
 * `lutra` with the group and read from the log; a form that was released is always read. Any thread. */
#ifndef CONFLICT_MARK_H
#define CONFLICT_MARK_H

#include "base/buf.h"
#include "base/err.h"
#include "conflict/memory.h"

/** A key that a transaction won; with operations, each of its keys. */
struct conflict_won {
	struct lt_str key;
	bool listed;                               /* operations are remembered of it */
	enum conflict_state state;                 /* not listed: what the key is now */
	const struct conflict_row *before, *after; /* listed: the operation; else `after`: the row, where it is
						    * visible and was the same before, so that no log shows it; beyond
						    * a megabyte of such rows none */
	const struct conflict_row *found;          /* listed: the row before it, here */
	/* listed, and some remembered operation is newer than this one or was not seen by it: what was known of the
	 * key, which the reader takes in place of what it knew. nops 0: nothing of that. */
	struct conflict_list replaced;
};

/** A source transaction of the group. */
struct conflict_mark_txn {
	struct conflict_version version;
	struct conflict_vector seen;
	struct conflict_won *won;
	uint32_t nwon;
};

struct conflict_mark {
	struct conflict_mark_txn *txns;
	uint32_t ntxns;
	struct conflict_pin *pins;
	uint32_t npins;
};

/** Append the bytes. */
void conflict_mark_encode(const struct conflict_mark *mark, struct lt_buf *out);
/** Bytes and keys borrow from `bytes`, the rest lies in `arena`, at most some thirty times their length.
 * LT_E_STATE_BROKEN, LT_E_STATE_NEWER; `*out` is untouched then. */
LT_MUST_USE bool conflict_mark_decode(
    struct lt_str bytes, struct lt_arena *arena, struct conflict_mark *out, struct lt_err *err);

#endif
