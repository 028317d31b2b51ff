#include "conflict/memory.h"

#define FIRST_SLOTS 16
#define MALLOC_COST 8 /* of each piece, beside rounding to 16 */

/* The operations of a key. */
struct list {
	struct conflict_row *base; /* owned */
	struct conflict_op **ops;  /* owned, and what they point to; ascending by version */
	uint32_t nops, cap;
	size_t bytes;
};

/* One key. Small, since there are as many as were written while the slowest peer was away. */
struct entry {
	int64_t clock_us;
	uint64_t seq;
	struct list *list; /* owned; NULL in row-last-writer-wins */
	uint32_t origin;
	uint16_t key_len;
	uint8_t state;
	char key[];
};

struct conflict_memory {
	const struct conflict_room *room; /* borrowed: where all of this lies */
	struct entry **slots;             /* open addressing; a power of two, at most three quarters full */
	size_t nslots, count;
	size_t bytes; /* of entries and lists */
};

static size_t
piece(size_t size)
{
	return ((size + MALLOC_COST + 15) & ~(size_t)15);
}

static size_t
entry_bytes(size_t key_len)
{
	return piece(offsetof(struct entry, key) + key_len);
}

static void *
plain_take(void *ctx, size_t size)
{
	(void)ctx;
	return lt_realloc(NULL, size);
}

static void
plain_give(void *ctx, void *ptr, size_t size)
{
	(void)ctx, (void)size;
	free(ptr);
}

const struct conflict_room conflict_room_plain = { plain_take, plain_give, NULL };

/* Zeroed. */
static void *
take(const struct conflict_memory *m, size_t size)
{
	return memset(m->room->take(m->room->ctx, size), 0, size);
}

static void
give(const struct conflict_memory *m, void *ptr, size_t size)
{
	m->room->give(m->room->ctx, ptr, size);
}

struct conflict_memory *
conflict_memory_new(const struct conflict_room *room)
{
	struct conflict_memory *m = lt_new(struct conflict_memory);

	m->room = room;
	m->nslots = FIRST_SLOTS;
	m->slots = take(m, m->nslots * sizeof(struct entry *));
	return m;
}

static void
list_free(struct conflict_memory *m, struct list *l)
{
	if (l == NULL)
		return;
	m->bytes -= l->bytes;
	for (uint32_t i = 0; i < l->nops; i++)
		give(m, l->ops[i], conflict_op_bytes(l->ops[i]));
	give(m, l->ops, l->cap * sizeof(struct conflict_op *));
	give(m, l->base, conflict_row_bytes(l->base));
	give(m, l, sizeof(*l));
}

static void
entry_free(struct conflict_memory *m, struct entry *e)
{
	m->bytes -= entry_bytes(e->key_len);
	list_free(m, e->list);
	give(m, e, offsetof(struct entry, key) + e->key_len);
}

void
conflict_memory_free(struct conflict_memory *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->nslots; i++) {
		if (m->slots[i] != NULL)
			entry_free(m, m->slots[i]);
	}
	give(m, m->slots, m->nslots * sizeof(struct entry *));
	free(m);
}

/* Where the key is, or would be put. */
static struct entry **
slot_of(const struct conflict_memory *m, struct lt_str key)
{
	size_t at = lt_str_hash(key) & (m->nslots - 1);

	while (m->slots[at] != NULL && !lt_str_eq(lt_str_of(m->slots[at]->key, m->slots[at]->key_len), key))
		at = (at + 1) & (m->nslots - 1);
	return &m->slots[at];
}

static void
resize(struct conflict_memory *m, size_t nslots)
{
	struct entry **old = m->slots;
	size_t nold = m->nslots;

	m->slots = take(m, nslots * sizeof(struct entry *));
	m->nslots = nslots;
	for (size_t i = 0; i < nold; i++) {
		if (old[i] != NULL)
			*slot_of(m, lt_str_of(old[i]->key, old[i]->key_len)) = old[i];
	}
	give(m, old, nold * sizeof(struct entry *));
}

static struct entry *
entry_at(struct conflict_memory *m, struct lt_str key)
{
	struct entry **slot, *e;

	if ((m->count + 1) * 4 > m->nslots * 3)
		resize(m, m->nslots * 2);
	slot = slot_of(m, key);
	if (*slot != NULL)
		return *slot;
	LT_ASSERT(key.len <= CONFLICT_KEY_MAX);
	e = take(m, offsetof(struct entry, key) + key.len);
	e->key_len = (uint16_t)key.len;
	e->clock_us = INT64_MIN;
	if (key.len > 0)
		memcpy(e->key, key.ptr, key.len);
	m->bytes += entry_bytes(key.len);
	m->count++;
	*slot = e;
	return e;
}

static struct conflict_version
version_of(const struct entry *e)
{
	return (struct conflict_version){ e->clock_us, e->seq, e->origin };
}

static void
set(struct entry *e, struct conflict_version version, enum conflict_state state)
{
	e->clock_us = version.clock_us;
	e->seq = version.seq;
	e->origin = version.origin;
	e->state = (uint8_t)state;
}

static struct conflict_known
known_of(const struct entry *e)
{
	struct conflict_known known = { .version = version_of(e), .state = (enum conflict_state)e->state };

	if (e->list != NULL)
		known.list = (struct conflict_list){ e->list->base, (const struct conflict_op *const *)e->list->ops,
			e->list->nops };
	return known;
}

bool
conflict_memory_find(const struct conflict_memory *m, struct lt_str key, struct conflict_known *out)
{
	const struct entry *e = *slot_of(m, key);

	if (e == NULL)
		return false;
	*out = known_of(e);
	return true;
}

