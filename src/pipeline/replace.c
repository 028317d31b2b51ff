/* `lutra replace`: something else instead of the transaction that stopped a pipeline, in one target transaction with
 * the progress. */
#include "model/yaml.h"
#include "mysql/sql.h"
#include "pipeline/load.h"
#include "pipeline/pipeline_priv.h"
#include "schema/ddl.h"

/* Only what changes rows and ends no transaction: the progress must not be committed without the rest. */
static bool
check_statement(struct lt_str sql, struct lt_err *err)
{
	static const char *const verbs[] = { "INSERT", "UPDATE", "DELETE", "REPLACE" };
	struct lt_arena *arena = lt_arena_new();
	struct schema_ddl ddl;
	bool ok = false;

	schema_ddl_classify(sql, (struct lt_str){ 0 }, 0, arena, &ddl);
	for (size_t i = 0; i < LT_COUNT(verbs) && ddl.kind == SCHEMA_DDL_DML; i++)
		ok = ok || strcmp(ddl.verb, verbs[i]) == 0;
	lt_arena_free(arena);
	if (ok)
		return true;
	return lt_fail(err, LT_E_USAGE,
	    "replace: only INSERT, UPDATE, DELETE and REPLACE can stand for a transaction, not: %.*s", LT_FMT(sql));
}

static bool
add_statements(struct pipeline *p, struct change_sink *sink, void *ctx, struct lt_err *err)
{
	const struct pipeline_replacement *instead = ctx;

	(void)p;
	for (size_t i = 0; i < instead->count; i++) {
		if (!pipeline_load_statement(sink, instead->statements[i], NULL, err))
			return lt_wrap(err, "statement %zu", i + 1);
	}
	return true;
}

/* -- a row ---------------------------------------------------------------------------------------- */

/* What stands for the row that failed. */
struct other_row {
	struct change_txn *txn; /* borrowed */
	struct pipeline_load_row failed;
	struct lt_buf update, insert;
};

static bool
is_number(struct lt_str s)
{
	size_t digits = 0, points = 0, e = SIZE_MAX;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c >= '0' && c <= '9')
			digits++;
		else if ((c == '+' || c == '-') && (i == 0 || (e != SIZE_MAX && i == e + 1)))
			continue;
		else if (c == '.' && points++ == 0 && e == SIZE_MAX)
			continue;
		else if ((c == 'e' || c == 'E') && e == SIZE_MAX && digits > 0)
			e = i;
		else
			return false;
	}
	return digits > 0 && s.ptr[s.len - 1] >= '0' && s.ptr[s.len - 1] <= '9';
}

/* A JSON value as SQL. */
static bool
add_value(const struct model_yaml *v, struct lt_buf *sql, struct lt_err *err)
{
	const struct model_yaml *hex = v->kind == MODEL_YAML_MAP && v->count == 1 ? model_yaml_get(v, "hex") : NULL;
	bool even = hex != NULL && hex->kind == MODEL_YAML_TEXT && hex->text.len % 2 == 0;

	if (v->kind == MODEL_YAML_TEXT && model_yaml_is_null(v)) {
		lt_buf_z(sql, "NULL");
	} else if (v->kind == MODEL_YAML_TEXT && !v->quoted && is_number(v->text)) {
		lt_buf_str_add(sql, v->text);
	} else if (v->kind == MODEL_YAML_TEXT && v->quoted) {
		my_sql_text(sql, v->text);
	} else if (even) {
		for (size_t i = 0; i < hex->text.len; i++)
			even = even && lt_hex_digit(hex->text.ptr[i]) >= 0;
		lt_buf_printf(sql, "X'%.*s'", LT_FMT(hex->text));
	}
	if (v->kind == MODEL_YAML_TEXT ? v->quoted || model_yaml_is_null(v) || is_number(v->text) : even)
		return true;
	return lt_fail(err, LT_E_USAGE,
	    "--row, column %.*s: a number, a text in quotes, null or {\"hex\": \"00ff\"} is wanted",
	    LT_FMT(v->key->text));
}

static bool
in_key(const struct schema_key *key, size_t column)
{
	for (size_t i = 0; i < key->nparts; i++) {
		if (key->parts[i].column == column)
			return true;
	}
	return false;
}

