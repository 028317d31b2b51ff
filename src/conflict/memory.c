#include "conflict/memory.h"

#define FIRST_BUCKETS ((size_t)16)
/* Buckets that are taken at once. */
#define SHEET ((size_t)512)
#define MALLOC_COST 8 /* of each piece, beside rounding to 16 */

/* The operations of a key. */
struct list {
	struct conflict_row *base; /* owned */
	struct conflict_op **ops;  /* owned, and what they point to; ascending by version */
	uint32_t nops, cap;
	size_t bytes;
};

/* A table of which rows are parked, by the first bytes of its keys. */
struct table {
	uint64_t name;
	size_t parked;
};

/* One key. Small, since there are as many as were written while the slowest peer was away. */
struct entry {
	struct entry *next; /* in its bucket */
	int64_t clock_us;
	uint64_t seq;
	struct list *list; /* owned; NULL in row-last-writer-wins */
	uint32_t origin;
	uint16_t key_len;
	uint8_t state;
	char key[];
};

/* Linear hashing: the table grows and shrinks by one bucket at a time, so no call ever walks all keys, however many
 * there are: whoever adds one holds the observer. A key is in the bucket that as many bits of its hash name as the
 * buckets have, or, where there is none with that number yet, one bit less. */
struct conflict_memory {
	const struct conflict_room *room; /* borrowed: where all of this lies */
	struct entry ***sheets;           /* owned: the buckets, SHEET of them each */
	size_t nsheets, sheets_cap;
	size_t nbuckets, full; /* full: the power of two at or below nbuckets */
	size_t count;
	size_t bytes;         /* of entries and lists */
	struct table *tables; /* owned: few, as rows are parked in few */
	size_t ntables, tables_cap;
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

static struct entry **
bucket(const struct conflict_memory *m, size_t at)
{
	return &m->sheets[at / SHEET][at % SHEET];
}

/* For as many buckets as there are, and one more. */
static void
add_sheet(struct conflict_memory *m)
{
	if (m->nsheets == m->sheets_cap) {
		m->sheets_cap = m->sheets_cap > 0 ? m->sheets_cap * 2 : 1;
		m->sheets = lt_realloc(m->sheets, m->sheets_cap * sizeof(*m->sheets));
	}
	m->sheets[m->nsheets++] = take(m, SHEET * sizeof(struct entry *));
}

struct conflict_memory *
conflict_memory_new(const struct conflict_room *room)
{
	struct conflict_memory *m = lt_new(struct conflict_memory);

	m->room = room;
	m->nbuckets = m->full = FIRST_BUCKETS;
	add_sheet(m);
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
	for (size_t i = 0; i < m->nbuckets; i++) {
		struct entry *e = *bucket(m, i);

		while (e != NULL) {
			struct entry *next = e->next;

			entry_free(m, e);
			e = next;
		}
	}
	for (size_t i = 0; i < m->nsheets; i++)
		give(m, m->sheets[i], SHEET * sizeof(struct entry *));
	free(m->sheets);
	free(m->tables);
	free(m);
}

static struct lt_str
key_of(const struct entry *e)
{
	return lt_str_of(e->key, e->key_len);
}

static struct entry **
bucket_of(const struct conflict_memory *m, struct lt_str key)
{
	size_t hash = lt_str_hash(key), at = hash & (2 * m->full - 1);

	return bucket(m, at < m->nbuckets ? at : hash & (m->full - 1));
}

/* Where the key hangs, or would. */
static struct entry **
link_of(const struct conflict_memory *m, struct lt_str key)
{
	struct entry **link = bucket_of(m, key);

	while (*link != NULL && !lt_str_eq(key_of(*link), key))
		link = &(*link)->next;
	return link;
}

/* One bucket more: it takes its part of the first one that was not divided yet. */
static void
grow(struct conflict_memory *m)
{
	struct entry *e;

	if (m->nbuckets == m->nsheets * SHEET)
		add_sheet(m);
	e = *bucket(m, m->nbuckets - m->full);
	*bucket(m, m->nbuckets - m->full) = NULL;
	m->nbuckets++;
	while (e != NULL) {
		struct entry *next = e->next, **to = bucket_of(m, key_of(e));

		e->next = *to;
		*to = e;
		e = next;
	}
	if (m->nbuckets == 2 * m->full)
		m->full = m->nbuckets;
}

/* One bucket less: the last one goes back to where it was divided from. */
static void
shrink(struct conflict_memory *m)
{
	struct entry **to;

	m->full = m->nbuckets == m->full ? m->full / 2 : m->full;
	m->nbuckets--;
	to = bucket(m, m->nbuckets - m->full);
	while (*to != NULL)
		to = &(*to)->next;
	*to = *bucket(m, m->nbuckets);
	*bucket(m, m->nbuckets) = NULL;
	if (m->nbuckets <= (m->nsheets - 1) * SHEET)
		give(m, m->sheets[--m->nsheets], SHEET * sizeof(struct entry *));
}

static struct entry *
entry_at(struct conflict_memory *m, struct lt_str key)
{
	struct entry **link = link_of(m, key), *e = *link;

	if (e != NULL)
		return e;
	LT_ASSERT(key.len <= CONFLICT_KEY_MAX);
	e = take(m, offsetof(struct entry, key) + key.len);
	e->key_len = (uint16_t)key.len;
	e->clock_us = INT64_MIN;
	if (key.len > 0)
		memcpy(e->key, key.ptr, key.len);
	m->bytes += entry_bytes(key.len);
	m->count++;
	*link = e;
	if (m->count > m->nbuckets)
		grow(m);
	return e;
}

static struct conflict_version
version_of(const struct entry *e)
{
	return (struct conflict_version){ e->clock_us, e->seq, e->origin };
}

static uint64_t
table_name(struct lt_str key)
{
	uint64_t name = 0;

	memcpy(&name, key.ptr, LT_MIN(key.len, sizeof(name)));
	return name;
}

/* NULL: nothing of it is parked. */
static struct table *
table_of(const struct conflict_memory *m, struct lt_str key)
{
	uint64_t name = table_name(key);

	for (size_t i = 0; i < m->ntables; i++) {
		if (m->tables[i].name == name)
			return &m->tables[i];
	}
	return NULL;
}

static void
count_parked(struct conflict_memory *m, struct lt_str key)
{
	struct table *t = table_of(m, key);

	if (t == NULL && m->ntables == m->tables_cap) {
		m->tables_cap = m->tables_cap > 0 ? m->tables_cap * 2 : 4;
		m->tables = lt_realloc(m->tables, m->tables_cap * sizeof(*m->tables));
	}
	if (t == NULL) {
		t = &m->tables[m->ntables++];
		*t = (struct table){ table_name(key), 0 };
	}
	t->parked++;
}

static void
uncount_parked(struct conflict_memory *m, struct lt_str key)
{
	struct table *t = table_of(m, key);

	if (--t->parked == 0)
		*t = m->tables[--m->ntables];
}

static void
set(struct conflict_memory *m, struct entry *e, struct conflict_version version, enum conflict_state state)
{
	if (state == CONFLICT_PARKED && e->state != CONFLICT_PARKED)
		count_parked(m, key_of(e));
	else if (state != CONFLICT_PARKED && e->state == CONFLICT_PARKED)
		uncount_parked(m, key_of(e));
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
	const struct entry *e = *link_of(m, key);

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
	set(m, e, version, state);
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
		set(m, e, op->version, op->after != NULL ? CONFLICT_VISIBLE : CONFLICT_ABSENT);
}

void
conflict_memory_replace(struct conflict_memory *m, struct lt_str key, const struct conflict_list *list)
{
	struct entry *e = entry_at(m, key);
	struct list *old = e->list;

	LT_ASSERT(list->nops > 0);
	e->list = list_new(m, list->base);
	set(m, e, CONFLICT_UNKNOWN, CONFLICT_VISIBLE);
	for (uint32_t i = 0; i < list->nops; i++)
		conflict_memory_add(m, key, NULL, list->ops[i]);
	list_free(m, old); /* last: `list` may be the old one */
}

static void
remove_at(struct conflict_memory *m, struct entry **link)
{
	struct entry *e = *link;

	*link = e->next;
	if (e->state == CONFLICT_PARKED)
		uncount_parked(m, key_of(e));
	entry_free(m, e);
	m->count--;
}

void
conflict_memory_drop(struct conflict_memory *m, struct lt_str key)
{
	struct entry **link = link_of(m, key);

	if (*link != NULL)
		remove_at(m, link);
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

/* One bucket of the walk; how many keys were looked at. */
static size_t
sweep(struct conflict_memory *m, const struct conflict_sweep *s, struct entry **link)
{
	size_t looks = 1;

	for (; *link != NULL; looks++) {
		struct entry *e = *link;
		struct conflict_known known = known_of(e);

		if ((s->keep != NULL && s->keep(s->ctx, key_of(e), &known)) || s->everyone == NULL ||
		    !all_seen(e, s->everyone))
			link = &e->next;
		else
			remove_at(m, link);
	}
	return looks;
}

static bool
is_too_wide(const struct conflict_memory *m)
{
	return m->nbuckets > FIRST_BUCKETS && m->count * 4 < m->nbuckets;
}

bool
conflict_memory_sweep(struct conflict_memory *m, const struct conflict_sweep *s, size_t looks, size_t *at)
{
	size_t done = 0;

	while (done < looks && *at < m->nbuckets)
		done += sweep(m, s, bucket(m, (*at)++));
	/* Last, since it moves keys to where the walk has been. */
	for (; done < looks && *at >= m->nbuckets && is_too_wide(m); done++) {
		shrink(m);
		*at = m->nbuckets;
	}
	return *at >= m->nbuckets && !is_too_wide(m);
}

bool
conflict_memory_has_parked(const struct conflict_memory *m, struct lt_str key)
{
	return table_of(m, key) != NULL;
}

size_t
conflict_memory_parked(const struct conflict_memory *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->ntables; i++)
		n += m->tables[i].parked;
	return n;
}

size_t
conflict_memory_count(const struct conflict_memory *m)
{
	return m->count;
}

size_t
conflict_memory_bytes(const struct conflict_memory *m)
{
	return m->bytes + sizeof(*m) + m->nsheets * (SHEET + 1) * sizeof(struct entry *);
}
