/* pipeline/edits_priv.h - edits of JSON values that the log has without the value (R7). */
#ifndef PIPELINE_EDITS_PRIV_H
#define PIPELINE_EDITS_PRIV_H

#include "pipeline/route.h"

/** Turn edits among route->after into values: the row is read at the target and locked, in the open transaction, and
 * the edits are carried out on what it holds. No reply may be due at `conn`. Values live in `scratch`. */
LT_MUST_USE bool pipeline_edits_resolve(struct my_conn *conn, struct pipeline_route *route,
    const struct change_row *row, struct lt_arena *scratch, struct lt_err *err);

#endif
