/* pipeline/state.h - schema `lutra` in a database: what Lutra itself keeps there, and its version (R16).
 *
 *   meta   name, value: the version of this schema
 *   lane   progress of each pipeline into this database, one row for each writer: moves with the rows, and so marks
 * their origin ddl    statements that were acknowledged by `lutra ddl done`, so that the other direction may pass them
 *   audit  everything that was done by hand: who, when, what, why
 *   pause  pipelines that `lutra pause` holds back; a row each
 * and of channels whose sites may write the same rows (converge/):
 *   site        which site of the channel this database is; its heartbeat, with what it has heard of its peers
 *   checkpoint  states of the site's observing reader at places of its log
 *   mark        what each group says to that reader; a row for each lane
 *   parked, parked_claim  rows that lost a unique value, and the values that they wait for
 *   conflict    the conflict log (converge/record.h)
 */
#ifndef PIPELINE_STATE_H
#define PIPELINE_STATE_H

#include "mysql/conn.h"

/* 1: one lane for each pipeline. 2: several, of which the one with the highest number tells; of version 1 it is the
 * only one, so that nothing but the version changes, and a Lutra that knows one lane alone keeps away. 3: `pause`.
 * 4: lanes hold what was done ahead. 5: schema versions know where they were read. 6: acknowledged statements name who
 * may pass by them; `site`, `checkpoint`, `mark` and the like of conflict channels. What an older one wrote is right in
 * a newer one. */
#define PIPELINE_STATE_VERSION 6

/** Make or migrate the schema. Writes nothing when it is there as it should be. Newer than ours: LT_E_STATE_NEWER.
 * Commits. */
LT_MUST_USE bool pipeline_state_install(struct my_conn *target, struct lt_err *err);
/** Its three steps, for who has more to ask: the question is queued; its answer is taken (*version 0: none is there);
 * no reply is to come any more, and the schema is made. */
LT_MUST_USE bool pipeline_state_ask(struct my_conn *target, struct lt_err *err);
LT_MUST_USE bool pipeline_state_recv(struct my_conn *target, uint64_t *version, struct lt_err *err);
LT_MUST_USE bool pipeline_state_make(struct my_conn *target, uint64_t version, struct lt_err *err);

/** One line of `audit`, in the connection's open transaction. */
struct pipeline_audit {
	const char *channel, *pipeline, *action, *who;
	struct lt_str detail, why;
};
LT_MUST_USE bool pipeline_state_audit(struct my_conn *target, const struct pipeline_audit *entry, struct lt_err *err);
/** To hold a pipeline back or let it go, in the connection's open transaction; its claim tells (pipeline/lane.h). */
LT_MUST_USE bool pipeline_state_pause(
    struct my_conn *target, const char *channel, const char *pipeline, bool paused, struct lt_err *err);
/** The newest lines of `audit`, newest first: microseconds since 1970, who, pipeline, action, detail and why (both cut
 * at PIPELINE_LOG_TEXT characters). `pipeline` NULL: of the whole channel. `**ret` to my_rows_free(). */
enum { PIPELINE_LOG_TEXT = 2000 };
LT_MUST_USE bool pipeline_state_log(struct my_conn *target, const char *channel, const char *pipeline, size_t limit,
    struct my_rows **ret, struct lt_err *err);
#endif
