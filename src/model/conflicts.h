/* model/conflicts.h - `conflicts` of a channel file: by which rule it is decided who wins where several sites write the
 * same row. Plain values, made once with the channel; any thread. */
#ifndef MODEL_CONFLICTS_H
#define MODEL_CONFLICTS_H

#include "base/str.h"

struct lt_arena;
struct model_channel;
struct model_pattern;
struct script;

enum model_conflict_kind {
	MODEL_CONFLICT_NONE, /* one site alone writes the table: nothing is decided, a difference stops the pipeline */
	MODEL_CONFLICT_ROW,  /* `last-writer-wins` */
	MODEL_CONFLICT_COLUMN,   /* `column-last-writer-wins`: each column by its own rule */
	MODEL_CONFLICT_HOME,     /* `trusted` */
	MODEL_CONFLICT_FUNCTION, /* `function`: it names the write that stands */
};

enum model_conflict_rule {
	MODEL_CONFLICT_LAST,
	MODEL_CONFLICT_COUNTER,
	MODEL_CONFLICT_GREATEST,
	MODEL_CONFLICT_LEAST,
	MODEL_CONFLICT_MADE, /* `function`: it makes the value */
};

struct model_conflict_column {
	char *name; /* owned */
	enum model_conflict_rule rule;
	struct script *function; /* owned; MADE */
};

/** One entry of `conflicts: tables`, or the channel's default (`tables` and `pattern` NULL). */
struct model_conflict_policy {
	char *tables;                  /* owned; the names as the file has them: as in `tables`, without `to` */
	struct model_pattern *pattern; /* owned; the same, to be matched */
	enum model_conflict_kind kind;
	size_t *trusted; /* owned; HOME: indexes of sites, the most trusted first */
	size_t ntrusted;
	struct script *function;               /* owned; FUNCTION */
	struct model_conflict_column *columns; /* owned; COLUMN: those with a rule other than LAST */
	size_t ncolumns;
};

struct model_conflicts {
	bool on;                                /* `conflicts` is there and something other than `none` */
	bool shadow;                            /* one-way: report what two-way would have decided, and apply as ever */
	struct model_conflict_policy *policies; /* owned; the default is the last. There is one in every channel */
	size_t npolicies;
	struct lt_arena *arena; /* owned: what the patterns are made of */
	unsigned heartbeat_ms;  /* `heartbeat`: default 1000 */
	uint64_t max_skew_us;   /* `max-skew`: clocks may be apart so far; default 60 s */
	uint64_t keep_us;       /* `keep: { age, rows }` of the conflict log: default 30 days, */
	uint64_t keep_rows;     /* one million */
};

/** The first entry that names the table, else the default. Letters of ASCII compare in any case, whatever a site's
 * server makes of them: the answer is the same for all of them. NULL: a regex of an entry gave up on the name, so
 * nobody knows (LT_E_CONFIG_MAPPING). */
const struct model_conflict_policy *model_conflicts_of(
    const struct model_channel *channel, struct lt_str schema, struct lt_str table);
/** The rule of a column of a table with that policy. */
enum model_conflict_rule model_conflict_rule_of(const struct model_conflict_policy *policy, struct lt_str column);

#endif
