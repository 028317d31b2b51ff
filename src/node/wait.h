/* node/wait.h - the barrier of `lutra wait`: all that is committed at the sources by now is applied at the targets, and
 * what follows from it there is done. */
#ifndef NODE_WAIT_H
#define NODE_WAIT_H

#include "base/thread.h"
#include "node/node_priv.h"

/** Take where each source's log ends now, then wait until each pipeline has applied as much, and where sites
 * may write the same rows until parked ones have come back whose values are free by that. LT_E_PIPELINE_STOPPED at
 * once when one is stopped, LT_E_TIMEOUT_WAIT after `timeout_ms` (< 0: no limit), LT_E_NOT_RUNNING once `cancel` is
 * raised. On success `text` gets a sentence. Any thread but the pipelines' own. */
LT_MUST_USE bool node_wait(
    struct node *n, int64_t timeout_ms, struct lt_wake *cancel, struct lt_buf *text, struct lt_err *err);

#endif