void
conflict_memory_put(
    struct conflict_memory *m, struct lt_str key, struct conflict_version version, enum conflict_state state)
{
	struct entry *e = entry_at(m, key);

	list_free(m, e->list);
	e->list = NULL;
	set(e, version, state);
}

static void
list_add(struct conflict_memory *m, struct list *l, const struct conflict_op *op)
{
	uint32_t at = l->nops;

	while (at > 0 && conflict_version_cmp(l->ops[at - 1]->version, op->version) > 0)
		at--;
	if (at > 0 && conflict_version_same(l->ops[at - 1]->version, op->version))
		return; /* it is there already */
	if (l->nops == l->cap) {
		uint32_t cap = l->cap > 0 ? l->cap * 2 : 2;
		struct conflict_op **ops = take(m, cap * sizeof(struct conflict_op *));

		if (l->nops > 0)
			memcpy(ops, l->ops, l->nops * sizeof(struct conflict_op *));
		give(m, l->ops, l->cap * sizeof(struct conflict_op *));
		l->ops = ops;
		l->cap = cap;
		l->bytes += (l->cap - l->nops) * sizeof(struct conflict_op *);
		m->bytes += (l->cap - l->nops) * sizeof(struct conflict_op *);
	}
	memmove(l->ops + at + 1, l->ops + at, (l->nops - at) * sizeof(struct conflict_op *));
	l->ops[at] = conflict_op_dup(op, m->room);
	l->nops++;
	l->bytes += piece(conflict_op_bytes(op));
	m->bytes += piece(conflict_op_bytes(op));
}

static struct list *
list_new(struct conflict_memory *m, const struct conflict_row *base)
{
	struct list *l = take(m, sizeof(*l));

	l->base = conflict_row_dup(base, m->room);
	l->bytes = piece(sizeof(*l)) + (base != NULL ? piece(conflict_row_bytes(base)) : 0);
	m->bytes += l->bytes;
	return l;
}

void
conflict_memory_add(
    struct conflict_memory *m, struct lt_str key, const struct conflict_row *base, const struct conflict_op *op)
{
	struct entry *e = entry_at(m, key);

	if (e->list == NULL)
		e->list = list_new(m, base);
	list_add(m, e->list, op);
	if (conflict_version_cmp(op->version, version_of(e)) > 0)
		set(e, op->version, op->after != NULL ? CONFLICT_VISIBLE : CONFLICT_ABSENT);
}

void
conflict_memory_replace(struct conflict_memory *m, struct lt_str key, const struct conflict_list *list)
{
	struct entry *e = entry_at(m, key);
	struct list *old = e->list;

	LT_ASSERT(list->nops > 0);
	e->list = list_new(m, list->base);
	set(e, CONFLICT_UNKNOWN, CONFLICT_VISIBLE);
	for (uint32_t i = 0; i < list->nops; i++)
		conflict_memory_add(m, key, NULL, list->ops[i]);
	list_free(m, old); /* last: `list` may be the old one */
}

/* Close the gap: move what was put behind it only because this place was taken. */
static void
remove_at(struct conflict_memory *m, size_t at)
{
	size_t mask = m->nslots - 1, next = at;

	entry_free(m, m->slots[at]);
	m->slots[at] = NULL;
	m->count--;
	for (;;) {
		const struct entry *e;
		size_t home;

		next = (next + 1) & mask;
		e = m->slots[next];
		if (e == NULL)
			return;
		home = lt_str_hash(lt_str_of(e->key, e->key_len)) & mask;
		if (((next - home) & mask) < ((next - at) & mask))
			continue; /* its home lies behind the gap */
		m->slots[at] = m->slots[next];
		m->slots[next] = NULL;
		at = next;
	}
}

void
conflict_memory_drop(struct conflict_memory *m, struct lt_str key)
{
	struct entry **slot = slot_of(m, key);

	if (*slot != NULL)
		remove_at(m, (size_t)(slot - m->slots));
}

static bool
all_seen(const struct entry *e, const struct conflict_vector *everyone)
{
	if (!conflict_vector_has(everyone, version_of(e)))
		return false;
	for (uint32_t i = 0; e->list != NULL && i < e->list->nops; i++) {
		if (!conflict_vector_has(everyone, e->list->ops[i]->version))
			return false;
	}
	return true;
}

void
conflict_memory_forget(
    struct conflict_memory *m, const struct conflict_vector *everyone, conflict_keep_fn *keep, void *ctx)
{
	for (size_t i = 0; i < m->nslots;) {
		const struct entry *e = m->slots[i];

		if (e == NULL || !all_seen(e, everyone) || (keep != NULL && keep(ctx, lt_str_of(e->key, e->key_len))))
			i++;
		else
			remove_at(m, i); /* another may have moved here */
	}
	while (m->nslots > FIRST_SLOTS && m->count * 8 < m->nslots)
		resize(m, m->nslots / 2);
}

void
conflict_memory_each(const struct conflict_memory *m,
    void (*each)(void *ctx, struct lt_str key, const struct conflict_known *known), void *ctx)
{
	for (size_t i = 0; i < m->nslots; i++) {
		const struct entry *e = m->slots[i];
		struct conflict_known known;

		if (e == NULL)
			continue;
		known = known_of(e);
		each(ctx, lt_str_of(e->key, e->key_len), &known);
	}
}

size_t
conflict_memory_count(const struct conflict_memory *m)
{
	return m->count;
}

size_t
conflict_memory_bytes(const struct conflict_memory *m)
{
	return m->bytes + sizeof(*m) + m->nslots * sizeof(struct entry *);
}
