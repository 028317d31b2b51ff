#include "base/fault.h"
#include "conflict/decide_priv.h"
#include "conflict/fold.h"

/* Of rows that stayed as they were a mark brings so much: all of it is one value, and must fit into a packet. */
#define SAME_BYTES ((size_t)1 << 20)

static uint32_t
change_count(const struct conflict_question *q)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < q->ntxns; i++)
		n += q->txns[i].nchanges;
	return n;
}

void
conflict_decision_write(struct conflict_deciding *d, struct lt_str key, const struct conflict_row *row)
{
	struct conflict_decision *out = d->out;

	/* The room grows in powers of two. */
	if ((out->nwrites & (out->nwrites - 1)) == 0) {
		uint32_t cap = out->nwrites > 0 ? out->nwrites * 2 : 1;

		out->writes = lt_arena_grow(
		    d->arena, out->writes, out->nwrites * sizeof(*out->writes), cap * sizeof(*out->writes));
	}
	out->writes[out->nwrites++] = (struct conflict_write){ key, row };
}

/* Memory may forget the key before the decision is carried out. */
static struct conflict_list
list_copy(const struct conflict_list *list, struct lt_arena *arena)
{
	const struct conflict_op **ops = lt_arena_alloc(arena, list->nops * sizeof(const struct conflict_op *));

	for (uint32_t i = 0; i < list->nops; i++)
		ops[i] = conflict_op_copy(list->ops[i], arena);
	return (struct conflict_list){ conflict_row_copy(list->base, arena), ops, list->nops };
}

static struct conflict_slot *
slot_at(struct conflict_deciding *d, const struct conflict_change *c)
{
	uint32_t before = d->keys.count, i = conflict_keys_add(&d->keys, c->key);
	struct conflict_slot *s = &d->slots[i];
	struct conflict_known known;

	if (i < before)
		return s;
	LT_ASSERT(!c->policy->unique || d->q->view->holders != NULL);
	*s = (struct conflict_slot){ .policy = c->policy, .winner = CONFLICT_NO_KEY };
	s->found = s->row = d->q->view->row(d->q->view->ctx, c->key);
	s->list.base = s->row;
	if (conflict_memory_find(d->q->memory, c->key, &known)) {
		s->has_held = true;
		s->held = known.version;
		if (known.list.nops > 0)
			s->list = list_copy(&known.list, d->arena);
	}
	return s;
}

/* Whether all that the writer had seen of others was applied here: only then its before images must fit. */
static bool
covered(const struct conflict_vector *applied, const struct conflict_txn *txn)
{
	for (uint32_t i = 0; i < txn->seen.count; i++) {
		const struct conflict_seen *s = &txn->seen.at[i];

		if (s->origin != txn->version.origin && conflict_vector_get(applied, s->origin) < s->seq)
			return false;
	}
	return true;
}

/* What the target had lost came back, but changed nothing where the peer had something newer by then: whoever had seen
 * it in force finds another row here. */
static bool
saw_lost(const struct conflict_peers *heard, const struct conflict_txn *txn)
{
	for (uint32_t i = 0; i < txn->seen.count; i++) {
		if (txn->seen.at[i].seq > conflict_peers_survived(heard, txn->seen.at[i].origin))
			return true;
	}
	return false;
}

/** One change on its way. */
struct arrival {
	uint32_t txn;
	const struct conflict_txn *t;
	const struct conflict_change *c;
	struct conflict_slot *slot;
	bool covered;
};

/* What is to be told of it: a clash, or a row that cannot be. True: a clash. */
static bool
compare(struct conflict_deciding *d, const struct arrival *a)
{
	const struct conflict_slot *s = a->slot;
	bool images = s->policy->kind == CONFLICT_BY_ROW ? !s->policy->unique : !s->has_held;

	if (s->has_held && !conflict_vector_has(&a->t->seen, s->held)) {
		d->out->clashes[d->out->nclashes++] = (struct conflict_clash){ a->txn, a->c->key, s->held,
			conflict_version_cmp(a->t->version, s->held) > 0, NULL };
		return true;
	}
	if (images && a->covered && !a->t->given && !d->out->drift && !conflict_row_eq(s->row, a->c->before) &&
	    !saw_lost(d->q->heard, a->t)) {
		d->out->drift = true;
		d->out->drift_key = a->c->key;
	}
	return false;
}

