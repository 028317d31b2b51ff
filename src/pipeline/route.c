#include "pipeline/route.h"

#include "base/fault.h"
#include "mysql/sql.h"
#include "pipeline/bind_priv.h"
#include "pipeline/constants_priv.h"
#include "pipeline/edits_priv.h"
#include "pipeline/family.h"
#include "pipeline/grants.h"
#include "pipeline/sql_priv.h"
#include "pipeline/weights.h"
#include "pipeline/writeset.h"
#include "schema/catalog.h"

/* Prepared statements of one route: images seldom come in more shapes than a few. Beyond it the oldest goes. */
#define STATEMENTS_MAX 64
/* Source tables with a route at once: a server gives tables new ids now and then, and each makes a route of its own. */
#define ROUTES_MAX 512

struct pipeline_statement {
	enum change_op op;
	struct pipeline_want want;
	uint8_t *before, *after; /* presence bits by source column; NULL: all of them */
	struct my_stmt *stmt;
	struct pipeline_slot *slots;
	size_t nslots;
	bool limit;
	struct pipeline_statement *next;
};

/* A table by the name that was asked for: to a server that does not tell letters apart several names are one table. */
struct target_table {
	struct schema_table *table; /* owned by the one whose name is the table's own, but for one that is lent */
	bool lent;
	struct lt_buf schema, name; /* owned; empty: as the table has them */
	struct target_table *next;
};

struct pipeline_router {
	const struct model_mapping *mapping;
	struct my_conn *conn;
	bool verify, json_native, asked;
	bool hushed, wanted;           /* nothing is asked; something would have been */
	struct pipeline_route *routes; /* the newest used first */
	struct target_table *targets;
	struct pipeline_weigher *weigher; /* owned */
	struct pipeline_held *held;       /* owned */
	struct lt_arena *scratch;
};

struct pipeline_router *
pipeline_router_new(const struct model_mapping *mapping, struct my_conn *target, bool verify)
{
	struct pipeline_router *r = lt_new(struct pipeline_router);

	r->mapping = mapping;
	r->conn = target;
	r->verify = verify;
	r->json_native = my_conn_server(target)->flavor == MY_MYSQL;
	r->scratch = lt_arena_new();
	r->weigher = pipeline_weigher_new(target);
	return r;
}

void
pipeline_router_hold(struct pipeline_router *r, struct pipeline_held *held)
{
	pipeline_held_free(r->held);
	r->held = held;
}

/* The server's side of it ends with the connection. */
static void
statement_free(struct pipeline_statement *s)
{
	free(s->before);
	free(s->after);
	free(s->slots);
	free(s);
}

static void
route_free(struct pipeline_route *route)
{
	if (route == NULL)
		return;
	while (route->statements != NULL) {
		struct pipeline_statement *s = route->statements;

		route->statements = s->next;
		statement_free(s);
	}
	if (route->indexes != NULL)
		pipeline_indexes_clear(route->indexes);
	free(route->indexes);
	pipeline_family_free(route->family);
	change_table_unref(route->from);
	free(route->columns);
	free(route->before);
	free(route->after);
	free(route->edits);
	free(route->constants);
	free(route);
}

bool
pipeline_router_logs_cascades(const struct pipeline_router *r)
{
	const struct my_server *server = my_conn_server(r->conn);

	return server->flavor == MY_MYSQL && server->version >= SCHEMA_MYSQL_LOGS_CASCADES;
}

void
pipeline_router_free(struct pipeline_router *r)
{
	if (r == NULL)
		return;
	while (r->routes != NULL) {
		struct pipeline_route *route = r->routes;

		r->routes = route->next;
		route_free(route);
	}
	while (r->targets != NULL) {
		struct target_table *t = r->targets;

		r->targets = t->next;
		if (t->name.len == 0 && !t->lent)
			schema_table_free(t->table);
		lt_buf_free(&t->schema);
		lt_buf_free(&t->name);
		free(t);
	}
	lt_arena_free(r->scratch);
	pipeline_held_free(r->held);
	pipeline_weigher_free(r->weigher);
	free(r);
}

