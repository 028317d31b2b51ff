/* One run of a pipeline: claim the target, open the log, then group after group until something happens. */
#include "base/fault.h"
#include "pipeline/apart.h"
#include "pipeline/connect.h"
#include "pipeline/load.h"
#include "pipeline/mark.h"
#include "pipeline/pipeline_priv.h"
#include "pipeline/state.h"

/* How memory is shared out (promise 6): the transaction being read, the queue, and the group in hand hold a third each.
 */
#define MEMORY_SHARES 3
/* More than this in the queue helps nobody: it is only there to keep both threads busy. */
#define QUEUE_BYTES ((size_t)16 << 20)
#define READ_STEP_MS 500
#define LOAD_STEP_MS 100
#define PUBLISH_US 50000
/* R11: progress without rows is written this often at most. */
#define SAVE_US 10000000
/* Locks: the pause doubles from the first to the last while a group of one waits. */
#define LOCK_PAUSE_MS 5
#define LOCK_PAUSE_MAX_MS 1000

/* The reader's side; owner: its thread, but for what the loader reads after joining it. */
struct reader {
	struct pipeline *p;
	struct change_source *source;
	struct pipeline_select *select;
	struct lt_queue *queue;
	struct lt_err err;
	_Atomic bool stop;
	uint64_t own_before, passed_before; /* of earlier runs */
};

static void
publish_read(struct pipeline *p, const struct change_txn *t)
{
	struct pipeline_read read;

	lt_cell_get(p->read, &read);
	read.place = t->end;
	if (t->gtid.kind != CHANGE_GTID_NONE)
		change_gtid_text(&t->gtid, read.gtid);
	lt_cell_set(p->read, &read);
}

static void
free_txn(void *item)
{
	change_txn_free(item);
}

/* False: over. A DDL statement is the last thing read: what follows needs the schema that comes with it. */
static bool
read_one(struct reader *r)
{
	struct change_txn *t = NULL;
	bool last;

	if (!change_source_next(r->source, READ_STEP_MS, &t, &r->err))
		return false;
	if (t == NULL)
		return true;
	if (!pipeline_select_txn(r->select, t, &r->err)) {
		change_txn_free(t);
		return false;
	}
	last = t->kind == CHANGE_TXN_DDL;
	publish_read(r->p, t);
	if (lt_queue_push(r->queue, t, change_txn_bytes(t), -1) != LT_QUEUE_DONE) {
		change_txn_free(t);
		return false;
	}
	atomic_store(&r->p->queued_bytes, lt_queue_bytes(r->queue)); /* the loader may be held up for long */
	return !last;
}

static void
reader_main(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(&r->stop) && read_one(r))
		;
	lt_queue_close(r->queue);
}

/* -- applying ------------------------------------------------------------------------------------- */

static bool
ending(const struct pipeline *p)
{
	return atomic_load(&p->ending);
}

/* `from` moved over txns[0..n). */
static void
position_after(
    const struct change_position *from, struct change_txn *const *txns, size_t n, struct change_position *out)
{
	change_position_copy(out, from);
	for (size_t i = 0; i < n; i++)
		change_txn_advance(txns[i], out);
}

static void
remember_stop(struct pipeline *p, struct change_txn *t)
{
	position_after(&p->applied, &t, 1, &p->stop.end);
	p->stop.by_txn = true;
	p->stop.kind = t->kind;
	lt_buf_clear(&p->stop.statement);
	lt_buf_clear(&p->stop.schema);
	lt_buf_str_add(&p->stop.statement, t->ddl);
	lt_buf_str_add(&p->stop.schema, t->ddl_schema);
}

static bool
is_lock(enum lt_code code)
{
	return code == LT_E_LOCK_WAIT || code == LT_E_DEADLOCK;
}

static void
note_saved(struct pipeline *p)
{
	p->saved = p->applied.place;
	p->saved_us = lt_mono_us(p->clock);
	p->unsaved = false;
}

/* One target transaction for txns[0..n); on success `applied` has moved. */
static bool
apply_once(struct pipeline *p, struct change_sink *sink, struct change_txn *const *txns, size_t n, size_t *culprit,
    struct lt_err *err)
{
	struct change_sink_done done;
	struct change_position end;
	bool ok;