/* The newest write stands for it: that is told where the operation is. */
static void
note_failure(struct conflict_deciding *d, const struct arrival *a, bool clashed, const struct conflict_verdict *failure)
{
	if (clashed)
		d->out->clashes[d->out->nclashes - 1].failed = failure->failed;
	if (d->out->nfailed++ > 0)
		return;
	d->out->failed_key = a->c->key;
	d->out->failure = *failure;
}

/* The list with one operation more, in its place; the old one stays as it is. */
static struct conflict_list
list_with(const struct conflict_list *list, const struct conflict_op *op, struct lt_arena *arena)
{
	const struct conflict_op **ops = lt_arena_alloc(arena, (list->nops + 1) * sizeof(const struct conflict_op *));
	uint32_t at = list->nops;

	while (at > 0 && conflict_version_cmp(list->ops[at - 1]->version, op->version) > 0)
		at--;
	if (at > 0)
		memcpy(ops, list->ops, at * sizeof(const struct conflict_op *));
	ops[at] = op;
	if (at < list->nops)
		memcpy(ops + at + 1, list->ops + at, (list->nops - at) * sizeof(const struct conflict_op *));
	return (struct conflict_list){ list->base, ops, list->nops + 1 };
}

/* Some remembered operation was not seen by it (a newer one never was): a reader that begins between the two would not
 * know that one. */
static bool
is_late(const struct conflict_list *list, const struct conflict_txn *t)
{
	for (uint32_t i = 0; i < list->nops; i++) {
		if (!conflict_vector_has(&t->seen, list->ops[i]->version))
			return true;
	}
	return false;
}

static void
merge(struct conflict_deciding *d, const struct arrival *a, bool clashed)
{
	struct conflict_slot *s = a->slot;
	struct conflict_verdict failure = { 0 };
	struct conflict_mark_txn *m = &d->out->mark.txns[a->txn];
	struct conflict_op *op = lt_arena_alloc(d->arena, sizeof(*op));
	struct conflict_won won = {
		.key = a->c->key, .listed = true, .before = a->c->before, .after = a->c->after, .found = s->row
	};

	if (is_late(&s->list, a->t) && !lt_fault("conflict_list"))
		won.replaced = s->list;
	*op = (struct conflict_op){ a->t->version, a->t->seen, a->c->before, a->c->after };
	s->list = list_with(&s->list, op, d->arena);
	if (s->policy->kind == CONFLICT_BY_COLUMN) {
		s->row = conflict_fold(s->policy, s->list.base, s->list.ops, s->list.nops, d->arena, &failure);
	} else {
		const struct conflict_op *holder =
		    conflict_fold_holder(s->policy, s->list.ops, s->list.nops, d->arena, &failure);

		s->row = holder->after;
		if (clashed)
			d->out->clashes[d->out->nclashes - 1].won = holder == op;
	}
	if (failure.failed != NULL)
		note_failure(d, a, clashed, &failure);
	if (!s->has_held || conflict_version_cmp(a->t->version, s->held) > 0)
		s->held = a->t->version;
	s->has_held = true;
	m->won[m->nwon++] = won;
}

static void
arrive(struct conflict_deciding *d, const struct arrival *a)
{
	struct conflict_slot *s = a->slot;
	bool clashed = compare(d, a);

	if (conflict_policy_lists(s->policy)) {
		merge(d, a, clashed);
	} else if (!s->has_held || conflict_version_cmp(a->t->version, s->held) > 0) {
		s->has_held = true;
		s->held = a->t->version;
		s->row = a->c->after;
		s->winner = a->txn;
		s->state = a->c->after != NULL ? CONFLICT_VISIBLE : CONFLICT_ABSENT;
	}
}

