/* node/run.h - `lutra run`: a channel in this process, in the foreground, until a signal or `lutra stop` ends it. */
#ifndef NODE_RUN_H
#define NODE_RUN_H

#include "base/err.h"

struct node_run_options {
	const char *file;   /* the channel file */
	const char *data;   /* the data folder */
	const char *listen; /* ADDR:PORT for metrics and health, or NULL */
};

/** Run it; returns true when it was ended as asked. Fails only before anything has started: what happens to a pipeline
 * later is its state, not an end. To be called by the main thread, which takes SIGTERM and SIGINT. */
LT_MUST_USE bool node_run(const struct node_run_options *options, struct lt_err *err);

#endif
