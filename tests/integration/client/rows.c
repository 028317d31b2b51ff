/* Rows as the conflict core keeps them, between two real servers of a two-way channel.
 *
 * rows CHANNEL.yaml LOG POS: every row inserted in the first site's log from there on must be the same from the log,
 * from a SELECT at the first site, from JSON, written to the second site and selected there, and from the second site's
 * own log; then changed and deleted there. Prints the SELECT of the first row of each table at the first site ("sql
 * ...") and "ok ROWS".
 *
 * rows CHANNEL.yaml SCHEMA: at the first site each row of each table aN (id, c, ...) has a key in the table eN (c,
 * ...). Prints "N ID KEY", or "N ID E5021" where its weight is not known. */
#include <stdio.h>

#include "binlog/source.h"
#include "converge/shape.h"
#include "pipeline/connect.h"
#include "pipeline/load.h"
#include "pipeline/pipeline.h"
#include "reading.h"

struct end {
	const struct model_pipeline *into; /* borrowed */
	struct my_conn *conn;              /* owned */
	struct pipeline_router *router;    /* owned */
	struct converge_shapes *shapes;    /* owned */
};

/* A row, seen from both ends. */
struct item {
	const struct converge_shape *shape[2];
	const struct conflict_row *row;
	struct lt_str key[2];
};

struct circle {
	struct model_channel *channel; /* owned */
	struct end ends[2];
	struct lt_arena *arena; /* owned */
	struct item *items;     /* owned */
	size_t count, met;
	struct change_sink *sink; /* owned */
	struct change_position at;
};

/* With the columns that do, by number. */
static bool
differs(const struct item *it, const char *where, const struct conflict_row *other, struct lt_err *err)
{
	struct lt_buf text = { 0 };

	converge_shape_json(it->shape[0], it->row, &text);
	lt_buf_c(&text, '\n');
	for (uint32_t i = 0; other != NULL && i < other->count; i++) {
		struct lt_str values[] = { it->row->values[i], other->values[i] };

		if (!conflict_value_eq(values[0], values[1])) {
			lt_buf_printf(&text, "value %u: ", i);
			lt_buf_hex(&text, values[0]);
			lt_buf_z(&text, " and ");
			lt_buf_hex(&text, values[1]);
			lt_buf_c(&text, '\n');
		}
	}
	printf("%s", lt_buf_cstr(&text));
	lt_buf_free(&text);
	lt_where_table(
	    &err->where, converge_shape_target(it->shape[0])->schema, converge_shape_target(it->shape[0])->name);
	return lt_fail(err, LT_E_ROW_DIFFERS, "%s", where);
}

/* -- ends ----------------------------------------------------------------------------------------- */

static bool
open_end(struct circle *c, const struct model_pipeline *into, struct end *e, struct lt_err *err)
{
	e->into = into;
	if (!pipeline_connect(&c->channel->sites[into->to], true, NULL, &e->conn, err))
		return false;
	e->router = pipeline_router_new(into->mapping, e->conn, false);
	e->shapes = converge_shapes_new(c->channel, e->router);
	return my_exec(e->conn, "SET SESSION time_zone='+00:00', sql_mode='ALLOW_INVALID_DATES'", NULL, err);
}

static void
close_end(struct end *e)
{
	converge_shapes_free(e->shapes);
	pipeline_router_free(e->router);
	my_close(e->conn);
}

/* -- the log -------------------------------------------------------------------------------------- */

static bool
add_row(struct circle *c, const struct change_row *row, struct lt_err *err)
{
	const struct conflict_row *rows[2];
	struct item *it;

	c->items = lt_realloc(c->items, (c->count + 1) * sizeof(*c->items));
	it = &c->items[c->count];
	for (size_t i = 0; i < 2; i++) {
		if (!converge_shapes_get(c->ends[i].shapes, row->table, &it->shape[i], err) ||
		    !converge_shape_image(it->shape[i], &row->after, c->arena, &rows[i], &it->key[i], err))
			return false;
	}
	it->row = rows[0];
	c->count++;
	return conflict_row_eq(rows[0], rows[1]) || differs(it, "seen from the other end", rows[1], err);
}

static bool
take_first(void *ctx, struct change_txn *t, struct lt_err *err)
{
	for (size_t i = 0; i < t->nrows; i++) {
		if (t->rows[i].op == CHANGE_INSERT && !add_row(ctx, &t->rows[i], err))
			return false;
	}
	return true;
}

