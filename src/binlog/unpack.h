/* binlog/unpack.h - the bytes of a file, which may be compressed as a whole (gzip, zstd). */
#ifndef BINLOG_UNPACK_H
#define BINLOG_UNPACK_H

#include "base/err.h"

/** One thread. Memory: the file's window, at most 128 MB (zstd), and a block. */
struct binlog_unpack;

/** Takes over `fd`, also on failure. What it is packed with, its first bytes tell. */
LT_MUST_USE bool binlog_unpack_open(int fd, struct binlog_unpack **ret, struct lt_err *err);
void binlog_unpack_close(struct binlog_unpack *u);
/** Whether the file can be read at any place, and has the size that the system says. */
bool binlog_unpack_plain(const struct binlog_unpack *u);
/** Up to `want` bytes (not 0) from `offset` on; `*got` 0 at the end. Of a packed file `offset` never goes back; what
 * is between is passed over, and an end in front of it is LT_E_LOG_POSITION. */
LT_MUST_USE bool binlog_unpack_read(
    struct binlog_unpack *u, uint64_t offset, char *to, size_t want, size_t *got, struct lt_err *err);

#endif
