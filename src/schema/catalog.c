#include "schema/catalog.h"

#include "mysql/sql.h"
#include "schema/build_priv.h"

/* Statements name a schema (and a table, where one is asked for): MariaDB opens every table that the condition does not
 * rule out by a constant. The two reads that cannot be narrowed are names (the caller's filter is no SQL) and foreign
 * keys (children may live in any schema). Nothing here asks for index statistics, which would make both engines look
 * into the tables. */

/** One reading; lives on the stack. */
struct reading {
	struct my_conn *conn; /* borrowed */
	schema_wanted_fn wanted;
	void *ctx;
	struct schema_build **builds; /* owned; sorted by schema and name once all are known */
	size_t nbuilds, cap;
	struct schema_build *last; /* rows come table by table */
	struct my_rows *engines;   /* owned */
	struct lt_buf sql;
	struct lt_buf in; /* " IN ('t1','t2')": the only names that matter; empty: any */
	bool single;      /* one table is asked for */
};

/** Which table one-table reading is after. */
struct single {
	struct lt_str schema, table;
};

static int
compare_names(struct lt_str schema, struct lt_str name, const struct schema_table *t)
{
	int c = lt_str_cmp(schema, t->schema);

	return c != 0 ? c : lt_str_cmp(name, t->name);
}

static int
compare_builds(const void *a, const void *b)
{
	const struct schema_table *x = (*(struct schema_build *const *)a)->table;

	return compare_names(x->schema, x->name, (*(struct schema_build *const *)b)->table);
}

