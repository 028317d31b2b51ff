/* node/trace.h - a file in the data folder that tells that a pipeline has begun once: DIR/begun.1 and on.
 *
 * Progress lies at the target alone. Where that is lost while no `lutra run` lives, such as by a restore of the mapped
 * schemas without schema `lutra`, nothing there tells that `start` would pass over what came since; this does. It is a
 * hint: without it all goes on (R15). */
#ifndef NODE_TRACE_H
#define NODE_TRACE_H

#include "pipeline/pipeline.h"

struct node_trace;

/** Of the channel's pipeline number `index`, in the folder `dir`. */
struct node_trace *node_trace_new(const char *dir, const struct model_channel *channel, size_t index);
void node_trace_free(struct node_trace *t);
/** The trace's functions; borrows `t`. */
struct pipeline_trace node_trace_ops(struct node_trace *t);

#endif
