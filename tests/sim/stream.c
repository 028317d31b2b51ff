#include "sim.h"

/* Steps that are waited. */
#define LOCK_PATIENCE 10
#define FENCE_PATIENCE 60
#define HEAD_PATIENCE 3 /* of the first in the order, before all later ones let go (R4) */

static void stream_committed(struct stream *s, struct group *g);

/* ---- the target as the core sees it */
static const struct conflict_row *
view_row(void *ctx, struct lt_str key)
{
	return sim_core(((const struct site *)ctx)->rows[sim_key_of(key)]);
}

static const struct conflict_parked *
view_parked(void *ctx, struct lt_str key)
{
	const struct sim_parked *p = &((const struct site *)ctx)->parked[sim_key_of(key)];

	return p->row != NULL ? &p->core : NULL;
}

/* A claim is the number of its lock, in a byte. */
static uint32_t
view_claims(void *ctx, struct lt_str key, const struct conflict_row *row, struct lt_arena *arena, struct lt_str **ret)
{
	uint32_t n = 0;

	(void)ctx;
	(void)key;
	*ret = lt_arena_alloc(arena, 2 * sizeof(**ret));
	for (uint32_t i = 0; i < 2; i++) {
		if (row->values[i].ptr != NULL) {
			char lock = (char)SIM_LOCK_VALUE(i, lt_le64((const uint8_t *)row->values[i].ptr));

			(*ret)[n++] = lt_arena_str(arena, lt_str_of(&lock, 1));
		}
	}
	return n;
}

static uint32_t
view_holders(void *ctx, struct lt_str claim, struct lt_arena *arena, struct lt_str **ret)
{
	const struct site *s = ctx;
	uint64_t bit = (uint64_t)1 << claim.ptr[0];
	uint32_t n = 0;

	*ret = lt_arena_alloc(arena, SIM_KEYS * sizeof(**ret));
	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		if (((sim_claims(s->rows[k]) | sim_claims(s->parked[k].row)) & bit) != 0)
			(*ret)[n++] = sim_key(k);
	}
	return n;
}

/* ---- groups */
static struct world *
world_of(const struct group *g)
{
	return g->stream->site->world;
}

static bool
is_unique(const struct group *g)
{
	return world_of(g)->config.policy == SIM_UNIQUE;
}

static void
reset(struct group *g)
{
	g->session = 0;
	g->job = NULL;
	g->waits = 0;
	g->need = 0;
	g->phase = GROUP_BEGIN;
	for (uint32_t i = 0; i < g->messages.count; i++) {
		for (uint32_t k = 0; k < g->messages.at[i]->txn.nchanges; k++)
			g->need |= (uint64_t)1 << SIM_LOCK_ROW(g->messages.at[i]->ops[k].key);
	}
}

static struct group *
group_new(struct stream *s)
{
	struct group *g = lt_arena_zalloc(s->site->world->arena, sizeof(*g));

	g->stream = s;
	g->lane = SIM_NONE;
	return g;
}

static void
release(struct group *g)
{
	if (g->session != 0)
		site_unlock(g->stream->site, g->session);
}

static void
insert_behind(struct stream *s, const struct group *g, struct group *rest)
{
	uint32_t at = 0;

	SIM_PUSH(s->site->world, &s->groups, NULL);
	while (s->groups.at[at] != g)
		at++;
	memmove(s->groups.at + at + 2, s->groups.at + at + 1, (s->groups.count - at - 2) * sizeof(struct group *));
	s->groups.at[at + 1] = rest;
}

/* Rolled back, to be tried again; after a deadlock in two halves (R5). */
static void
redo(struct group *g, bool halve)
{
	release(g);
	if (halve && g->messages.count > 1) {
		struct group *rest = group_new(g->stream);
		uint32_t half = g->messages.count / 2;

		for (uint32_t i = half; i < g->messages.count; i++)
			SIM_PUSH(world_of(g), &rest->messages, g->messages.at[i]);
		rest->beats = g->beats;
		g->beats.count = g->beats.cap = 0;
		g->beats.at = NULL;
		g->messages.count = half;
		insert_behind(g->stream, g, rest);
		reset(rest);
	}
	reset(g);
	if (g->stream->upkeep) {
		stream_committed(g->stream, g);
		g->stream->node->reader->maintain = true;
	}
}

