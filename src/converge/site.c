#include "base/cond.h"
#include "converge/site_priv.h"
#include "pipeline/connect.h"

#define PAUSE_MS 50
#define NOTICE_MS 50
#define LEAVE_MS 10000
#define HALT_MS 20000
/* So long the observing reader of a site may take to come to the end of its log, to be asked what the site has. */
#define LACKS_MS 2000

static void
list_senders(struct converge_site *s)
{
	s->sent = lt_calloc(s->channel->npipelines, sizeof(*s->sent));
	s->altered_by = lt_calloc(s->channel->npipelines, sizeof(*s->altered_by));
	for (size_t i = 0; i < s->channel->npipelines; i++) {
		if (s->channel->pipelines[i].from != s->index)
			continue;
		s->sent[s->nsent].pipeline = i;
		change_position_init(&s->sent[s->nsent++].saved);
	}
}

void
converge_site_expect_peers(struct converge_site *s)
{
	conflict_peers_free(&s->heard);
	conflict_peers_free(&s->durable);
	for (size_t i = 0; i < s->channel->nsites; i++) {
		if (i == s->index)
			continue;
		conflict_peers_add(&s->heard, s->channel->sites[i].id);
		conflict_peers_add(&s->durable, s->channel->sites[i].id);
	}
}

static void *
take(void *ctx, size_t size)
{
	return change_heap_take(ctx, size);
}

static void
give(void *ctx, void *ptr, size_t size)
{
	change_heap_give(ctx, ptr, size);
}

struct converge_site *
converge_site_start(const struct model_channel *channel, size_t site, const struct pipeline_origin *origin,
    struct change_spill_room *room, const struct lt_clock *clock)
{
	struct converge_site *s = lt_new(struct converge_site);

	s->channel = channel;
	s->model = &channel->sites[site];
	s->index = site;
	s->origin = *origin;
	s->clock = clock;
	s->interval_us = (int64_t)channel->conflicts.heartbeat_ms * 1000;
	s->heap = change_heap_new(channel->memory_bytes / PIPELINE_MEMORY_SHARES, room);
	s->memory = (struct conflict_room){ take, give, s->heap };
	s->stop = origin->stop;
	pthread_mutex_init(&s->lock, NULL);
	lt_cond_init(&s->moved);
	change_position_init(&s->at);
	converge_turn_init(&s->turn);
	converge_site_expect_peers(s);
	list_senders(s);
	for (size_t i = 0; i < channel->nsites; i++) {
		if (i != site)
			s->status.peers[s->status.npeers++].name = channel->sites[i].name;
	}
	s->rounds = lt_calloc(channel->npipelines, sizeof(*s->rounds));
	change_position_init(&s->sweep_at);
	converge_turn_init(&s->sweep_turn);
	s->status.believed = true; /* until its clock was looked at */
	s->keeping = lt_thread_start("keeper", converge_keep, s);
	s->observing = lt_thread_start("observer", converge_observe, s);
	return s;
}

