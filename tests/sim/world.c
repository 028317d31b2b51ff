#include "sim.h"

#define WRITING 60000 /* ticks, at most */
#define SETTLING 400  /* ticks with faults after the last write */
#define JUMPS 0.004   /* chances of one tick */
#define PARTS 0.002
#define FAULTS 0.04 /* share of ticks in which something may break */
/* Rounds until all that was left behind by cuts and crashes is done: five times the most that 4 000 seeds took. */
#define DRAINING 500
#define PATIENCE 250 /* rounds without anything done */

/* splitmix64, then xorshift128+ */
static uint64_t
mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

double
world_rnd(struct world *w)
{
	uint64_t a = w->chance[0], b = w->chance[1];

	w->chance[0] = b;
	a ^= a << 23;
	w->chance[1] = a ^ b ^ a >> 18 ^ b >> 5;
	return (double)((w->chance[1] + b) >> 11) * 0x1p-53;
}

uint32_t
world_choose(struct world *w, uint32_t n)
{
	return (uint32_t)(world_rnd(w) * n);
}

static uint32_t
choose(void *ctx, uint32_t n)
{
	return world_choose(ctx, n);
}

bool
world_rule(const struct world *w, enum sim_rule rule)
{
	return (w->config.off & SIM_BIT(rule)) == 0;
}

uint64_t
world_session(struct world *w)
{
	return ++w->sessions;
}

void
world_fail(struct world *w, const char *what)
{
	for (uint32_t i = 0; i < w->nfailures; i++) {
		if (w->failures[i] == what || strcmp(w->failures[i], what) == 0)
			return;
	}
	if (w->nfailures < SIM_FAILURES)
		w->failures[w->nfailures++] = what;
}

void
world_break(struct world *w, const char *what)
{
	if (w->broken == NULL)
		w->broken = what;
}

/* ---- connections and processes */
void
world_connect(struct world *w, uint32_t i, uint32_t j)
{
	struct link *l = lt_arena_zalloc(w->arena, sizeof(*l));
	struct node *to = w->nodes[j];

	l->connections = w->lanes;
	l->closed_until = w->links[i][j] != NULL ? w->links[i][j]->closed_until : 0;
	l->reader = w->nodes[i]->reader;
	l->progress = site_progress(&w->sites[j], i);
	w->links[i][j] = l;
	to->inbound[i] = l;
	for (uint32_t k = 0; k < to->nstreams; k++) {
		struct stream *s = to->streams[k];

		if (!s->upkeep && s->origin == i && s->groups.count == 0 && to->ready)
			s->taken = l->progress;
	}
}

/* Sessions stay until the server notices. A COMMIT that was sent may still go through. */
static void
drop_sessions(struct world *w, const struct stream *s)
{
	for (uint32_t i = 0; i < s->groups.count; i++) {
		const struct group *g = s->groups.at[i];
		struct jobs *sent = &s->site->committing;

		if (g->session == 0 || !site_holds(s->site, g->session))
			continue;
		if (g->phase == GROUP_SENT) {
			w->notes.count[NOTE_IN_DOUBT]++;
			if (world_rnd(w) < 0.7)
				continue;
			for (uint32_t k = 0; k < sent->count; k++) {
				if (sent->at[k] != g->job)
					continue;
				memmove(sent->at + k, sent->at + k + 1, (--sent->count - k) * sizeof(struct job *));
				break;
			}
		}
		SIM_PUSH(w, &s->site->orphans, g->session);
	}
}

static void
kill_node(struct world *w, struct node *n)
{
	for (uint32_t i = 0; i < n->nstreams; i++)
		drop_sessions(w, n->streams[i]);
	n->dead = true;
}

/* kill -9, or a stop from which it wakes up when another has taken over. */
void
world_crash(struct world *w, uint32_t i)
{
	struct node *old = w->nodes[i];

	w->notes.count[NOTE_CRASHES]++;
	w->nodes[i] = node_new(&w->sites[i]);
	for (uint32_t j = 0; j < w->config.sites; j++) {
		if (j == i)
			continue;
		world_connect(w, i, j);
		world_connect(w, j, i);
	}
	if (world_rnd(w) < 0.35 && old->ready) {
		SIM_PUSH(w, &w->zombies, old);
		w->notes.count[NOTE_ZOMBIES]++;
	} else {
		kill_node(w, old);
	}
}

