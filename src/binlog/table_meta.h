/* binlog/table_meta.h - what a TABLE_MAP says of its columns beyond their types. */
#ifndef BINLOG_TABLE_META_H
#define BINLOG_TABLE_META_H

#include "base/cur.h"
#include "change/table.h"

/** Fill wire_meta of all columns from the metadata block; wire_type of CHAR, ENUM and SET becomes the real one. Behind
 * a type that is not known the block may not be readable: then the columns that follow get a type that is not known
 * either. */
LT_MUST_USE bool binlog_table_meta_types(
    struct lt_cur meta, struct change_column *columns, size_t n, struct lt_err *err);
/** The optional fields at the event's end (binlog_row_metadata): names, signedness, collations, members. Fields that
 * are not known are passed over. Strings are copied into `arena`; `*named` becomes true when every column got a name.
 */
LT_MUST_USE bool binlog_table_meta_optional(
    struct lt_cur in, bool mariadb, struct change_table *table, struct change_column *columns, struct lt_err *err);

/** Bring the names of ENUM and SET members into UTF-8, as a describer compares them; those of a column stay as they are
 * where one cannot be. `columns` are the table's. */
void binlog_table_meta_members(struct change_table *table, struct change_column *columns);

#endif
