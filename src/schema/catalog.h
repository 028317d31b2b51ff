/* schema/catalog.h - reading tables from a live server's information_schema. */
#ifndef SCHEMA_CATALOG_H
#define SCHEMA_CATALOG_H

#include "mysql/conn.h"
#include "schema/table.h"

/** One table; *ret NULL (and true) when there is none of that name, or it is a view. */
LT_MUST_USE bool schema_catalog_table(
    struct my_conn *c, struct lt_str schema, struct lt_str table, struct schema_table **ret, struct lt_err *err);

/** All base tables whose names `wanted` accepts, in a few statements (not one for each table); the array and its tables
 * are the caller's (schema_catalog_free). Temporary tables and views are left out. */
typedef bool (*schema_wanted_fn)(void *ctx, struct lt_str schema, struct lt_str table);
LT_MUST_USE bool schema_catalog_tables(struct my_conn *c, schema_wanted_fn wanted, void *ctx,
    struct schema_table ***ret, size_t *count, struct lt_err *err);
/** Those of some named tables that are there under these very names, in a few statements; else as above. The work grows
 * with the schemas' sizes, not with their number at the server (but for foreign keys). */
struct schema_name {
	struct lt_str schema, table;
};
LT_MUST_USE bool schema_catalog_named(struct my_conn *c, const struct schema_name *names, size_t nnames,
    struct schema_table ***ret, size_t *count, struct lt_err *err);
void schema_catalog_free(struct schema_table **tables, size_t count);

#endif
