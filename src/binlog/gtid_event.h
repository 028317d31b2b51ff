/* binlog/gtid_event.h - the events that say which transaction begins, and which there were before. */
#ifndef BINLOG_GTID_EVENT_H
#define BINLOG_GTID_EVENT_H

#include "binlog/header.h"
#include "change/gtid.h"

enum {
	/* flags of MariaDB's GTID event */
	BINLOG_GTID_STANDALONE = 0x01, /* no COMMIT closes the group: one statement (and rows, for CREATE ... SELECT) */
	BINLOG_GTID_XA_PREPARED = 0x40,
	BINLOG_GTID_XA_COMPLETED = 0x80,
	/* its second byte of flags */
	BINLOG_GTID_START_ALTER = 0x02,
	BINLOG_GTID_COMMIT_ALTER = 0x04,
	BINLOG_GTID_ROLLBACK_ALTER = 0x08,
};

/** What a transaction's first event says. A value. */
struct binlog_gtid_event {
	struct change_gtid gtid;
	uint64_t commit_us;         /* MySQL since 8.0.1: the commit at this server; 0 = not told, */
	uint64_t written_us;        /* and the one at the server that wrote it first */
	uint8_t flags, flags_extra; /* MariaDB */
};

/** GTID, ANONYMOUS_GTID, GTID_TAGGED, MARIADB_GTID. `server_id` is the header's: MariaDB has it only there. */
LT_MUST_USE bool binlog_gtid_decode(
    uint8_t type, struct lt_str body, uint32_t server_id, struct binlog_gtid_event *out, struct lt_err *err);
/** MariaDB's GTID_LIST: the newest of each domain and server at the start of a file. `*ret` is the caller's. */
LT_MUST_USE bool binlog_gtid_list_decode(struct lt_str body, struct change_gtid_set **ret, struct lt_err *err);

#endif