static struct target_table *
add_target(struct pipeline_router *r, struct schema_table *table)
{
	struct target_table *t = lt_new(struct target_table);

	t->table = table;
	t->next = r->targets;
	r->targets = t;
	return t;
}

void
pipeline_router_know(struct pipeline_router *r, struct schema_table *table)
{
	add_target(r, table);
}

void
pipeline_router_lend(struct pipeline_router *r, struct schema_table *table)
{
	add_target(r, table)->lent = true;
}

static struct schema_table *
known_target(const struct pipeline_router *r, struct lt_str schema, struct lt_str name)
{
	for (const struct target_table *t = r->targets; t != NULL; t = t->next) {
		bool own = t->name.len == 0;

		if (lt_str_eq(own ? t->table->schema : lt_buf_str(&t->schema), schema) &&
		    lt_str_eq(own ? t->table->name : lt_buf_str(&t->name), name))
			return t->table;
	}
	return NULL;
}

/* One table for whatever name it was asked for by, so that its rows meet in it. Takes the table over. */
static struct schema_table *
adopt(struct pipeline_router *r, struct schema_table *table, struct lt_str schema, struct lt_str name)
{
	struct schema_table *known = known_target(r, table->schema, table->name);
	struct target_table *t;

	if (known != NULL)
		schema_table_free(table);
	else
		known = add_target(r, table)->table;
	if (!lt_str_eq(known->schema, schema) || !lt_str_eq(known->name, name)) {
		t = add_target(r, known);
		lt_buf_str_add(&t->schema, schema);
		lt_buf_str_add(&t->name, name);
	}
	return known;
}

bool
pipeline_router_table(struct pipeline_router *r, struct lt_str schema, struct lt_str name,
    const struct schema_table **ret, struct lt_err *err)
{
	struct schema_table *table = known_target(r, schema, name);

	if (table != NULL) {
		*ret = table;
		return true;
	}
	r->asked = true;
	if (!schema_catalog_table(r->conn, schema, name, &table, err))
		return false;
	if (table == NULL)
		return lt_fail(
		    err, LT_E_TABLE_MISSING, "the target has no table %.*s.%.*s", LT_FMT(schema), LT_FMT(name));
	if (!table->transactional) {
		lt_fail(err, LT_E_ENGINE, "the target's table %.*s.%.*s has engine %.*s, which is not transactional",
		    LT_FMT(schema), LT_FMT(name), LT_FMT(table->engine));
		schema_table_free(table);
		return false;
	}
	*ret = adopt(r, table, schema, name);
	return true;
}

bool
pipeline_router_lacks(struct pipeline_router *r, struct lt_str schema, struct lt_str name)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	struct lt_err err = { 0 };
	bool lacks;

	lt_buf_z(&sql, "SELECT 1 FROM ");
	my_sql_name(&sql, schema);
	lt_buf_c(&sql, '.');
	my_sql_name(&sql, name);
	lt_buf_z(&sql, " LIMIT 0");
	r->asked = true;
	lacks = !my_query(r->conn, lt_buf_cstr(&sql), &rows, &err) && err.code == LT_E_TABLE_MISSING;
	my_rows_free(rows);
	lt_buf_free(&sql);
	return lacks;
}

bool
pipeline_router_family(struct pipeline_router *r, struct pipeline_route *route, struct lt_err *err)
{
	if (route->family != NULL || (route->target->nparents == 0 && route->target->nchildren == 0))
		return true;
	route->family = pipeline_family_new(route);
	if (route->target->nparents == 0)
		return true;
	r->asked = true;
	return pipeline_family_read(route->family, r, route, r->conn, err);
}

bool
pipeline_router_settle(struct pipeline_router *r, struct lt_err *err)
{
	bool asked = r->asked;

	r->asked = false;
	return !asked || my_exec(r->conn, "COMMIT", NULL, err);
}

