/* `sync-mode: row`, as Otter has it: the row is read again at the source by its key, and written whole. What comes is
 * the row as it is by then, perhaps later than the transactions around it: inexact, and only where it is asked for
 * (R7). */
#include "mysql/sql.h"
#include "pipeline/bind_priv.h"
#include "pipeline/connect.h"
#include "pipeline/load_priv.h"
#include "pipeline/sql_priv.h"

/* One row on its way. */
struct again {
	struct load *load;
	struct pipeline_route *route;
	const struct change_row *row;
	struct lt_arena *arena; /* owned */
	struct my_rows *rows;   /* owned: what the source says now, in the order of the columns sent */
};

static bool
open_source(struct load *l, struct lt_err *err)
{
	const struct model_site *site = &l->channel->sites[l->pipeline->from];

	if (l->source != NULL && my_alive(l->source))
		return true;
	my_close(l->source);
	l->source = NULL;
	return pipeline_connect(site, false, l->origin->stop, &l->source, err) &&
	       my_exec(l->source, "SET SESSION autocommit=1, time_zone='+00:00', sql_mode=''", NULL, err);
}

static bool
is_sent(const struct pipeline_column *c)
{
	return !c->constant && c->target->generated == SCHEMA_PLAIN;
}

static bool
is_hex(const struct pipeline_column *c)
{
	return c->from->kind == CHANGE_BYTES || c->from->kind == CHANGE_BIT || c->bind == PIPELINE_BIND_OPAQUE;
}

/* The row's key as it is now: what an update leaves out did not change. */
static const struct change_value *
newest(const struct again *a, const struct pipeline_column *c)
{
	const struct change_value *v = &a->route->after[c->source];

	return a->row->op == CHANGE_UPDATE && v->kind == CHANGE_ABSENT ? &a->route->before[c->source] : v;
}

/* A value of the log as a literal. */
static bool
add_literal(const struct again *a, const struct pipeline_column *c, const struct change_value *v, struct lt_buf *out,
    struct lt_err *err)
{
	struct pipeline_slot slot = { .column = c };
	struct pipeline_text text = { .slots = &slot, .nslots = 1 };
	struct my_param param = { .kind = MY_PARAM_NULL };
	bool ok = pipeline_bind_value(c, v, a->arena, &param, err);

	if (c->bind == PIPELINE_BIND_FOREIGN)
		lt_buf_printf(&text.sql, "CONVERT(? USING %.*s)", LT_FMT(c->from->charset));
	else
		lt_buf_c(&text.sql, '?');
	if (ok)
		pipeline_sql_literal(a->route, &text, &param, out);
	lt_buf_free(&text.sql);
	return ok;
}

/* FLOAT is printed too short; as a DOUBLE it reads back the same. */
static void
add_wanted(struct lt_buf *sql, const struct pipeline_column *c)
{
	if (is_hex(c))
		lt_buf_z(sql, "HEX(");
	my_sql_name(sql, c->from->name);
	if (is_hex(c))
		lt_buf_c(sql, ')');
	else if (c->from->kind == CHANGE_FLOAT)
		lt_buf_z(sql, " + 0e0");
}

/* a->rows NULL (and true): the image has no whole key to read by. */
static bool
read_again(struct again *a, struct lt_err *err)
{
	const struct pipeline_route *route = a->route;
	const char *between = "SELECT ";
	struct lt_buf sql = { 0 };
	bool ok = true;

	for (size_t i = 0; i < route->ncolumns; i++) {
		if (!is_sent(&route->columns[i]))
			continue;
		lt_buf_z(&sql, between);
		add_wanted(&sql, &route->columns[i]);
		between = ", ";
	}
	lt_buf_z(&sql, " FROM ");
	my_sql_table(&sql, route->from->schema, route->from->name);
	between = " WHERE ";
	for (size_t i = 0; ok && i < route->ncolumns; i++) {
		const struct pipeline_column *c = &route->columns[i];

		if (!c->in_key || c->constant)
			continue;
		if (newest(a, c)->kind == CHANGE_ABSENT)
			goto out;
		lt_buf_z(&sql, between);
		my_sql_name(&sql, c->from->name);
		lt_buf_z(&sql, " = ");
		ok = add_literal(a, c, newest(a, c), &sql, err);
		between = " AND ";
	}
	ok = ok && open_source(a->load, err) && my_query(a->load->source, lt_buf_cstr(&sql), &a->rows, err);
out:
	lt_buf_free(&sql);
	return ok ? true : lt_wrap(err, "while a row is read again at its source");
}

/* Values that the log brings are watched for what a narrower column would bend (schema/room.h); these are not. */
static bool
may_bend(const struct pipeline_route *r)
{
	for (size_t i = 0; i < r->ncolumns; i++) {
		enum schema_room_kind kind = r->columns[i].room.kind;

		if (is_sent(&r->columns[i]) && kind != SCHEMA_ROOM_ANY && kind != SCHEMA_ROOM_CHAR &&
		    kind != SCHEMA_ROOM_BINARY)
			return true;
	}
	return false;
}

