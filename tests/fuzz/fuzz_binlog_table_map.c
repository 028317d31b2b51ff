/* Any bytes as a TABLE_MAP of either engine: a coded error, or a table. */
#include "binlog/table_map.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int mariadb = 0; mariadb < 2; mariadb++) {
		struct change_table *t = NULL;
		struct lt_err err = { 0 };

		if (binlog_table_map_decode(lt_str_of(data, size), 6, mariadb != 0, &t, &err)) {
			LT_ASSERT(t->ncolumns <= 4096 && (t->ncolumns == 0 || t->columns != NULL));
			LT_ASSERT(lt_arena_bytes(t->arena) <= size * BINLOG_MEMORY_FACTOR + BINLOG_MEMORY_MORE);
			change_table_unref(t);
		} else {
			LT_ASSERT(
			    t == NULL && err.code != LT_OK && err.code != LT_E_INTERNAL && err.message[0] != '\0');
		}
	}
	return 0;
}
