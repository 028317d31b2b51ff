/* pipeline/lane.h - a pipeline's progress rows in the target: read, claimed, moved (R2).
 *
 * The first write of every target transaction moves the lane by compare-and-set on (epoch, seq); whoever starts raises
 * the epoch first, which waits for anything in doubt and shuts out every other owner. */
#ifndef PIPELINE_LANE_H
#define PIPELINE_LANE_H

#include "change/position.h"
#include "mysql/conn.h"

/** One owner thread. */
struct pipeline_lane {
	const char *channel, *pipeline; /* borrowed */
	uint64_t epoch, seq;            /* as they are in the target once the open transaction commits */
	struct my_conn *conn;           /* borrowed */
	struct my_stmt *move;           /* of conn */
};

/** Raise the epoch and read where the pipeline stands; commits. `*found` false: no row, nothing is written and `at` is
 * untouched. The session must have autocommit=0. Prepares the statement for pipeline_lane_send(). */
LT_MUST_USE bool pipeline_lane_claim(struct pipeline_lane *l, struct my_conn *c, const char *channel,
    const char *pipeline, struct change_position *at, bool *found, struct lt_err *err);
/** The first row, in the open transaction: epoch 1. LT_E_FENCED when somebody else was quicker. */
LT_MUST_USE bool pipeline_lane_create(struct pipeline_lane *l, const struct change_position *at, struct lt_err *err);
/** Queue the move to `end`; its reply (my_recv) goes to pipeline_lane_moved(). Text for the parameters lives in
 * `scratch`. */
LT_MUST_USE bool pipeline_lane_send(
    struct pipeline_lane *l, const struct change_position *end, struct lt_buf *scratch, struct lt_err *err);
/** Judge the reply: 0 rows is LT_E_FENCED. */
LT_MUST_USE bool pipeline_lane_moved(struct pipeline_lane *l, const struct my_reply *reply, struct lt_err *err);
/** Move it alone, in the open transaction. */
LT_MUST_USE bool pipeline_lane_set(struct pipeline_lane *l, const struct change_position *end, struct lt_err *err);
/** The transaction was rolled back: the lane is where it was. */
void pipeline_lane_undo(struct pipeline_lane *l);

#endif
