#include "table.h"

struct schema_column
table_column(const char *name, const char *type, const char *charset, const char *collation)
{
	size_t base = strcspn(type, "( ");

	return (struct schema_column){ .name = lt_str_z(name),
		.type = lt_str_z(type),
		.base_type = lt_str_of(type, base),
		.charset = lt_str_z(charset),
		.collation = lt_str_z(collation),
		.is_unsigned = strstr(type, "unsigned") != NULL,
		.nullable = true };
}

struct converge_shape *
table_shape(struct schema_table *t, const struct schema_column *columns, size_t ncolumns)
{
	static const struct schema_key_part on_first = { 0, 0 };
	static const struct schema_key primary = {
		.name = { "PRIMARY", 7 }, .unique = true, .not_null = true, .nparts = 1, .parts = &on_first
	};
	struct lt_err err = { 0 };
	struct shape_table *table = NULL;

	*t = (struct schema_table){ .schema = LT_STR("shop"),
		.name = LT_STR("t"),
		.columns = columns,
		.ncolumns = ncolumns,
		.keys = &primary,
		.nkeys = 1 };
	LT_ASSERT(converge_shape_table_begin(t, &table, &err));
	table->key = (struct shape_index){ &primary, lt_arena_zalloc(table->arena, sizeof(struct shape_part)), 1 };
	return converge_shape_new(table, table->kept);
}

void
table_free(struct converge_shape *s)
{
	struct shape_table *table = s->table;

	converge_shape_free(s);
	converge_shape_table_free(table);
}

struct shape_part
table_part(size_t at, enum pipeline_part_kind kind)
{
	return (struct shape_part){ .at = at, .kind = kind };
}