/* The first of the order waits for a lock: no blocker is looked for, all behind it let go. */
static void
give_way(struct stream *s)
{
	for (uint32_t i = 1; i < s->groups.count; i++) {
		struct group *g = s->groups.at[i];

		if (g->session != 0 && g->phase != GROUP_SENT)
			redo(g, false);
	}
}

static void
wait_for(struct group *g, uint32_t patience)
{
	g->waits++;
	if (g->waits >= HEAD_PATIENCE && world_rule(world_of(g), SIM_GIVE_WAY) && g->stream->groups.at[0] == g)
		give_way(g->stream);
	if (g->waits > patience && world_rnd(world_of(g)) < 0.4)
		redo(g, false);
}

/* Lanes go out in the order of the groups: else one that waits for its turn could hold the only lane. */
static uint32_t
lane_for(struct stream *s, const struct group *g)
{
	uint32_t lane;

	if (s->lanes == 0)
		return SIM_NONE;
	for (uint32_t i = 0; world_rule(s->site->world, SIM_LANES_IN_ORDER) && s->groups.at[i] != g; i++) {
		if (s->groups.at[i]->lane == SIM_NONE)
			return SIM_NONE;
	}
	lane = (uint32_t)__builtin_ctz(s->lanes);
	s->lanes &= ~(1u << lane);
	return lane;
}

static void
begin(struct group *g)
{
	if (g->lane == SIM_NONE)
		g->lane = lane_for(g->stream, g);
	if (g->lane == SIM_NONE)
		return;
	g->session = world_session(world_of(g));
	g->phase = GROUP_LANE;
}

/* The first write: compare-and-set on the lane. */
static void
move_lane(struct group *g)
{
	struct stream *s = g->stream;

	if (!site_lock(s->site, SIM_LOCK_LANE(s->origin, g->lane), g->session)) {
		wait_for(g, LOCK_PATIENCE);
	} else if (world_rule(world_of(g), SIM_EPOCH) && s->site->epoch != s->node->epoch) {
		release(g);
		s->node->dead = true; /* another owner: stop for good */
	} else {
		g->phase = GROUP_LOCK;
	}
}

static void
lock(struct group *g)
{
	for (uint32_t key = 0; key < SIM_KEYS; key++) {
		if ((g->need & (uint64_t)1 << SIM_LOCK_ROW(key)) == 0)
			continue;
		if (!site_lock_row(g->stream->site, key, g->session, world_rule(world_of(g), SIM_INSERT_FIRST))) {
			wait_for(g, LOCK_PATIENCE);
			return;
		}
	}
	g->phase = GROUP_FENCE;
}

/* The end of the log, read with the locks held. */
static void
fence(struct group *g)
{
	g->place = world_rule(world_of(g), SIM_FENCE_AT_END) ? g->stream->site->log.count : g->stream->site->told;
	g->phase = GROUP_DECIDE;
}

static void
fill_mark(struct group *g, struct job *j, const struct conflict_decision *d)
{
	struct world *w = world_of(g);
	struct history_name *names = lt_arena_alloc(w->arena, g->messages.count * sizeof(*names));
	struct lt_buf bytes = { 0 };

	conflict_mark_encode(&d->mark, &bytes);
	j->entry->mark = lt_arena_str(w->arena, lt_buf_str(&bytes));
	lt_buf_free(&bytes);
	for (uint32_t i = 0; i < g->messages.count; i++)
		names[i] = (struct history_name){ g->messages.at[i]->origin, g->messages.at[i]->seq };
	j->entry->plain.applied = names;
	j->entry->plain.napplied = g->messages.count;
	j->entry->plain.written = j->written;
	for (uint32_t k = 0; k < SIM_KEYS; k++)
		j->entry->plain.rows[k] = j->written & 1u << k && j->rows[k] != NULL ? &j->rows[k]->plain : NULL;
}

