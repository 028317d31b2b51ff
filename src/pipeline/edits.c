#include "pipeline/edits_priv.h"

#include "change/json.h"
#include "pipeline/bind_priv.h"
#include "pipeline/sql_priv.h"

/* The statement that reads the columns; `*columns` becomes how many. */
static bool
write_read(const struct pipeline_route *route, const struct change_row *row, struct pipeline_text *t,
    const struct pipeline_column **edited, size_t *columns)
{
	*columns = 0;
	for (size_t i = 0; i < route->ncolumns; i++) {
		const struct pipeline_column *c = &route->columns[i];

		if (c->target->generated == SCHEMA_PLAIN && route->after[c->source].kind == CHANGE_JSON_DIFF)
			edited[(*columns)++] = c;
	}
	return *columns == 0 || pipeline_sql_read(route, &row->before, edited, *columns, t);
}

/* Identical rows of a keyless table cannot be told apart: two are read, to see that there is one. */
static bool
read_row(struct my_conn *conn, const struct pipeline_route *route, const struct pipeline_text *t,
    struct lt_arena *scratch, struct my_rows **ret, struct lt_err *err)
{
	struct my_param *params = lt_arena_alloc(scratch, (t->nslots + 1) * sizeof(*params));
	struct lt_buf sql = { 0 };
	bool ok = false;

	for (size_t i = 0; i < t->nslots; i++) {
		const struct pipeline_column *c = t->slots[i].column;

		if (!pipeline_bind_value(c, &route->before[c->source], scratch, &params[i], err))
			goto out;
	}
	params[t->nslots] = (struct my_param){ .kind = MY_PARAM_U64, .u64 = 2 };
	pipeline_sql_literal(route, t, params, &sql);
	if (!my_query(conn, lt_buf_cstr(&sql), ret, err))
		goto out;
	ok = true;
out:
	lt_buf_free(&sql);
	return ok;
}

/* What the target has of types that no text tells stays, if its own functions do what is now known to fit. */
static void
keep_edits(struct pipeline_route *route, const struct pipeline_column *c)
{
	if (!route->json_marks || !lt_str_eqz(c->target->base_type, "json"))
		return;
	if (route->edits == NULL)
		route->edits = lt_calloc(route->from->ncolumns, sizeof(*route->edits));
	route->edits[c->source] = route->after[c->source];
}

static bool
carry_out(struct pipeline_route *route, const struct pipeline_column *c, struct lt_str now, struct lt_arena *scratch,
    struct lt_err *err)
{
	struct change_value *v = &route->after[c->source];
	struct lt_str whole;

	if (now.ptr == NULL)
		return lt_fail(err, LT_E_ROW_DIFFERS, "column %.*s is NULL where the log edits a JSON value",
		    LT_FMT(c->target->name));
	if (!change_json_edit(now, v->bytes, scratch, &whole, err))
		return lt_wrap(err, "column %.*s", LT_FMT(c->target->name));
	keep_edits(route, c);
	*v = (struct change_value){ .kind = CHANGE_JSON, .bytes = whole };
	return true;
}

bool
pipeline_edits_resolve(struct my_conn *conn, struct pipeline_route *route, const struct change_row *row,
    struct lt_arena *scratch, struct lt_err *err)
{
	const struct pipeline_column **edited = lt_calloc(route->ncolumns, sizeof(const struct pipeline_column *));
	struct pipeline_text text = { .slots = lt_calloc(pipeline_sql_slots(route), sizeof(struct pipeline_slot)) };
	struct my_rows *rows = NULL;
	size_t columns;
	bool ok = false;

	if (!write_read(route, row, &text, edited, &columns)) {
		lt_fail(err, LT_E_SCHEMA_DIFFERS,
		    "the log's image lacks a column of the target's key: set binlog_row_image=FULL");
		goto out;
	}
	if (columns > 0 && !read_row(conn, route, &text, scratch, &rows, err))
		goto out;
	if (columns > 0 && rows->nrows != 1) {
		lt_fail(err, rows->nrows == 0 ? LT_E_ROW_MISSING : LT_E_ROWS_AFFECTED,
		    "UPDATE met %s where the log edits a JSON value of 1",
		    rows->nrows == 0 ? "0 rows" : "several rows");
		goto out;
	}
	for (size_t i = 0; i < columns; i++) {
		if (!carry_out(route, edited[i], my_rows_at(rows, 0, i), scratch, err))
			goto out;
	}
	ok = true;
out:
	my_rows_free(rows);
	lt_buf_free(&text.sql);
	free(text.slots);
	free(edited);
	return ok;
}
