#include "pipeline/schedule.h"

#include "base/fault.h"
#include "pipeline/family.h"

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
	struct slot checked, unchecked; /* rows of families that the target checks, and those that it does not */
	struct pipeline_keys keys;      /* of the row in hand */
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
share(struct slot *slot, uint32_t group)
{
	if (slot->shared == group)
		return;
	slot->shared_once = slot->shared;
	slot->shared = group;
}

/* All others that share it. */
static void
wait_for_sharers(const struct pipeline_schedule *s, const struct slot *slot, uint32_t group, uint64_t *after)
{
	wait_for(s, group, slot->shared == group ? slot->shared_once : slot->shared, after);
}

static void
touch_shared(struct pipeline_schedule *s, uint64_t key, uint32_t group, uint64_t *after)
{
	struct slot *slot = slot_of(s, key);

	wait_for(s, group, slot->alone, after);
	share(slot, group);
}

static void
touch_alone(struct pipeline_schedule *s, uint64_t key, uint32_t group, uint64_t *after)
{
	struct slot *slot = slot_of(s, key);

	wait_for(s, group, slot->alone, after);
	wait_for_sharers(s, slot, group, after);
	slot->alone = group;
}

/* The parent that the row looks at: neither it nor the row may overtake the other. */
static void
touch_parent(struct pipeline_schedule *s, const struct pipeline_route *route, const struct pipeline_reference *r,
    enum pipeline_image image, uint32_t group, uint64_t *after)
{
	uint64_t key = 0;

	switch (pipeline_reference_key(route, r, image, &s->keys.scratch, &key)) {
	case PIPELINE_KEY_NULL: return; /* it has none */
	case PIPELINE_KEY_UNKNOWN: touch_alone(s, r->table, group, after); return;
	case PIPELINE_KEY_MADE: break;
	}
	touch_shared(s, r->table, group, after); /* of a parent's row that does not tell its key */
	touch_shared(s, key, group, after);
}

/* Foreign keys read parents and change children. A parent that goes, or gets other values, may reach any row of any
 * family; so may a row whose parents are not told by value. All others touch their parents alone. Rows that are written
 * without checks are such children and parents all the same, but look at nobody: they go beside their own kind. */
static void
touch_family(struct pipeline_schedule *s, const struct pipeline_route *route, const struct change_row *row,
    uint32_t group, uint64_t *after)
{
	enum pipeline_image image = row->op == CHANGE_UPDATE ? PIPELINE_IMAGE_UPDATED : PIPELINE_IMAGE_AFTER;
	const struct pipeline_family *f = route->family;
	bool off = (row->flags & (CHANGE_ROW_FK_LOGGED | CHANGE_ROW_NO_FK_CHECKS)) != 0;

	if (route->target->nparents == 0 && route->target->nchildren == 0)
		return;
	if (!off && (f == NULL || (route->target->nparents > 0 && !f->told) || pipeline_family_moves(route, row))) {
		touch_alone(s, foreign_key, group, after);
		return;
	}
	touch_shared(s, foreign_key, group, after);
	share(off ? &s->unchecked : &s->checked, group);
	wait_for_sharers(s, off ? &s->checked : &s->unchecked, group, after);
	for (size_t i = 0; !off && i < f->count; i++) {
		if (pipeline_family_looks(route, &f->references[i], row))
			touch_parent(s, route, &f->references[i], image, group, after);
	}
}

void
pipeline_schedule_touch(struct pipeline_schedule *s, uint64_t order, const struct pipeline_route *route,
    const struct change_row *row, uint64_t *after)
{
	const struct pipeline_keys *keys = &s->keys;
	uint32_t group = (uint32_t)order;

	LT_ASSERT(order > s->done && order < UINT32_MAX);
	touch_shared(s, all_key, group, after);
	if (route->target->has_triggers)
		touch_alone(s, all_key, group, after); /* a trigger may do anything */
	touch_family(s, route, row, group, after);
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

	if (!pipeline_router_get(s->router, row->table, &route, err) || !pipeline_router_family(s->router, route, err))
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
