#include "pipeline/schedule.h"

#include "base/fault.h"
#include "pipeline/writeset.h"

#define SLOTS_FIRST 4096

/* Numbers of groups; 0: none. */
struct slot {
	uint64_t key;
	uint32_t alone;       /* the newest that touches it alone */
	uint32_t shared;      /* the newest that shares it */
	uint32_t shared_once; /* the newest before that one */
};

struct pipeline_schedule {
	struct pipeline_router *router; /* borrowed */
	struct slot *slots;             /* owned, open addressing; both numbers 0: empty */
	size_t cap, used;
	uint32_t done;
	struct pipeline_keys keys; /* of the row in hand */
};

/* No hash of names and values is meant to hit these. */
static const uint64_t all_key = UINT64_C(0x9e3779b97f4a7c15), foreign_key = UINT64_C(0xc2b2ae3d27d4eb4f);

struct pipeline_schedule *
pipeline_schedule_new(struct pipeline_router *router)
{
	struct pipeline_schedule *s = lt_new(struct pipeline_schedule);

	s->router = router;
	s->cap = SLOTS_FIRST;
	s->slots = lt_calloc(s->cap, sizeof(*s->slots));
	return s;
}

void
pipeline_schedule_free(struct pipeline_schedule *s)
{
	if (s == NULL)
		return;
	lt_buf_free(&s->keys.scratch);
	free(s->slots);
	free(s);
}

/* -- slots ---------------------------------------------------------------------------------------- */

static bool
is_empty(const struct slot *slot)
{
	return slot->alone == 0 && slot->shared == 0;
}

static struct slot *
find_slot(struct slot *slots, size_t cap, uint64_t key)
{
	size_t at = (size_t)key & (cap - 1);

	while (!is_empty(&slots[at]) && slots[at].key != key)
		at = (at + 1) & (cap - 1);
	return &slots[at];
}

static bool
is_live(const struct pipeline_schedule *s, const struct slot *slot)
{
	return slot->alone > s->done || slot->shared > s->done;
}

/* Into a new table, without what is in nobody's way. */
static void
rebuild(struct pipeline_schedule *s)
{
	size_t live = 0, cap = SLOTS_FIRST;
	struct slot *slots;

	for (size_t i = 0; i < s->cap; i++)
		live += is_live(s, &s->slots[i]) ? 1 : 0;
	while (cap < live * 4)
		cap *= 2;
	slots = lt_calloc(cap, sizeof(*slots));
	for (size_t i = 0; i < s->cap; i++) {
		if (is_live(s, &s->slots[i]))
			*find_slot(slots, cap, s->slots[i].key) = s->slots[i];
	}
	free(s->slots);
	s->slots = slots;
	s->cap = cap;
	s->used = live;
}

static struct slot *
slot_of(struct pipeline_schedule *s, uint64_t key)
{
	struct slot *slot;

	if (s->used * 2 >= s->cap)
		rebuild(s);
	slot = find_slot(s->slots, s->cap, key);
	if (is_empty(slot)) {
		slot->key = key;
		s->used++;
	}
	return slot;
}

/* -- groups --------------------------------------------------------------------------------------- */

static void
wait_for(const struct pipeline_schedule *s, uint32_t group, uint32_t other, uint64_t *after)
{
	if (other != group && other > s->done)
		*after = LT_MAX(*after, (uint64_t)other);
}

static void
touch_shared(struct pipeline_schedule *s, uint64_t key, uint32_t group, uint64_t *after)
{
	struct slot *slot = slot_of(s, key);

	wait_for(s, group, slot->alone, after);
	if (slot->shared == group)
		return;
	slot->shared_once = slot->shared;
	slot->shared = group;
}

static void
touch_alone(struct pipeline_schedule *s, uint64_t key, uint32_t group, uint64_t *after)
{
	struct slot *slot = slot_of(s, key);

	wait_for(s, group, slot->alone, after);
	wait_for(s, group, slot->shared == group ? slot->shared_once : slot->shared, after);
	slot->alone = group;
}

/* What the target does by itself beside the row: triggers anything; foreign keys read parents and change children. Rows
 * that are written without checks are such children and parents all the same. */
static void
touch_others(struct pipeline_schedule *s, const struct schema_table *target, const struct change_row *row,
    uint32_t group, uint64_t *after)
{
	bool off = (row->flags & (CHANGE_ROW_FK_LOGGED | CHANGE_ROW_NO_FK_CHECKS)) != 0;

	if (target->has_triggers)
		touch_alone(s, all_key, group, after);
	if (target->nparents == 0 && target->nchildren == 0)
		return;
	if (off)
		touch_shared(s, foreign_key, group, after);
	else
		touch_alone(s, foreign_key, group, after);
}

void
pipeline_schedule_touch(struct pipeline_schedule *s, uint64_t order, const struct pipeline_route *route,
    const struct change_row *row, uint64_t *after)
{
	const struct pipeline_keys *keys = &s->keys;
	uint32_t group = (uint32_t)order;

	LT_ASSERT(order > s->done && order < UINT32_MAX);
	touch_shared(s, all_key, group, after);
	touch_others(s, route->target, row, group, after);
	pipeline_keys_of(&s->keys, route, route->indexes, row);
	if (keys->whole && !lt_fault("r06_whole"))
		touch_alone(s, keys->table, group, after);
	else
		touch_shared(s, keys->table, group, after);
	for (size_t i = 0; i < keys->count; i++)
		touch_alone(s, keys->items[i], group, after);
}

static bool
add_row(struct pipeline_schedule *s, uint64_t order, const struct change_row *row, uint64_t *after, struct lt_err *err)
{
	struct pipeline_route *route = NULL;

	if (!pipeline_router_get(s->router, row->table, &route, err))
		return false;
	pipeline_router_forget(s->router);
	if (!pipeline_router_decode(s->router, route, row, err))
		return false;
	pipeline_schedule_touch(s, order, route, row, after);
	return true;
}

bool
pipeline_schedule_add(struct pipeline_schedule *s, uint64_t order, struct change_txn *const *txns, size_t n,
    uint64_t *after, struct lt_err *err)
{
	*after = 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < txns[i]->nrows; j++) {
			if (!add_row(s, order, &txns[i]->rows[j], after, err))
				return false;
		}
	}
	return true;
}

void
pipeline_schedule_done(struct pipeline_schedule *s, uint64_t order)
{
	s->done = LT_MAX(s->done, (uint32_t)order);
}
