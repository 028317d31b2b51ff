/* model/mapping.h - which tables and columns go where, under which names; for one direction.
 *
 * Immutable once made, but for what model_mapping_fold() says: any thread may ask. */
#ifndef MODEL_MAPPING_H
#define MODEL_MAPPING_H

#include "base/buf.h"
#include "base/err.h"

struct model_mapping;
struct model_rule;

enum model_constant_kind {
	MODEL_CONSTANT_NULL,
	MODEL_CONSTANT_NUMBER,
	MODEL_CONSTANT_TEXT,
	MODEL_CONSTANT_SCHEMA, /* the source's schema */
	MODEL_CONSTANT_TABLE,  /* the source's table */
};

/** What a column of the target holds for every row that comes by an entry. */
struct model_constant {
	struct lt_str column;
	enum model_constant_kind kind;
	struct lt_str text; /* NUMBER, TEXT */
};

enum { MODEL_WEIGHT_DEFAULT = 5 };

/** One entry of `tables`, as the channel file has it. Strings borrowed for the call. */
struct model_entry {
	struct lt_str from, to;                 /* to empty: same names */
	const struct lt_str *include, *exclude; /* column names, at most one of both lists */
	size_t ninclude, nexclude;
	const struct lt_str *rename_from, *rename_to; /* columns */
	size_t nrenames;
	const struct model_constant *constants;
	size_t nconstants;
	unsigned weight; /* 0: MODEL_WEIGHT_DEFAULT */
};

/** Compile entries for left -> right. On failure `*bad` is the index of the entry at fault. `**ret` to
 * model_mapping_free(). */
LT_MUST_USE bool model_mapping_new(
    const struct model_entry *entries, size_t count, struct model_mapping **ret, size_t *bad, struct lt_err *err);
void model_mapping_free(struct model_mapping *m);
/** The other direction of a one-to-one mapping; LT_E_CONFIG_MAPPING where it is not (fan-in, fan-out, `to` from a
 * regex). It maps exactly the names that the given direction can give out. Stands on its own: `m` may be freed first.
 */
LT_MUST_USE bool model_mapping_invert(
    const struct model_mapping *m, struct model_mapping **ret, size_t *bad, struct lt_err *err);

/** What the source's server says of names (lower_case_table_names): with `fold`, which is off at first, they are
 * compared without the case of ASCII letters from now on. */
void model_mapping_fold(const struct model_mapping *m, bool fold);
/** Whether schema.table is mapped; then the target's names are appended to the buffers (cleared first) and the rule is
 * given. The first literal entry that matches wins, then ranges, then globs and regexes in file order. System schemas
 * never match. Where a regex hits its match limit nobody knows: the answer is true with `*rule` NULL, and the pipeline
 * must stop with LT_E_CONFIG_MAPPING. Costs a walk over the entries: ask once for each table, not for each row. */
bool model_mapping_table(const struct model_mapping *m, struct lt_str schema, struct lt_str table,
    struct lt_buf *to_schema, struct lt_buf *to_table, const struct model_rule **rule);
/** The same for one of the targets of a table that goes to several (fan-out): entries with the same `from` share what
 * it matches, and `branch` counts them in file order from 0. False behind the last one. */
bool model_mapping_branch(const struct model_mapping *m, struct lt_str schema, struct lt_str table, size_t branch,
    struct lt_buf names[2], const struct model_rule **rule);
/** Whether any table may go to several. */
bool model_mapping_fans(const struct model_mapping *m);
/** Whether any entry has a weight of its own. */
bool model_mapping_weighted(const struct model_mapping *m);
/** Whether any table of that schema could be mapped (CREATE or DROP DATABASE). */
bool model_mapping_schema(const struct model_mapping *m, struct lt_str schema);
/** How many entries there are, and one entry's names at the source or `target` end, for who must name them beforehand
 * (grants): ptr NULL where the name is a pattern and so stands for several. Borrowed from the mapping. */
size_t model_mapping_count(const struct model_mapping *m);
void model_mapping_end(
    const struct model_mapping *m, size_t entry, bool target, struct lt_str *schema, struct lt_str *table);
/** The order of rows inside a source transaction: those of lighter entries first. */
unsigned model_rule_weight(const struct model_rule *r);
/** What the entry sets; borrowed from the mapping. */
const struct model_constant *model_rule_constants(const struct model_rule *r, size_t *count);
/** Target name of a column; false if it is left out (also where a constant takes its place). The answer borrows from
 * the rule or is `column` itself. Letters compare in any case, as in the servers. Who knows the table's columns checks
 * that no two of them get one target name.
 */
bool model_rule_column(const struct model_rule *r, struct lt_str column, struct lt_str *target);

#endif
