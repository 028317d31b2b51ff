/* binlog/server_priv.h - questions to a server about itself, shared by who opens a stream and who only asks. */
#ifndef BINLOG_SERVER_PRIV_H
#define BINLOG_SERVER_PRIV_H

#include "binlog/source.h"

/** The identity that file names belong to. */
LT_MUST_USE bool binlog_identity(struct my_conn *c, char out[64], struct lt_err *err);
/** Everything the server has in its log: @@gtid_executed, @@gtid_binlog_pos. `*ret` is the caller's. */
LT_MUST_USE bool binlog_executed(struct my_conn *c, struct change_gtid_set **ret, struct lt_err *err);
/** One value of one row; "" when there is none. */
LT_MUST_USE bool binlog_ask(struct my_conn *c, const char *sql, struct lt_buf *out, struct lt_err *err);

#endif
