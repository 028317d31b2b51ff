/* reading.h - a piece of a server's log as a pipeline sees it, for programs that tests call. */
#ifndef READING_H
#define READING_H

#include "model/channel.h"
#include "pipeline/select.h"

struct reading {
	struct schema_history *history; /* owned */
	struct pipeline_select select;
	struct change_source *source; /* owned */
};

/** The log of the pipeline's source from a place on, with its tables as they are now. `channel`: whose marks are own.
 */
LT_MUST_USE bool reading_open(struct reading *r, const char *channel, const struct model_channel *model,
    const struct model_pipeline *p, const struct change_place *from, struct lt_err *err);
/** All transactions up to its end. */
LT_MUST_USE bool reading_each(struct reading *r, bool (*each)(void *ctx, struct change_txn *t, struct lt_err *err),
    void *ctx, struct lt_err *err);
void reading_close(struct reading *r);

#endif
