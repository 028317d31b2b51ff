/* One run of a pipeline: claim the target, open the log, then group after group until something happens. */
#include <time.h>

#include "base/fault.h"
#include "base/log.h"
#include "pipeline/apart.h"
#include "pipeline/connect.h"
#include "pipeline/delay.h"
#include "pipeline/flight.h"
#include "pipeline/load.h"
#include "pipeline/mark.h"
#include "pipeline/pipeline_priv.h"
#include "pipeline/state.h"
#include "pipeline/until.h"
#include "schema/ddl.h"

/* More than this in the queue helps nobody: it is only there to keep both threads busy. */
#define QUEUE_BYTES ((size_t)8 << 20)
#define READ_STEP_MS 500
#define SPILL_STEP_MS 20
#define SPILLS_HANDED 2
#define LOAD_STEP_MS 100
/* Where nothing came for a step and all is told, only what is ordered is looked for. */
#define LOAD_IDLE_MS 400
/* While groups fly, their end is news too. */
#define FLYING_STEP_MS 2
#define HOLD_STEP_MS 50
#define PUBLISH_US 50000
/* R11: progress without rows is written this often at most. */
#define SAVE_US 10000000

/* A group on the loader's own connection waits for its last reply, then for that to COMMIT, unless that is left. */
#define GROUP_ROUNDS 2
#define LEFT_ROUNDS 1
/* Where the target is far, groups may hold this much (pipeline/group.h). */
#define LINK_BYTES ((size_t)16 << 20)
/* Those in flight together; the others fill the time that one waits. */
#define FLYING_LINK_BYTES ((size_t)28 << 20)
/* How often the round trip is measured, and the target hears of us. */
#define ROUND_US (PIPELINE_STAY_MS * 1000)

/* What the loader's thread has in hand for one run. */
struct loader {
	struct pipeline *p;
	struct change_sink *sink;
	struct reader *reader;
	struct pipeline_group *group;
	struct pipeline_flight *flight; /* owned; NULL: one connection */
	bool partial;                   /* the group may grow until it is full or nothing flies */
	bool idle;                      /* nothing came for a step */
	uint64_t published_us, measured_us;
};

