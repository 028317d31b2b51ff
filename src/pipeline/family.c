#include "pipeline/family.h"

#include "mysql/sql.h"

/* InnoDB's own limit of columns in an index is 16. */
#define LINKS_MAX 32

enum { KEY_NAME, KEY_COLUMN, PARENT_SCHEMA, PARENT_TABLE, PARENT_COLUMN };

static bool
is_noted(const struct pipeline_family *f, const struct pipeline_column *c)
{
	for (size_t i = 0; i < f->nindexed; i++) {
		if (f->indexed[i] == c)
			return true;
	}
	return false;
}

static void
note_part(struct pipeline_family *f, const struct pipeline_route *route, const struct schema_key_part *part)
{
	const struct schema_column *target;
	const struct pipeline_column *c;

	if (part->column == SIZE_MAX) {
		f->hidden = true;
		return;
	}
	target = &route->target->columns[part->column];
	c = pipeline_route_column(route, target);
	if (c == NULL)
		f->hidden = f->hidden || target->generated != SCHEMA_PLAIN;
	else if (!is_noted(f, c))
		f->indexed[f->nindexed++] = c;
}

struct pipeline_family *
pipeline_family_new(const struct pipeline_route *route)
{
	const struct schema_table *t = route->target;
	struct pipeline_family *f = lt_new(struct pipeline_family);

	f->indexed = lt_calloc(LT_MAX(route->ncolumns, 1), sizeof(*f->indexed));
	for (size_t i = 0; i < t->nkeys; i++) {
		for (size_t j = 0; j < t->keys[i].nparts; j++)
			note_part(f, route, &t->keys[i].parts[j]);
	}
	return f;
}

void
pipeline_family_free(struct pipeline_family *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->count; i++)
		free(f->references[i].index.parts);
	free(f->references);
	free(f->indexed);
	free(f);
}

/* -- references ----------------------------------------------------------------------------------- */

/* Equal values are equal bytes in both: the server asks no more than that they can be compared. */
static bool
compare_alike(const struct schema_column *a, const struct schema_column *b)
{
	static const char *const of_any_length[] = { "tinyint", "smallint", "mediumint", "int", "bigint", "varchar" };

	if (!lt_str_eq(a->base_type, b->base_type) || a->is_unsigned != b->is_unsigned ||
	    !lt_str_eq(a->charset, b->charset) || !lt_str_eq(a->collation, b->collation))
		return false;
	for (size_t i = 0; i < LT_COUNT(of_any_length); i++) {
		if (lt_str_eqz(a->base_type, of_any_length[i]))
			return true;
	}
	return lt_str_eq(a->type, b->type);
}

/* The child's column that refers to column `at` of the parent. */
static size_t
counterpart(const struct schema_table *child, const struct schema_table *parent, size_t at,
    const struct pipeline_link *links, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t column;

		if (schema_table_column(parent, links[i].parent_column) != at)
			continue;
		column = schema_table_column(child, links[i].column);
		return column != SIZE_MAX && compare_alike(&child->columns[column], &parent->columns[at]) ? column
													  : SIZE_MAX;
	}
	return SIZE_MAX;
}

/* Whether the columns referred to are that index, all of it; then `parts` are the child's. */
static bool
is_index(const struct schema_table *child, const struct schema_table *parent, const struct schema_key *key,
    const struct pipeline_link *links, size_t count, struct schema_key_part *parts)
{
	if (!key->unique || key->nparts != count)
		return false;
	for (size_t i = 0; i < key->nparts; i++) {
		if (key->parts[i].column == SIZE_MAX || key->parts[i].prefix > 0)
			return false;
		parts[i] = (struct schema_key_part){ .column = counterpart(
							 child, parent, key->parts[i].column, links, count) };
		if (parts[i].column == SIZE_MAX)
			return false;
	}
	return true;
}

