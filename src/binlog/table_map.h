/* binlog/table_map.h - TABLE_MAP events: what the images that follow look like.
 *
 * Source: MySQL libs/mysql/binlog/event/rows_event.h, MariaDB sql/log_event.h; traps in the tests. Also knows which of
 * a column's facts the log itself told (binlog_row_metadata), so that the schema can be checked against it. */
#ifndef BINLOG_TABLE_MAP_H
#define BINLOG_TABLE_MAP_H

#include "base/err.h"
#include "change/table.h"

/** What decoders take from their arenas: at most so many times the bytes they are given, and so much beside (an arena
 * doubles its blocks). The most is for BINARY(n), whose zeros the log leaves out, and for COMPRESSED columns: deflate
 * can do 1032. Tests and fuzz targets hold them to it. */
#define BINLOG_MEMORY_FACTOR 1100
#define BINLOG_MEMORY_MORE ((size_t)512 << 10)

/** Just enough to ask the filter, without allocation; strings borrow from `body`. */
struct binlog_table_name {
	uint64_t table_id;
	struct lt_str schema, table;
};

/** `body`: the event behind its 19-byte header, without checksum. `id_width` is 6 (4 where the post-header is 6 bytes).
 */
LT_MUST_USE bool binlog_table_map_name(
    struct lt_str body, size_t id_width, struct binlog_table_name *out, struct lt_err *err);
/** The whole table, one reference, the caller's. Its codec is binlog_codec(). `mariadb`: which engine wrote it (column
 * charsets are counted differently). Unknown column types are no error here but at the first image that carries one. */
LT_MUST_USE bool binlog_table_map_decode(
    struct lt_str body, size_t id_width, bool mariadb, struct change_table **ret, struct lt_err *err);

/** Decodes images of every row event: see change_codec. */
const struct change_codec *binlog_codec(void);

#endif