static bool
take_second(void *ctx, struct change_txn *t, struct lt_err *err)
{
	struct circle *c = ctx;
	const struct converge_shape *shape;
	const struct conflict_row *row;
	struct lt_str key, alone;

	for (size_t i = 0; i < t->nrows; i++) {
		const struct change_image *image = &t->rows[i].after;
		size_t k = 0;

		if (!converge_shapes_get(c->ends[1].shapes, t->rows[i].table, &shape, err) ||
		    !converge_shape_image(shape, image, c->arena, &row, &key, err) ||
		    !converge_shape_image(shape, image, c->arena, NULL, &alone, err))
			return false;
		while (k < c->count && !lt_str_eq(c->items[k].key[1], key))
			k++;
		if (k == c->count || !lt_str_eq(key, alone))
			return lt_fail(err, LT_E_ROW_MISSING, "a row of the second log has no key of the first");
		if (!conflict_row_eq(row, c->items[k].row))
			return differs(&c->items[k], "in the second log", row, err);
		c->met++;
	}
	return true;
}

/* As another channel would: what was applied is then none of its own. */
static bool
read_log(struct circle *c, const struct model_pipeline *p, const struct change_place *from,
    bool (*each)(void *ctx, struct change_txn *t, struct lt_err *err), struct lt_err *err)
{
	struct reading r = { 0 };
	bool ok = reading_open(&r, "nobody", c->channel, p, from, err) && reading_each(&r, each, c, err);

	reading_close(&r);
	return ok;
}

/* -- SELECT --------------------------------------------------------------------------------------- */

static bool
select_row(
    struct circle *c, size_t end, const struct item *it, bool show, const struct conflict_row **ret, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	struct lt_str key;
	bool ok;

	converge_shape_select(it->shape[end], &sql);
	lt_buf_z(&sql, " WHERE ");
	converge_shape_key_names(it->shape[end], &sql);
	lt_buf_z(&sql, " IN (");
	ok = converge_shape_key_values(it->shape[end], it->row, &sql, err);
	lt_buf_c(&sql, ')');
	if (show)
		printf("sql %s\n", lt_buf_cstr(&sql));
	ok = ok && my_query(c->ends[end].conn, lt_buf_cstr(&sql), &rows, err);
	*ret = NULL;
	for (size_t i = 0; ok && i < rows->nrows && *ret == NULL; i++) {
		ok = converge_shape_found(it->shape[end], rows, i, c->arena, ret, &key, err);
		if (ok && !lt_str_eq(key, it->key[end]))
			*ret = NULL;
	}
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

static bool
check_claims(struct circle *c, size_t end, const struct item *it, struct lt_err *err)
{
	const struct converge_shape *s = it->shape[end];
	struct lt_str *claims, *others;
	uint32_t n, m;

	if (!converge_shape_claims(s, it->row, c->arena, &claims, &n, err))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		const struct conflict_row *row;
		struct my_rows *rows = NULL;
		struct lt_buf sql = { 0 };
		bool ok;

		converge_shape_select(s, &sql);
		ok = converge_shape_unique_where(s, (size_t)claims[i].ptr[8], it->row, &sql) &&
		     my_query(c->ends[end].conn, lt_buf_cstr(&sql), &rows, err) && rows->nrows == 1 &&
		     converge_shape_found(s, rows, 0, c->arena, &row, NULL, err) &&
		     converge_shape_claims(s, row, c->arena, &others, &m, err) && m == n &&
		     lt_str_eq(claims[i], others[i]);
		my_rows_free(rows);
		if (!ok)
			printf("%s\n", lt_buf_cstr(&sql));
		lt_buf_free(&sql);
		if (!ok)
			return err->code != LT_OK ? false : differs(it, "claims", it->row, err);
	}
	return true;
}

static bool
check_end(struct circle *c, size_t end, struct lt_err *err)
{
	const struct converge_shape *last = NULL;

	for (size_t i = 0; i < c->count; i++) {
		const struct item *it = &c->items[i];
		const struct conflict_row *row;

		if (!select_row(c, end, it, end == 0 && it->shape[end] != last, &row, err))
			return false;
		last = it->shape[end];
		if (!conflict_row_eq(row, it->row))
			return differs(it, end == 0 ? "selected at the first" : "selected at the second", row, err);
		if (!check_claims(c, end, it, err))
			return false;
	}
	return true;
}

