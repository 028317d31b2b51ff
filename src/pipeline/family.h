/* pipeline/family.h - the foreign keys of a route's target by value: on which row of which parent a row stands.
 *
 * A child's row shares the key that its parent's row touches alone (pipeline/writeset.h), so that neither overtakes the
 * other. That can be told where the parent's columns are a unique index of their own and compare as the child's do. */
#ifndef PIPELINE_FAMILY_H
#define PIPELINE_FAMILY_H

#include "pipeline/writeset.h"

/** A column of a foreign key and the one it refers to. */
struct pipeline_link {
	struct lt_str column, parent_column;
};

/** One foreign key, as values of the unique index that it refers to. */
struct pipeline_reference {
	struct pipeline_index index; /* owned parts: the child's columns in that index's order */
	uint64_t table;              /* the parent's, as its own rows have it */
	size_t at;                   /* number of its unique index */
};

/** Of one route; its thread's. */
struct pipeline_family {
	struct pipeline_reference *references; /* owned */
	size_t count;
	bool told;                              /* each foreign key out of the table is among them */
	const struct pipeline_column **indexed; /* owned: columns that some index of the target holds */
	size_t nindexed;
	bool hidden; /* an index holds what no row shows */
};

struct pipeline_family *pipeline_family_new(const struct pipeline_route *route);
void pipeline_family_free(struct pipeline_family *f);
/** A foreign key into `parent`. False: it cannot be told by value. */
bool pipeline_family_add(struct pipeline_family *f, const struct pipeline_route *route,
    const struct schema_table *parent, const struct pipeline_link *links, size_t count);
/** All of them, as the target tells; where it does not, or one cannot be told by value, `told` stays false. */
LT_MUST_USE bool pipeline_family_read(struct pipeline_family *f, struct pipeline_router *router,
    const struct pipeline_route *route, struct my_conn *target, struct lt_err *err);

/** Whether the row decoded in the route may change rows of other tables, or be refused for their sake: a parent that
 * goes, or whose indexed values change. */
bool pipeline_family_moves(const struct pipeline_route *route, const struct change_row *row);
/** Whether the row looks at the parent that `r` refers to. */
bool pipeline_family_looks(
    const struct pipeline_route *route, const struct pipeline_reference *r, const struct change_row *row);

#endif
