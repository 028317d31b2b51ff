/* Rows that compete for values of further unique indexes: who has a value, in the table or parked, joins the lock set,
 * and so on until nobody new is met (ADR 33). */
#include "base/fault.h"
#include "converge/settle_priv.h"

static bool
is_unique(const struct settle_row *r)
{
	return converge_shape_policy(r->shape)->unique;
}

/* -- images --------------------------------------------------------------------------------------- */

/* Where the column's value stands in a row: generated ones have none. */
static size_t
value_of_column(const struct schema_table *table, size_t column)
{
	size_t at = 0;

	for (size_t i = 0; i < column; i++)
		at += table->columns[i].generated == SCHEMA_PLAIN ? 1 : 0;
	return at;
}

static size_t
values_of(const struct schema_table *table)
{
	return value_of_column(table, table->ncolumns);
}

/* NULL in a column of each further unique index: such a row is in nobody's way. Not where a column may not be NULL:
 * then the insert meets who has the value. */
const struct conflict_row *
settle_blank_image(struct settle *t, const struct settle_row *r)
{
	const struct schema_table *table = converge_shape_target(r->shape);
	struct conflict_row *blank;

	if (r->fresh || !is_unique(r))
		return r->image;
	blank = lt_arena_alloc(t->arena, sizeof(*blank));
	*blank = *r->image;
	blank->values = lt_arena_alloc(t->arena, blank->count * sizeof(*blank->values));
	memcpy(blank->values, r->image->values, blank->count * sizeof(*blank->values));
	for (size_t k = 1; k < table->nkeys; k++) {
		const struct schema_key *key = &table->keys[k];

		for (size_t i = 0; key->unique && i < key->nparts; i++) {
			size_t column = key->parts[i].column;

			if (column == SIZE_MAX || !table->columns[column].nullable ||
			    table->columns[column].generated != SCHEMA_PLAIN)
				continue;
			blank->values[value_of_column(table, column)] = (struct lt_str){ 0 };
			break;
		}
	}
	return blank;
}

/* -- who has a value ------------------------------------------------------------------------------ */

static const struct settle_values *
known_values(const struct settle_row *r, const struct conflict_row *row)
{
	const struct settle_values *v = r->values;

	while (v != NULL && v->row != row)
		v = v->next;
	return v;
}

/* Worked out once: the server may have to be asked what a text weighs, and not while the observer is held. NULL: it
 * failed. */
static const struct settle_values *
values_of_image(struct settle *t, struct settle_row *r, const struct conflict_row *row, struct lt_err *err)
{
	const struct settle_values *known = known_values(r, row);
	struct settle_values *v;

	if (known != NULL)
		return known;
	v = lt_arena_alloc(t->arena, sizeof(*v));
	*v = (struct settle_values){ .row = row, .next = r->values };
	if (!converge_shape_claims(r->shape, row, t->arena, &v->claims, &v->count, err))
		return NULL;
	r->values = v;
	return v;
}

/* The values of a row get numbers; of one that is in the table, nobody else has them. */
static bool
claim(struct settle *t, struct settle_row *r, const struct conflict_row *row, bool is_held, struct lt_err *err)
{
	const struct settle_values *v;

	if (row == NULL)
		return true;
	v = values_of_image(t, r, row, err);
	if (v == NULL)
		return false;
	for (uint32_t i = 0; i < v->count; i++) {
		uint32_t at = conflict_keys_add(&t->claims, v->claims[i]);

		if (at == t->claims_cap) {
			uint32_t cap = t->claims_cap > 0 ? t->claims_cap * 2 : 16;

			t->claimed = lt_arena_grow(
			    t->arena, t->claimed, t->claims_cap * sizeof(*t->claimed), cap * sizeof(*t->claimed));
			memset(t->claimed + t->claims_cap, 0, (cap - t->claims_cap) * sizeof(*t->claimed));
			t->claims_cap = cap;
		}
		t->claimed[at].looked |= is_held;
	}
	return true;
}

