/* node/converge.h - what a conflict channel has in this process beside its pipelines: the sites, and who stands between
 * them and the pipelines. Main thread, but for the sites' own functions. */
#ifndef NODE_CONVERGE_H
#define NODE_CONVERGE_H

#include "change/spill.h"
#include "converge/site.h"

struct node_converge;

/** NULL where the channel decides no conflicts. `room`: for transactions larger than memory that an observing reader
 * meets, each site's own (copied). */
struct node_converge *node_converge_start(
    const struct model_channel *channel, const struct change_spill_room *room, const struct lt_clock *clock);
/** From now on pipeline `index` has this origin in the place of `inner`. */
struct pipeline_origin node_converge_origin(struct node_converge *n, size_t index, const struct pipeline_origin *inner);
/** Ask all sites to end; NULL is fine. */
void node_converge_end(struct node_converge *n);
/** Behind the pipelines' end. */
void node_converge_free(struct node_converge *n);
/** A site by its index in the channel; NULL: none is there, as of the source of a shadow channel. */
struct converge_site *node_converge_site(const struct node_converge *n, size_t site);

#endif
