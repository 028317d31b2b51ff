#include "pipeline/flight_priv.h"

#include "base/fault.h"
#include "base/log.h"
#include "pipeline/connect.h"
#include "pipeline/schedule.h"

/* Groups held beside those that the writers have in hand, so that a free one need not wait. */
#define SPARE_GROUPS 2
/* R4: how often the head of the order is looked at, and the longest that it is left to wait. */
#define LOOK_MS 5
#define PATIENCE_MAX_MS 1000
/* So many groups without a new call, and patience shrinks again. */
#define CALM_GROUPS 50
/* What SIGTERM leaves to those that have begun. */
#define LAND_US 5000000

/* Owner: the loader's thread. */
struct pipeline_flight {
	struct pipeline *p;                 /* borrowed */
	struct change_sink *sink;           /* borrowed: the loader's own connection */
	struct pipeline_group *learnt;      /* borrowed */
	struct pipeline_schedule *schedule; /* owned */
	struct flight_writer *writers;      /* owned, [nwriters] once started */
	size_t nwriters;
	bool started, failed_to_start;
	struct lt_queue *work, *back; /* owned; the jobs in them are in the list too */
	struct flight_turns turns;
	struct flight_job *first, *last; /* owned: all that was taken and is not done, in order */
	size_t count, out, waiting, bytes, job_bytes;
	uint64_t orders, completed;
	struct change_position end; /* behind all that was taken */
	bool settling;              /* nothing is handed out until all are back */
	struct my_conn *control;    /* owned: for KILL; made when first needed */
	struct {
		uint64_t order, replies, since_us, killed_us;
		unsigned patience_ms, calm;
	} head;
};

struct pipeline_flight *
pipeline_flight_new(struct pipeline *p, struct change_sink *sink, struct pipeline_group *learnt)
{
	struct pipeline_flight *f = lt_new(struct pipeline_flight);

	f->p = p;
	f->sink = sink;
	f->learnt = learnt;
	f->schedule = pipeline_schedule_new(pipeline_load_router(sink));
	f->work = lt_queue_new(SIZE_MAX);
	f->back = lt_queue_new(SIZE_MAX);
	change_position_init(&f->end);
	f->turns.free = p->channel->free_order;
	atomic_store(&f->turns.turn, 1);
	atomic_store(&f->turns.off_from, UINT64_MAX);
	f->job_bytes = LT_MAX(learnt->max_bytes, learnt->link_bytes);
	f->head.patience_ms = p->channel->group.wait_ms;
	return f;
}

void
pipeline_flight_free(struct pipeline_flight *f)
{
	if (f == NULL)
		return;
	atomic_store(&f->turns.off_from, 0);
	lt_queue_close(f->work);
	for (size_t i = 0; i < f->nwriters && f->out > 0; i++)
		f->writers[i].sink->ops->cancel(f->writers[i].sink);
	flight_wake_all(f->writers, f->nwriters);
	for (size_t i = 0; i < f->nwriters; i++)
		flight_writer_close(&f->writers[i]);
	free(f->writers);
	lt_queue_free(f->work, NULL);
	lt_queue_free(f->back, NULL);
	while (f->first != NULL) {
		struct flight_job *job = f->first;

		f->first = job->next;
		flight_job_free(job);
	}
	pipeline_schedule_free(f->schedule);
	change_position_clear(&f->end);
	my_close(f->control);
	free(f);
}

void
pipeline_flight_leave(struct pipeline_flight *f, const struct change_txn *t)
{
	for (struct flight_job *job = f != NULL ? f->first : NULL; job != NULL; job = job->next) {
		for (size_t i = 0; i < job->count; i++)
			job->txns[i] = job->txns[i] == t ? NULL : job->txns[i];
	}
}

bool
pipeline_flight_is_empty(const struct pipeline_flight *f)
{
	return f->first == NULL;
}

bool
pipeline_flight_has_room(const struct pipeline_flight *f)
{
	return !f->settling && f->waiting == 0 && f->count < pipeline_load_writers(f->sink) + SPARE_GROUPS;
}

size_t
pipeline_flight_bytes(const struct pipeline_flight *f)
{
	return f->bytes;
}

uint64_t
pipeline_flight_oldest_us(const struct pipeline_flight *f)
{
	return f->first != NULL ? f->first->txns[0]->commit_us : 0;
}

/* -- taking --------------------------------------------------------------------------------------- */

/* One writer's connection being made. */
struct opening {
	struct lt_thread *thread; /* owned */
	struct pipeline_flight *f;
	struct flight_writer *w;
	bool ok;
	struct lt_err err;
};

