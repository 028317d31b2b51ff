/* change/txn.h - what flows through a pipeline: one transaction of a source, whole. */
#ifndef CHANGE_TXN_H
#define CHANGE_TXN_H

#include "change/position.h"
#include "change/table.h"

enum change_op { CHANGE_INSERT, CHANGE_UPDATE, CHANGE_DELETE };

/* flags of the row event a row came from */
enum {
	CHANGE_ROW_NO_FK_CHECKS = 0x0002,
	CHANGE_ROW_NO_UNIQUE_CHECKS = 0x0004,
	CHANGE_ROW_FK_LOGGED = 0x0010,      /* MySQL 9.6: cascades stand in the log themselves */
	CHANGE_ROW_NO_CONSTRAINTS = 0x0080, /* MariaDB: check_constraint_checks=0 */
};

struct change_row {
	enum change_op op;
	uint16_t flags;
	uint32_t event; /* counts the row events of the transaction: rows of one statement's event share it */
	const struct change_table *table; /* one reference for each distinct table is held by the transaction */
	struct change_image before;       /* update, delete */
	struct change_image after;        /* insert, update */
};

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
	uint32_t server_id;      /* writer by the log */

	struct change_row *rows; /* arena */
	size_t nrows, rows_cap;
	const struct change_table **tables; /* arena; distinct, referenced */
	size_t ntables, tables_cap;

	struct lt_str ddl, ddl_schema; /* DDL: text as UTF-8, default schema */
	bool quiet;       /* nothing but Lutra's own bookkeeping was in it: no progress worth writing (R11) */
	uint64_t ignored; /* statements and rows of names that are not wanted, passed over inside it */
};

struct change_txn *change_txn_new(enum change_txn_kind kind);
void change_txn_free(struct change_txn *t);
/** A new row at the end, zeroed; takes a reference of the table unless it is there already. Valid until the next call.
 */
struct change_row *change_txn_add_row(struct change_txn *t, const struct change_table *table);
/** Bytes it holds. */
size_t change_txn_bytes(const struct change_txn *t);
/** Move progress over it: what was passed over, its own id, its end. */
void change_txn_advance(const struct change_txn *t, struct change_position *progress);
/** Fill file, pos, gtid of an error's place from it. */
void change_txn_where(const struct change_txn *t, struct lt_where *where);

#endif
