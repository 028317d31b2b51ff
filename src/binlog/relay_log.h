/* binlog/relay_log.h - what was received and is kept on disk until the target has it: files of records, oldest first.
 *
 * A new file begins where the source's log does, and between two transactions once one is large enough: whole files are
 * what is given up. What was added is in memory first; write() hands it to the system, sync() makes it durable. */
#ifndef BINLOG_RELAY_LOG_H
#define BINLOG_RELAY_LOG_H

#include "binlog/gtid_event.h"
#include "binlog/relay_file.h"
#include "binlog/track.h"
#include "change/position.h"

struct binlog_relay_segment {
	uint64_t number, size;
	struct change_place start;     /* of its first event, in the source's log */
	bool begin;                    /* reading began with it */
	struct change_gtid_set *gtids; /* owned: executed before it */
};

/** One thread. */
struct binlog_relay_log {
	char *dir;                             /* owned */
	struct binlog_relay_segment *segments; /* owned: oldest first */
	size_t count, cap;
	uint64_t next_number, segment_bytes;
	char server[64]; /* whose log it is; "" with no segment */
	bool folds;
	int fd;                   /* owned: of the newest segment; -1: none */
	uint64_t written;         /* bytes of it that the system has */
	uint64_t synced;          /* bytes of it that are durable */
	bool named;               /* its name is durable */
	bool broken;              /* what is durable is not known any more: to be opened again */
	struct lt_buf out;        /* added, not written */
	struct change_place last; /* of the newest event: its end, its first byte, its CRC; file "" with none */
	struct binlog_format format;
	struct lt_buf format_bytes;       /* the newest FORMAT_DESCRIPTION, whole */
	struct change_gtid_set *executed; /* owned: by all whole transactions, and what was before */
	struct change_gtid open;          /* of the newest transaction, which may not be whole */
};

/** Where reading begins. */
struct binlog_relay_begin {
	const char *server;
	bool folds;
	struct change_place place;
	const struct change_gtid_set *gtids; /* executed before it */
};

/** What to add. */
struct binlog_relay_entry {
	struct binlog_event event;
	struct lt_str bytes; /* all of it, checksum too; its front where it lies in event.spool */
	enum binlog_relay_kind kind;
	struct binlog_at at;
};

/** Whether an event of a stream carries a checksum; `format`: the newest. */
enum binlog_checksum binlog_relay_checksum(
    const struct binlog_track *t, const struct binlog_format *format, struct lt_str event);

/** Read what lies in the folder `dir`, made where it is missing; a torn end is cut off, and `*cut` tells how much.
 * LT_E_RELAY_IO, LT_E_RELAY_DAMAGED. Ended by close() either way. */
LT_MUST_USE bool binlog_relay_log_open(
    struct binlog_relay_log *l, const char *dir, uint64_t limit, uint64_t *cut, struct lt_err *err);
void binlog_relay_log_close(struct binlog_relay_log *l);
/** Give up all that there is; false: some of it could not be removed. */
LT_MUST_USE bool binlog_relay_log_drop(struct binlog_relay_log *l, struct lt_err *err);
/** The first file, where there is none. */
LT_MUST_USE bool binlog_relay_log_begin(
    struct binlog_relay_log *l, const struct binlog_relay_begin *begin, struct lt_err *err);
/** Add one event, checked already. After a failure nothing of it is there, and it may be tried again. */
LT_MUST_USE bool binlog_relay_log_add(
    struct binlog_relay_log *l, const struct binlog_relay_entry *e, struct lt_err *err);
/** The transaction of the newest event is whole. */
void binlog_relay_log_whole(struct binlog_relay_log *l);
/** May be tried again after a failure. */
LT_MUST_USE bool binlog_relay_log_write(struct binlog_relay_log *l, struct lt_err *err);
/** All that was added is durable. A failure cuts off what is not: the log must be opened again then. */
LT_MUST_USE bool binlog_relay_log_sync(struct binlog_relay_log *l, struct lt_err *err);
/** Give up files that a reader who begins at `saved` will not need. */
void binlog_relay_log_trim(struct binlog_relay_log *l, const struct change_position *saved);
/** Of all files, and what is not written. */
uint64_t binlog_relay_log_bytes(const struct binlog_relay_log *l);

enum binlog_relay_cover {
	BINLOG_RELAY_COVERS,  /* it goes on from there; `*segment` is the index of the file */
	BINLOG_RELAY_BEHIND,  /* all of it was before that */
	BINLOG_RELAY_FOREIGN, /* it does not follow from that */
};

/** How the log stands to a reader who has all up to `from`. `*by_gtid`: in the file, GTIDs tell where. */
enum binlog_relay_cover binlog_relay_log_cover(
    const struct binlog_relay_log *l, const struct change_position *from, size_t *segment, bool *by_gtid);

#endif
