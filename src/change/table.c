#include "change/table.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic uint64_t next_id = 1;

struct change_table *
change_table_new(void)
{
	struct lt_arena *arena = lt_arena_new();
	struct change_table *t = lt_arena_zalloc(arena, sizeof(*t));

	t->arena = arena;
	t->id = atomic_fetch_add_explicit(&next_id, 1, memory_order_relaxed);
	atomic_init(&t->refs, 1);
	return t;
}

/* The count is the one member that changes, so a const table may be held and dropped. */
static _Atomic unsigned *
refs_of(const struct change_table *t)
{
	return &((struct change_table *)(uintptr_t)t)->refs;
}

struct change_table *
change_table_ref(const struct change_table *t)
{
	unsigned before = atomic_fetch_add_explicit(refs_of(t), 1, memory_order_relaxed);

	LT_ASSERT(before > 0);
	return (struct change_table *)(uintptr_t)t;
}

struct change_table *
change_table_branch(const struct change_table *base, size_t branch)
{
	struct change_table *t = change_table_new();
	struct lt_arena *arena = t->arena;
	uint64_t id = t->id;

	LT_ASSERT(base->base == NULL);
	memcpy(t, base, offsetof(struct change_table, branch));
	t->codec = base->codec;
	t->arena = arena;
	t->id = id;
	t->branch = branch;
	t->base = change_table_ref(base);
	return t;
}

void
change_table_unref(const struct change_table *t)
{
	unsigned before;

	if (t == NULL)
		return;
	before = atomic_fetch_sub_explicit(refs_of(t), 1, memory_order_acq_rel);
	LT_ASSERT(before > 0);
	if (before > 1)
		return;
	change_table_unref(t->base);
	lt_arena_free(t->arena);
}
