/* pipeline/batch.h - a group's rows gathered into runs: one operation on one table, so that many rows share one
 * statement.
 *
 * Runs come in an order that gives the same result as the source's order (pipeline/writeset.h). One owner thread. */
#ifndef PIPELINE_BATCH_H
#define PIPELINE_BATCH_H

#include "pipeline/route.h"

struct pipeline_row_ref {
	uint32_t txn, row; /* in the group */
};

/** Rows of one shape: same route, operation, columns present, foreign key checks. */
struct pipeline_run {
	struct pipeline_route *route;
	const struct change_row *first; /* borrowed from the group */
	struct pipeline_row_ref *rows;  /* arena */
	size_t count, cap;
	struct pipeline_run *next;
};

struct pipeline_batch;

struct pipeline_batch *pipeline_batch_new(void);
void pipeline_batch_free(struct pipeline_batch *b);
/** Take all rows of txns[0..n). Routes are made where needed; a failure is one of the route or of decoding, with its
 * place. */
LT_MUST_USE bool pipeline_batch_fill(struct pipeline_batch *b, struct pipeline_router *router,
    struct change_txn *const *txns, size_t n, struct lt_err *err);
/** How many levels there are, and the runs of one, in order. */
size_t pipeline_batch_levels(const struct pipeline_batch *b);
const struct pipeline_run *pipeline_batch_runs(const struct pipeline_batch *b, size_t level);

#endif
