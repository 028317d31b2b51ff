#include "sim.h"

bool
site_lock(struct site *s, uint32_t lock, uint64_t session)
{
	if (s->owner[lock] == 0)
		s->owner[lock] = session;
	return s->owner[lock] == session;
}

bool
site_lock_row(struct site *s, uint32_t key, uint64_t session, bool insert)
{
	uint64_t owner = s->owner[SIM_LOCK_ROW(key)];

	if (s->rows[key] != NULL || insert)
		return site_lock(s, SIM_LOCK_ROW(key), session);
	return owner == 0 || owner == session;
}

void
site_unlock(struct site *s, uint64_t session)
{
	for (uint32_t i = 0; i < SIM_LOCKS; i++) {
		if (s->owner[i] == session)
			s->owner[i] = 0;
	}
}

bool
site_holds(const struct site *s, uint64_t session)
{
	for (uint32_t i = 0; i < SIM_LOCKS; i++) {
		if (s->owner[i] == session)
			return true;
	}
	return false;
}

bool
site_lanes_are_free(const struct site *s)
{
	for (uint32_t i = SIM_LOCK_LANE(0, 0); i < SIM_LOCKS; i++) {
		if (s->owner[i] != 0)
			return false;
	}
	return true;
}

void
site_append(struct site *s, struct entry *e)
{
	struct world *w = s->world;
	uint32_t had = s->claims_cap;

	s->claims = sim_more(w, s->claims, s->log.count, &s->claims_cap, sizeof(*s->claims));
	for (uint32_t i = had; i < s->claims_cap; i++)
		s->claims[i] = (struct history_claim){ 0 };
	SIM_PUSH(w, &s->log, e);
}

static void
check_unique(struct site *s)
{
	uint64_t taken = 0;

	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		uint64_t claims = sim_claims(s->rows[k]);

		if ((taken & claims) != 0)
			world_fail(s->world, "1062: a process wrote a unique value twice");
		taken |= claims;
	}
}

void
site_commit(struct site *s, struct job *j)
{
	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		if (j->written & 1u << k)
			s->rows[k] = j->rows[k];
		if (j->parked & 1u << k)
			s->parked[k] = j->parks[k];
	}
	if (s->world->config.policy == SIM_UNIQUE)
		check_unique(s);
	if (j->lane != SIM_NONE)
		s->lanes[j->origin][j->lane] = j->seq;
	if (j->heard_from != SIM_NONE) {
		conflict_peers_hear(&s->heard, j->heard_from, &j->heard);
		s->watermark[j->heard_from] = LT_MAX(s->watermark[j->heard_from], j->heard_clock);
	}
	for (uint32_t i = 0; i < j->nconflicts; i++)
		SIM_PUSH(s->world, &s->conflicts, j->conflicts[i]);
	if (j->drift)
		world_fail(s->world, "DRIFT: a before image that cannot be");
	site_append(s, j->entry);
	SIM_PUSH(s->world, &s->releasing, j->session);
	j->done = true;
}

static uint64_t
take_session(struct sessions *from, uint32_t at)
{
	uint64_t session = from->at[at];

	memmove(from->at + at, from->at + at + 1, (--from->count - at) * sizeof(*from->at));
	return session;
}

bool
site_work(struct site *s)
{
	struct world *w = s->world;

	if (s->committing.count > 0 && world_rnd(w) < 0.6) {
		uint32_t at = world_choose(w, s->committing.count);
		struct job *j = s->committing.at[at];

		memmove(s->committing.at + at, s->committing.at + at + 1,
		    (--s->committing.count - at) * sizeof(struct job *));
		if (site_holds(s, j->session))
			site_commit(s, j);
	} else if (s->releasing.count > 0) {
		site_unlock(s, take_session(&s->releasing, world_choose(w, s->releasing.count)));
	} else if (s->told < s->log.count) {
		s->told++;
	} else if (s->orphans.count > 0) {
		site_unlock(s, take_session(&s->orphans, 0));
	} else {
		return s->committing.count > 0;
	}
	return true;
}

void
site_restart(struct site *s)
{
	for (uint32_t i = 0; i < s->committing.count; i++) {
		struct job *j = s->committing.at[i];

		if (world_rnd(s->world) < 0.5 && site_holds(s, j->session))
			site_commit(s, j);
	}
	s->committing.count = s->releasing.count = s->orphans.count = 0;
	memset(s->owner, 0, sizeof(s->owner));
	s->told = s->log.count;
}

uint64_t
site_progress(const struct site *s, uint32_t origin)
{
	uint64_t most = 0;

	for (int i = 0; i < SIM_LANES; i++)
		most = LT_MAX(most, s->lanes[origin][i]);
	return most;
}

bool
site_has_parked(const struct site *s)
{
	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		if (s->parked[k].row != NULL)
			return true;
	}
	return false;
}

int64_t
site_clock(const struct site *s)
{
	return s->world->now + s->offset;
}

struct job *
job_new(struct world *w, uint64_t session, struct entry *e)
{
	struct job *j = lt_arena_zalloc(w->arena, sizeof(*j));

	j->session = session;
	j->entry = e;
	j->lane = j->heard_from = SIM_NONE;
	return j;
}

struct entry *
entry_new(struct world *w, enum history_kind kind, int64_t stamp)
{
	struct entry *e = lt_arena_zalloc(w->arena, sizeof(*e));

	e->plain.kind = kind;
	e->plain.has_stamp = true;
	e->plain.stamp = stamp;
	return e;
}

void
entry_set_ops(struct world *w, struct entry *e, const struct sim_op *ops, uint32_t nops)
{
	struct sim_op *mine = lt_arena_alloc(w->arena, nops * sizeof(*mine));
	struct history_change *plain = lt_arena_alloc(w->arena, nops * sizeof(*plain));

	for (uint32_t i = 0; i < nops; i++) {
		mine[i] = ops[i];
		plain[i] = (struct history_change){ ops[i].key, ops[i].before != NULL ? &ops[i].before->plain : NULL,
			ops[i].after != NULL ? &ops[i].after->plain : NULL };
	}
	e->ops = mine;
	e->nops = e->plain.nchanges = nops;
	e->plain.changes = plain;
}
