/* node/node_priv.h - a channel that runs in this process. */
#ifndef NODE_NODE_PRIV_H
#define NODE_NODE_PRIV_H

#include <stdatomic.h>

#include "node/converge.h"
#include "node/origin.h"
#include "node/status.h"
#include "node/trace.h"

/** Made by the main thread before any other thread sees it, and but for what is atomic not changed until all of them
 * have ended. */
struct node {
	const struct model_channel *channel; /* borrowed */
	const struct lt_clock *clock;        /* borrowed */
	struct node_origin **origins;        /* owned, each too; of each pipeline's source */
	struct node_trace **traces;          /* the same; of each pipeline */
	struct pipeline **pipelines;         /* the same */
	size_t count;                        /* of pipelines */
	struct node_converge *converge;      /* owned; NULL where the channel decides no conflicts */
	atomic_bool heals;                   /* an order to heal is being carried out */
};

/** How it stands now; borrows names from `n`. `out` zeroed, or of an earlier look; to node_view_clear(). Any thread. */
void node_view_get(struct node *n, struct node_view *out);

#endif
