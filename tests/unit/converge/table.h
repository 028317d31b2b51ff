/* table.h - a table of a site made by hand, for tests of shapes that ask no server. */
#ifndef TESTS_TABLE_H
#define TESTS_TABLE_H

#include "converge/shape_priv.h"

/** A column by its type as a catalog prints it: "bigint(20) unsigned", with character set and collation (NULL: none).
 */
struct schema_column table_column(const char *name, const char *type, const char *charset, const char *collation);
/** Of `ncolumns` columns; its primary key is on the first. To table_free(). */
struct converge_shape *table_shape(struct schema_table *t, const struct schema_column *columns, size_t ncolumns);
void table_free(struct converge_shape *s);
/** A part of an index of it, compared as a server's column of that kind. */
struct shape_part table_part(size_t at, enum pipeline_part_kind kind);

#endif
