/* One writer of a flight: takes groups in their order, sends, waits for its turn, commits. */
#include "base/fault.h"
#include "pipeline/flight_priv.h"

void
flight_job_free(void *item)
{
	struct flight_job *job = item;

	if (job == NULL)
		return;
	for (size_t i = 0; i < job->count; i++)
		change_txn_free(job->txns[i]);
	free(job->txns);
	change_position_clear(&job->begin);
	change_position_clear(&job->end);
	change_position_clear(&job->low);
	free(job);
}

void
flight_wake_all(struct flight_writer *writers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lt_wake_raise(writers[i].wake);
}

static bool
is_off(const struct flight_writer *w)
{
	return w->job->order >= atomic_load(&w->turns->off_from);
}

static bool
called_off(void *ctx, uint64_t awaited_rows)
{
	struct flight_writer *w = ctx;

	atomic_fetch_add(&w->replies, 1);
	atomic_store(&w->awaited_rows, LT_MAX(awaited_rows, 1));
	return is_off(w);
}

/* Whoever passes the turn on stores it and then looks who waits; here it is the other way round, so one of the two sees
 * the other. */
static bool
wait_for_turn(void *ctx, struct lt_err *err)
{
	struct flight_writer *w = ctx;

	w->job->took_us = lt_mono_us(w->clock) - w->began_us;
	atomic_store(&w->phase, FLIGHT_READY);
	lt_step("flight.ready");
	for (;;) {
		lt_wake_clear(w->wake);
		if (is_off(w))
			return lt_fail(err, LT_E_CANCELLED, "the group gives way to those before it");
		if (w->turns->free || atomic_load(&w->turns->turn) == w->job->order || lt_fault("r04_order"))
			break;
		if (!lt_wake_wait(w->wake, PIPELINE_STAY_MS) && !my_ping(pipeline_load_conn(w->sink), err))
			return false;
	}
	atomic_store(&w->phase, FLIGHT_COMMITS);
	lt_step("flight.turn");
	return true;
}

static void
pass_turn_on(struct flight_writer *w)
{
	uint64_t next = w->job->order + 1;

	atomic_store(&w->turns->turn, next);
	for (size_t i = 0; i < w->nall; i++) {
		if (atomic_load(&w->all[i].phase) == FLIGHT_READY && atomic_load(&w->all[i].order) == next)
			lt_wake_raise(w->all[i].wake);
	}
}

/* What the lane holds with the job in hand: nothing that the job's low place covers, and the job itself. */
static void
tell_ahead(struct flight_writer *w)
{
	size_t kept = 0;

	lt_buf_clear(&w->ahead_text);
	for (size_t i = 0; i < w->nahead; i++) {
		if (w->ahead[i].order <= w->job->low_order) {
			lt_buf_free(&w->ahead[i].line);
			continue;
		}
		lt_buf_str_add(&w->ahead_text, lt_buf_str(&w->ahead[i].line));
		w->ahead[kept++] = w->ahead[i];
	}
	w->nahead = kept;
	pipeline_window_line(&w->job->begin, &w->job->end, &w->ahead_text);
	w->hooks.ahead = lt_buf_str(&w->ahead_text);
}

static void
remember_ahead(struct flight_writer *w)
{
	struct flight_ahead *a;

	if (w->nahead == w->ahead_cap) {
		w->ahead_cap = w->ahead_cap > 0 ? w->ahead_cap * 2 : 8;
		w->ahead = lt_realloc(w->ahead, w->ahead_cap * sizeof(*w->ahead));
	}
	a = &w->ahead[w->nahead++];
	*a = (struct flight_ahead){ .order = w->job->order };
	pipeline_window_line(&w->job->begin, &w->job->end, &a->line);
}

static void
apply(struct flight_writer *w)
{
	struct flight_job *job = w->job;
	const struct change_position *end = w->turns->free ? &job->low : &job->end;
	size_t culprit;

	memset(&job->err, 0, sizeof(job->err));
	w->hooks.number = job->number;
	if (w->turns->free)
		tell_ahead(w);
	w->began_us = lt_mono_us(w->clock);
	atomic_store(&w->awaited_rows, 0);
	atomic_store(&w->order, job->order);
	atomic_store(&w->phase, FLIGHT_SENDS);
	job->ok = !is_off(w) ? w->sink->ops->apply(w->sink, job->txns, job->count, end, &job->done, &culprit, &job->err)
			     : lt_fail(&job->err, LT_E_CANCELLED, "the group gives way to those before it");
	if (job->ok && w->turns->free)
		remember_ahead(w);
	else if (job->ok)
		pass_turn_on(w);
	atomic_store(&w->phase, FLIGHT_IDLE);
	lt_step("flight.passed");
}

static void
writer_main(void *arg)
{
	struct flight_writer *w = arg;
	enum lt_queue_end end;
	void *item = NULL;

	while ((end = lt_queue_pop(w->work, &item, PIPELINE_STAY_MS)) != LT_QUEUE_CLOSED) {
		if (end == LT_QUEUE_TIMEOUT) {
			(void)!my_ping(pipeline_load_conn(w->sink), NULL); /* whoever has a group for it is told */
			continue;
		}
		w->job = item;
		apply(w);
		w->job = NULL;
		LT_ASSERT(lt_queue_push(w->back, item, 0, -1) == LT_QUEUE_DONE);
	}
}

bool
flight_writer_open(struct flight_writer *w, struct change_sink *first, size_t lane, struct lt_err *err)
{
	if (!pipeline_load_open_writer(first, lane, &w->sink, err))
		return false;
	w->session = pipeline_load_session(w->sink);
	w->wake = lt_wake_new();
	return true;
}

void
flight_writer_start(struct flight_writer *w)
{
	w->hooks = (struct pipeline_load_turn){ .wait = wait_for_turn, .called_off = called_off, .ctx = w };
	pipeline_load_take_turns(w->sink, &w->hooks);
	w->thread = lt_thread_start("writer", writer_main, w);
}

void
flight_writer_close(struct flight_writer *w)
{
	lt_thread_join(w->thread);
	if (w->sink != NULL)
		w->sink->ops->close(w->sink);
	lt_wake_free(w->wake);
	for (size_t i = 0; i < w->nahead; i++)
		lt_buf_free(&w->ahead[i].line);
	free(w->ahead);
	lt_buf_free(&w->ahead_text);
}
