/* model/conflicts.h - `conflicts` of a channel file: by which rule it is decided who wins where several sites write the
 * same row. Plain values, made once with the channel; any thread. */
#ifndef MODEL_CONFLICTS_H
#define MODEL_CONFLICTS_H

#include "base/str.h"

struct model_channel;

enum model_conflict_kind {
	MODEL_CONFLICT_NONE,   /* one site alone writes the table: nothing is decided, a difference stops the pipeline */
	MODEL_CONFLICT_ROW,    /* `last-writer-wins` */
	MODEL_CONFLICT_COLUMN, /* `column-last-writer-wins`: each column by its own rule */
	MODEL_CONFLICT_HOME,   /* `trusted` */
};

enum model_conflict_rule { MODEL_CONFLICT_LAST, MODEL_CONFLICT_COUNTER, MODEL_CONFLICT_GREATEST, MODEL_CONFLICT_LEAST };

struct model_conflict_column {
	char *name; /* owned */
	enum model_conflict_rule rule;
};

/** One entry of `conflicts: tables`, or the channel's default (schema and table NULL). */
struct model_conflict_policy {
	char *schema, *table; /* owned; patterns as in `tables` without `to` */
	enum model_conflict_kind kind;
	size_t *trusted; /* owned: indexes of sites, the most trusted first */
	size_t ntrusted;
	struct model_conflict_column *columns; /* owned; COLUMN: those with a rule other than LAST */
	size_t ncolumns;
};

struct model_conflicts {
	bool on;     /* `conflicts` is there and something other than `none` */
	bool shadow; /* one-way: report what two-way would have decided, and apply as ever */
	struct model_conflict_policy *policies; /* owned; the default is the last */
	size_t npolicies;
	unsigned heartbeat_ms; /* `heartbeat`: default 1000 */
	uint64_t max_skew_us;  /* `max-skew`: clocks may be apart so far; default 60 s */
	uint64_t keep_us;      /* `keep: { age, rows }` of the conflict log: default 30 days, */
	uint64_t keep_rows;    /* one million */
};

/** The first entry that names the table, else the default. */
const struct model_conflict_policy *model_conflicts_of(
    const struct model_channel *channel, struct lt_str schema, struct lt_str table);

#endif