/* The reader's side; owner: its thread, but for what the loader reads after joining it. */
struct reader {
	struct pipeline *p;
	struct change_source *source;
	struct pipeline_select *select;
	struct lt_queue *queue;
	struct pipeline_delay delay;
	struct pipeline_until until;
	const struct pipeline_window *window; /* borrowed from the sink: what was done ahead before this run */
	char server[64];                      /* whose log it is */
	struct lt_err err;
	_Atomic bool stop;
	uint64_t own_before, opted_before, passed_before; /* of earlier runs */
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

/* Disk is no place to run ahead into: of large transactions one is applied, one waits, and one is in the reader's hand.
 */
static void
await_disk(const struct reader *r, const struct change_txn *t)
{
	const struct timespec step = { .tv_nsec = SPILL_STEP_MS * 1000000L };

	while (t->spill != NULL && change_spill_handed(t->spill) > SPILLS_HANDED && !atomic_load(&r->stop))
		nanosleep(&step, NULL);
}

/* `delay`: nothing is read meanwhile, so that the source's socket holds back what follows. False: the run is over. */
static bool
hold(struct reader *r, const struct change_txn *t)
{
	struct pipeline *p = r->p;
	uint64_t read_us = lt_mono_us(p->clock), left;

	if (!pipeline_delay_follow(&r->delay, &r->err))
		return false;
	while ((left = pipeline_delay_left_us(&r->delay, t->commit_us, read_us)) > 0) {
		atomic_store(&p->held_us, t->commit_us);
		if (lt_wake_wait(p->pause, (int)LT_MIN(left / 1000 + 1, (uint64_t)HOLD_STEP_MS)) ||
		    atomic_load(&r->stop))
			return false;
	}
	atomic_store(&p->held_us, 0);
	return true;
}

/* Committed ahead of the progress by an earlier run: only its place is new. */
static bool
pass_done(struct reader *r, struct change_txn *t)
{
	bool done = false;

	if (!pipeline_window_holds(r->window, r->server, t, &done, &r->err))
		return false;
	if (!done || t->kind == CHANGE_TXN_PLACE || lt_fault("r02_window"))
		return true;
	change_txn_drop_rows(t);
	t->kind = CHANGE_TXN_PLACE;
	return true;
}

/* False: over. A DDL statement is the last thing read: what follows needs the schema that comes with it. */
static bool
read_one(struct reader *r)
{
	struct change_txn *t = NULL;
	bool last, future = false;

	if (pipeline_until_reached(&r->until))
		return pipeline_until_fail(&r->until, &r->err);
	if (!change_source_next(r->source, READ_STEP_MS, &t, &r->err))
		return false;
	if (t == NULL)
		return true;
	if (!pipeline_delay_is_future(&r->delay, t->commit_us, &future, &r->err)) {
		change_txn_free(t);
		return false;
	}
	if (pipeline_until_excludes(&r->until, t, future)) {
		change_txn_free(t);
		return pipeline_until_fail(&r->until, &r->err);
	}
	pipeline_select_txn(r->select, t);
	if (!pass_done(r, t)) {
		change_txn_free(t);
		return false;
	}
	last = t->kind == CHANGE_TXN_DDL;
	publish_read(r->p, t);
	await_disk(r, t);
	if (!hold(r, t) || lt_queue_push(r->queue, t, change_txn_bytes(t), -1) != LT_QUEUE_DONE) {
		change_txn_free(t);
		return false;
	}
	atomic_store(&r->p->queued_bytes, lt_queue_bytes(r->queue)); /* the loader may be held up for long */
	return !last;
}

/* What the source did not answer is not needed where its log is kept here: it may be gone for good. */
static bool
can_do_without(const struct pipeline *p, bool *folds, struct lt_err *err)
{
	if (lt_err_kind(err) != LT_KIND_RETRY || err->code == LT_E_CANCELLED || p->origin.kept == NULL ||
	    !p->origin.kept(p->origin.ctx, folds))
		return false;
	*err = (struct lt_err){ 0 };
	return true;
}

static bool
reader_init(struct reader *r, struct lt_err *err)
{
	struct pipeline *p = r->p;
	bool folds;

	if (!pipeline_until_init(&r->until, &p->model->until, &p->applied, err))
		return false;
	if (pipeline_delay_init(&r->delay, &p->channel->sites[p->model->from], p->model, p->clock, p->origin.stop, err))
		return true;
	if (!can_do_without(p, &folds, err))
		return false;
	pipeline_delay_own(&r->delay);
	return true;
}

static void
reader_clear(struct reader *r)
{
	lt_queue_free(r->queue, free_txn);
	pipeline_until_clear(&r->until);
	pipeline_delay_clear(&r->delay);
	atomic_store(&r->p->held_us, 0);
}

static void
reader_main(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(&r->stop) && read_one(r))
		;
	if (!atomic_load(&r->stop))
		pipeline_note_reader_end(r->p, &r->err);
	lt_queue_close(r->queue);
}

/* -- applying ------------------------------------------------------------------------------------- */

static bool
save_progress(struct pipeline *p, struct change_sink *sink, struct lt_err *err)
{
	if (!pipeline_apply_hear(p, sink, err))
		return false;
	/* A file that was left behind is worth it whatever stood in it: the source may purge it. */
	if (!p->unsaved && strcmp(p->saved.file, p->applied.place.file) == 0)
		return true;
	if (!sink->ops->advance(sink, &p->applied, err)) {
		if (!pipeline_is_lock(err->code))
			return false;
		memset(err, 0, sizeof(*err)); /* somebody looks at the lane: next time */
		return true;
	}
	pipeline_note_saved(p);
	return true;
}