static bool
check_json(struct circle *c, struct lt_err *err)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct item *it = &c->items[i];
		const struct conflict_row *row = NULL;
		struct lt_buf json = { 0 };
		bool ok;

		converge_shape_json(it->shape[0], it->row, &json);
		ok = converge_shape_parse(it->shape[0], lt_buf_str(&json), c->arena, &row, err);
		lt_buf_free(&json);
		if (!ok || !conflict_row_eq(row, it->row))
			return ok ? differs(it, "as JSON", row, err) : false;
	}
	return true;
}

/* -- writing -------------------------------------------------------------------------------------- */

static bool
apply(struct circle *c, struct change_txn *t, struct lt_err *err)
{
	struct change_sink_done done;
	size_t culprit;

	t->end.pos = ++c->at.place.pos;
	return c->sink->ops->apply(c->sink, &t, 1, &c->at, &done, &culprit, err);
}

static bool
open_sink(struct circle *c, struct lt_err *err)
{
	static const struct pipeline_origin nobody;
	bool found;

	change_position_init(&c->at);
	if (!pipeline_load_open(
		c->channel, (size_t)(c->ends[1].into - c->channel->pipelines), &nobody, &c->sink, err) ||
	    !c->sink->ops->claim(c->sink, &c->at, &found, err))
		return false;
	return found || (pipeline_load_begin(c->sink, &c->at, err) && pipeline_load_commit(c->sink, err));
}

static bool
insert_all(struct circle *c, struct lt_err *err)
{
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);
	bool ok;

	for (size_t i = 0; i < c->count; i++)
		converge_shape_change(c->items[i].shape[1], NULL, c->items[i].row, t);
	ok = apply(c, t, err);
	change_txn_free(t);
	return ok;
}

static bool
in_key(const struct schema_table *t, struct lt_str name)
{
	for (size_t i = 0; i < t->nkeys; i++) {
		for (size_t k = 0; t->keys[i].unique && k < t->keys[i].nparts; k++) {
			if (lt_str_eq(t->columns[t->keys[i].parts[k].column].name, name))
				return true;
		}
	}
	return false;
}

/* The values of another row of its table, but for keys. */
static const struct conflict_row *
mixed(struct circle *c, size_t at)
{
	const struct item *it = &c->items[at], *other = it;
	const struct schema_table *t = converge_shape_target(it->shape[1]);
	struct conflict_row *row = lt_arena_alloc(c->arena, sizeof(*row));
	uint32_t n = 0;

	for (size_t i = 1; i < c->count && other == it; i++) {
		if (c->items[(at + i) % c->count].shape[1] == it->shape[1])
			other = &c->items[(at + i) % c->count];
	}
	row->values = lt_arena_alloc(c->arena, it->row->count * sizeof(*row->values));
	row->count = it->row->count;
	for (size_t i = 0; i < t->ncolumns; i++) {
		if (t->columns[i].generated != SCHEMA_PLAIN)
			continue;
		row->values[n] = (in_key(t, t->columns[i].name) ? it : other)->row->values[n];
		n++;
	}
	return row;
}

static bool
change_all(struct circle *c, struct lt_err *err)
{
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);
	const struct conflict_row **now = lt_calloc(c->count, sizeof(struct conflict_row *));
	bool ok;

	for (size_t i = 0; i < c->count; i++) {
		now[i] = mixed(c, i);
		converge_shape_change(c->items[i].shape[1], c->items[i].row, now[i], t);
	}
	ok = apply(c, t, err);
	for (size_t i = 0; i < c->count; i++)
		c->items[i].row = now[i];
	free(now);
	change_txn_free(t);
	return ok && check_end(c, 1, err);
}

static bool
delete_all(struct circle *c, struct lt_err *err)
{
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);
	const struct conflict_row *row = NULL;
	bool ok;

	for (size_t i = 0; i < c->count; i++)
		converge_shape_change(c->items[i].shape[1], c->items[i].row, NULL, t);
	ok = apply(c, t, err);
	for (size_t i = 0; i < c->count && ok && row == NULL; i++)
		ok = select_row(c, 1, &c->items[i], false, &row, err);
	change_txn_free(t);
	return ok && (row == NULL || lt_fail(err, LT_E_ROW_DIFFERS, "a row that was deleted is there"));
}

