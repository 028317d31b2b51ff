#include "base/fault.h"
#include "conflict/decide_priv.h"

/* Unique keys: the newest row of each key may claim values that another row has. Visible are, newest first, those whose
 * values are free; the others are parked. All sites that know the same rows show the same ones.
 *
 * It is enough to look at the rows that hang together by values: those that changed, those that have a value of theirs
 * before or after, and so on. */

/** A row that competes, before and after. */
struct rival {
	struct conflict_parked before,
	    after;          /* row NULL: none. In the table or parked, that makes no difference here */
	bool shown, parked; /* as it comes out */
	bool winner;
};

struct contest {
	struct conflict_deciding *d;
	struct conflict_keys keys; /* of rivals */
	struct rival *rivals;
	uint32_t cap;
	struct conflict_keys claims; /* values met */
	uint32_t ntouched;           /* the first of the rivals are those that it began with */
};

static const struct conflict_view *
view_of(const struct contest *c)
{
	return c->d->q->view;
}

static bool
is_parked(const struct contest *c, struct lt_str key)
{
	return view_of(c)->parked(view_of(c)->ctx, key) != NULL;
}

static struct conflict_version
version_of(const struct contest *c, struct lt_str key)
{
	struct conflict_known known;

	return conflict_memory_find(c->d->q->memory, key, &known) ? known.version : CONFLICT_UNKNOWN;
}

/* The row that counts for the key now. A parked row counts only while nobody wrote its key since. */
static struct conflict_parked
row_before(const struct contest *c, struct lt_str key)
{
	const struct conflict_row *row = view_of(c)->row(view_of(c)->ctx, key);
	const struct conflict_parked *parked;
	struct conflict_known known;

	if (row != NULL)
		return (struct conflict_parked){ row, version_of(c, key) };
	parked = view_of(c)->parked(view_of(c)->ctx, key);
	if (parked != NULL && conflict_memory_find(c->d->q->memory, key, &known) && known.state == CONFLICT_PARKED &&
	    conflict_version_same(known.version, parked->version))
		return *parked;
	return (struct conflict_parked){ NULL, CONFLICT_UNKNOWN };
}

static void
add_rival(struct contest *c, struct lt_str key)
{
	uint32_t before = c->keys.count, i = conflict_keys_add(&c->keys, key), slot;
	struct rival *r;

	if (i < before)
		return;
	if (i == c->cap) {
		uint32_t cap = c->cap > 0 ? c->cap * 2 : 8;

		c->rivals = lt_arena_grow(c->d->arena, c->rivals, c->cap * sizeof(*r), cap * sizeof(*r));
		c->cap = cap;
	}
	r = &c->rivals[i];
	*r = (struct rival){ .before = row_before(c, key) };
	r->after = r->before;
	slot = conflict_keys_find(&c->d->keys, key);
	if (slot != CONFLICT_NO_KEY && c->d->slots[slot].winner != CONFLICT_NO_KEY) {
		const struct conflict_slot *s = &c->d->slots[slot];

		r->winner = true;
		r->after = (struct conflict_parked){ s->row, s->held };
	}
}

/* Everybody who has a value of this row is a rival too. */
static void
follow(struct contest *c, struct lt_str key, const struct conflict_row *row)
{
	struct lt_str *claims, *holders;
	uint32_t nclaims = row != NULL ? view_of(c)->claims(view_of(c)->ctx, key, row, c->d->arena, &claims) : 0;

	for (uint32_t i = 0; i < nclaims; i++) {
		uint32_t before = c->claims.count, nholders;

		if (conflict_keys_add(&c->claims, claims[i]) < before)
			continue;
		nholders = view_of(c)->holders(view_of(c)->ctx, claims[i], c->d->arena, &holders);
		for (uint32_t k = 0; k < nholders; k++)
			add_rival(c, holders[k]);
	}
}

/** A rival by its number, for sorting. */
struct claimant {
	const struct contest *c;
	uint32_t at;
};

static int
newest_first(const void *a, const void *b)
{
	const struct claimant *x = a, *y = b;
	int order = conflict_version_cmp(x->c->rivals[y->at].after.version, x->c->rivals[x->at].after.version);

	return order != 0 ? order : lt_str_cmp(x->c->keys.at[y->at], x->c->keys.at[x->at]);
}

/* Take the row's values, unless one is taken. `taken` by number of claim. */
static bool
claim(struct contest *c, uint32_t at, bool *taken)
{
	struct lt_str *claims;
	uint32_t n = view_of(c)->claims(view_of(c)->ctx, c->keys.at[at], c->rivals[at].after.row, c->d->arena, &claims);

	for (uint32_t i = 0; i < n; i++) {
		if (taken[conflict_keys_find(&c->claims, claims[i])])
			return false;
	}
	for (uint32_t i = 0; i < n; i++)
		taken[conflict_keys_find(&c->claims, claims[i])] = true;
	return true;
}

