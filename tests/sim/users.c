#include "sim.h"

#define PATIENCE 12 /* steps that a lock is waited for */

struct user *
user_new(struct site *s)
{
	struct world *w = s->world;
	struct user *u = lt_arena_zalloc(w->arena, sizeof(*u));

	u->site = s;
	u->session = world_session(w);
	u->left = 1 + world_choose(w, w->config.size);
	u->begun = site_clock(s);
	return u;
}

/* The row as the transaction sees it. */
static const struct sim_row *
row_of(const struct user *u, uint32_t key)
{
	return u->touched & 1u << key ? u->ops[key].after : u->site->rows[key];
}

static void
end(struct user *u)
{
	site_unlock(u->site, u->session);
	u->done = true;
}

static const struct sim_row *
some_row(struct user *u, bool unique)
{
	struct world *w = u->site->world;
	struct history_row row = { .v = { 0, 0, world_choose(w, 5) }, .null = { true, true, false } };

	for (int i = 0; unique && i < 2; i++) {
		if (world_rnd(w) < 0.7) {
			row.v[i] = world_choose(w, w->config.values);
			row.null[i] = false;
		}
	}
	return sim_row_new(w, &row);
}

static void
choose_statement(struct user *u)
{
	struct world *w = u->site->world;
	enum sim_policy policy = w->config.policy;
	uint32_t key = world_choose(w, w->config.keys);
	const struct sim_row *old = row_of(u, key);
	double chance = world_rnd(w);

	u->waiting = true;
	u->key = key;
	if (policy == SIM_TALLY) {
		u->kind = USER_ADD;
	} else if (sim_by_columns(policy)) {
		struct history_row row = { .v = { world_choose(w, 5), world_choose(w, 50), world_choose(w, 100) } };

		u->kind = old == NULL ? USER_PUT : chance < 0.15 ? USER_DELETE : USER_EDIT;
		u->argument = sim_row_new(w, &row);
	} else if (policy == SIM_UNIQUE && (old == NULL || (chance >= 0.45 && chance < 0.75))) {
		u->kind = USER_PUT;
		u->argument = some_row(u, true);
	} else if (old == NULL) {
		u->kind = USER_PUT;
		u->argument = some_row(u, false);
	} else {
		u->kind = chance < 0.3 ? USER_DELETE : chance < 0.45 ? USER_MOVE : USER_VALUE;
		u->other = world_choose(w, w->config.keys);
	}
}

static const struct sim_row *
edited(struct user *u, const struct sim_row *old)
{
	struct world *w = u->site->world;
	struct history_row row = old->plain;
	uint32_t column = u->kind == USER_EDIT ? world_choose(w, SIM_COLUMNS) : 2;

	if (u->kind == USER_ADD || sim_column_rule(w->config.policy, column) != CONFLICT_LAST)
		row.v[column] += (int64_t)world_choose(w, 19) - 9;
	else
		row.v[column] = world_choose(w, 5);
	return sim_row_new(w, &row);
}

static void
image(struct user *u, uint32_t key, const struct sim_row *after)
{
	u->images[u->nimages++] = (struct sim_op){ key, row_of(u, key), after };
}

/* What the statement makes of the rows that it has locked. */
static void
find_images(struct user *u)
{
	const struct sim_row *old = row_of(u, u->key);

	u->found = true;
	u->nimages = 0;
	if (u->kind == USER_PUT) {
		image(u, u->key, u->argument);
	} else if (old == NULL) {
		return;
	} else if (u->kind == USER_DELETE) {
		image(u, u->key, NULL);
	} else if (u->kind != USER_MOVE) {
		image(u, u->key, edited(u, old));
	} else if (row_of(u, u->other) == NULL) { /* a change of the primary key */
		image(u, u->key, NULL);
		image(u, u->other, old);
	}
}

static bool
lock(struct user *u)
{
	struct site *s = u->site;

	if (!site_lock(s, SIM_LOCK_ROW(u->key), u->session))
		return false;
	if (u->kind == USER_MOVE && !site_lock(s, SIM_LOCK_ROW(u->other), u->session))
		return false;
	if (!u->found)
		find_images(u);
	for (uint32_t i = 0; s->world->config.policy == SIM_UNIQUE && i < u->nimages; i++) {
		uint64_t claims = sim_claims(u->images[i].before) | sim_claims(u->images[i].after);

		for (uint32_t at = 0; at < SIM_LOCKS; at++) {
			if (claims & (uint64_t)1 << at && !site_lock(s, at, u->session))
				return false;
		}
	}
	return true;
}

/* 1062: some value would be there twice. */
static bool
is_duplicate(const struct user *u)
{
	uint64_t taken = 0;

	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		const struct sim_row *row = row_of(u, k);
		uint64_t claims;

		for (uint32_t i = 0; i < u->nimages; i++)
			row = u->images[i].key == k ? u->images[i].after : row;
		claims = sim_claims(row);
		if ((taken & claims) != 0)
			return true;
		taken |= claims;
	}
	return false;
}

static void
write_images(struct user *u)
{
	u->waiting = u->found = false;
	if (u->site->world->config.policy == SIM_UNIQUE && is_duplicate(u))
		return;
	for (uint32_t i = 0; i < u->nimages; i++) {
		uint32_t key = u->images[i].key;

		if ((u->touched & 1u << key) == 0)
			u->ops[key] = (struct sim_op){ key, u->site->rows[key], NULL };
		u->touched |= 1u << key;
		u->ops[key].after = u->images[i].after;
	}
}

static void
commit(struct user *u)
{
	struct world *w = u->site->world;
	struct sim_op ops[SIM_KEYS];
	uint32_t n = 0;
	int64_t stamp = u->begun;
	struct job *j;

	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		if (u->touched & 1u << k && !sim_row_eq(u->ops[k].before, u->ops[k].after))
			ops[n++] = u->ops[k];
	}
	if (n == 0) {
		end(u);
		return;
	}
	if (w->config.lies && world_rnd(w) < 0.05)
		stamp += world_rnd(w) < 0.5 ? SIM_YEARS : -SIM_YEARS;
	j = job_new(w, u->session, entry_new(w, HISTORY_USER, stamp - stamp % w->config.coarse));
	entry_set_ops(w, j->entry, ops, n);
	for (uint32_t i = 0; i < n; i++) {
		j->written |= 1u << ops[i].key;
		j->rows[ops[i].key] = ops[i].after;
	}
	site_commit(u->site, j);
	u->done = true;
}

void
user_step(struct user *u)
{
	if (!u->waiting && u->left > 0) {
		u->left--;
		choose_statement(u);
	}
	if (u->waiting) {
		if (!lock(u)) {
			if (++u->waits > PATIENCE)
				end(u);
			return;
		}
		write_images(u);
	}
	if (u->left == 0)
		commit(u);
}
