/* binlog/recall.h - what is asked of the source beside the stream that is read: an XA transaction that was prepared
 * before reading began, whose rows are read from the log once more; what was executed up to a place.
 *
 * R14: nothing is held but in memory, and the log of the source itself says what was prepared. */
#ifndef BINLOG_RECALL_H
#define BINLOG_RECALL_H

#include "binlog/source.h"

/** Opens a second stream of the same server, with a server id and a uuid of its own. One thread. */
struct binlog_recall;

/** Both are copied; what they borrow must outlive it. */
struct binlog_recall *binlog_recall_new(const struct my_addr *addr, const struct binlog_options *options);
/** The main stream is kept here (binlog/relay.h) and goes on without its source: that this is asked for and does not
 * answer becomes LT_E_XA_ROWS soon. */
void binlog_recall_kept(struct binlog_recall *r);
void binlog_recall_free(struct binlog_recall *r);
/** Read from the server's oldest file on to the XA COMMIT at `commit`: `*ret` is its transaction, the caller's, or NULL
 * where it changed nothing wanted. LT_E_LOG_PURGED: its preparation is in no file any more. */
LT_MUST_USE bool binlog_recall_rows(
    struct binlog_recall *r, const struct change_place *commit, struct change_txn **ret, struct lt_err *err);
/** MariaDB: what its log holds up to `place`. `*ret` is the caller's. */
LT_MUST_USE bool binlog_recall_executed(
    struct binlog_recall *r, const struct change_place *place, struct change_gtid_set **ret, struct lt_err *err);
/** Any thread: a reading that goes on fails soon with LT_E_CANCELLED. */
void binlog_recall_cancel(struct binlog_recall *r);

#endif
