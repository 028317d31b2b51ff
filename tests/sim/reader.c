#include "sim.h"

#include "conflict/sweep.h"

/* Of one step. */
#define SWEEP_LOOKS 3

struct reader *
reader_new(struct site *s, const struct checkpoint *from)
{
	struct world *w = s->world;
	struct reader *r = lt_arena_zalloc(w->arena, sizeof(*r));
	struct conflict_checkpoint c;

	r->site = s;
	if (from == NULL) {
		r->observer =
		    conflict_observer_new(conflict_origin(s->number + 1, 0), w->config.interval, &conflict_room_plain);
	} else {
		struct lt_err err = { 0 };

		LT_ASSERT(conflict_checkpoint_decode(from->bytes, w->scratch, &c, &err));
		r->observer = conflict_observer_resume(&c, w->config.interval, &conflict_room_plain);
		r->place = from->place;
		lt_arena_reset(w->scratch);
	}
	r->maintain = site_has_parked(s);
	r->next = w->readers;
	w->readers = r;
	return r;
}

static bool
is_kept(const struct site *s, uint32_t at)
{
	uint64_t wanted = 0;

	if (s->parked[at].row != NULL)
		return true;
	for (uint32_t k = 0; k < SIM_KEYS; k++)
		wanted |= sim_claims(s->parked[k].row);
	return (sim_claims(s->rows[at]) & wanted) != 0;
}

static bool
keep(void *ctx, struct lt_str key, const struct conflict_known *known)
{
	(void)known;
	return is_kept(ctx, sim_key_of(key));
}

void
reader_checkpoint(struct reader *r, struct checkpoint *out)
{
	struct world *w = r->site->world;
	struct conflict_sweeping *walk = conflict_sweeping_new(
	    r->observer, LT_STR(""), NULL, site_has_parked(r->site) ? keep : NULL, r->site, SIZE_MAX);
	struct lt_buf bytes = { 0 };

	while (!conflict_sweeping_step(walk, r->observer, SWEEP_LOOKS))
		;
	conflict_checkpoint_encode(conflict_sweeping_checkpoint(walk), &bytes);
	*out = (struct checkpoint){ lt_arena_str(w->arena, lt_buf_str(&bytes)), r->place };
	lt_buf_free(&bytes);
	conflict_sweeping_free(walk);
}

static void
tell(struct reader *r, bool beat, const struct conflict_txn *txn, const struct entry *e)
{
	struct world *w = r->site->world;
	struct message *m = lt_arena_alloc(w->arena, sizeof(*m));

	*m = (struct message){ beat, r->site->number, txn->version.seq, *txn, e->ops };
	m->txn.seen = conflict_vector_copy(&conflict_observer_clock(r->observer)->seen, w->arena);
	SIM_PUSH(w, &r->messages, m);
}

/* What another reader computed here before must come out again. */
static void
claim(struct reader *r, const struct conflict_txn *txn)
{
	struct history_claim c = { true, txn->version.clock_us, txn->version.seq, { 0 } };
	struct history_claim *first = &r->site->claims[r->place];

	for (uint32_t i = 0; i < SIM_SITES; i++)
		c.sees[i] = conflict_vector_get(&txn->seen, conflict_origin(i + 1, 0));
	if (!first->there)
		*first = c;
	else if (first->clock != c.clock || first->seq != c.seq || memcmp(first->sees, c.sees, sizeof(c.sees)) != 0)
		world_fail(r->site->world, "RECOMPUTE: another version at the same place");
}

static void
read_local(struct reader *r, const struct entry *e)
{
	struct world *w = r->site->world;
	struct conflict_change *changes = lt_arena_alloc(w->arena, e->nops * sizeof(*changes));
	struct conflict_txn txn = { .changes = changes, .nchanges = e->nops };

	for (uint32_t i = 0; i < e->nops; i++)
		changes[i] = (struct conflict_change){ sim_key(e->ops[i].key), sim_core_policy(w->config.policy),
			sim_core(e->ops[i].before), sim_core(e->ops[i].after) };
	conflict_observer_local(r->observer, e->plain.stamp, &txn);
	claim(r, &txn);
	tell(r, false, &txn, e);
}

static void
read_mark(struct reader *r, const struct entry *e)
{
	struct world *w = r->site->world;
	struct conflict_mark mark;
	struct lt_err err = { 0 };

	LT_ASSERT(conflict_mark_decode(e->mark, w->scratch, &mark, &err));
	conflict_observer_mark(r->observer, &mark);
	lt_arena_reset(w->scratch);
}

static void
read_beat(struct reader *r, const struct entry *e)
{
	const struct conflict_clock *clock = conflict_observer_clock(r->observer);
	struct conflict_txn txn = { 0 };

	conflict_observer_beat(r->observer, e->plain.has_stamp ? &e->plain.stamp : NULL);
	txn.version =
	    (struct conflict_version){ clock->now_us, conflict_vector_get(&clock->seen, clock->origin), clock->origin };
	tell(r, true, &txn, e);
}

bool
reader_read(struct reader *r)
{
	const struct entry *e;
	uint64_t before = conflict_observer_went_back(r->observer);

	if (r->place >= r->site->log.count)
		return false;
	e = r->site->log.at[r->place];
	switch (e->plain.kind) {
	case HISTORY_USER:
	case HISTORY_LOCAL: read_local(r, e); break;
	case HISTORY_APPLY: read_mark(r, e); break;
	case HISTORY_BEAT: read_beat(r, e); break;
	}
	if (conflict_observer_went_back(r->observer) > before)
		world_fail(r->site->world, "WENT BACK: the version of a key went down in a log");
	if (e->plain.kind != HISTORY_BEAT && site_has_parked(r->site))
		r->maintain = true;
	r->place++;
	return true;
}

/* The wrong way: what is older than the clock heard from all. */
static void
forget_by_clock(struct reader *r, int64_t lowest)
{
	struct conflict_memory *m = conflict_observer_memory(r->observer);

	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		struct conflict_known known;

		if (conflict_memory_find(m, sim_key(k), &known) && known.version.clock_us <= lowest &&
		    !is_kept(r->site, k))
			conflict_memory_drop(m, sim_key(k));
	}
}

void
reader_forget(struct reader *r, const struct conflict_peers *acks, int64_t lowest)
{
	struct world *w = r->site->world;
	struct conflict_vector everyone = { 0 };
	struct conflict_sweep sweep = { &everyone, site_has_parked(r->site) && world_rule(w, SIM_PINS) ? keep : NULL,
		r->site };
	size_t at = 0;

	if (!world_rule(w, SIM_FORGET_BY_VECTOR)) {
		forget_by_clock(r, lowest);
		return;
	}
	conflict_peers_everyone(acks, &everyone);
	while (!conflict_memory_sweep(conflict_observer_memory(r->observer), &sweep, SWEEP_LOOKS, &at))
		;
	conflict_vector_free(&everyone);
}

bool
reader_has_leftovers(struct reader *r)
{
	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		struct conflict_known known;

		if (conflict_memory_find(conflict_observer_memory(r->observer), sim_key(k), &known) &&
		    !is_kept(r->site, k))
			return true;
	}
	return false;
}
