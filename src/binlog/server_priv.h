/* binlog/server_priv.h - questions to a server about itself, shared by who opens a stream and who only asks. */
#ifndef BINLOG_SERVER_PRIV_H
#define BINLOG_SERVER_PRIV_H

#include "binlog/semi_sync.h"
#include "binlog/source_priv.h"

/** Everything the server has in its log: @@gtid_executed, @@gtid_binlog_pos. `*ret` is the caller's. */
LT_MUST_USE bool binlog_executed(struct my_conn *c, struct change_gtid_set **ret, struct lt_err *err);
/** One value of one row; "" when there is none. */
LT_MUST_USE bool binlog_ask(struct my_conn *c, const char *sql, struct lt_buf *out, struct lt_err *err);

/** A server's log as a feed of events, begun as binlog_source_open() says. `options->semi_sync`: as a semi-synchronous
 * replica, where the server knows of that. */
LT_MUST_USE bool binlog_stream_open(const struct my_addr *addr, const struct change_position *from,
    const struct binlog_options *options, struct binlog_feed **ret, struct lt_err *err);
/** Whose log it is. Lives as long as the feed. */
const char *binlog_stream_identity(const struct binlog_feed *feed);
/** Begun at an event that must be there (R13). */
bool binlog_stream_expects(const struct binlog_feed *feed);
/** What the server said of semi-synchronous replication when the stream began. */
enum binlog_semi_sync binlog_stream_semi_sync(const struct binlog_feed *feed);
/** Whether names of tables are the same in any letter case there (asked with `semi_sync` only). */
bool binlog_stream_folds(const struct binlog_feed *feed);
/** The source waits for the event just read to be acknowledged. */
bool binlog_stream_wants_ack(const struct binlog_feed *feed);
/** All up to `end` in its log is durable here. */
LT_MUST_USE bool binlog_stream_ack(struct binlog_feed *feed, const struct change_place *end, struct lt_err *err);

#endif
