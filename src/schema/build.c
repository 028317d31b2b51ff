#include "schema/build_priv.h"

#include "schema/type_priv.h"

struct schema_build *
schema_build_new(struct lt_str schema, struct lt_str name)
{
	struct schema_build *b = lt_new(struct schema_build);
	struct lt_arena *arena = lt_arena_new();

	b->table = (struct schema_table *)lt_arena_zalloc(arena, sizeof(*b->table));
	b->table->arena = arena;
	b->table->schema = lt_arena_str(arena, schema);
	b->table->name = lt_arena_str(arena, name);
	return b;
}

void
schema_build_free(struct schema_build *b)
{
	if (b == NULL)
		return;
	schema_table_free(b->table);
	free(b->columns);
	free(b->keys);
	free(b->parts);
	free(b);
}

struct lt_str
schema_build_str(struct schema_build *b, struct lt_str s)
{
	return lt_arena_str(b->table->arena, s);
}

/** Room for one more; zeroes it. */
static void *
another(void **array, size_t *n, size_t *cap, size_t size)
{
	if (*n == *cap) {
		*cap = *cap == 0 ? 8 : *cap * 2;
		*array = lt_realloc(*array, *cap * size);
	}
	return memset((char *)*array + (*n)++ * size, 0, size);
}

struct schema_column *
schema_build_column(struct schema_build *b, struct lt_str name, struct lt_str type, struct lt_str base_type)
{
	struct lt_arena *arena = b->table->arena;
	void *array = b->columns;
	struct schema_column *c = (struct schema_column *)another(&array, &b->ncolumns, &b->columns_cap, sizeof(*c));

	b->columns = (struct schema_column *)array;
	c->name = lt_arena_str(arena, name);
	c->type = lt_arena_str(arena, type);
	c->base_type = schema_type_lower(arena, base_type);
	c->is_unsigned = schema_type_unsigned(type);
	if (lt_str_eqz(c->base_type, "enum") || lt_str_eqz(c->base_type, "set"))
		c->members = schema_type_members(arena, type, &c->nmembers);
	return c;
}

size_t
schema_build_find(const struct schema_build *b, struct lt_str name)
{
	for (size_t i = 0; i < b->ncolumns; i++)
		if (lt_str_eq(b->columns[i].name, name))
			return i;
	return SIZE_MAX;
}

void
schema_build_part(
    struct schema_build *b, struct lt_str name, bool unique, bool nullable, const struct schema_key_part *part)
{
	struct schema_key *key = b->nkeys == 0 ? NULL : &b->keys[b->nkeys - 1];
	void *array;

	if (key == NULL || !lt_str_eq(key->name, name)) {
		array = b->keys;
		key = (struct schema_key *)another(&array, &b->nkeys, &b->keys_cap, sizeof(*key));
		b->keys = (struct schema_key *)array;
		key->name = schema_build_str(b, name);
		key->unique = unique;
		key->not_null = true;
	}
	key->nparts++;
	key->not_null = key->not_null && !nullable;
	array = b->parts;
	*(struct schema_key_part *)another(&array, &b->nparts, &b->parts_cap, sizeof(*part)) = *part;
	b->parts = (struct schema_key_part *)array;
}

static int
rank(const struct schema_key *k)
{
	return lt_str_eqz(k->name, "PRIMARY") ? 0 : k->unique ? 1 : 2;
}

static void *
keep(struct lt_arena *arena, const void *array, size_t n, size_t size)
{
	return n == 0 ? NULL : memcpy(lt_arena_alloc(arena, n * size), array, n * size);
}

struct schema_table *
schema_build_finish(struct schema_build *b)
{
	struct schema_table *t = b->table;
	struct schema_key_part *parts = (struct schema_key_part *)keep(t->arena, b->parts, b->nparts, sizeof(*parts));
	struct schema_key *keys = (struct schema_key *)keep(t->arena, b->keys, b->nkeys, sizeof(*keys));
	size_t part = 0, at = 0;

	for (size_t i = 0; i < b->nkeys; i++) {
		b->keys[i].parts = parts + part;
		part += b->keys[i].nparts;
	}
	for (int r = 0; r <= 2; r++)
		for (size_t i = 0; i < b->nkeys; i++)
			if (rank(&b->keys[i]) == r)
				keys[at++] = b->keys[i];
	t->keys = keys;
	t->nkeys = b->nkeys;
	t->columns = (struct schema_column *)keep(t->arena, b->columns, b->ncolumns, sizeof(*t->columns));
	t->ncolumns = b->ncolumns;
	b->table = NULL;
	schema_build_free(b);
	return t;
}