/** The table of that exact name being built, or NULL. */
static struct schema_build *
find(struct reading *r, struct lt_str schema, struct lt_str name)
{
	size_t lo = 0, hi = r->nbuilds;

	if (r->last != NULL && compare_names(schema, name, r->last->table) == 0)
		return r->last;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = compare_names(schema, name, r->builds[mid]->table);

		if (c == 0)
			return r->last = r->builds[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static bool
is_transactional(const struct reading *r, struct lt_str engine)
{
	for (size_t i = 0; i < r->engines->nrows; i++)
		if (lt_str_ieq(my_rows_at(r->engines, i, 0), engine))
			return lt_str_ieq(my_rows_at(r->engines, i, 1), LT_STR("YES"));
	return false;
}

/** Whether the server has `how` for lower_case_table_names. */
static bool
is_folded(const struct reading *r, const char *how)
{
	return r->engines->nrows > 0 && lt_str_eqz(my_rows_at(r->engines, 0, 2), how);
}

/** TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, and the names in lower case */
static bool
take_table(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	struct reading *r = (struct reading *)ctx;
	bool versioned = lt_str_eqz(values[2], "SYSTEM VERSIONED");
	struct schema_build *b;

	(void)ncolumns;
	(void)err;
	if ((!versioned && !lt_str_eqz(values[2], "BASE TABLE")) || !r->wanted(r->ctx, values[0], values[1]))
		return true;
	if (r->nbuilds == r->cap) {
		r->cap = r->cap == 0 ? 16 : r->cap * 2;
		r->builds = (struct schema_build **)lt_realloc(r->builds, r->cap * sizeof(struct schema_build *));
	}
	b = r->builds[r->nbuilds++] = schema_build_new(values[0], values[1]);
	b->table->engine = schema_build_str(b, values[3]);
	b->table->collation = schema_build_str(b, values[4]);
	b->table->transactional = is_transactional(r, values[3]);
	b->table->temporal = versioned;
	/* With 2 names are kept as they were given, but the log has them in lower case, as with 1. */
	if (is_folded(r, "2")) {
		b->schema = schema_build_str(b, values[5]);
		b->name = schema_build_str(b, values[6]);
	}
	return true;
}

/** Letters of any case alike. */
static bool
has(struct lt_str text, struct lt_str word)
{
	for (size_t i = 0; i + word.len <= text.len; i++)
		if (lt_str_ieq(lt_str_of(text.ptr + i, word.len), word))
			return true;
	return false;
}

/** TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE,
 * EXTRA, COLUMN_DEFAULT, GENERATION_EXPRESSION */
static bool
take_column(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	struct reading *r = (struct reading *)ctx;
	struct schema_build *b = find(r, values[0], values[1]);
	struct schema_column *c;

	(void)ncolumns;
	(void)err;
	if (b == NULL)
		return true;
	c = schema_build_column(b, values[2], values[3], values[4]);
	c->charset = schema_build_str(b, values[5]);
	c->collation = schema_build_str(b, values[6]);
	c->nullable = lt_str_ieq(values[7], LT_STR("YES"));
	c->auto_increment = has(values[8], LT_STR("auto_increment"));
	c->invisible = has(values[8], LT_STR("INVISIBLE"));
	c->generated = lt_str_ieq(values[10], LT_STR("ROW END"))     ? SCHEMA_ROW_END
		       : has(values[8], LT_STR("VIRTUAL GENERATED")) ? SCHEMA_VIRTUAL
		       : has(values[8], LT_STR("STORED GENERATED"))  ? SCHEMA_STORED
								     : SCHEMA_PLAIN;
	/* MariaDB prints an expression, and so NULL as a word; a text 'NULL' has its quotes there. */
	c->has_default =
	    values[9].ptr != NULL && !(my_conn_server(r->conn)->flavor == MY_MARIADB && lt_str_eqz(values[9], "NULL"));
	return true;
}

/* In MEMORY tables a hash is the index itself. */
static bool
is_long_unique(const struct reading *r, const struct schema_table *t, struct lt_str index_type)
{
	return my_conn_server(r->conn)->flavor == MY_MARIADB && lt_str_ieq(index_type, LT_STR("HASH")) &&
	       !lt_str_ieq(t->engine, LT_STR("MEMORY"));
}

/** TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, NULLABLE, INDEX_TYPE */
static bool
take_part(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	struct reading *r = (struct reading *)ctx;
	struct schema_build *b = find(r, values[0], values[1]);
	struct schema_key_part part = { .column = SIZE_MAX };
	uint64_t prefix = 0;

	(void)ncolumns;
	if (b == NULL)
		return true;
	if (values[4].ptr != NULL) {
		part.column = schema_build_find(b, values[4]);
		if (part.column == SIZE_MAX)
			return lt_fail(err, LT_E_NO_PRIVILEGE,
			    "%.*s.%.*s: key %.*s is on column %.*s, which the account may not see (or which was "
			    "dropped just now)",
			    LT_FMT(values[0]), LT_FMT(values[1]), LT_FMT(values[2]), LT_FMT(values[4]));
	}
	if (values[5].ptr != NULL && !lt_str_u64(values[5], &prefix))
		return lt_fail(err, LT_E_PROTOCOL, "SUB_PART of key %.*s is no number", LT_FMT(values[2]));
	part.prefix = (uint32_t)prefix;
	schema_build_part(b, values[2], lt_str_eqz(values[3], "0"), lt_str_ieq(values[6], LT_STR("YES")), &part);
	b->keys[b->nkeys - 1].hash = is_long_unique(r, b->table, values[7]);
	return true;
}

/** EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE */
static bool
take_trigger(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	struct schema_build *b = find((struct reading *)ctx, values[0], values[1]);

	(void)ncolumns;
	(void)err;
	if (b != NULL)
		b->table->has_triggers = true;
	return true;
}

/** CONSTRAINT_SCHEMA, TABLE_NAME, UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME, UPDATE_RULE, DELETE_RULE */
static bool
take_foreign_key(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	struct reading *r = (struct reading *)ctx;
	struct schema_build *child = find(r, values[0], values[1]);
	struct schema_build *parent = find(r, values[2], values[3]);
	bool acts = false;

	(void)ncolumns;
	(void)err;
	for (size_t i = 4; i <= 5; i++)
		acts = acts || has(values[i], LT_STR("CASCADE")) || has(values[i], LT_STR("SET "));
	if (child != NULL) {
		child->table->nparents++;
		child->table->cascaded |= acts;
	}
	if (parent != NULL) {
		parent->table->nchildren++;
		parent->table->cascades |= acts;
	}
	return true;
}

/** The views that are read for each schema, in this order: keys name columns. */
static const struct view {
	const char *select, *schema_column, *table_column, *order;
	my_row_fn take;
} views[] = {
	{ "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, "
	  "IS_NULLABLE,"
	  " EXTRA, COLUMN_DEFAULT, GENERATION_EXPRESSION FROM information_schema.COLUMNS",
	    "TABLE_SCHEMA", "TABLE_NAME", "TABLE_NAME, ORDINAL_POSITION", take_column },
	{ "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, NULLABLE, INDEX_TYPE FROM "
	  "information_schema.STATISTICS",
	    "TABLE_SCHEMA", "TABLE_NAME", "TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX", take_part },
	{ "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS", "TRIGGER_SCHEMA",
	    "EVENT_OBJECT_TABLE", "EVENT_OBJECT_TABLE", take_trigger },
};

/** `table` {NULL,0}: the whole schema. */
static void
view_sql(struct reading *r, const struct view *v, struct lt_str schema, struct lt_str table)
{
	lt_buf_printf(&r->sql, "%s WHERE %s=", v->select, v->schema_column);
	my_sql_text(&r->sql, schema);
	if (table.ptr != NULL) {
		lt_buf_printf(&r->sql, " AND %s=", v->table_column);
		my_sql_text(&r->sql, table);
	} else if (r->in.len > 0) {
		lt_buf_printf(&r->sql, " AND %s%s", v->table_column, lt_buf_cstr(&r->in));
	}
	lt_buf_printf(&r->sql, " ORDER BY %s", v->order);
}

static void
foreign_keys_sql(struct reading *r)
{
	const struct schema_table *only = r->builds[0]->table;

	lt_buf_z(&r->sql,
	    "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME, UPDATE_RULE,"
	    " DELETE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS");
	if (!r->single)
		return;
	lt_buf_z(&r->sql, " WHERE (CONSTRAINT_SCHEMA=");
	my_sql_text(&r->sql, only->schema);
	lt_buf_z(&r->sql, " AND TABLE_NAME=");
	my_sql_text(&r->sql, only->name);
	lt_buf_z(&r->sql, ") OR (UNIQUE_CONSTRAINT_SCHEMA=");
	my_sql_text(&r->sql, only->schema);
	lt_buf_z(&r->sql, " AND REFERENCED_TABLE_NAME=");
	my_sql_text(&r->sql, only->name);
	lt_buf_z(&r->sql, ")");
}

/** In one round trip; with the last schema the foreign keys of all. */
static bool
read_views(struct reading *r, struct lt_str schema, struct lt_str table, bool last, struct lt_err *err)
{
	size_t ends[LT_COUNT(views) + 1], count = LT_COUNT(views), sent = 0;
	bool ok;

	lt_buf_clear(&r->sql);
	for (size_t i = 0; i < LT_COUNT(views); i++) {
		view_sql(r, &views[i], schema, table);
		ends[i] = r->sql.len;
	}
	if (last) {
		foreign_keys_sql(r);
		ends[count++] = r->sql.len;
	}
	ok = my_settle(r->conn, r->sql.len, err);
	for (; ok && sent < count; sent += ok) {
		size_t at = sent > 0 ? ends[sent - 1] : 0;

		ok = my_send_query(r->conn, lt_str_of(r->sql.ptr + at, ends[sent] - at), err);
	}
	for (size_t i = 0; i < sent && my_alive(r->conn); i++) {
		my_row_fn take = i < LT_COUNT(views) ? views[i].take : take_foreign_key;
		struct lt_err later = { 0 };

		ok = my_recv_each(r->conn, ok ? take : NULL, r, ok ? err : &later) && ok;
	}
	return ok || lt_wrap(err, "while reading information_schema for %.*s", LT_FMT(schema));
}

/** A schema of which a single table is wanted is asked for that one, any other as a whole. */
static bool
read_tables(struct reading *r, struct lt_err *err)
{
	if (r->nbuilds != 0)
		qsort(r->builds, r->nbuilds, sizeof(struct schema_build *), compare_builds);
	for (size_t i = 0, next; i < r->nbuilds; i = next) {
		const struct schema_table *t = r->builds[i]->table;

		for (next = i + 1; next < r->nbuilds && lt_str_eq(r->builds[next]->table->schema, t->schema);)
			next++;
		if (!read_views(r, t->schema, next == i + 1 ? t->name : lt_str_of(NULL, 0), next == r->nbuilds, err))
			return false;
	}
	return true;
}

static bool
begin(struct reading *r, struct lt_err *err)
{
	const struct my_server *s = my_conn_server(r->conn);

	/* A generated invisible primary key stands in the log, so it must not be hidden from us. */
	return s->flavor != MY_MYSQL || s->version < 80030 ||
	       my_exec(r->conn, "SET SESSION show_gipk_in_create_table_and_information_schema=ON", NULL, err);
}

static const char select_engines[] =
    "SELECT ENGINE, TRANSACTIONS, @@lower_case_table_names FROM information_schema.ENGINES";

/** Tables by the statement in `sql`, those that the filter takes; before the first ones the engines. */
static bool
read_names(struct reading *r, struct lt_err *err)
{
	bool asked = r->engines == NULL, sent, ok;
	struct lt_err later = { 0 };

	if (!my_settle(r->conn, r->sql.len, err) || (asked && !my_send_query(r->conn, LT_STR(select_engines), err)))
		return false;
	ok = sent = my_send_query(r->conn, lt_buf_str(&r->sql), err);
	if (asked)
		ok = my_recv_rows(r->conn, &r->engines, ok ? err : &later) && ok;
	if (sent && my_alive(r->conn))
		ok = my_recv_each(r->conn, ok ? take_table : NULL, r, ok ? err : &later) && ok;
	return ok;
}

static const char select_names[] = "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION,"
				   " LOWER(TABLE_SCHEMA), LOWER(TABLE_NAME) FROM "
				   "information_schema.TABLES WHERE TABLE_SCHEMA";

static void
end(struct reading *r)
{
	for (size_t i = 0; i < r->nbuilds; i++)
		schema_build_free(r->builds[i]);
	free(r->builds);
	my_rows_free(r->engines);
	lt_buf_free(&r->sql);
	lt_buf_free(&r->in);
}

/** Hand over what was read; a table without columns was dropped while we read. */
static void
finish(struct reading *r, struct schema_table ***ret, size_t *count)
{
	struct schema_table **tables = (struct schema_table **)lt_calloc(r->nbuilds + 1, sizeof(struct schema_table *));
	size_t n = 0;

	for (size_t i = 0; i < r->nbuilds; i++) {
		struct schema_build *b = r->builds[i];

		if (b->name.len > 0) {
			b->table->schema = b->schema;
			b->table->name = b->name;
		}
		if (b->ncolumns == 0)
			schema_build_free(b);
		else
			tables[n++] = schema_build_finish(b);
	}
	r->nbuilds = 0;
	*ret = tables;
	*count = n;
}

bool
schema_catalog_tables(struct my_conn *c, schema_wanted_fn wanted, void *ctx, struct schema_table ***ret, size_t *count,
    struct lt_err *err)
{
	struct reading r = { .conn = c, .wanted = wanted, .ctx = ctx };
	bool ok = false;

	if (!begin(&r, err))
		goto out;
	lt_buf_z(&r.sql, select_names);
	lt_buf_z(&r.sql, " NOT IN ('information_schema','performance_schema','mysql','sys')");
	if (!read_names(&r, err) || !read_tables(&r, err))
		goto out;
	finish(&r, ret, count);
	ok = true;
out:
	end(&r);
	return ok;
}

struct names {
	const struct schema_name *items;
	size_t count;
};

static bool
is_named(void *ctx, struct lt_str schema, struct lt_str table)
{
	const struct names *n = (const struct names *)ctx;

	for (size_t i = 0; i < n->count; i++)
		if (lt_str_eq(n->items[i].table, table) && lt_str_eq(n->items[i].schema, schema))
			return true;
	return false;
}

bool
schema_catalog_named(struct my_conn *c, const struct schema_name *names, size_t nnames, struct schema_table ***ret,
    size_t *count, struct lt_err *err)
{
	struct names n = { names, nnames };
	struct reading r = { .conn = c, .wanted = is_named, .ctx = &n };
	bool ok = false;

	if (!begin(&r, err))
		goto out;
	lt_buf_z(&r.sql, select_names);
	for (size_t i = 0; i < nnames; i++) {
		lt_buf_z(&r.sql, i == 0 ? " IN (" : ", ");
		my_sql_text(&r.sql, names[i].schema);
		lt_buf_z(&r.in, i == 0 ? " IN (" : ", ");
		my_sql_text(&r.in, names[i].table);
	}
	lt_buf_c(&r.in, ')');
	lt_buf_printf(&r.sql, ") AND TABLE_NAME%s", lt_buf_cstr(&r.in));
	if (nnames > 0 && (!read_names(&r, err) || !read_tables(&r, err)))
		goto out;
	finish(&r, ret, count);
	ok = true;
out:
	end(&r);
	return ok;
}

static bool
is_exactly(void *ctx, struct lt_str schema, struct lt_str table)
{
	const struct single *s = (const struct single *)ctx;

	return lt_str_eq(s->schema, schema) && lt_str_eq(s->table, table);
}

static bool
is_in_any_case(void *ctx, struct lt_str schema, struct lt_str table)
{
	const struct single *s = (const struct single *)ctx;

	return lt_str_ieq(s->schema, schema) && lt_str_ieq(s->table, table);
}

/** Conditions compare names by the server's rules, which may take other letter cases and trailing blanks for equal:
 * `wanted` decides. */
static bool
read_single(struct reading *r, struct single *s, struct lt_err *err)
{
	lt_buf_z(&r->sql, select_names);
	lt_buf_z(&r->sql, "=");
	my_sql_text(&r->sql, s->schema);
	lt_buf_z(&r->sql, " AND TABLE_NAME=");
	my_sql_text(&r->sql, s->table);
	r->wanted = is_exactly;
	r->ctx = s;
	if (!read_names(r, err))
		return false;
	if (r->nbuilds != 0 || (!is_folded(r, "1") && !is_folded(r, "2")))
		return true;
	r->wanted = is_in_any_case;
	return read_names(r, err);
}

bool
schema_catalog_table(
    struct my_conn *c, struct lt_str schema, struct lt_str table, struct schema_table **ret, struct lt_err *err)
{
	struct reading r = { .conn = c, .single = true };
	struct single s = { .schema = schema, .table = table };
	struct schema_table **tables = NULL;
	size_t count = 0;
	bool ok = false;

	if (!begin(&r, err) || !read_single(&r, &s, err) || !read_tables(&r, err))
		goto out;
	finish(&r, &tables, &count);
	*ret = count == 0 ? NULL : tables[0];
	free(tables);
	ok = true;
out:
	end(&r);
	return ok;
}

void
schema_catalog_free(struct schema_table **tables, size_t count)
{
	for (size_t i = 0; i < count; i++)
		schema_table_free(tables[i]);
	free(tables);
}