/* The wrong way: written as a user would. */
static void
without_mark(struct group *g, struct job *j)
{
	struct world *w = world_of(g);
	struct sim_op ops[SIM_KEYS];
	uint32_t n = 0;

	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		if (j->written & 1u << k)
			ops[n++] = (struct sim_op){ k, g->stream->site->rows[k], j->rows[k] };
	}
	j->entry = entry_new(w, HISTORY_LOCAL, site_clock(g->stream->site));
	entry_set_ops(w, j->entry, ops, n);
}

static void
take_clashes(struct group *g, struct job *j, const struct conflict_decision *d)
{
	struct history_conflict *c = lt_arena_alloc(world_of(g)->arena, d->nclashes * sizeof(*c));

	for (uint32_t i = 0; i < d->nclashes; i++) {
		const struct message *m = g->messages.at[d->clashes[i].txn];
		struct conflict_version other = d->clashes[i].other;

		c[i] = (struct history_conflict){ { m->origin, m->seq },
			{ conflict_origin_site(other.origin) - 1, other.seq }, sim_key_of(d->clashes[i].key) };
	}
	j->conflicts = c;
	j->nconflicts = d->nclashes;
}

static struct job *
job_of(struct group *g, const struct conflict_decision *d)
{
	struct world *w = world_of(g);
	struct job *j = job_new(w, g->session, entry_new(w, HISTORY_APPLY, 0));

	for (uint32_t i = 0; i < d->nwrites; i++) {
		uint32_t key = sim_key_of(d->writes[i].key);

		j->written |= 1u << key;
		j->rows[key] = sim_row_of(w, d->writes[i].row);
	}
	for (uint32_t i = 0; i < d->nparks; i++) {
		uint32_t key = sim_key_of(d->parks[i].key);
		const struct sim_row *row = sim_row_of(w, d->parks[i].parked.row);

		j->parked |= 1u << key;
		j->parks[key] = (struct sim_parked){ row, { sim_core(row), d->parks[i].parked.version } };
	}
	fill_mark(g, j, d);
	take_clashes(g, j, d);
	j->drift = d->drift;
	if (!world_rule(w, SIM_MARKER))
		without_mark(g, j);
	if (!g->stream->upkeep) {
		const struct message *last = g->messages.at[g->messages.count - 1];

		j->origin = j->heard_from = g->stream->origin;
		j->lane = g->lane;
		j->seq = last->seq;
		j->heard = last->txn.seen;
		j->heard_clock = last->txn.version.clock_us;
	}
	return j;
}

static uint64_t
parked_keys(const struct site *s, struct lt_str *keys, uint32_t *count)
{
	uint64_t locks = 0;

	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		if (s->parked[k].row == NULL)
			continue;
		keys[(*count)++] = sim_key(k);
		locks |= (uint64_t)1 << SIM_LOCK_ROW(k);
	}
	return locks;
}

static void
decide(struct group *g)
{
	struct site *s = g->stream->site;
	struct world *w = s->world;
	struct conflict_view view = { .row = view_row, .ctx = s };
	struct conflict_txn *txns = lt_arena_alloc(w->scratch, g->messages.count * sizeof(*txns));
	struct lt_str parked[SIM_KEYS];
	struct conflict_question q = { .txns = txns, .ntxns = g->messages.count, .parked = parked, .view = &view };
	struct conflict_decision d;
	uint64_t need = 0;

	q.memory = conflict_observer_memory(g->stream->node->reader->observer);
	q.applied = &conflict_observer_clock(g->stream->node->reader->observer)->seen;
	q.heard = &g->stream->node->acks;
	for (uint32_t i = 0; i < g->messages.count; i++)
		txns[i] = g->messages.at[i]->txn;
	if (is_unique(g)) {
		view.parked = view_parked;
		view.claims = view_claims;
		view.holders = view_holders;
	}
	if (g->stream->upkeep)
		need = parked_keys(s, parked, &q.nparked);
	conflict_decide(&q, w->scratch, &d);
	for (uint32_t i = 0; i < d.nneed; i++)
		need |= (uint64_t)1 << SIM_LOCK_ROW(sim_key_of(d.need[i]));
	if ((need & ~g->need) != 0) {
		g->need |= need;
		g->phase = GROUP_LOCK;
	} else {
		g->job = job_of(g, &d);
		g->phase = GROUP_TURN;
	}
	lt_arena_reset(w->scratch);
}

