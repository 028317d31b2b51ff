/* converge/settle.h - applies groups of a peer's transactions where both ends may have written the same rows: lock,
 * fence, decide, write (ADR 36 to 38).
 *
 * In the place of the loader's own way of writing a group (pipeline/load.h). The rows of a group are locked in the
 * target transaction, absent ones by an insert that stood (R17, ADR 37); the end of the target's log is asked for, and
 * waited for until the site's observing reader has passed it (R21); then what is remembered says whose each row is, and
 * conflict/decide.h what to write; mark, conflict log and rows go into the same transaction as the lane. One owner
 * thread: the loader's (or a writer's) own. */
#ifndef CONVERGE_SETTLE_H
#define CONVERGE_SETTLE_H

#include "converge/site.h"
#include "pipeline/settle.h"

/** For pipeline `index`, whose target is `target`; `log`: of the target, as converge_site_start() has it, for who it is
 * (`identity`). `stop` may be NULL. All borrowed. */
struct pipeline_settle *converge_settle_new(const struct model_channel *channel, size_t index,
    struct converge_site *target, const struct pipeline_origin *log, const struct lt_clock *clock,
    struct lt_wake *stop);

#endif
