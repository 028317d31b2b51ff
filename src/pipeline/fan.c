#include "pipeline/fan.h"

/* Tables known at once: a server gives tables new ids now and then. */
#define TABLES_MAX 4096

/* One table of the log, or a branch of it. */
struct leaf {
	const struct change_table *table; /* referenced */
	unsigned weight;
	struct leaf *next;      /* the newest used first */
	struct leaf **branches; /* owned array, of a table: its further targets */
	size_t nbranches;
};

struct pipeline_fan {
	const struct model_mapping *mapping; /* borrowed */
	struct leaf *leaves;                 /* owned list, branches among them */
	size_t count;
	bool weighted, fans;
};

struct pipeline_fan *
pipeline_fan_new(const struct model_mapping *mapping)
{
	struct pipeline_fan *f = lt_new(struct pipeline_fan);

	f->mapping = mapping;
	f->weighted = model_mapping_weighted(mapping);
	f->fans = model_mapping_fans(mapping);
	return f;
}

static void
drop_leaves(struct pipeline_fan *f)
{
	while (f->leaves != NULL) {
		struct leaf *l = f->leaves;

		f->leaves = l->next;
		change_table_unref(l->table);
		free(l->branches);
		free(l);
	}
	f->count = 0;
}

void
pipeline_fan_free(struct pipeline_fan *f)
{
	if (f == NULL)
		return;
	drop_leaves(f);
	free(f);
}

/* Takes over the reference. */
static struct leaf *
new_leaf(struct pipeline_fan *f, const struct change_table *table, const struct model_rule *rule)
{
	struct leaf *l = lt_new(struct leaf);

	l->table = table;
	l->weight = rule != NULL ? model_rule_weight(rule) : MODEL_WEIGHT_DEFAULT;
	l->next = f->leaves;
	f->leaves = l;
	f->count++;
	return l;
}

static struct leaf *
find_leaf(struct pipeline_fan *f, const struct change_table *table)
{
	for (struct leaf **link = &f->leaves; *link != NULL; link = &(*link)->next) {
		struct leaf *l = *link;

		if (l->table != table)
			continue;
		*link = l->next;
		l->next = f->leaves;
		f->leaves = l;
		return l;
	}
	return NULL;
}

static struct leaf *
leaf_of(struct pipeline_fan *f, const struct change_table *table)
{
	struct leaf *l = find_leaf(f, table);
	struct lt_buf names[2] = { 0 };
	const struct model_rule *rule = NULL;

	if (l != NULL)
		return l;
	/* A regex that gives up is a stop further on: no rule, one target. */
	model_mapping_branch(f->mapping, table->schema, table->name, 0, names, &rule);
	l = new_leaf(f, change_table_ref(table), rule);
	while (rule != NULL &&
	       model_mapping_branch(f->mapping, table->schema, table->name, l->nbranches + 1, names, &rule)) {
		struct leaf *branch = new_leaf(f, change_table_branch(table, l->nbranches + 1), rule);

		l->branches = lt_realloc(l->branches, (l->nbranches + 1) * sizeof(struct leaf *));
		l->branches[l->nbranches++] = branch;
	}
	lt_buf_free(&names[0]);
	lt_buf_free(&names[1]);
	return l;
}

/* Rows [first, from) and, behind them, what was added for them, in the order of `origins`: one row, then its branches.
 */
static void
weave(struct change_txn *t, size_t first, size_t from, const size_t *origins)
{
	size_t n = t->nrows - first, added = from;
	struct change_row *rows = lt_calloc(n, sizeof(*rows)), *out = rows;

	for (size_t i = first; i < from; i++) {
		*out++ = t->rows[i];
		while (added < t->nrows && origins[added - from] == i)
			*out++ = t->rows[added++];
	}
	memcpy(t->rows + first, rows, n * sizeof(*rows));
	free(rows);
}

void
pipeline_fan_rows(struct pipeline_fan *f, struct change_txn *t, size_t first)
{
	size_t from = t->nrows, cap = 0, *origins = NULL;

	if (f->count > TABLES_MAX)
		drop_leaves(f); /* whoever has a branch in hand holds it */
	for (size_t i = first; f->fans && i < from; i++) {
		const struct leaf *l = leaf_of(f, t->rows[i].table);

		for (size_t j = 0; j < l->nbranches; j++) {
			struct change_row *row = change_txn_add_row(t, l->branches[j]->table);
			const struct change_table *table = row->table;

			*row = t->rows[i];
			row->table = table;
			if (t->nrows - from > cap) {
				cap = LT_MAX(cap * 2, (size_t)64);
				origins = lt_realloc(origins, cap * sizeof(*origins));
			}
			origins[t->nrows - from - 1] = i;
		}
	}
	if (t->nrows > from)
		weave(t, first, from, origins);
	free(origins);
}

/* -- weights -------------------------------------------------------------------------------------- */

struct weighed {
	unsigned weight;
	size_t at;
};

static int
by_weight(const void *a, const void *b)
{
	const struct weighed *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

void
pipeline_fan_sort(struct pipeline_fan *f, struct change_txn *t)
{
	struct weighed *order;
	struct change_row *rows;
	size_t n = t->nrows;

	if (!f->weighted || n < 2 || t->spill != NULL)
		return;
	order = lt_calloc(n, sizeof(*order));
	rows = lt_calloc(n, sizeof(*rows));
	for (size_t i = 0; i < n; i++)
		order[i] = (struct weighed){ leaf_of(f, t->rows[i].table)->weight, i };
	qsort(order, n, sizeof(*order), by_weight);
	for (size_t i = 0; i < n; i++)
		rows[i] = t->rows[order[i].at];
	memcpy(t->rows, rows, n * sizeof(*rows));
	free(rows);
	free(order);
}