static void
drop_zombie(struct world *w, uint32_t at)
{
	memmove(w->zombies.at + at, w->zombies.at + at + 1, (--w->zombies.count - at) * sizeof(struct node *));
}

static void
wake(struct world *w)
{
	uint32_t at = world_choose(w, w->zombies.count);
	struct node *n = w->zombies.at[at];

	for (uint32_t left = 1 + world_choose(w, 6); left > 0 && !n->dead; left--) {
		if (world_rnd(w) < 0.3)
			reader_read(n->reader);
		else if (n->nstreams > 0)
			stream_step(n->streams[world_choose(w, n->nstreams)]);
	}
	if (n->dead || world_rnd(w) < 0.1) {
		kill_node(w, n);
		drop_zombie(w, at);
	}
}

/* Every session of the site ends; processes connect again, raise the epoch and read their lanes. */
static void
restart_server(struct world *w, uint32_t i)
{
	w->notes.count[NOTE_SERVERS]++;
	site_restart(&w->sites[i]);
	w->users[i].count = 0;
	for (uint32_t k = w->zombies.count; k-- > 0;) {
		if (w->zombies.at[k]->site != &w->sites[i])
			continue;
		w->zombies.at[k]->dead = true;
		drop_zombie(w, k);
	}
	w->nodes[i]->ready = false;
	w->nodes[i]->nstreams = 0;
}

static void
cut(struct world *w, uint32_t i)
{
	uint32_t j = (i + 1 + world_choose(w, w->config.sites - 1)) % w->config.sites;
	struct link *l = w->links[i][j];

	w->notes.count[NOTE_CUTS]++;
	l->closed_until = LT_MAX(l->closed_until, w->now + world_choose(w, world_choose(w, 2) ? 1200 : 80));
	if (world_rnd(w) < 0.5)
		world_connect(w, i, j);
}

static void
part(struct world *w)
{
	struct link *l = w->links[w->split_from][w->split_to];

	l->closed_until = LT_MAX(l->closed_until, w->now + 300 + world_choose(w, 900));
}

static int64_t
some_offset(struct world *w)
{
	return (int64_t)world_choose(w, (uint32_t)(2 * w->config.skew + 1)) - w->config.skew;
}

static void
step_clock(struct world *w, uint32_t i)
{
	w->sites[i].offset = some_offset(w);
	if (w->config.big_jumps && world_rnd(w) < 0.3)
		w->sites[i].offset = world_rnd(w) < 0.5 ? SIM_YEARS : -SIM_YEARS;
}

/* ---- time */
static void
fault(struct world *w, uint32_t i, double chance)
{
	const struct sim_config *c = &w->config;

	if ((chance -= c->crash) < 0)
		world_crash(w, i);
	else if ((chance -= c->server) < 0)
		restart_server(w, i);
	else if ((chance -= c->cut) < 0)
		cut(w, i);
	else if ((chance -= c->reread) < 0) {
		w->notes.count[NOTE_REREAD]++;
		if (w->nodes[i]->ready)
			node_reread(w->nodes[i]);
	} else if (c->split && (chance -= PARTS) < 0)
		part(w);
	else if (c->jumps && chance < JUMPS)
		step_clock(w, i);
}

static void
step_user(struct world *w, uint32_t i)
{
	uint32_t *count = &w->users[i].count, at;

	if (w->left[i] > 0 && *count < 3 && world_rnd(w) < 0.4) {
		w->users[i].at[(*count)++] = user_new(&w->sites[i]);
		w->left[i]--;
	}
	if (*count == 0)
		return;
	at = world_choose(w, *count);
	user_step(w->users[i].at[at]);
	if (w->users[i].at[at]->done)
		w->users[i].at[at] = w->users[i].at[--*count];
}

