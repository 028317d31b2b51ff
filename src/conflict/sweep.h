/* conflict/sweep.h - forgetting what every peer has seen, and the pins of a checkpoint, in one walk through what is
 * remembered, a few keys at a time: whoever waits at the fence waits for one step at most.
 *
 * The checkpoint is of the moment when the walk begins, though the observer is told more before it ends. A key that was
 * written since is passed over: whoever begins at the checkpoint reads that write behind it, and decides nothing
 * before it has read the log to its end. One owner thread; each step with the observer held still. */
#ifndef CONFLICT_SWEEP_H
#define CONFLICT_SWEEP_H

#include "conflict/observer.h"

struct conflict_sweeping;

/** Begin. `everyone` is copied; NULL: nothing is forgotten. `keep` (NULL: nothing is parked) names the keys that are
 * kept, and makes the pins; `ctx` must last as long. With neither there is nothing to walk for. `o` must be the same in
 * every step. Of pins no more than about `limit_bytes` are held. */
struct conflict_sweeping *conflict_sweeping_new(const struct conflict_observer *o, struct lt_str place,
    const struct conflict_vector *everyone, conflict_keep_fn *keep, void *ctx, size_t limit_bytes);
/** NULL is fine. */
void conflict_sweeping_free(struct conflict_sweeping *s);
/** Look at some `looks` keys more. True: that was all. */
bool conflict_sweeping_step(struct conflict_sweeping *s, struct conflict_observer *o, size_t looks);
/** Of a walk that is done; borrowed. NULL: its pins are more than that. */
const struct conflict_checkpoint *conflict_sweeping_checkpoint(const struct conflict_sweeping *s);

#endif
