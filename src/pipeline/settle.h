/* pipeline/settle.h - the seam for channels whose sites may write the same rows: who carries out a group in the place
 * of load's own statements. Made outside (converge/); each connection that applies has one of its own. */
#ifndef PIPELINE_SETTLE_H
#define PIPELINE_SETTLE_H

#include "change/txn.h"
#include "pipeline/load.h"

struct pipeline_settle {
	/** NULL but for who only looks on, and then apply(), again() and tend() are: in the open transaction of `s`,
	 * whose lane has moved (all replies taken), before load itself writes txns[0..n). All replies taken again. */
	bool (*look)(struct pipeline_settle *t, struct change_sink *s, struct change_txn *const *txns, size_t n,
	    struct lt_err *err);
	/** In the open transaction of `s`, whose lane has moved (all replies taken): make the target what txns[0..n)
	 * ask for; all replies taken again. On failure *culprit is the index of the transaction that it speaks of, or
	 * n; all is rolled back by the caller. */
	bool (*apply)(struct pipeline_settle *t, struct change_sink *s, struct change_txn *const *txns, size_t n,
	    size_t *culprit, struct lt_err *err);
	/** apply() failed with `err`: whether it is to be called again at once, with all rolled back, since it knows
	 * more by now. It says so a few times at most. */
	bool (*again)(struct pipeline_settle *t, const struct lt_err *err);
	/** Between groups, with nothing open: whether tend() is to be called. */
	bool (*due)(struct pipeline_settle *t, struct change_sink *s, bool *due, struct lt_err *err);
	/** As apply(), without transactions: what follows from what was written at the target since. *worth false:
	 * there is nothing, and all is rolled back. */
	bool (*tend)(struct pipeline_settle *t, struct change_sink *s, bool *worth, struct lt_err *err);
	/** The transaction ended: it was committed or not. */
	void (*done)(struct pipeline_settle *t, bool committed);
	void (*close)(struct pipeline_settle *t);
};

/** For apply(), in the open transaction: rows of `t` (of tables that a route takes) in its order, or gathered where
 * that fits, all replies judged. After a failure only a transaction of one row leaves anything that can be gone on
 * with. */
LT_MUST_USE bool pipeline_load_write(struct change_sink *s, struct change_txn *t, struct lt_err *err);
/** For apply(), before each reply to a statement of its own, which is about `rows` rows: whether the group must give
 * way to those before it (R4), LT_E_CANCELLED. */
LT_MUST_USE bool pipeline_load_heed(struct change_sink *s, uint64_t rows, struct lt_err *err);

#endif
