/* What is done by hand: retry, skip, position, `ddl done`, pause and resume (replace: replace.c); each recorded in
 * lutra.audit, with the progress where it moves that. */
#include <stdio.h>

#include "mysql/sql.h"
#include "pipeline/connect.h"
#include "pipeline/load.h"
#include "pipeline/pipeline_priv.h"
#include "pipeline/rule_map.h"
#include "schema/ddl.h"

void
pipeline_order_unref(void *arg)
{
	struct pipeline_order_item *item = arg;

	if (atomic_fetch_sub(&item->refs, 1) > 1)
		return;
	free(item->why);
	free(item->position.gtid);
	free(item->position.file);
	lt_arena_free(item->arena);
	lt_buf_free(&item->answer);
	lt_wake_free(item->done);
	free(item);
}

static void
answer(struct pipeline_order_item *item, bool ok)
{
	item->done_ok = ok;
	lt_wake_raise(item->done);
	pipeline_order_unref(item);
}

/* -- acknowledging a statement -------------------------------------------------------------------- */

/* What the other direction would meet, where there is one. */
static void
compare_back(
    const struct pipeline *p, const struct schema_table *from, const struct schema_table *to, struct lt_buf *out)
{
	const struct model_pipeline *back = model_channel_back(p->channel, p->model);
	struct lt_buf schema = { 0 }, table = { 0 };
	const struct model_rule *rule;
	struct schema_map map;

	if (back != NULL && model_mapping_table(back->mapping, to->schema, to->name, &schema, &table, &rule) &&
	    rule != NULL) {
		map = pipeline_rule_map(rule);
		schema_compare(to, from, &map, out);
	}
	lt_buf_free(&schema);
	lt_buf_free(&table);
}

/* Columns as they are now; keys as far as they changed since the version that is in force here. */
static void
compare_both(const struct pipeline *p, const struct schema_table *from, const struct schema_table *to,
    const struct model_rule *rule, struct lt_buf *out)
{
	const struct schema_table *before = schema_history_table(p->history, from->schema, from->name);
	struct schema_map map = pipeline_rule_map(rule);
	size_t len = out->len;

	schema_compare(from, to, &map, out);
	if (out->len == len) /* else much would be said twice */
		compare_back(p, from, to, out);
	if (before != NULL)
		schema_compare_keys(before, from, to, &map, out);
}

/* Both ends, to be compared. */
struct ends {
	struct my_conn *source, *target;  /* target NULL: they may differ */
	const struct change_position *at; /* from where on the source's version is in force */
	struct lt_buf differences;
};

/* One of the tables that a table of the source goes to. */
struct other_end {
	const struct schema_ddl_name *name; /* at the source */
	const struct model_rule *rule;
	struct lt_buf names[2]; /* at the target */
};

/* `from` NULL: it is gone. */
static bool
compare_target(const struct pipeline *p, struct ends *ends, const struct schema_table *from,
    const struct other_end *end, struct lt_err *err)
{
	struct lt_str schema = lt_buf_str(&end->names[0]), table = lt_buf_str(&end->names[1]);
	struct lt_buf *out = &ends->differences;
	struct schema_table *to = NULL;
	struct lt_err engine = { 0 };

	if (!schema_catalog_table(ends->target, schema, table, &to, err))
		return false;
	if (from != NULL && p->model->two_way && !pipeline_select_engine(from, &engine))
		lt_buf_printf(out, "%s\n", engine.message);
	if (from != NULL && to != NULL)
		compare_both(p, from, to, end->rule, out);
	else if (from != NULL)
		lt_buf_printf(out, "the target has no table %.*s.%.*s\n", LT_FMT(schema), LT_FMT(table));
	else if (to != NULL)
		lt_buf_printf(out, "the source has no table %.*s.%.*s any more, the target has\n",
		    LT_FMT(end->name->schema), LT_FMT(end->name->table));
	schema_table_free(to);
	return true;
}

