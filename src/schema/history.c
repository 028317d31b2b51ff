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

struct schema_version *
schema_history_add(struct schema_history *h, const struct change_place *at, struct schema_table *table, bool saved)
{
	struct schema_version *v = lt_new(struct schema_version);
	bool found;
	size_t i = slot(h, table->schema, table->name, &found);

	v->table = table;
	v->at = *at;
	v->saved = saved;
	v->sure = true;
	h->versions = room(h->versions, h->nversions, &h->versions_cap);
	h->versions[h->nversions++] = v;
	if (!found) {
		h->current = room(h->current, h->ncurrent, &h->current_cap);
		memmove(&h->current[i + 1], &h->current[i], (h->ncurrent - i) * sizeof(struct schema_version *));
		h->ncurrent++;
	}
	h->current[i] = v;
	return v;
}

void
schema_history_put(struct schema_history *h, const struct change_place *at, const struct change_place *read,
    struct schema_table *table)
{
	struct schema_version *v;
	bool found;
	size_t i = slot(h, table->schema, table->name, &found);
	const struct schema_version *now = found ? h->current[i] : NULL;

	/* The same from a later place on says nothing of this one: the log is read again, or was begun anew. */
	if (now != NULL && now->sure && read == NULL && schema_table_eq(now->table, table) &&
	    change_place_cmp(&now->at, at) <= 0) {
		schema_table_free(table);
		return;
	}
	v = schema_history_add(h, at, table, false);
	v->sure = read == NULL;
	if (read != NULL)
		v->read = *read;
}

/* -- how sure it is ------------------------------------------------------------------------------- */

/* The version in force; NULL: none. */
static const struct schema_version *
in_force(const struct schema_history *h, struct lt_str schema, struct lt_str table)
{
	bool found;
	size_t i = slot(h, schema, table, &found);

	return found ? h->current[i] : NULL;
}

bool
schema_history_is_sure(const struct schema_history *h, struct lt_str schema, struct lt_str table)
{
	const struct schema_version *v = in_force(h, schema, table);

	return v == NULL || v->sure;
}

void
schema_history_reach(struct schema_history *h, const struct change_place *at)
{
	for (size_t i = 0; at->file[0] != '\0' && i < h->ncurrent; i++) {
		struct schema_version *v = h->current[i];

		v->sure = v->sure || (v->read.file[0] != '\0' && change_place_cmp(&v->read, at) <= 0);
	}
}

void
schema_history_changes(
    struct schema_history *h, struct lt_str schema, struct lt_str table, const struct change_place *at)
{
	for (size_t i = 0; i < h->ncurrent; i++) {
		struct schema_version *v = h->current[i];

		if (v->sure || v->changed || (schema.len > 0 && !lt_str_ieq(schema, v->table->schema)) ||
		    (table.len > 0 && !lt_str_ieq(table, v->table->name)))
			continue;
		v->changed = v->read.file[0] == '\0' || change_place_cmp(at, &v->read) <= 0;
		v->changed_at = *at;
	}
}

void
schema_history_settle(struct schema_history *h)
{
	for (size_t i = 0; i < h->ncurrent; i++) {
		struct schema_version *v = h->current[i];

		if (v->sure || v->changed)
			continue;
		v->sure = true;
		v->saved = false;
	}
}

bool
schema_history_changed_at(
    const struct schema_history *h, struct lt_str schema, struct lt_str table, struct change_place *out)
{
	const struct schema_version *v = in_force(h, schema, table);

	if (v == NULL || v->sure || !v->changed)
		return false;
	*out = v->changed_at;
	return true;
}

void
schema_history_rebase(struct schema_history *h, const struct change_place *at)
{
	for (size_t i = 0; i < h->nversions; i++)
		h->versions[i]->saved = true; /* of those that are in force no more, none is of use */
	for (size_t i = 0; i < h->ncurrent; i++) {
		h->current[i]->at = *at;
		h->current[i]->saved = false;
		h->current[i]->read.file[0] = '\0'; /* of the log that was left */
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
