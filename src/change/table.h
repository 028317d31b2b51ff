/* change/table.h - a table as one log described it at one moment: what is needed to turn its images into values. */
#ifndef CHANGE_TABLE_H
#define CHANGE_TABLE_H

#include "base/arena.h"
#include "base/err.h"
#include "change/value.h"

struct change_codec;

struct change_column {
	struct lt_str name;    /* empty when neither log nor schema named it */
	enum change_kind kind; /* what its values are when they are neither NULL nor absent */
	uint8_t wire_type;     /* the log's own type number; its codec's business */
	uint16_t wire_meta;
	struct {
		bool known;
		uint8_t plain;       /* values need no more than to be picked up: as what */
		uint8_t prefix;      /* bytes of the length in front of a value; 0: each value has `width` bytes */
		uint16_t run;        /* columns from this one on that have widths of their own */
		uint32_t width, all; /* of this one; of the run */
	} wire; /* what the codec worked out of the two above, once for all values; zeroed: it asks each time */
	bool is_unsigned, nullable, invisible;
	uint16_t collation;       /* MySQL's collation id of text, ENUM and SET; 63 binary; 0 unknown */
	uint32_t length;          /* BINARY(n), CHAR, VARCHAR: bytes at most; BIT: bits; else 0 */
	uint8_t precision, scale; /* DECIMAL; scale also: fraction digits of temporal types */
	size_t nmembers; /* ENUM, SET: names where known, in the column's character set or UTF-8 by the log's rule */
	const struct lt_str *members;
	bool members_utf8; /* the names are UTF-8 */
	/* Filled in by a describer (change/source.h), else empty and false: */
	struct lt_str charset; /* of text: as servers name it ("utf8mb4", "gbk") */
	bool hidden;           /* the server's own column, no part of the table's definition */
};

struct change_key_part {
	size_t column;
	uint32_t prefix; /* characters; 0: the whole column */
};

/** Immutable once made; shared by all rows that were logged under it, across threads, by counted references. */
struct change_table {
	struct lt_str schema, name;
	size_t ncolumns;
	const struct change_column *columns; /* in log order */
	bool named;                          /* every column has a name */
	bool signs_told;                     /* the log tells which numbers are unsigned */
	bool visibility_told;                /* and which columns are invisible */
	bool key_told;                       /* and the primary key, or that there is none */
	size_t nkey;
	const struct change_key_part *key;
	size_t row_end; /* of a system-versioned table: the column, counted from 1, that says when a version of the row
			 * ended; 0: none. A describer tells */
	size_t branch;  /* of a table whose rows go to several targets: which of them (pipeline/fan.h); else 0 */
	const struct change_table *base; /* referenced: what it is a branch of, or NULL */
	bool met; /* rows were looked at where they are written: before images are what is there, and need no comparing
		   */
	uint64_t id; /* unique in this process: a cheap key for caches */
	const struct change_codec *codec;
	struct lt_arena *arena; /* owned: holds everything above */
	_Atomic unsigned refs;
};

/** One image of a row, bytes as the log has them. */
struct change_image {
	struct lt_str bytes;    /* borrowed from the transaction's arena */
	const uint8_t *present; /* bit i (LSB first): column i is in the image; NULL = all are */
	const uint8_t *partial; /* bit i: the log has edits of column i, not its value; NULL = of none */
};

/** How images of one kind of log become values. Stateless, any thread. */
struct change_codec {
	const char *name;
	/** Fill out[0..ncolumns). Values borrow from the image or from `scratch`. Coded error on malformed bytes; then
	 * `out` is undefined. */
	bool (*decode)(const struct change_table *table, const struct change_image *image, struct lt_arena *scratch,
	    struct change_value *out, struct lt_err *err);
};

/** A new table with one reference; fill its members from its arena, then do not change it any more. */
struct change_table *change_table_new(void);
/** The same table once more, for rows that go to another target. One reference. */
struct change_table *change_table_branch(const struct change_table *base, size_t branch);
struct change_table *change_table_ref(const struct change_table *t);
void change_table_unref(const struct change_table *t); /* NULL is fine */

static inline bool
change_image_has(const struct change_image *image, size_t column)
{
	return image->present == NULL || (image->present[column / 8] >> (column % 8) & 1) != 0;
}

#endif
