/* pipeline/batch.h - a group's rows gathered into runs: one operation on one table, so that many rows share one
 * statement.
 *
 * Runs come in an order that gives the same result as the source's order (pipeline/writeset.h). One owner thread. */
#ifndef PIPELINE_BATCH_H
#define PIPELINE_BATCH_H

#include "pipeline/route.h"

/** Rows of one shape: same route, operation, columns present, foreign key checks. */
struct pipeline_run {
	struct pipeline_route *route;
	bool plain; /* updates: the key stays as it is, byte for byte, and something that is written changes */
	const struct change_row *first; /* borrowed from the group, or from what was folded */
	struct pipeline_row_ref *rows;  /* arena */
	size_t count, cap;
	struct pipeline_run *next;
};

struct pipeline_batch;

struct pipeline_batch *pipeline_batch_new(void);
void pipeline_batch_free(struct pipeline_batch *b);
/** A new group, whose rows are folded (pipeline/fold.h) where `merge`. */
void pipeline_batch_begin(struct pipeline_batch *b, bool merge);
/** Take all rows of txns[from..to) of the group; those before are in it. Routes are made where needed; a failure is one
 * of the route or of decoding, with its place, and leaves nothing to go on with. */
LT_MUST_USE bool pipeline_batch_add(struct pipeline_batch *b, struct pipeline_router *router,
    struct change_txn *const *txns, size_t from, size_t to, struct lt_err *err);
/** All of the group, txns[0..n), were added. */
LT_MUST_USE bool pipeline_batch_end(struct pipeline_batch *b, struct pipeline_router *router,
    struct change_txn *const *txns, size_t n, struct lt_err *err);
/** How many levels there are, and the runs of one, in order. */
size_t pipeline_batch_levels(const struct pipeline_batch *b);
const struct pipeline_run *pipeline_batch_runs(const struct pipeline_batch *b, size_t level);

#endif
