#include "conflict/observer.h"

#include "base/fault.h"

struct conflict_observer {
	struct conflict_clock clock;
	struct conflict_memory *memory; /* owned */
	uint64_t went_back;
	struct lt_buf back_key; /* owned */
};

struct conflict_observer *
conflict_observer_new(uint32_t origin, int64_t interval_us, const struct conflict_room *room)
{
	struct conflict_observer *o = lt_new(struct conflict_observer);

	conflict_clock_init(&o->clock, origin, interval_us);
	o->memory = conflict_memory_new(room);
	return o;
}

struct conflict_observer *
conflict_observer_resume(const struct conflict_checkpoint *from, int64_t interval_us, const struct conflict_room *room)
{
	struct conflict_observer *o = conflict_observer_new(from->origin, interval_us, room);

	conflict_clock_free(&o->clock);
	conflict_checkpoint_clock(from, interval_us, &o->clock);
	for (uint32_t i = 0; i < from->npins; i++)
		conflict_memory_put(o->memory, from->pins[i].key, from->pins[i].version, from->pins[i].state);
	return o;
}

void
conflict_observer_free(struct conflict_observer *o)
{
	if (o == NULL)
		return;
	conflict_clock_free(&o->clock);
	conflict_memory_free(o->memory);
	lt_buf_free(&o->back_key);
	free(o);
}

static void
note_back(struct conflict_observer *o, struct lt_str key)
{
	o->went_back++;
	lt_buf_clear(&o->back_key);
	lt_buf_str_add(&o->back_key, key);
}

static void
put(struct conflict_observer *o, struct lt_str key, struct conflict_version version, enum conflict_state state)
{
	struct conflict_known known;

	if (conflict_memory_find(o->memory, key, &known) && conflict_version_cmp(known.version, version) > 0)
		note_back(o, key);
	if (state == CONFLICT_ABSENT && lt_fault("conflict_tombstones"))
		conflict_memory_drop(o->memory, key);
	else
		conflict_memory_put(o->memory, key, version, state);
}

void
conflict_observer_local(struct conflict_observer *o, int64_t stamp_us, struct conflict_txn *txn)
{
	txn->version = conflict_clock_local(&o->clock, stamp_us);
	txn->seen = o->clock.seen;
	for (uint32_t i = 0; i < txn->nchanges; i++) {
		const struct conflict_change *c = &txn->changes[i];
		struct conflict_op op = { txn->version, txn->seen, c->before, c->after };

		if (conflict_policy_lists(c->policy))
			conflict_memory_add(o->memory, c->key, c->before, &op);
		else
			put(o, c->key, txn->version, c->after != NULL ? CONFLICT_VISIBLE : CONFLICT_ABSENT);
	}
}

void
conflict_observer_pass(struct conflict_observer *o, int64_t stamp_us)
{
	conflict_clock_pass(&o->clock, stamp_us);
}

static void
take_won(struct conflict_observer *o, const struct conflict_mark_txn *txn, const struct conflict_won *won)
{
	struct conflict_op op = { txn->version, txn->seen, won->before, won->after };

	if (!won->listed) {
		put(o, won->key, txn->version, won->state);
		return;
	}
	if (won->replaced.nops > 0)
		conflict_memory_replace(o->memory, won->key, &won->replaced);
	conflict_memory_add(o->memory, won->key, won->found, &op);
}

void
conflict_observer_mark(struct conflict_observer *o, const struct conflict_mark *mark)
{
	for (uint32_t i = 0; i < mark->ntxns; i++) {
		conflict_clock_applied(&o->clock, mark->txns[i].version);
		for (uint32_t k = 0; k < mark->txns[i].nwon; k++)
			take_won(o, &mark->txns[i], &mark->txns[i].won[k]);
	}
	for (uint32_t i = 0; i < mark->npins; i++)
		conflict_memory_put(o->memory, mark->pins[i].key, mark->pins[i].version, mark->pins[i].state);
}

void
conflict_observer_beat(struct conflict_observer *o, const int64_t *server_us)
{
	conflict_clock_beat(&o->clock, server_us);
}

void
conflict_observer_begin(struct conflict_observer *o, uint32_t origin, int64_t above_us)
{
	conflict_clock_begin(&o->clock, origin, above_us);
}

void
conflict_observer_checkpoint(
    const struct conflict_observer *o, struct lt_str place, struct lt_arena *arena, struct conflict_checkpoint *out)
{
	*out = (struct conflict_checkpoint){ .place = place,
		.now_us = o->clock.now_us,
		.beat_us = o->clock.beat_us,
		.has_beat = o->clock.has_beat,
		.count = o->clock.count,
		.origin = o->clock.origin,
		.seen = conflict_vector_copy(&o->clock.seen, arena) };
}

struct conflict_memory *
conflict_observer_memory(const struct conflict_observer *o)
{
	return o->memory;
}

const struct conflict_clock *
conflict_observer_clock(const struct conflict_observer *o)
{
	return &o->clock;
}

uint64_t
conflict_observer_went_back(const struct conflict_observer *o)
{
	return o->went_back;
}

struct lt_str
conflict_observer_back_key(const struct conflict_observer *o)
{
	return o->went_back > 0 ? lt_buf_str(&o->back_key) : (struct lt_str){ 0 };
}
