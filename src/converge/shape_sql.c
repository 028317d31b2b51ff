/* Reading rows of the site's table: the SELECT whose text says exactly what is stored, and values as literals by which
 * an index serves. */
#include <stdio.h>

#include "converge/shape_priv.h"
#include "mysql/sql.h"

/* -- what is selected ----------------------------------------------------------------------------- */

static bool
is_fixed_type(const struct shape_column *c) /* MariaDB's UUID, INET4, INET6 */
{
	static const char *const names[] = { "uuid", "inet4", "inet6" };

	return lt_str_one_of(c->target->base_type, names, LT_COUNT(names));
}

static void
add_selected(const struct shape_column *c, struct lt_buf *sql)
{
	const char *before = "", *behind = "";
	char cast[48];

	switch (c->kept->kind) {
	case CHANGE_BIT:
	case CHANGE_ENUM:
	case CHANGE_SET:
		before = "CAST(";
		behind = " AS UNSIGNED)";
		break;
	case CHANGE_FLOAT: /* printed too short; as a DOUBLE it reads back the same. A sum would lose the sign of -0 */
	case CHANGE_DOUBLE: behind = " * 1e0"; break;
	case CHANGE_YEAR: behind = " + 0"; break;
	case CHANGE_TEXT:
		before = "CAST(";
		behind = " AS BINARY)";
		break;
	case CHANGE_BYTES:
		if (!is_fixed_type(c))
			break;
		before = "CAST(";
		snprintf(cast, sizeof(cast), " AS BINARY(%u))", c->kept->length);
		behind = cast;
		break;
	default: break;
	}
	lt_buf_z(sql, before);
	my_sql_name(sql, c->target->name);
	lt_buf_z(sql, behind);
}

void
converge_shape_select(const struct converge_shape *s, struct lt_buf *sql)
{
	const struct shape_table *t = s->table;

	for (size_t i = 0; i < t->ncolumns; i++) {
		lt_buf_z(sql, i == 0 ? "SELECT " : ", ");
		add_selected(&t->columns[i], sql);
	}
	lt_buf_z(sql, " FROM ");
	my_sql_table(sql, t->target->schema, t->target->name);
}

/* -- literals ------------------------------------------------------------------------------------- */

/* As a text of the column's own character set and collation. */
static void
add_text(const struct shape_column *c, struct lt_str bytes, struct lt_buf *sql)
{
	lt_buf_printf(sql, "_%.*s ", LT_FMT(c->target->charset));
	my_sql_bytes(sql, bytes);
	lt_buf_printf(sql, " COLLATE %.*s", LT_FMT(c->target->collation));
}

static void
add_real(const struct shape_column *c, struct lt_str kept, struct lt_buf *sql)
{
	struct change_value v;
	char text[40];

	if (!converge_shape_value_read(c->kept, kept, &v))
		v.kind = CHANGE_NULL;
	snprintf(text, sizeof(text), "%.17e", v.kind == CHANGE_FLOAT ? (double)v.f32 : v.f64);
	lt_buf_z(sql, v.kind == CHANGE_NULL ? "NULL" : text);
}

/* By name, since that is what an index on it is searched by. */
static void
add_member(const struct shape_column *c, struct lt_str number, struct lt_buf *sql)
{
	uint64_t n;

	if (lt_str_u64(number, &n) && n > 0 && n <= c->kept->nmembers)
		my_sql_text(sql, c->kept->members[n - 1]);
	else
		lt_buf_str_add(sql, number);
}

static void
add_literal(const struct shape_column *c, struct lt_str kept, struct lt_buf *sql)
{
	if (kept.ptr == NULL) {
		lt_buf_z(sql, "NULL");
		return;
	}
	switch (c->kept->kind) {
	case CHANGE_INT:
	case CHANGE_UINT:
	case CHANGE_YEAR:
	case CHANGE_BIT:
	case CHANGE_SET:
	case CHANGE_DECIMAL: lt_buf_str_add(sql, kept); break;
	case CHANGE_ENUM: add_member(c, kept, sql); break;
	case CHANGE_FLOAT:
	case CHANGE_DOUBLE: add_real(c, kept, sql); break;
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: my_sql_text(sql, kept); break;
	case CHANGE_TEXT: add_text(c, kept, sql); break;
	default: my_sql_bytes(sql, kept); break;
	}
}

/* Of an index on the first characters the whole value says nothing. */
static void
add_value(const struct shape_table *t, const struct shape_part *p, struct lt_str kept, struct lt_buf *sql)
{
	if (p->prefix > 0)
		lt_buf_z(sql, "LEFT(");
	add_literal(&t->columns[p->at], kept, sql);
	if (p->prefix > 0)
		lt_buf_printf(sql, ", %u)", p->prefix);
}

static void
add_name(const struct shape_table *t, const struct shape_part *p, struct lt_buf *sql)
{
	if (p->prefix > 0)
		lt_buf_z(sql, "LEFT(");
	my_sql_name(sql, t->columns[p->at].target->name);
	if (p->prefix > 0)
		lt_buf_printf(sql, ", %u)", p->prefix);
}

void
converge_shape_key_names(const struct converge_shape *s, struct lt_buf *sql)
{
	const struct shape_index *key = &s->table->key;

	for (size_t i = 0; i < key->nparts; i++) {
		lt_buf_z(sql, i > 0 ? ", " : key->nparts > 1 ? "(" : "");
		add_name(s->table, &key->parts[i], sql);
	}
	lt_buf_z(sql, key->nparts > 1 ? ")" : "");
}

bool
converge_shape_key_values(
    const struct converge_shape *s, const struct conflict_row *row, struct lt_buf *sql, struct lt_err *err)
{
	const struct shape_table *t = s->table;

	if (row->count != t->ncolumns)
		return converge_shape_table_fail(
		    t, err, "a row that was kept has %u columns, the table %zu", row->count, t->ncolumns);
	for (size_t i = 0; i < t->key.nparts; i++) {
		lt_buf_z(sql, i > 0 ? ", " : t->key.nparts > 1 ? "(" : "");
		add_value(t, &t->key.parts[i], row->values[t->key.parts[i].at], sql);
	}
	lt_buf_z(sql, t->key.nparts > 1 ? ")" : "");
	return true;
}

size_t
converge_shape_uniques(const struct converge_shape *s)
{
	return s->table->nuniques;
}

bool
converge_shape_unique_where(
    const struct converge_shape *s, size_t i, const struct conflict_row *row, struct lt_buf *sql)
{
	const struct shape_table *t = s->table;
	const struct shape_index *index = &t->uniques[i];

	for (size_t k = 0; k < index->nparts; k++) {
		if (row->count != t->ncolumns || row->values[index->parts[k].at].ptr == NULL)
			return false;
	}
	for (size_t k = 0; k < index->nparts; k++) {
		const struct shape_part *p = &index->parts[k];

		lt_buf_z(sql, k == 0 ? " WHERE " : " AND ");
		add_name(t, p, sql);
		lt_buf_z(sql, " = ");
		add_value(t, p, row->values[p->at], sql);
	}
	return true;
}
