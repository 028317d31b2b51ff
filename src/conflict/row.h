/* conflict/row.h - a row and what one transaction did to it, as far as conflicts need to look into them.
 *
 * A value is bytes in whatever form makes equal values equal bytes at all sites; which form is the caller's choice. A
 * row that is not there is a NULL pointer. Values, borrowed unless said otherwise. Any thread. */
#ifndef CONFLICT_ROW_H
#define CONFLICT_ROW_H

#include "conflict/room.h"
#include "conflict/version.h"

struct conflict_row {
	struct lt_str *values; /* `ptr` NULL: SQL NULL */
	uint32_t count;
};

/** What a transaction did to one key. `before` NULL: inserted; `after` NULL: deleted. */
struct conflict_op {
	struct conflict_version version;
	struct conflict_vector seen; /* by the transaction when it was written, itself included */
	const struct conflict_row *before, *after;
};

/** NULL is equal to NULL, here and as a row. */
bool conflict_value_eq(struct lt_str a, struct lt_str b);
bool conflict_row_eq(const struct conflict_row *a, const struct conflict_row *b);
/** One piece each, with all that it points to; given back by its size. A NULL row gives NULL. */
struct conflict_row *conflict_row_dup(const struct conflict_row *row, const struct conflict_room *room);
struct conflict_op *conflict_op_dup(const struct conflict_op *op, const struct conflict_room *room);
/** The same in `arena`. */
const struct conflict_row *conflict_row_copy(const struct conflict_row *row, struct lt_arena *arena);
const struct conflict_op *conflict_op_copy(const struct conflict_op *op, struct lt_arena *arena);
/** Bytes that a copy takes. */
size_t conflict_row_bytes(const struct conflict_row *row);
size_t conflict_op_bytes(const struct conflict_op *op);

#endif