/* One column of the source: left out, or a column of the route. */
static bool
add_column(struct pipeline_route *route, const struct model_rule *rule, size_t source, const struct schema_key *key,
    bool json_native, struct lt_err *err)
{
	const struct change_column *from = &route->from->columns[source];
	struct pipeline_column *c = &route->columns[route->ncolumns];
	struct lt_str name = from->name;
	size_t at;

	if (from->hidden)
		return true;
	if (name.len == 0)
		return lt_fail(err, LT_E_SCHEMA_MISMATCH,
		    "column %zu has no name: set binlog_row_metadata=FULL at the source", source + 1);
	if (!model_rule_column(rule, name, &name))
		return true;
	at = schema_table_column(route->target, name);
	if (at == SIZE_MAX)
		return lt_fail(err, LT_E_COLUMN_MISSING, "the target's table %.*s.%.*s has no column %.*s",
		    LT_FMT(route->target->schema), LT_FMT(route->target->name), LT_FMT(name));
	*c = (struct pipeline_column){ .source = source,
		.target = &route->target->columns[at],
		.from = from,
		.in_key = pipeline_key_has(key, at) };
	if (c->target->generated != SCHEMA_PLAIN && !c->in_key)
		return true; /* the target makes it itself */
	if (!pipeline_bind_choose(from, c->target, json_native, &c->bind, err))
		return false;
	c->room = schema_room_of(from, c->target);
	route->ncolumns++;
	return true;
}

/* A key serves only if the mapping fills every part of it. */
static bool
key_is_filled(const struct pipeline_route *route, const struct schema_key *key)
{
	size_t filled = 0;

	for (size_t i = 0; i < route->ncolumns; i++)
		filled += route->columns[i].in_key ? 1 : 0;
	return filled == key->nparts;
}

static bool
make_route(struct pipeline_router *r, const struct change_table *from, const struct schema_table *target,
    const struct model_rule *rule, struct pipeline_route **ret, struct lt_err *err)
{
	struct pipeline_route *route = lt_new(struct pipeline_route);
	const struct schema_key *key = schema_table_find_key(target);
	bool ok = false;

	route->from = change_table_ref(from);
	route->target = target;
	route->verify = r->verify && !from->met;
	route->json_native = r->json_native;
	route->json_marks = r->json_native && my_conn_server(r->conn)->version >= 80004;
	route->weigher = r->weigher;
	route->triggers_told =
	    r->held != NULL && (pipeline_held_on(r->held, target->schema, target->name) & PIPELINE_PRIV_TRIGGER) != 0;
	pipeline_constants_make_room(route, rule);
	for (size_t i = 0; i < from->ncolumns; i++) {
		if (!add_column(route, rule, i, key, r->json_native, err))
			goto out;
	}
	if (!pipeline_constants_add(route, rule, key, err))
		goto out;
	if (route->ncolumns == 0) {
		lt_fail(err, LT_E_CONFIG_MAPPING, "the mapping leaves no column of the table");
		goto out;
	}
	for (size_t i = 0; i < route->ncolumns; i++)
		route->converts = route->converts || route->columns[i].bind == PIPELINE_BIND_FOREIGN;
	route->keyless = key == NULL || !key_is_filled(route, key);
	for (size_t i = 0; i < route->ncolumns && route->keyless; i++)
		route->columns[i].in_key = false;
	route->indexes = lt_new(struct pipeline_indexes);
	pipeline_indexes_make(route, route->indexes);
	route->indexes->ordered = route->indexes->ordered || model_mapping_weighted(r->mapping);
	*ret = route;
	route = NULL;
	ok = true;
out:
	route_free(route);
	return ok;
}

bool
pipeline_router_hush(struct pipeline_router *r, bool on)
{
	bool wanted = pipeline_weigher_hush(r->weigher, on) || r->wanted;

	r->hushed = on;
	r->wanted = false;
	return wanted;
}

bool
pipeline_router_trim(struct pipeline_router *r)
{
	struct pipeline_route **link = &r->routes;
	bool trimmed;

	for (size_t i = 0; i < ROUTES_MAX && *link != NULL; i++)
		link = &(*link)->next;
	trimmed = *link != NULL;
	while (*link != NULL) {
		struct pipeline_route *route = *link;

		*link = route->next;
		for (struct pipeline_statement *s = route->statements; s != NULL; s = s->next)
			my_stmt_close(s->stmt);
		route_free(route);
	}
	return trimmed;
}