/* -- keys alone ----------------------------------------------------------------------------------- */

static bool
print_keys(struct circle *c, unsigned number, const struct converge_shape *all, const struct converge_shape *equal,
    struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok;

	converge_shape_select(all, &sql);
	ok = my_query(c->ends[0].conn, lt_buf_cstr(&sql), &rows, err);
	lt_buf_clear(&sql);
	for (size_t i = 0; ok && i < rows->nrows; i++) {
		const struct conflict_row *row;
		struct conflict_row rest;
		struct lt_err unknown = { 0 };
		struct lt_str key;

		ok = converge_shape_found(all, rows, i, c->arena, &row, NULL, err);
		rest = (struct conflict_row){ row->values + 1, row->count - 1 };
		lt_buf_printf(&sql, "%u %.*s ", number, LT_FMT(row->values[0]));
		if (converge_shape_key(equal, &rest, c->arena, &key, &unknown))
			lt_buf_hex(&sql, key);
		else
			lt_buf_printf(&sql, "E%d", (int)unknown.code);
		lt_buf_c(&sql, '\n');
	}
	printf("%s", lt_buf_cstr(&sql));
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

static bool
keys(struct circle *c, char **argv, struct lt_err *err)
{
	char all[16], equal[16];

	if (!model_channel_load(argv[1], &c->channel, err) || !open_end(c, &c->channel->pipelines[1], &c->ends[0], err))
		return false;
	for (unsigned i = 0;; i++) {
		const struct converge_shape *a, *e;

		snprintf(all, sizeof(all), "a%u", i);
		snprintf(equal, sizeof(equal), "e%u", i);
		if (!converge_shapes_named(c->ends[0].shapes, lt_str_z(argv[2]), lt_str_z(all), &a, err))
			return err->code == LT_E_TABLE_MISSING && i > 0;
		if (!converge_shapes_named(c->ends[0].shapes, lt_str_z(argv[2]), lt_str_z(equal), &e, err) ||
		    !print_keys(c, i, a, e, err))
			return false;
	}
}

/* -- the circle ----------------------------------------------------------------------------------- */

static bool
go(struct circle *c, char **argv, struct lt_err *err)
{
	struct change_place from = { 0 };
	struct binlog_server server = { 0 };
	bool ok;

	if (!model_channel_load(argv[1], &c->channel, err))
		return false;
	if (c->channel->npipelines != 2 || !lt_str_u64(lt_str_z(argv[3]), &from.pos))
		return lt_fail(err, LT_E_USAGE, "a two-way channel and a place are wanted");
	lt_str_copy(from.file, sizeof(from.file), lt_str_z(argv[2]));
	if (!open_end(c, &c->channel->pipelines[1], &c->ends[0], err) ||
	    !open_end(c, &c->channel->pipelines[0], &c->ends[1], err) ||
	    !read_log(c, &c->channel->pipelines[0], &from, take_first, err) || !check_end(c, 0, err) ||
	    !check_json(c, err) || !open_sink(c, err) || !binlog_server_read(c->ends[1].conn, &server, err))
		return false;
	ok = insert_all(c, err) && check_end(c, 1, err) &&
	     read_log(c, &c->channel->pipelines[1], &server.end.place, take_second, err);
	change_position_clear(&server.end);
	if (ok && c->met != c->count)
		return lt_fail(err, LT_E_ROW_MISSING, "%zu rows, %zu in the second log", c->count, c->met);
	return ok && change_all(c, err) && delete_all(c, err);
}

int
main(int argc, char **argv)
{
	struct circle c = { .arena = lt_arena_new() };
	struct lt_err err = { 0 };
	bool ok = argc == 4   ? go(&c, argv, &err)
		  : argc == 3 ? keys(&c, argv, &err)
			      : lt_fail(&err, LT_E_USAGE, "rows CHANNEL.yaml LOG POS, or SCHEMA");

	if (ok)
		printf("ok %zu\n", c.count);
	else
		printf("E%d %s %s\n", (int)err.code, err.where.table, err.message);
	if (c.sink != NULL)
		c.sink->ops->close(c.sink);
	change_position_clear(&c.at);
	close_end(&c.ends[0]);
	close_end(&c.ends[1]);
	model_channel_free(c.channel);
	free(c.items);
	lt_arena_free(c.arena);
	return ok ? 0 : 1;
}
