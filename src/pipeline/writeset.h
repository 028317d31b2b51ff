/* pipeline/writeset.h - which changes of a group touch each other, and so in which order they must be carried out.
 *
 * Every row has keys: one for its table, one for each unique index value before and after. Two rows that share a key
 * keep their order; rows that share none may change places inside a group, since a group becomes visible at once. A key
 * is never finer than the server's own idea of equality: text of a collation whose weights are not known here exactly,
 * values that an image does not carry, expressions and unmapped columns make the whole table one key (R6). */
#ifndef PIPELINE_WRITESET_H
#define PIPELINE_WRITESET_H

#include "base/buf.h"
#include "pipeline/route.h"

/** How a part of an index is compared. */
enum pipeline_part_kind {
	PIPELINE_PART_UNKNOWN, /* not comparable here: the table is one key */
	PIPELINE_PART_NUMBER,
	PIPELINE_PART_REAL,
	PIPELINE_PART_BYTES,
	PIPELINE_PART_DECIMAL,
	PIPELINE_PART_TEMPORAL,
	PIPELINE_PART_TEXT_BINARY, /* a _bin collation: bytes, but for spaces at the end */
	PIPELINE_PART_TEXT_FOLDED, /* printable ASCII, letters of any case alike; other text is UNKNOWN */
	PIPELINE_PART_TEXT_WEIGHED,
};

struct pipeline_weights; /* pipeline/weights.h */

struct pipeline_part {
	const struct pipeline_column *column;
	enum pipeline_part_kind kind;
	struct pipeline_weights *weights; /* borrowed; of TEXT_WEIGHED */
	bool ascii_only;                  /* other text comes in another character set */
	uint32_t prefix;                  /* characters; 0: all */
};

/** One unique index of the target, seen from a route. */
struct pipeline_index {
	struct pipeline_part *parts; /* owned */
	size_t nparts;
	bool unknown; /* some part is */
};

/** The unique indexes of a route's target; owned by the route. */
struct pipeline_indexes {
	struct pipeline_index *items; /* owned */
	size_t count;
	uint64_t table; /* the target's name as a number */
	bool ordered;   /* foreign keys or triggers: other tables may be touched too */
	bool triggers;  /* and there is no telling which */
};

/** Whether it is text of which TEXT_FOLDED is told: the same but for the case of its letters is equal to the server,
 * and nothing else is. */
bool pipeline_text_folds(struct lt_str s);
/** The target's name as a number. */
uint64_t pipeline_table_number(const struct schema_table *t);
/** `key` of the target as `route` fills it; out->parts is the caller's to free. */
void pipeline_index_make(const struct pipeline_route *route, const struct schema_key *key, struct pipeline_index *out);
void pipeline_indexes_make(const struct pipeline_route *route, struct pipeline_indexes *out);
void pipeline_indexes_clear(struct pipeline_indexes *x);

/** Which values of the row in hand. */
enum pipeline_image {
	PIPELINE_IMAGE_BEFORE,
	PIPELINE_IMAGE_AFTER,
	PIPELINE_IMAGE_UPDATED, /* after; what it leaves out did not change */
};

enum pipeline_key_end {
	PIPELINE_KEY_MADE,
	PIPELINE_KEY_NULL,    /* a part is NULL: equal to no other */
	PIPELINE_KEY_UNKNOWN, /* the image does not tell */
};

/** The key that the row decoded in route->before and route->after has in the index number `at`: a number that is the
 * same for all values that are equal to the server, and may be for others. */
enum pipeline_key_end pipeline_index_key(const struct pipeline_route *route, const struct pipeline_indexes *indexes,
    size_t at, enum pipeline_image image, struct lt_buf *scratch, uint64_t *out);

struct pipeline_reference; /* pipeline/family.h */
/** The number that the row's parent has in the index that `r` refers to. */
enum pipeline_key_end pipeline_reference_key(const struct pipeline_route *route, const struct pipeline_reference *r,
    enum pipeline_image image, struct lt_buf *scratch, uint64_t *out);

/** What one row touches, as numbers that are the same in every router. */
struct pipeline_keys {
	uint64_t table;
	uint64_t items[64]; /* values of unique indexes: touched by this row alone */
	size_t count;
	bool whole; /* the values are not known: the whole table is touched alone, else it is shared */
	struct lt_buf scratch;
};

/** The keys of the row decoded in route->before and route->after; `out` is zeroed before its first use. */
void pipeline_keys_of(struct pipeline_keys *out, const struct pipeline_route *route,
    const struct pipeline_indexes *indexes, const struct change_row *row);

/** Levels of one group: rows of a level may be carried out in any order, after all of the level before. One owner
 * thread. */
struct pipeline_levels;

struct pipeline_levels *pipeline_levels_new(void);
void pipeline_levels_free(struct pipeline_levels *l);
/** A new group. */
void pipeline_levels_clear(struct pipeline_levels *l);
/** The level of the next row, decoded in route->before and route->after. */
size_t pipeline_levels_add(struct pipeline_levels *l, const struct pipeline_route *route,
    const struct pipeline_indexes *indexes, const struct change_row *row);

#endif
