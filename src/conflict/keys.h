/* conflict/keys.h - keys numbered from 0 as they come, found again by their bytes. Memory is the arena's; borrows the
 * bytes. */
#ifndef CONFLICT_KEYS_H
#define CONFLICT_KEYS_H

#include "base/arena.h"

/** Zeroed but for the arena is empty. */
struct conflict_keys {
	struct lt_arena *arena; /* borrowed */
	struct lt_str *at;      /* by number */
	uint32_t count, cap;
	uint32_t *table; /* number + 1; 0: free */
	uint32_t ntable;
};

#define CONFLICT_NO_KEY UINT32_MAX
/** The key's number, or CONFLICT_NO_KEY. */
uint32_t conflict_keys_find(const struct conflict_keys *k, struct lt_str key);
/** The key's number; the next one if it is new. */
uint32_t conflict_keys_add(struct conflict_keys *k, struct lt_str key);

#endif
