/* The keeper: heartbeats and checkpoints go into the site's own database, and so into its log. */
#include "base/log.h"
#include "converge/heal_priv.h"
#include "converge/record.h"
#include "converge/site_priv.h"
#include "pipeline/connect.h"

#define IO_TIMEOUT_MS 10000
/* So many heartbeats from one checkpoint to the next. */
#define CHECKPOINT_BEATS 10
#define TRIM_US 60000000
/* Checkpoints from the oldest that is needed on: about so many, so they lie the wider apart the longer a peer is away.
 */
#define CHECKPOINTS 64
#define MANY ((size_t)2 * CHECKPOINTS)
#define MANY_SHIFT_MAX 16
/* Kept though a newer one may be used: a place that a person gives, or a target that was restored, may lie behind. */
#define SPARE 8
/* Of what is remembered, so many keys are looked at while the fence is held; then others may have it. */
#define SWEEP_LOOKS 1024
#define SWEEP_PAUSE_MS 1
/* A walk through all of it takes this part of the time at most. */
#define SWEEP_SHARE 10
/* A larger one (some 20 000 rows in the way of parked ones, each ten heartbeats) is not written: the one before serves
 * as well, and more of the log is read again from there. */
#define CHECKPOINT_MAX ((size_t)1 << 20)

/* -- checkpoints ---------------------------------------------------------------------------------- */

static void
add_stored(struct converge_site *s, uint64_t id, uint64_t made_us, const struct conflict_vector *seen,
    const struct change_position *at)
{
	if (s->nstored == s->stored_cap) {
		s->stored_cap = s->stored_cap > 0 ? s->stored_cap * 2 : 16;
		s->stored = lt_realloc(s->stored, s->stored_cap * sizeof(*s->stored));
	}
	s->stored[s->nstored] = (struct converge_stored){ .id = id, .made_us = made_us };
	change_position_init(&s->stored[s->nstored].at);
	change_position_copy(&s->stored[s->nstored].at, at);
	conflict_vector_merge(&s->stored[s->nstored++].seen, seen);
}

/* They come newest first. */
static bool
load_stored(void *ctx, const struct converge_found *found, struct lt_err *err)
{
	struct converge_site *s = ctx;

	(void)err;
	add_stored(s, found->id, found->made_us, &found->state.seen, &found->at);
	for (size_t i = s->nstored - 1; i > 0; i--) {
		struct converge_stored one = s->stored[i];

		s->stored[i] = s->stored[i - 1];
		s->stored[i - 1] = one;
	}
	return true;
}

static bool
drop_stored(struct converge_site *s, size_t at, struct lt_err *err)
{
	if (!converge_store_drop(s, s->conn, s->stored[at].id, err))
		return false;
	conflict_vector_free(&s->stored[at].seen);
	change_position_clear(&s->stored[at].at);
	s->nstored--;
	memmove(&s->stored[at], &s->stored[at + 1], (s->nstored - at) * sizeof(*s->stored));
	return true;
}

/* From that one on a peer may need the log. */
static void
note_needed(struct converge_site *s, size_t usable)
{
	if (usable >= s->nstored)
		return;
	pthread_mutex_lock(&s->lock);
	s->status.forgotten_us = s->stored[usable].made_us;
	s->status.purges = s->expire_us > 0;
	s->status.purge_left_us = (int64_t)(s->stored[usable].made_us + s->expire_us) - (int64_t)lt_wall_us(s->clock);
	pthread_mutex_unlock(&s->lock);
}

/* Behind the lock. Where one of them stands nobody knows before it has begun in this process. */
static bool
all_senders_known(const struct converge_site *s)
{
	for (size_t i = 0; i < s->nsent; i++) {
		if (!s->sent[i].known)
			return false;
	}
	return true;
}

/* Behind the lock. Every sender could begin there, should it begin again. */
static bool
all_sent_behind(const struct converge_site *s, const struct change_position *checkpoint)
{
	for (size_t i = 0; i < s->nsent; i++) {
		if (!converge_site_reaches(checkpoint, &s->sent[i].saved))
			return false;
	}
	return true;
}

