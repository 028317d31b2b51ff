#include "site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "conflict/sweep.h"

#define INTERVAL_US 1000000

void
site_open(struct site *s, uint32_t id, const struct conflict_policy *policy)
{
	*s = (struct site){ .id = id, .policy = policy, .arena = lt_arena_new() };
	s->observer = conflict_observer_new(conflict_origin(id, 0), INTERVAL_US, &conflict_room_plain);
	/* Stamps up to two intervals above a heartbeat count as they are. */
	conflict_observer_beat(s->observer, &(int64_t){ 0 });
}

void
site_close(struct site *s)
{
	conflict_observer_free(s->observer);
	conflict_peers_free(&s->heard);
	lt_arena_free(s->arena);
}

const struct conflict_row *
site_row(struct site *s, const char *a, const char *b, const char *c)
{
	struct conflict_row *row = lt_arena_alloc(s->arena, sizeof(*row));
	const char *all[] = { a, b, c };

	row->count = LT_COUNT(all);
	row->values = lt_arena_alloc(s->arena, sizeof(*row->values) * LT_COUNT(all));
	for (uint32_t i = 0; i < row->count; i++)
		row->values[i] = all[i] != NULL ? lt_arena_str(s->arena, lt_str_z(all[i])) : lt_str_of(NULL, 0);
	return row;
}

static struct site_row *
row_at(struct site *s, struct lt_str key)
{
	for (uint32_t i = 0; i < s->nrows; i++) {
		if (lt_str_eq(s->rows[i].key, key))
			return &s->rows[i];
	}
	assert_true(s->nrows < SITE_ROWS);
	s->rows[s->nrows] = (struct site_row){ .key = lt_arena_str(s->arena, key) };
	return &s->rows[s->nrows++];
}

static const char *
text_of(struct site *s, const struct conflict_row *row)
{
	char text[64];
	size_t at = 0;

	if (row == NULL)
		return "none";
	for (uint32_t i = 0; i < row->count; i++) {
		struct lt_str v = row->values[i].ptr != NULL ? row->values[i] : lt_str_z("-");

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", i > 0 ? "," : "", LT_FMT(v));
	}
	return lt_arena_str(s->arena, lt_str_z(text)).ptr;
}

const char *
site_shows(struct site *s, const char *key)
{
	return text_of(s, row_at(s, lt_str_z(key))->row);
}

const char *
site_parks(struct site *s, const char *key)
{
	return text_of(s, row_at(s, lt_str_z(key))->parked.row);
}

const struct conflict_txn *
site_write(struct site *s, int64_t stamp_us, const struct site_edit *edits, uint32_t nedits)
{
	struct conflict_change *changes = lt_arena_alloc(s->arena, nedits * sizeof(*changes));
	struct conflict_txn *txn = lt_arena_zalloc(s->arena, sizeof(*txn));

	for (uint32_t i = 0; i < nedits; i++) {
		struct site_row *at = row_at(s, lt_str_z(edits[i].key));

		changes[i] = (struct conflict_change){ at->key, s->policy, at->row, edits[i].row };
		at->row = edits[i].row;
	}
	txn->changes = changes;
	txn->nchanges = nedits;
	conflict_observer_local(s->observer, stamp_us, txn);
	txn->seen = conflict_vector_copy(&txn->seen, s->arena);
	return txn;
}

const struct conflict_txn *
site_put(struct site *s, int64_t stamp_us, const char *key, const struct conflict_row *row)
{
	return site_write(s, stamp_us, &(struct site_edit){ key, row }, 1);
}

static const struct conflict_row *
view_row(void *ctx, struct lt_str key)
{
	return row_at(ctx, key)->row;
}

static const struct conflict_parked *
view_parked(void *ctx, struct lt_str key)
{
	const struct site_row *at = row_at(ctx, key);

	return at->parked.row != NULL ? &at->parked : NULL;
}