/* The rows of the table that have the row's values, but for those that are known. */
static bool
look_for_holders(struct settle *t, struct settle_row *r, const struct conflict_row *row, struct lt_err *err)
{
	const struct settle_values *v;
	struct lt_buf sql = { 0 };
	uint32_t at = 0;
	bool ok;

	if (row == NULL)
		return true;
	ok = claim(t, r, row, false, err);
	v = known_values(r, row);
	for (size_t i = 0; ok && i < converge_shape_uniques(r->shape); i++) {
		struct settle_claim *c;

		lt_buf_clear(&sql);
		converge_shape_select(r->shape, &sql);
		if (!converge_shape_unique_where(r->shape, i, row, &sql))
			continue;
		LT_ASSERT(at < v->count);
		c = &t->claimed[conflict_keys_find(&t->claims, v->claims[at++])];
		if (c->looked)
			continue;
		c->looked = true;
		ok = settle_select(t, r->shape, &sql, 1, err);
	}
	lt_buf_free(&sql);
	return ok;
}

/* What the row is, what it may become, and what is parked of it. */
static bool
follow(struct settle *t, struct settle_row *r, struct lt_err *err)
{
	r->followed = true;
	if (!claim(t, r, r->now, true, err) || !look_for_holders(t, r, r->found, err) ||
	    !look_for_holders(t, r, r->parked.row, err))
		return false;
	for (const struct settle_after *a = r->afters; a != NULL; a = a->next) {
		if (!look_for_holders(t, r, a->row, err))
			return false;
	}
	return true;
}

static bool
follow_all(struct settle *t, struct lt_err *err)
{
	for (uint32_t i = 0; i < t->nrows; i++) {
		if (is_unique(t->rows[i]) && !t->rows[i]->followed && !follow(t, t->rows[i], err))
			return false;
	}
	return true;
}

/* -- what is parked ------------------------------------------------------------------------------- */

/* Nobody parks a row or takes it back without the lock on its key: what is seen once under it stands. */
static bool
look_at_parked(struct settle *t, struct lt_err *err)
{
	struct lt_str *keys = lt_arena_alloc(t->arena, t->nrows * sizeof(*keys));
	struct converge_parked_list list = { 0 };
	size_t n = 0;

	for (uint32_t i = 0; i < t->nrows; i++) {
		if (is_unique(t->rows[i]) && t->rows[i]->locked && !t->rows[i]->looked)
			keys[n++] = t->rows[i]->key;
	}
	if (!converge_parked_find(t->conn, t->channel->name, keys, n, t->arena, &list, err))
		return false;
	for (size_t i = 0; i < n; i++)
		t->rows[conflict_keys_find(&t->keys, keys[i])]->looked = true;
	for (size_t i = 0; i < list.count; i++) {
		struct settle_row *r = t->rows[conflict_keys_find(&t->keys, list.at[i].key)];

		r->parked = list.at[i].parked;
		r->followed = false;
	}
	return true;
}

bool
settle_join_parked(struct settle *t, const struct converge_parked_list *list, struct lt_err *err)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct converge_parked *p = &list->at[i];
		const struct converge_shape *shape = NULL;

		if (conflict_keys_find(&t->keys, p->key) != CONFLICT_NO_KEY)
			continue;
		if (!converge_shapes_named(t->shapes, p->schema, p->table, &shape, err))
			return false;
		if (p->parked.row->count != values_of(converge_shape_target(shape)))
			return lt_fail(err, LT_E_CONFLICT_TABLE,
			    "a row of %.*s.%.*s that lost a unique value was parked before the table had other columns",
			    LT_FMT(p->schema), LT_FMT(p->table));
		settle_row_of(t, p->key, shape, p->parked.row);
	}
	return true;
}

static bool
meet_waiting(struct settle *t, struct lt_err *err)
{
	struct converge_parked_list list = { 0 };

	return converge_parked_waiting(
		   t->conn, t->channel->name, t->claims.at, t->claims.count, t->arena, &list, err) &&
	       settle_join_parked(t, &list, err);
}

/* -- all ------------------------------------------------------------------------------------------ */

static bool
is_done(const struct settle *t)
{
	for (uint32_t i = 0; i < t->nrows; i++) {
		const struct settle_row *r = t->rows[i];

		if (!r->locked || (is_unique(r) && !r->followed))
			return false;
	}
	return true;
}

