/* binlog/image.h - one row's bytes: a bitmap of NULLs, then the values of the columns that are present. */
#ifndef BINLOG_IMAGE_H
#define BINLOG_IMAGE_H

#include "base/cur.h"
#include "change/table.h"

/** Columns whose bit is set; NULL stands for all. */
size_t binlog_image_columns(const struct change_table *table, const uint8_t *present);
/** Take the image that begins at `in`; `columns` as above. Every value is measured, none is decoded. Allocates nothing.
 */
LT_MUST_USE bool binlog_image_take(const struct change_table *table, const uint8_t *present, size_t columns,
    struct lt_cur *in, struct lt_str *out, struct lt_err *err);

#endif
