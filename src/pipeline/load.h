/* pipeline/load.h - load: the sink that writes whole transactions into a MySQL or MariaDB target.
 *
 * One connection, autocommit off, COMMIT only after every reply was read and checked (R1); the lane moves first in
 * every transaction (R2); the session of R3. One owner thread, but for cancel. */
#ifndef PIPELINE_LOAD_H
#define PIPELINE_LOAD_H

#include "base/thread.h"
#include "change/sink.h"
#include "model/channel.h"
#include "mysql/conn.h"
#include "pipeline/window.h"
#include "schema/history.h"
#include "schema/table.h"

struct pipeline_origin; /* pipeline/pipeline.h */

/** Connect to the pipeline's target, set the session, install schema `lutra`. `**ret` to its own close. Of the origin
 * (borrowed) it takes `stop` (see pipeline_connect()) and who carries out groups (`settle`). */
LT_MUST_USE bool pipeline_load_open(const struct model_channel *channel, size_t index,
    const struct pipeline_origin *origin, struct change_sink **ret, struct lt_err *err);
/** A further connection for the pipeline that `first` has claimed, with a lane of its own: for apply() alone, one
 * thread of its own. `first` is only read during the call. */
LT_MUST_USE bool pipeline_load_open_writer(
    struct change_sink *first, size_t lane, struct change_sink **ret, struct lt_err *err);
/** Where groups run beside each other: the number of the group's move, and what is asked before its COMMIT, with all
 * its replies read and judged and its locks held. */
struct pipeline_load_turn {
	uint64_t number;
	struct lt_str ahead; /* what its lane holds of groups that are committed behind apply()'s `end` */
	bool (*wait)(void *ctx, struct lt_err *err); /* false: roll back */
	/* asked before each reply, which is for `rows` rows; true: roll back */
	bool (*called_off)(void *ctx, uint64_t rows);
	void *ctx;
};
/** Connections that are to apply a backlog beside each other: as the channel file says, for a target as far away as it
 * was found to be by claim(), which comes before. */
size_t pipeline_load_writers(const struct change_sink *s);
/** From now on apply() takes its numbers and turns from `turn` (borrowed, read at each group). */
void pipeline_load_take_turns(struct change_sink *s, const struct pipeline_load_turn *turn);
/** The number of the pipeline's next move; `s` has claimed it. */
uint64_t pipeline_load_number(struct change_sink *s);
/** Claimed: whether the pipeline is to be held back; whether it has left traces at the target, beside its progress. */
bool pipeline_load_paused(const struct change_sink *s);
bool pipeline_load_begun(const struct change_sink *s);
/** What is committed behind the place that claim() told: to be passed over. Unchanged until close(). */
const struct pipeline_window *pipeline_load_window(const struct change_sink *s);
/** Somebody set the progress by hand: what was done ahead of the former one counts no more. */
void pipeline_load_forget_window(struct change_sink *s);
/** What comes behind a group: who knows of it, is asked whether COMMIT is waited for, and told of one that is not. */
struct pipeline_load_follow {
	/* Asked while replies are awaited: the transactions that the next apply() begins with, as far as they have
	 * come, and how many. They stay as they are until that call, and no other apply() comes before it but of what
	 * failed. */
	size_t (*next)(void *ctx, struct change_txn *const **txns);
	bool (*leaves)(void *ctx); /* asked once, right before COMMIT is sent */
	void (*committed)(void *ctx);
	void *ctx;
};
/** The next apply() plans what `follow` tells of while it waits; a plan asks the target nothing and changes nothing,
 * and if the group fails nothing is left of it. And if `follow` says so, it is back once its COMMIT has left, which it
 * does as ever: alone, with all else of the group judged. What became of it is heard before anything else by the
 * apply() that follows or by pipeline_load_hear(), whichever comes first: `committed` is called, or that call fails
 * without a word of its own group, and only a claim tells. */
void pipeline_load_follow(struct change_sink *s, const struct pipeline_load_follow *follow);
/** Wait for what is still to be heard, if anything. */
LT_MUST_USE bool pipeline_load_hear(struct change_sink *s, struct lt_err *err);
/** Whether the target has hung up, as far as is known here; asks it nothing. */
LT_MUST_USE bool pipeline_load_check(struct change_sink *s, struct lt_err *err);
/** From now on the server ends the session, and undoes what is open, once it has said nothing for ten seconds: whoever
 * holds it says something every PIPELINE_STAY_MS (ADR 49). */
#define PIPELINE_STAY_MS 3000
LT_MUST_USE bool pipeline_load_bound(struct change_sink *s, uint64_t *round_us, struct lt_err *err);
/** How long the target takes to answer just so, as pipeline_load_bound() tells, too; nothing is open. */
LT_MUST_USE bool pipeline_load_round(struct change_sink *s, uint64_t *round_us, struct lt_err *err);
/** Which lane it moves. */
size_t pipeline_load_lane(const struct change_sink *s);
/** The server's own number of the connection, for KILL. */
uint32_t pipeline_load_session(struct change_sink *s);
/** The routes into the target that `s` uses. */
struct pipeline_router *pipeline_load_router(struct change_sink *s);
/** The connection, for reads and for work that load has no words for (schema history, audit), in its open transaction.
 */
struct my_conn *pipeline_load_conn(struct change_sink *s);
/** Open a transaction that sets the progress to `at`, creating the lane if there is none; the caller adds to it, then
 * pipeline_load_commit() or pipeline_load_rollback(). After claim(). */
LT_MUST_USE bool pipeline_load_begin(struct change_sink *s, const struct change_position *at, struct lt_err *err);
LT_MUST_USE bool pipeline_load_commit(struct change_sink *s, struct lt_err *err);
void pipeline_load_rollback(struct change_sink *s);
/** Between groups: what is to be done without transactions of the source where both ends may write the same rows
 * (pipeline/settle.h), in a transaction that sets the progress to `at`. *moved: it was, durably. */
LT_MUST_USE bool pipeline_load_tend(
    struct change_sink *s, const struct change_position *at, bool *moved, struct lt_err *err);
/** Before the first row: see pipeline/warm.h. */
LT_MUST_USE bool pipeline_load_warm(struct change_sink *s, const struct schema_history *history, struct lt_err *err);

/** One row of a transaction. */
struct pipeline_load_row {
	uint64_t at; /* UINT64_MAX: none */
	enum change_op op;
	const struct change_table *table;
	bool moves; /* an UPDATE that changes the key */
};
/** pipeline_load_begin() for a transaction that holds rows: with Otter's mark, where the channel wants it. */
LT_MUST_USE bool pipeline_load_hand_begin(struct change_sink *s, const struct change_position *at, struct lt_err *err);
/** In the open transaction: rows [from, to) of `t`, in its order, each judged. On failure *failed is the row that it
 * speaks of. */
LT_MUST_USE bool pipeline_load_rows(struct change_sink *s, struct change_txn *t, uint64_t from, uint64_t to,
    struct pipeline_load_row *failed, struct lt_err *err);
/** The target's table for rows of `from`, and whether its rows can be found by a key (`*key`, else NULL). Borrowed from
 * the sink. */
LT_MUST_USE bool pipeline_load_target(struct change_sink *s, const struct change_table *from,
    const struct schema_table **table, const struct schema_key **key, struct lt_err *err);
/** A statement given by hand, in the open transaction, with foreign keys checked. */
LT_MUST_USE bool pipeline_load_statement(
    struct change_sink *s, struct lt_str sql, struct my_reply *out, struct lt_err *err);

#endif