/* One mapped table: the source's version goes into the history. */
static bool
compare_table(struct pipeline *p, struct ends *ends, const struct schema_ddl_name *name, struct lt_err *err)
{
	const struct model_mapping *mapping = p->model->mapping;
	struct other_end end = { .name = name };
	struct schema_table *from = NULL;
	struct change_place place;
	const struct change_place *read = NULL;
	bool ok = false;

	if (!model_mapping_branch(mapping, name->schema, name->table, 0, end.names, &end.rule)) {
		ok = true; /* touched by the statement, but no concern of ours */
		goto out;
	}
	if (end.rule == NULL) {
		lt_fail(err, LT_E_CONFIG_MAPPING, "a regex under `tables` gave up on the name %.*s.%.*s",
		    LT_FMT(name->schema), LT_FMT(name->table));
		goto out;
	}
	if (!schema_catalog_table(ends->source, name->schema, name->table, &from, err) ||
	    (from != NULL && !pipeline_catalog_end(p, ends->at, &place, &read, err)))
		goto out;
	for (size_t i = 0;
	     ends->target != NULL && model_mapping_branch(mapping, name->schema, name->table, i, end.names, &end.rule);
	     i++) {
		if (!compare_target(p, ends, from, &end, err))
			goto out;
	}
	if (from != NULL) {
		schema_history_put(p->history, &ends->at->place, read, from);
		from = NULL;
	}
	ok = true;
out:
	schema_table_free(from);
	lt_buf_free(&end.names[0]);
	lt_buf_free(&end.names[1]);
	return ok;
}

/* Of a statement that names a schema alone, such as DROP DATABASE: the tables that are known of it. What came into it
 * later has a statement of its own. */
static bool
compare_schema(struct pipeline *p, struct ends *ends, struct lt_str schema, struct lt_err *err)
{
	const struct schema_table *t;

	for (size_t i = 0; (t = schema_history_at(p->history, i)) != NULL; i++) {
		struct schema_ddl_name name = { .schema = t->schema, .table = t->name };

		if (lt_str_ieq(t->schema, schema) && !compare_table(p, ends, &name, err))
			return false;
	}
	return true;
}

/* Tables that the stop speaks of: those of the statement, or the one table of a schema error. */
static void
names_of_stop(struct pipeline *p, struct lt_arena *arena, struct schema_ddl *ddl)
{
	const char *table = p->now.err.where.table, *dot = strchr(table, '.');
	struct schema_ddl_name *name;

	*ddl = (struct schema_ddl){ 0 };
	if (p->stop.by_txn && p->stop.kind == CHANGE_TXN_DDL) {
		schema_ddl_classify(
		    lt_buf_str(&p->stop.statement), lt_buf_str(&p->stop.schema), p->stop.sql_mode, arena, ddl);
	} else if (dot != NULL) {
		name = lt_arena_alloc(arena, sizeof(*name));
		name->schema = lt_arena_str(arena, lt_str_of(table, (size_t)(dot - table)));
		name->table = lt_arena_str(arena, lt_str_z(dot + 1));
		ddl->names = name;
		ddl->nnames = 1;
	}
}

static const struct change_position *
place_behind_stop(const struct pipeline *p)
{
	return p->stop.by_txn && p->stop.kind == CHANGE_TXN_DDL ? &p->stop.end : &p->applied;
}

/* The tables of the stop at both ends; `target` NULL: they may differ. */
static bool
compare_ends(struct pipeline *p, struct my_conn *target, struct lt_err *err)
{
	struct lt_arena *arena = lt_arena_new();
	struct ends ends = { .target = target, .at = place_behind_stop(p) };
	struct schema_ddl ddl;
	bool ok = false;

	names_of_stop(p, arena, &ddl);
	if (!pipeline_connect(&p->channel->sites[p->model->from], false, p->origin.stop, &ends.source, err))
		goto out;
	for (size_t i = 0; i < ddl.nnames; i++) {
		const struct schema_ddl_name *name = &ddl.names[i];

		if (name->table.len > 0 ? !compare_table(p, &ends, name, err)
					: !compare_schema(p, &ends, name->schema, err))
			goto out;
	}
	if (ends.differences.len > 0) {
		lt_fail(err, LT_E_SCHEMA_DIFFERS, "the ends differ: %.*s", LT_FMT(lt_buf_str(&ends.differences)));
		goto out;
	}
	ok = true;
out:
	my_close(ends.source);
	lt_buf_free(&ends.differences);
	lt_arena_free(arena);
	return ok;
}