/* The newest one that serves everybody: the observing reader, and all who send. */
static bool
find_usable(struct converge_site *s, size_t *usable)
{
	bool found = false;

	*usable = 0;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->nstored && all_senders_known(s); i++) {
		if (conflict_peers_have(&s->durable, &s->stored[i].seen) && all_sent_behind(s, &s->stored[i].at)) {
			*usable = i;
			found = true;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

/* What nobody can need any more; and of what a peer that is away may need, every second one when there are many. Which
 * ones are needed must be known: places of those behind one need not be behind its place, after a start. */
static bool
thin_out(struct converge_site *s, struct lt_err *err)
{
	size_t usable;
	bool found = find_usable(s, &usable);

	note_needed(s, usable);
	if (!found)
		return true;
	for (; usable > SPARE; usable--) {
		if (!drop_stored(s, 0, err))
			return false;
	}
	if (s->nstored <= MANY)
		return true;
	for (size_t i = usable + 1; i + 1 < s->nstored; i++) {
		if (!drop_stored(s, i, err))
			return false;
	}
	return true;
}

/* None goes while it is not known which are needed: then the longer that lasts, the fewer are written. */
static bool
are_too_many(const struct converge_site *s)
{
	size_t doubled = LT_MIN(s->nstored / MANY, (size_t)MANY_SHIFT_MAX);
	uint64_t pause_us = (uint64_t)s->interval_us * CHECKPOINT_BEATS;

	return doubled > 0 && lt_mono_us(s->clock) - s->stored_us < pause_us << doubled;
}

/* -- forgetting, and the checkpoint that comes of it ---------------------------------------------- */

/* Behind the lock. Where nothing more is seen by everyone, of what was told, than at the last walk, there is nothing to
 * forget: so while a peer is away nobody walks through all that waits for it. */
static void
begin_sweep(struct converge_site *s)
{
	bool parks = conflict_memory_parked(conflict_observer_memory(s->observer)) > 0, news;
	struct conflict_vector everyone = { 0 }, told = { 0 };

	conflict_peers_everyone(&s->heard, &everyone);
	conflict_vector_merge(&told, &everyone);
	conflict_vector_meet(&told, &conflict_observer_clock(s->observer)->seen);
	news = !conflict_vector_below(&told, &s->swept) || !conflict_vector_below(&s->swept, &told);
	s->sweeping = conflict_sweeping_new(s->observer, LT_STR(""), news || parks ? &everyone : NULL,
	    parks ? converge_site_keeps : NULL, s, CHECKPOINT_MAX);
	change_position_copy(&s->sweep_at, &s->at);
	converge_turn_copy(&s->sweep_turn, &s->turn);
	s->sweep_life = s->life;
	conflict_vector_free(&everyone);
	conflict_vector_free(&s->swept);
	s->swept = told;
}

static void
end_sweep(struct converge_site *s)
{
	conflict_sweeping_free(s->sweeping);
	s->sweeping = NULL;
	s->checkpoint_us = lt_mono_us(s->clock);
	s->swept_us = s->checkpoint_us - s->sweep_us;
}

static void
note_size(struct converge_site *s, bool too_large)
{
	if (too_large && !s->too_large)
		lt_log(LT_LOG_WARN,
		    "site %s: many rows are in the way of parked ones: no checkpoint is written until there are fewer",
		    s->model->name);
	s->too_large = too_large;
}

static bool
store_checkpoint(struct converge_site *s, const struct conflict_checkpoint *made, struct lt_err *err)
{
	struct conflict_checkpoint state = *made;
	struct lt_arena *arena = lt_arena_new();
	struct lt_buf bytes = { 0 };
	uint64_t id;
	bool ok;

	converge_turn_note(&s->sweep_turn, arena, &state);
	conflict_checkpoint_encode(&state, &bytes);
	ok = converge_store_put(s, s->conn, &s->sweep_at, lt_buf_str(&bytes), &id, err);
	if (ok) {
		s->stored_us = lt_mono_us(s->clock);
		add_stored(s, id, lt_wall_us(s->clock), &state.seen, &s->sweep_at);
	}
	lt_buf_free(&bytes);
	lt_arena_free(arena);
	return ok;
}

/* Behind a connection that is new the server may be another one, or have lost the end of its log, and the observer does
 * not know yet: what it has read is no place there. */
static bool
is_there(struct converge_site *s, bool *there, struct lt_err *err)
{
	const struct change_place *place = &s->sweep_at.place;

	*there = s->vouched || strcmp(s->server, s->sweep_at.server) == 0;
	if (s->vouched || !*there || place->file[0] == '\0' || place->last_pos == 0)
		return true;
	if (!converge_crash_log_has(&s->origin, s->server, place, there, err)) {
		if (lt_err_kind(err) == LT_KIND_RETRY)
			return false;
		*err = (struct lt_err){ 0 };
		*there = false;
	}
	s->vouched = *there;
	return true;
}

static bool
write_checkpoint(struct converge_site *s, struct lt_err *err)
{
	const struct conflict_checkpoint *made = conflict_sweeping_checkpoint(s->sweeping);
	bool ok, there = false;

	note_size(s, made == NULL);
	ok =
	    made == NULL || are_too_many(s) || (is_there(s, &there, err) && (!there || store_checkpoint(s, made, err)));
	end_sweep(s);
	return ok && thin_out(s, err);
}

static bool
is_sweep_due(const struct converge_site *s)
{
	uint64_t beats = s->crowded ? 1 : CHECKPOINT_BEATS, pause_us = beats * (uint64_t)s->interval_us;

	return lt_mono_us(s->clock) - s->checkpoint_us >= LT_MAX(pause_us, s->swept_us * SWEEP_SHARE);
}

/* Until all is done, or the next heartbeat is due. */
static bool
sweep(struct converge_site *s, struct lt_err *err)
{
	pthread_mutex_lock(&s->lock);
	s->crowded = change_heap_use(s->heap).over > 0;
	pthread_mutex_unlock(&s->lock);
	if (s->sweeping == NULL && is_sweep_due(s)) {
		s->sweep_us = lt_mono_us(s->clock);
		pthread_mutex_lock(&s->lock);
		if (s->observer != NULL)
			begin_sweep(s);
		pthread_mutex_unlock(&s->lock);
	}
	while (s->sweeping != NULL && !converge_site_is_ending(s)) {
		bool done, same;

		pthread_mutex_lock(&s->lock);
		same = s->life == s->sweep_life; /* else what it walks through is gone */
		done = same && conflict_sweeping_step(s->sweeping, s->observer, SWEEP_LOOKS);
		pthread_mutex_unlock(&s->lock);
		if (done)
			return write_checkpoint(s, err);
		if (!same) {
			end_sweep(s);
			break;
		}
		lt_wake_wait(s->stop, SWEEP_PAUSE_MS);
		if (lt_mono_us(s->clock) - s->beat_us >= (uint64_t)s->interval_us)
			break;
	}
	return true;
}

/* -- the first one -------------------------------------------------------------------------------- */

/* Nothing is recorded of the site: its history begins where its pipelines do. */
static bool
make_first(struct converge_site *s, struct lt_err *err)
{
	static const struct model_start now = { .kind = MODEL_START_NOW }; /* of a site that is no source */
	const struct model_start *start = NULL;
	struct conflict_checkpoint state = { .origin = conflict_origin(s->model->id, 0) };
	struct lt_buf bytes = { 0 };
	struct change_position at;
	uint64_t id;
	bool ok;

	for (size_t i = 0; i < s->channel->npipelines && start == NULL; i++) {
		if (s->channel->pipelines[i].from == s->index)
			start = &s->channel->pipelines[i].start;
	}
	change_position_init(&at);
	conflict_checkpoint_encode(&state, &bytes);
	ok = s->origin.begin(s->origin.ctx, start != NULL ? start : &now, &at, err) &&
	     converge_store_put(s, s->conn, &at, lt_buf_str(&bytes), &id, err);
	if (ok)
		add_stored(s, id, lt_wall_us(s->clock), &state.seen, &at);
	lt_buf_free(&bytes);
	change_position_clear(&at);
	return ok;
}

static bool
is_based(struct converge_site *s)
{
	bool based;

	pthread_mutex_lock(&s->lock);
	based = s->based;
	pthread_mutex_unlock(&s->lock);
	return based;
}

void
converge_site_forget_stored(struct converge_site *s)
{
	for (size_t i = 0; i < s->nstored; i++) {
		conflict_vector_free(&s->stored[i].seen);
		change_position_clear(&s->stored[i].at);
	}
	free(s->stored);
	s->stored = NULL;
	s->nstored = s->stored_cap = 0;
}

static bool
base(struct converge_site *s, struct lt_err *err)
{
	if (!is_based(s)) {
		converge_site_forget_stored(s);
		conflict_vector_free(&s->swept);
		pthread_mutex_lock(&s->lock);
		converge_site_expect_peers(s);
		pthread_mutex_unlock(&s->lock);
	}
	if (!converge_store_open(s, s->conn, err))
		return false;
	if (s->nstored == 0 && !converge_store_each(s, s->conn, load_stored, s, err))
		return false;
	if (s->nstored == 0 && !make_first(s, err))
		return false;
	pthread_mutex_lock(&s->lock);
	s->based = !s->halted;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
	return true;
}

/* -- heartbeats ----------------------------------------------------------------------------------- */

/* Whether the server's clock is to be believed, by ours. */
static bool
look_at_clock(struct converge_site *s, bool *believed, struct lt_err *err)
{
	struct my_rows *rows = NULL;
	uint64_t server = 0;
	int64_t skew;
	bool news;

	if (!my_query(s->conn, "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED)", &rows, err))
		return false;
	*believed = rows->nrows == 1 && lt_str_u64(my_rows_at(rows, 0, 0), &server) && server <= INT64_MAX;
	my_rows_free(rows);
	skew = (int64_t)server - (int64_t)lt_wall_us(s->clock);
	*believed = *believed && conflict_clock_believes((int64_t)server, (int64_t)lt_wall_us(s->clock),
				     (int64_t)s->channel->conflicts.max_skew_us);
	pthread_mutex_lock(&s->lock);
	news = *believed != s->status.believed;
	s->status.believed = *believed;
	s->status.skew_us = skew;
	pthread_mutex_unlock(&s->lock);
	if (news && !*believed)
		lt_log(LT_LOG_WARN, "site %s: its clock is %lld ms off ours: its heartbeats carry no time",
		    s->model->name, (long long)(skew / 1000));
	return true;
}

/* Behind the lock. Who is gone for good, and what was to be given back and is here, asks for nothing more. */
static void
drop_silent(struct converge_site *s, struct conflict_vector *here)
{
	conflict_peers_remove(&s->heard, s->leaving);
	conflict_peers_remove(&s->durable, s->leaving);
	if (s->observer != NULL && s->vouched)
		conflict_vector_merge(here, &conflict_observer_clock(s->observer)->seen);
	conflict_peers_arrived(&s->heard, here);
}

static bool
beat(struct converge_site *s, struct lt_err *err)
{
	struct conflict_peers heard = { 0 };
	struct conflict_vector here = { 0 };
	struct lt_buf bytes = { 0 };
	bool believed, ok;
	uint32_t leaving;

	pthread_mutex_lock(&s->lock);
	leaving = s->leaving;
	drop_silent(s, &here);
	conflict_peers_merge(&heard, &s->heard);
	pthread_mutex_unlock(&s->lock);
	conflict_peers_encode(&heard, &bytes);
	ok = look_at_clock(s, &believed, err) && converge_store_beat(s, s->conn, believed, lt_buf_str(&bytes), err);
	if (ok) {
		pthread_mutex_lock(&s->lock);
		conflict_peers_merge(&s->durable, &heard);
		conflict_peers_arrived(&s->durable, &here);
		s->leaving = s->leaving == leaving ? 0 : s->leaving;
		pthread_cond_broadcast(&s->moved);
		pthread_mutex_unlock(&s->lock);
	}
	lt_buf_free(&bytes);
	conflict_vector_free(&here);
	conflict_peers_free(&heard);
	return ok;
}

/* -- the thread ----------------------------------------------------------------------------------- */

/* Nothing tells whether its host will ever crash: so it runs, and says so. */
static bool
warn_of_settings(struct converge_site *s, struct lt_err *err)
{
	struct lt_buf frail = { 0 };
	bool ok = s->warned || converge_store_frail(s->conn, &frail, err);

	if (frail.len > 0)
		lt_log(LT_LOG_WARN,
		    "site %s: a crash of its host may take back what other sites have, and they differ then: %s; set "
		    "both to 1",
		    s->model->name, lt_buf_cstr(&frail));
	s->warned = ok;
	lt_buf_free(&frail);
	return ok;
}

/* Nothing that is written here may wait for long, nor keep others waiting (R4): no gap is locked where the conflict log
 * is trimmed. */
static bool
connect_and_base(struct converge_site *s, struct lt_err *err)
{
	static const char *const settings[] = {
		"SET SESSION autocommit=1, time_zone='+00:00', innodb_lock_wait_timeout=1",
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
	};

	if (s->conn != NULL && my_alive(s->conn) && is_based(s))
		return true;
	my_close(s->conn);
	s->conn = NULL;
	if (!pipeline_connect(s->model, false, s->stop, &s->conn, err))
		return false;
	my_set_io_timeout(s->conn, IO_TIMEOUT_MS);
	s->vouched = false;
	return s->origin.identity(s->origin.ctx, s->conn, s->server, err) &&
	       my_exec_all(s->conn, settings, LT_COUNT(settings), err) && warn_of_settings(s, err) &&
	       converge_store_expiry(s->conn, &s->expire_us, err) && base(s, err);
}

/* What was heard is whatever schema lutra says, once it goes on. */
static bool
rests(struct converge_site *s)
{
	bool halted;

	pthread_mutex_lock(&s->lock);
	halted = s->keeper_rests = s->halted;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
	return halted;
}

/* Once a minute; somebody may hold a line: then the next time. */
static bool
trim(struct converge_site *s, struct lt_err *err)
{
	uint64_t now = lt_mono_us(s->clock);

	if (s->trimmed && now - s->trim_us < TRIM_US)
		return true;
	s->trimmed = true;
	s->trim_us = now;
	if (converge_record_trim(s->conn, s->channel, s->status.believed, err))
		return true;
	if (err->code != LT_E_LOCK_WAIT && err->code != LT_E_DEADLOCK)
		return false;
	*err = (struct lt_err){ 0 };
	return true;
}

static bool
keep_once(struct converge_site *s, struct lt_err *err)
{
	s->beat_us = lt_mono_us(s->clock);
	if (rests(s))
		return true;
	return connect_and_base(s, err) && beat(s, err) && trim(s, err) && sweep(s, err);
}

/* Until the next heartbeat. */
static void
rest(struct converge_site *s)
{
	uint64_t since_us = lt_mono_us(s->clock) - s->beat_us;

	if (since_us < (uint64_t)s->interval_us)
		lt_wake_wait(s->stop, (int)(((uint64_t)s->interval_us - since_us) / 1000) + 1);
}

static void
note_end(struct converge_site *s, const struct lt_err *err)
{
	bool news;

	pthread_mutex_lock(&s->lock);
	news = err->code != LT_OK && s->keeper_err.code != err->code;
	s->keeper_err = *err;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
	if (news)
		lt_log(LT_LOG_WARN, "site %s: no heartbeat: E%d %s", s->model->name, (int)err->code, err->message);
}

void
converge_keep(void *site)
{
	struct converge_site *s = site;
	unsigned failed = 0;

	s->checkpoint_us = lt_mono_us(s->clock);
	do {
		struct lt_err err = { 0 };

		if (keep_once(s, &err)) {
			failed = 0;
		} else if (err.code != LT_E_CANCELLED) {
			failed++;
			my_close(s->conn);
			s->conn = NULL;
		}
		if (!converge_site_is_ending(s))
			note_end(s, &err);
		if (failed == 0)
			rest(s);
	} while (failed > 0 ? converge_site_wait(s, failed) : !converge_site_is_ending(s));
	my_close(s->conn);
}
