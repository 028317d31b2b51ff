/* A row of a conflict channel from elsewhere. The first byte chooses: as it is kept (an image of four bytes of length
 * and a value for each column), or as JSON in the conflict log and on a command line: a coded error, or a row that
 * comes out the same again. */
#include "fuzz/fuzz.h"
#include "unit/converge/table.h"

enum { AS_JSON = 1, KEY_ALONE = 2 };

#define COLUMNS 15

static void
make_columns(struct schema_column to[COLUMNS])
{
	static const char *const types[COLUMNS][2] = { { "bigint" }, { "bigint unsigned" }, { "decimal(12,3)" },
		{ "float" }, { "double" }, { "date" }, { "time(3)" }, { "datetime(6)" }, { "year(4)" }, { "bit(9)" },
		{ "char(9)", "ucs2" }, { "text", "utf8mb4" }, { "text", "gbk" }, { "varbinary(9)" }, { "json" } };
	static const char names[COLUMNS][2] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n",
		"o" };

	for (size_t i = 0; i < COLUMNS; i++)
		to[i] = table_column(names[i], types[i][0], types[i][1], types[i][1]);
}

static void
as_kept(const struct converge_shape *s, struct lt_str bytes, struct lt_arena *arena)
{
	const struct change_table *t = s->table->kept;
	struct change_image image = { .bytes = bytes };
	struct change_value values[COLUMNS];
	struct lt_str kept[COLUMNS];
	struct conflict_row row = { kept, COLUMNS };
	struct lt_buf out = { 0 };
	struct lt_err err = { 0 };

	if (!t->codec->decode(t, &image, arena, values, &err)) {
		LT_ASSERT(err.code == LT_E_CORRUPT);
		return;
	}
	for (size_t i = 0; i < COLUMNS; i++)
		kept[i] = converge_shape_value_keep(&s->table->columns[i], &values[i], arena);
	converge_shape_json(s, &row, &out);
	LT_ASSERT(out.len > 2 && out.ptr[out.len - 1] == '}');
	lt_buf_free(&out);
}

static void
as_json(const struct converge_shape *s, struct lt_str text, struct lt_arena *arena)
{
	const struct conflict_row *row = NULL, *again = NULL;
	struct lt_buf out = { 0 };
	struct lt_err err = { 0 };

	if (!converge_shape_parse(s, text, arena, &row, &err)) {
		LT_ASSERT(err.code == LT_E_USAGE);
		return;
	}
	converge_shape_json(s, row, &out);
	LT_ASSERT(converge_shape_parse(s, lt_buf_str(&out), arena, &again, &err));
	LT_ASSERT(conflict_row_eq(row, again));
	lt_buf_free(&out);
}

static void
as_key(const struct converge_shape *s, struct lt_str text, struct lt_arena *arena)
{
	const struct conflict_row *row = NULL;
	struct lt_err err = { 0 };

	if (!converge_shape_key_parse(s, text, arena, &row, &err))
		LT_ASSERT(err.code == LT_E_USAGE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct schema_column columns[COLUMNS];
	struct schema_table table;
	struct converge_shape *s;
	struct lt_arena *arena;

	if (size == 0)
		return 0;
	make_columns(columns);
	s = table_shape(&table, columns, COLUMNS);
	arena = lt_arena_new();
	if ((data[0] & AS_JSON) == 0)
		as_kept(s, lt_str_of(data + 1, size - 1), arena);
	else if ((data[0] & KEY_ALONE) != 0)
		as_key(s, lt_str_of(data + 1, size - 1), arena);
	else
		as_json(s, lt_str_of(data + 1, size - 1), arena);
	lt_arena_free(arena);
	table_free(s);
	return 0;
}