static void
open_main(void *arg)
{
	struct opening *o = arg;
	size_t lane = (size_t)(o->w - o->f->writers) + 1;

	o->ok = flight_writer_open(o->w, o->f->sink, lane, &o->err);
}

/* All at a time: each takes a dozen round trips. Those that could be had come first; *why tells of one of the others.
 */
static void
open_writers(struct pipeline_flight *f, size_t want, struct lt_err *why)
{
	struct opening *all = lt_calloc(want, sizeof(*all));

	for (size_t i = 0; i < want; i++) {
		struct flight_writer *w = &f->writers[i];

		w->turns = &f->turns;
		w->all = f->writers;
		w->work = f->work;
		w->back = f->back;
		w->clock = f->p->clock;
		all[i].f = f;
		all[i].w = w;
		all[i].thread = lt_thread_start("opens", open_main, &all[i]);
	}
	for (size_t i = 0; i < want; i++) {
		lt_thread_join(all[i].thread);
		if (!all[i].ok && (why->code == LT_OK || why->code == LT_E_SERVER_BUSY))
			*why = all[i].err;
		else if (all[i].ok)
			f->writers[f->nwriters++] = *all[i].w;
	}
	free(all);
}

/* As many as can be had; a server that has no room for one more is no reason to stand still. */
static bool
start_writers(struct pipeline_flight *f, struct lt_err *err)
{
	size_t want = pipeline_load_writers(f->sink);

	f->writers = lt_calloc(want, sizeof(*f->writers));
	open_writers(f, want, err);
	if (f->nwriters < want && err->code != LT_E_SERVER_BUSY)
		return false;
	if (f->nwriters < want) {
		lt_log(LT_LOG_WARN, "%s %s: only %zu of %zu writers: %s", f->p->channel->name, f->p->model->name,
		    f->nwriters, want, err->message);
		memset(err, 0, sizeof(*err));
	}
	f->failed_to_start = f->nwriters == 0;
	for (size_t i = 0; i < f->nwriters; i++) {
		f->writers[i].nall = f->nwriters;
		flight_writer_start(&f->writers[i]);
	}
	f->started = true;
	return true;
}

static void
append(struct pipeline_flight *f, struct flight_job *job)
{
	if (f->last != NULL)
		f->last->next = job;
	else
		f->first = job;
	f->last = job;
	f->count++;
	f->bytes += job->bytes;
	f->waiting += job->state == FLIGHT_WAITS ? 1 : 0;
}

bool
pipeline_flight_take(struct pipeline_flight *f, struct pipeline_group *g, bool *alone, struct lt_err *err)
{
	struct flight_job *job;
	uint64_t after = 0;
	struct lt_err why = { 0 };

	*alone = false;
	if (!f->started && !start_writers(f, err))
		return false;
	if (g->rows > 0) {
		pipeline_router_trim(pipeline_load_router(f->sink));
		*alone = f->failed_to_start || g->bytes > f->job_bytes ||
			 !pipeline_schedule_add(f->schedule, f->orders + 1, g->txns, g->count, &after, &why);
		if (!pipeline_router_settle(pipeline_load_router(f->sink), err))
			return false;
		if (*alone)
			return true; /* whatever is wrong with it is told when it is applied */
	}
	job = lt_new(struct flight_job);
	job->state = g->rows > 0 ? FLIGHT_WAITS : FLIGHT_PLACES;
	job->order = g->rows > 0 ? ++f->orders : 0;
	job->after = after;
	job->count = g->count;
	job->rows = g->rows;
	job->bytes = g->bytes;
	job->txns = pipeline_group_take(g);
	if (f->first == NULL)
		change_position_copy(&f->end, &f->p->applied);
	change_position_init(&job->begin);
	change_position_init(&job->end);
	change_position_init(&job->low);
	change_position_copy(&job->begin, &f->end);
	pipeline_position_after(&f->end, job->txns, job->count, &job->end);
	change_position_copy(&f->end, &job->end);
	append(f, job);
	return true;
}

/* -- coming back ---------------------------------------------------------------------------------- */

/* All from `order` on roll back, and nothing is handed out before all are back. */
static void
call_off(struct pipeline_flight *f, uint64_t order)
{
	f->settling = true;
	if (order < atomic_load(&f->turns.off_from))
		atomic_store(&f->turns.off_from, order);
	flight_wake_all(f->writers, f->nwriters);
}

