/* converge/shadow.h - `conflicts: { shadow: yes }`: a one-way pipeline applies as ever, and what a two-way channel
 * would have met is written into the conflict log.
 *
 * The target's log is observed as in a conflict channel, the source is left alone: it knows of nothing. A change that
 * comes to a row is reported if the row's newest write is one of the target's own, made after the change or up to
 * `heartbeat` before it: as long as it takes, at most, to bring a write over to a site that keeps up. Nothing is locked
 * and no fence is waited for, so a write of the last milliseconds may be missed. */
#ifndef CONVERGE_SHADOW_H
#define CONVERGE_SHADOW_H

#include "converge/site.h"
#include "pipeline/settle.h"

/** For pipeline `index`, into `target`. Owner: the thread of its connection. */
struct pipeline_settle *converge_shadow_new(
    const struct model_channel *channel, size_t index, struct converge_site *target, const struct lt_clock *clock);

#endif
