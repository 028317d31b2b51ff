/* change/sink.h - where transactions go: the seam for the next kind of target. */
#ifndef CHANGE_SINK_H
#define CHANGE_SINK_H

#include "change/txn.h"

struct change_sink;

/** What one group did. */
struct change_sink_done {
	uint64_t transactions, rows, statements;
};

struct change_sink_ops {
	/** Take ownership of the pipeline at the target (R2: raise the epoch), and read where it stands. `at->gtids` is
	 * made by the callee.
	 * `*found` false: no progress is recorded. */
	bool (*claim)(struct change_sink *s, struct change_position *at, bool *found, struct lt_err *err);
	/** Apply txns[0..n) in order as one target transaction that also moves the progress to `end`; on failure
	 * nothing of it is there (or, after LT_KIND_RETRY errors, claim() tells). `*culprit` is set to the index of the
	 * transaction an error speaks of, or n. */
	bool (*apply)(struct change_sink *s, struct change_txn *const *txns, size_t n,
	    const struct change_position *end, struct change_sink_done *done, size_t *culprit, struct lt_err *err);
	/** Record progress alone, durably. */
	bool (*advance)(struct change_sink *s, const struct change_position *end, struct lt_err *err);
	/** Any thread: a waiting call fails with LT_E_CANCELLED. */
	void (*cancel)(struct change_sink *s);
	void (*close)(struct change_sink *s);
};

struct change_sink {
	const struct change_sink_ops *ops;
};

#endif
