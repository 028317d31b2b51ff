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
	struct pipeline_slot *slots; /* room for 2 * ncolumns */
	size_t nslots;
	bool limit; /* one more parameter at the end: the number of rows */
};

/** `rows`: how many rows one statement inserts; slots are those of the first. */
void pipeline_sql_insert(
    const struct pipeline_route *r, const struct change_image *after, size_t rows, struct pipeline_text *out);
/** `verify`: compare all of the before image, not the key alone. False: the image lacks a column of the key. */
bool pipeline_sql_update(const struct pipeline_route *r, const struct change_image *before,
    const struct change_image *after, bool verify, struct pipeline_text *out);
bool pipeline_sql_delete(
    const struct pipeline_route *r, const struct change_image *before, bool verify, struct pipeline_text *out);
/** Delete `rows` rows by the values of a key of one column. False: the key has several, or the image lacks it. */
bool pipeline_sql_delete_in(
    const struct pipeline_route *r, const struct change_image *before, size_t rows, struct pipeline_text *out);
/** UPDATE that sets the first key column to itself, by the key. */
bool pipeline_sql_probe(const struct pipeline_route *r, const struct change_image *before, struct pipeline_text *out);
/** " WHERE key", of the values of that image. */
bool pipeline_sql_where(const struct pipeline_route *r, const struct change_image *image, struct pipeline_text *out);
/** SELECT of some columns, by the key (keyless: by the image, with a LIMIT), that locks the rows. */
bool pipeline_sql_read(const struct pipeline_route *r, const struct change_image *before,
    const struct pipeline_column *const *columns, size_t ncolumns, struct pipeline_text *out);

/** Whether a parameter would not arrive as it is: numbers of a JSON document that are no DOUBLE (change/json.h). */
bool pipeline_sql_needs_literal(
    const struct pipeline_route *r, const struct pipeline_text *t, const struct my_param *params);
/** The statement with its values in place of the parameters; such numbers then arrive. */
void pipeline_sql_literal(
    const struct pipeline_route *r, const struct pipeline_text *t, const struct my_param *params, struct lt_buf *out);

#endif
