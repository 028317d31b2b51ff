/* pipeline/schedule.h - which groups must wait for which (R6).
 *
 * Every group touches keys: its tables, and the values of their unique indexes (pipeline/writeset.h). Two groups that
 * share none may be applied beside each other; else the later one begins when the earlier one is committed. A child's
 * row shares the key of its parent's (pipeline/family.h). Where more than the rows themselves may be touched the key is
 * coarse: a parent that goes or gets other values is alone among all tables with foreign keys, and a trigger touches
 * everything. One owner thread. */
#ifndef PIPELINE_SCHEDULE_H
#define PIPELINE_SCHEDULE_H

#include "change/txn.h"
#include "pipeline/route.h"

struct pipeline_schedule;

/** `router` is borrowed: rows are decoded through its routes. */
struct pipeline_schedule *pipeline_schedule_new(struct pipeline_router *router);
void pipeline_schedule_free(struct pipeline_schedule *s);
/** Note group `order`: 1 or more, above all that were noted and are not done. `*after`: it may begin once all groups up
 * to this one are committed; 0: at once. On failure (the target lacks a table, an image cannot be read) nothing is
 * noted, and `order` may be used again. */
LT_MUST_USE bool pipeline_schedule_add(struct pipeline_schedule *s, uint64_t order, struct change_txn *const *txns,
    size_t n, uint64_t *after, struct lt_err *err);
/** One row of a group, decoded in route->before and route->after: `*after` is raised to what it must wait for. */
void pipeline_schedule_touch(struct pipeline_schedule *s, uint64_t order, const struct pipeline_route *route,
    const struct change_row *row, uint64_t *after);
/** All groups up to `order` are committed, and in nobody's way any more. */
void pipeline_schedule_done(struct pipeline_schedule *s, uint64_t order);

#endif