static bool
has_unique(const struct settle *t)
{
	for (uint32_t i = 0; i < t->nrows; i++) {
		if (is_unique(t->rows[i]))
			return true;
	}
	return false;
}

/* Whoever parks rows has those in their way locked; so what is parked is looked for once these are. */
bool
settle_compete(struct settle *t, struct lt_err *err)
{
	t->unique = has_unique(t);
	if (!t->unique)
		return true;
	if (!t->has_unique)
		converge_site_note_unique(t->target);
	t->has_unique = true;
	do {
		bool any = false;

		if (!settle_lock(t, err) || !follow_all(t, err) ||
		    !converge_parked_any(t->conn, t->channel->name, &any, err))
			return false;
		if (any && (!look_at_parked(t, err) || !meet_waiting(t, err)))
			return false;
	} while (!is_done(t));
	return true;
}

/* -- as the core asks ----------------------------------------------------------------------------- */

const struct conflict_parked *
settle_view_parked(void *ctx, struct lt_str key)
{
	const struct settle *t = ctx;
	uint32_t i = conflict_keys_find(&t->keys, key);

	return i != CONFLICT_NO_KEY && t->rows[i]->parked.row != NULL ? &t->rows[i]->parked : NULL;
}

/* All have been worked out before: the server is not asked now. */
uint32_t
settle_view_claims(
    void *ctx, struct lt_str key, const struct conflict_row *row, struct lt_arena *arena, struct lt_str **ret)
{
	const struct settle *t = ctx;
	const struct settle_values *v = known_values(t->rows[conflict_keys_find(&t->keys, key)], row);

	(void)arena;
	LT_ASSERT(v != NULL);
	*ret = v->claims;
	return v->count;
}

static void
add_holder(struct settle *t, const struct settle_row *r, const struct conflict_row *row)
{
	struct lt_str *claims;
	uint32_t n = row != NULL ? settle_view_claims(t, r->key, row, t->arena, &claims) : 0;

	for (uint32_t i = 0; i < n; i++) {
		struct settle_claim *c = &t->claimed[conflict_keys_find(&t->claims, claims[i])];
		struct settle_holder *h = lt_arena_alloc(t->arena, sizeof(*h));

		*h = (struct settle_holder){ r->key, c->holders };
		c->holders = h;
		c->nholders++;
	}
}

void
settle_list_holders(struct settle *t)
{
	for (uint32_t i = 0; i < t->claims.count; i++) {
		t->claimed[i].holders = NULL;
		t->claimed[i].nholders = 0;
	}
	for (uint32_t i = 0; i < t->nrows; i++) {
		const struct settle_row *r = t->rows[i];

		if (!is_unique(r))
			continue;
		add_holder(t, r, r->found);
		add_holder(t, r, r->parked.row);
	}
}

uint32_t
settle_view_holders(void *ctx, struct lt_str claim, struct lt_arena *arena, struct lt_str **ret)
{
	struct settle *t = ctx;
	uint32_t at = conflict_keys_find(&t->claims, claim), n = 0;

	*ret = NULL;
	if (at == CONFLICT_NO_KEY)
		return 0;
	*ret = lt_arena_alloc(arena, t->claimed[at].nholders * sizeof(**ret));
	for (const struct settle_holder *h = t->claimed[at].holders; h != NULL; h = h->next)
		(*ret)[n++] = h->key;
	return n;
}

/* -- what was decided ----------------------------------------------------------------------------- */

bool
settle_park(struct settle *t, const struct conflict_decision *d, struct lt_err *err)
{
	for (uint32_t i = 0; i < d->nparks; i++) {
		const struct conflict_park *park = &d->parks[i];
		const struct settle_row *r = t->rows[conflict_keys_find(&t->keys, park->key)];
		const struct schema_table *table = converge_shape_target(r->shape);
		struct converge_parked p = { table->schema, table->name, park->key, park->parked };
		struct lt_str *claims = NULL;
		uint32_t n = 0;

		if (park->parked.row != NULL) {
			n = settle_view_claims(t, park->key, park->parked.row, t->arena, &claims);
			t->tally.parked++;
		}
		if (!pipeline_load_heed(t->sink, 1, err) ||
		    !converge_parked_put(t->conn, t->channel->name, &p, claims, n, err))
			return false;
	}
	return true;
}
