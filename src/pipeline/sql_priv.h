/* pipeline/sql_priv.h - the SQL text of a route's statements. */
#ifndef PIPELINE_SQL_PRIV_H
#define PIPELINE_SQL_PRIV_H

#include "base/buf.h"
#include "pipeline/route.h"

/** One `?` of a statement. */
struct pipeline_slot {
	const struct pipeline_column *column;
	bool after; /* value of the after image */
};

/** A statement in the making: text and what its parameters are. */
struct pipeline_text {
	struct lt_buf sql;
	struct pipeline_slot *slots; /* room for pipeline_sql_slots() */
	size_t nslots;
	bool limit; /* one more parameter at the end: the number of rows */
};

/** A value before may be asked for twice, and there is one after. */
static inline size_t
pipeline_sql_slots(const struct pipeline_route *r)
{
	return 3 * r->ncolumns;
}

/** `rows`: how many rows one statement inserts; slots are those of the first. */
void pipeline_sql_insert(
    const struct pipeline_route *r, const struct change_image *after, size_t rows, struct pipeline_text *out);
/** `verify`: compare all of the before image, not the key alone. False: the image lacks a column of the key. */
bool pipeline_sql_update(const struct pipeline_route *r, const struct change_image *before,
    const struct change_image *after, bool verify, struct pipeline_text *out);
bool pipeline_sql_delete(
    const struct pipeline_route *r, const struct change_image *before, bool verify, struct pipeline_text *out);
/** UPDATE that sets the first key column to itself, by the key. */
bool pipeline_sql_probe(const struct pipeline_route *r, const struct change_image *before, struct pipeline_text *out);
/** " WHERE key", of the values of that image. */
bool pipeline_sql_where(const struct pipeline_route *r, const struct change_image *image, struct pipeline_text *out);
/** SELECT of some columns, by the key (keyless: by the image, with a LIMIT), that locks the rows. */
bool pipeline_sql_read(const struct pipeline_route *r, const struct change_image *before,
    const struct pipeline_column *const *columns, size_t ncolumns, struct pipeline_text *out);

/** Whether a parameter would not arrive as it is: a JSON document with numbers that are no DOUBLE, or with dates,
 * times, decimals and bytes (change/json.h). The route holds the row's values. */
bool pipeline_sql_needs_literal(
    const struct pipeline_route *r, const struct pipeline_text *t, const struct my_param *params);
/** The statement with its values in place of the parameters; such documents then arrive. */
void pipeline_sql_literal(
    const struct pipeline_route *r, const struct pipeline_text *t, const struct my_param *params, struct lt_buf *out);

/* -- one statement for many rows (sql_many.c); slots are those of the first row. False: there is no such form for the
 * table, the images or so many rows. */

/** By a list of key values where the key has one column and nothing else is compared, else by a chain of the conditions
 * of the single rows. */
bool pipeline_sql_delete_many(const struct pipeline_route *r, const struct change_image *before, bool verify,
    size_t rows, struct pipeline_text *out);
/** MariaDB, which has no hint that would keep it from reading all of a small table: by a list of key values, in the
 * key's order and no more than them. Compares nothing else. */
bool pipeline_sql_delete_in_order(
    const struct pipeline_route *r, const struct change_image *before, size_t rows, struct pipeline_text *out);
/** MySQL: UPDATE of a join with a table of values. For rows whose key stays as it is; does not compare before images.
 */
bool pipeline_sql_update_many(const struct pipeline_route *r, const struct change_image *before,
    const struct change_image *after, size_t rows, struct pipeline_text *out);
/** INSERT that finds each row there and updates it: where the key rows are found by is the only unique one, and the
 * images are complete. Each row that was there and changed counts two, any other row less. `alias`: the server wants
 * the new row by a name, not by VALUES(). */
bool pipeline_sql_upsert(const struct pipeline_route *r, const struct change_image *after, size_t rows, bool alias,
    struct pipeline_text *out);
/** Meets the rows that hold the before image, and changes nothing. */
bool pipeline_sql_prove(
    const struct pipeline_route *r, const struct change_image *before, size_t rows, struct pipeline_text *out);

/* -- parts of statements -------------------------------------------------------------------------- */

void pipeline_sql_slot(struct pipeline_text *t, const struct pipeline_column *c, bool after);
/** A key's value, given by `value` (a parameter or a column), in the column's own character set and collation, so that
 * the index serves. */
void pipeline_sql_key_value(struct lt_buf *sql, const struct pipeline_column *c, const char *value);
/** "`k` = ? AND `c` <=> ?", with `before` in front. False: nothing to find the row by. */
bool pipeline_sql_conditions(const struct pipeline_route *r, const struct change_image *before, bool verify,
    const char *first, struct pipeline_text *t);
/** Whether statements write it: no generated column. */
bool pipeline_sql_is_written(const struct pipeline_column *c);
/** Every column that the target does not make itself has a value in the image. */
bool pipeline_sql_is_complete(const struct pipeline_route *r, const struct change_image *after);
/** Whether an update must set it to itself: a mapped temporal column that the image leaves out did not change, so ON
 * UPDATE CURRENT_TIMESTAMP must not change it here. */
bool pipeline_sql_keeps_itself(
    const struct pipeline_route *r, const struct change_image *after, const struct schema_column *target);

#endif
