/* converge/shape.h - a table's rows as the conflict core keeps them, and back.
 *
 * A value is bytes that are equal just where the column holds the same at all sites: numbers, decimals and times as
 * text, FLOAT and DOUBLE by their bits, BIT, ENUM and SET as the number, all else byte for byte (text in the column's
 * own character set, CHAR without blanks at its end, MySQL's JSON as it is printed). A row has one value for each
 * column that is no generated one, in the table's order. A key is the table's name and the primary key's values by what
 * they weigh at this site, so it is equal where the site's server says so, and never leaves the site.
 *
 * One owner thread, with the connection that it asks. */
#ifndef CONVERGE_SHAPE_H
#define CONVERGE_SHAPE_H

#include "change/txn.h"
#include "conflict/policy.h"
#include "conflict/row.h"
#include "model/channel.h"
#include "pipeline/route.h"

/** One version of a table of a log, seen from a table of the site. */
struct converge_shape;
struct converge_shapes;

/** `router`: into the site (borrowed), over the mapping whose rows come. */
struct converge_shapes *converge_shapes_new(const struct model_channel *channel, struct pipeline_router *router);
void converge_shapes_free(struct converge_shapes *s);
/** Coded errors: LT_E_CONFLICT_TABLE where the table cannot be in a conflict channel (no primary key, a key whose
 * collation's weights are not known, ...). Lives until the shapes are freed. */
LT_MUST_USE bool converge_shapes_get(
    struct converge_shapes *s, const struct change_table *from, const struct converge_shape **ret, struct lt_err *err);
/** The same of the site's own log; *ret NULL: the site has no such table any more. */
LT_MUST_USE bool converge_shapes_get_own(
    struct converge_shapes *s, const struct change_table *from, const struct converge_shape **ret, struct lt_err *err);
/** Of a table of the site by its name, without a log (parked rows, commands); LT_E_TABLE_MISSING. */
LT_MUST_USE bool converge_shapes_named(struct converge_shapes *s, struct lt_str schema, struct lt_str name,
    const struct converge_shape **ret, struct lt_err *err);
/** The shape whose keys begin as this key does; NULL: of a table that was not met. */
const struct converge_shape *converge_shapes_of_key(const struct converge_shapes *s, struct lt_str key);

/** Whether keys of a table of that name begin as this one does. */
bool converge_shape_key_is_of(struct lt_str key, struct lt_str schema, struct lt_str name);

const struct schema_table *converge_shape_target(const struct converge_shape *s);
const struct conflict_policy *converge_shape_policy(const struct converge_shape *s);
/** Columns with a rule of their own, as the channel file has them: "amount: counter, tags: function"; else nothing. */
void converge_shape_rules(const struct converge_shape *s, struct lt_buf *out);
/** Tables that one site alone writes (`policy: none`) are neither locked nor decided. */
bool converge_shape_is_single(const struct converge_shape *s);

/** Whether rows of the log's table have the columns of the site's: converge_shape_image() takes them whole. */
bool converge_shape_fits(const struct converge_shape *s);

/** An image of the log as a row, and its key; both in `arena`. The image is complete, else LT_E_CONFLICT_IMAGE. `row`
 * NULL: the key alone is wanted, and the image needs no more than that. The log's table may be older than the site's:
 * a key there is as long as the primary key's columns are, a row only of the very same columns (LT_E_CONFLICT_TABLE).
 * Of a single table the key is empty. */
LT_MUST_USE bool converge_shape_image(const struct converge_shape *s, const struct change_image *image,
    struct lt_arena *arena, const struct conflict_row **row, struct lt_str *key, struct lt_err *err);
/** The key of a row that was made here; LT_E_CONFLICT_TABLE where a character's weight is not known. */
LT_MUST_USE bool converge_shape_key(const struct converge_shape *s, const struct conflict_row *row,
    struct lt_arena *arena, struct lt_str *key, struct lt_err *err);
/** The values that the row has in the site's further unique indexes, by weight; none where a column is NULL. In front
 * of each are 8 bytes of its table and one with the index's number, as converge_shape_unique_where() counts. In
 * `arena`. */
LT_MUST_USE bool converge_shape_claims(const struct converge_shape *s, const struct conflict_row *row,
    struct lt_arena *arena, struct lt_str **claims, uint32_t *count, struct lt_err *err);
/** A key as people read it: the primary key's values, "5, 'text'"; in hexadecimal what is kept of the others. `s` NULL:
 * all of it so. */
void converge_shape_key_text(const struct converge_shape *s, struct lt_str key, struct lt_buf *out);

/* -- reading the site's table --------------------------------------------------------------------- */

/** "SELECT a, b * 1e0, ... FROM `db`.`t`": what converge_shape_found() takes. In a session with time zone +00:00 and
 * character set utf8mb4. */
void converge_shape_select(const struct converge_shape *s, struct lt_buf *sql);
/** "(`k1`, `k2`)", and the key of a row as literals, for a list behind IN: the index serves, but for keys on a prefix.
 * A row that is found may have another key all the same (ENUM's value that is none, and ''). */
void converge_shape_key_names(const struct converge_shape *s, struct lt_buf *sql);
LT_MUST_USE bool converge_shape_key_values(
    const struct converge_shape *s, const struct conflict_row *row, struct lt_buf *sql, struct lt_err *err);
/** " WHERE `u` = ..." that finds the row which has the i-th further unique index's value of `row`. False (and no
 * error): a part of it is NULL. */
bool converge_shape_unique_where(
    const struct converge_shape *s, size_t i, const struct conflict_row *row, struct lt_buf *sql);
size_t converge_shape_uniques(const struct converge_shape *s);
/** One row of such a SELECT. Values and key in `arena`; `key` may be NULL. */
LT_MUST_USE bool converge_shape_found(const struct converge_shape *s, const struct my_rows *rows, size_t at,
    struct lt_arena *arena, const struct conflict_row **row, struct lt_str *key, struct lt_err *err);

/* -- and writing it ------------------------------------------------------------------------------- */

/** A change of the site's table as the loader takes it: `before` NULL inserts, `after` NULL deletes. Its table is one
 * that the shape owns, in which rows are kept as here; route.h writes it like any other. Images in t's arena. */
void converge_shape_change(const struct converge_shape *s, const struct conflict_row *before,
    const struct conflict_row *after, struct change_txn *t);

/** A row as JSON, { column: value }, for the conflict log and for people; NULL row: null. Bytes that are no text as hex
 * strings. */
void converge_shape_json(const struct converge_shape *s, const struct conflict_row *row, struct lt_buf *out);
/** The columns of the primary key alone, in the key's order. */
void converge_shape_key_json(const struct converge_shape *s, const struct conflict_row *row, struct lt_buf *out);
/** And back, for `lutra conflicts replay`: all columns are there. In `arena`. LT_E_USAGE. */
LT_MUST_USE bool converge_shape_parse(const struct converge_shape *s, struct lt_str json, struct lt_arena *arena,
    const struct conflict_row **row, struct lt_err *err);

/** The same where only the columns of the primary key must be there, others are NULL then: to look rows up. */
LT_MUST_USE bool converge_shape_key_parse(const struct converge_shape *s, struct lt_str json, struct lt_arena *arena,
    const struct conflict_row **row, struct lt_err *err);

#endif
