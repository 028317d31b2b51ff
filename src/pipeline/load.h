/* pipeline/load.h - load: the sink that writes whole transactions into a MySQL or MariaDB target.
 *
 * One connection, autocommit off, COMMIT only after every reply was read and checked (R1); the lane moves first in
 * every transaction (R2); the session of R3. One owner thread, but for cancel. */
#ifndef PIPELINE_LOAD_H
#define PIPELINE_LOAD_H

#include "change/sink.h"
#include "model/channel.h"
#include "mysql/conn.h"
#include "schema/table.h"

/** Connect to the pipeline's target, set the session, install schema `lutra`. `**ret` to its own close. */
LT_MUST_USE bool pipeline_load_open(
    const struct model_channel *channel, size_t index, struct change_sink **ret, struct lt_err *err);
/** The connection, for reads and for work that load has no words for (schema history, audit), in its open transaction.
 */
struct my_conn *pipeline_load_conn(struct change_sink *s);
/** Open a transaction that sets the progress to `at`, creating the lane if there is none; the caller adds to it, then
 * pipeline_load_commit() or pipeline_load_rollback(). After claim(). */
LT_MUST_USE bool pipeline_load_begin(struct change_sink *s, const struct change_position *at, struct lt_err *err);
LT_MUST_USE bool pipeline_load_commit(struct change_sink *s, struct lt_err *err);
void pipeline_load_rollback(struct change_sink *s);

/** In the open transaction: rows [from, to) of `t`, in its order, each judged. On failure *failed is the row that it
 * speaks of, or SIZE_MAX. */
LT_MUST_USE bool pipeline_load_rows(
    struct change_sink *s, struct change_txn *t, size_t from, size_t to, size_t *failed, struct lt_err *err);
/** The target's table for rows of `from`, and whether its rows can be found by a key (`*key`, else NULL). Borrowed from
 * the sink. */
LT_MUST_USE bool pipeline_load_target(struct change_sink *s, const struct change_table *from,
    const struct schema_table **table, const struct schema_key **key, struct lt_err *err);
/** A statement given by hand, in the open transaction, with foreign keys checked. */
LT_MUST_USE bool pipeline_load_statement(
    struct change_sink *s, struct lt_str sql, struct my_reply *out, struct lt_err *err);

#endif
