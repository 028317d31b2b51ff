#include "converge/rows.h"

struct converge_rows {
	struct my_conn *conn;           /* borrowed */
	struct pipeline_router *router; /* owned */
	struct converge_shapes *shapes; /* owned */
};

static const struct model_pipeline *
pipeline_into(const struct model_channel *channel, size_t site)
{
	for (size_t i = 0; i < channel->npipelines; i++) {
		if (channel->pipelines[i].to == site)
			return &channel->pipelines[i];
	}
	return NULL;
}

bool
converge_rows_open(
    const struct model_channel *channel, size_t site, struct my_conn *c, struct converge_rows **ret, struct lt_err *err)
{
	const struct model_pipeline *into = pipeline_into(channel, site);
	struct converge_rows *r;

	if (into == NULL)
		return lt_fail(err, LT_E_USAGE, "nothing of channel %s is written at site %s", channel->name,
		    channel->sites[site].name);
	if (!my_exec(c,
		"SET SESSION autocommit=0, time_zone='+00:00', innodb_lock_wait_timeout=10, wait_timeout=10,"
		" sql_mode='STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'",
		NULL, err))
		return false;
	r = lt_new(struct converge_rows);
	r->conn = c;
	r->router = pipeline_router_new(into->mapping, c, false);
	r->shapes = converge_shapes_new(channel, r->router);
	*ret = r;
	return true;
}

void
converge_rows_close(struct converge_rows *r)
{
	if (r == NULL)
		return;
	converge_shapes_free(r->shapes);
	pipeline_router_free(r->router);
	free(r);
}

bool
converge_rows_shape(struct converge_rows *r, struct lt_str schema, struct lt_str table,
    const struct converge_shape **ret, struct lt_err *err)
{
	if (!converge_shapes_named(r->shapes, schema, table, ret, err))
		return false;
	if (converge_shape_is_single(*ret))
		return lt_fail(err, LT_E_USAGE, "no conflicts are decided in %.*s.%.*s: one site alone writes it",
		    LT_FMT(schema), LT_FMT(table));
	return true;
}

bool
converge_rows_find(struct my_conn *c, const struct converge_shape *s, const struct conflict_row *key, bool lock,
    struct lt_arena *arena, const struct conflict_row **ret, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	struct lt_str ignored;
	bool ok = false;

	converge_shape_select(s, &sql);
	lt_buf_z(&sql, " WHERE ");
	converge_shape_key_names(s, &sql);
	lt_buf_z(&sql, " IN (");
	if (!converge_shape_key_values(s, key, &sql, err))
		goto out;
	lt_buf_z(&sql, lock ? ") FOR UPDATE" : ")");
	if (!my_query(c, lt_buf_cstr(&sql), &rows, err))
		goto out;
	*ret = NULL;
	ok = rows->nrows == 0 || converge_shape_found(s, rows, 0, arena, ret, &ignored, err);
out:
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

bool
converge_rows_rivals(struct converge_rows *r, const struct converge_shape *s, const struct conflict_row *row,
    struct lt_arena *arena, void (*each)(void *ctx, const struct conflict_row *rival), void *ctx, struct lt_err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < converge_shape_uniques(s); i++) {
		const struct conflict_row *rival;
		struct my_rows *rows = NULL;
		struct lt_buf sql = { 0 };
		struct lt_str key;

		converge_shape_select(s, &sql);
		if (converge_shape_unique_where(s, i, row, &sql)) {
			ok = my_query(r->conn, lt_buf_cstr(&sql), &rows, err);
			for (size_t k = 0; ok && k < rows->nrows; k++) {
				ok = converge_shape_found(s, rows, k, arena, &rival, &key, err);
				if (ok)
					each(ctx, rival);
			}
		}
		my_rows_free(rows);
		lt_buf_free(&sql);
	}
	return ok;
}

/* Executed with its values as parameters, or, where they would not arrive so, as text. */
static bool
send(struct converge_rows *r, struct pipeline_route *route, const struct change_row *row, struct lt_err *err)
{
	const struct pipeline_want one = { PIPELINE_FORM_ROW, 1 };
	const struct pipeline_statement *statement;
	struct lt_buf text = { 0 };
	struct my_param *params;
	bool ok;

	if (!pipeline_router_statement(r->router, route, row, one, &statement, err))
		return false;
	LT_ASSERT(statement != NULL);
	params = lt_calloc(pipeline_statement_width(statement) + 1, sizeof(*params));
	ok = pipeline_router_values(r->router, route, statement, row, 1, params, err);
	if (ok && pipeline_router_is_odd(route, statement, params)) {
		LT_ASSERT(pipeline_router_text(route, row, params, &text));
		ok = my_send_query(r->conn, lt_buf_str(&text), err);
	} else if (ok) {
		ok = my_send_execute(
		    r->conn, pipeline_statement_stmt(statement), params, pipeline_statement_width(statement), err);
	}
	lt_buf_free(&text);
	free(params);
	return ok;
}

bool
converge_rows_write(struct converge_rows *r, const struct converge_shape *s, const struct conflict_row *from,
    const struct conflict_row *to, struct lt_err *err)
{
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);
	struct pipeline_route *route;
	struct my_reply reply;
	bool ok;

	converge_shape_change(s, from, to, t);
	ok = pipeline_router_get(r->router, t->rows[0].table, &route, err) && send(r, route, &t->rows[0], err) &&
	     my_recv(r->conn, &reply, err);
	pipeline_router_forget(r->router);
	if (ok && reply.affected != 1)
		ok = lt_fail(err, LT_E_ROWS_AFFECTED, "the statement met %llu rows in the place of one",
		    (unsigned long long)reply.affected);
	change_txn_free(t);
	return ok;
}
