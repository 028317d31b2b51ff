/* change/txn.h - what flows through a pipeline: one transaction of a source, whole. */
#ifndef CHANGE_TXN_H
#define CHANGE_TXN_H

#include "change/position.h"
#include "change/spill.h"

enum change_txn_kind {
	CHANGE_TXN_ROWS,  /* rows, perhaps none after filtering */
	CHANGE_TXN_DDL,   /* one statement that changes names or shapes that are mapped */
	CHANGE_TXN_PLACE, /* nothing happened up to here: moves positions only. With a gtid: that transaction was rolled
			     back */
};

/** One owner thread at a time: the reader, then the queue, then the loader. */
struct change_txn {
	enum change_txn_kind kind;
	struct lt_arena *arena; /* owned: rows, images, statement */

	struct change_gtid gtid;
	struct change_gtid_set *passed; /* owned; ids of transactions passed over since the item before this one, or
					 * NULL: they belong to the progress too */
	char file[256];                 /* where it begins */
	uint64_t pos;
	struct change_place end; /* where it ends */
	uint64_t commit_us;      /* the source's commit stamp: microseconds where the log has them, else its second */
	uint64_t written_us;     /* what each replica's log tells alike: the commit stamp at the server that wrote it
				  * first, else the second of the last statement */
	uint32_t server_id;      /* writer by the log */

	struct change_row *rows; /* arena; of a spilled transaction only those of one part (change_txn_part) */
	size_t nrows, rows_cap;
	struct change_spill *spill;         /* owned; NULL: all rows are in memory */
	bool sealed;                        /* its rows are whole; `rows` is the part in hand */
	bool begun;                         /* a part was given out since the rewind */
	const struct change_table **tables; /* arena; distinct, referenced */
	size_t ntables, tables_cap;

	struct lt_str ddl, ddl_schema; /* DDL: text as UTF-8, default schema */
	uint64_t ddl_mode;             /* and the sql_mode that says how it is read */
	bool quiet;       /* nothing but Lutra's own bookkeeping was in it: no progress worth writing (R11) */
	bool shown;       /* handed out by its source even if no row is left in it (change_filter.rows) */
	bool own;         /* it carries this channel's mark of origin, or the next one */
	bool kept;        /* carried out though no row is left in it, for what is told of it */
	bool opted_out;   /* its writer marked it not to be sent */
	uint64_t ignored; /* statements and rows of names that are not wanted, passed over inside it */
	void *told;       /* owned, one piece: what a source that numbers its transactions says of it (converge/), or
			   * NULL */
};

/** What the transactions of a log took lately. Thousands wait at a time, and what they take bounds how many share a
 * group. Zeroed: nothing is known. */
struct change_txn_like {
	size_t bytes; /* a multiple of 8; bounded, so that small ones behind a large one soon take little */
};

struct change_txn *change_txn_new(enum change_txn_kind kind);
/** The same, with memory enough for one of these. */
struct change_txn *change_txn_new_like(enum change_txn_kind kind, const struct change_txn_like *like);
/** One more of them; it has all of its rows. */
void change_txn_note_like(struct change_txn_like *like, const struct change_txn *t);
void change_txn_free(struct change_txn *t);
/** A new row at the end, zeroed; takes a reference of the table unless it is there already. Valid until the next call.
 */
struct change_row *change_txn_add_row(struct change_txn *t, const struct change_table *table);
/** Rows it has in all, in memory and on disk. */
uint64_t change_txn_rows(const struct change_txn *t);
/** Bytes of memory it holds. */
size_t change_txn_bytes(const struct change_txn *t);

/* -- more rows than memory: for whoever makes the transaction ------------------------------------- */

/** Move the rows in memory to disk; their memory is given up. */
LT_MUST_USE bool change_txn_spill(struct change_txn *t, struct change_spill_room *room, struct lt_err *err);
/** Keep the first `rows` rows only. */
LT_MUST_USE bool change_txn_cut(struct change_txn *t, uint64_t rows, struct lt_err *err);
/** No row comes any more. */
LT_MUST_USE bool change_txn_seal(struct change_txn *t, struct lt_err *err);
/** Drop all rows, on disk too. */
void change_txn_drop_rows(struct change_txn *t);

/* -- for whoever reads it: rewind, then part after part ------------------------------------------- */

/** The next part will be the first. */
void change_txn_rewind(struct change_txn *t);
/** `rows` become those of the next part, until the next call; *got false: there was no other. A transaction that was
 * not spilled is one part. */
LT_MUST_USE bool change_txn_part(struct change_txn *t, bool *got, struct lt_err *err);

/** Move progress over it: what was passed over, its own id, its end. */
void change_txn_advance(const struct change_txn *t, struct change_position *progress);
/** Fill file, pos, gtid of an error's place from it. */
void change_txn_where(const struct change_txn *t, struct lt_where *where);

#endif