static void
arrive_all(struct conflict_deciding *d)
{
	struct conflict_vector applied = { 0 };

	conflict_vector_merge(&applied, d->q->applied);
	for (uint32_t i = 0; i < d->q->ntxns; i++) {
		const struct conflict_txn *t = &d->q->txns[i];
		struct conflict_mark_txn *m = &d->out->mark.txns[i];
		bool all_here;

		conflict_vector_raise(&applied, t->version.origin, t->version.seq);
		all_here = covered(&applied, t);
		*m = (struct conflict_mark_txn){ .version = t->version, .seen = t->seen };
		m->won = lt_arena_alloc(d->arena, t->nchanges * sizeof(*m->won));
		for (uint32_t k = 0; k < t->nchanges; k++) {
			struct arrival a = { i, t, &t->changes[k], slot_at(d, &t->changes[k]), all_here };

			arrive(d, &a);
		}
	}
	conflict_vector_free(&applied);
	if (lt_fault("conflict_group_versions")) {
		for (uint32_t i = 0; i < d->q->ntxns; i++)
			d->out->mark.txns[i].version.clock_us = d->q->txns[d->q->ntxns - 1].version.clock_us;
	}
}

/* The mark names what was won even where nothing changed: the log does not show that (invisible wins), so the row is
 * there, too. */
static void
name_won(struct conflict_deciding *d)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < d->keys.count; i++) {
		const struct conflict_slot *s = &d->slots[i];
		struct conflict_mark_txn *m;
		bool same;

		if (s->winner == CONFLICT_NO_KEY)
			continue;
		same = conflict_row_eq(s->found, s->row);
		if (lt_fault("conflict_invisible") && same)
			continue;
		same = same && s->state == CONFLICT_VISIBLE;
		bytes += same ? conflict_row_bytes(s->row) : 0;
		m = &d->out->mark.txns[s->winner];
		m->won[m->nwon++] = (struct conflict_won){
			.key = d->keys.at[i], .state = s->state, .after = same && bytes <= SAME_BYTES ? s->row : NULL
		};
	}
}

/* A value is given up before another row takes it, as far as that is by deletions. */
static void
deletions_first(struct conflict_decision *out, struct lt_arena *arena)
{
	struct conflict_write *sorted = lt_arena_alloc(arena, out->nwrites * sizeof(*sorted));
	uint32_t n = 0;

	for (int puts = 0; puts < 2; puts++) {
		for (uint32_t i = 0; i < out->nwrites; i++) {
			if ((out->writes[i].row != NULL) == (puts == 1))
				sorted[n++] = out->writes[i];
		}
	}
	out->writes = sorted;
}

void
conflict_decide(const struct conflict_question *q, struct lt_arena *arena, struct conflict_decision *out)
{
	uint32_t changes = change_count(q);
	struct conflict_deciding d = { .q = q, .arena = arena, .keys = { .arena = arena }, .out = out };

	*out = (struct conflict_decision){ .mark = { .ntxns = q->ntxns } };
	out->mark.txns = lt_arena_alloc(arena, q->ntxns * sizeof(*out->mark.txns));
	out->clashes = lt_arena_alloc(arena, changes * sizeof(*out->clashes));
	d.slots = lt_arena_alloc(arena, changes * sizeof(*d.slots));
	arrive_all(&d);
	for (uint32_t i = 0; i < d.keys.count; i++) {
		if (!d.slots[i].policy->unique && !conflict_row_eq(d.slots[i].found, d.slots[i].row))
			conflict_decision_write(&d, d.keys.at[i], d.slots[i].row);
	}
	if (q->view->holders != NULL)
		conflict_unique_decide(&d);
	name_won(&d);
	deletions_first(out, arena);
}