/* False: this ends the run. */
static bool
judge(struct pipeline_flight *f, struct flight_job *job, struct lt_err *err)
{
	bool off = job->order >= atomic_load(&f->turns.off_from);

	f->out--;
	if (job->ok) {
		job->state = FLIGHT_DONE;
		pipeline_group_learn(f->learnt, job->rows, job->took_us, 1);
		if (++f->head.calm >= CALM_GROUPS) {
			f->head.calm = 0;
			f->head.patience_ms =
			    LT_MAX(f->head.patience_ms - f->head.patience_ms / 8, f->p->channel->group.wait_ms);
		}
		return true;
	}
	f->p->now.retries++;
	if (off && (job->err.code == LT_E_CANCELLED || job->err.code == LT_E_QUERY_KILLED)) {
		job->state = FLIGHT_WAITS;
		f->waiting++;
		return true;
	}
	if (lt_err_kind(&job->err) == LT_KIND_RETRY || job->err.code == LT_E_FENCED) {
		*err = job->err;
		return false;
	}
	job->state = FLIGHT_FAILED;
	call_off(f, job->order + 1);
	return true;
}

static bool
collect(struct pipeline_flight *f, int timeout_ms, struct lt_err *err)
{
	void *item = NULL;

	while (f->out > 0 && lt_queue_pop(f->back, &item, timeout_ms) == LT_QUEUE_DONE) {
		if (!judge(f, item, err))
			return false;
		timeout_ms = 0;
	}
	return true;
}

static void
drop_first(struct pipeline_flight *f)
{
	struct flight_job *job = f->first;

	f->first = job->next;
	if (f->first == NULL)
		f->last = NULL;
	f->count--;
	f->bytes -= job->bytes;
	if (job->order > 0) {
		f->completed = job->order;
		pipeline_schedule_done(f->schedule, job->order);
	}
	flight_job_free(job);
}

static void
note_lag(struct pipeline *p, const struct flight_job *job)
{
	const struct change_txn *newest = job->txns[job->count - 1];

	pipeline_note_lag(p, newest->commit_us, &newest->gtid);
}

/* What is done at the head of the order is progress. */
static void
advance(struct pipeline_flight *f)
{
	struct flight_job *job;

	while ((job = f->first) != NULL && (job->state == FLIGHT_DONE || job->state == FLIGHT_PLACES)) {
		if (job->state == FLIGHT_DONE) {
			pipeline_note_applied(f->p, &job->end, &job->done);
			pipeline_note_passed(f->p, job->txns, job->count);
			if (f->turns.free)
				f->p->saved = job->low.place;
			note_lag(f->p, job);
		} else {
			pipeline_pass_places(f->p, job->txns, job->count);
		}
		drop_first(f);
	}
}

/* All are back, and all before the first of the list are committed. The first one that failed by itself is done again
 * alone: only now it counts what comes of it (R5). */
static bool
settle(struct pipeline_flight *f, struct lt_err *err)
{
	struct flight_job *job = f->first;

	atomic_store(&f->turns.off_from, UINT64_MAX);
	f->settling = false;
	if (job != NULL && job->state == FLIGHT_FAILED) {
		if (!pipeline_apply_group(f->p, f->sink, job->txns, job->count, false, err))
			return false;
		if (!pipeline_is_lock(job->err.code)) /* the keys did not tell that it touches another */
			lt_log(LT_LOG_INFO, "%s %s: a group failed beside others and passed alone: %s",
			    f->p->channel->name, f->p->model->name, job->err.message);
		note_lag(f->p, job);
		atomic_store(&f->turns.turn, job->order + 1);
		drop_first(f);
	}
	for (job = f->first; job != NULL; job = job->next) {
		if (job->state != FLIGHT_FAILED)
			continue;
		job->state = FLIGHT_WAITS;
		f->waiting++;
	}
	return true;
}

/* -- giving way (R4) ------------------------------------------------------------------------------ */

/* A writer in the middle of a statement may wait for a lock itself. It matters little whether this can be done: the
 * wait ends after a second. */
static void
kill_statements(struct pipeline_flight *f, uint64_t now)
{
	uint64_t off_from = atomic_load(&f->turns.off_from);

	if (now - f->head.killed_us < LOOK_MS * 1000)
		return;
	f->head.killed_us = now;
	for (size_t i = 0; i < f->nwriters; i++) {
		struct flight_writer *w = &f->writers[i];
		struct lt_err ignored = { 0 };

		if (atomic_load(&w->phase) != FLIGHT_SENDS || atomic_load(&w->order) < off_from)
			continue;
		if (f->control == NULL && !pipeline_connect(&f->p->channel->sites[f->p->model->to], false,
					      f->p->origin.stop, &f->control, &ignored))
			return;
		if (!my_execf(f->control, &ignored, "KILL QUERY %u", w->session) && !my_alive(f->control)) {
			my_close(f->control);
			f->control = NULL;
		}
	}
}

