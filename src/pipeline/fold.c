#include "pipeline/fold.h"

#include "base/arena.h"
#include "pipeline/sql_priv.h"
#include "pipeline/writeset.h"

#define SLOTS_FIRST 4096

/* A table of this group. */
struct folded {
	const struct schema_table *target;
	const struct pipeline_route *route;
	size_t find; /* number of the index that rows are found by */
	bool whole;  /* its rows stay as they are */
	struct folded *next;
};

/* One key of one table: what it held before the group, and what it holds now. */
struct held {
	struct folded *table;
	uint64_t key;      /* never finer than the server's idea of equality */
	struct lt_str raw; /* the values themselves */
	bool existed, exists;
	bool moves; /* an update that gives up a unique value, or takes one */
	struct pipeline_net net;
	struct held *next;
};

struct pipeline_fold {
	struct lt_arena *arena;  /* owned */
	struct lt_arena *values; /* owned: of the row in hand */
	struct folded *tables;
	bool triggers;       /* some row fires triggers, which may touch any table: nothing is folded */
	struct held **slots; /* owned, open addressing */
	size_t cap, used;
	struct held *first, *last; /* as they came */
	uint64_t *given;           /* owned: unique values that updates give up, open addressing; 0 is empty */
	size_t given_cap, given_used;
	struct lt_buf scratch;
};

struct pipeline_fold *
pipeline_fold_new(void)
{
	struct pipeline_fold *f = lt_new(struct pipeline_fold);

	f->arena = lt_arena_new();
	f->values = lt_arena_new();
	f->cap = f->given_cap = SLOTS_FIRST;
	f->slots = lt_calloc(f->cap, sizeof(struct held *));
	f->given = lt_calloc(f->given_cap, sizeof(*f->given));
	return f;
}

void
pipeline_fold_free(struct pipeline_fold *f)
{
	if (f == NULL)
		return;
	lt_arena_free(f->arena);
	lt_arena_free(f->values);
	lt_buf_free(&f->scratch);
	free(f->slots);
	free(f->given);
	free(f);
}

void
pipeline_fold_clear(struct pipeline_fold *f)
{
	if (f->used > 0)
		memset(f->slots, 0, f->cap * sizeof(struct held *));
	if (f->given_used > 0)
		memset(f->given, 0, f->given_cap * sizeof(*f->given));
	lt_arena_reset(f->arena);
	f->tables = NULL;
	f->triggers = false;
	f->first = f->last = NULL;
	f->used = f->given_used = 0;
}

/* -- keys ----------------------------------------------------------------------------------------- */

static void
add_raw(struct lt_buf *out, const struct change_value *v)
{
	char text[32];

	lt_buf_c(out, (char)v->kind);
	switch (v->kind) {
	case CHANGE_ABSENT:
	case CHANGE_NULL: return;
	case CHANGE_FLOAT: lt_buf_add(out, &v->f32, sizeof(v->f32)); return;
	case CHANGE_INT:
	case CHANGE_UINT:
	case CHANGE_DOUBLE:
	case CHANGE_YEAR:
	case CHANGE_BIT:
	case CHANGE_ENUM:
	case CHANGE_SET: lt_buf_le(out, v->u64, 8); return;
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: lt_buf_add(out, text, change_time_text(v->kind, &v->time, text)); return;
	default: lt_buf_le(out, v->bytes.len, 8); lt_buf_str_add(out, v->bytes);
	}
}

static enum pipeline_image
image_of(bool after)
{
	return after ? PIPELINE_IMAGE_AFTER : PIPELINE_IMAGE_BEFORE;
}

/* The values of an index as they are, in f->scratch. */
static struct lt_str
raw_of(struct pipeline_fold *f, const struct pipeline_route *route, const struct pipeline_index *index, bool after)
{
	lt_buf_clear(&f->scratch);
	for (size_t i = 0; i < index->nparts; i++) {
		const struct change_value *values = after ? route->after : route->before;

		add_raw(&f->scratch, &values[index->parts[i].column->source]);
	}
	return lt_buf_str(&f->scratch);
}

