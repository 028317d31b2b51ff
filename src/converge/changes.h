/* converge/changes.h - what a transaction of a log did to each key: its rows, folded.
 *
 * Several rows of one key are one change, from the first before image to the last after image; what comes out as it was
 * is none. A change of the primary key is two: the old key deleted, the new one inserted. Rows of tables that one site
 * alone writes are no changes. One owner thread, that of the shapes. */
#ifndef CONVERGE_CHANGES_H
#define CONVERGE_CHANGES_H

#include "conflict/keys.h"
#include "conflict/observer.h"
#include "converge/shape.h"

/** Zeroed but for the arena is empty. All in the arena. */
struct converge_changes {
	struct lt_arena *arena; /* borrowed */
	bool own;               /* of the site's own log: rows of tables that it has no more are left out */
	struct conflict_change *at;
	const struct converge_shape **shapes; /* of each; borrowed */
	uint32_t count, cap;
	struct conflict_keys keys; /* numbered as `at` until converge_changes_end() */
};

/** All rows of a transaction in memory. On failure err->where tells the place and the table. */
LT_MUST_USE bool converge_changes_make(struct converge_shapes *shapes, const struct change_txn *t,
    struct lt_arena *arena, struct converge_changes *out, struct lt_err *err);

/** The same of the rows that `owner` says are `who`'s; NULL: of all. */
LT_MUST_USE bool converge_changes_of(struct converge_shapes *shapes, const struct change_txn *t, const uint32_t *owner,
    uint32_t who, struct converge_changes *out, struct lt_err *err);
/** The pieces of that: one key's image before and after (NULL: not there), and what is left at the end. */
void converge_changes_add(struct converge_changes *c, const struct converge_shape *shape, struct lt_str key,
    const struct conflict_row *before, const struct conflict_row *after);
void converge_changes_end(struct converge_changes *c);

#endif