bool
pipeline_orders_move(struct pipeline *p, struct change_sink *sink, const struct change_position *to,
    const struct pipeline_audit *entry, pipeline_order_fn add, void *ctx, struct lt_err *err)
{
	struct my_conn *c = pipeline_load_conn(sink);

	if (pipeline_load_hand_begin(sink, to, err) && (add == NULL || add(p, sink, ctx, err)) &&
	    schema_history_save(p->history, c, p->channel->name, p->model->name, err) &&
	    (entry == NULL || pipeline_state_audit(c, entry, err)) && pipeline_load_commit(sink, err)) {
		p->now.turn++;
		return true;
	}
	pipeline_load_rollback(sink);
	return false;
}

static bool
is_ddl_stop(const struct pipeline *p)
{
	return p->stop.by_txn && p->stop.kind == CHANGE_TXN_DDL;
}

static bool
is_schema_stop(const struct pipeline *p)
{
	enum lt_code code = p->now.err.code;

	return code == LT_E_SCHEMA_MISMATCH || code == LT_E_TABLE_MISSING || code == LT_E_COLUMN_MISSING ||
	       code == LT_E_ENGINE;
}

static bool
do_ddl_done(
    struct pipeline *p, struct pipeline_order_item *item, struct change_sink *sink, struct pipeline_audit *entry)
{
	struct lt_buf shown = { 0 };
	struct change_position to;
	bool ok;

	if (p->now.state != PIPELINE_STOPPED || (!is_ddl_stop(p) && !is_schema_stop(p)))
		return lt_fail(&item->err, LT_E_NOT_STOPPED,
		    "pipeline %s is not stopped by a DDL statement or a schema difference", p->model->name);
	change_position_init(&to);
	change_position_copy(&to, place_behind_stop(p));
	entry->action = "ddl done";
	schema_ddl_shown(lt_buf_str(&p->stop.statement), p->stop.sql_mode, &shown);
	entry->detail = is_ddl_stop(p) ? lt_buf_str(&shown) : lt_str_z(p->now.err.where.table);
	ok = compare_ends(p, pipeline_load_conn(sink), &item->err) &&
	     pipeline_orders_move(p, sink, &to, entry, is_ddl_stop(p) ? pipeline_acknowledge : NULL, NULL, &item->err);
	if (ok)
		lt_buf_printf(&item->answer, "%s goes on behind %s:%llu", p->model->name, to.place.file,
		    (unsigned long long)to.place.pos);
	change_position_clear(&to);
	lt_buf_free(&shown);
	return ok;
}

bool
pipeline_ddl_pass(struct pipeline *p, struct change_sink *sink, bool *passed, struct lt_err *err)
{
	struct change_position to;
	bool taken = false, ok;

	*passed = false;
	if (!p->model->two_way)
		return true;
	if (!pipeline_acknowledged(p, sink, &taken, err))
		return lt_wrap(err, "while looking for an acknowledgement of the statement");
	if (!taken)
		return true;
	change_position_init(&to);
	change_position_copy(&to, &p->stop.end);
	ok =
	    compare_ends(p, pipeline_load_conn(sink), err) && pipeline_orders_move(p, sink, &to, NULL, NULL, NULL, err);
	change_position_clear(&to);
	*passed = ok;
	return ok;
}

/* -- the other orders ----------------------------------------------------------------------------- */

