#include "conflict/keys.h"

/* Where it stands in the table, or would. */
static uint32_t
slot_of(const struct conflict_keys *k, struct lt_str key)
{
	uint32_t mask = k->ntable - 1, i = (uint32_t)lt_str_hash(key) & mask;

	while (k->table[i] != 0 && !lt_str_eq(k->at[k->table[i] - 1], key))
		i = (i + 1) & mask;
	return i;
}

static void
grow(struct conflict_keys *k)
{
	uint32_t cap = k->cap > 0 ? k->cap * 2 : 8;

	k->at = lt_arena_grow(k->arena, k->at, k->cap * sizeof(*k->at), cap * sizeof(*k->at));
	k->cap = cap;
	k->ntable = cap * 2;
	k->table = lt_arena_zalloc(k->arena, k->ntable * sizeof(*k->table));
	for (uint32_t i = 0; i < k->count; i++)
		k->table[slot_of(k, k->at[i])] = i + 1;
}

uint32_t
conflict_keys_find(const struct conflict_keys *k, struct lt_str key)
{
	return k->count > 0 ? k->table[slot_of(k, key)] - 1 : CONFLICT_NO_KEY;
}

uint32_t
conflict_keys_add(struct conflict_keys *k, struct lt_str key)
{
	uint32_t slot;

	if (k->count == k->cap)
		grow(k);
	slot = slot_of(k, key);
	if (k->table[slot] == 0) {
		k->at[k->count++] = key;
		k->table[slot] = k->count;
	}
	return k->table[slot] - 1;
}