static struct held **
slot_of(struct held **slots, size_t cap, const struct folded *table, uint64_t key)
{
	size_t at = (size_t)key & (cap - 1);

	while (slots[at] != NULL && (slots[at]->key != key || slots[at]->table != table))
		at = (at + 1) & (cap - 1);
	return &slots[at];
}

static void
grow(struct pipeline_fold *f)
{
	size_t cap = f->cap * 2;
	struct held **slots = lt_calloc(cap, sizeof(struct held *));

	for (size_t i = 0; i < f->cap; i++) {
		if (f->slots[i] != NULL)
			*slot_of(slots, cap, f->slots[i]->table, f->slots[i]->key) = f->slots[i];
	}
	free(f->slots);
	f->slots = slots;
	f->cap = cap;
}

/* What is held of the key that the row has before or after; *fresh: nothing yet. NULL: the key is not known exactly. */
static struct held *
find(struct pipeline_fold *f, struct folded *table, struct pipeline_route *route, bool after, bool *fresh)
{
	const struct pipeline_index *index = &route->indexes->items[table->find];
	struct held **slot, *h;
	struct lt_str raw;
	uint64_t key;

	if (pipeline_index_key(route, route->indexes, table->find, image_of(after), &f->scratch, &key) !=
	    PIPELINE_KEY_MADE)
		return NULL;
	raw = raw_of(f, route, index, after);
	if (f->used * 2 >= f->cap)
		grow(f);
	slot = slot_of(f->slots, f->cap, table, key);
	*fresh = *slot == NULL;
	if (!*fresh) /* values that are equal only to the server, or perhaps not even there */
		return lt_str_eq((*slot)->raw, raw) ? *slot : NULL;
	h = lt_arena_zalloc(f->arena, sizeof(*h));
	*h = (struct held){ .table = table, .key = key, .raw = lt_arena_str(f->arena, raw), .net.route = route };
	*slot = h;
	f->used++;
	if (f->last != NULL)
		f->last->next = h;
	else
		f->first = h;
	f->last = h;
	return h;
}

/* -- rows ----------------------------------------------------------------------------------------- */

static void
begin_net(struct held *h, const struct pipeline_row_ref *ref)
{
	h->net.row = *ref->row;
	h->net.txn = ref->txn;
	h->net.at = ref->at;
}

/* The key held a row, and holds it no more. */
static bool
take_away(
    struct pipeline_fold *f, struct folded *table, struct pipeline_route *route, const struct pipeline_row_ref *ref)
{
	bool fresh = false;
	struct held *h = find(f, table, route, false, &fresh);

	if (h == NULL || (!fresh && !h->exists))
		return false;
	if (fresh) {
		h->existed = true;
		begin_net(h, ref);
	}
	h->exists = false;
	return true;
}

/* The key held none, and holds one. */
static bool
put(struct pipeline_fold *f, struct folded *table, struct pipeline_route *route, const struct pipeline_row_ref *ref)
{
	bool fresh = false;
	struct held *h = find(f, table, route, true, &fresh);

	if (h == NULL || h->exists)
		return false;
	if (fresh)
		begin_net(h, ref);
	h->net.row.after = ref->row->after;
	h->exists = true;
	return true;
}

static bool
change(struct pipeline_fold *f, struct folded *table, struct pipeline_route *route, const struct pipeline_row_ref *ref)
{
	bool fresh = false;
	struct held *h = find(f, table, route, false, &fresh);

	if (h == NULL || (!fresh && !h->exists))
		return false;
	if (fresh) {
		h->existed = h->exists = true;
		begin_net(h, ref);
	}
	h->net.row.after = ref->row->after;
	return true;
}

static bool
keeps_key(const struct folded *table, const struct pipeline_route *route)
{
	const struct pipeline_index *index = &route->indexes->items[table->find];

	for (size_t i = 0; i < index->nparts; i++) {
		size_t source = index->parts[i].column->source;

		if (!change_value_eq(&route->before[source], &route->after[source]))
			return false;
	}
	return true;
}

