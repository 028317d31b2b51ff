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

/** Connect to the pipeline's target, set the session, install schema `lutra`. `**ret` to its own close. `stop`: see
 * pipeline_connect(). */
LT_MUST_USE bool pipeline_load_open(const struct model_channel *channel, size_t index, struct lt_wake *stop,
    struct change_sink **ret, struct lt_err *err);
/** The connection, for reads and for work that load has no words for (schema history, audit), in its open transaction.
 */
struct my_conn *pipeline_load_conn(struct change_sink *s);
/** Open a transaction that sets the progress to `at`, creating the lane if there is none; the caller adds to it, then
 * pipeline_load_commit() or pipeline_load_rollback(). After claim(). */
LT_MUST_USE bool pipeline_load_begin(struct change_sink *s, const struct change_position *at, struct lt_err *err);
LT_MUST_USE bool pipeline_load_commit(struct change_sink *s, struct lt_err *err);
void pipeline_load_rollback(struct change_sink *s);

#endif