void
converge_site_end(struct converge_site *s)
{
	lt_wake_raise(s->stop);
	pthread_mutex_lock(&s->lock);
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

bool
converge_site_is_ending(const struct converge_site *s)
{
	return lt_wake_raised(s->stop);
}

void
converge_site_free(struct converge_site *s)
{
	if (s == NULL)
		return;
	converge_site_end(s);
	lt_thread_join(s->observing);
	lt_thread_join(s->keeping);
	converge_site_forget_stored(s);
	for (size_t i = 0; i < s->nsent; i++)
		change_position_clear(&s->sent[i].saved);
	free(s->sent);
	free(s->altered_by);
	converge_site_clear_rounds(s);
	free(s->rounds);
	converge_site_forget_files(s);
	conflict_sweeping_free(s->sweeping);
	change_position_clear(&s->sweep_at);
	conflict_vector_free(&s->swept);
	conflict_observer_free(s->observer);
	change_heap_free(s->heap);
	conflict_peers_free(&s->heard);
	conflict_peers_free(&s->durable);
	change_position_clear(&s->at);
	converge_turn_clear(&s->turn);
	converge_turn_clear(&s->sweep_turn);
	pthread_cond_destroy(&s->moved);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

const struct model_mapping *
converge_site_mapping(const struct converge_site *s)
{
	for (size_t i = 0; i < s->channel->npipelines; i++) {
		if (s->channel->pipelines[i].from == s->index)
			return s->channel->pipelines[i].mapping;
	}
	return s->channel->pipelines[0].mapping;
}

bool
converge_site_wait(struct converge_site *s, unsigned tries)
{
	int ms = PAUSE_MS << LT_MIN(tries, 10u);

	lt_wake_wait(s->stop, LT_MIN(ms, CONVERGE_PAUSE_MAX_MS));
	return !converge_site_is_ending(s);
}

/* -- the fence ------------------------------------------------------------------------------------ */

/* Behind the lock: until something moved, for a moment at most. */
static void
wait_moved(struct converge_site *s, unsigned limit_ms)
{
	struct timespec until = lt_cond_deadline(LT_MIN(limit_ms, NOTICE_MS));

	pthread_cond_timedwait(&s->moved, &s->lock, &until);
}

/* Behind the lock. */
static bool
has_passed(const struct converge_site *s, const char *server, const struct change_place *end)
{
	return s->observer != NULL && strcmp(s->at.server, server) == 0 && change_place_cmp(&s->read, end) >= 0;
}

bool
converge_site_has_read(struct converge_site *s, const char *server, const struct change_place *place)
{
	bool has;

	pthread_mutex_lock(&s->lock);
	has = s->observer != NULL && (strcmp(s->at.server, server) != 0 || has_passed(s, server, place));
	pthread_mutex_unlock(&s->lock);
	return has;
}

static bool
fail_late(const struct converge_site *s, const struct change_place *end, struct lt_err *err)
{
	if (s->status.err.code != LT_OK)
		return lt_fail(err, LT_E_FENCE_LATE, "site %s: its log is not read: E%d %s", s->model->name,
		    (int)s->status.err.code, s->status.err.message);
	return lt_fail(err, LT_E_FENCE_LATE, "site %s: its log is read up to %s:%llu, not to its end at %s:%llu",
	    s->model->name, s->read.file, (unsigned long long)s->read.pos, end->file, (unsigned long long)end->pos);
}

bool
converge_site_fence(struct converge_site *s, const char *server, const struct change_place *end, unsigned limit_ms,
    struct lt_wake *stop, struct lt_err *err)
{
	uint64_t began = lt_mono_us(s->clock), deadline = began + (uint64_t)limit_ms * 1000;
	bool passed;

	pthread_mutex_lock(&s->lock);
	while (!(passed = has_passed(s, server, end)) && lt_mono_us(s->clock) < deadline &&
	       !converge_site_is_ending(s) && !(stop != NULL && lt_wake_raised(stop)))
		wait_moved(s, limit_ms);
	s->status.fence_us += lt_mono_us(s->clock) - began; /* who waits in steps asks several times for one fence */
	if (passed) {
		s->status.fences++;
	} else if (converge_site_is_ending(s) || (stop != NULL && lt_wake_raised(stop))) {
		lt_fail(err, LT_E_CANCELLED, "the pipeline ends");
	} else {
		fail_late(s, end, err);
	}
	pthread_mutex_unlock(&s->lock);
	return passed;
}

const struct conflict_observer *
converge_site_hold(struct converge_site *s)
{
	pthread_mutex_lock(&s->lock);
	return s->observer;
}

const struct conflict_peers *
converge_site_held_peers(const struct converge_site *s)
{
	return &s->heard;
}

void
converge_site_release(struct converge_site *s)
{
	pthread_mutex_unlock(&s->lock);
}

const struct conflict_observer *
converge_site_hold_past(struct converge_site *s, const char *server, const struct change_place *end)
{
	pthread_mutex_lock(&s->lock);
	return has_passed(s, server, end) ? s->observer : NULL;
}

/* -- beginning anew ------------------------------------------------------------------------------- */

void
converge_site_start_over(struct converge_site *s)
{
	conflict_observer_free(s->observer);
	s->observer = NULL;
	s->life++;
	converge_site_clear_rounds(s);
	converge_site_expect_peers(s);
	s->turn.origin = 0;
	s->read = (struct change_place){ .file = "" };
	s->based = false;
	pthread_cond_broadcast(&s->moved);
}

bool
converge_site_halt(struct converge_site *s, struct lt_wake *gone, struct lt_err *err)
{
	uint64_t deadline = lt_mono_us(s->clock) + (uint64_t)HALT_MS * 1000;
	bool ends = false, rests = false;

	pthread_mutex_lock(&s->lock);
	s->halted = true;
	s->reader_rests = s->keeper_rests = false;
	while (!rests && !ends && lt_mono_us(s->clock) < deadline) {
		wait_moved(s, NOTICE_MS);
		rests = s->reader_rests && s->keeper_rests;
		ends = converge_site_is_ending(s) || lt_wake_raised(gone);
	}
	if (!rests && ends)
		lt_fail(err, LT_E_CANCELLED, "the wait for site %s ends", s->model->name);
	else if (!rests)
		lt_fail(err, LT_E_TIMEOUT, "site %s was not at rest within %d s", s->model->name, HALT_MS / 1000);
	pthread_mutex_unlock(&s->lock);
	return rests;
}

void
converge_site_go_on(struct converge_site *s)
{
	pthread_mutex_lock(&s->lock);
	s->halted = false;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

/* -- for who sends -------------------------------------------------------------------------------- */

/** Looking for a checkpoint that is not behind `from`. */
struct search {
	const struct change_position *from;
	struct change_position *place; /* out */
	struct lt_arena *arena;
	struct conflict_checkpoint *state; /* out */
	bool found;
};

static void
copy_checkpoint(const struct conflict_checkpoint *c, struct lt_arena *arena, struct conflict_checkpoint *out)
{
	*out = *c;
	out->place = lt_arena_str(arena, c->place);
	out->turn = lt_arena_str(arena, c->turn);
	out->seen = conflict_vector_copy(&c->seen, arena);
	out->pins = lt_arena_alloc(arena, c->npins * sizeof(*out->pins));
	for (uint32_t i = 0; i < c->npins; i++) {
		out->pins[i] = c->pins[i];
		out->pins[i].key = lt_arena_str(arena, c->pins[i].key);
	}
}

bool
converge_site_reaches(const struct change_position *checkpoint, const struct change_position *from)
{
	if (strcmp(checkpoint->server, from->server) == 0 && checkpoint->place.file[0] != '\0' &&
	    from->place.file[0] != '\0')
		return change_place_cmp(&checkpoint->place, &from->place) <= 0;
	return change_gtid_set_subset(checkpoint->gtids, from->gtids);
}

static bool
not_behind(void *ctx, const struct converge_found *found, struct lt_err *err)
{
	struct search *s = ctx;

	(void)err;
	s->found = converge_site_reaches(&found->at, s->from);
	if (!s->found)
		return true;
	change_position_copy(s->place, &found->at);
	copy_checkpoint(&found->state, s->arena, s->state);
	return false;
}

bool
converge_site_await(struct converge_site *s, struct lt_err *err)
{
	bool based;

	pthread_mutex_lock(&s->lock);
	while (!s->based && s->keeper_err.code == LT_OK && !converge_site_is_ending(s))
		pthread_cond_wait(&s->moved, &s->lock);
	based = s->based;
	if (!based && s->keeper_err.code != LT_OK)
		*err = s->keeper_err;
	else if (!based)
		lt_fail(err, LT_E_CANCELLED, "the site ends");
	pthread_mutex_unlock(&s->lock);
	return based;
}

bool
converge_site_checkpoint(struct converge_site *s, const struct change_position *from, struct change_position *place,
    struct lt_arena *arena, struct conflict_checkpoint *state, struct lt_err *err)
{
	return converge_site_await(s, err) && converge_site_stored(s, from, place, arena, state, err);
}

bool
converge_site_stored(struct converge_site *s, const struct change_position *from, struct change_position *place,
    struct lt_arena *arena, struct conflict_checkpoint *state, struct lt_err *err)
{
	struct search search = { .from = from, .place = place, .arena = arena, .state = state };
	struct my_conn *c = NULL;
	bool ok;

	ok = pipeline_connect(s->model, false, s->stop, &c, err) && converge_store_each(s, c, not_behind, &search, err);
	my_close(c);
	if (!ok)
		return lt_wrap(err, "while looking for a checkpoint of site %s", s->model->name);
	return search.found ||
	       lt_fail(err, LT_E_CHECKPOINT_GONE, "site %s: lutra.checkpoint has none at or before %s:%llu",
		   s->model->name, from->place.file, (unsigned long long)from->place.pos);
}

void
converge_site_sent(struct converge_site *s, size_t pipeline, const struct change_position *saved)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->nsent; i++) {
		if (s->sent[i].pipeline != pipeline)
			continue;
		change_position_copy(&s->sent[i].saved, saved);
		s->sent[i].known = true;
	}
	pthread_mutex_unlock(&s->lock);
}

void
converge_site_look(struct converge_site *s, size_t pipeline)
{
	pthread_mutex_lock(&s->lock);
	s->altered_by[pipeline] = s->altered;
	pthread_mutex_unlock(&s->lock);
}

bool
converge_site_is_as_looked(struct converge_site *s, size_t pipeline)
{
	bool same;

	pthread_mutex_lock(&s->lock);
	same = s->altered_by[pipeline] == s->altered;
	pthread_mutex_unlock(&s->lock);
	return same;
}

void
converge_site_hear(struct converge_site *s, uint32_t peer, const struct conflict_vector *seen)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0, k = 0; i < s->channel->nsites; i++) {
		if (i != s->index && s->channel->sites[i].id == peer)
			s->status.peers[k].at_us = lt_wall_us(s->clock);
		k += i != s->index;
	}
	if (!s->halted)
		conflict_peers_hear(&s->heard, peer, seen);
	pthread_mutex_unlock(&s->lock);
}