bool
pipeline_is_unreadable(const struct lt_err *err)
{
	switch (err->code) {
	case LT_E_CORRUPT:
	case LT_E_CHECKSUM:
	case LT_E_EVENT_UNKNOWN:
	case LT_E_EVENT_UNSUPPORTED:
	case LT_E_TYPE_UNSUPPORTED:
	case LT_E_STATEMENT_FORMAT:
	case LT_E_INCIDENT:
	case LT_E_XA_ROWS:
	case LT_E_TXN_TOO_LARGE:
	case LT_E_SCHEMA_MISMATCH:
	case LT_E_SCHEMA_LATER:
	case LT_E_ENGINE:
	case LT_E_CHARSET: return err->where.file[0] != '\0';
	default: return false;
	}
}

static bool
is_reader_stop(const struct pipeline *p)
{
	return !p->stop.by_txn && pipeline_is_unreadable(&p->now.err);
}

/* Behind what has stopped the pipeline; `out` initialised. */
static bool
end_of_stop(struct pipeline *p, struct change_position *out, struct lt_err *err)
{
	struct change_place at = { .pos = p->now.err.where.pos };

	if (p->stop.by_txn) {
		change_position_copy(out, &p->stop.end);
		return true;
	}
	lt_str_copy(at.file, sizeof(at.file), lt_str_z(p->now.err.where.file));
	return p->origin.behind(p->origin.ctx, &p->applied, &at, out, err);
}

static bool
do_skip(struct pipeline *p, struct pipeline_order_item *item, struct change_sink *sink, struct pipeline_audit *entry)
{
	struct lt_buf detail = { 0 };
	struct change_position to;
	bool ok;

	if (p->now.state != PIPELINE_STOPPED || !(p->stop.by_txn || is_reader_stop(p)))
		return lt_fail(
		    &item->err, LT_E_NOTHING_TO_SKIP, "pipeline %s is not stopped by a transaction", p->model->name);
	change_position_init(&to);
	if (!end_of_stop(p, &to, &item->err)) {
		change_position_clear(&to);
		return false;
	}
	lt_buf_printf(&detail, "up to %s:%llu %s; E%d %s", to.place.file, (unsigned long long)to.place.pos,
	    p->now.err.where.gtid, (int)p->now.err.code, p->now.err.message);
	entry->action = "skip";
	entry->detail = lt_buf_str(&detail);
	ok = (!is_ddl_stop(p) || compare_ends(p, NULL, &item->err)) &&
	     pipeline_orders_move(p, sink, &to, entry, NULL, NULL, &item->err);
	if (ok)
		lt_buf_printf(&item->answer, "%s passed over the transaction before %s:%llu", p->model->name,
		    to.place.file, (unsigned long long)to.place.pos);
	change_position_clear(&to);
	lt_buf_free(&detail);
	return ok;
}

static bool
do_position(
    struct pipeline *p, struct pipeline_order_item *item, struct change_sink *sink, struct pipeline_audit *entry)
{
	struct lt_buf detail = { 0 };
	struct change_position to;
	bool ok;

	change_position_init(&to);
	ok = p->origin.begin(p->origin.ctx, &item->position, &to, &item->err) && pipeline_snapshot(p, &to, &item->err);
	if (ok) {
		lt_buf_z(&detail, "from ");
		change_position_json(&p->applied, &detail);
		lt_buf_z(&detail, " to ");
		change_position_json(&to, &detail);
		pipeline_load_forget_window(sink);
		entry->action = "position";
		entry->detail = lt_buf_str(&detail);
		ok = (p->origin.forget == NULL || p->origin.forget(p->origin.ctx, &item->err)) &&
		     pipeline_orders_move(p, sink, &to, entry, NULL, NULL, &item->err);
	}
	if (ok && p->origin.saved != NULL) /* it may be a place further back, and long until it is read from */
		p->origin.saved(p->origin.ctx, &to);
	if (ok)
		lt_buf_printf(&item->answer, "%s goes on at %s:%llu", p->model->name, to.place.file,
		    (unsigned long long)to.place.pos);
	change_position_clear(&to);
	lt_buf_free(&detail);
	return ok;
}

