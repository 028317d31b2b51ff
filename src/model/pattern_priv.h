/* model/pattern_priv.h - one side of an entry in `tables`: `schema.table` of literals, globs, numeric ranges and
 * regexes.
 *
 * The same form reads a `from` (matched against names) and a `to` (written with what `from` matched). Immutable once
 * parsed: any thread may match. Cost of a match is bounded: tokens times length squared, and PCRE2's match limit. */
#ifndef MODEL_PATTERN_PRIV_H
#define MODEL_PATTERN_PRIV_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { MODEL_TOKENS_MAX = 16, MODEL_NAME_BYTES_MAX = 256, MODEL_PATTERN_BYTES_MAX = 1024, MODEL_GROUPS_MAX = 32 };

enum model_token_kind { MODEL_LITERAL, MODEL_STAR, MODEL_RANGE, MODEL_GROUP };

struct model_token {
	enum model_token_kind kind;
	struct lt_str text; /* MODEL_LITERAL; in the mapping's arena */
	uint64_t low, high; /* MODEL_RANGE */
	unsigned width;     /* digits of a MODEL_RANGE; 0: as many as the number has */
	unsigned group;     /* MODEL_GROUP: $1 and on */
};

/** The schema half or the table half. */
struct model_part {
	struct model_token *tokens; /* in the mapping's arena */
	size_t count;
	pcre2_code *regex, *any_case; /* owned; instead of tokens; the second takes letters of any case */
};

struct model_pattern {
	struct model_part schema, table;
	bool whole; /* schema.regex is matched against "schema.table" */
	size_t stars, ranges, groups;
};

/** How a name is matched, and what the wildcards of a `from` stood for, in the order they are written. */
struct model_match {
	bool fold;                                /* given: letters in any case (of literals: ASCII ones) */
	char whole[2 * MODEL_NAME_BYTES_MAX + 2]; /* subject of a whole regex */
	struct lt_str star[2 * MODEL_TOKENS_MAX];
	uint64_t index[2 * MODEL_TOKENS_MAX]; /* in its range, from 0 */
	struct lt_str group[2 * MODEL_GROUPS_MAX];
	size_t stars, ranges, groups;
};

/** MODEL_GAVE_UP: a regex hit its limit, so nobody knows. */
enum model_answer { MODEL_NO, MODEL_YES, MODEL_GAVE_UP };

/** Parse a `from`, or a `to`, in which `$1` means a group where the regexes of the `from` have some. */
LT_MUST_USE bool model_pattern_parse_from(
    struct lt_str text, struct lt_arena *arena, struct model_pattern *out, struct lt_err *err);
LT_MUST_USE bool model_pattern_parse_to(
    struct lt_str text, size_t groups, struct lt_arena *arena, struct model_pattern *out, struct lt_err *err);
void model_pattern_clear(struct model_pattern *p);

/** `m->fold` is read. `m` borrows from the names (or from itself). */
enum model_answer model_pattern_match(
    const struct model_pattern *p, struct lt_str schema, struct lt_str table, struct model_match *m);
/** Whether some table of the schema could match; `fold` as in model_match. */
bool model_pattern_schema(const struct model_pattern *p, struct lt_str schema, bool fold);
/** Append the names of a `to` for what its `from` matched. */
void model_pattern_write(
    const struct model_pattern *to, const struct model_match *m, struct lt_buf *schema, struct lt_buf *table);
/** Whether some name may match both. Errs on the side of yes. */
bool model_pattern_overlap(const struct model_pattern *a, const struct model_pattern *b);
bool model_pattern_is_literal(const struct model_pattern *p);
bool model_pattern_has_regex(const struct model_pattern *p);
/** lutra and the servers' own schemas, in any letter case. */
bool model_is_system_schema(struct lt_str schema);

#endif
