#include "pipeline/pipeline_priv.h"

#include <stdio.h>

/* Pauses between tries while a server is away. */
#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 30000
#define RATE_US 2000000

/* So often a COMMIT at the same place may be answered with an error: with the pauses, for some seconds. */
#define COMMIT_TRIES 6

const char *
pipeline_state_name(enum pipeline_state s)
{
	static const char *const names[] = { [PIPELINE_STARTING] = "retrying",
		[PIPELINE_RUNNING] = "running",
		[PIPELINE_RETRYING] = "retrying",
		[PIPELINE_STOPPED] = "stopped",
		[PIPELINE_PAUSED] = "paused",
		[PIPELINE_ENDED] = "stopped" };

	return names[s];
}

/* Rows a second, over windows of two seconds. */
static void
measure_rate(struct pipeline *p)
{
	uint64_t now = lt_mono_us(p->clock), span = now - p->rate_us;

	if (span < RATE_US)
		return;
	p->rate = (double)(p->now.rows - p->rate_rows) * 1e6 / (double)span;
	p->rate_rows = p->now.rows;
	p->rate_us = now;
}

void
pipeline_publish(struct pipeline *p)
{
	measure_rate(p);
	p->now.rows_per_s = p->rate;
	p->now.applied = p->applied.place;
	p->now.saved = p->saved;
	lt_cell_set(p->status, &p->now);
	pipeline_progress_set(p->progress, &p->applied);
}

static void
tell_change(struct pipeline *p)
{
	if (p->origin.changed != NULL)
		lt_wake_raise(p->origin.changed);
}

static void
name_pipeline(const struct pipeline *p, struct lt_err *err)
{
	snprintf(err->where.pipeline, sizeof(err->where.pipeline), "%s %s", p->channel->name, p->model->name);
}

/* Another state than before; what the reader met was shown at once. */
static void
enter(struct pipeline *p, enum pipeline_state state)
{
	struct pipeline_reader_end end;

	lt_cell_get(p->reader_end, &end);
	p->now.since_us = lt_wall_us(p->clock);
	if (p->now.state == PIPELINE_RUNNING && state == PIPELINE_RETRYING && end.err.code != LT_OK)
		p->now.since_us = end.since_us;
	p->now.tries = 0;
	p->now.state = state;
}

void
pipeline_set_state(struct pipeline *p, enum pipeline_state state, const struct lt_err *err)
{
	if (p->now.state != state)
		enter(p, state);
	p->now.tries += state == PIPELINE_RETRYING ? 1 : 0;
	p->now.err = err != NULL ? *err : (struct lt_err){ 0 };
	if (err != NULL)
		name_pipeline(p, &p->now.err);
	pipeline_publish(p);
	tell_change(p);
}

void
pipeline_note_reader_end(struct pipeline *p, const struct lt_err *err)
{
	struct pipeline_reader_end end = { .err = *err, .since_us = lt_wall_us(p->clock) };

	if (lt_err_kind(err) != LT_KIND_RETRY || err->code == LT_E_CANCELLED)
		return;
	name_pipeline(p, &end.err);
	lt_cell_set(p->reader_end, &end);
	tell_change(p);
}

void
pipeline_note_running(struct pipeline *p, bool begins)
{
	bool owes = p->owed.file[0] != '\0' && change_place_cmp(&p->applied.place, &p->owed) <= 0;

	if (p->now.state == PIPELINE_RETRYING ? owes : !begins)
		return;
	pipeline_set_state(p, PIPELINE_RUNNING, NULL);
}

void
pipeline_note_ready(struct pipeline *p)
{
	atomic_store(&p->ready, true);
	tell_change(p);
}

/* After an error: wait until it makes sense to try again. False: end. */
static bool
pause_after(struct pipeline *p, const struct lt_err *err, int *pause_ms)
{
	bool ended = false;

	/* A lock met outside of a group: somebody holds what schema lutra needs, such as a commit in doubt (R2). */
	if (lt_err_kind(err) == LT_KIND_RETRY || err->code == LT_E_LOCK_WAIT || err->code == LT_E_DEADLOCK) {
		p->now.retries++;
		pipeline_set_state(p, PIPELINE_RETRYING, err);
		pipeline_orders_wait(p, *pause_ms, &ended);
		*pause_ms = LT_MIN(*pause_ms * 2, PAUSE_MAX_MS);
		return !ended;
	}
	p->now.turn++;
	pipeline_set_state(p, PIPELINE_STOPPED, err);
	while (!pipeline_orders_wait(p, -1, &ended)) {
		if (ended)
			return false;
	}
	*pause_ms = PAUSE_FIRST_MS;
	return true;
}

/* Each of these ended a run; the claim of the next one found that nothing had been committed (R2). */
static void
count_doubt(struct pipeline *p, struct lt_err *err)
{
	if (err->code != LT_E_COMMIT_UNSURE)
		return;
	if (!pipeline_in_doubt(p)) {
		p->doubt.at = p->applied.place;
		p->doubt.count = 0;
	}
	if (++p->doubt.count < COMMIT_TRIES)
		return;
	p->doubt.count = 0;
	lt_wrap(err, "%d times, and the target was without the transaction whenever it was asked", COMMIT_TRIES);
	err->code = LT_E_COMMIT_REFUSED;
}

