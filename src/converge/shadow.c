#include "converge/shadow.h"

#include "base/log.h"
#include "converge/changes.h"
#include "converge/record.h"
#include "converge/rows.h"

/** A change that met a write of the target. */
struct hit {
	const struct conflict_change *change;
	const struct converge_shape *shape;
	struct conflict_version version, other; /* of the change, of what it met */
};

/** All but the first block is of the group in hand. */
struct shadow {
	struct pipeline_settle base;
	const struct model_channel *channel; /* borrowed, as the next three */
	const struct model_pipeline *pipeline;
	struct converge_site *target;
	const struct lt_clock *clock;
	uint32_t source;                /* its site's id */
	int64_t window_us;              /* so long a write takes to come over */
	struct converge_shapes *shapes; /* owned; NULL until the first group */
	enum lt_code told;              /* why changes of some table cannot be looked at: said once */
	uint64_t sampled_us;            /* mono */
	struct conflict_vector sample;  /* owned: what the target's log held then */
	struct lt_arena *arena;         /* owned */

	struct hit *hits;
	uint32_t nhits, cap;
	struct converge_tally tally;
};

static struct shadow *
shadow_of(struct pipeline_settle *base)
{
	return (struct shadow *)base;
}

/* -- what was met --------------------------------------------------------------------------------- */

static void
add_hit(struct shadow *s, const struct hit *hit)
{
	if (s->nhits == s->cap) {
		uint32_t cap = s->cap > 0 ? s->cap * 2 : 16;

		s->hits = lt_arena_grow(s->arena, s->hits, s->cap * sizeof(*hit), cap * sizeof(*hit));
		s->cap = cap;
	}
	s->hits[s->nhits++] = *hit;
}

/* A write of the target that the source's writer cannot have seen, had there been a way. */
static bool
is_unseen(const struct shadow *s, const struct conflict_known *known, int64_t commit_us)
{
	return conflict_origin_site(known->version.origin) != s->source &&
	       known->version.clock_us > commit_us - s->window_us;
}

static void
look_at(struct shadow *s, const struct change_txn *t, const struct converge_changes *changes)
{
	struct conflict_version version = { (int64_t)t->commit_us, 0, conflict_origin(s->source, 0) };
	const struct conflict_observer *o = converge_site_hold(s->target);
	struct conflict_known known;

	for (uint32_t i = 0; o != NULL && i < changes->count; i++) {
		const struct conflict_change *c = &changes->at[i];

		if (conflict_memory_find(conflict_observer_memory(o), c->key, &known) &&
		    is_unseen(s, &known, version.clock_us))
			add_hit(s, &(struct hit){ c, changes->shapes[i], version, known.version });
	}
	converge_site_release(s->target);
}

/* A table that could not be in a conflict channel is none of ours here. */
static bool
pass_over(struct shadow *s, const struct lt_err *why)
{
	if (why->code != LT_E_CONFLICT_TABLE && why->code != LT_E_CONFLICT_IMAGE)
		return false;
	if (s->told != why->code)
		lt_log(LT_LOG_WARN, "%s %s: what is changed in %s is not reported: E%d %s", s->channel->name,
		    s->pipeline->name, why->where.table, (int)why->code, why->message);
	s->told = why->code;
	return true;
}

static bool
look_at_all(struct shadow *s, struct change_txn *const *txns, size_t n, struct lt_err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct converge_changes changes;
		struct lt_err why = { 0 };

		if (txns[i]->spill != NULL)
			continue;
		if (converge_changes_make(s->shapes, txns[i], s->arena, &changes, &why)) {
			look_at(s, txns[i], &changes);
		} else if (!pass_over(s, &why)) {
			*err = why;
			return false;
		}
	}
	return true;
}

/* -- what is told of it --------------------------------------------------------------------------- */

static bool
record(struct shadow *s, struct change_sink *sink, struct lt_err *err)
{
	struct converge_conflict *lines = lt_arena_alloc(s->arena, (s->nhits + 1) * sizeof(*lines));