static bool
stop_at_ddl(struct pipeline *p, struct change_sink *sink, struct change_txn *t, struct lt_err *err)
{
	struct lt_buf shown = { 0 };
	bool passed = false;

	pipeline_remember_stop(p, t);
	if (!pipeline_ddl_pass(p, sink, &passed, err) || passed)
		return passed;
	schema_ddl_shown(t->ddl, t->ddl_mode, &shown);
	lt_fail(err, LT_E_DDL, "the source ran: %.*s", (int)LT_MIN(shown.len, (size_t)400), lt_buf_cstr(&shown));
	change_txn_where(t, &err->where);
	lt_buf_free(&shown);
	return false;
}

/* On the loader's own connection, with nothing beside it. *again: the run is over, and another is to follow at once. */
static bool
apply_here(struct loader *l, bool *again, struct lt_err *err)
{
	struct pipeline *p = l->p;
	struct change_sink *sink = l->sink;
	struct pipeline_group *g = l->group;
	const struct change_txn *newest = g->txns[g->count - 1];
	uint64_t began = lt_mono_us(p->clock);

	if (g->rows == 0 && !pipeline_apply_hear(p, sink, err))
		return false;
	if (g->txns[0]->kind == CHANGE_TXN_DDL) {
		*again = stop_at_ddl(p, sink, g->txns[0], err);
		return *again;
	}
	if (g->rows == 0) {
		pipeline_pass_places(p, g->txns, g->count);
		p->now.lag_ms = pipeline_held_lag(p);
		return true;
	}
	p->behind.queue = l->reader->queue;
	p->behind.group = g;
	if (!pipeline_apply_group(p, sink, g->txns, g->count, l->flight == NULL, err))
		return false;
	pipeline_group_learn(g, g->rows, lt_mono_us(p->clock) - began, p->left.waits ? LEFT_ROUNDS : GROUP_ROUNDS);
	if (!p->left.waits)
		pipeline_note_lag(p, newest->commit_us, &newest->gtid);
	return true;
}

static void
note_group_bytes(struct loader *l)
{
	size_t flying = l->flight != NULL ? pipeline_flight_bytes(l->flight) : 0;

	atomic_store(&l->p->group_bytes, l->group->bytes + l->group->ahead.bytes + flying);
}

/* A backlog is applied on several connections; what is left of it, and whatever comes without one, here: that has the
 * least delay. */
static bool
apply_filled(struct loader *l, bool *again, struct lt_err *err)
{
	struct pipeline_group *g = l->group;
	bool alone = g->txns[0]->kind == CHANGE_TXN_DDL || g->txns[0]->spill != NULL || pipeline_in_doubt(l->p);

	note_group_bytes(l); /* the target may take long */
	if (atomic_load(&l->p->waiting_us) == 0 && g->txns[0]->kind != CHANGE_TXN_PLACE)
		atomic_store(&l->p->waiting_us, g->txns[0]->commit_us);
	if (l->flight != NULL && !alone && pipeline_group_is_full(g)) {
		if (!pipeline_flight_take(l->flight, g, &alone, err))
			return false;
		if (!alone)
			return pipeline_flight_step(l->flight, 0, err);
	}
	return (l->flight == NULL || pipeline_flight_drain(l->flight, err)) && apply_here(l, again, err);
}

/* -- the run -------------------------------------------------------------------------------------- */

static void
note_unsent(struct pipeline *p, const struct reader *r)
{
	p->now.own = r->own_before + atomic_load(&r->select->own);
	p->now.opted_out = r->opted_before + atomic_load(&r->select->opted_out);
	p->now.passed = r->passed_before + atomic_load(&r->select->passed);
}

static int
step_ms(const struct loader *l, bool flying)
{
	return flying ? FLYING_STEP_MS : l->idle ? LOAD_IDLE_MS : LOAD_STEP_MS;
}

