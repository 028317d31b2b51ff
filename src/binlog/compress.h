/* binlog/compress.h - events that hold events or bodies compressed: MySQL's TRANSACTION_PAYLOAD (zstd), MariaDB's 165
 * to 171 (zlib). */
#ifndef BINLOG_COMPRESS_H
#define BINLOG_COMPRESS_H

#include "base/buf.h"
#include "binlog/event.h"

/* deflate cannot do better than this (zlib, "Maximum Compression Factor"). */
#define BINLOG_INFLATE_FACTOR 1032

/** The events inside one payload, unpacked one at a time: memory is bounded by the largest of them. */
struct binlog_payload;

/** `body` is borrowed until the close. `limit`: largest event accepted, else LT_E_TXN_TOO_LARGE. */
LT_MUST_USE bool binlog_payload_open(struct lt_str body, size_t limit, struct binlog_payload **ret, struct lt_err *err);
/** The same of an event that may lie in a file. */
LT_MUST_USE bool binlog_payload_open_event(
    const struct binlog_event *e, size_t limit, struct binlog_payload **ret, struct lt_err *err);
void binlog_payload_close(struct binlog_payload *p);
/** The next event's bytes (no checksum), borrowed until the next call; `event->len` 0 at the end. */
LT_MUST_USE bool binlog_payload_next(struct binlog_payload *p, struct lt_str *event, struct lt_err *err);

/** True for MariaDB's compressed events. */
static inline bool
binlog_is_compressed(uint8_t type)
{
	return type >= BINLOG_MARIADB_QUERY_COMPRESSED && type <= BINLOG_MARIADB_DELETE_ROWS_COMPRESSED;
}

/** Turn the body of such an event into that of the event it stands for; `*type` becomes that one's. `query_size` is the
 * post-header of QUERY. `out` is replaced. A body above `limit` is LT_E_TXN_TOO_LARGE. */
LT_MUST_USE bool binlog_expand(
    uint8_t *type, struct lt_str body, size_t query_size, size_t limit, struct lt_buf *out, struct lt_err *err);

#endif