/* -- what it wrote once --------------------------------------------------------------------------- */

/* Behind the lock: why reading does not begin; code 0: nothing is in its way. */
static const struct lt_err *
why_not_begun(const struct converge_site *s)
{
	return s->status.err.code != LT_OK ? &s->status.err : &s->keeper_err;
}

bool
converge_site_origin(struct converge_site *s, struct lt_wake *stop, uint32_t *origin, struct lt_err *err)
{
	bool begun, stopped = false;

	pthread_mutex_lock(&s->lock);
	while (!(begun = s->observer != NULL) && why_not_begun(s)->code == LT_OK && !stopped) {
		wait_moved(s, NOTICE_MS);
		stopped = converge_site_is_ending(s) || (stop != NULL && lt_wake_raised(stop));
	}
	if (begun)
		*origin = s->turn.origin != 0 ? s->turn.origin : conflict_observer_clock(s->observer)->origin;
	else if (stopped)
		lt_fail(err, LT_E_CANCELLED, "the wait for site %s ends", s->model->name);
	else
		lt_fail(err, LT_E_FENCE_LATE, "site %s: its log is not read: E%d %s", s->model->name,
		    (int)why_not_begun(s)->code, why_not_begun(s)->message);
	pthread_mutex_unlock(&s->lock);
	return begun;
}

