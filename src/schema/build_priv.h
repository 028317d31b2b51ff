/* schema/build_priv.h - a table being put together from rows, of a catalog or of Lutra's own store. */
#ifndef SCHEMA_BUILD_PRIV_H
#define SCHEMA_BUILD_PRIV_H

#include "schema/table.h"

/** Grows until finish(); strings are copied into the table's arena. */
struct schema_build {
	struct schema_table *table;    /* owned; simple members are set by the caller */
	struct lt_str schema, name;    /* what the table will be called instead; empty: as it is */
	struct schema_column *columns; /* owned, as are the next two */
	struct schema_key *keys;
	struct schema_key_part *parts; /* of all keys, in order */
	size_t ncolumns, columns_cap, nkeys, keys_cap, nparts, parts_cap;
};

struct schema_build *schema_build_new(struct lt_str schema, struct lt_str name);
void schema_build_free(struct schema_build *b);
struct lt_str schema_build_str(struct schema_build *b, struct lt_str s);
/** The next column, filled from its name, COLUMN_TYPE and DATA_TYPE; the rest zeroed, the caller's to set. Valid until
 * the next call. */
struct schema_column *schema_build_column(
    struct schema_build *b, struct lt_str name, struct lt_str type, struct lt_str base_type);
/** Index of a column by its exact name; SIZE_MAX. */
size_t schema_build_find(const struct schema_build *b, struct lt_str name);
/** Another part of key `name`; parts of one key come one after the other. */
void schema_build_part(
    struct schema_build *b, struct lt_str name, bool unique, bool nullable, const struct schema_key_part *part);
/** The table, the caller's; `b` is freed. Keys are brought into their order. */
struct schema_table *schema_build_finish(struct schema_build *b);

#endif