static void
tick(struct world *w, bool writing)
{
	uint32_t i = world_choose(w, w->config.sites);
	double chance = world_rnd(w);

	w->now++;
	w->notes.count[NOTE_TICKS]++;
	if (chance < 0.22) {
		if (writing && (w->config.tide == 0 || w->now % w->config.tide < w->config.flood))
			step_user(w, i);
	} else if (chance < 0.36) {
		site_work(&w->sites[i]);
	} else if (chance < 0.36 + FAULTS) {
		fault(w, i, world_rnd(w) * FAULTS);
	} else if (chance < 0.43 && w->zombies.count > 0) {
		wake(w);
	} else {
		node_step(w->nodes[i]);
	}
}

/* ---- a run */
static void
first_rows(struct world *w)
{
	const struct sim_config *c = &w->config;

	for (uint32_t k = 0; k < c->keys; k++) {
		struct history_row row = { 0 };

		if (c->policy != SIM_TALLY && world_rnd(w) >= 0.5)
			continue;
		if (sim_by_columns(c->policy)) {
			row.v[2] = world_choose(w, 100);
		} else {
			row.v[0] = c->policy == SIM_UNIQUE ? k : 0;
			row.null[0] = c->policy != SIM_UNIQUE;
			row.null[1] = true;
		}
		w->initial[k] = sim_row_new(w, &row);
	}
}

static void
open_sites(struct world *w)
{
	uint32_t sites = w->config.sites;

	for (uint32_t i = 0; i < sites; i++) {
		struct site *s = &w->sites[i];
		struct checkpoint start;

		s->world = w;
		s->number = i;
		s->offset = some_offset(w);
		memcpy(s->rows, w->initial, sizeof(s->rows));
		for (uint32_t j = 0; j < sites; j++) {
			s->watermark[j] = -1;
			if (j != i)
				conflict_peers_add(&s->heard, j);
		}
		reader_checkpoint(reader_new(s, NULL), &start);
		SIM_PUSH(w, &s->checkpoints, start);
		w->nodes[i] = node_new(s);
		w->left[i] = w->config.transactions;
	}
	for (uint32_t i = 0; i < sites * sites; i++) {
		if (i / sites != i % sites)
			world_connect(w, i / sites, i % sites);
	}
	w->split_from = world_choose(w, sites);
	w->split_to = (w->split_from + 1 + world_choose(w, sites - 1)) % sites;
	if (w->config.split == 2 && sites > 2) {
		w->split_from = 1;
		w->split_to = sites - 1;
	}
}

static struct world *
world_new(uint64_t seed, const struct sim_config *config)
{
	struct world *w = lt_new(struct world);
	uint64_t state = seed;
	const struct sim_config *c = &w->config;

	w->seed = seed;
	w->chance[0] = mix(&state);
	w->chance[1] = mix(&state);
	w->arena = lt_arena_new();
	w->scratch = lt_arena_new();
	w->config = *config;
	w->now = 10000;
	sim_config_shape(&w->config, choose, w);
	w->lanes = 1 + world_choose(w, c->lanes);
	w->diligence = world_choose(w, 3) == 2 ? 0.3 : 1.0;
	w->group = (const uint32_t[]){ 1, 6, c->group }[world_choose(w, 3)];
	w->window = (const uint32_t[]){ 4, 12, c->window }[world_choose(w, 3)];
	w->burst = 3;
	if (c->bulk) {
		w->group = c->group;
		w->window = w->burst = 200;
	}
	w->group = LT_MIN(w->group, c->group);
	w->window = LT_MIN(w->window, c->window);
	first_rows(w);
	open_sites(w);
	return w;
}

static void
open_links(struct world *w, int64_t until)
{
	for (uint32_t i = 0; i < w->config.sites; i++) {
		for (uint32_t j = 0; j < w->config.sites; j++) {
			if (i != j)
				w->links[i][j]->closed_until = until;
		}
	}
}