/* UPDATE t SET a = 1, ... WHERE key, and INSERT INTO t (a, ...) VALUES (1, ...). */
static bool
write_row(const struct schema_table *t, const struct schema_key *key, const struct model_yaml *row,
    struct other_row *out, struct lt_err *err)
{
	struct lt_buf where = { 0 }, values = { 0 }, value = { 0 };
	const char *between = " SET ", *comma = "";
	size_t found = 0;
	bool ok = true;

	lt_buf_z(&out->update, "UPDATE ");
	my_sql_table(&out->update, t->schema, t->name);
	lt_buf_z(&out->insert, "INSERT INTO ");
	my_sql_table(&out->insert, t->schema, t->name);
	lt_buf_z(&out->insert, " (");
	for (const struct model_yaml *v = row->first; ok && v != NULL; v = v->next) {
		size_t at = schema_table_column(t, v->key->text);

		if (at == SIZE_MAX) {
			ok = lt_fail(err, LT_E_USAGE, "--row: the target's table %.*s.%.*s has no column %.*s",
			    LT_FMT(t->schema), LT_FMT(t->name), LT_FMT(v->key->text));
			break;
		}
		lt_buf_clear(&value);
		ok = add_value(v, &value, err);
		if (in_key(key, at)) {
			lt_buf_z(&where, found++ == 0 ? " WHERE " : " AND ");
			my_sql_name(&where, t->columns[at].name);
			lt_buf_printf(&where, " = %s", lt_buf_cstr(&value));
		}
		lt_buf_z(&out->update, between);
		my_sql_name(&out->update, t->columns[at].name);
		lt_buf_printf(&out->update, " = %s", lt_buf_cstr(&value));
		lt_buf_z(&out->insert, comma);
		my_sql_name(&out->insert, t->columns[at].name);
		lt_buf_printf(&values, "%s%s", comma, lt_buf_cstr(&value));
		between = comma = ", ";
	}
	lt_buf_str_add(&out->update, lt_buf_str(&where));
	lt_buf_printf(&out->insert, ") VALUES (%s)", lt_buf_cstr(&values));
	if (ok && found < key->nparts)
		ok = lt_fail(err, LT_E_USAGE, "--row: it must hold the whole key %.*s of %.*s.%.*s", LT_FMT(key->name),
		    LT_FMT(t->schema), LT_FMT(t->name));
	lt_buf_free(&where);
	lt_buf_free(&values);
	lt_buf_free(&value);
	return ok;
}

static bool
read_row(struct change_sink *sink, struct lt_str text, struct other_row *out, struct lt_err *err)
{
	const struct schema_table *table;
	const struct schema_key *key;
	struct model_yaml_doc *doc = NULL;
	bool ok = false;

	if (!model_yaml_parse(text, &doc, err)) {
		err->code = LT_E_USAGE;
		lt_wrap(err, "--row");
		goto out;
	}
	if (model_yaml_root(doc)->kind != MODEL_YAML_MAP || model_yaml_root(doc)->count == 0) {
		lt_fail(err, LT_E_USAGE, "--row: an object is wanted, as {\"id\": 7, \"note\": \"x\"}");
		goto out;
	}
	if (!pipeline_load_target(sink, out->failed.table, &table, &key, err))
		goto out;
	if (out->failed.op == CHANGE_DELETE || key == NULL) {
		lt_fail(err, LT_E_USAGE, "%s: use --sql",
		    key == NULL ? "the row that failed has no key to be found by" : "what failed is a DELETE");
		goto out;
	}
	if (out->failed.moves) { /* the row under the old key would stay */
		lt_fail(err, LT_E_USAGE, "what failed is an UPDATE that changes the key: use --sql");
		goto out;
	}
	ok = write_row(table, key, model_yaml_root(doc), out, err);
out:
	model_yaml_free(doc);
	return ok;
}

