/* Whether a catalog that was read later than a place of the log tells how tables were at that place. */
#include "pipeline/connect.h"
#include "pipeline/pipeline_priv.h"
#include "schema/ddl.h"

bool
pipeline_catalog_end(struct pipeline *p, const struct change_position *at, struct change_place *room,
    const struct change_place **read, struct lt_err *err)
{
	bool one_host = pipeline_site_hosts(&p->channel->sites[p->model->from]) == 1;
	struct change_position end;
	bool ok, same;

	change_position_init(&end);
	ok = p->origin.now(p->origin.ctx, &end, err) || lt_wrap(err, "while asking where the log ends");
	if (ok) {
		same = at->server[0] != '\0' ? strcmp(at->server, end.server) == 0 : one_host;
		*room = same ? end.place : (struct change_place){ .pos = 0 };
		*read = same && change_place_cmp(&end.place, &at->place) <= 0 ? NULL : room;
	}
	change_position_clear(&end);
	return ok;
}

/** A look through the log; lives on the stack. */
struct vouch {
	struct pipeline *p;
	struct lt_arena *scratch; /* owned */
};

static bool
changes_columns(const struct schema_ddl *ddl)
{
	static const char *const keeps[] = { "TRUNCATE TABLE", "CREATE INDEX", "DROP INDEX" };

	for (size_t i = 0; ddl->verb != NULL && i < LT_COUNT(keeps); i++)
		if (strcmp(ddl->verb, keeps[i]) == 0)
			return false;
	return ddl->kind == SCHEMA_DDL_SHAPE || ddl->kind == SCHEMA_DDL_SCHEMA || ddl->kind == SCHEMA_DDL_UNKNOWN;
}

static bool
want_statement(void *ctx, struct lt_str schema, struct lt_str sql, uint64_t sql_mode, struct lt_err *err)
{
	struct vouch *v = ctx;
	struct schema_ddl ddl;

	(void)err;
	lt_arena_reset(v->scratch);
	schema_ddl_classify(sql, schema, sql_mode, v->scratch, &ddl);
	return changes_columns(&ddl);
}

static bool
note(void *ctx, const struct change_txn *t)
{
	struct vouch *v = ctx;
	struct schema_history *h = v->p->history;
	struct schema_ddl ddl;

	if (t->kind != CHANGE_TXN_DDL)
		return !pipeline_is_ending(v->p);
	lt_arena_reset(v->scratch);
	schema_ddl_classify(t->ddl, t->ddl_schema, t->ddl_mode, v->scratch, &ddl);
	for (size_t i = 0; i < ddl.nnames; i++)
		schema_history_changes(h, ddl.names[i].schema, ddl.names[i].table, &t->end);
	if (ddl.kind == SCHEMA_DDL_UNKNOWN)
		schema_history_changes(h, LT_STR(""), LT_STR(""), &t->end);
	return !pipeline_is_ending(v->p);
}

bool
pipeline_vouch(struct pipeline *p, struct change_sink *sink, struct lt_err *err)
{
	struct vouch v = { .p = p, .scratch = lt_arena_new() };
	struct change_filter filter = { .table = change_filter_no_table, .ddl = want_statement, .ctx = &v };
	bool ok = p->origin.look(p->origin.ctx, &p->applied, &filter, note, err);

	lt_arena_free(v.scratch);
	if (!ok)
		return lt_wrap(err, "while looking whether tables were changed since");
	if (pipeline_is_ending(p))
		return false;
	schema_history_settle(p->history);
	return pipeline_orders_move(p, sink, &p->applied, NULL, NULL, NULL, err);
}
