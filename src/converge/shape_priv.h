/* converge/shape_priv.h - a shape's inside, shared by shape.c (which there are, images), shape_table.c (a table of the
 * site), shape_value.c (values, the codec), shape_key.c (keys and claims), shape_sql.c, shape_json.c, shape_policy.c,
 * shape_function.c. */
#ifndef CONVERGE_SHAPE_PRIV_H
#define CONVERGE_SHAPE_PRIV_H

#include "converge/shape.h"
#include "model/conflicts.h"
#include "pipeline/weights.h"
#include "pipeline/writeset.h"
#include "script/script.h"

/* A key begins with this many bytes of its table; a claim has the number of the index behind them. */
#define SHAPE_TAG 8

/** A column of a row. */
struct shape_column {
	const struct schema_column *target; /* borrowed from the router */
	const struct change_column *kept;   /* of the table whose images are rows as they are kept here */
	bool padded;                        /* CHAR: blanks at the end are none of the value */
};

/** What counters, greatest and least need to know of a column. */
struct shape_type {
	struct conflict_type type;
	enum change_kind kind;
	unsigned scale, whole; /* DECIMAL: digits behind and in front of the point */
	uint64_t most;         /* integers: the largest, */
	uint64_t least;        /* and how far below zero */
};

/** A part of an index, exactly as the server compares it. */
struct shape_part {
	size_t at; /* of a row's values */
	enum pipeline_part_kind kind;
	struct pipeline_weights *weights; /* borrowed; TEXT_WEIGHED */
	bool counts_spaces;               /* text: those at the end are no padding */
	uint32_t prefix;                  /* characters, of BYTES bytes; 0: all */
};

struct shape_index {
	const struct schema_key *key; /* borrowed */
	struct shape_part *parts;     /* arena */
	size_t nparts;
};

/** A table of the site. */
struct shape_table {
	struct shape_table *next;
	struct converge_shape *shapes;     /* owned by who has the table */
	const struct schema_table *target; /* borrowed from the router */
	struct shape_column *columns;      /* arena; of a row's values */
	size_t ncolumns;
	struct change_table *kept;        /* owned reference: the same, with rows as they are kept here */
	bool single;                      /* one site alone writes it: has neither keys nor claims */
	char tag[SHAPE_TAG];              /* in front of its keys */
	struct shape_index key, *uniques; /* arena */
	size_t nuniques;
	struct conflict_policy policy;
	const struct model_site *sites; /* borrowed from the channel: what functions are told of who wrote */
	size_t nsites;
	struct pipeline_weigher *weigher; /* borrowed from the router */
	struct change_value *values;      /* arena: of the row in hand */
	struct lt_buf scratch;            /* owned */
	struct lt_arena *arena;           /* owned */
};

/** One version of it in a log. */
struct converge_shape {
	struct shape_table *table;
	const struct change_table *from; /* owned reference */
	uint32_t *at;                    /* owned; where the log has a row's columns; SHAPE_ABSENT */
	struct change_value *values;     /* owned: of the image in hand */
	char *no_row, *no_key; /* owned: why images of it are no row, have no key here; NULL: they are, have */
	struct converge_shape *next;
};

#define SHAPE_ABSENT UINT32_MAX

/* -- shape.c -------------------------------------------------------------------------------------- */

/** A log's version of the table, which outlives it. */
struct converge_shape *converge_shape_new(struct shape_table *t, const struct change_table *from);
void converge_shape_free(struct converge_shape *shape); /* NULL is fine */

/* -- shape_table.c -------------------------------------------------------------------------------- */

/** Its columns alone. */
LT_MUST_USE bool converge_shape_table_begin(
    const struct schema_table *target, struct shape_table **ret, struct lt_err *err);
/** A table of the site as `channel` wants it there. LT_E_CONFLICT_TABLE. */
LT_MUST_USE bool converge_shape_table_new(const struct model_channel *channel, struct pipeline_router *router,
    const struct schema_table *target, struct shape_table **ret, struct lt_err *err);