/* Paused: until somebody resumes it. False: end. */
static bool
wait_paused(struct pipeline *p)
{
	bool ended = false;

	pipeline_set_state(p, PIPELINE_PAUSED, NULL);
	pipeline_note_ready(p); /* it stands where it is to stand */
	while (p->paused && !ended)
		pipeline_orders_wait(p, -1, &ended);
	return !ended;
}

static void
loader_main(void *arg)
{
	struct pipeline *p = arg;
	int pause_ms = PAUSE_FIRST_MS;

	while (!atomic_load(&p->ending)) {
		uint64_t groups = p->now.groups;
		struct lt_err err = { 0 };

		if (p->paused && !wait_paused(p))
			break;
		if (pipeline_session(p, &err) || p->paused)
			continue;
		if (atomic_load(&p->ending) || err.code == LT_OK)
			break;
		if (p->now.groups > groups)
			pause_ms = PAUSE_FIRST_MS; /* it did run */
		count_doubt(p, &err);
		if (!pause_after(p, &err, &pause_ms))
			break;
	}
	pipeline_set_state(p, PIPELINE_ENDED, p->now.err.code != LT_OK ? &p->now.err : NULL);
}

struct pipeline *
pipeline_start(const struct model_channel *channel, size_t index, const struct pipeline_origin *origin,
    const struct pipeline_trace *trace, const struct lt_clock *clock)
{
	struct pipeline *p = lt_new(struct pipeline);

	p->channel = channel;
	p->model = &channel->pipelines[index];
	p->index = index;
	p->origin = *origin;
	p->trace = *trace;
	p->clock = clock;
	p->orders = lt_queue_new(SIZE_MAX);
	p->status = lt_cell_new(sizeof(struct pipeline_status));
	p->read = lt_cell_new(sizeof(struct pipeline_read));
	p->reader_end = lt_cell_new(sizeof(struct pipeline_reader_end));
	p->progress = pipeline_progress_new();
	p->pause = lt_wake_new();
	change_position_init(&p->applied);
	change_position_init(&p->stop.end);
	change_position_init(&p->left.end);
	p->rate_us = lt_mono_us(clock);
	p->now.delay_ms = p->model->delay_ms;
	pipeline_set_state(p, PIPELINE_STARTING, NULL);
	p->thread = lt_thread_start("loader", loader_main, p);
	return p;
}

void
pipeline_end(struct pipeline *p)
{
	atomic_store(&p->ending, true);
	lt_queue_close(p->orders);
	lt_wake_raise(p->pause);
	if (p->origin.stop != NULL)
		lt_wake_raise(p->origin.stop);
}

void
pipeline_free(struct pipeline *p)
{
	if (p == NULL)
		return;
	pipeline_end(p);
	lt_thread_join(p->thread);
	lt_queue_free(p->orders, pipeline_order_unref);
	lt_cell_free(p->status);
	lt_cell_free(p->read);
	lt_cell_free(p->reader_end);
	pipeline_progress_free(p->progress);
	lt_wake_free(p->pause);
	change_position_clear(&p->applied);
	pipeline_stop_clear(&p->stop);
	change_position_clear(&p->stop.end);
	change_position_clear(&p->left.end);
	lt_buf_free(&p->stop.statement);
	lt_buf_free(&p->stop.schema);
	schema_history_free(p->history);
	free(p->retry_why);
	free(p);
}

static uint64_t
bytes_between(const struct change_place *from, const struct change_place *to)
{
	if (strcmp(from->file, to->file) != 0)
		return to->pos; /* at least the part of the newest file */
	return to->pos > from->pos ? to->pos - from->pos : 0;
}

void
pipeline_status_get(struct pipeline *p, struct pipeline_status *out)
{
	struct pipeline_reader_end end;
	struct pipeline_read read;

	lt_cell_get(p->status, out);
	lt_cell_get(p->reader_end, &end);
	lt_cell_get(p->read, &read);
	/* The loader, who enters the state, may be waiting for an answer of the target. */
	if (out->state == PIPELINE_RUNNING && end.err.code != LT_OK) {
		out->state = PIPELINE_RETRYING;
		out->err = end.err;
		out->since_us = end.since_us;
		out->tries = 1;
	}
	if (read.place.file[0] == '\0' || change_place_cmp(&read.place, &out->applied) < 0)
		read.place = out->applied;
	out->read = read.place;
	memcpy(out->read_gtid, read.gtid, sizeof(out->read_gtid));
	out->lag_ms = LT_MAX(out->lag_ms, pipeline_age_ms(p, atomic_load(&p->waiting_us)));
	out->lag_bytes = bytes_between(&out->applied, &out->read);
	out->memory_bytes = atomic_load(&p->queued_bytes) + atomic_load(&p->group_bytes);
}

const char *
pipeline_name(const struct pipeline *p)
{
	return p->model->name;
}

bool
pipeline_has_applied(struct pipeline *p, const struct change_position *end)
{
	return pipeline_progress_covers(p->progress, end);
}

void
pipeline_source_server(struct pipeline *p, char *out)
{
	pipeline_progress_server(p->progress, out);
}

bool
pipeline_is_ready(struct pipeline *p)
{
	return atomic_load(&p->ready);
}