/* Every unique value of the image is known exactly enough to tell whose it is. */
static bool
keys_are_told(struct pipeline_fold *f, const struct pipeline_route *route, bool after)
{
	uint64_t key;

	for (size_t i = 0; i < route->indexes->count; i++) {
		if (pipeline_index_key(route, route->indexes, i, image_of(after), &f->scratch, &key) ==
		    PIPELINE_KEY_UNKNOWN)
			return false;
	}
	return true;
}

static bool
take(struct pipeline_fold *f, struct folded *table, struct pipeline_route *route, const struct pipeline_row_ref *ref)
{
	const struct change_row *row = ref->row;

	if (row->op != CHANGE_INSERT && !keys_are_told(f, route, false))
		return false;
	if (row->op != CHANGE_DELETE && (!pipeline_sql_is_complete(route, &row->after) || row->after.partial != NULL ||
					    !keys_are_told(f, route, true)))
		return false;
	switch (row->op) {
	case CHANGE_INSERT: return put(f, table, route, ref);
	case CHANGE_DELETE: return take_away(f, table, route, ref);
	case CHANGE_UPDATE: break;
	}
	if (keeps_key(table, route))
		return change(f, table, route, ref);
	return take_away(f, table, route, ref) && put(f, table, route, ref);
}

static size_t
find_index(const struct pipeline_route *route)
{
	const struct schema_key *key = schema_table_find_key(route->target);
	size_t number = 0;

	for (const struct schema_key *k = route->target->keys; k != key; k++)
		number += k->unique ? 1 : 0;
	return number;
}

static struct folded *
table_of(struct pipeline_fold *f, const struct pipeline_route *route)
{
	const struct schema_table *t = route->target;
	struct folded *table;

	for (table = f->tables; table != NULL; table = table->next) {
		if (table->target == t)
			return table;
	}
	table = lt_arena_zalloc(f->arena, sizeof(*table));
	*table = (struct folded){ .target = t, .route = route, .next = f->tables };
	table->whole = route->keyless || route->indexes->ordered || t->temporal || !route->triggers_told;
	f->triggers = f->triggers || route->indexes->triggers;
	if (!table->whole)
		table->find = find_index(route);
	f->tables = table;
	return table;
}

void
pipeline_fold_add(struct pipeline_fold *f, struct pipeline_route *route, const struct pipeline_row_ref *ref)
{
	struct folded *table = table_of(f, route);

	/* Another route: another version of the table, or another table mapped to the same one. */
	table->whole = table->whole || table->route != route || !take(f, table, route, ref);
}

bool
pipeline_fold_takes(const struct pipeline_fold *f, const struct pipeline_route *route)
{
	for (const struct folded *table = f->tables; table != NULL; table = table->next) {
		if (table->target == route->target)
			return !table->whole && !f->triggers;
	}
	return false;
}

/* -- what is left --------------------------------------------------------------------------------- */

static uint64_t *
given_slot(uint64_t *given, size_t cap, uint64_t key)
{
	size_t at = (size_t)key & (cap - 1);

	while (given[at] != 0 && given[at] != key)
		at = (at + 1) & (cap - 1);
	return &given[at];
}

/* Two keys that fall together make an update a delete and an insert: no harm. */
static void
give(struct pipeline_fold *f, uint64_t key)
{
	uint64_t *slot;

	key |= 1;
	if (f->given_used * 2 >= f->given_cap) {
		size_t cap = f->given_cap * 2;
		uint64_t *given = lt_calloc(cap, sizeof(*given));

		for (size_t i = 0; i < f->given_cap; i++) {
			if (f->given[i] != 0)
				*given_slot(given, cap, f->given[i]) = f->given[i];
		}
		free(f->given);
		f->given = given;
		f->given_cap = cap;
	}
	slot = given_slot(f->given, f->given_cap, key);
	f->given_used += *slot == 0 ? 1 : 0;
	*slot = key;
}

