#include "sim.h"

void *
sim_more(struct world *w, void *at, uint32_t count, uint32_t *cap, size_t size)
{
	uint32_t bigger;

	if (count < *cap)
		return at;
	bigger = *cap > 0 ? *cap * 2 : 8;
	at = lt_arena_grow(w->arena, at, *cap * size, bigger * size);
	*cap = bigger;
	return at;
}

const struct sim_row *
sim_row_new(struct world *w, const struct history_row *plain)
{
	struct sim_row *row = lt_arena_alloc(w->arena, sizeof(*row));

	row->plain = *plain;
	row->core = (struct conflict_row){ row->values, SIM_COLUMNS };
	for (int i = 0; i < SIM_COLUMNS; i++) {
		uint64_t bytes = htole64((uint64_t)plain->v[i]);

		memcpy(row->bytes[i], &bytes, sizeof(bytes));
		row->values[i] = plain->null[i] ? lt_str_of(NULL, 0) : lt_str_of(row->bytes[i], sizeof(bytes));
	}
	return row;
}

const struct sim_row *
sim_row_of(struct world *w, const struct conflict_row *core)
{
	struct history_row plain = { 0 };

	if (core == NULL)
		return NULL;
	LT_ASSERT(core->count == SIM_COLUMNS);
	for (int i = 0; i < SIM_COLUMNS; i++) {
		plain.null[i] = core->values[i].ptr == NULL;
		if (!plain.null[i])
			plain.v[i] = (int64_t)lt_le64((const uint8_t *)core->values[i].ptr);
	}
	return sim_row_new(w, &plain);
}

bool
sim_row_eq(const struct sim_row *a, const struct sim_row *b)
{
	return conflict_row_eq(sim_core(a), sim_core(b));
}

/* One byte, so that keys are ordered as their numbers are. */
struct lt_str
sim_key(uint32_t key)
{
	static const char bytes[SIM_KEYS] = { 0, 1, 2, 3, 4, 5, 6, 7 };

	return lt_str_of(bytes + key, 1);
}

uint32_t
sim_key_of(struct lt_str key)
{
	LT_ASSERT(key.len == 1);
	return (uint32_t)key.ptr[0];
}

uint64_t
sim_claims(const struct sim_row *row)
{
	uint64_t claims = 0;

	for (uint32_t i = 0; row != NULL && i < 2; i++) {
		if (!row->plain.null[i])
			claims |= (uint64_t)1 << SIM_LOCK_VALUE(i, row->plain.v[i]);
	}
	return claims;
}