static uint32_t
view_claims(void *ctx, struct lt_str key, const struct conflict_row *row, struct lt_arena *arena, struct lt_str **ret)
{
	uint32_t n = 0;

	(void)ctx;
	(void)key;
	*ret = lt_arena_alloc(arena, 2 * sizeof(**ret));
	for (uint32_t i = 0; i < 2; i++) {
		char text[32];

		if (row->values[i].ptr == NULL)
			continue;
		snprintf(text, sizeof(text), "%u:%.*s", i, LT_FMT(row->values[i]));
		(*ret)[n++] = lt_arena_str(arena, lt_str_z(text));
	}
	return n;
}

static bool
has(struct site *s, const struct conflict_row *row, struct lt_str claim)
{
	struct lt_str *claims;
	uint32_t n = row != NULL ? view_claims(s, claim, row, s->arena, &claims) : 0;

	for (uint32_t i = 0; i < n; i++) {
		if (lt_str_eq(claims[i], claim))
			return true;
	}
	return false;
}

static uint32_t
view_holders(void *ctx, struct lt_str claim, struct lt_arena *arena, struct lt_str **ret)
{
	struct site *s = ctx;
	uint32_t n = 0;

	*ret = lt_arena_alloc(arena, SITE_ROWS * sizeof(**ret));
	for (uint32_t i = 0; i < s->nrows; i++) {
		if (has(s, s->rows[i].row, claim) || has(s, s->rows[i].parked.row, claim))
			(*ret)[n++] = s->rows[i].key;
	}
	return n;
}

static void
read_mark(struct site *s, struct lt_str bytes)
{
	struct conflict_mark mark;
	struct lt_err err = { 0 };

	assert_true(conflict_mark_decode(bytes, s->arena, &mark, &err));
	conflict_observer_mark(s->observer, &mark);
	assert_int_equal(conflict_observer_went_back(s->observer), 0);
}

static void
observe(struct site *s, const struct conflict_mark *mark)
{
	struct lt_buf bytes = { 0 };
	struct lt_str kept;

	conflict_mark_encode(mark, &bytes);
	kept = lt_arena_str(s->arena, lt_buf_str(&bytes));
	lt_buf_free(&bytes);
	read_mark(s, kept);
	if (s->checkpoint.len == 0)
		return;
	assert_true(s->nmarks < SITE_MARKS);
	s->marks[s->nmarks++] = kept;
}

/* No value of a unique key is twice in the table. */
static void
check_unique(struct site *s)
{
	for (uint32_t i = 0; s->policy->unique && i < s->nrows; i++) {
		struct lt_str *claims;
		uint32_t n =
		    s->rows[i].row != NULL ? view_claims(s, s->rows[i].key, s->rows[i].row, s->arena, &claims) : 0;

		for (uint32_t k = 0; k < n * s->nrows; k++) {
			uint32_t other = k / n;

			assert_false(other != i && has(s, s->rows[other].row, claims[k % n]));
		}
	}
}

static void
carry_out(struct site *s, const struct conflict_decision *d, const struct conflict_txn *txns)
{
	for (uint32_t i = 0; i < d->nwrites; i++) {
		assert_false(i > 0 && d->writes[i].row == NULL && d->writes[i - 1].row != NULL); /* deletions first */
		row_at(s, d->writes[i].key)->row = d->writes[i].row;
	}
	for (uint32_t i = 0; i < d->nparks; i++)
		row_at(s, d->parks[i].key)->parked = d->parks[i].parked;
	for (uint32_t i = 0; i < d->nclashes; i++) {
		const struct conflict_clash *c = &d->clashes[i];

		assert_true(s->nclashes < SITE_CLASHES);
		s->clashes[s->nclashes++] =
		    (struct site_clash){ c->key, txns[c->txn].version, c->other, c->won, c->failed };
	}
	s->drifts += d->drift;
	s->failures += d->nfailed;
	assert_true(d->nfailed == 0 || (d->failed_key.len > 0 && d->failure.failed != NULL));
	check_unique(s);
	observe(s, &d->mark);
}

static struct conflict_view
view_of(struct site *s)
{
	struct conflict_view view = { .row = view_row, .ctx = s };

	if (s->policy->unique) {
		view.parked = view_parked;
		view.claims = view_claims;
		view.holders = view_holders;
	}
	return view;
}

