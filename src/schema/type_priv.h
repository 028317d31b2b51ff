/* schema/type_priv.h - reading what COLUMN_TYPE says: "decimal(10,2) unsigned", "enum('a','b''c')". */
#ifndef SCHEMA_TYPE_PRIV_H
#define SCHEMA_TYPE_PRIV_H

#include "schema/table.h"

/** What families of types have in common; the values of one family can be compared and, where wide enough, held. */
enum schema_class {
	SCHEMA_CLASS_OTHER, /* not known here */
	SCHEMA_CLASS_INT,
	SCHEMA_CLASS_DECIMAL,
	SCHEMA_CLASS_FLOAT,
	SCHEMA_CLASS_DOUBLE,
	SCHEMA_CLASS_DATE,
	SCHEMA_CLASS_TIME,
	SCHEMA_CLASS_DATETIME,
	SCHEMA_CLASS_TIMESTAMP,
	SCHEMA_CLASS_YEAR,
	SCHEMA_CLASS_BIT,
	SCHEMA_CLASS_ENUM,
	SCHEMA_CLASS_SET,
	SCHEMA_CLASS_TEXT,
	SCHEMA_CLASS_BYTES,
	SCHEMA_CLASS_JSON,
	SCHEMA_CLASS_GEOMETRY,
	SCHEMA_CLASS_VECTOR,
	SCHEMA_CLASS_FIXED, /* MariaDB's UUID, INET4, INET6: BINARY(n) in the log */
};

/** Facts of a column's type that its texts hold. */
struct schema_type {
	enum schema_class class_;
	bool fixed; /* CHAR, BINARY: padded */
	bool blob;  /* TINYTEXT to LONGTEXT, TINYBLOB to LONGBLOB, JSON, GEOMETRY: a length of `width` bytes before the
		       value */
	unsigned width;    /* INT: bytes; blob: 1 to 4 */
	uint32_t args[2];  /* numbers in brackets; defaults filled in */
	uint64_t capacity; /* TEXT that is no blob: characters; blobs and BYTES: bytes */
};

struct schema_type schema_type_of(const struct schema_column *c);
struct lt_str schema_type_lower(struct lt_arena *arena, struct lt_str s);
bool schema_type_unsigned(struct lt_str type);
/** The list of an ENUM or SET; what is malformed ends it. */
const struct lt_str *schema_type_members(struct lt_arena *arena, struct lt_str type, size_t *count);

/** Character set by its newer name: "utf8" is "utf8mb3". */
struct lt_str schema_charset_name(struct lt_str name);

#endif
