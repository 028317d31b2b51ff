/* schema/describe.h - a column of a table at hand as a log with full metadata would describe it. */
#ifndef SCHEMA_DESCRIBE_H
#define SCHEMA_DESCRIBE_H

#include "change/table.h"
#include "schema/table.h"

/** Names lie in `arena`; the wire type stays 0. False: its type is not known here. */
LT_MUST_USE bool schema_describe(const struct schema_column *c, struct lt_arena *arena, struct change_column *out);
/** Bytes that a TEXT, a BLOB and their like take; 0: a column of another type. */
uint64_t schema_blob_max(const struct schema_column *c);

#endif
