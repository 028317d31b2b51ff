#include "base/arena.h"

#define BLOCK_SIZE ((size_t)8 << 10)
#define BLOCK_MAX ((size_t)256 << 10)

struct block {
	struct block *next; /* older */
	size_t used, cap;
	max_align_t data[];
};

struct lt_arena {
	struct block *newest;
	size_t bytes;
	size_t next_cap;    /* doubles up to BLOCK_MAX, so that small arenas stay small */
	struct block first; /* lies in the same piece of memory: a small arena is one allocation */
};

static struct block *
add_block(struct lt_arena *a, size_t need)
{
	size_t cap = LT_MAX(a->next_cap, need);
	struct block *b;

	LT_ASSERT(need < SIZE_MAX / 2);
	b = lt_realloc(NULL, sizeof(*b) + cap);
	b->used = 0;
	b->cap = cap;
	b->next = a->newest;
	a->newest = b;
	a->bytes += cap;
	a->next_cap = LT_MIN(a->next_cap * 2, BLOCK_MAX);
	return b;
}

struct lt_arena *
lt_arena_new(void)
{
	return lt_arena_new_of(BLOCK_SIZE);
}

struct lt_arena *
lt_arena_new_of(size_t first)
{
	struct lt_arena *a = lt_realloc(NULL, sizeof(*a) + first);

	a->first.cap = first;
	a->first.next = NULL;
	a->newest = &a->first;
	lt_arena_reset(a);
	return a;
}

static void
free_more(struct lt_arena *a)
{
	while (a->newest != &a->first) {
		struct block *next = a->newest->next;

		free(a->newest);
		a->newest = next;
	}
}

void
lt_arena_free(struct lt_arena *a)
{
	if (a == NULL)
		return;
	free_more(a);
	free(a);
}

void
lt_arena_reset(struct lt_arena *a)
{
	free_more(a);
	a->first.used = 0;
	a->bytes = a->first.cap;
	a->next_cap = a->first.cap * 2;
}

void *
lt_arena_alloc(struct lt_arena *a, size_t size)
{
	size_t need = (LT_MAX(size, 1) + 7) & ~(size_t)7;
	struct block *b = a->newest;
	void *p;

	if (need > b->cap - b->used)
		b = add_block(a, need);
	p = (char *)b->data + b->used;
	b->used += need;
	return p;
}

void *
lt_arena_zalloc(struct lt_arena *a, size_t size)
{
	return memset(lt_arena_alloc(a, size), 0, size);
}

struct lt_str
lt_arena_str(struct lt_arena *a, struct lt_str s)
{
	char *copy = lt_arena_alloc(a, s.len + 1);

	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return lt_str_of(copy, s.len);
}

void *
lt_arena_grow(struct lt_arena *a, void *old, size_t old_size, size_t new_size)
{
	struct block *b = a->newest;
	size_t old_need = (LT_MAX(old_size, 1) + 7) & ~(size_t)7;
	size_t new_need = (LT_MAX(new_size, 1) + 7) & ~(size_t)7;
	void *p;

	if (old != NULL && (char *)old + old_need == (char *)b->data + b->used &&
	    new_need - old_need <= b->cap - b->used) {
		b->used += new_need - old_need;
		return old;
	}
	p = lt_arena_alloc(a, new_size);
	if (old != NULL)
		memcpy(p, old, old_size);
	return p;
}

size_t
lt_arena_bytes(const struct lt_arena *a)
{
	return a->bytes;
}

size_t
lt_arena_used(const struct lt_arena *a)
{
	size_t used = a->first.used;

	for (const struct block *b = a->newest; b != &a->first; b = b->next)
		used += b->used;
	return used;
}