	change_position_init(&end);
	position_after(&p->applied, txns, n, &end);
	ok = sink->ops->apply(sink, txns, n, &end, &done, culprit, err);
	if (ok) {
		change_position_copy(&p->applied, &end);
		p->now.transactions += done.transactions;
		p->now.rows += done.rows;
		p->now.groups++;
		note_saved(p);
	}
	change_position_clear(&end);
	return ok;
}

/* A single transaction that meets a lock is tried again for as long as it takes; the state says so. */
static bool
apply_single(struct pipeline *p, struct change_sink *sink, struct change_txn *const *txn, struct lt_err *err)
{
	int pause = LOCK_PAUSE_MS;
	size_t culprit;

	for (;;) {
		memset(err, 0, sizeof(*err));
		if (apply_once(p, sink, txn, 1, &culprit, err)) {
			if (p->now.state == PIPELINE_RETRYING)
				pipeline_set_state(p, PIPELINE_RUNNING, NULL);
			return true;
		}
		if (!is_lock(err->code)) {
			if (lt_err_kind(err) != LT_KIND_RETRY)
				remember_stop(p, *txn);
			return false;
		}
		p->now.retries++;
		change_txn_where(*txn, &err->where);
		/* A lock wait has lasted a second already; deadlocks come and go. */
		if (err->code == LT_E_LOCK_WAIT || pause > LOCK_PAUSE_MS * 8)
			pipeline_set_state(p, PIPELINE_RETRYING, err);
		if (ending(p) || !pipeline_orders_refuse(p))
			return lt_fail(err, LT_E_CANCELLED, "the pipeline ends");
		lt_wake_wait(p->pause, pause);
		pause = LT_MIN(pause * 2, LOCK_PAUSE_MAX_MS);
	}
}

/* R5: a group that deadlocks is halved; one that fails for its data is redone one by one, so that all before the faulty
 * transaction is applied and the error names exactly that one. */
static bool
apply_group(struct pipeline *p, struct change_sink *sink, struct change_txn *const *txns, size_t n, struct lt_err *err)
{
	size_t culprit;

	if (n == 1)
		return apply_single(p, sink, txns, err);
	if (apply_once(p, sink, txns, n, &culprit, err))
		return true;
	if (lt_err_kind(err) == LT_KIND_RETRY || err->code == LT_E_FENCED)
		return false;
	p->now.retries++;
	if (is_lock(err->code)) {
		memset(err, 0, sizeof(*err));
		return apply_group(p, sink, txns, n / 2, err) && apply_group(p, sink, txns + n / 2, n - n / 2, err);
	}
	if (lt_fault("r05_redo"))
		return false;
	for (size_t i = 0; i < n; i++) {
		memset(err, 0, sizeof(*err));
		if (!apply_single(p, sink, &txns[i], err))
			return false;
	}
	return true;
}

static bool
has_rows(const struct pipeline_group *g)
{
	return g->rows > 0;
}

/* Nothing to write: only `applied` moves, and the lane every now and then. */
static void
pass_places(struct pipeline *p, const struct pipeline_group *g)
{
	struct change_position end;

	change_position_init(&end);
	position_after(&p->applied, g->txns, g->count, &end);
	change_position_copy(&p->applied, &end);
	change_position_clear(&end);
	for (size_t i = 0; i < g->count; i++)
		p->unsaved = p->unsaved || !g->txns[i]->quiet || lt_fault("r11_quiet");
}

static bool
save_progress(struct pipeline *p, struct change_sink *sink, struct lt_err *err)
{
	/* A file that was left behind is worth it whatever stood in it: the source may purge it. */
	if (!p->unsaved && strcmp(p->saved.file, p->applied.place.file) == 0)
		return true;
	if (!sink->ops->advance(sink, &p->applied, err)) {
		if (!is_lock(err->code))
			return false;
		memset(err, 0, sizeof(*err)); /* somebody looks at the lane: next time */
		return true;
	}
	note_saved(p);
	return true;
}

static void
note_lag(struct pipeline *p, const struct pipeline_group *g)
{
	const struct change_txn *newest = g->txns[g->count - 1];
	uint64_t now = lt_wall_us(p->clock);

	p->now.lag_ms = newest->commit_us > 0 && now > newest->commit_us ? (now - newest->commit_us) / 1000 : 0;
	if (newest->gtid.kind != CHANGE_GTID_NONE)
		change_gtid_text(&newest->gtid, p->now.applied_gtid);
}

