#include "converge/altered.h"

#include "base/err.h"
#include "schema/ddl.h"

struct converge_altered_name {
	struct lt_str text;
	struct converge_altered_name *next;
};

/* Statements may name a table in other letters than the log. */
static const struct converge_altered_name *
find(const struct converge_altered *a, struct lt_str table)
{
	const struct converge_altered_name *n = a->names;

	while (n != NULL && !lt_str_ieq(n->text, table))
		n = n->next;
	return n;
}

void
converge_altered_note(struct converge_altered *a, struct lt_str table)
{
	struct converge_altered_name *n;

	a->any = a->any || table.len == 0;
	if (table.len == 0 || find(a, table) != NULL)
		return;
	n = lt_arena_alloc(a->arena, sizeof(*n));
	n->text = lt_arena_str(a->arena, table);
	n->next = a->names;
	a->names = n;
}

bool
converge_altered_by(const struct converge_altered *a, const struct change_txn *ddl, struct lt_str *table)
{
	struct schema_ddl said;

	*table = LT_STR("a table");
	if (!a->any && a->names == NULL)
		return false;
	schema_ddl_classify(ddl->ddl, ddl->ddl_schema, ddl->ddl_mode, a->arena, &said);
	if (a->any || said.kind != SCHEMA_DDL_SHAPE || said.nnames == 0)
		return true;
	for (size_t i = 0; i < said.nnames; i++) {
		struct lt_where where = { .line = 0 };
		const struct converge_altered_name *n;

		lt_where_table(&where, said.names[i].schema, said.names[i].table);
		n = find(a, lt_str_z(where.table));
		if (n == NULL)
			continue;
		*table = n->text;
		return true;
	}
	return false;
}
