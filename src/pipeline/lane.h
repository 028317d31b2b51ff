/* pipeline/lane.h - a pipeline's progress rows in the target: read, claimed, moved (R2).
 *
 * One row for each connection that writes. The first write of every target transaction moves its lane by
 * compare-and-set on (epoch, seq); whoever starts raises the epoch of all lanes first, which waits for anything in
 * doubt and shuts out every other owner. `seq` is the number of the move, counted over all lanes of the pipeline: moves
 * are committed in the order of their numbers, so the lane with the highest one says where the pipeline stands. */
#ifndef PIPELINE_LANE_H
#define PIPELINE_LANE_H

#include "mysql/conn.h"
#include "pipeline/window.h"

/** One owner thread. */
struct pipeline_lane {
	const char *channel, *pipeline; /* borrowed */
	size_t lane;
	uint64_t epoch, seq;  /* as they are in the target once the open transaction commits */
	uint64_t before;      /* seq without it */
	struct my_conn *conn; /* borrowed */
	struct my_stmt *move; /* of conn */
};

/** What is claimed, and what was found. */
struct pipeline_lane_claim {
	const char *channel, *pipeline; /* borrowed, by the lane too */
	size_t lanes;
	uint64_t newest;               /* out: number of the newest move */
	bool paused;                   /* out: it is to be held back */
	bool begun;                    /* out: it has left traces beside its lanes */
	struct pipeline_window window; /* out: what is committed behind `at`; the caller's to clear */
};

/** Raise the epoch and read where the pipeline stands, and the number of its newest move; makes those of `lanes` lanes
 * that are missing, and brings what was done ahead into lane 0; commits. `*found` false: no row, nothing is written,
 * `at` is untouched. The session must have autocommit=0. `l` becomes lane 0, ready for pipeline_lane_send(). */
LT_MUST_USE bool pipeline_lane_claim(struct pipeline_lane *l, struct my_conn *c, struct pipeline_lane_claim *claim,
    struct change_position *at, bool *found, struct lt_err *err);
/** Take lane `lane` of a pipeline that `first` has claimed, on a connection of its own. LT_E_FENCED when it is somebody
 * else's by now. */
LT_MUST_USE bool pipeline_lane_join(
    struct pipeline_lane *l, struct my_conn *c, const struct pipeline_lane *first, size_t lane, struct lt_err *err);
/** The first rows, in the open transaction: epoch 1, move 1 is lane 0's. LT_E_FENCED when somebody else was quicker. */
LT_MUST_USE bool pipeline_lane_create(
    struct pipeline_lane *l, size_t lanes, const struct change_position *at, struct lt_err *err);
/** Where a lane is moved to. */
struct pipeline_move {
	uint64_t number;
	const struct change_position *end;
	struct lt_str ahead; /* what is committed behind it (pipeline/window.h); borrowed */
};
/** Queue the move; its reply (my_recv) goes to pipeline_lane_moved(). Text for the parameters lives in
 * `scratch`. */
LT_MUST_USE bool pipeline_lane_send(
    struct pipeline_lane *l, const struct pipeline_move *move, struct lt_buf *scratch, struct lt_err *err);
/** Whether the pipeline has any lane at the target. */
LT_MUST_USE bool pipeline_lane_there(const struct pipeline_lane *l, bool *there, struct lt_err *err);
/** Judge the reply: 0 rows is LT_E_FENCED. */
LT_MUST_USE bool pipeline_lane_moved(struct pipeline_lane *l, const struct my_reply *reply, struct lt_err *err);
/** Move it alone, in the open transaction. */
LT_MUST_USE bool pipeline_lane_set(struct pipeline_lane *l, const struct pipeline_move *move, struct lt_err *err);
/** The transaction was rolled back: the lane is where it was. */
void pipeline_lane_undo(struct pipeline_lane *l);

#endif