/* Through a connection of the sink's, between its transactions. */
static bool
do_pause(struct pipeline *p, struct pipeline_order_item *item, struct change_sink *sink, struct pipeline_audit *entry)
{
	struct my_conn *c = pipeline_load_conn(sink);
	bool pause = item->order == PIPELINE_PAUSE;

	if (!pause && !p->paused)
		return lt_fail(&item->err, LT_E_NOT_PAUSED, "pipeline %s is not paused", p->model->name);
	entry->action = pause ? "pause" : "resume";
	if (p->paused != pause) {
		if (!pipeline_state_pause(c, p->channel->name, p->model->name, pause, &item->err) ||
		    !pipeline_state_audit(c, entry, &item->err) || !my_exec(c, "COMMIT", NULL, &item->err)) {
			pipeline_load_rollback(sink);
			return false;
		}
		p->paused = pause;
	}
	lt_buf_printf(&item->answer, "%s %s at %s:%llu", p->model->name, pause ? "is paused" : "goes on",
	    p->applied.place.file, (unsigned long long)p->applied.place.pos);
	return true;
}

static struct pipeline_audit
entry_of(const struct pipeline *p, const struct pipeline_order_item *item)
{
	return (struct pipeline_audit){
		.channel = p->channel->name, .pipeline = p->model->name, .who = item->who, .why = lt_str_z(item->why)
	};
}

static bool
is_of_its_turn(enum pipeline_order order)
{
	return order != PIPELINE_RETRY && order != PIPELINE_PAUSE && order != PIPELINE_RESUME;
}

/* Behind the claim: what the stop was computed from must be what the target holds. Another Lutra may have gone on, and
 * a target that was restored stands further back: from there to the stop, all would be passed over. `was`: the progress
 * as it was when the pipeline stopped. */
static bool
check_still_before(
    const struct pipeline *p, enum pipeline_order order, const struct change_position *was, struct lt_err *err)
{
	const struct change_position *is = &p->applied;
	bool same;

	if (!is_of_its_turn(order) || order == PIPELINE_POSITION)
		return true;
	if (p->saved.file[0] != '\0')
		same = change_place_cmp(&is->place, &p->saved) == 0;
	else
		same = is->place.file[0] == '\0' && change_gtid_set_subset(is->gtids, was->gtids) &&
		       change_gtid_set_subset(was->gtids, is->gtids);
	if (same && strcmp(is->server, was->server) == 0)
		return true;
	return lt_fail(err, LT_E_STOP_CHANGED,
	    "the target's progress of pipeline %s is %s:%llu now, not what this stop stands behind (restored, or moved by "
	    "another Lutra)",
	    p->model->name, is->place.file, (unsigned long long)is->place.pos);
}

/* The orders that write: with the pipeline claimed, so that nobody else moves it meanwhile. */
static bool
do_writing(struct pipeline *p, struct pipeline_order_item *item)
{
	struct pipeline_audit entry = entry_of(p, item);
	struct change_position was;
	struct change_sink *sink = NULL;
	bool ok = false, found;

	if (!pipeline_load_open(p->channel, p->index, &p->origin, &sink, &item->err))
		return false;
	change_position_init(&was);
	change_position_copy(&was, &p->applied);
	/* Of a pipeline that could not begin where the file says, the position can be given all the same. */
	if (!pipeline_session_resume(p, sink, &found, &item->err) ||
	    (found && !check_still_before(p, item->order, &was, &item->err)))
		goto out;
	switch (item->order) {
	case PIPELINE_SKIP: ok = do_skip(p, item, sink, &entry); break;
	case PIPELINE_POSITION: ok = do_position(p, item, sink, &entry); break;
	case PIPELINE_DDL_DONE: ok = do_ddl_done(p, item, sink, &entry); break;
	case PIPELINE_REPLACE: ok = pipeline_replace(p, item, sink, &entry); break;
	case PIPELINE_PAUSE:
	case PIPELINE_RESUME: ok = do_pause(p, item, sink, &entry); break;
	case PIPELINE_RETRY: break;
	}
out:
	change_position_clear(&was);
	sink->ops->close(sink);
	return ok;
}