/* All that one process can do now. */
static void
serve(struct world *w, struct node *n)
{
	node_read(n, 100);
	for (uint32_t j = 0; j < w->config.sites; j++) {
		if (j == n->site->number)
			continue;
		for (int i = 0; i < 4; i++)
			node_send(n, j);
		link_carry_all(n->inbound[j]);
	}
	for (uint32_t i = 0; i < n->nstreams && !w->broken; i++) {
		struct stream *s = n->streams[i];

		for (uint32_t left = 6 + 2 * s->groups.count; left > 0 && stream_step(s); left--)
			;
	}
}

static bool
node_is_idle(const struct node *n)
{
	const struct site *s = n->site;

	if (!n->ready || n->reader->place < s->log.count || s->committing.count > 0 || s->releasing.count > 0 ||
	    s->orphans.count > 0)
		return false;
	if (n->reader->maintain && s->world->config.policy == SIM_UNIQUE)
		return false;
	for (uint32_t i = 0; i < n->nstreams; i++) {
		if (n->streams[i]->groups.count > 0)
			return false;
	}
	return true;
}

static bool
is_idle(struct world *w)
{
	for (uint32_t i = 0; i < w->config.sites; i++) {
		if (!node_is_idle(w->nodes[i]))
			return false;
		for (uint32_t j = 0; j < w->config.sites; j++) {
			struct link *l = w->links[i][j];

			if (i != j && (l->reader != w->nodes[i]->reader || !link_is_empty(l)))
				return false;
		}
	}
	return true;
}

static uint64_t
work_done(const struct world *w)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < w->config.sites; i++) {
		for (uint32_t k = 0; k < w->sites[i].log.count; k++)
			n += w->sites[i].log.at[k]->plain.kind != HISTORY_BEAT;
	}
	return n;
}

static void
drain_round(struct world *w)
{
	w->now += 4;
	for (uint32_t i = 0; i < w->config.sites && !w->broken; i++) {
		struct site *s = &w->sites[i];
		struct node *n = w->nodes[i];

		while (
		    s->committing.count > 0 || s->releasing.count > 0 || s->told < s->log.count || s->orphans.count > 0)
			site_work(s);
		if (n->dead)
			world_crash(w, i);
		else if (!n->ready)
			node_start(n);
		else
			serve(w, n);
	}
}

/* Faults end, links heal, clocks are repaired, and all that can be done is done. */
static void
drain(struct world *w)
{
	uint64_t last = 0;
	uint32_t idle_rounds = 0;

	while (w->zombies.count > 0)
		kill_node(w, w->zombies.at[--w->zombies.count]);
	for (uint32_t i = 0; i < w->config.sites; i++) {
		if (llabs(w->sites[i].offset) > w->config.skew)
			w->sites[i].offset = 0;
	}
	for (uint32_t turn = 0; turn < DRAINING && idle_rounds <= PATIENCE && !w->broken; turn++) {
		uint64_t done = last;

		drain_round(w);
		if (is_idle(w))
			return;
		open_links(w, 0);
		if (turn % 50 == 0)
			done = work_done(w);
		idle_rounds = done == last ? idle_rounds + 1 : 0;
		last = done;
	}
	world_break(w, w->held ? "HELD: a transaction of the far future is held for ever"
			       : "STUCK: links are up, and it does not end");
}

static void
after_last_write(struct world *w)
{
	void (*const changes[])(struct node *) = { node_forget, node_reread };

	/* After the first round all is acknowledged, after the second durably so. */
	for (int round = 0; round < 2 && !w->broken; round++) {
		for (uint32_t i = 0; i < w->config.sites; i++)
			node_heartbeat(w->nodes[i]);
		drain(w);
	}
	/* Neither may change anything. */
	for (int c = 0; c < 2 && !w->broken; c++) {
		for (uint32_t i = 0; i < w->config.sites && !w->broken; i++) {
			changes[c](w->nodes[i]);
			w->nodes[i]->reader->maintain = site_has_parked(&w->sites[i]);
		}
		if (!w->broken)
			drain(w);
	}
	for (uint32_t i = 0; i < w->config.sites && !w->broken; i++) {
		node_forget(w->nodes[i]);
		if (reader_has_leftovers(w->nodes[i]->reader))
			world_fail(w, "FORGET: versions remain after all peers have seen them");
	}
}

