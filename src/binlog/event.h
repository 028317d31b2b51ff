/* binlog/event.h - one event out of a log: its header, its body, and the proof that it is whole. */
#ifndef BINLOG_EVENT_H
#define BINLOG_EVENT_H

#include "binlog/header.h"

/** Borrows from the bytes it was opened on. */
struct binlog_event {
	struct binlog_header header;
	struct lt_str body;  /* behind the header, without checksum */
	struct lt_str bytes; /* header and body */
	bool checked;        /* `crc` was found to be right */
	uint32_t crc;
	struct binlog_spool *spool; /* borrowed; NULL, or where all of it lies (binlog/spool.h): `body` and `bytes` are
				     * its front only */
	uint64_t spool_size;        /* then: of header and body */
};

/** Whether four bytes of CRC-32 stand behind the body. */
enum binlog_checksum {
	BINLOG_CHECKSUM_NONE,
	BINLOG_CHECKSUM_CRC32,
	/* Artificial ROTATE events: they follow what was negotiated or what the file had, by rules of the server's
	   version. */
	BINLOG_CHECKSUM_EITHER,
};

/** `bytes` is exactly one event. LT_E_TRUNCATED, LT_E_CORRUPT, LT_E_CHECKSUM. On failure `*out` is untouched. */
LT_MUST_USE bool binlog_event_open(
    struct lt_str bytes, enum binlog_checksum checksum, struct binlog_event *out, struct lt_err *err);
/** CRC-32 of header and body: what the log's own checksum is, also where the log has none. */
uint32_t binlog_event_crc(const struct binlog_event *e);
/** Name for messages: "WRITE_ROWS" or "type 99". `out` has room for 40 bytes. */
const char *binlog_event_name(uint8_t type, char out[40]);

struct binlog_rotate {
	uint64_t pos;
	struct lt_str file; /* borrowed */
};

LT_MUST_USE bool binlog_rotate_decode(struct lt_str body, struct binlog_rotate *out, struct lt_err *err);

#endif