static void
add_read(const struct again *a, const struct pipeline_column *c, size_t at, struct lt_buf *sql)
{
	struct lt_str v = my_rows_at(a->rows, 0, at);

	if (v.ptr == NULL)
		lt_buf_z(sql, "NULL");
	else if (is_hex(c) && v.len > 0)
		lt_buf_printf(sql, "0x%.*s", LT_FMT(v)); /* of a BIT also an odd number of digits */
	else
		my_sql_text(sql, v);
}

/* " WHERE key": of an update as it was, of an insert as it is. *found false: the image has not all of it. */
static bool
add_key(const struct again *a, struct lt_buf *sql, bool *found, struct lt_err *err)
{
	bool insert = a->row->op == CHANGE_INSERT, ok = true;
	struct pipeline_text text = { .slots = lt_calloc(pipeline_sql_slots(a->route), sizeof(struct pipeline_slot)) };
	struct my_param *params = lt_calloc(pipeline_sql_slots(a->route), sizeof(*params));

	*found = pipeline_sql_where(a->route, insert ? &a->row->after : &a->row->before, &text);
	for (size_t i = 0; ok && *found && i < text.nslots; i++) {
		const struct pipeline_column *c = text.slots[i].column;
		const struct change_value *v = insert ? &a->route->after[c->source] : &a->route->before[c->source];

		ok = pipeline_bind_value(c, v, a->arena, &params[i], err);
	}
	if (ok && *found)
		pipeline_sql_literal(a->route, &text, params, sql);
	free(params);
	free(text.slots);
	lt_buf_free(&text.sql);
	return ok;
}

static bool
update(const struct again *a, bool *met, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	const char *between = " SET ";
	struct my_reply reply;
	size_t at = 0;
	bool ok;

	lt_buf_z(&sql, "UPDATE ");
	my_sql_table(&sql, a->route->target->schema, a->route->target->name);
	for (size_t i = 0; i < a->route->ncolumns; i++) {
		const struct pipeline_column *c = &a->route->columns[i];

		if (!is_sent(c))
			continue;
		lt_buf_z(&sql, between);
		my_sql_name(&sql, c->target->name);
		lt_buf_z(&sql, " = ");
		add_read(a, c, at++, &sql);
		between = ", ";
	}
	ok = add_key(a, &sql, met, err);
	if (ok && *met) {
		ok = my_exec(a->load->conn, lt_buf_cstr(&sql), &reply, err);
		*met = ok && reply.affected > 0;
	}
	lt_buf_free(&sql);
	return ok;
}

static bool
insert(const struct again *a, struct lt_err *err)
{
	struct lt_buf sql = { 0 }, values = { 0 };
	const char *between = "";
	size_t at = 0;
	bool ok = true;

	lt_buf_z(&sql, "INSERT INTO ");
	my_sql_table(&sql, a->route->target->schema, a->route->target->name);
	lt_buf_z(&sql, " (");
	for (size_t i = 0; ok && i < a->route->ncolumns; i++) {
		const struct pipeline_column *c = &a->route->columns[i];

		if (!c->constant && !is_sent(c))
			continue;
		lt_buf_z(&sql, between);
		lt_buf_z(&values, between);
		my_sql_name(&sql, c->target->name);
		if (c->constant)
			ok = add_literal(a, c, &a->route->after[c->source], &values, err);
		else
			add_read(a, c, at++, &values);
		between = ", ";
	}
	lt_buf_z(&sql, ") VALUES (");
	lt_buf_str_add(&sql, lt_buf_str(&values));
	lt_buf_c(&sql, ')');
	ok = ok && my_exec(a->load->conn, lt_buf_cstr(&sql), NULL, err);
	lt_buf_free(&sql);
	lt_buf_free(&values);
	return ok;
}

bool
pipeline_load_reread(
    struct load *l, struct pipeline_route *route, const struct change_row *row, bool *done, struct lt_err *err)
{
	struct again a = { .load = l, .route = route, .row = row, .arena = lt_arena_new() };
	bool ok = true, met = false;

	*done = false;
	if (row->op == CHANGE_DELETE || route->keyless || may_bend(route))
		goto out;
	pipeline_router_forget(l->router);
	ok = pipeline_router_decode(l->router, route, row, err) && read_again(&a, err);
	if (!ok || a.rows == NULL || a.rows->nrows != 1)
		goto out;
	ok = update(&a, &met, err) && (met || insert(&a, err));
	*done = ok;
	if (!ok && err->code == LT_E_DUPLICATE && my_alive(l->conn)) {
		/* A unique value of now that another row gives up only further on: the log's own is free. Only the
		 * statement is undone. */
		memset(err, 0, sizeof(*err));
		ok = true;
	}
out:
	my_rows_free(a.rows);
	lt_arena_free(a.arena);
	return ok;
}