static bool
stop_at_ddl(struct pipeline *p, struct change_sink *sink, struct change_txn *t, struct lt_err *err)
{
	bool passed = false;

	remember_stop(p, t);
	if (!pipeline_ddl_pass(p, sink, &passed, err) || passed)
		return passed;
	lt_fail(err, LT_E_DDL, "the source ran: %.*s", (int)LT_MIN(t->ddl.len, (size_t)400), t->ddl.ptr);
	change_txn_where(t, &err->where);
	return false;
}

/* *again: the run is over, and another is to follow at once. */
static bool
apply_filled(struct pipeline *p, struct change_sink *sink, struct pipeline_group *g, bool *again, struct lt_err *err)
{
	uint64_t began = lt_mono_us(p->clock);

	if (g->txns[0]->kind == CHANGE_TXN_DDL) {
		*again = stop_at_ddl(p, sink, g->txns[0], err);
		return *again;
	}
	if (!has_rows(g)) {
		pass_places(p, g);
		p->now.lag_ms = 0;
		return true;
	}
	if (!apply_group(p, sink, g->txns, g->count, err))
		return false;
	pipeline_group_learn(g, lt_mono_us(p->clock) - began);
	note_lag(p, g);
	return true;
}

/* -- the run -------------------------------------------------------------------------------------- */

static void
note_unsent(struct pipeline *p, const struct reader *r)
{
	p->now.own = r->own_before + atomic_load(&r->select->own);
	p->now.passed = r->passed_before + atomic_load(&r->select->passed);
}

static bool
load_loop(struct pipeline *p, struct change_sink *sink, struct reader *r, struct pipeline_group *g, struct lt_err *err)
{
	uint64_t published = 0;

	while (!ending(p)) {
		enum lt_queue_end end = pipeline_group_fill(g, r->queue, LOAD_STEP_MS);
		bool again = false;
		uint64_t now;

		atomic_store(&p->queued_bytes, lt_queue_bytes(r->queue));
		atomic_store(&p->group_bytes, g->bytes);
		if (end == LT_QUEUE_CLOSED) {
			*err = r->err; /* the reader's last word; its thread is done with it */
			return false;
		}
		if (end == LT_QUEUE_DONE && (!apply_filled(p, sink, g, &again, err) || again))
			return again;
		if (end == LT_QUEUE_TIMEOUT)
			p->now.lag_ms = 0;
		now = lt_mono_us(p->clock);
		if (now - p->saved_us >= (lt_fault("r11_quiet") ? SAVE_US / 100 : SAVE_US) &&
		    !save_progress(p, sink, err))
			return false;
		if (end == LT_QUEUE_TIMEOUT || now - published >= PUBLISH_US) {
			note_unsent(p, r);
			pipeline_publish(p);
			published = now;
		}
		if (!pipeline_orders_refuse(p))
			break;
	}
	return save_progress(p, sink, err) && false;
}

static bool
run(struct pipeline *p, struct change_sink *sink, struct change_source *source, struct pipeline_select *select,
    struct lt_err *err)
{
	size_t share = p->channel->memory_bytes / MEMORY_SHARES;
	struct reader r = { .p = p,
		.source = source,
		.select = select,
		.queue = lt_queue_new(LT_MIN(share, QUEUE_BYTES)),
		.own_before = p->now.own,
		.passed_before = p->now.passed };
	struct pipeline_group group;
	struct lt_thread *thread;
	bool again;

	pipeline_group_init(
	    &group, p->channel->group.rows, LT_MIN(p->channel->group.bytes, share), p->channel->group.time_ms);
	thread = lt_thread_start("reader", reader_main, &r);
	pipeline_set_state(p, PIPELINE_RUNNING, NULL);
	atomic_store(&p->ready, true);
	again = load_loop(p, sink, &r, &group, err);

	atomic_store(&r.stop, true);
	lt_queue_close(r.queue);
	change_source_cancel(source);
	lt_thread_join(thread);
	note_unsent(p, &r);
	lt_queue_free(r.queue, free_txn);
	pipeline_group_clear(&group);
	atomic_store(&p->queued_bytes, 0);
	atomic_store(&p->group_bytes, 0);
	return again;
}

