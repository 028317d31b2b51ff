#include "converge/changes.h"

static void
grow(struct converge_changes *c)
{
	uint32_t cap = c->cap > 0 ? c->cap * 2 : 8;

	c->at = lt_arena_grow(c->arena, c->at, c->cap * sizeof(*c->at), cap * sizeof(*c->at));
	c->shapes = lt_arena_grow(c->arena, c->shapes, c->cap * sizeof(const struct converge_shape *),
	    cap * sizeof(const struct converge_shape *));
	c->cap = cap;
}

void
converge_changes_add(struct converge_changes *c, const struct converge_shape *shape, struct lt_str key,
    const struct conflict_row *before, const struct conflict_row *after)
{
	uint32_t i;

	c->keys.arena = c->arena;
	i = conflict_keys_add(&c->keys, key);
	if (i < c->count) {
		c->at[i].after = after;
		return;
	}
	if (c->count == c->cap)
		grow(c);
	c->at[i] = (struct conflict_change){ key, converge_shape_policy(shape), before, after };
	c->shapes[i] = shape;
	c->count++;
}

void
converge_changes_end(struct converge_changes *c)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->count; i++) {
		if (conflict_row_eq(c->at[i].before, c->at[i].after))
			continue;
		c->at[kept] = c->at[i];
		c->shapes[kept++] = c->shapes[i];
	}
	c->count = kept;
}

static bool
take(struct converge_changes *c, struct converge_shapes *shapes, const struct change_row *row, struct lt_err *err)
{
	const struct conflict_row *before = NULL, *after = NULL;
	const struct converge_shape *shape = NULL;
	struct lt_str old_key = { 0 }, new_key = { 0 };

	if (!(c->own ? converge_shapes_get_own : converge_shapes_get)(shapes, row->table, &shape, err))
		return false;
	if (shape == NULL || converge_shape_is_single(shape))
		return true;
	if (row->op != CHANGE_INSERT && !converge_shape_image(shape, &row->before, c->arena, &before, &old_key, err))
		return false;
	if (row->op != CHANGE_DELETE && !converge_shape_image(shape, &row->after, c->arena, &after, &new_key, err))
		return false;
	if (row->op == CHANGE_UPDATE && !lt_str_eq(old_key, new_key)) {
		converge_changes_add(c, shape, old_key, before, NULL);
		converge_changes_add(c, shape, new_key, NULL, after);
	} else {
		converge_changes_add(c, shape, row->op == CHANGE_DELETE ? old_key : new_key, before, after);
	}
	return true;
}

bool
converge_changes_make(struct converge_shapes *shapes, const struct change_txn *t, struct lt_arena *arena,
    struct converge_changes *out, struct lt_err *err)
{
	*out = (struct converge_changes){ .arena = arena };
	return converge_changes_of(shapes, t, NULL, 0, out, err);
}

bool
converge_changes_of(struct converge_shapes *shapes, const struct change_txn *t, const uint32_t *owner, uint32_t who,
    struct converge_changes *out, struct lt_err *err)
{
	for (size_t i = 0; i < t->nrows; i++) {
		const struct change_table *table = t->rows[i].table;

		if (owner != NULL && owner[i] != who)
			continue;
		if (take(out, shapes, &t->rows[i], err))
			continue;
		change_txn_where(t, &err->where);
		lt_where_table(&err->where, table->schema, table->name);
		return false;
	}
	converge_changes_end(out);
	return true;
}
