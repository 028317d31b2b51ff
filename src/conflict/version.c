#include "conflict/version.h"

#include "base/fault.h"

int
conflict_version_cmp(struct conflict_version a, struct conflict_version b)
{
	if (a.clock_us != b.clock_us)
		return a.clock_us < b.clock_us ? -1 : 1;
	if (lt_fault("conflict_tie"))
		return 1; /* what comes later wins, and another order comes at another site */
	return (a.origin > b.origin) - (a.origin < b.origin);
}

void
conflict_vector_free(struct conflict_vector *v)
{
	if (v->cap > 0)
		free(v->at);
	*v = (struct conflict_vector){ 0 };
}

/* Where `origin` stands or would stand; vectors are as short as there are sites. */
static uint32_t
place_of(const struct conflict_vector *v, uint32_t origin)
{
	uint32_t i = 0;

	while (i < v->count && v->at[i].origin < origin)
		i++;
	return i;
}

uint64_t
conflict_vector_get(const struct conflict_vector *v, uint32_t origin)
{
	uint32_t i = place_of(v, origin);

	return i < v->count && v->at[i].origin == origin ? v->at[i].seq : 0;
}

void
conflict_vector_raise(struct conflict_vector *v, uint32_t origin, uint64_t seq)
{
	uint32_t i = place_of(v, origin);

	LT_ASSERT(v->cap > 0 || v->count == 0);
	if (i < v->count && v->at[i].origin == origin) {
		v->at[i].seq = LT_MAX(v->at[i].seq, seq);
		return;
	}
	if (seq == 0)
		return;
	if (v->count == v->cap) {
		v->cap = v->cap > 0 ? v->cap * 2 : 4;
		v->at = lt_realloc(v->at, v->cap * sizeof(*v->at));
	}
	memmove(v->at + i + 1, v->at + i, (v->count - i) * sizeof(*v->at));
	v->at[i] = (struct conflict_seen){ seq, origin };
	v->count++;
}

void
conflict_vector_merge(struct conflict_vector *v, const struct conflict_vector *other)
{
	for (uint32_t i = 0; i < other->count; i++)
		conflict_vector_raise(v, other->at[i].origin, other->at[i].seq);
}

void
conflict_vector_meet(struct conflict_vector *v, const struct conflict_vector *other)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < v->count; i++) {
		uint64_t seq = LT_MIN(v->at[i].seq, conflict_vector_get(other, v->at[i].origin));

		if (seq > 0)
			v->at[kept++] = (struct conflict_seen){ seq, v->at[i].origin };
	}
	v->count = kept;
}

bool
conflict_vector_below(const struct conflict_vector *a, const struct conflict_vector *b)
{
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->at[i].seq > conflict_vector_get(b, a->at[i].origin))
			return false;
	}
	return true;
}

struct conflict_vector
conflict_vector_copy(const struct conflict_vector *v, struct lt_arena *arena)
{
	struct conflict_vector copy = { .count = v->count };

	copy.at = lt_arena_alloc(arena, v->count * sizeof(*v->at));
	if (v->count > 0)
		memcpy(copy.at, v->at, v->count * sizeof(*v->at));
	return copy;
}
