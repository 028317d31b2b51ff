/* conflict/policy.h - the rule that a table's conflicts are decided by. Plain values, made once from the channel; any
 * thread. */
#ifndef CONFLICT_POLICY_H
#define CONFLICT_POLICY_H

#include "conflict/row.h"

/** What sums, greatest and least need to know of a column's values; `a`, `b`, ... may be SQL NULL for `add` only. */
struct conflict_type {
	/** <0, 0, >0, as the column orders them. */
	int (*compare)(const void *ctx, struct lt_str a, struct lt_str b);
	/** value + (after - before), held to the range of the type; a NULL value counts as zero, the others are none.
	 * The result lies in `arena`. When value and before are equal it is `after`, byte for byte. */
	struct lt_str (*add)(
	    const void *ctx, struct lt_str value, struct lt_str before, struct lt_str after, struct lt_arena *arena);
	const void *ctx; /* borrowed */
};

/** What a function made of writes, or why it made nothing. */
struct conflict_verdict {
	struct lt_str value;   /* of a column; in the arena, or borrowed from the writes */
	uint32_t stands;       /* of rows: which of the writes */
	const char *failed;    /* in a word or two, and never freed; NULL: it did not fail */
	struct lt_str details; /* of that, without a row's values; in the arena */
};

/** A user's function (ADR 47). It is asked with the writes of a key (of one of its columns) that had not seen each
 * other, two or more, as they ascend by version: all sites that hold the same operations ask the same. It must be one:
 * the same writes give the same verdict, at whatever site and time. */
struct conflict_function {
	void (*decide)(const void *ctx, const struct conflict_op *const *writes, uint32_t nwrites,
	    struct lt_arena *arena, struct conflict_verdict *out);
	const void *ctx; /* borrowed */
};

/** How one column is made of its writes. */
enum conflict_rule {
	CONFLICT_LAST,     /* the newest write */
	CONFLICT_SUM,      /* a counter: the first value and all differences */
	CONFLICT_MAX,      /* the greatest of those that had not seen each other (ADR 31); NULL is below all */
	CONFLICT_MIN,      /* the least of them */
	CONFLICT_FUNCTION, /* what a function makes of them; where it fails the newest */
};

struct conflict_column {
	enum conflict_rule rule;
	const struct conflict_type *type;         /* borrowed; of sums, greatest and least */
	const struct conflict_function *function; /* borrowed; of CONFLICT_FUNCTION */
};

enum conflict_kind {
	CONFLICT_BY_ROW,      /* last writer wins, the row is one value. Remembers a version for each key */
	CONFLICT_BY_HOME,     /* trusted sites: stands against newer writes of others that had not seen it. Remembers
				 operations */
	CONFLICT_BY_COLUMN,   /* each column by its own rule. Remembers operations */
	CONFLICT_BY_FUNCTION, /* of the writes that had not seen each other the one that a function names; where it
				 fails the newest. Remembers operations */
};

struct conflict_policy {
	enum conflict_kind kind;
	bool unique; /* rows compete for values of further unique keys; CONFLICT_BY_ROW only */
	const struct conflict_column *columns; /* borrowed; CONFLICT_BY_COLUMN: one for each of a row's values */
	uint32_t ncolumns;
	const uint32_t
	    *trusted; /* borrowed; CONFLICT_BY_HOME: site ids, the most trusted first. Others are trusted less, alike */
	uint32_t ntrusted;
	const struct conflict_function *function; /* borrowed; CONFLICT_BY_FUNCTION */
};

/** Whether a key's operations are remembered, not only its newest version. */
static inline bool
conflict_policy_lists(const struct conflict_policy *p)
{
	return p->kind != CONFLICT_BY_ROW;
}

#endif
