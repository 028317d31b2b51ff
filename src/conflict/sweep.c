#include "conflict/sweep.h"

#include "base/fault.h"

#define PIN_COST 32 /* bytes of each, beside its key, at most */

struct conflict_sweeping {
	struct lt_arena *arena; /* owned */
	struct conflict_checkpoint state;
	uint32_t pins_cap;
	size_t pins_bytes, limit_bytes;
	struct conflict_vector everyone; /* in the arena */
	struct conflict_sweep sweep;
	conflict_keep_fn *keep; /* the caller's */
	void *ctx;
	size_t at;
};

static void
add_pin(struct conflict_sweeping *s, struct lt_str key, const struct conflict_known *known)
{
	struct conflict_checkpoint *c = &s->state;

	s->pins_bytes += key.len + PIN_COST;
	if (s->pins_bytes > s->limit_bytes)
		return;
	if (c->npins == s->pins_cap) {
		uint32_t cap = s->pins_cap > 0 ? s->pins_cap * 2 : 64;

		c->pins = lt_arena_grow(s->arena, c->pins, s->pins_cap * sizeof(*c->pins), cap * sizeof(*c->pins));
		s->pins_cap = cap;
	}
	c->pins[c->npins++] = (struct conflict_pin){ lt_arena_str(s->arena, key), known->version, known->state };
}

static bool
keep(void *ctx, struct lt_str key, const struct conflict_known *known)
{
	struct conflict_sweeping *s = ctx;

	if (!s->keep(s->ctx, key, known))
		return false;
	if (conflict_vector_has(&s->state.seen, known->version) && !lt_fault("conflict_stored_pins"))
		add_pin(s, key, known);
	return true;
}

struct conflict_sweeping *
conflict_sweeping_new(const struct conflict_observer *o, struct lt_str place, const struct conflict_vector *everyone,
    conflict_keep_fn *keeps, void *ctx, size_t limit_bytes)
{
	struct conflict_sweeping *s = lt_new(struct conflict_sweeping);

	s->arena = lt_arena_new();
	conflict_observer_checkpoint(o, lt_arena_str(s->arena, place), s->arena, &s->state);
	if (everyone != NULL)
		s->everyone = conflict_vector_copy(everyone, s->arena);
	s->keep = keeps;
	s->ctx = ctx;
	s->limit_bytes = limit_bytes;
	s->sweep = (struct conflict_sweep){ everyone != NULL ? &s->everyone : NULL, keeps != NULL ? keep : NULL, s };
	return s;
}

void
conflict_sweeping_free(struct conflict_sweeping *s)
{
	if (s == NULL)
		return;
	lt_arena_free(s->arena);
	free(s);
}

bool
conflict_sweeping_step(struct conflict_sweeping *s, struct conflict_observer *o, size_t looks)
{
	if (s->sweep.everyone == NULL && s->sweep.keep == NULL)
		return true;
	return conflict_memory_sweep(conflict_observer_memory(o), &s->sweep, looks, &s->at);
}

const struct conflict_checkpoint *
conflict_sweeping_checkpoint(const struct conflict_sweeping *s)
{
	return s->pins_bytes <= s->limit_bytes ? &s->state : NULL;
}