static bool
add_row(struct pipeline *p, struct change_sink *sink, void *ctx, struct lt_err *err)
{
	struct other_row *r = ctx;
	struct pipeline_load_row failed;
	struct my_reply reply;

	(void)p;
	if (!pipeline_load_rows(sink, r->txn, 0, r->failed.at, &failed, err) ||
	    !pipeline_load_statement(sink, lt_buf_str(&r->update), &reply, err))
		return false;
	if (reply.affected == 0 && !pipeline_load_statement(sink, lt_buf_str(&r->insert), &reply, err))
		return false;
	return pipeline_load_rows(sink, r->txn, r->failed.at + 1, change_txn_rows(r->txn), &failed, err);
}

/* Which row it is that fails, by letting it fail again. */
static bool
find_failing(struct pipeline *p, struct change_sink *sink, struct pipeline_load_row *out, struct lt_err *err)
{
	struct change_txn *t = p->stop.txn;
	bool passes;

	if (t == NULL || t->kind != CHANGE_TXN_ROWS)
		return lt_fail(err, LT_E_NOTHING_TO_SKIP, "pipeline %s is not stopped by a row", p->model->name);
	out->at = UINT64_MAX;
	passes = pipeline_load_begin(sink, &p->stop.end, err) &&
		 pipeline_load_rows(sink, t, 0, change_txn_rows(t), out, err);
	pipeline_load_rollback(sink);
	if (passes)
		return lt_fail(err, LT_E_NOTHING_TO_SKIP, "no row of the transaction fails any more: `lutra retry`");
	if (out->at == UINT64_MAX)
		return false;
	*err = (struct lt_err){ 0 };
	return true;
}

/* -- the order ------------------------------------------------------------------------------------ */

static void
describe(struct pipeline *p, struct pipeline_order_item *item, struct pipeline_audit *entry)
{
	const struct pipeline_replacement *instead = &item->instead;
	struct lt_buf detail = { 0 };

	lt_buf_printf(&detail, "up to %s:%llu %s; E%d %s; instead:", p->stop.end.place.file,
	    (unsigned long long)p->stop.end.place.pos, p->now.err.where.gtid, (int)p->now.err.code, p->now.err.message);
	for (size_t i = 0; i < instead->count; i++)
		lt_buf_printf(&detail, "%s %.*s", i > 0 ? ";" : "", LT_FMT(instead->statements[i]));
	if (instead->row.ptr != NULL)
		lt_buf_printf(&detail, " row %.*s of %s", LT_FMT(instead->row), p->now.err.where.table);
	entry->action = "replace";
	entry->detail = lt_arena_str(item->arena, lt_buf_str(&detail));
	lt_buf_free(&detail);
}

bool
pipeline_replace(
    struct pipeline *p, struct pipeline_order_item *item, struct change_sink *sink, struct pipeline_audit *entry)
{
	struct pipeline_replacement *instead = &item->instead;
	struct other_row row = { .txn = p->stop.txn };
	struct change_position to;
	bool ok = false;

	if (p->now.state != PIPELINE_STOPPED || !p->stop.by_txn || p->stop.kind != CHANGE_TXN_ROWS)
		return lt_fail(&item->err, LT_E_NOTHING_TO_SKIP, "pipeline %s is not stopped by a transaction of rows",
		    p->model->name);
	if (p->channel->conflicts.on && !p->channel->conflicts.shadow)
		return lt_fail(&item->err, LT_E_USAGE,
		    "where several sites may write the same rows, what a person writes is a write of a site: run it at site %s, "
		    "where it goes on to the others, then `lutra skip`",
		    p->channel->sites[p->model->to].name);
	for (size_t i = 0; i < instead->count; i++) {
		if (!check_statement(instead->statements[i], &item->err))
			return false;
	}
	change_position_init(&to);
	change_position_copy(&to, &p->stop.end);
	describe(p, item, entry);
	if (instead->row.ptr == NULL)
		ok = pipeline_orders_move(p, sink, &to, entry, add_statements, instead, &item->err);
	else if (find_failing(p, sink, &row.failed, &item->err) && read_row(sink, instead->row, &row, &item->err))
		ok = pipeline_orders_move(p, sink, &to, entry, add_row, &row, &item->err);
	if (ok)
		lt_buf_printf(&item->answer, "%s goes on behind %s:%llu", p->model->name, to.place.file,
		    (unsigned long long)to.place.pos);
	change_position_clear(&to);
	lt_buf_free(&row.update);
	lt_buf_free(&row.insert);
	return ok;
}