static bool
carry_out(struct pipeline *p, struct pipeline_order_item *item)
{
	if (is_of_its_turn(item->order) && item->turn != p->now.turn)
		return lt_fail(&item->err, LT_E_STOP_CHANGED,
		    "pipeline %s has moved or stopped anew since this was ordered: nothing is done", p->model->name);
	if (item->order != PIPELINE_RETRY)
		return do_writing(p, item);
	if (p->paused)
		return lt_fail(&item->err, LT_E_PAUSED, "pipeline %s is paused", p->model->name);
	if (!item->by_nobody) {
		free(p->retry_why);
		p->retry_why = lt_strdup(item->why);
		memcpy(p->retry_who, item->who, sizeof(p->retry_who));
	}
	lt_buf_printf(&item->answer, "%s tries again", p->model->name);
	return true;
}

bool
pipeline_orders_note(struct pipeline *p, struct change_sink *sink, struct lt_err *err)
{
	struct my_conn *c = pipeline_load_conn(sink);
	struct pipeline_audit entry = {
		.channel = p->channel->name, .pipeline = p->model->name, .action = "retry", .who = p->retry_who
	};

	if (p->retry_why == NULL)
		return true;
	entry.why = lt_str_z(p->retry_why);
	if (!pipeline_state_audit(c, &entry, err) || !my_exec(c, "COMMIT", NULL, err))
		return lt_wrap(err, "while recording the retry");
	free(p->retry_why);
	p->retry_why = NULL;
	return true;
}

/* The next order that somebody still waits for. */
static enum lt_queue_end
next_order(struct pipeline *p, int timeout_ms, struct pipeline_order_item **ret)
{
	for (;;) {
		int ordered = PIPELINE_ORDERED;
		void *arg = NULL;
		enum lt_queue_end end = lt_queue_pop(p->orders, &arg, timeout_ms);

		if (end != LT_QUEUE_DONE)
			return end;
		*ret = arg;
		if (atomic_compare_exchange_strong(&(*ret)->stage, &ordered, PIPELINE_ORDER_BEGUN))
			return end;
		pipeline_order_unref(arg);
	}
}

bool
pipeline_orders_wait(struct pipeline *p, int timeout_ms, bool *ended)
{
	struct pipeline_order_item *item;
	enum lt_queue_end end = next_order(p, timeout_ms, &item);
	bool ok;

	*ended = end == LT_QUEUE_CLOSED;
	if (end != LT_QUEUE_DONE)
		return false;
	ok = carry_out(p, item);
	if (ok) /* before whoever ordered it looks: the stop is over */
		pipeline_set_state(p, p->paused ? PIPELINE_PAUSED : PIPELINE_STARTING, NULL);
	answer(item, ok);
	return ok;
}

bool
pipeline_orders_running(struct pipeline *p, struct change_sink *sink)
{
	struct pipeline_order_item *item;
	enum lt_queue_end end = next_order(p, 0, &item);
	struct pipeline_audit entry;
	bool ok = false;

	if (end != LT_QUEUE_DONE)
		return end != LT_QUEUE_CLOSED;
	entry = entry_of(p, item);
	if (item->order == PIPELINE_PAUSE)
		ok = do_pause(p, item, sink, &entry);
	else if (item->order == PIPELINE_RESUME)
		lt_fail(&item->err, LT_E_NOT_PAUSED, "pipeline %s runs", p->model->name);
	else
		lt_fail(&item->err, LT_E_NOT_STOPPED, "pipeline %s runs", p->model->name);
	if (p->paused) /* before whoever ordered it looks */
		pipeline_set_state(p, PIPELINE_PAUSED, NULL);
	answer(item, ok);
	return !p->paused;
}

/* -- from other threads --------------------------------------------------------------------------- */

static void
copy_instead(struct pipeline_order_item *item, const struct pipeline_replacement *from)
{
	item->arena = lt_arena_new();
	item->instead = *from;
	for (size_t i = 0; i < from->count; i++)
		item->instead.statements[i] = lt_arena_str(item->arena, from->statements[i]);
	if (from->row.ptr != NULL)
		item->instead.row = lt_arena_str(item->arena, from->row);
}

