/* Rows that lost a unique value: which versions must be remembered for their sake, and whether all is done for them.
 *
 * A parked row comes back over whoever has its value and is older. So of the row that has it the version must be known
 * as long as the other one is parked, however long all peers have seen it. Who that is, is known to whoever looks after
 * parked rows (converge/settle.c); it looks at all of them whenever something was written. What the observer had been
 * told when such a round began, and the round did not meet, is in nobody's way; who gets there later is named by the
 * mark of the group that parks, or is newer. */
#include "converge/site_priv.h"

/* Behind the lock. */
static uint64_t
written(const struct converge_site *s)
{
	return s->status.local + s->status.marks;
}

static void
clear(struct converge_round *r)
{
	lt_arena_free(r->arena);
	conflict_vector_free(&r->seen);
	*r = (struct converge_round){ 0 };
}

void
converge_site_clear_rounds(struct converge_site *s)
{
	for (size_t i = 0; i < s->channel->npipelines; i++)
		clear(&s->rounds[i]);
	clear(&s->round);
}

static void
add_key(struct converge_round *r, struct lt_str key)
{
	if (r->arena != NULL && conflict_keys_find(&r->met, key) == CONFLICT_NO_KEY)
		conflict_keys_add(&r->met, lt_arena_str(r->arena, key));
}

void
converge_site_round_pins(struct converge_site *s, const struct conflict_pin *pins, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		add_key(&s->round, pins[i].key);
		for (size_t k = 0; k < s->channel->npipelines; k++)
			add_key(&s->rounds[k], pins[i].key);
	}
}

bool
converge_site_keeps(void *ctx, struct lt_str key, const struct conflict_known *known)
{
	const struct converge_site *s = ctx;

	if (known->state == CONFLICT_PARKED)
		return true;
	if (!conflict_memory_has_parked(conflict_observer_memory(s->observer), key))
		return false;
	return s->round.arena == NULL || !conflict_vector_has(&s->round.seen, known->version) ||
	       conflict_keys_find(&s->round.met, key) != CONFLICT_NO_KEY;
}

/* -- who looks after them ------------------------------------------------------------------------- */

void
converge_site_tending(struct converge_site *s, struct converge_tending *out)
{
	pthread_mutex_lock(&s->lock);
	*out = (struct converge_tending){ written(s), s->unique, s->wanted > s->tended };
	pthread_mutex_unlock(&s->lock);
}

void
converge_site_note_unique(struct converge_site *s)
{
	pthread_mutex_lock(&s->lock);
	s->unique = true;
	pthread_mutex_unlock(&s->lock);
}

void
converge_site_round_begin(struct converge_site *s, size_t pipeline)
{
	struct converge_round *r = &s->rounds[pipeline];

	pthread_mutex_lock(&s->lock);
	clear(r);
	if (s->observer != NULL) {
		r->arena = lt_arena_new();
		r->met.arena = r->arena;
		r->written = written(s);
		conflict_vector_merge(&r->seen, &conflict_observer_clock(s->observer)->seen);
	}
	pthread_mutex_unlock(&s->lock);
}

void
converge_site_round_met(struct converge_site *s, size_t pipeline, const struct lt_str *keys, size_t n)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < n; i++)
		add_key(&s->rounds[pipeline], keys[i]);
	pthread_mutex_unlock(&s->lock);
}

void
converge_site_round_end(struct converge_site *s, size_t pipeline)
{
	struct converge_round *r = &s->rounds[pipeline];

	pthread_mutex_lock(&s->lock);
	if (r->arena != NULL && (s->round.arena == NULL || r->written >= s->round.written)) {
		clear(&s->round);
		s->round = *r;
		*r = (struct converge_round){ 0 };
		s->tended = LT_MAX(s->tended, s->round.written);
	}
	pthread_mutex_unlock(&s->lock);
}

/* -- who waits ------------------------------------------------------------------------------------ */

void
converge_site_tended(struct converge_site *s, uint64_t upto)
{
	pthread_mutex_lock(&s->lock);
	s->tended = LT_MAX(s->tended, upto);
	s->looked = true;
	pthread_mutex_unlock(&s->lock);
}

uint64_t
converge_site_want_tended(struct converge_site *s)
{
	uint64_t wanted;

	pthread_mutex_lock(&s->lock);
	s->wanted = wanted = written(s);
	pthread_mutex_unlock(&s->lock);
	return wanted;
}

bool
converge_site_has_tended(struct converge_site *s, uint64_t upto)
{
	bool has;

	pthread_mutex_lock(&s->lock);
	has = s->tended >= upto || (s->looked && !s->unique);
	pthread_mutex_unlock(&s->lock);
	return has;
}
