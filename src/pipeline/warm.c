#include "pipeline/warm.h"

#define TABLES_MAX 200

/* Names of targets, copied into the arena. */
static size_t
name_targets(const struct model_mapping *mapping, const struct schema_history *history, struct lt_arena *arena,
    struct schema_name *names)
{
	struct lt_buf schema = { 0 }, table = { 0 };
	const struct schema_table *source;
	size_t count = 0;

	for (size_t i = 0; count < TABLES_MAX && (source = schema_history_at(history, i)) != NULL; i++) {
		const struct model_rule *rule = NULL;

		if (!model_mapping_table(mapping, source->schema, source->name, &schema, &table, &rule) || rule == NULL)
			continue;
		names[count].schema = lt_arena_str(arena, lt_buf_str(&schema));
		names[count].table = lt_arena_str(arena, lt_buf_str(&table));
		count++;
	}
	lt_buf_free(&schema);
	lt_buf_free(&table);
	return count;
}

bool
pipeline_warm(struct pipeline_router *router, const struct model_mapping *mapping, const struct schema_history *history,
    struct my_conn *target, struct lt_err *err)
{
	struct schema_name *names = lt_calloc(TABLES_MAX, sizeof(*names));
	struct lt_arena *arena = lt_arena_new();
	struct schema_table **tables = NULL;
	struct lt_err refused = { 0 };
	size_t count = 0;
	bool ok = true;

	if (schema_catalog_named(
		target, names, name_targets(mapping, history, arena, names), &tables, &count, &refused)) {
		for (size_t i = 0; i < count; i++) {
			if (tables[i]->transactional)
				pipeline_router_know(router, tables[i]);
			else
				schema_table_free(tables[i]);
		}
		free(tables);
	} else if (!my_alive(target)) {
		*err = refused;
		ok = false;
	}
	lt_arena_free(arena);
	free(names);
	return ok;
}
