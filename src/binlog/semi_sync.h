/* binlog/semi_sync.h - what semi-synchronous replication adds to a stream: two bytes in front of each event, and the
 * packet that acknowledges.
 *
 * Source: MySQL plugin/semisync (semisync.h), MariaDB sql/semisync.h; both engines have the same bytes. */
#ifndef BINLOG_SEMI_SYNC_H
#define BINLOG_SEMI_SYNC_H

#include "base/buf.h"
#include "change/position.h"

/** What a source says of itself. */
enum binlog_semi_sync {
	BINLOG_SEMI_SYNC_UNKNOWN, /* not asked yet */
	BINLOG_SEMI_SYNC_ABSENT,  /* it has no such thing (MySQL without the plugin) */
	BINLOG_SEMI_SYNC_OFF,     /* its commits wait for nobody */
	BINLOG_SEMI_SYNC_ON,
};

enum { BINLOG_SEMI_SYNC_HEAD = 2 };

/** Whether `packet`, behind its first byte, begins with the two bytes; *ack: the source waits for an answer. */
bool binlog_semi_sync_head(struct lt_str packet, bool *ack);
/** Append the acknowledgement of all up to `end`. */
void binlog_semi_sync_ack(const struct change_place *end, struct lt_buf *out);

#endif
