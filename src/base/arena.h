/* base/arena.h - memory that is freed whole, with a count of what it holds. */
#ifndef LT_BASE_ARENA_H
#define LT_BASE_ARENA_H

#include "base/str.h"

/** One owner thread at a time; travels with the batch it belongs to. */
struct lt_arena;

struct lt_arena *lt_arena_new(void);
/** With a first block of so many bytes (a multiple of 8; lt_arena_new() takes 8 KB): where there are many at a time. */
struct lt_arena *lt_arena_new_of(size_t first);
void lt_arena_free(struct lt_arena *a);
/** Give back all but the first block; all pointers into it end. */
void lt_arena_reset(struct lt_arena *a);
/** Not zeroed; aligned to 8. Larger than the block size gets a block of its own. */
void *lt_arena_alloc(struct lt_arena *a, size_t size);
void *lt_arena_zalloc(struct lt_arena *a, size_t size);
struct lt_str lt_arena_str(struct lt_arena *a, struct lt_str s); /* a copy, with a zero byte behind it */
/** Grow the newest allocation in place where that is possible, else copy. `old` may be NULL. */
void *lt_arena_grow(struct lt_arena *a, void *old, size_t old_size, size_t new_size);
/** Bytes taken from the system. */
size_t lt_arena_bytes(const struct lt_arena *a);
/** Of those what was asked for: a first block of so many would have been enough. */
size_t lt_arena_used(const struct lt_arena *a);

#endif