bool
pipeline_snapshot(struct pipeline *p, const struct change_place *at, struct lt_err *err)
{
	const struct model_site *site = &p->channel->sites[p->model->from];
	struct schema_table **tables = NULL;
	struct change_filter filter;
	struct change_describer describer;
	struct pipeline_select select;
	struct my_conn *c = NULL;
	size_t count = 0;
	bool ok = false;

	pipeline_select_init(&select, p->channel->name, p->model->mapping, p->history);
	pipeline_select_filter(&select, &filter, &describer);
	if (!pipeline_connect(site, false, p->origin.stop, &c, err))
		goto out;
	if (!schema_catalog_tables(c, filter.table, filter.ctx, &tables, &count, err)) {
		lt_wrap(err, "while reading the schema of site %s", site->name);
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		schema_history_put(p->history, at, tables[i]);
		tables[i] = NULL;
	}
	free(tables);
	ok = true;
out:
	my_close(c);
	pipeline_select_clear(&select);
	return ok;
}

/* No progress is recorded: begin where the channel file says, and make that durable before anything is read (R12). */
static bool
begin_new(struct pipeline *p, struct change_sink *sink, struct lt_err *err)
{
	struct my_conn *c = pipeline_load_conn(sink);

	if (!p->origin.begin(p->origin.ctx, &p->model->start, &p->applied, err))
		return lt_wrap(err, "while looking for the start");
	if (!pipeline_snapshot(p, &p->applied.place, err))
		return false;
	if (pipeline_load_begin(sink, &p->applied, err) &&
	    schema_history_save(p->history, c, p->channel->name, p->model->name, err) &&
	    pipeline_load_commit(sink, err))
		return true;
	pipeline_load_rollback(sink);
	return false;
}

bool
pipeline_session_resume(struct pipeline *p, struct change_sink *sink, bool *found, struct lt_err *err)
{
	bool known = false;

	if (!sink->ops->claim(sink, &p->applied, found, err))
		return false;
	schema_history_free(p->history);
	p->history = schema_history_new();
	if (!*found)
		return true;
	if (!schema_history_load(p->history, pipeline_load_conn(sink), p->channel->name, p->model->name,
		&p->applied.place, &known, err) ||
	    !my_exec(pipeline_load_conn(sink), "COMMIT", NULL, err))
		return lt_wrap(err, "while reading the schema history");
	return true;
}

/* No lane, although the pipeline has been somewhere: `start` would pass over what came since. */
static bool
never_begun(struct pipeline *p, struct change_sink *sink, struct lt_err *err)
{
	bool begun = p->saved.file[0] != '\0';

	if (!begun && !pipeline_state_begun(pipeline_load_conn(sink), p->channel->name, p->model->name, &begun, err))
		return false;
	if (begun)
		return lt_fail(
		    err, LT_E_STATE_BROKEN, "lutra.lane has lost the progress of pipeline %s", p->model->name);
	return true;
}

bool
pipeline_session_begin(struct pipeline *p, struct change_sink *sink, struct lt_err *err)
{
	bool found = false;

	return pipeline_session_resume(p, sink, &found, err) &&
	       (found || (never_begun(p, sink, err) && begin_new(p, sink, err)));
}

static bool
show_mark(struct pipeline *p, struct lt_err *err)
{
	if (!p->model->two_way || p->mark_seen || lt_fault("r10_mark"))
		return true;
	p->mark_seen = pipeline_mark_check(p->channel, &p->channel->sites[p->model->from], &p->origin, p->clock, err);
	return p->mark_seen;
}

bool
pipeline_session(struct pipeline *p, struct lt_err *err)
{
	size_t limit = p->channel->memory_bytes / MEMORY_SHARES;
	struct pipeline_select select;
	struct change_filter filter;
	struct change_describer describer;
	struct change_source *source = NULL;
	struct change_sink *sink = NULL;
	bool again = false;

	p->stop.by_txn = false;
	if (!show_mark(p, err) || !pipeline_load_open(p->channel, p->index, p->origin.stop, &sink, err))
		return false;
	if (!pipeline_apart_check(p->channel, p->model, pipeline_load_conn(sink), p->clock, p->origin.stop, err) ||
	    !pipeline_session_begin(p, sink, err))
		goto out;
	note_saved(p);
	pipeline_select_init(&select, p->channel->name, p->model->mapping, p->history);
	pipeline_select_filter(&select, &filter, &describer);
	if (p->origin.open(p->origin.ctx, &p->applied, &filter, &describer, limit, &source, err))
		again = run(p, sink, source, &select, err);
	change_source_close(source);
	pipeline_select_clear(&select);
out:
	sink->ops->close(sink);
	return again;
}