static bool
is_writing(const struct world *w)
{
	for (uint32_t i = 0; i < w->config.sites; i++) {
		if (w->left[i] > 0 || w->users[i].count > 0)
			return true;
	}
	return false;
}

struct world *
world_run(uint64_t seed, const struct sim_config *config)
{
	struct world *w;

	sim_faults(config->off);
	w = world_new(seed, config);
	if (w->config.bulk)
		open_links(w, w->now + WRITING);
	for (uint32_t i = 0; i < WRITING && is_writing(w) && !w->broken; i++)
		tick(w, true);
	if (is_writing(w))
		world_break(w, "STUCK: writing does not end");
	open_links(w, 0);
	for (uint32_t i = 0; i < SETTLING && !w->broken; i++)
		tick(w, false);
	if (!w->broken)
		drain(w);
	if (!w->broken)
		after_last_write(w);
	if (w->broken)
		world_fail(w, w->broken);
	sim_faults(0);
	return w;
}

void
world_free(struct world *w)
{
	for (struct reader *r = w->readers; r != NULL; r = r->next)
		conflict_observer_free(r->observer);
	for (struct node *n = w->all_nodes; n != NULL; n = n->next)
		conflict_peers_free(&n->acks);
	for (uint32_t i = 0; i < w->config.sites; i++)
		conflict_peers_free(&w->sites[i].heard);
	lt_arena_free(w->arena);
	lt_arena_free(w->scratch);
	free(w);
}

static const struct history_row *
plain_row(const struct sim_row *row)
{
	return row != NULL ? &row->plain : NULL;
}

const struct history *
world_history(struct world *w)
{
	struct history *h = lt_arena_zalloc(w->arena, sizeof(*h));

	h->nsites = w->config.sites;
	h->policy = sim_policy_name(w->config.policy);
	h->interval = w->config.interval;
	for (uint32_t k = 0; k < SIM_KEYS; k++)
		h->initial[k] = plain_row(w->initial[k]);
	for (uint32_t i = 0; i < h->nsites; i++) {
		const struct site *s = &w->sites[i];
		struct history_site *out = &h->sites[i];
		const struct history_entry **log =
		    lt_arena_alloc(w->arena, s->log.count * sizeof(const struct history_entry *));

		for (uint32_t k = 0; k < s->log.count; k++)
			log[k] = &s->log.at[k]->plain;
		*out = (struct history_site){ .log = log,
			.claims = s->claims,
			.nlog = s->log.count,
			.conflicts = s->conflicts.at,
			.nconflicts = s->conflicts.count };
		for (uint32_t k = 0; k < SIM_KEYS; k++) {
			out->rows[k] = plain_row(s->rows[k]);
			out->parked[k] = plain_row(s->parked[k].row);
		}
	}
	return h;
}

const char *const sim_note_names[SIM_NOTES] = { "ticks", "users", "groups", "applied", "groups above 25",
	"groups of 50", "conflicts", "parked at the end", "crashes", "zombies", "in doubt", "servers killed", "cuts",
	"read again" };

static void
note_log(const struct site *s, uint64_t *count)
{
	for (uint32_t k = 0; k < s->log.count; k++) {
		const struct history_entry *e = &s->log.at[k]->plain;

		count[NOTE_USERS] += e->kind == HISTORY_USER;
		count[NOTE_GROUPS] += e->napplied > 0;
		count[NOTE_APPLIED] += e->napplied;
		count[NOTE_ABOVE_25] += e->napplied > 25;
		count[NOTE_OF_50] += e->napplied == 50;
	}
}

void
world_note(const struct world *w, struct sim_notes *sum)
{
	for (int i = 0; i < SIM_NOTES; i++)
		sum->count[i] += w->notes.count[i];
	for (uint32_t i = 0; i < w->config.sites; i++) {
		const struct site *s = &w->sites[i];

		note_log(s, sum->count);
		sum->count[NOTE_CONFLICTS] += s->conflicts.count;
		for (uint32_t k = 0; k < SIM_KEYS; k++)
			sum->count[NOTE_PARKED] += s->parked[k].row != NULL;
	}
}
