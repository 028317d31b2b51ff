/* pipeline/fan.h - rows of a table that goes to several targets, and the order that weights ask for.
 *
 * Each further target gets a row of its own, under a table of its own (change_table.branch), so that what comes behind
 * knows nothing of it. Owner: the reader's thread. */
#ifndef PIPELINE_FAN_H
#define PIPELINE_FAN_H

#include "change/txn.h"
#include "model/mapping.h"

struct pipeline_fan;

struct pipeline_fan *pipeline_fan_new(const struct model_mapping *mapping);
void pipeline_fan_free(struct pipeline_fan *f);
/** Give each row of `t` from `first` on one row for each of its targets, one behind the other. */
void pipeline_fan_rows(struct pipeline_fan *f, struct change_txn *t, size_t first);
/** Rows of lighter targets first, of deletes those of heavier ones; rows of one target stay in the order of the log. A
 * transaction that lies on disk stays as it is. */
void pipeline_fan_sort(struct pipeline_fan *f, struct change_txn *t);

#endif