bool
pipeline_router_get(
    struct pipeline_router *r, const struct change_table *from, struct pipeline_route **ret, struct lt_err *err)
{
	struct lt_buf names[2] = { 0 };
	const struct model_rule *rule = NULL;
	const struct schema_table *target = NULL;
	struct pipeline_route *route = NULL, **link = &r->routes;
	bool ok = false;

	for (; *link != NULL; link = &(*link)->next) {
		if ((*link)->from == from) {
			route = *link;
			*link = route->next; /* to the front: the next row is often of the same table */
			route->next = r->routes;
			r->routes = route;
			*ret = route;
			return true;
		}
	}
	if (r->hushed) {
		r->wanted = true;
		lt_fail(err, LT_E_INTERNAL, "the target's table is not known yet");
		goto out;
	}
	if (!model_mapping_branch(r->mapping, from->schema, from->name, from->branch, names, &rule)) {
		lt_fail(err, LT_E_INTERNAL, "a row of a table that is not mapped");
		goto out;
	}
	if (rule == NULL) {
		lt_fail(err, LT_E_CONFIG_MAPPING, "a regex under `tables` gave up on the name %.*s.%.*s",
		    LT_FMT(from->schema), LT_FMT(from->name));
		goto out;
	}
	if (!pipeline_router_table(r, lt_buf_str(&names[0]), lt_buf_str(&names[1]), &target, err) ||
	    !make_route(r, from, target, rule, &route, err))
		goto out;
	route->next = r->routes;
	r->routes = route;
	*ret = route;
	ok = true;
out:
	if (!ok && err->where.table[0] == '\0')
		lt_where_table(&err->where, from->schema, from->name);
	lt_buf_free(&names[0]);
	lt_buf_free(&names[1]);
	return ok;
}

/* -- statements ----------------------------------------------------------------------------------- */

static size_t
bitmap_size(const struct pipeline_route *route)
{
	return (route->from->ncolumns + 7) / 8;
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, size_t size)
{
	if (a == NULL || b == NULL)
		return a == b;
	return memcmp(a, b, size) == 0;
}

static uint8_t *
copy_bits(const uint8_t *bits, size_t size)
{
	uint8_t *copy;

	if (bits == NULL)
		return NULL;
	copy = lt_calloc(size, 1);
	memcpy(copy, bits, size);
	return copy;
}

static struct pipeline_statement *
find_statement(const struct pipeline_route *route, const struct change_row *row, struct pipeline_want want)
{
	size_t size = bitmap_size(route);

	for (struct pipeline_statement *s = route->statements; s != NULL; s = s->next) {
		if (s->op == row->op && s->want.form == want.form && s->want.rows == want.rows &&
		    same_bits(s->before, row->before.present, size) && same_bits(s->after, row->after.present, size))
			return s;
	}
	return NULL;
}

static bool
write_row(const struct pipeline_route *route, const struct change_row *row, struct pipeline_text *text)
{
	switch (row->op) {
	case CHANGE_INSERT: pipeline_sql_insert(route, &row->after, 1, text); return true;
	case CHANGE_UPDATE: return pipeline_sql_update(route, &row->before, &row->after, route->verify, text);
	case CHANGE_DELETE: return pipeline_sql_delete(route, &row->before, route->verify, text);
	}
	return false;
}

/* A table of values joined to: MySQL since 8.0.19, which also names the new row of an upsert since then. */
static bool
has_values_rows(const struct my_server *s)
{
	return s->flavor == MY_MYSQL && s->version >= 80019;
}

static bool
write_many(const struct pipeline_router *r, const struct pipeline_route *route, const struct change_row *row,
    size_t rows, struct pipeline_text *text)
{
	switch (row->op) {
	case CHANGE_INSERT: pipeline_sql_insert(route, &row->after, rows, text); return true;
	case CHANGE_UPDATE:
		return has_values_rows(my_conn_server(r->conn)) &&
		       pipeline_sql_update_many(route, &row->before, &row->after, rows, text);
	case CHANGE_DELETE:
		if (my_conn_server(r->conn)->flavor == MY_MARIADB)
			return !route->verify && pipeline_sql_delete_in_order(route, &row->before, rows, text);
		return pipeline_sql_delete_many(route, &row->before, route->verify, rows, text);
	}
	return false;
}

