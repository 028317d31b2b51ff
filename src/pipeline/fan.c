#include "pipeline/fan.h"

/* Tables known at once: a server gives tables new ids now and then. */
#define TABLES_MAX 4096

/* A table at the target. All that goes to it has one weight, the lightest that was met: its rows keep their order. */
struct goal {
	struct lt_buf schema, name; /* owned */
	unsigned weight;
	/* In the transaction in hand: rows [first, last] hold all that is no delete; first > last: deletes only. */
	size_t first, last;
	struct goal *next;
};

/* One table of the log, or a branch of it. */
struct leaf {
	const struct change_table *table; /* referenced */
	struct goal *goal;
	struct leaf *next;      /* the newest used first */
	struct leaf **branches; /* owned array, of a table: its further targets */
	size_t nbranches;
};

struct pipeline_fan {
	const struct model_mapping *mapping; /* borrowed */
	struct leaf *leaves;                 /* owned list, branches among them */
	struct goal *goals;                  /* owned list */
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
	while (f->goals != NULL) {
		struct goal *g = f->goals;

		f->goals = g->next;
		lt_buf_free(&g->schema);
		lt_buf_free(&g->name);
		free(g);
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

static struct goal *
goal_of(struct pipeline_fan *f, const struct lt_buf names[2], unsigned weight)
{
	struct goal *g;

	for (g = f->goals; g != NULL; g = g->next) {
		if (lt_str_eq(lt_buf_str(&g->schema), lt_buf_str(&names[0])) &&
		    lt_str_eq(lt_buf_str(&g->name), lt_buf_str(&names[1])))
			break;
	}
	if (g == NULL) {
		g = lt_new(struct goal);
		lt_buf_str_add(&g->schema, lt_buf_str(&names[0]));
		lt_buf_str_add(&g->name, lt_buf_str(&names[1]));
		g->weight = weight;
		g->next = f->goals;
		f->goals = g;
	}
	g->weight = LT_MIN(g->weight, weight);
	return g;
}

/* Takes over the reference. */
static struct leaf *
new_leaf(struct pipeline_fan *f, const struct change_table *table, const struct lt_buf names[2],
    const struct model_rule *rule)
{
	struct leaf *l = lt_new(struct leaf);

	l->table = table;
	l->goal = goal_of(f, names, rule != NULL ? model_rule_weight(rule) : MODEL_WEIGHT_DEFAULT);
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
	l = new_leaf(f, change_table_ref(table), names, rule);
	while (rule != NULL &&
	       model_mapping_branch(f->mapping, table->schema, table->name, l->nbranches + 1, names, &rule)) {
		struct leaf *branch = new_leaf(f, change_table_branch(table, l->nbranches + 1), names, rule);

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

/* A child table is heavier than its parent: its rows come later, and go earlier. So of each target the deletes that
 * stand before all else go first, those behind all else last, heavier ones first; what lies between goes by weight.
 * Where a target has deletes alone they go first, unless a heavier row that stays may have let go of them just now. */
enum phase { PHASE_GOES, PHASE_STAYS, PHASE_LET_GO };

struct weighed {
	enum phase phase;
	unsigned weight;
	size_t at;
};

static int
by_weight(const void *a, const void *b)
{
	const struct weighed *x = a, *y = b;

	if (x->phase != y->phase)
		return x->phase < y->phase ? -1 : 1;
	if (x->weight != y->weight)
		return (x->weight < y->weight) == (x->phase == PHASE_STAYS) ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* What each target gets in the transaction, noted in `goals`; the weight of the heaviest with more than deletes. */
static unsigned
note_goals(struct pipeline_fan *f, const struct change_txn *t, struct goal **goals)
{
	unsigned heaviest = 0;

	for (size_t i = 0; i < t->nrows; i++) {
		goals[i] = leaf_of(f, t->rows[i].table)->goal;
		goals[i]->first = SIZE_MAX;
		goals[i]->last = 0;
	}
	for (size_t i = 0; i < t->nrows; i++) {
		if (t->rows[i].op == CHANGE_DELETE)
			continue;
		goals[i]->first = LT_MIN(goals[i]->first, i);
		goals[i]->last = i;
		heaviest = LT_MAX(heaviest, goals[i]->weight);
	}
	return heaviest;
}

static enum phase
phase_of(const struct goal *g, size_t at, unsigned heaviest)
{
	if (g->first > g->last)
		return heaviest > g->weight ? PHASE_LET_GO : PHASE_GOES;
	if (at < g->first)
		return PHASE_GOES;
	return at > g->last ? PHASE_LET_GO : PHASE_STAYS;
}

void
pipeline_fan_sort(struct pipeline_fan *f, struct change_txn *t)
{
	struct weighed *order;
	struct change_row *rows;
	struct goal **goals;
	size_t n = t->nrows;
	unsigned heaviest;

	if (!f->weighted || n < 2 || t->spill != NULL)
		return;
	order = lt_calloc(n, sizeof(*order));
	rows = lt_calloc(n, sizeof(*rows));
	goals = lt_calloc(n, sizeof(struct goal *));
	heaviest = note_goals(f, t, goals);
	for (size_t i = 0; i < n; i++)
		order[i] = (struct weighed){ phase_of(goals[i], i, heaviest), goals[i]->weight, i };
	qsort(order, n, sizeof(*order), by_weight);
	for (size_t i = 0; i < n; i++)
		rows[i] = t->rows[order[i].at];
	memcpy(t->rows, rows, n * sizeof(*rows));
	free(goals);
	free(rows);
	free(order);
}
