/* binlog/ahead.h - a source read by a thread of its own, so that bytes are awaited and checked while values are
 * decoded.
 *
 * A pipeline has the same cut between its reader and its loader; this is for who has no loader: `lutra binlog dump`. */
#ifndef BINLOG_AHEAD_H
#define BINLOG_AHEAD_H

#include "change/source.h"

/** One thread owns it, the one that called start. */
struct binlog_ahead;

/** `s` is borrowed, and its thread's alone until stop. Each look is at most `look_ms` apart (< 0: only when something
 * came). */
struct binlog_ahead *binlog_ahead_start(struct change_source *s, int look_ms);
/** End reading, drop what was read and not taken; NULL is fine. The source can only be closed then. */
void binlog_ahead_stop(struct binlog_ahead *a);

/** How far reading had come behind the transaction in hand. */
struct binlog_ahead_look {
	struct change_place place;
	bool ended;
};

/** As change_source_next() of `s` gave it, in its order, failures too; *ret NULL: a look without a transaction. */
LT_MUST_USE bool binlog_ahead_next(
    struct binlog_ahead *a, struct change_txn **ret, struct binlog_ahead_look *look, struct lt_err *err);

#endif