bool
pipeline_family_add(struct pipeline_family *f, const struct pipeline_route *route, const struct schema_table *parent,
    const struct pipeline_link *links, size_t count)
{
	struct schema_key_part parts[LINKS_MAX];
	struct schema_key key = { .nparts = count, .parts = parts };
	struct pipeline_reference *r;
	size_t number = 0;

	for (size_t i = 0; i < parent->nkeys && count <= LINKS_MAX; i++) {
		if (!is_index(route->target, parent, &parent->keys[i], links, count, parts)) {
			number += parent->keys[i].unique ? 1 : 0;
			continue;
		}
		f->references = lt_realloc(f->references, (f->count + 1) * sizeof(*f->references));
		r = &f->references[f->count++];
		*r = (struct pipeline_reference){ .table = pipeline_table_number(parent), .at = number };
		pipeline_index_make(route, &key, &r->index);
		return true;
	}
	return false;
}

/* One foreign key: rows [from, to). */
static bool
add_rows(struct pipeline_family *f, struct pipeline_router *router, const struct pipeline_route *route,
    const struct my_rows *rows, size_t from, size_t to)
{
	struct pipeline_link links[LINKS_MAX];
	const struct schema_table *parent = NULL;
	struct lt_err ignored = { 0 };

	if (to - from > LINKS_MAX || !pipeline_router_table(router, my_rows_at(rows, from, PARENT_SCHEMA),
					 my_rows_at(rows, from, PARENT_TABLE), &parent, &ignored))
		return false;
	for (size_t i = from; i < to; i++)
		links[i - from] = (struct pipeline_link){ .column = my_rows_at(rows, i, KEY_COLUMN),
			.parent_column = my_rows_at(rows, i, PARENT_COLUMN) };
	return pipeline_family_add(f, route, parent, links, to - from);
}

bool
pipeline_family_read(struct pipeline_family *f, struct pipeline_router *router, const struct pipeline_route *route,
    struct my_conn *target, struct lt_err *err)
{
	struct my_rows *rows = NULL;
	struct lt_buf sql = { 0 };
	size_t keys = 0;
	bool ok, told = true;

	lt_buf_z(&sql, "SELECT CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME,"
		       " REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA=");
	my_sql_text(&sql, route->target->schema);
	lt_buf_z(&sql, " AND TABLE_NAME=");
	my_sql_text(&sql, route->target->name);
	lt_buf_z(&sql, " AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION");
	ok = my_query(target, lt_buf_cstr(&sql), &rows, err);
	for (size_t i = 0, next; ok && i < rows->nrows; i = next) {
		for (next = i + 1;
		     next < rows->nrows && lt_str_eq(my_rows_at(rows, next, KEY_NAME), my_rows_at(rows, i, KEY_NAME));)
			next++;
		told = add_rows(f, router, route, rows, i, next) && told;
		keys++;
	}
	f->told = ok && told && keys == route->target->nparents;
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok || lt_wrap(err, "while reading foreign keys of %.*s.%.*s", LT_FMT(route->target->schema),
			 LT_FMT(route->target->name));
}

/* -- rows ----------------------------------------------------------------------------------------- */

static bool
changes(const struct pipeline_route *route, const struct pipeline_column *c)
{
	const struct change_value *after = &route->after[c->source];

	return after->kind != CHANGE_ABSENT && !change_value_eq(&route->before[c->source], after);
}

bool
pipeline_family_moves(const struct pipeline_route *route, const struct change_row *row)
{
	const struct pipeline_family *f = route->family;

	if (route->target->nchildren == 0 || row->op == CHANGE_INSERT)
		return false;
	if (row->op == CHANGE_DELETE || f->hidden)
		return true;
	for (size_t i = 0; i < f->nindexed; i++) {
		if (changes(route, f->indexed[i]))
			return true;
	}
	return false;
}

bool
pipeline_family_looks(
    const struct pipeline_route *route, const struct pipeline_reference *r, const struct change_row *row)
{
	if (row->op != CHANGE_UPDATE)
		return row->op == CHANGE_INSERT;
	for (size_t i = 0; i < r->index.nparts; i++) {
		const struct pipeline_column *c = r->index.parts[i].column;

		if (c == NULL || changes(route, c)) /* a column that the target makes itself is in no row */
			return true;
	}
	return false;
}
