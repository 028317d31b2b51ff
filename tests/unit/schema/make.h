/* Tables for the tests of schema/, put together as the catalog does it. */
#ifndef TEST_SCHEMA_MAKE_H
#define TEST_SCHEMA_MAKE_H

#include "schema/table.h"

/** "name|type|charset|flags" for each column; flags: n nullable, d default, a auto_increment, g generated, v versioned
 * table. The type's first word is its base type. "@name|parts|u" is a key (u: unique, h: by a hash) beside the PRIMARY
 * one on the first column; parts are numbers of columns with commas between, "2:10" a prefix, "x" an expression. */
struct schema_table *make_table(const char *const *columns);

#endif
