/* Any bytes as a statement, under any of the modes that change its words: a kind, names that go with it, and a digest
 * that white space does not change. */
#include "fuzz/fuzz.h"
#include "schema/ddl.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t mode = size == 0 ? 0
				  : ((data[0] & 1) != 0 ? SCHEMA_SQL_MODE_ANSI_QUOTES : 0) |
					((data[0] & 2) != 0 ? SCHEMA_SQL_MODE_NO_BACKSLASH_ESCAPES : 0);
	struct lt_str sql = size == 0 ? lt_str_of(NULL, 0) : lt_str_of(data + 1, size - 1);
	struct lt_arena *arena = lt_arena_new();
	struct schema_ddl ddl;
	char *blank;

	schema_ddl_classify(sql, LT_STR("d"), mode, arena, &ddl);
	LT_ASSERT(ddl.verb != NULL);
	LT_ASSERT((ddl.kind != SCHEMA_DDL_SHAPE && ddl.kind != SCHEMA_DDL_SCHEMA) || ddl.nnames > 0);
	for (size_t i = 0; i < ddl.nnames; i++)
		LT_ASSERT(
		    ddl.names[i].schema.len != 0 && (ddl.kind == SCHEMA_DDL_SCHEMA) == (ddl.names[i].table.len == 0));

	blank = (char *)lt_arena_alloc(arena, sql.len + 1);
	blank[0] = '\n';
	if (sql.len != 0)
		memcpy(blank + 1, sql.ptr, sql.len);
	if (ddl.kind != SCHEMA_DDL_UNKNOWN) /* an unfinished quote counts as it is written */
		LT_ASSERT(schema_ddl_digest(sql, LT_STR("d"), mode) ==
			  schema_ddl_digest(lt_str_of(blank, sql.len + 1), LT_STR("d"), mode));
	lt_arena_free(arena);
	return 0;
}