	for (uint32_t i = 0; i < s->nhits; i++) {
		const struct hit *hit = &s->hits[i];
		const struct conflict_change *change = hit->change;
		const struct conflict_row *key = change->after != NULL ? change->after : change->before;

		lines[i] = (struct converge_conflict){ .shape = hit->shape,
			.key = change->key,
			.version = hit->version,
			.other = hit->other,
			.before = change->before,
			.after = change->after,
			.now = change->after,
			.won = conflict_version_cmp(hit->version, hit->other) > 0,
			.rule = converge_rule_name(change->policy) };
		if (!converge_rows_find(
			pipeline_load_conn(sink), hit->shape, key, false, s->arena, &lines[i].found, err))
			return false;
		s->tally.lost += !lines[i].won;
	}
	s->tally.conflicts = s->nhits;
	return s->nhits == 0 || converge_record_add(sink, s->channel->name, s->pipeline->name, lines, s->nhits, err);
}

static bool
shadow_look(struct pipeline_settle *base, struct change_sink *sink, struct change_txn *const *txns, size_t n,
    struct lt_err *err)
{
	struct shadow *s = shadow_of(base);

	lt_arena_reset(s->arena);
	s->hits = NULL;
	s->nhits = s->cap = 0;
	s->tally = (struct converge_tally){ 0 };
	if (s->shapes == NULL)
		s->shapes = converge_shapes_new(s->channel, pipeline_load_router(sink));
	return look_at_all(s, txns, n, err) && record(s, sink, err);
}

/* From now on the rows are the source's; a further change of it meets itself there. */
static void
shadow_done(struct pipeline_settle *base, bool committed)
{
	struct shadow *s = shadow_of(base);
	const struct conflict_observer *o;
	struct conflict_known known;

	if (!committed || s->nhits == 0)
		return;
	o = converge_site_hold(s->target);
	for (uint32_t i = 0; o != NULL && i < s->nhits; i++) {
		const struct hit *hit = &s->hits[i];

		if (conflict_memory_find(conflict_observer_memory(o), hit->change->key, &known) &&
		    conflict_version_same(known.version, hit->other))
			conflict_memory_put(
			    conflict_observer_memory(o), hit->change->key, hit->version, CONFLICT_VISIBLE);
	}
	converge_site_release(s->target);
	converge_site_count(s->target, &s->tally);
	s->nhits = 0;
}

/* -- the rest ------------------------------------------------------------------------------------- */

/* What is older than the window is as if the source had seen it: then it may be forgotten. */
static bool
shadow_due(struct pipeline_settle *base, struct change_sink *sink, bool *due, struct lt_err *err)
{
	struct shadow *s = shadow_of(base);
	uint64_t now_us = lt_mono_us(s->clock);
	const struct conflict_observer *o;

	(void)sink;
	(void)err;
	*due = false;
	if (now_us - s->sampled_us < (uint64_t)s->window_us)
		return true;
	converge_site_hear(s->target, s->source, &s->sample);
	o = converge_site_hold(s->target);
	if (o != NULL)
		conflict_vector_merge(&s->sample, &conflict_observer_clock(o)->seen);
	converge_site_release(s->target);
	s->sampled_us = now_us;
	return true;
}

static void
shadow_close(struct pipeline_settle *base)
{
	struct shadow *s = shadow_of(base);

	converge_shapes_free(s->shapes);
	conflict_vector_free(&s->sample);
	lt_arena_free(s->arena);
	free(s);
}

struct pipeline_settle *
converge_shadow_new(
    const struct model_channel *channel, size_t index, struct converge_site *target, const struct lt_clock *clock)
{
	struct shadow *s = lt_new(struct shadow);

	s->base = (struct pipeline_settle){
		.look = shadow_look, .due = shadow_due, .done = shadow_done, .close = shadow_close
	};
	s->channel = channel;
	s->pipeline = &channel->pipelines[index];
	s->target = target;
	s->clock = clock;
	s->source = channel->sites[s->pipeline->from].id;
	s->window_us = (int64_t)channel->conflicts.heartbeat_ms * 1000;
	s->arena = lt_arena_new();
	return &s->base;
}