static void
pass_fence(struct group *g)
{
	if (world_rule(world_of(g), SIM_FENCE) && g->stream->node->reader->place < g->place)
		wait_for(g, FENCE_PATIENCE);
	else
		decide(g);
}

/* R1: this transaction is the server's victim at one of its statements; those behind it were already sent. */
static void
deadlock(struct group *g)
{
	struct site *s = g->stream->site;
	struct world *w = s->world;
	uint32_t victim = world_choose(w, SIM_KEYS);

	for (uint32_t k = victim; !world_rule(w, SIM_AUTOCOMMIT) && k < SIM_KEYS; k++) {
		struct sim_op op = { k, s->rows[k], g->job->rows[k] };
		struct job *alone;

		if ((g->job->written & 1u << k) == 0)
			continue;
		alone = job_new(w, g->session, entry_new(w, HISTORY_LOCAL, site_clock(s)));
		entry_set_ops(w, alone->entry, &op, 1);
		alone->written = 1u << k;
		alone->rows[k] = op.after;
		site_commit(s, alone);
	}
	redo(g, true);
}

/* Values are locked by writing them; a clash brings the row in the way into the lock set. False: not yet. */
static bool
lock_values(struct group *g, uint32_t key)
{
	struct site *s = g->stream->site;
	uint64_t claims = sim_claims(g->job->rows[key]);

	for (uint32_t lock = SIM_KEYS; lock < SIM_LOCKS; lock++) {
		if ((claims & (uint64_t)1 << lock) == 0)
			continue;
		if (!site_lock(s, lock, g->session)) {
			wait_for(g, LOCK_PATIENCE);
			return false;
		}
	}
	for (uint32_t other = 0; other < SIM_KEYS; other++) {
		if ((g->job->written & 1u << other) == 0 && (sim_claims(s->rows[other]) & claims) != 0) {
			g->need |= (uint64_t)1 << SIM_LOCK_ROW(other);
			g->phase = GROUP_LOCK;
			return false;
		}
	}
	return true;
}

/* The statements, and COMMIT on its way. */
static void
write_rows(struct group *g)
{
	struct world *w = world_of(g);

	if (g->stream->upkeep && g->job->written == 0 && g->job->parked == 0) {
		release(g);
		stream_committed(g->stream, g);
		return;
	}
	for (uint32_t key = 0; key < SIM_KEYS; key++) {
		if ((g->job->written & 1u << key) == 0)
			continue;
		if (!site_lock(g->stream->site, SIM_LOCK_ROW(key), g->session)) {
			wait_for(g, LOCK_PATIENCE);
			return;
		}
		if (is_unique(g) && !lock_values(g, key))
			return;
	}
	if (world_rnd(w) < w->config.deadlock) {
		deadlock(g);
		return;
	}
	SIM_PUSH(w, &g->stream->site->committing, g->job);
	g->phase = GROUP_SENT;
}

static void
group_step(struct group *g)
{
	switch (g->phase) {
	case GROUP_BEGIN: begin(g); break;
	case GROUP_LANE: move_lane(g); break;
	case GROUP_LOCK: lock(g); break;
	case GROUP_FENCE: fence(g); break;
	case GROUP_DECIDE: pass_fence(g); break;
	case GROUP_TURN:
		if (!world_rule(world_of(g), SIM_COMMIT_ORDER) || g->stream->groups.at[0] == g)
			g->phase = GROUP_WRITE;
		break;
	case GROUP_WRITE: write_rows(g); break;
	case GROUP_SENT:
		if (g->job->done)
			stream_committed(g->stream, g);
		break;
	}
}

/* ---- streams */
void
stream_restart(struct stream *s)
{
	s->groups.count = 0;
	s->taken = s->upkeep ? 0 : site_progress(s->site, s->origin);
	s->lanes = s->upkeep ? 1u << SIM_LANES : (1u << s->site->world->lanes) - 1;
}