/* A group, if there is one to apply or more to add to it. */
static bool
load_some(struct loader *l, enum lt_queue_end *end, bool *again, struct lt_err *err)
{
	bool flying = l->flight != NULL && !pipeline_flight_is_empty(l->flight), room;

	*end = LT_QUEUE_DONE;
	if (flying) {
		room = pipeline_flight_has_room(l->flight) && !l->partial;
		if (!pipeline_flight_step(l->flight, room ? 0 : LOAD_STEP_MS, err))
			return false;
		flying = !pipeline_flight_is_empty(l->flight);
		if (flying && !pipeline_flight_has_room(l->flight))
			return true;
	}
	*end = l->partial ? pipeline_group_more(l->group, l->reader->queue, 0)
			  : pipeline_group_fill(l->group, l->reader->queue, step_ms(l, flying));
	if (*end != LT_QUEUE_DONE)
		return true;
	l->partial = flying && !pipeline_group_is_full(l->group);
	return l->partial || apply_filled(l, again, err);
}

/* What is left where a run ends goes on to count: the lag of a pipeline that stands still grows. */
static void
note_waiting(struct loader *l)
{
	uint64_t oldest_us = l->flight != NULL ? pipeline_flight_oldest_us(l->flight) : 0;

	if (oldest_us == 0 && l->partial)
		oldest_us = l->group->txns[0]->commit_us;
	atomic_store(&l->p->waiting_us, oldest_us);
}

static bool
measure_round(struct loader *l, struct lt_err *err)
{
	uint64_t round_us = 0;

	if (!pipeline_apply_hear(l->p, l->sink, err) || !pipeline_load_round(l->sink, &round_us, err))
		return false;
	pipeline_group_note_round(l->group, round_us);
	l->measured_us = lt_mono_us(l->p->clock);
	return true;
}

/* What follows at the target from its own writes. Somebody else may be at the same rows: next time. */
static bool
tend(struct loader *l, struct lt_err *err)
{
	bool moved = false;

	if (!pipeline_load_tend(l->sink, &l->p->applied, &moved, err)) {
		if (!pipeline_is_lock(err->code))
			return false;
		*err = (struct lt_err){ 0 };
	}
	if (moved)
		pipeline_note_saved(l->p);
	return true;
}

/* Now and then: progress without rows, the round trip, the status. A target that was ended, and perhaps restored, is
 * met again though there is nothing to apply: what is "applied" is what it holds. */
static bool
keep_house(struct loader *l, bool idle, struct lt_err *err)
{
	struct pipeline *p = l->p;
	uint64_t now = lt_mono_us(p->clock);
	bool flying = l->flight != NULL && !pipeline_flight_is_empty(l->flight);

	if (idle && !flying)
		p->now.lag_ms = pipeline_held_lag(p);
	if (!flying && now - p->saved_us >= (lt_fault("r11_quiet") ? SAVE_US / 100 : SAVE_US) &&
	    !save_progress(p, l->sink, err))
		return false;
	if (!flying && !tend(l, err))
		return false;
	if (idle && !flying && !pipeline_load_check(l->sink, err))
		return false;
	if (now - l->measured_us >= ROUND_US && !measure_round(l, err))
		return false;
	if (idle || now - l->published_us >= PUBLISH_US) {
		note_unsent(p, l->reader);
		pipeline_publish(p);
		l->published_us = now;
	}
	return true;
}

/* Nothing is on its way any more. */
static bool
settle(struct loader *l, struct lt_err *err)
{
	return l->flight != NULL ? pipeline_flight_drain(l->flight, err) : pipeline_apply_hear(l->p, l->sink, err);
}

