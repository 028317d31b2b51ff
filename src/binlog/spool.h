/* binlog/spool.h - one event that is too large for memory, on its way through a file. Only TRANSACTION_PAYLOAD comes
 * so: it alone is read as a stream. */
#ifndef BINLOG_SPOOL_H
#define BINLOG_SPOOL_H

#include "binlog/event.h"
#include "change/scratch.h"

enum { BINLOG_SPOOL_FRONT = 4096 };

/** One thread. Zeroed: none. */
struct binlog_spool {
	struct change_scratch file; /* the event's bytes, all of them */
	bool open;
	char front[BINLOG_SPOOL_FRONT]; /* its first bytes */
	size_t nfront;
	char tail[BINLOG_CHECKSUM_SIZE]; /* its last bytes so far: not in `crc` */
	size_t ntail;
	uint32_t crc;
};

LT_MUST_USE bool binlog_spool_open(struct binlog_spool *s, struct change_spill_room *room, struct lt_err *err);
void binlog_spool_close(struct binlog_spool *s);
LT_MUST_USE bool binlog_spool_add(struct binlog_spool *s, struct lt_str bytes, struct lt_err *err);
/** All is there: the event, as binlog_event_open() would give it, but for its body, of which `out->body` has the front
 * and the file all (`out->spool` is `s`). */
LT_MUST_USE bool binlog_spool_event(
    struct binlog_spool *s, enum binlog_checksum checksum, struct binlog_event *out, struct lt_err *err);

#endif