uint64_t
converge_site_survived(struct converge_site *s, uint32_t origin)
{
	uint64_t seq;

	pthread_mutex_lock(&s->lock);
	seq = conflict_peers_survived(&s->heard, origin);
	pthread_mutex_unlock(&s->lock);
	return seq;
}

uint64_t
converge_site_seen(struct converge_site *s, uint32_t origin)
{
	uint64_t seq;

	pthread_mutex_lock(&s->lock);
	seq = s->observer != NULL ? conflict_vector_get(&conflict_observer_clock(s->observer)->seen, origin) : 0;
	pthread_mutex_unlock(&s->lock);
	return seq;
}

bool
converge_site_lacks(
    struct converge_site *s, struct conflict_version version, struct lt_wake *stop, bool *lacks, struct lt_err *err)
{
	struct change_position end;
	bool ok;

	change_position_init(&end);
	ok = s->origin.now(s->origin.ctx, &end, err) &&
	     converge_site_fence(s, end.server, &end.place, LACKS_MS, stop, err);
	change_position_clear(&end);
	*lacks = converge_site_seen(s, version.origin) < version.seq;
	return ok;
}

/* -- peers that leave ----------------------------------------------------------------------------- */

bool
converge_site_knows(struct converge_site *s, uint32_t peer, uint64_t *seq)
{
	bool knows;

	pthread_mutex_lock(&s->lock);
	knows = conflict_peers_seen(&s->heard, peer) != NULL;
	*seq = s->observer != NULL
		   ? conflict_vector_get(&conflict_observer_clock(s->observer)->seen, conflict_origin(peer, 0))
		   : 0;
	pthread_mutex_unlock(&s->lock);
	return knows;
}

bool
converge_site_leave(struct converge_site *s, uint32_t peer, struct lt_wake *gone, struct lt_err *err)
{
	uint64_t deadline = lt_mono_us(s->clock) + (uint64_t)LEAVE_MS * 1000;
	bool ends = false, left = false;

	pthread_mutex_lock(&s->lock);
	s->leaving = peer; /* of the keeper, which writes what was heard */
	while (!left && !ends && lt_mono_us(s->clock) < deadline) {
		wait_moved(s, NOTICE_MS);
		left = s->leaving != peer;
		ends = converge_site_is_ending(s) || lt_wake_raised(gone);
	}
	if (!left && ends)
		lt_fail(err, LT_E_CANCELLED, "the wait for site %s ends", s->model->name);
	else if (!left)
		lt_fail(err, LT_E_TIMEOUT, "site %s was not written within %d s: it is done once it can be%s%s",
		    s->model->name, LEAVE_MS / 1000, s->keeper_err.code != LT_OK ? ": " : "", s->keeper_err.message);
	pthread_mutex_unlock(&s->lock);
	return left;
}