static bool
load_loop(struct loader *l, struct lt_err *err)
{
	struct pipeline *p = l->p;

	while (!pipeline_is_ending(p)) {
		enum lt_queue_end end;
		bool again = false;

		if (!load_some(l, &end, &again, err) || again)
			return again;
		note_waiting(l);
		l->idle = end == LT_QUEUE_TIMEOUT;
		atomic_store(&p->queued_bytes, lt_queue_bytes(l->reader->queue));
		note_group_bytes(l);
		if (end == LT_QUEUE_CLOSED) {
			if (!settle(l, err))
				return false;
			*err = l->reader->err; /* the reader's last word; its thread is done with it */
			return err->code == LT_E_UNTIL && save_progress(p, l->sink, err) && false;
		}
		if (!keep_house(l, end == LT_QUEUE_TIMEOUT, err))
			return false;
		if (lt_queue_bytes(p->orders) == 0)
			continue;
		if (!settle(l, err))
			return false; /* an order may move the progress */
		if (!pipeline_orders_running(p, l->sink))
			break;
	}
	if (l->flight != NULL && !pipeline_flight_land(l->flight))
		return false;
	return save_progress(p, l->sink, err) && false;
}

/* The group in hand and those in flight, or the one that is planned behind it, share their part of the memory. */
static bool
prepare(struct loader *l, struct pipeline_group *g, size_t share, struct lt_err *err)
{
	const struct model_channel *c = l->p->channel;
	size_t writers = pipeline_load_writers(l->sink);
	bool several = writers > 1;
	/* Behind the head of the order a group waits with its locks about as long as it took (R4). */
	unsigned time_ms = several && l->p->model->two_way ? LT_MAX(c->group.time_ms / 2, 1u) : c->group.time_ms;
	uint64_t round_us = 0;

	share /= several ? writers + 4 : 2;
	pipeline_group_init(g, c->group.rows, LT_MIN(c->group.bytes, share), time_ms);
	if (c->group.grows)
		g->link_bytes = LT_MIN(several ? FLYING_LINK_BYTES / (writers + 3) : LINK_BYTES, share);
	l->group = g;
	/* Either may be slow for reasons of its own: the least counts. */
	if (!pipeline_load_bound(l->sink, &round_us, err))
		return false;
	pipeline_group_note_round(g, round_us);
	if (!measure_round(l, err))
		return false;
	if (several)
		l->flight = pipeline_flight_new(l->p, l->sink, g);
	return true;
}

static bool
run(struct pipeline *p, struct change_sink *sink, struct change_source *source, struct pipeline_select *select,
    struct lt_err *err)
{
	size_t share = p->channel->memory_bytes / PIPELINE_MEMORY_SHARES;
	struct reader r = { .p = p,
		.source = source,
		.select = select,
		.window = pipeline_load_window(sink),
		.queue = lt_queue_new(LT_MIN(share, QUEUE_BYTES)),
		.own_before = p->now.own,
		.opted_before = p->now.opted_out,
		.passed_before = p->now.passed };
	struct loader l = { .p = p, .sink = sink, .reader = &r };
	struct pipeline_group group;
	struct lt_thread *thread;
	bool again = false;

	if (!reader_init(&r, err))
		goto out;
	lt_str_copy(r.server, sizeof(r.server), lt_str_z(p->applied.server));
	lt_cell_set(p->reader_end, &(struct pipeline_reader_end){ 0 });
	thread = lt_thread_start("reader", reader_main, &r);
	if (prepare(&l, &group, share, err)) { /* while the first transactions come */
		pipeline_note_running(p, true);
		pipeline_note_ready(p);
		again = load_loop(&l, err);
	}
	if (p->stop.by_txn)
		pipeline_flight_leave(l.flight, p->stop.txn); /* ours now: the pipeline stands before it */
	pipeline_flight_free(l.flight);

	atomic_store(&r.stop, true);
	lt_queue_close(r.queue);
	change_source_cancel(source);
	lt_thread_join(thread);
	p->owed = (struct change_place){ .file = "" };
	if (atomic_load(&p->waiting_us) > 0 || p->left.waits)
		p->owed = p->applied.place;
	note_unsent(p, &r);
	if (p->stop.by_txn)
		pipeline_group_leave(&group, p->stop.txn);
	pipeline_group_clear(&group);
	atomic_store(&p->queued_bytes, 0);
	atomic_store(&p->group_bytes, 0);
out:
	reader_clear(&r);
	return again;
}