struct stream *
stream_new(struct node *n, uint32_t origin, bool upkeep)
{
	struct stream *s = lt_arena_zalloc(n->site->world->arena, sizeof(*s));

	s->node = n;
	s->site = n->site;
	s->origin = origin;
	s->upkeep = upkeep;
	stream_restart(s);
	return s;
}

static void
hear_all(struct stream *s, const struct messages *beats)
{
	for (uint32_t i = 0; i < beats->count; i++)
		node_hear(s->node, s->origin, beats->at[i]);
}

static void
stream_committed(struct stream *s, struct group *g)
{
	uint32_t at = 0;

	while (at < s->groups.count && s->groups.at[at] != g)
		at++;
	if (at < s->groups.count)
		memmove(s->groups.at + at, s->groups.at + at + 1, (--s->groups.count - at) * sizeof(struct group *));
	if (g->lane != SIM_NONE)
		s->lanes |= 1u << g->lane;
	if (s->upkeep)
		return;
	node_hear(s->node, s->origin, g->messages.at[g->messages.count - 1]);
	hear_all(s, &g->beats);
}

/* A transaction or heartbeat whose turn it is; false: stop here. */
static bool
take_one(struct stream *s, struct group *g)
{
	struct world *w = s->site->world;
	struct link *l = s->node->inbound[s->origin];
	struct wire *wire = link_turn(l, world_rule(w, SIM_REASSEMBLE));
	const struct message *m;

	if (wire == NULL)
		return false;
	m = wire->sent.at[wire->taken];
	if (m->seq > s->taken + !m->beat) {
		world_break(w, "GAP: an origin's transactions are not in sequence");
		return false;
	}
	if (!m->beat && m->seq > s->taken && world_rule(w, SIM_HOLD) &&
	    conflict_clock_is_ahead(m->txn.version, w->now, w->config.max_skew)) {
		w->held = true; /* far future: hold, alarm */
		return false;
	}
	wire->taken++;
	l->taken++;
	if (m->beat && m->seq == s->taken) {
		SIM_PUSH(w, &g->beats, m);
	} else if (!m->beat && m->seq > s->taken) {
		s->taken = m->seq;
		SIM_PUSH(w, &g->messages, m);
	}
	return true;
}

/* The next group from what has arrived; heartbeats wait for the transactions before them. */
static bool
take(struct stream *s)
{
	struct world *w = s->site->world;
	struct group *g = group_new(s);
	uint32_t most = world_rnd(w) < 0.5 ? w->group : 1 + world_choose(w, w->group);

	while (g->messages.count < most && take_one(s, g))
		;
	if (g->messages.count > 0) {
		reset(g);
		SIM_PUSH(w, &s->groups, g);
		return true;
	}
	if (s->groups.count > 0) {
		for (uint32_t i = 0; i < g->beats.count; i++)
			SIM_PUSH(w, &s->groups.at[s->groups.count - 1]->beats, g->beats.at[i]);
	} else {
		hear_all(s, &g->beats);
	}
	return false;
}

static bool
upkeep_step(struct stream *s)
{
	if (s->groups.count > 0) {
		group_step(s->groups.at[0]);
		return true;
	}
	if (!s->node->reader->maintain)
		return false;
	s->node->reader->maintain = false;
	SIM_PUSH(s->site->world, &s->groups, group_new(s));
	return true;
}

static bool
all_have_lanes(const struct stream *s)
{
	for (uint32_t i = 0; i < s->groups.count; i++) {
		if (s->groups.at[i]->lane == SIM_NONE)
			return false;
	}
	return true;
}

bool
stream_step(struct stream *s)
{
	struct world *w = s->site->world;

	if (s->upkeep)
		return upkeep_step(s);
	if (s->lanes != 0 && (s->groups.count == 0 || world_rnd(w) < 0.4) && all_have_lanes(s) && take(s))
		return true;
	if (s->groups.count == 0)
		return false;
	group_step(s->groups.at[world_choose(w, s->groups.count)]);
	return true;
}
