/* conflict/fold.h - F: a row as a function of the operations on its key, in the order of their versions.
 *
 * All sites that hold the same operations hold the same row, since this is a function; and since a local write is the
 * newest and has seen all others, what it left in the table is what the function gives. Pure; any thread. */
#ifndef CONFLICT_FOLD_H
#define CONFLICT_FOLD_H

#include "conflict/policy.h"
#include "conflict/row.h"

/** `base` is the row before all of `ops`; these ascend by version. The result is NULL for a row that is not there; it
 * is borrowed from what went in or lies in `arena`. A row with another number of columns than an operation's counts as
 * not there before it. `failed` (may be NULL) is what the first function that failed says of it, and is not touched
 * where none did. */
const struct conflict_row *conflict_fold(const struct conflict_policy *policy, const struct conflict_row *base,
    const struct conflict_op *const *ops, uint32_t nops, struct lt_arena *arena, struct conflict_verdict *failed);
/** Where a row is one value (all policies but CONFLICT_BY_COLUMN): the operation whose row it is, of one or more. */
const struct conflict_op *conflict_fold_holder(const struct conflict_policy *policy,
    const struct conflict_op *const *ops, uint32_t nops, struct lt_arena *arena, struct conflict_verdict *failed);

#endif
