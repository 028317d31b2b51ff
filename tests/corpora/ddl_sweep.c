/* Classifies every statement of SQL files and prints those that cannot be told: ddl_sweep [-l] FILE... (-l: a statement
 * on each line; else they end with a semicolon at the end of a line). Exit status 1 when there were any. */
#include <stdio.h>

#include "base/buf.h"
#include "schema/ddl.h"

static size_t counts[SCHEMA_DDL_UNKNOWN + 1];

static void
sweep(struct lt_str sql, const char *file)
{
	struct lt_arena *arena = lt_arena_new();
	struct schema_ddl ddl;

	schema_ddl_classify(sql, LT_STR("d"), 0, arena, &ddl);
	if (ddl.kind == SCHEMA_DDL_UNKNOWN) /* some of the samples were made under ANSI_QUOTES */
		schema_ddl_classify(sql, LT_STR("d"), SCHEMA_SQL_MODE_ANSI_QUOTES, arena, &ddl);
	counts[ddl.kind]++;
	if (ddl.kind == SCHEMA_DDL_UNKNOWN)
		printf("%s: %.*s\n", file, LT_FMT(sql));
	lt_arena_free(arena);
}

static bool
sweep_file(const char *path, bool lines)
{
	struct lt_buf sql = { 0 };
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	FILE *f = fopen(path, "r");

	if (f == NULL)
		return false;
	while ((len = getline(&line, &cap, f)) >= 0) {
		lt_buf_add(&sql, line, (size_t)len);
		while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r' || line[len - 1] == ' '))
			len--;
		if (lines || (len > 0 && line[len - 1] == ';')) {
			sweep(lt_buf_str(&sql), path);
			lt_buf_clear(&sql);
		}
	}
	if (sql.len != 0)
		sweep(lt_buf_str(&sql), path);
	fclose(f);
	free(line);
	lt_buf_free(&sql);
	return true;
}

int
main(int argc, char **argv)
{
	bool lines = argc > 1 && strcmp(argv[1], "-l") == 0;

	for (int i = lines ? 2 : 1; i < argc; i++)
		if (!sweep_file(argv[i], lines)) {
			perror(argv[i]);
			return 2;
		}
	printf("none %zu, shape %zu, schema %zu, harmless %zu, dml %zu, unknown %zu\n", counts[SCHEMA_DDL_NONE],
	    counts[SCHEMA_DDL_SHAPE], counts[SCHEMA_DDL_SCHEMA], counts[SCHEMA_DDL_HARMLESS], counts[SCHEMA_DDL_DML],
	    counts[SCHEMA_DDL_UNKNOWN]);
	return counts[SCHEMA_DDL_UNKNOWN] != 0;
}