void converge_shape_table_free(struct shape_table *t);
/** LT_E_CONFLICT_TABLE about it. */
bool converge_shape_table_fail(const struct shape_table *t, struct lt_err *err, const char *fmt, ...) LT_PRINTF(3, 4);
#define converge_shape_table_fail(...) lt_false(converge_shape_table_fail(__VA_ARGS__))

/* -- shape_policy.c ------------------------------------------------------------------------------- */

/** The core's rules of a table, from the channel's. `t` has its columns, indexes and sites. */
LT_MUST_USE bool converge_shape_policy_make(
    const struct model_conflict_policy *from, struct shape_table *t, struct lt_err *err);
/** What sums, greatest and least need of a column; false: a `counter` (else greatest and least) cannot be made of it.
 */
LT_MUST_USE bool converge_shape_type_of(const struct shape_column *c, bool counter, struct shape_type *out);

/* -- shape_function.c ----------------------------------------------------------------------------- */

/** A user's function over the writes of a row, or of the column `at` (LT_E_CONFLICT_TABLE where none can make it). */
const struct conflict_function *converge_shape_function_of_row(struct shape_table *t, const struct script *script);
LT_MUST_USE bool converge_shape_function_of_column(struct shape_table *t, size_t at, const struct script *script,
    const struct conflict_function **ret, struct lt_err *err);

/* -- shape_value.c -------------------------------------------------------------------------------- */

/** A value of a log as it is kept; in `arena`. It is neither absent nor edits. */
struct lt_str converge_shape_value_keep(
    const struct shape_column *c, const struct change_value *v, struct lt_arena *arena);
/** A value as the text protocol gives what converge_shape_select() asks for; a zero byte stands behind it. False: it is
 * none of the column. */
LT_MUST_USE bool converge_shape_value_found(
    const struct shape_column *c, struct lt_str text, struct lt_arena *arena, struct lt_str *out);
/** And what is kept as a value; bytes are borrowed. False: it is none of the column. */
LT_MUST_USE bool converge_shape_value_read(const struct change_column *c, struct lt_str kept, struct change_value *out);
/** Digits and a point as a DECIMAL of that scale; false: it is none, or has more digits behind the point that are not
 * zero. */
LT_MUST_USE bool converge_shape_decimal(struct lt_str text, unsigned scale, struct lt_arena *arena, struct lt_str *out);
/** "2026-11-22 08:00:00.5" of a temporal kind, with `scale` digits; false: it is none. */
LT_MUST_USE bool converge_shape_time_parse(
    enum change_kind kind, struct lt_str text, unsigned scale, struct change_time *out);
/** Bytes of a blank in that character set. */
struct lt_str converge_shape_blank(struct lt_str charset);
/** Where the text ends without blanks. */
struct lt_str converge_shape_cut_blanks(struct lt_str text, struct lt_str charset);
bool converge_shape_charset_is_utf8(struct lt_str charset);
/** A row as an image of the kept table, in `arena`; and how it is read. */
struct lt_str converge_shape_encode(const struct conflict_row *row, struct lt_arena *arena);
extern const struct change_codec converge_shape_codec;

/* -- shape_key.c ---------------------------------------------------------------------------------- */

enum shape_key_end { SHAPE_KEY_MADE, SHAPE_KEY_NULL, SHAPE_KEY_FAILED };
/** An index's value of t->values, behind the table's tag and (of a further one) its number; in `arena`. */
enum shape_key_end converge_shape_key_make(struct shape_table *t, const struct shape_index *index,
    struct lt_arena *arena, struct lt_str *out, struct lt_err *err);
/** The bytes that keys of a table begin with. */
void converge_shape_key_tag(const struct schema_table *t, char tag[SHAPE_TAG]);

#endif
