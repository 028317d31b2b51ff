/* pipeline/fold.h - merge mode: the changes that a group makes to one key become one change.
 *
 * What comes out is the net effect of the group: keys that are gone, keys that changed, keys that are new. Applied in
 * that order, deletes, then updates, then inserts, it leads from the state before the group to the state after it, and
 * breaks no unique key on the way: a delete takes no value, an insert gives none up, and an update that takes a value
 * which another update gives up goes as a delete and an insert. A key that changes is a key gone and a key come.
 *
 * Only tables of which all this can be known are folded in a group: found by a key, touched by no foreign key or
 * trigger, every unique value known exactly, every new row complete. The rows of all others stay as they are; all rows
 * do where some fire triggers, since there is no telling what these touch. One owner thread. */
#ifndef PIPELINE_FOLD_H
#define PIPELINE_FOLD_H

#include "pipeline/route.h"

/** What is left of one key's changes. */
struct pipeline_net {
	struct pipeline_route *route;
	struct change_row row;     /* images borrowed from the group's rows */
	uint32_t txn, at;          /* a row of the group that it stands for */
	struct pipeline_net *next; /* as they came */
};

struct pipeline_fold;

struct pipeline_fold *pipeline_fold_new(void);
void pipeline_fold_free(struct pipeline_fold *f);
/** A new group. */
void pipeline_fold_clear(struct pipeline_fold *f);
/** Take the next row, decoded in route->before and route->after; its images stay where they are. */
void pipeline_fold_add(struct pipeline_fold *f, struct pipeline_route *route, const struct pipeline_row_ref *ref);
/** Whether rows of the route's table are folded in this group, after all were added. */
bool pipeline_fold_takes(const struct pipeline_fold *f, const struct pipeline_route *route);
/** What is left, after all rows were added; lives until the next group. */
LT_MUST_USE bool pipeline_fold_end(struct pipeline_fold *f, struct pipeline_net **ret, struct lt_err *err);

#endif
