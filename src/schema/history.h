/* schema/history.h - the versioned store of a source's tables, for one pipeline.
 *
 * Kept in the target database (lutra.schema_version, lutra.schema_column, lutra.schema_key), so that the data folder
 * may be deleted (R15). One owner thread (the reader's), but made and saved before that thread starts. */
#ifndef SCHEMA_HISTORY_H
#define SCHEMA_HISTORY_H

#include "change/position.h"
#include "change/table.h"
#include "schema/catalog.h"

struct schema_history;

struct schema_history *schema_history_new(void);
void schema_history_free(struct schema_history *h);
/** Take over a table as it is from `at` on (the version in force replaces none that is equal). `read`: where the log
 * ended when the catalog was read (file "": not known where), if that is behind `at`: statements between the two may
 * have changed the table, so it is not sure how it was at `at`. NULL: it is. */
void schema_history_put(struct schema_history *h, const struct change_place *at, const struct change_place *read,
    struct schema_table *table /* taken over */);
/** The version in force, borrowed; NULL if it is not known. */
const struct schema_table *schema_history_table(
    const struct schema_history *h, struct lt_str schema, struct lt_str table);
/** Table number `i` of those in force, in the order of names; NULL behind the last. */
const struct schema_table *schema_history_at(const struct schema_history *h, size_t i);
/** Whether the version in force is how the table was where it came into force; true for a table that is not known. */
bool schema_history_is_sure(const struct schema_history *h, struct lt_str schema, struct lt_str table);
/** Reading goes on at `at`: what was read from the catalog no later is sure from here on. */
void schema_history_reach(struct schema_history *h, const struct change_place *at);
/** A statement that ends at `at` changes this table (`table` empty: all of that schema; both empty: any). Of those that
 * are not sure, they cannot be so any more, if it is in front of where their catalog was read. Names in any letter
 * case.
 */
void schema_history_changes(
    struct schema_history *h, struct lt_str schema, struct lt_str table, const struct change_place *at);
/** All such statements were told: what is in force and was not changed is sure. */
void schema_history_settle(struct schema_history *h);
/** Where the statement ends that changed the version in force; false: none did. */
bool schema_history_changed_at(
    const struct schema_history *h, struct lt_str schema, struct lt_str table, struct change_place *out);
/** What is in force is so from `at` on, in a log that no place known so far is of. The next save writes it in place of
 * all that is stored. */
void schema_history_rebase(struct schema_history *h, const struct change_place *at);
/** What makes the tables that it needs in `lutra` where they are missing, in this order. */
const char *const *schema_history_statements(size_t *count);
/** Versions of `pipeline` in force at or before `at`, read from / all changes written to the target, in the
 * connection's open transaction. */
LT_MUST_USE bool schema_history_load(struct schema_history *h, struct my_conn *target, const char *channel,
    const char *pipeline, const struct change_place *at, bool *found, struct lt_err *err);
/* Stored versions of a table that is put anew at the same or an earlier place go. When the transaction is rolled back,
 * the history has to be made anew: what was saved counts as saved. */
LT_MUST_USE bool schema_history_save(
    struct schema_history *h, struct my_conn *target, const char *channel, const char *pipeline, struct lt_err *err);

/** A change_describer's work: complete `draft` (names, signedness, collations, members) from `known` and compare what
 * both tell: number, order, types, names, signedness, lengths. Different: LT_E_SCHEMA_MISMATCH that names the column
 * and both sides. A log with names may lack columns of `known`, those of a later statement. Hidden columns of MariaDB
 * (DB_ROW_HASH_n) and MySQL may follow in the log. `known` NULL: LT_E_SCHEMA_MISMATCH (table not in the snapshot). */
LT_MUST_USE bool schema_complete(const struct schema_table *known, struct change_table *draft, struct lt_err *err);
/** Whether two tables could be the two ends of a mapping: every source column that `map` gives a name has a target
 * column of a type that holds its values. Differences are listed as text lines in `out` (empty: none). */
typedef bool (*schema_column_fn)(void *ctx, struct lt_str column, struct lt_str *target);
struct schema_map {
	schema_column_fn column;                               /* NULL: same names */
	bool (*fills)(void *ctx, struct lt_str target_column); /* whether it gets a constant; NULL: none does */
	void *ctx;
};
void schema_compare(const struct schema_table *source, const struct schema_table *target, const struct schema_map *map,
    struct lt_buf *out);
/** What a statement did to the keys of a source's table, from `before` to `source`, must be true at the target: keys
 * that came are there, keys that went are not. Names of keys do not count, nor do keys that were different all along.
 * Parameters else as above. */
void schema_compare_keys(const struct schema_table *before, const struct schema_table *source,
    const struct schema_table *target, const struct schema_map *map, struct lt_buf *out);

#endif
