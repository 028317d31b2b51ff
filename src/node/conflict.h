/* node/conflict.h - what a conflict channel has in this process beside its pipelines: the sites, and who stands between
 * them and the pipelines. Main thread, but for the sites' own functions. */
#ifndef NODE_CONFLICT_H
#define NODE_CONFLICT_H

#include "converge/site.h"

struct node_conflict;

/** `logs`: the log of each site, for its observing reader alone (copied; what they borrow must outlive this). NULL
 * where the channel decides no conflicts. */
struct node_conflict *node_conflict_start(
    const struct model_channel *channel, const struct pipeline_origin *logs, const struct lt_clock *clock);
/** From now on pipeline `index` has this origin in the place of `inner`. */
struct pipeline_origin node_conflict_origin(struct node_conflict *n, size_t index, const struct pipeline_origin *inner);
/** Ask all sites to end; NULL is fine. */
void node_conflict_end(struct node_conflict *n);
/** Behind the pipelines' end. */
void node_conflict_free(struct node_conflict *n);
/** A site by its index in the channel; NULL: none is there. */
struct converge_site *node_conflict_site(const struct node_conflict *n, size_t site);

#endif
