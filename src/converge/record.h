/* converge/record.h - the conflict log: `lutra.conflict` at the site where it was decided.
 *
 * A line for each operation that met a write of its key which it had not seen: who, what both wrote, by which rule who
 * won. Bounded by age and size (`conflicts: keep`). Written in the deciding transaction, so it is there just where the
 * decision is. */
#ifndef CONVERGE_RECORD_H
#define CONVERGE_RECORD_H

#include "conflict/decide.h"
#include "converge/shape.h"
#include "pipeline/settle.h"

/** One line. All borrowed. */
struct converge_conflict {
	const struct converge_shape *shape;
	struct lt_str key;
	struct conflict_version version, other;    /* of the operation, of the newest write that it had not seen */
	const struct conflict_row *before, *after; /* the operation */
	const struct conflict_row *found, *now;    /* the row here, before and after the decision */
	bool won;                                  /* see struct conflict_clash */
	const char *rule;                          /* "last-writer-wins", ... */
};

/** How the channel file names a policy. */
const char *converge_rule_name(const struct conflict_policy *p);
/** What stands there instead where a function failed, and the newest write stood for it: with conflict_verdict's words
 * behind it. 32 bytes are kept of a rule. */
#define CONVERGE_RULE_FAILED "function failed: "
/** A line that tells of no conflict but of a row that was not what it had to be: the audit's alarm. */
#define CONVERGE_RULE_DRIFT "drift"

/** Add lines in the open transaction of `sink`, giving way where others must go on (R4). Of an image that is longer
 * than CONVERGE_IMAGE_MAX as text its beginning is kept, and how long it was. */
enum { CONVERGE_IMAGE_MAX = 64 << 10 };
LT_MUST_USE bool converge_record_add(struct change_sink *sink, const char *channel, const char *pipeline,
    const struct converge_conflict *lines, size_t count, struct lt_err *err);
/** Drop what is older or more than the channel keeps, some ten thousand lines at most in pieces of some hundred;
 * commits each. By age only where the server's clock is to be believed: `by_age`. */
LT_MUST_USE bool converge_record_trim(
    struct my_conn *c, const struct model_channel *channel, bool by_age, struct lt_err *err);

/* -- reading it; for any connection to a site, with or without the table ---------------------------- */

/** Of a line as converge_record_read() gives it, all as text. */
enum converge_record_column {
	CONVERGE_RECORD_ID,
	CONVERGE_RECORD_AT, /* microseconds since 1970 */
	CONVERGE_RECORD_PIPELINE,
	CONVERGE_RECORD_SCHEMA,
	CONVERGE_RECORD_TABLE,
	CONVERGE_RECORD_KEY, /* JSON */
	CONVERGE_RECORD_OPERATION,
	CONVERGE_RECORD_MET, /* "insert", "update" or "delete", as far as the row tells */
	CONVERGE_RECORD_CLOCK,
	CONVERGE_RECORD_ORIGIN,
	CONVERGE_RECORD_SEQ,
	CONVERGE_RECORD_MET_CLOCK,
	CONVERGE_RECORD_MET_ORIGIN,
	CONVERGE_RECORD_MET_SEQ,
	CONVERGE_RECORD_RULE,
	CONVERGE_RECORD_WON,    /* "1" or "0" */
	CONVERGE_RECORD_BEFORE, /* JSON, see converge_record_is_whole(); SQL NULL: no row. These with `images` only */
	CONVERGE_RECORD_AFTER,
	CONVERGE_RECORD_FOUND,
	CONVERGE_RECORD_NOW,
	CONVERGE_RECORD_COLUMNS,
};

/** Which lines. */
struct converge_record_wish {
	const char *channel;
	struct lt_str schema, table; /* empty: of all */
	struct lt_str key;           /* the site's own bytes of a key; empty: of all */
	uint64_t id;                 /* 0: of all */
	uint64_t since_us;
	bool lost; /* only what lost */
	bool images;
	size_t limit; /* the newest so many */
};

/** The newest first. `**ret` to my_rows_free(). */
LT_MUST_USE bool converge_record_read(
    struct my_conn *c, const struct converge_record_wish *wish, struct my_rows **ret, struct lt_err *err);
/** How many there are: schema, table, operation, met, rule, won, lost. `images` and `limit` of the wish play no part.
 */
LT_MUST_USE bool converge_record_count(
    struct my_conn *c, const struct converge_record_wish *wish, struct my_rows **ret, struct lt_err *err);
/** Whether a key's or an image's text is all of it. */
bool converge_record_is_whole(struct lt_str text);

#endif