bool
pipeline_snapshot(struct pipeline *p, const struct change_position *at, struct lt_err *err)
{
	const struct model_site *site = &p->channel->sites[p->model->from];
	struct schema_table **tables = NULL;
	struct change_filter filter;
	struct change_describer describer;
	struct pipeline_select select;
	struct my_conn *c = NULL;
	struct change_place end;
	const struct change_place *read;
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
	for (size_t i = 0; i < count && p->model->two_way; i++) {
		if (!pipeline_select_engine(tables[i], err))
			goto out;
	}
	if (!pipeline_catalog_end(p, at, &end, &read, err))
		goto out;
	for (size_t i = 0; i < count; i++) {
		schema_history_put(p->history, &at->place, read, tables[i]);
		tables[i] = NULL;
	}
	ok = true;
out:
	schema_catalog_free(tables, count);
	my_close(c);
	pipeline_select_clear(&select);
	return ok;
}

static bool
are_apart(const struct pipeline *p, struct change_sink *sink, struct lt_err *err)
{
	bool folds;

	if (pipeline_apart_check(p->channel, p->model, pipeline_load_conn(sink), p->clock, p->origin.stop, err))
		return true;
	if (!can_do_without(p, &folds, err))
		return false;
	model_mapping_fold(p->model->mapping, folds);
	return true;
}

/* No progress is recorded: begin where the channel file says, and make that durable before anything is read (R12). */
static bool
begin_new(struct pipeline *p, struct change_sink *sink, struct lt_err *err)
{
	struct my_conn *c = pipeline_load_conn(sink);

	if (!are_apart(p, sink, err))
		return false;
	p->apart = true;
	if (!p->origin.begin(p->origin.ctx, &p->model->start, &p->applied, err))
		return lt_wrap(err, "while looking for the start");
	if (!pipeline_snapshot(p, &p->applied, err))
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
	p->paused = pipeline_load_paused(sink);
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
	if (p->begun || p->trace.has_begun(p->trace.ctx) || pipeline_load_begun(sink))
		return lt_fail(
		    err, LT_E_STATE_BROKEN, "lutra.lane has lost the progress of pipeline %s", p->model->name);
	return true;
}

/* A target whose progress went back was restored from an older state. What came since is applied anew; somebody wants
 * to know. `server`: whose log the progress was of when this process had left it. */
static bool
note_gone_back(struct pipeline *p, struct change_sink *sink, const char *server, struct lt_err *err)
{
	struct my_conn *c = pipeline_load_conn(sink);
	struct lt_buf detail = { 0 };
	struct pipeline_audit entry = { .channel = p->channel->name,
		.pipeline = p->model->name,
		.action = "gone back",
		.who = "lutra",
		.why = LT_STR("the target was restored from an older state") };
	bool ok;

	if (p->saved.file[0] == '\0' || strcmp(server, p->applied.server) != 0 ||
	    change_place_cmp(&p->applied.place, &p->saved) >= 0)
		return true;
	lt_buf_printf(&detail, "from %s:%llu to %s:%llu", p->saved.file, (unsigned long long)p->saved.pos,
	    p->applied.place.file, (unsigned long long)p->applied.place.pos);
	lt_log(LT_LOG_WARN,
	    "%s %s: the target was restored from an older state: its progress went back %s, and goes on there",
	    p->channel->name, p->model->name, lt_buf_cstr(&detail));
	entry.detail = lt_buf_str(&detail);
	ok = (pipeline_state_audit(c, &entry, err) && my_exec(c, "COMMIT", NULL, err)) ||
	     lt_wrap(err, "while recording that the target was restored");
	lt_buf_free(&detail);
	return ok;
}

bool
pipeline_session_begin(struct pipeline *p, struct change_sink *sink, struct lt_err *err)
{
	char server[sizeof(p->applied.server)];
	bool found = false;

	memcpy(server, p->applied.server, sizeof(server));
	if (!pipeline_session_resume(p, sink, &found, err) ||
	    !(found ? note_gone_back(p, sink, server, err) : never_begun(p, sink, err) && begin_new(p, sink, err)))
		return false;
	p->begun = true;
	p->trace.note_begun(p->trace.ctx);
	return true;
}