static struct conflict_decision
decide(struct site *s, const struct conflict_txn *txns, uint32_t ntxns, const struct lt_str *parked, uint32_t nparked)
{
	struct conflict_view view = view_of(s);
	struct conflict_question q = { .memory = conflict_observer_memory(s->observer),
		.applied = &conflict_observer_clock(s->observer)->seen,
		.heard = &s->heard,
		.txns = txns,
		.ntxns = ntxns,
		.parked = parked,
		.nparked = nparked,
		.view = &view };
	struct conflict_decision d;

	conflict_decide(&q, s->arena, &d);
	return d;
}

void
site_apply(struct site *s, const struct conflict_txn *const *txns, uint32_t ntxns)
{
	struct conflict_txn *all = lt_arena_alloc(s->arena, ntxns * sizeof(*all));
	struct conflict_decision d;

	for (uint32_t i = 0; i < ntxns; i++) {
		all[i] = *txns[i];
		assert_int_not_equal(conflict_origin_site(all[i].version.origin), s->id);
	}
	d = decide(s, all, ntxns, NULL, 0);
	carry_out(s, &d, all);
}

void
site_take(struct site *s, const struct conflict_txn *txn)
{
	site_apply(s, &txn, 1);
}

uint32_t
site_needs(struct site *s, const struct conflict_txn *txn)
{
	return decide(s, txn, 1, NULL, 0).nneed;
}

void
site_upkeep(struct site *s)
{
	struct lt_str keys[SITE_ROWS];
	struct conflict_decision d;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->nrows; i++) {
		if (s->rows[i].parked.row != NULL)
			keys[n++] = s->rows[i].key;
	}
	d = decide(s, NULL, 0, keys, n);
	carry_out(s, &d, NULL);
}

static bool
keep(void *ctx, struct lt_str key, const struct conflict_known *known)
{
	(void)ctx;
	(void)key;
	(void)known;
	return true;
}

void
site_checkpoint(struct site *s)
{
	struct conflict_sweeping *walk =
	    conflict_sweeping_new(s->observer, LT_STR("mb.1:4"), NULL, s->policy->unique ? keep : NULL, s, SIZE_MAX);
	struct lt_buf bytes = { 0 };

	while (!conflict_sweeping_step(walk, s->observer, 2))
		;
	conflict_checkpoint_encode(conflict_sweeping_checkpoint(walk), &bytes);
	conflict_sweeping_free(walk);
	s->checkpoint = lt_arena_str(s->arena, lt_buf_str(&bytes));
	s->nmarks = 0;
	lt_buf_free(&bytes);
}

void
site_resume(struct site *s)
{
	struct conflict_checkpoint c;
	struct lt_err err = { 0 };

	assert_true(conflict_checkpoint_decode(s->checkpoint, s->arena, &c, &err));
	conflict_observer_free(s->observer);
	s->observer = conflict_observer_resume(&c, INTERVAL_US, &conflict_room_plain);
	for (uint32_t i = 0; i < s->nmarks; i++)
		read_mark(s, s->marks[i]);
	s->checkpoint.len = 0;
}

void
site_reread(struct site *s)
{
	site_checkpoint(s);
	site_resume(s);
}

static int64_t
number_of(struct lt_str v)
{
	char text[24];

	lt_str_copy(text, sizeof(text), v);
	return v.ptr != NULL ? strtoll(text, NULL, 10) : 0;
}

static int
compare(const void *ctx, struct lt_str a, struct lt_str b)
{
	int64_t x = number_of(a), y = number_of(b);

	(void)ctx;
	return (x > y) - (x < y);
}

static struct lt_str
add(const void *ctx, struct lt_str value, struct lt_str before, struct lt_str after, struct lt_arena *arena)
{
	char text[24];

	(void)ctx;
	snprintf(text, sizeof(text), "%lld", (long long)(number_of(value) + number_of(after) - number_of(before)));
	return lt_arena_str(arena, lt_str_z(text));
}

const struct conflict_type site_number = { compare, add, NULL };