/* Whether the update decoded in the route changes the values of the index. */
static bool
moves_in(struct pipeline_fold *f, const struct pipeline_route *route, const struct pipeline_index *index)
{
	struct lt_buf before = { 0 };
	bool moved;

	lt_buf_str_add(&before, raw_of(f, route, index, false));
	moved = !lt_str_eq(lt_buf_str(&before), raw_of(f, route, index, true));
	lt_buf_free(&before);
	return moved;
}

/* For each unique index but the one rows are found by: what the update gives up is noted (`taking` false); whether it
 * takes what was noted (`taking` true). */
static bool
go_through(struct pipeline_fold *f, struct held *h, bool taking)
{
	const struct pipeline_route *route = h->net.route;
	bool takes = false;

	for (size_t i = 0; i < route->indexes->count; i++) {
		uint64_t key;

		if (i == h->table->find || !moves_in(f, route, &route->indexes->items[i]))
			continue;
		h->moves = true;
		if (pipeline_index_key(route, route->indexes, i, image_of(taking), &f->scratch, &key) !=
		    PIPELINE_KEY_MADE)
			continue;
		if (taking)
			takes = takes || *given_slot(f->given, f->given_cap, key | 1) != 0;
		else
			give(f, key);
	}
	return takes;
}

static bool
decode(struct pipeline_fold *f, struct held *h, struct lt_err *err)
{
	struct pipeline_route *route = h->net.route;
	const struct change_codec *codec = route->from->codec;

	lt_arena_reset(f->values);
	return codec->decode(route->from, &h->net.row.before, f->values, route->before, err) &&
	       codec->decode(route->from, &h->net.row.after, f->values, route->after, err);
}

static bool
is_same(const struct change_row *row)
{
	return row->before.present == row->after.present && lt_str_eq(row->before.bytes, row->after.bytes);
}

static bool
is_update(const struct held *h)
{
	return !h->table->whole && h->existed && h->exists && !is_same(&h->net.row);
}

static struct pipeline_net **
add_net(struct pipeline_net **end, struct pipeline_net *net, enum change_op op)
{
	net->row.op = op;
	if (op == CHANGE_DELETE)
		net->row.after = (struct change_image){ 0 };
	if (op == CHANGE_INSERT)
		net->row.before = (struct change_image){ 0 };
	net->next = NULL;
	*end = net;
	return &net->next;
}

static struct pipeline_net **
add_both(struct pipeline_fold *f, struct pipeline_net **end, struct pipeline_net *net)
{
	struct pipeline_net *second = lt_arena_zalloc(f->arena, sizeof(*second));

	*second = *net;
	end = add_net(end, net, CHANGE_DELETE);
	return add_net(end, second, CHANGE_INSERT);
}

bool
pipeline_fold_end(struct pipeline_fold *f, struct pipeline_net **ret, struct lt_err *err)
{
	struct pipeline_net *first = NULL, **end = &first;

	*ret = NULL;
	if (f->triggers)
		return true;
	for (struct held *h = f->first; h != NULL; h = h->next) {
		if (!is_update(h))
			continue;
		h->net.row.op = CHANGE_UPDATE;
		if (h->net.route->indexes->count < 2)
			continue;
		if (!decode(f, h, err))
			return false;
		go_through(f, h, false);
	}
	for (struct held *h = f->first; h != NULL; h = h->next) {
		bool split = false;

		if (is_update(h)) {
			if (h->moves && !decode(f, h, err))
				return false;
			split = h->moves && go_through(f, h, true);
			end = split ? add_both(f, end, &h->net) : add_net(end, &h->net, CHANGE_UPDATE);
		} else if (!h->table->whole && h->existed != h->exists) {
			end = add_net(end, &h->net, h->existed ? CHANGE_DELETE : CHANGE_INSERT);
		}
	}
	*ret = first;
	return true;
}