static bool
show_mark(struct pipeline *p, struct lt_err *err)
{
	if (!p->model->two_way || p->mark_seen || lt_fault("r10_mark"))
		return true;
	p->mark_seen = pipeline_mark_check(p->channel, &p->channel->sites[p->model->from], &p->origin, err);
	return p->mark_seen;
}

/* A place whose server is not known might be of any log that the site has had: GTIDs tell where to go on. */
static void
forget_place(struct pipeline *p)
{
	struct pipeline_read read;

	if (change_gtid_set_empty(p->applied.gtids) || p->applied.place.file[0] == '\0')
		return;
	p->applied.place = (struct change_place){ .file = "" };
	schema_history_rebase(p->history, &p->applied.place);
	lt_cell_get(p->read, &read);
	read.place = p->applied.place;
	lt_cell_set(p->read, &read);
}

/* The log that was opened is `server`'s. Where that is not the one that the progress speaks of, places say nothing from
 * here on, neither that of the progress nor those of the schema history; both are durable before anything is read. */
static bool
meet_server(struct pipeline *p, struct change_sink *sink, const char *server, struct lt_err *err)
{
	struct change_position to;
	bool ok;

	if (server[0] == '\0' || strcmp(p->applied.server, server) == 0)
		return true;
	if (p->applied.server[0] != '\0')
		forget_place(p);
	change_position_init(&to);
	change_position_copy(&to, &p->applied);
	lt_str_copy(to.server, sizeof(to.server), lt_str_z(server));
	ok = pipeline_orders_move(p, sink, &to, NULL, NULL, NULL, err);
	if (ok)
		change_position_copy(&p->applied, &to);
	else
		lt_wrap(err, "while going over to another server's log");
	change_position_clear(&to);
	if (ok)
		pipeline_note_saved(p);
	return ok;
}

bool
pipeline_session(struct pipeline *p, struct lt_err *err)
{
	size_t limit = p->channel->memory_bytes / PIPELINE_MEMORY_SHARES;
	struct pipeline_select select;
	struct change_filter filter;
	struct change_describer describer;
	struct change_source *source = NULL;
	struct change_sink *sink = NULL;
	bool again = false;

	pipeline_stop_clear(&p->stop);
	p->left.waits = false; /* of an earlier run: the claim tells */
	p->apart = false;
	if (!show_mark(p, err) || !pipeline_load_open(p->channel, p->index, &p->origin, &sink, err))
		return false;
	if (!pipeline_session_begin(p, sink, err) || !pipeline_orders_note(p, sink, err))
		goto out;
	pipeline_note_saved(p);
	if (p->paused)
		goto out;
	/* Each time: an address may lead elsewhere by now. */
	if ((!p->apart && !are_apart(p, sink, err)) || !pipeline_load_warm(sink, p->history, err))
		goto out;
	pipeline_select_init(&select, p->channel->name, p->model->mapping, p->history);
	select.otter = &p->channel->otter;
	select.two_way = p->model->two_way;
	pipeline_select_filter(&select, &filter, &describer);
	if (p->applied.server[0] == '\0')
		forget_place(p);
	schema_history_reach(p->history, &p->applied.place);
	if (p->unsure && !pipeline_vouch(p, sink, err)) {
		pipeline_select_clear(&select);
		goto out;
	}
	if (p->origin.open(p->origin.ctx, &p->applied, &filter, &describer, limit, &source, err) &&
	    meet_server(p, sink, source->server, err))
		again = run(p, sink, source, &select, err);
	change_source_close(source);
	pipeline_select_clear(&select);
	p->unsure = !p->unsure && err->code == LT_E_SCHEMA_LATER;
	if (p->unsure) { /* not by now, and from the start of the next run */
		memset(err, 0, sizeof(*err));
		again = true;
	}
out:
	sink->ops->close(sink);
	return again;
}
