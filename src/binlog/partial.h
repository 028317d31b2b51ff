/* binlog/partial.h - after images of PARTIAL_UPDATE_ROWS, made whole by their before images. */
#ifndef BINLOG_PARTIAL_H
#define BINLOG_PARTIAL_H

#include "change/table.h"

/** JSON columns of a table: what `bits` counts. */
size_t binlog_partial_columns(const struct change_table *table);
/** `after` as the log has it, whose JSON columns with a bit in `bits` are lists of edits; `*out` as any other image, in
 * `arena`. Where `before` has the column its edits are carried out; else the column is marked in `out->partial`, or,
 * without edits, is not in the image. Both images have been measured. */
LT_MUST_USE bool binlog_partial_whole(const struct change_table *table, const struct change_image *before,
    const struct change_image *after, const uint8_t *bits, struct lt_arena *arena, struct change_image *out,
    struct lt_err *err);

#endif
