/* binlog/relay_record.h - the bytes of a relay log's files: a head, then one record for each event, each with its
 * length and its CRC-32, so that a torn end shows.
 *
 *   file:   "LUTRARL1" | u32 bytes of the head that follow | u32 their CRC | head
 *   head:   u8 flags | u64 pos | file, server, GTID set as text: each u32 length and bytes
 *   record: u32 bytes of the event | u32 CRC of all that follows | u8 kind | u64 pos | u64 end | the event
 */
#ifndef BINLOG_RELAY_RECORD_H
#define BINLOG_RELAY_RECORD_H

#include "base/buf.h"
#include "base/err.h"

enum {
	BINLOG_RELAY_BEGIN = 1, /* reading began here: there is no file before it */
	BINLOG_RELAY_FOLDS = 2, /* at the source names are the same in any letter case */
	BINLOG_RELAY_HEAD_MAX = 1 << 20,
	BINLOG_RELAY_RECORD_SIZE = 25,
	BINLOG_RELAY_FRONT_SIZE = 16, /* of a file: magic, length, CRC */
};

/** What a file begins with. Strings borrow from what was decoded. */
struct binlog_relay_head {
	uint8_t flags;
	uint64_t pos;         /* in `file`: of the first event here */
	struct lt_str file;   /* of the source's log; "" where reading began by GTID */
	struct lt_str server; /* whose log it is */
	struct lt_str gtids;  /* what was executed before the first event here */
};

enum binlog_relay_kind {
	BINLOG_RELAY_EVENT = 1,    /* of the log */
	BINLOG_RELAY_SHOWN = 2,    /* not of the log: artificial, or a FORMAT_DESCRIPTION shown ahead of a place */
	BINLOG_RELAY_PREAMBLE = 3, /* a FORMAT_DESCRIPTION that stood in the file before: for who begins in this one */
	BINLOG_RELAY_LARGE = 4,    /* of the log, and to be read in pieces */
};

static inline bool
binlog_relay_of_log(uint8_t kind)
{
	return kind == BINLOG_RELAY_EVENT || kind == BINLOG_RELAY_LARGE;
}

/** What stands before an event. A value. */
struct binlog_relay_record {
	uint32_t size; /* of the event */
	uint32_t crc;
	uint8_t kind;      /* enum binlog_relay_kind */
	uint64_t pos, end; /* where the event stands in the source's log */
};

/** Append a file's first bytes. */
void binlog_relay_head_encode(const struct binlog_relay_head *h, struct lt_buf *out);
/** `bytes` begins as a file does. `*used`: where the first record stands. LT_E_TRUNCATED: it goes on behind `bytes`;
 * LT_E_CORRUPT. */
LT_MUST_USE bool binlog_relay_head_decode(
    struct lt_str bytes, struct binlog_relay_head *out, size_t *used, struct lt_err *err);

/** The first bytes of a record whose event has the CRC-32 that binlog_relay_crc() gave. */
void binlog_relay_record_encode(const struct binlog_relay_record *r, char out[BINLOG_RELAY_RECORD_SIZE]);
/** `in` has BINLOG_RELAY_RECORD_SIZE bytes. False: no record begins so. */
LT_MUST_USE bool binlog_relay_record_decode(const char *in, struct binlog_relay_record *out);
/** CRC of kind, places, and a first piece of the event; go on with binlog_crc32() for more of it. */
uint32_t binlog_relay_record_crc(const struct binlog_relay_record *r, struct lt_str event);

#endif