/* False: there is no such form; of a single row: the image lacks what the row is found by. */
static bool
write_text(const struct pipeline_router *r, const struct pipeline_route *route, const struct change_row *row,
    struct pipeline_want want, struct pipeline_text *text)
{
	switch (want.form) {
	case PIPELINE_FORM_ROW: return write_row(route, row, text);
	case PIPELINE_FORM_MANY: return write_many(r, route, row, want.rows, text);
	case PIPELINE_FORM_UPSERT:
		return pipeline_sql_upsert(
		    route, &row->after, want.rows, has_values_rows(my_conn_server(r->conn)), text);
	case PIPELINE_FORM_PROVE: return pipeline_sql_prove(route, &row->before, want.rows, text);
	case PIPELINE_FORM_PROBE: return row->op != CHANGE_INSERT && pipeline_sql_probe(route, &row->before, text);
	}
	return false;
}

/* Drop the least recently made of too many. */
static void
trim_statements(struct pipeline_route *route)
{
	struct pipeline_statement **link = &route->statements;

	for (size_t i = 0; i < STATEMENTS_MAX && *link != NULL; i++)
		link = &(*link)->next;
	while (*link != NULL) {
		struct pipeline_statement *s = *link;

		*link = s->next;
		my_stmt_close(s->stmt);
		statement_free(s);
	}
}

/* A form that the server does not take is one that there is not. */
static bool
refuse(struct pipeline_router *r, struct pipeline_route *route, struct pipeline_want want, struct lt_err *err)
{
	if (want.form == PIPELINE_FORM_ROW || !my_alive(r->conn) || lt_err_kind(err) == LT_KIND_RETRY)
		return false;
	memset(err, 0, sizeof(*err));
	route->refused |= 1u << want.form;
	return true;
}

static struct pipeline_statement *
add_statement(struct pipeline_route *route, const struct change_row *row, struct pipeline_want want,
    struct my_stmt *stmt, const struct pipeline_text *text)
{
	struct pipeline_statement *s = lt_new(struct pipeline_statement);

	s->op = row->op;
	s->want = want;
	s->before = copy_bits(row->before.present, bitmap_size(route));
	s->after = copy_bits(row->after.present, bitmap_size(route));
	s->stmt = stmt;
	s->slots = text->slots;
	s->nslots = text->nslots;
	s->limit = text->limit;
	s->next = route->statements;
	route->statements = s;
	trim_statements(route);
	return s;
}

static bool
prepare(struct pipeline_router *r, struct pipeline_route *route, const struct change_row *row,
    struct pipeline_want want, const struct pipeline_statement **ret, struct lt_err *err)
{
	struct pipeline_text text = { .slots = lt_calloc(pipeline_sql_slots(route), sizeof(struct pipeline_slot)) };
	struct my_stmt *stmt = NULL;
	bool ok = false;

	*ret = NULL;
	if (!write_text(r, route, row, want, &text)) {
		ok = want.form != PIPELINE_FORM_ROW ||
		     lt_fail(err, LT_E_SCHEMA_DIFFERS,
			 "the log's image lacks a column of the target's key: set binlog_row_image=FULL");
		goto out;
	}
	if (!my_prepare(r->conn, lt_buf_str(&text.sql), &stmt, err)) {
		ok = refuse(r, route, want, err);
		goto out;
	}
	*ret = add_statement(route, row, want, stmt, &text);
	text.slots = NULL;
	ok = true;
out:
	free(text.slots);
	lt_buf_free(&text.sql);
	if (!ok)
		lt_where_table(&err->where, route->from->schema, route->from->name);
	return ok;
}

