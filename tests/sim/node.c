#include "sim.h"

struct node *
node_new(struct site *s)
{
	struct world *w = s->world;
	struct node *n = lt_arena_zalloc(w->arena, sizeof(*n));

	n->site = s;
	n->next = w->all_nodes;
	w->all_nodes = n;
	return n;
}

static uint32_t
sites(const struct node *n)
{
	return n->site->world->config.sites;
}

static bool
is_peer(const struct node *n, uint32_t j)
{
	return j != n->site->number;
}

static void
restart_streams(struct node *n)
{
	struct world *w = n->site->world;

	n->nstreams = 0;
	for (uint32_t j = 0; j < sites(n); j++) {
		if (is_peer(n, j))
			n->streams[n->nstreams++] = stream_new(n, j, false);
	}
	if (w->config.policy == SIM_UNIQUE)
		n->streams[n->nstreams++] = stream_new(n, n->site->number, true);
	for (uint32_t j = 0; j < sites(n); j++) {
		if (is_peer(n, j))
			world_connect(w, j, n->site->number);
	}
}

/* Shut out every other owner first: raising the epoch waits for whatever is in doubt. */
void
node_start(struct node *n)
{
	struct site *s = n->site;

	if (world_rule(s->world, SIM_EPOCH)) {
		if (!site_lanes_are_free(s))
			return;
		n->epoch = ++s->epoch;
	}
	conflict_peers_free(&n->acks);
	conflict_peers_merge(&n->acks, &s->heard);
	for (uint32_t j = 0; j < sites(n); j++)
		n->watermarks[j] = s->watermark[j];
	if (n->reader == NULL)
		node_reread(n);
	restart_streams(n);
	n->ready = true;
}

/* All that it has seen was durably received by every peer. */
static bool
is_usable(const struct node *n, const struct checkpoint *c)
{
	struct world *w = n->site->world;
	struct conflict_checkpoint state;
	struct lt_err err = { 0 };
	struct conflict_seen own;
	bool usable;

	if (c->place == 0)
		return true;
	LT_ASSERT(conflict_checkpoint_decode(c->bytes, w->scratch, &state, &err));
	if (!world_rule(w, SIM_CHECKPOINT_VECTOR)) {
		own = (struct conflict_seen){ conflict_vector_get(&state.seen, state.origin), state.origin };
		state.seen = (struct conflict_vector){ .at = &own, .count = own.seq > 0 };
	}
	usable = conflict_peers_have(&n->site->heard, &state.seen);
	lt_arena_reset(w->scratch);
	return usable;
}

/* The reader's memory is gone: it begins again at the newest checkpoint that may be used. */
void
node_reread(struct node *n)
{
	struct site *s = n->site;
	uint32_t at = s->checkpoints.count;

	while (at > 0 && !is_usable(n, &s->checkpoints.at[at - 1]))
		at--;
	if (at == 0 && s->checkpoints.count > 0) {
		world_break(s->world, "PURGED: no checkpoint is old enough");
		return;
	}
	n->reader = reader_new(s, at > 0 ? &s->checkpoints.at[at - 1] : NULL);
	for (uint32_t j = 0; j < sites(n); j++) {
		if (is_peer(n, j))
			world_connect(s->world, s->number, j);
	}
}

/* The newest checkpoint that may be used, and all behind it, are kept. */
static void
drop_checkpoints(struct node *n)
{
	struct site *s = n->site;
	uint32_t good = s->checkpoints.count - 1;

	while (good > 0 && !is_usable(n, &s->checkpoints.at[good]))
		good--;
	memmove(
	    s->checkpoints.at, s->checkpoints.at + good, (s->checkpoints.count - good) * sizeof(*s->checkpoints.at));
	s->checkpoints.count -= good;
}

/* A row in the log: idle time moves the clock, the reader's state becomes a checkpoint, acknowledgements durable. */
void
node_heartbeat(struct node *n)
{
	struct site *s = n->site;
	struct world *w = s->world;
	struct entry *e;
	struct checkpoint c;

	if (world_rule(w, SIM_EPOCH) && s->epoch != n->epoch) {
		n->dead = true;
		return;
	}
	e = entry_new(w, HISTORY_BEAT, site_clock(s));
	if (world_rule(w, SIM_HEARTBEAT_GUARD) && !conflict_clock_believes(site_clock(s), w->now, w->config.max_skew))
		e->plain.has_stamp = false; /* the server's clock is off: an alarm, and no time */
	conflict_peers_merge(&s->heard, &n->acks);
	for (uint32_t j = 0; j < sites(n); j++)
		s->watermark[j] = LT_MAX(s->watermark[j], n->watermarks[j]);
	reader_checkpoint(n->reader, &c);
	SIM_PUSH(w, &s->checkpoints, c);
	drop_checkpoints(n);
	site_append(s, e);
}

void
node_hear(struct node *n, uint32_t peer, const struct message *m)
{
	conflict_peers_hear(&n->acks, peer, &m->txn.seen);
	n->watermarks[peer] = LT_MAX(n->watermarks[peer], m->txn.version.clock_us);
}

void
node_forget(struct node *n)
{
	int64_t lowest = INT64_MAX;

	for (uint32_t j = 0; j < sites(n); j++) {
		if (is_peer(n, j))
			lowest = LT_MIN(lowest, n->watermarks[j]);
	}
	reader_forget(n->reader, &n->acks, lowest);
}

/* The wrong way: the reader hands each message on itself, and waits where a link is full. */
static bool
peer_is_slow(struct node *n)
{
	struct world *w = n->site->world;
	const struct site *s = n->site;

	if (n->reader->place < s->log.count && s->log.at[n->reader->place]->plain.kind == HISTORY_APPLY)
		return false;
	for (uint32_t j = 0; j < sites(n); j++) {
		struct link *l = w->links[s->number][j];

		if (!is_peer(n, j))
			continue;
		node_send(n, j);
		if (l->reader == n->reader && link_next(l) != NULL)
			return true;
	}
	return false;
}

void
node_read(struct node *n, uint32_t most)
{
	while (most-- > 0) {
		if (!world_rule(n->site->world, SIM_TWO_CURSORS) && peer_is_slow(n))
			return;
		if (!reader_read(n->reader))
			return;
	}
}

void
node_send(struct node *n, uint32_t peer)
{
	struct world *w = n->site->world;
	struct link *l = w->links[n->site->number][peer];

	if (l->reader != n->reader || w->now < l->closed_until)
		return;
	for (uint32_t i = 0; i < w->burst && link_pending(l) < w->window; i++) {
		if (!link_send(w, l))
			return;
	}
}

static uint32_t
some_peer(struct node *n)
{
	uint32_t j = world_choose(n->site->world, sites(n) - 1);

	return j + (j >= n->site->number);
}

void
node_step(struct node *n)
{
	struct world *w = n->site->world;
	double chance;

	if (n->dead)
		return;
	if (!n->ready) {
		node_start(n);
		return;
	}
	chance = world_rnd(w);
	if (chance < 0.26)
		node_read(n, 1 + world_choose(w, 3));
	else if (chance < 0.26 + w->config.beats)
		node_heartbeat(n);
	else if (chance < 0.34)
		node_forget(n);
	else if (chance < 0.44)
		node_send(n, some_peer(n));
	else if (chance < 0.52)
		link_carry(w, n->inbound[some_peer(n)]);
	else if (world_rnd(w) < w->diligence)
		stream_step(n->streams[world_choose(w, n->nstreams)]);
}
