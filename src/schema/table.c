#include "schema/table.h"

void
schema_table_free(struct schema_table *t)
{
	if (t != NULL)
		lt_arena_free(t->arena); /* holds the struct too */
}

static bool
is_whole(const struct schema_key *k)
{
	for (size_t i = 0; i < k->nparts; i++)
		if (k->parts[i].column == SIZE_MAX || k->parts[i].prefix != 0)
			return false;
	return true;
}

const struct schema_key *
schema_table_find_key(const struct schema_table *t)
{
	for (size_t i = 0; i < t->nkeys; i++) {
		const struct schema_key *k = &t->keys[i];

		/* A primary key on prefixes serves too: whole values then name one row all the more. */
		if (lt_str_eqz(k->name, "PRIMARY") || (k->unique && k->not_null && is_whole(k)))
			return k;
	}
	return NULL;
}

size_t
schema_table_column(const struct schema_table *t, struct lt_str name)
{
	for (size_t i = 0; i < t->ncolumns; i++)
		if (lt_str_ieq(t->columns[i].name, name))
			return i;
	return SIZE_MAX;
}

static bool
column_eq(const struct schema_column *a, const struct schema_column *b)
{
	return lt_str_eq(a->name, b->name) && lt_str_eq(a->type, b->type) && lt_str_eq(a->base_type, b->base_type) &&
	       lt_str_eq(a->charset, b->charset) && lt_str_eq(a->collation, b->collation) &&
	       a->is_unsigned == b->is_unsigned && a->nullable == b->nullable &&
	       a->auto_increment == b->auto_increment && a->invisible == b->invisible &&
	       a->has_default == b->has_default && a->generated == b->generated;
}

static bool
key_eq(const struct schema_key *a, const struct schema_key *b)
{
	if (!lt_str_eq(a->name, b->name) || a->unique != b->unique || a->not_null != b->not_null ||
	    a->hash != b->hash || a->nparts != b->nparts)
		return false;
	for (size_t i = 0; i < a->nparts; i++)
		if (a->parts[i].column != b->parts[i].column || a->parts[i].prefix != b->parts[i].prefix)
			return false;
	return true;
}

bool
schema_table_eq(const struct schema_table *a, const struct schema_table *b)
{
	if (!lt_str_eq(a->schema, b->schema) || !lt_str_eq(a->name, b->name) || !lt_str_eq(a->engine, b->engine) ||
	    !lt_str_eq(a->collation, b->collation) || a->transactional != b->transactional ||
	    a->has_triggers != b->has_triggers || a->temporal != b->temporal || a->ncolumns != b->ncolumns ||
	    a->nkeys != b->nkeys || a->nparents != b->nparents || a->nchildren != b->nchildren ||
	    a->cascades != b->cascades)
		return false;
	for (size_t i = 0; i < a->ncolumns; i++)
		if (!column_eq(&a->columns[i], &b->columns[i]))
			return false;
	for (size_t i = 0; i < a->nkeys; i++)
		if (!key_eq(&a->keys[i], &b->keys[i]))
			return false;
	return true;
}
