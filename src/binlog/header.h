/* binlog/header.h - the 19 bytes in front of every binlog event, and the types there are. */
#ifndef BINLOG_HEADER_H
#define BINLOG_HEADER_H

#include "base/cur.h"
#include "base/err.h"

#define BINLOG_HEADER_SIZE 19
#define BINLOG_HEADER_SIZE_AT 9 /* where the event's size stands in it */
#define BINLOG_CHECKSUM_SIZE 4

/** Source: MySQL binlog_event.h (Log_event_type), MariaDB log_event.h. */
enum binlog_type {
	BINLOG_START_V3 = 1,
	BINLOG_QUERY = 2,
	BINLOG_STOP = 3,
	BINLOG_ROTATE = 4,
	BINLOG_INTVAR = 5,
	BINLOG_LOAD = 6,
	BINLOG_SLAVE = 7,
	BINLOG_CREATE_FILE = 8,
	BINLOG_APPEND_BLOCK = 9,
	BINLOG_EXEC_LOAD = 10,
	BINLOG_DELETE_FILE = 11,
	BINLOG_NEW_LOAD = 12,
	BINLOG_RAND = 13,
	BINLOG_USER_VAR = 14,
	BINLOG_FORMAT_DESCRIPTION = 15,
	BINLOG_XID = 16,
	BINLOG_BEGIN_LOAD_QUERY = 17,
	BINLOG_EXECUTE_LOAD_QUERY = 18,
	BINLOG_TABLE_MAP = 19,
	BINLOG_PRE_GA_WRITE_ROWS = 20,
	BINLOG_PRE_GA_UPDATE_ROWS = 21,
	BINLOG_PRE_GA_DELETE_ROWS = 22,
	BINLOG_WRITE_ROWS_V1 = 23,
	BINLOG_UPDATE_ROWS_V1 = 24,
	BINLOG_DELETE_ROWS_V1 = 25,
	BINLOG_INCIDENT = 26,
	BINLOG_HEARTBEAT = 27,
	BINLOG_IGNORABLE = 28,
	BINLOG_ROWS_QUERY = 29,
	BINLOG_WRITE_ROWS = 30,
	BINLOG_UPDATE_ROWS = 31,
	BINLOG_DELETE_ROWS = 32,
	BINLOG_GTID = 33,
	BINLOG_ANONYMOUS_GTID = 34,
	BINLOG_PREVIOUS_GTIDS = 35,
	BINLOG_TRANSACTION_CONTEXT = 36,
	BINLOG_VIEW_CHANGE = 37,
	BINLOG_XA_PREPARE = 38,
	BINLOG_PARTIAL_UPDATE_ROWS = 39,
	BINLOG_TRANSACTION_PAYLOAD = 40,
	BINLOG_HEARTBEAT_V2 = 41,
	BINLOG_GTID_TAGGED = 42,
	BINLOG_MARIADB_ANNOTATE_ROWS = 160,
	BINLOG_MARIADB_CHECKPOINT = 161,
	BINLOG_MARIADB_GTID = 162,
	BINLOG_MARIADB_GTID_LIST = 163,
	BINLOG_MARIADB_START_ENCRYPTION = 164,
	BINLOG_MARIADB_QUERY_COMPRESSED = 165,
	BINLOG_MARIADB_WRITE_ROWS_COMPRESSED_V1 = 166,
	BINLOG_MARIADB_UPDATE_ROWS_COMPRESSED_V1 = 167,
	BINLOG_MARIADB_DELETE_ROWS_COMPRESSED_V1 = 168,
	BINLOG_MARIADB_WRITE_ROWS_COMPRESSED = 169,
	BINLOG_MARIADB_UPDATE_ROWS_COMPRESSED = 170,
	BINLOG_MARIADB_DELETE_ROWS_COMPRESSED = 171,
	BINLOG_MARIADB_PARTIAL_ROW_DATA = 172,
};

enum {
	BINLOG_FLAG_IN_USE = 0x0001,
	BINLOG_FLAG_ARTIFICIAL = 0x0020,
	BINLOG_FLAG_IGNORABLE = 0x0080,
	BINLOG_FLAG_SKIP_REPLICATION = 0x8000, /* MariaDB */
};

struct binlog_header {
	uint32_t when_s;    /* source clock */
	uint8_t type;       /* enum binlog_type; may be newer than we know */
	uint32_t server_id; /* writer of the event: the root of loop prevention */
	uint32_t size;      /* whole event, header (and checksum) included */
	uint32_t end_pos;   /* low 32 bits of the place behind it; 0 in artificial events */
	uint16_t flags;
};

/** The header at `p`, unchecked. */
static inline void
binlog_header_load(const uint8_t *p, struct binlog_header *out)
{
	out->when_s = lt_le32(p);
	out->type = p[4];
	out->server_id = lt_le32(p + 5);
	out->size = lt_le32(p + 9);
	out->end_pos = lt_le32(p + 13);
	out->flags = lt_le16(p + 17);
}

/** Read one header from `in`. On failure `*out` is untouched. Allocates nothing; any thread. */
LT_MUST_USE bool binlog_header_decode(struct lt_cur *in, struct binlog_header *out, struct lt_err *err);
/** "WRITE_ROWS", ...; "type 99" is not made here: NULL for numbers that are not known. */
const char *binlog_type_name(uint8_t type);

#endif
