/* schema/table.h - a table as a server's catalog describes it: what an image does not say and an applier must know. */
#ifndef SCHEMA_TABLE_H
#define SCHEMA_TABLE_H

#include "base/arena.h"
#include "base/err.h"

/** The numbers are kept in the store. */
enum schema_generated { SCHEMA_PLAIN, SCHEMA_VIRTUAL, SCHEMA_STORED, SCHEMA_ROW_END };

struct schema_column {
	struct lt_str name;
	struct lt_str type;               /* COLUMN_TYPE as the server prints it, "bigint(20) unsigned" */
	struct lt_str base_type;          /* DATA_TYPE, lower case: "bigint" */
	struct lt_str charset, collation; /* empty for what is no text */
	bool is_unsigned, nullable, auto_increment, invisible, has_default;
	enum schema_generated generated; /* MariaDB's ROW START counts as stored */
	size_t nmembers;                 /* ENUM, SET: in UTF-8 */
	const struct lt_str *members;
};

struct schema_key_part {
	size_t column;   /* index into columns; SIZE_MAX: an expression */
	uint32_t prefix; /* characters; 0 = the whole column */
};

struct schema_key {
	struct lt_str name;    /* "PRIMARY" */
	bool unique, not_null; /* not_null: no part may be NULL */
	bool hash;             /* MariaDB's, too long for an index: by a hash, in a column that only the log shows */
	size_t nparts;
	const struct schema_key_part *parts;
};

/** The first version of MySQL whose log holds what foreign keys change by themselves; MariaDB's never does. */
#define SCHEMA_MYSQL_LOGS_CASCADES 90600

/** Immutable; lives in its arena. */
struct schema_table {
	struct lt_str schema, name, engine, collation;
	bool transactional, has_triggers, temporal /* system versioned */;
	size_t ncolumns, nkeys;
	const struct schema_column *columns;
	const struct schema_key *keys; /* PRIMARY first, then unique, then others */
	size_t nparents, nchildren;    /* foreign keys out of it, into it */
	bool cascades;                 /* some foreign key into it has CASCADE, SET NULL or SET DEFAULT, */
	bool cascaded;                 /* or one out of it: known of a server's catalog only */
	struct lt_arena *arena;        /* owned */
};

void schema_table_free(struct schema_table *t);
/** The key to find rows by: PRIMARY, else the first unique one whose parts are whole, not NULL columns; NULL: keyless.
 */
const struct schema_key *schema_table_find_key(const struct schema_table *t);
/** Same name, columns, keys and all else: nothing to remember anew. */
bool schema_table_eq(const struct schema_table *a, const struct schema_table *b);
/** Index of the column (names compared as servers do: letters of any case alike), or SIZE_MAX. */
size_t schema_table_column(const struct schema_table *t, struct lt_str name);

#endif
