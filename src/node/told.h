/* node/told.h - when a pipeline's state is worth a line in the log: whenever it is another one, or for another reason,
 * and now and then while it tries again for the same. */
#ifndef NODE_TOLD_H
#define NODE_TOLD_H

#include "pipeline/pipeline.h"

/** What was logged last. Zeroed: nothing, as of a pipeline that has not run. */
struct node_told {
	enum pipeline_state state;
	enum lt_code code;
	uint64_t at_us, pause_us; /* monotonic; how long the same is not said again */
};

/** True: now it is to be logged, and is noted as said. Asked at least at each try. */
bool node_told_due(struct node_told *t, const struct pipeline_status *s, uint64_t now_us);

#endif
