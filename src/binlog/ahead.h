/* binlog/ahead.h - a source that a thread of its own may read, so that bytes are awaited and checked while values are
 * decoded, where that is faster: where it is not, who asks reads.
 *
 * A pipeline has the same cut between its reader and its loader; this is for who has no loader: `lutra binlog dump`. */
#ifndef BINLOG_AHEAD_H
#define BINLOG_AHEAD_H

#include "base/clock.h"
#include "change/source.h"

/* Bytes of log after which a way of reading is judged: long for the machine's hiccups, short beside a log. */
#define BINLOG_AHEAD_TRIAL (UINT64_C(8) << 20)

/** One thread owns it, the one that called start. */
struct binlog_ahead;

/** `s` is borrowed, and nobody else's until stop. Each look is at most `look_ms` apart (< 0: only when something came).
 * A second thread is tried after `trial` bytes; 0: never. */
struct binlog_ahead *binlog_ahead_start(
    struct change_source *s, int look_ms, uint64_t trial, const struct lt_clock *clock);
/** End reading, drop what was read and not taken; NULL is fine. The source can only be closed then. */
void binlog_ahead_stop(struct binlog_ahead *a);

/** How far reading had come. */
struct binlog_ahead_look {
	struct change_place place;
	bool ended;
};

/** As change_source_next() of `s` gave it, in its order, failures too; *ret NULL: a look without a transaction, and
 * only then `*look` is set. */
LT_MUST_USE bool binlog_ahead_next(
    struct binlog_ahead *a, struct change_txn **ret, struct binlog_ahead_look *look, struct lt_err *err);

#endif
