/* binlog/relay_file.h - reading one file of a relay log: record by record, each proven whole. */
#ifndef BINLOG_RELAY_FILE_H
#define BINLOG_RELAY_FILE_H

#include "binlog/relay_record.h"
#include "binlog/spool.h"

/** One thread. Zeroed with fd -1: none. */
struct binlog_relay_file {
	const char *dir; /* borrowed */
	uint64_t number;
	int fd; /* owned */
	struct binlog_relay_head head;
	struct lt_buf head_bytes; /* what `head` borrows from */
	uint64_t next;            /* where the next record stands */
	struct lt_buf buf;        /* bytes read: those from `base` on */
	uint64_t base;
};

enum binlog_relay_next {
	BINLOG_RELAY_RECORD,
	BINLOG_RELAY_END,    /* the file, or what of it may be read, ends in front of the next record */
	BINLOG_RELAY_TORN,   /* it ends inside of it, or what stands there is none */
	BINLOG_RELAY_FAILED, /* the disk */
};

/** Room for DIR/NUMBER.relay; false: the folder's name is too long. */
LT_MUST_USE bool binlog_relay_file_path(const char *dir, uint64_t number, char out[4096]);
/** Open it and read its head. LT_E_RELAY_DAMAGED: it has none; LT_E_RELAY_IO. */
LT_MUST_USE bool binlog_relay_file_open(
    const char *dir, uint64_t number, struct binlog_relay_file *out, struct lt_err *err);
void binlog_relay_file_close(struct binlog_relay_file *f);
/** The next record of the first `limit` bytes; `next` moves behind it. `*event` is borrowed until the next call; of a
 * LARGE one it is the front, and all of it goes into `spool`, which is open (NULL: into nothing, and `*event` is
 * empty). TORN and FAILED leave `next` where it is. */
enum binlog_relay_next binlog_relay_file_next(struct binlog_relay_file *f, uint64_t limit, struct binlog_spool *spool,
    struct binlog_relay_record *out, struct lt_str *event, struct lt_err *err);
/** The record that stands next, without its event, and nothing moves. */
enum binlog_relay_next binlog_relay_file_peek(
    struct binlog_relay_file *f, uint64_t limit, struct binlog_relay_record *out, struct lt_err *err);

#endif