bool
pipeline_router_statement(struct pipeline_router *r, struct pipeline_route *route, const struct change_row *row,
    struct pipeline_want want, const struct pipeline_statement **ret, struct lt_err *err)
{
	*ret = NULL;
	if ((route->refused & 1u << want.form) != 0)
		return true;
	*ret = find_statement(route, row, want);
	return *ret != NULL || prepare(r, route, row, want, ret, err);
}

struct my_stmt *
pipeline_statement_stmt(const struct pipeline_statement *s)
{
	return s->stmt;
}

size_t
pipeline_statement_width(const struct pipeline_statement *s)
{
	return s->nslots + (s->limit ? 1 : 0);
}

const struct pipeline_column *
pipeline_statement_column(const struct pipeline_statement *s, size_t i)
{
	return i < s->nslots ? s->slots[i].column : NULL;
}

/* -- values --------------------------------------------------------------------------------------- */

void
pipeline_router_forget(struct pipeline_router *r)
{
	lt_arena_reset(r->scratch);
}

bool
pipeline_router_decode(
    struct pipeline_router *r, struct pipeline_route *route, const struct change_row *row, struct lt_err *err)
{
	const struct change_codec *codec = route->from->codec;

	if (route->edits != NULL)
		memset(route->edits, 0, route->from->ncolumns * sizeof(*route->edits));
	if ((row->op == CHANGE_INSERT || codec->decode(route->from, &row->before, r->scratch, route->before, err)) &&
	    (row->op == CHANGE_DELETE || codec->decode(route->from, &row->after, r->scratch, route->after, err)))
		return true;
	lt_where_table(&err->where, route->from->schema, route->from->name);
	return false;
}

bool
pipeline_router_values(struct pipeline_router *r, struct pipeline_route *route, const struct pipeline_statement *s,
    const struct change_row *row, uint32_t count, struct my_param *params, struct lt_err *err)
{
	if (!pipeline_router_decode(r, route, row, err))
		return false;
	if (row->after.partial != NULL && s->want.form != PIPELINE_FORM_PROBE &&
	    !pipeline_edits_resolve(r->conn, route, row, r->scratch, err)) {
		lt_where_table(&err->where, route->from->schema, route->from->name);
		return false;
	}
	for (size_t i = 0; i < s->nslots; i++) {
		const struct pipeline_column *c = s->slots[i].column;
		const struct change_value *v = s->slots[i].after ? &route->after[c->source] : &route->before[c->source];

		if ((s->slots[i].after && !pipeline_bind_takes(c, v, err)) ||
		    !pipeline_bind_value(c, v, r->scratch, &params[i], err)) {
			lt_where_table(&err->where, route->from->schema, route->from->name);
			return false;
		}
	}
	if (s->limit)
		params[s->nslots] =
		    (struct my_param){ .kind = MY_PARAM_U64, .u64 = lt_fault("r09_count") ? UINT32_MAX : count };
	return true;
}

bool
pipeline_router_is_odd(struct pipeline_route *route, const struct pipeline_statement *s, const struct my_param *params)
{
	struct pipeline_text text = { .slots = s->slots, .nslots = s->nslots };
	bool odd = route->json_native && pipeline_sql_needs_literal(route, &text, params);

	route->odd = route->odd || odd;
	return odd;
}

bool
pipeline_router_text(
    const struct pipeline_route *route, const struct change_row *row, const struct my_param *params, struct lt_buf *out)
{
	struct pipeline_text text = { .slots = lt_calloc(pipeline_sql_slots(route), sizeof(struct pipeline_slot)) };
	bool ok = write_row(route, row, &text);

	if (ok)
		pipeline_sql_literal(route, &text, params, out);
	lt_buf_free(&text.sql);
	free(text.slots);
	return ok;
}

uint16_t
pipeline_statement_nonmembers(const struct pipeline_statement *s, const struct my_param *params)
{
	uint16_t n = 0;

	for (size_t i = 0; i < s->nslots; i++) {
		const struct pipeline_column *c = s->slots[i].column;

		n = (uint16_t)(n + (s->slots[i].after && c->from->kind == CHANGE_ENUM &&
				       params[i].kind == MY_PARAM_U64 && params[i].u64 == 0));
	}
	return n;
}
