/* pipeline/warm.h - what the first row of a table would wait for, read before it comes. */
#ifndef PIPELINE_WARM_H
#define PIPELINE_WARM_H

#include "pipeline/route.h"
#include "schema/history.h"

/** Read the targets of the source's tables (those of `history`, the first few hundred) in a few statements: one for
 * each would cost the first row of each tens of milliseconds. What cannot be read is left to the row that needs it.
 * False: the connection is gone. */
LT_MUST_USE bool pipeline_warm(struct pipeline_router *router, const struct model_mapping *mapping,
    const struct schema_history *history, struct my_conn *target, struct lt_err *err);

#endif