static struct pipeline_order_item *
new_item(const struct pipeline_command *command, uint64_t turn)
{
	struct pipeline_order_item *item = lt_new(struct pipeline_order_item);

	item->order = command->order;
	item->why = lt_str_dup(command->why);
	item->turn = turn;
	lt_str_copy(item->who, sizeof(item->who), lt_str_z(command->who));
	item->done = lt_wake_new();
	atomic_init(&item->stage, PIPELINE_ORDERED);
	atomic_init(&item->refs, 2);
	if (command->position != NULL) {
		item->position = *command->position;
		item->position.gtid = item->position.gtid != NULL ? lt_strdup(item->position.gtid) : NULL;
		item->position.file = item->position.file != NULL ? lt_strdup(item->position.file) : NULL;
	}
	if (command->instead != NULL)
		copy_instead(item, command->instead);
	return item;
}

/* What is for a stop, not for one that comes later. */
static bool
check_stopped(const struct pipeline *p, enum pipeline_order order, enum pipeline_state state, struct lt_err *err)
{
	if (!is_of_its_turn(order) || order == PIPELINE_POSITION || state == PIPELINE_STOPPED)
		return true;
	return lt_fail(err, order == PIPELINE_DDL_DONE ? LT_E_NOT_STOPPED : LT_E_NOTHING_TO_SKIP,
	    "pipeline %s is not stopped (it is %s)", p->model->name, pipeline_state_name(state));
}

static bool
await_answer(const struct pipeline *p, struct pipeline_order_item *item, struct lt_wake *gone, int timeout_ms,
    struct lt_err *err)
{
	int ordered = PIPELINE_ORDERED;

	if (lt_wake_wait_or(item->done, gone, timeout_ms))
		return true;
	if (atomic_compare_exchange_strong(&item->stage, &ordered, PIPELINE_ORDER_GIVEN_UP))
		return lt_fail(err, LT_E_TIMEOUT, "pipeline %s did not come to this within %d ms: it is not done",
		    p->model->name, timeout_ms);
	return lt_fail(err, LT_E_TIMEOUT,
	    "pipeline %s did not end this within %d ms: it may still happen, and `lutra log` tells then",
	    p->model->name, timeout_ms);
}

bool
pipeline_do(struct pipeline *p, const struct pipeline_command *command, int timeout_ms, struct lt_buf *answer_text,
    struct lt_err *err)
{
	struct pipeline_order_item *item;
	struct pipeline_status now;
	bool ok = false;

	pipeline_status_get(p, &now);
	if (now.state != PIPELINE_ENDED && !check_stopped(p, command->order, now.state, err))
		return false;
	item = new_item(command, now.turn);
	if (lt_queue_push(p->orders, item, 1, 0) != LT_QUEUE_DONE) {
		pipeline_order_unref(item); /* the loader never sees it */
		lt_fail(err, LT_E_NOT_RUNNING, "pipeline %s has ended", p->model->name);
	} else if (!await_answer(p, item, command->gone, timeout_ms, err)) {
		;
	} else if (!item->done_ok) {
		*err = item->err;
	} else {
		lt_buf_str_add(answer_text, lt_buf_str(&item->answer));
		ok = true;
	}
	pipeline_order_unref(item);
	return ok;
}

void
pipeline_nudge(struct pipeline *p)
{
	struct pipeline_command again = { .order = PIPELINE_RETRY, .who = "" };
	struct pipeline_status status;
	struct pipeline_order_item *item;

	pipeline_status_get(p, &status);
	if (status.state != PIPELINE_STOPPED || status.err.code != LT_E_DDL)
		return;
	item = new_item(&again, status.turn);
	item->by_nobody = true;
	pipeline_order_unref(item); /* nobody waits for the answer */
	if (lt_queue_push(p->orders, item, 1, 0) != LT_QUEUE_DONE)
		pipeline_order_unref(item);
}
