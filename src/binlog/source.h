/* binlog/source.h - a server's binary log, or files of it, as a change_source.
 *
 * One thread owns it (but for cancel). Every event's checksum is verified; an event that is not known and not flagged
 * ignorable is a coded stop. */
#ifndef BINLOG_SOURCE_H
#define BINLOG_SOURCE_H

#include "change/source.h"
#include "mysql/conn.h"

struct binlog_options {
	struct change_filter filter; /* all members NULL: everything is wanted */
	struct change_describer describer;
	uint32_t server_id;    /* ours, as a replica; must differ from every other reader's */
	uint8_t uuid[16];      /* likewise */
	unsigned heartbeat_ms; /* 0 = 1000; silence of three of them is LT_E_LOG_SILENT */
	bool boundaries; /* only where transactions begin and end counts: none is left out, what is prepared (XA) is
			  * shown as one, and what they hold is not looked into. Without filter and describer */
	bool semi_sync;  /* as a semi-synchronous replica: only for who acknowledges (binlog/relay.h) */
	bool to_end;     /* a server's log ends where it ends when that is reached, as a file does */
	const struct change_place
	    *commit;            /* of a second reading (binlog/recall.h): this XA COMMIT counts alone, others may be of
				 * transactions that are not in the log any more; NULL: each counts */
	size_t txn_limit_bytes; /* a larger event is LT_E_TXN_TOO_LARGE, and so is a larger transaction where there is
				 * no `spill`; 0 = no limit */
	struct change_spill_room *spill; /* borrowed; NULL: none */
	const struct lt_clock *clock;
};

/** What a server says of its log. */
struct binlog_server {
	char identity[64]; /* MySQL: @@server_uuid; MariaDB: "mariadb-<server_id>-<hash of host, datadir and port>" */
	struct change_position end; /* where its log ends now, with what was executed */
	bool row_format, full_image, full_metadata;
};

/** Its identity alone. */
LT_MUST_USE bool binlog_identity(struct my_conn *c, char out[64], struct lt_err *err);
/** Ask `c`; LT_E_LOG_OFF without a binary log, LT_E_NO_PRIVILEGE. `out->end` is the caller's to
 * change_position_clear(). */
LT_MUST_USE bool binlog_server_read(struct my_conn *c, struct binlog_server *out, struct lt_err *err);

/** What MariaDB's log holds up to a place of it; LT_E_SERVER_BUSY when the server cannot tell. */
LT_MUST_USE bool binlog_gtids_at(
    struct my_conn *c, const struct change_place *place, struct change_gtid_set **ret, struct lt_err *err);

/** Connect to `addr` and read on from `from`:
 *  - its server is the same as the one reached: by file and position, from `last_pos`, where the event must have the
 *    CRC `last_crc` (R13), else LT_E_LOG_HISTORY;
 *  - another server: by GTID set, which must be contained in what that server executed, else LT_E_LOG_HISTORY;
 *  - no file known: by GTID set. `from->server` empty: any server.
 * The source tells whose log it is (`server`). `addr` and `options` are copied; what they borrow must outlive the
 * source. */
LT_MUST_USE bool binlog_source_open(const struct my_addr *addr, const struct change_position *from,
    const struct binlog_options *options, struct change_source **ret, struct lt_err *err);
/** One file from byte `from_pos` (0 or 4: its start) to its end, where next() gives NULL for ever
 * (`binlog_source_ended`). A transaction that the file's end cuts off is LT_E_TRUNCATED, but not if the file is marked
 * as in use. */
LT_MUST_USE bool binlog_file_open(const char *path, uint64_t from_pos, const struct binlog_options *options,
    struct change_source **ret, struct lt_err *err);
bool binlog_source_ended(const struct change_source *s);
/** Of a file that is read from its start: what was executed before it; NULL: not told (yet). Borrowed. */
const struct change_gtid_set *binlog_source_before(const struct change_source *s);

/** How far reading has come: owner thread only. */
void binlog_source_place(const struct change_source *base, struct change_place *out);
/** Bytes of log read so far: any thread. */
uint64_t binlog_source_bytes(const struct change_source *s);

#endif
