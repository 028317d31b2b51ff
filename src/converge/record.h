/* converge/record.h - the conflict log: `lutra.conflict` at the site where it was decided.
 *
 * A line for each operation that met a write of its key which it had not seen: who, what both wrote, by which rule who
 * won. Bounded by age and size (`conflicts: keep`). Written in the deciding transaction, so it is there just where the
 * decision is. */
#ifndef CONVERGE_RECORD_H
#define CONVERGE_RECORD_H

#include "conflict/decide.h"
#include "converge/shape.h"

/** One line. All borrowed. */
struct converge_conflict {
	const struct converge_shape *shape;
	struct lt_str key;
	struct conflict_version version, other;    /* of the operation, of the newest write that it had not seen */
	const struct conflict_row *before, *after; /* the operation */
	const struct conflict_row *found, *now;    /* the row here, before and after the decision */
	bool won;                                  /* the operation is what the row's newest write is now */
	const char *rule;                          /* "last-writer-wins", ... */
};

/** Add lines in the connection's open transaction. */
LT_MUST_USE bool converge_record_add(struct my_conn *c, const char *channel, const char *pipeline,
    const struct converge_conflict *lines, size_t count, struct lt_err *err);
/** Drop what is older or more than the channel keeps, a bounded piece at a time; commits. */
LT_MUST_USE bool converge_record_trim(struct my_conn *c, const struct model_channel *channel, struct lt_err *err);

#endif