static void
project(struct contest *c)
{
	struct claimant *order = lt_arena_alloc(c->d->arena, c->keys.count * sizeof(*order));
	bool *taken = lt_arena_zalloc(c->d->arena, c->claims.count * sizeof(*taken));
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->keys.count; i++) {
		if (c->rivals[i].after.row != NULL)
			order[n++] = (struct claimant){ c, i };
	}
	if (n > 0)
		qsort(order, n, sizeof(*order), newest_first);
	for (uint32_t i = 0; i < n; i++) {
		struct rival *r = &c->rivals[order[i].at];

		r->shown = claim(c, order[i].at, taken);
		r->parked = !r->shown;
	}
}

/* The values that parked rows wait for, by number of claim. */
static bool *
wanted(struct contest *c)
{
	bool *want = lt_arena_zalloc(c->d->arena, c->claims.count * sizeof(*want));

	for (uint32_t i = 0; i < c->keys.count; i++) {
		struct lt_str *claims;
		uint32_t n;

		if (!c->rivals[i].parked)
			continue;
		n = view_of(c)->claims(view_of(c)->ctx, c->keys.at[i], c->rivals[i].after.row, c->d->arena, &claims);
		for (uint32_t k = 0; k < n; k++)
			want[conflict_keys_find(&c->claims, claims[k])] = true;
	}
	return want;
}

static bool
in_the_way(struct contest *c, uint32_t at, const bool *want)
{
	struct lt_str *claims;
	uint32_t n = view_of(c)->claims(view_of(c)->ctx, c->keys.at[at], c->rivals[at].after.row, c->d->arena, &claims);

	for (uint32_t i = 0; i < n; i++) {
		if (want[conflict_keys_find(&c->claims, claims[i])])
			return true;
	}
	return false;
}

/* Versions of rows that this group did not win, where they are needed as long as others are parked. */
static void
pin(struct contest *c, uint32_t at, bool changed, const bool *want)
{
	const struct rival *r = &c->rivals[at];
	struct conflict_mark *mark = &c->d->out->mark;
	struct conflict_known known;
	bool remembered = conflict_memory_find(c->d->q->memory, c->keys.at[at], &known);

	if (r->winner)
		return;
	if (r->parked)
		mark->pins[mark->npins++] = (struct conflict_pin){ c->keys.at[at], r->after.version, CONFLICT_PARKED };
	else if (r->shown && (changed || (remembered && in_the_way(c, at, want) && !lt_fault("conflict_stored_pins"))))
		mark->pins[mark->npins++] = (struct conflict_pin){ c->keys.at[at], r->after.version, CONFLICT_VISIBLE };
}

static void
settle(struct contest *c, uint32_t at, const bool *want)
{
	const struct rival *r = &c->rivals[at];
	struct conflict_decision *out = c->d->out;
	struct lt_str key = c->keys.at[at];
	const struct conflict_row *row = r->shown ? r->after.row : NULL;
	const struct conflict_parked *had = view_of(c)->parked(view_of(c)->ctx, key);
	bool changed = !conflict_row_eq(row, view_of(c)->row(view_of(c)->ctx, key));

	if (changed)
		conflict_decision_write(c->d, key, row);
	if (!r->parked && had != NULL)
		out->parks[out->nparks++] = (struct conflict_park){ key, { NULL, CONFLICT_UNKNOWN } };
	if (r->parked && (had == NULL || !conflict_row_eq(had->row, r->after.row) ||
			     !conflict_version_same(had->version, r->after.version)))
		out->parks[out->nparks++] = (struct conflict_park){ key, r->after };
	if (r->winner && r->parked)
		c->d->slots[conflict_keys_find(&c->d->keys, key)].state = CONFLICT_PARKED;
	pin(c, at, changed, want);
	if (at >= c->ntouched && !lt_fault("conflict_component"))
		out->need[out->nneed++] = key;
}

void
conflict_unique_decide(struct conflict_deciding *d)
{
	struct contest c = { .d = d, .keys = { .arena = d->arena }, .claims = { .arena = d->arena } };
	const bool *want;

	for (uint32_t i = 0; i < d->keys.count; i++) {
		if (d->slots[i].policy->unique &&
		    (d->slots[i].winner != CONFLICT_NO_KEY || is_parked(&c, d->keys.at[i])))
			add_rival(&c, d->keys.at[i]);
	}
	for (uint32_t i = 0; i < d->q->nparked; i++)
		add_rival(&c, d->q->parked[i]);
	c.ntouched = c.keys.count;
	for (uint32_t i = 0; i < c.keys.count; i++) {
		struct rival r = c.rivals[i];

		follow(&c, c.keys.at[i], r.before.row);
		follow(&c, c.keys.at[i], r.after.row);
	}
	project(&c);
	want = wanted(&c);
	d->out->parks = lt_arena_alloc(d->arena, c.keys.count * sizeof(*d->out->parks));
	d->out->need = lt_arena_alloc(d->arena, c.keys.count * sizeof(*d->out->need));
	d->out->mark.pins = lt_arena_alloc(d->arena, c.keys.count * sizeof(*d->out->mark.pins));
	for (uint32_t i = 0; i < c.keys.count; i++)
		settle(&c, i, want);
}
