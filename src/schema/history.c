#include "schema/history_priv.h"

struct schema_history *
schema_history_new(void)
{
	return lt_new(struct schema_history);
}

void
schema_history_free(struct schema_history *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->nversions; i++) {
		schema_table_free(h->versions[i]->table);
		free(h->versions[i]);
	}
	free(h->versions);
	free(h->current);
	free(h);
}

/** Where the table is in `current`, or would be. */
static size_t
slot(const struct schema_history *h, struct lt_str schema, struct lt_str name, bool *found)
{
	size_t lo = 0, hi = h->ncurrent;

	*found = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct schema_table *t = h->current[mid]->table;
		int c = lt_str_cmp(schema, t->schema);

		if (c == 0)
			c = lt_str_cmp(name, t->name);
		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static struct schema_version **
room(struct schema_version **array, size_t n, size_t *cap)
{
	if (n < *cap)
		return array;
	*cap = *cap == 0 ? 64 : *cap * 2;
	return (struct schema_version **)lt_realloc(array, *cap * sizeof(struct schema_version *));
}

void
schema_history_add(struct schema_history *h, const struct change_place *at, struct schema_table *table, bool saved)
{
	struct schema_version *v = lt_new(struct schema_version);
	bool found;
	size_t i = slot(h, table->schema, table->name, &found);

	v->table = table;
	v->at = *at;
	v->saved = saved;
	h->versions = room(h->versions, h->nversions, &h->versions_cap);
	h->versions[h->nversions++] = v;
	if (!found) {
		h->current = room(h->current, h->ncurrent, &h->current_cap);
		memmove(&h->current[i + 1], &h->current[i], (h->ncurrent - i) * sizeof(struct schema_version *));
		h->ncurrent++;
	}
	h->current[i] = v;
}

void
schema_history_put(struct schema_history *h, const struct change_place *at, struct schema_table *table)
{
	bool found;
	size_t i = slot(h, table->schema, table->name, &found);
	const struct schema_version *now = found ? h->current[i] : NULL;

	/* The same from a later place on says nothing of this one: the log is read again, or was begun anew. */
	if (now != NULL && schema_table_eq(now->table, table) && change_place_cmp(&now->at, at) <= 0)
		schema_table_free(table);
	else
		schema_history_add(h, at, table, false);
}

void
schema_history_rebase(struct schema_history *h, const struct change_place *at)
{
	for (size_t i = 0; i < h->nversions; i++)
		h->versions[i]->saved = true; /* of those that are in force no more, none is of use */
	for (size_t i = 0; i < h->ncurrent; i++) {
		h->current[i]->at = *at;
		h->current[i]->saved = false;
	}
	h->anew = true;
}

const struct schema_table *
schema_history_table(const struct schema_history *h, struct lt_str schema, struct lt_str table)
{
	bool found;
	size_t i = slot(h, schema, table, &found);

	return found ? h->current[i]->table : NULL;
}

const struct schema_table *
schema_history_at(const struct schema_history *h, size_t i)
{
	return i < h->ncurrent ? h->current[i]->table : NULL;
}