/* How long the head may wait for one reply: what its statement should take is its own. */
static uint64_t
allowed_us(const struct pipeline_flight *f, const struct flight_writer *w)
{
	double rows_ms = (double)atomic_load(&w->awaited_rows) / LT_MAX(f->learnt->rows_per_ms, 0.1);

	return (uint64_t)f->head.patience_ms * 1000 + (uint64_t)(rows_ms * 2000);
}

static bool
others_hold_locks(const struct pipeline_flight *f, uint64_t head)
{
	for (size_t i = 0; i < f->nwriters; i++) {
		int phase = atomic_load(&f->writers[i].phase);

		if ((phase == FLIGHT_SENDS || phase == FLIGHT_READY) && atomic_load(&f->writers[i].order) > head)
			return true;
	}
	return false;
}

/* The head of the order gets no reply while others behind it hold locks: whether they are what it waits for, directly
 * or through somebody else's transaction, cannot be seen from here, so all of them give way. */
static void
watch_head(struct pipeline_flight *f)
{
	uint64_t turn = atomic_load(&f->turns.turn), now = lt_mono_us(f->p->clock);

	if (f->settling) {
		kill_statements(f, now);
		return;
	}
	if (f->turns.free)
		return; /* nobody waits with locks */
	for (size_t i = 0; i < f->nwriters && !lt_fault("r04_give_way"); i++) {
		struct flight_writer *w = &f->writers[i];
		uint64_t replies = atomic_load(&w->replies);

		if (atomic_load(&w->order) != turn || atomic_load(&w->phase) != FLIGHT_SENDS)
			continue;
		if (atomic_load(&w->awaited_rows) == 0)
			return;
		if (f->head.order != turn || f->head.replies != replies) {
			f->head.order = turn;
			f->head.replies = replies;
			f->head.since_us = now;
		} else if (now - f->head.since_us > allowed_us(f, w) && others_hold_locks(f, turn)) {
			f->head.patience_ms = LT_MIN(f->head.patience_ms * 2, (unsigned)PATIENCE_MAX_MS);
			f->head.calm = 0;
			call_off(f, turn + 1);
		}
		return;
	}
}

/* -- steps ---------------------------------------------------------------------------------------- */

static void
hand_out(struct pipeline_flight *f)
{
	for (struct flight_job *job = f->first; job != NULL; job = job->next) {
		if (job->state != FLIGHT_WAITS)
			continue;
		if (job->after > f->completed || f->out >= f->nwriters + 1)
			return; /* nobody overtakes */
		job->number = pipeline_load_number(f->sink);
		if (f->turns.free) {
			change_position_copy(&job->low, &f->p->applied);
			job->low_order = f->completed;
		}
		job->state = FLIGHT_OUT;
		f->waiting--;
		f->out++;
		LT_ASSERT(lt_queue_push(f->work, job, 0, -1) == LT_QUEUE_DONE);
	}
}

bool
pipeline_flight_step(struct pipeline_flight *f, int timeout_ms, struct lt_err *err)
{
	if (!collect(f, LT_MIN(timeout_ms, LOOK_MS), err))
		return false;
	advance(f);
	if (f->settling && f->out == 0 && !settle(f, err))
		return false;
	watch_head(f);
	if (!f->settling)
		hand_out(f);
	return true;
}

bool
pipeline_flight_drain(struct pipeline_flight *f, struct lt_err *err)
{
	uint64_t said_us = lt_mono_us(f->p->clock);

	while (!pipeline_flight_is_empty(f)) {
		if (!pipeline_flight_step(f, LOOK_MS, err))
			return false;
		if (lt_mono_us(f->p->clock) - said_us < PIPELINE_STAY_MS * 1000)
			continue;
		if (!my_ping(pipeline_load_conn(f->sink), err))
			return lt_wrap(err, "while others of the pipeline's connections were at work");
		said_us = lt_mono_us(f->p->clock);
	}
	return true;
}

bool
pipeline_flight_land(struct pipeline_flight *f)
{
	uint64_t began = lt_mono_us(f->p->clock);
	struct lt_err ignored = { 0 };

	while (f->out > 0 && lt_mono_us(f->p->clock) - began < LAND_US) {
		if (!collect(f, LOOK_MS, &ignored))
			return false; /* perhaps in the middle of a COMMIT */
		watch_head(f);
	}
	advance(f);
	return f->out == 0;
}
