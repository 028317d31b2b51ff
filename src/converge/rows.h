/* converge/rows.h - single rows of a site by their keys, for commands: looked at, or written as a user would. */
#ifndef CONVERGE_ROWS_H
#define CONVERGE_ROWS_H

#include "converge/shape.h"
#include "mysql/conn.h"

/** One owner thread, that of the connection. */
struct converge_rows;

/** Over `c`, to site number `site` (borrowed), whose session settings become those that values need, with autocommit
 * off. */
LT_MUST_USE bool converge_rows_open(const struct model_channel *channel, size_t site, struct my_conn *c,
    struct converge_rows **ret, struct lt_err *err);
void converge_rows_close(struct converge_rows *r);
/** A table of the site; lives as long as `r`. LT_E_USAGE where nothing is decided in it. */
LT_MUST_USE bool converge_rows_shape(struct converge_rows *r, struct lt_str schema, struct lt_str table,
    const struct converge_shape **ret, struct lt_err *err);
/** The row that has the key columns of `key`, over any connection to the site; *ret NULL: there is none. In `arena`.
 * `lock`: until the transaction ends; an absent one is not. */
LT_MUST_USE bool converge_rows_find(struct my_conn *c, const struct converge_shape *s, const struct conflict_row *key,
    bool lock, struct lt_arena *arena, const struct conflict_row **ret, struct lt_err *err);
/** The rows that have a value of `row` in a further unique index: `each` is called for them, for one in two indexes
 * twice. */
LT_MUST_USE bool converge_rows_rivals(struct converge_rows *r, const struct converge_shape *s,
    const struct conflict_row *row, struct lt_arena *arena, void (*each)(void *ctx, const struct conflict_row *rival),
    void *ctx, struct lt_err *err);
/** Make the row `to` of `from`, in the open transaction. Exactly one row is met, else LT_E_ROWS_AFFECTED. */
LT_MUST_USE bool converge_rows_write(struct converge_rows *r, const struct converge_shape *s,
    const struct conflict_row *from, const struct conflict_row *to, struct lt_err *err);

#endif
