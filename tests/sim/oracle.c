#include "oracle.h"

#include <stdlib.h>
#include <string.h>

/** An operation, as far as one key goes. */
struct write {
	int64_t clock;
	uint32_t site;
	uint64_t seq;
	const uint64_t *sees;
	const struct history_row *before, *after;
};

/** Writes of one key, in the order of their versions. */
struct writes {
	struct write *at;
	uint32_t count, room;
};

struct operation {
	bool known;
	int64_t clock;
	uint64_t sees[SIM_SITES];
	const struct history_entry *entry;
};

/** Where the walk through a site's log has come to. */
struct walk {
	uint32_t place;
	int64_t clock, beat;
	bool has_beat;
	uint64_t sees[SIM_SITES];
};

struct judge {
	const struct history *h;
	struct oracle_verdict *out;
	struct operation *operations[SIM_SITES]; /* by seq - 1 */
	uint32_t noperations[SIM_SITES];
	struct writes all[SIM_KEYS];
};

/** One site's log, replayed. */
struct replay {
	struct judge *j;
	uint32_t site;
	const struct history_row *table[SIM_KEYS];
	struct writes here[SIM_KEYS];
	bool *had[SIM_SITES];
	uint64_t position[SIM_SITES];
	struct history_conflict *conflicts;
	uint32_t nconflicts, room;
};

static void
complain(struct judge *j, const char *what)
{
	for (uint32_t i = 0; i < j->out->count; i++) {
		if (strcmp(j->out->complaints[i], what) == 0)
			return;
	}
	if (j->out->count < ORACLE_COMPLAINTS)
		j->out->complaints[j->out->count++] = what;
}

static void *
more(void *at, uint32_t count, uint32_t *room, size_t size)
{
	if (count < *room)
		return at;
	*room = *room > 0 ? *room * 2 : 16;
	at = realloc(at, *room * size);
	if (at == NULL)
		abort();
	return at;
}

static bool
same_row(const struct history_row *a, const struct history_row *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	for (int i = 0; i < SIM_COLUMNS; i++) {
		if (a->null[i] != b->null[i] || (!a->null[i] && a->v[i] != b->v[i]))
			return false;
	}
	return true;
}

static bool
same_value(const struct history_row *a, const struct history_row *b, int column)
{
	return a->null[column] == b->null[column] && (a->null[column] || a->v[column] == b->v[column]);
}

static bool
newer(const struct write *a, const struct write *b)
{
	return a->clock != b->clock ? a->clock > b->clock : a->site > b->site;
}

static bool
knew(const struct write *w, const struct write *other)
{
	return w->sees[other->site] >= other->seq;
}

static void
add_write(struct writes *ws, struct write w)
{
	uint32_t at;

	ws->at = more(ws->at, ws->count, &ws->room, sizeof(*ws->at));
	for (at = ws->count++; at > 0 && newer(&ws->at[at - 1], &w); at--)
		ws->at[at] = ws->at[at - 1];
	ws->at[at] = w;
}

/* ---- F: what a key's writes make of it */
enum rule { NEWEST, ADD, GREATEST, SMALLEST, MADE };

static const struct {
	const char *policy;
	enum rule rules[SIM_COLUMNS];
} by_column[] = {
	{ "column", { NEWEST, NEWEST, NEWEST } },
	{ "counter", { NEWEST, NEWEST, ADD } },
	{ "tally", { NEWEST, NEWEST, ADD } },
	{ "maximum", { NEWEST, NEWEST, GREATEST } },
	{ "minimum", { NEWEST, NEWEST, SMALLEST } },
	{ "mixed", { NEWEST, ADD, GREATEST } },
	{ "made", { NEWEST, NEWEST, MADE } },
};

static const enum rule *
rules_of(const char *policy)
{
	for (size_t i = 0; i < sizeof(by_column) / sizeof(*by_column); i++) {
		if (strcmp(by_column[i].policy, policy) == 0)
			return by_column[i].rules;
	}
	return NULL;
}

static bool
counts(const struct writes *ws, uint32_t from, const struct write *w, int column, bool is_root)
{
	if (!is_root && same_value(w->before, w->after, column))
		return false;
	for (uint32_t i = from; i < ws->count; i++) {
		const struct write *o = &ws->at[i];

		if (o != w && !same_value(o->before, o->after, column) && knew(o, w))
			return false;
	}
	return true;
}

/* The greatest or least of what nobody who wrote the column had seen. */
static void
best(struct history_row *row, int column, bool greatest, const struct writes *ws, uint32_t from,
    const struct write *root)
{
	bool found = false;
	int64_t value = 0;

	for (uint32_t i = from; i <= ws->count; i++) {
		const struct write *w = i < ws->count ? &ws->at[i] : root;

		if (w == NULL || !counts(ws, from, w, column, w == root))
			continue;
		if (!found || (greatest ? w->after->v[column] > value : w->after->v[column] < value))
			value = w->after->v[column];
		found = true;
	}
	if (found)
		row->v[column] = value;
}

/* The workload's two functions, once more: their sum over the writes that nobody had seen. */
static uint64_t
sum_up(uint64_t sum, const struct write *w, int64_t value, int64_t before)
{
	return (sum * 31 + (uint64_t)value % 1009 * (w->site + 1) + (uint64_t)before % 1009 * 3) % 1009;
}

static int64_t
plain(const struct history_row *row, int column)
{
	return row->null[column] ? 0 : row->v[column];
}

/* What a function makes of a column; where it fails, or has nobody to choose among, the newest. */
static void
made(struct history_row *row, int column, const struct writes *ws, uint32_t from, const struct write *root)
{
	const struct write *newest = NULL;
	uint32_t count = 0;
	uint64_t sum = 0;

	if (root != NULL && counts(ws, from, root, column, true)) {
		sum =
		    sum_up(0, root, plain(root->after, column), root->before != NULL ? plain(root->before, column) : 7);
		newest = root;
		count = 1;
	}
	for (uint32_t i = from; i < ws->count; i++) {
		const struct write *w = &ws->at[i];

		if (!counts(ws, from, w, column, false))
			continue;
		sum = sum_up(sum, w, plain(w->after, column), plain(w->before, column));
		newest = w;
		count++;
	}
	if (newest != NULL)
		row->v[column] = count > 1 && sum % 4 != 0 ? (int64_t)(sum % 100) : newest->after->v[column];
}

static void
column_of(struct history_row *row, int column, enum rule rule, const struct writes *ws, uint32_t from,
    const struct write *root)
{
	if (rule == MADE) {
		made(row, column, ws, from, root);
		return;
	}
	if (rule == GREATEST || rule == SMALLEST) {
		best(row, column, rule == GREATEST, ws, from, root);
		return;
	}
	for (uint32_t i = from; i < ws->count; i++) {
		const struct write *w = &ws->at[i];

		if (same_value(w->before, w->after, column))
			continue;
		if (rule == ADD)
			row->v[column] += w->after->v[column] - w->before->v[column];
		else
			row->v[column] = w->after->v[column];
	}
}

/* A row starts at its last deletion or insertion; from there, each column by its own rule. False: it is not there. */
static bool
columns(const enum rule *rules, const struct history_row *initial, const struct writes *ws, struct history_row *out)
{
	uint32_t from = 0;
	const struct write *root = NULL;

	for (uint32_t i = 0; i < ws->count; i++) {
		if (ws->at[i].before == NULL || ws->at[i].after == NULL)
			from = i + 1;
	}
	if (from > 0 || initial == NULL) {
		if (from > 0)
			from--;
		if (ws->at[from].after == NULL && ++from == ws->count)
			return false;
		root = &ws->at[from]; /* an update that had not seen the deletion brings the whole row back */
		initial = root->after;
		from++;
	}
	*out = *initial;
	for (int i = 0; i < SIM_COLUMNS; i++)
		column_of(out, i, rules[i], ws, from, root);
	return true;
}

/* The smaller number of site is trusted more; who has seen a write may replace it whoever he is. */
static const struct history_row *
trusted(const struct writes *ws)
{
	const struct write *held = &ws->at[0];

	for (uint32_t i = 1; i < ws->count; i++) {
		const struct write *w = &ws->at[i];

		if (w->site <= held->site || knew(w, held))
			held = w;
	}
	return held->after;
}

/* The write that a function names of those that nobody had seen; where it fails the newest. */
static const struct history_row *
chosen(const struct writes *ws)
{
	const struct write **free_ones = calloc(ws->count, sizeof(*free_ones)), *result;
	uint32_t count = 0;
	uint64_t sum = 0;

	if (free_ones == NULL)
		abort();
	for (uint32_t i = 0; i < ws->count; i++) {
		bool seen = false;

		for (uint32_t k = 0; k < ws->count; k++)
			seen = seen || (k != i && knew(&ws->at[k], &ws->at[i]));
		if (!seen)
			free_ones[count++] = &ws->at[i];
	}
	for (uint32_t i = 0; i < count; i++)
		sum = sum_up(sum, free_ones[i], free_ones[i]->after != NULL ? plain(free_ones[i]->after, 2) : 11,
		    free_ones[i]->before != NULL);
	result = free_ones[sum % 5 == 0 ? count - 1 : sum % count];
	free(free_ones);
	return result->after;
}

/* NULL: not there. `room` is for a row that is made. */
static const struct history_row *
outcome(const struct judge *j, uint32_t key, const struct writes *ws, struct history_row *room)
{
	const enum rule *rules = rules_of(j->h->policy);

	if (ws->count == 0)
		return j->h->initial[key];
	if (rules != NULL)
		return columns(rules, j->h->initial[key], ws, room) ? room : NULL;
	if (strcmp(j->h->policy, "chosen") == 0)
		return chosen(ws);
	return strcmp(j->h->policy, "home") == 0 ? trusted(ws) : ws->at[ws->count - 1].after;
}

static bool
is_unique(const struct judge *j)
{
	return strcmp(j->h->policy, "unique") == 0;
}

static bool
clash(const struct history_row *a, const struct history_row *b)
{
	for (int i = 0; i < 2; i++) {
		if (!a->null[i] && !b->null[i] && a->v[i] == b->v[i])
			return true;
	}
	return false;
}

/* The newest claims its unique values first; initial rows are older than all, and among themselves by key. */
static void
project(const struct judge *j, const struct writes *all, const struct history_row **shown,
    const struct history_row **hidden)
{
	const struct history_row *row[SIM_KEYS];
	const struct write *by[SIM_KEYS];
	bool done[SIM_KEYS] = { false };

	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		by[k] = all[k].count > 0 ? &all[k].at[all[k].count - 1] : NULL;
		row[k] = by[k] != NULL ? by[k]->after : j->h->initial[k];
		shown[k] = hidden[k] = NULL;
		done[k] = row[k] == NULL;
	}
	for (;;) {
		uint32_t next = SIM_KEYS;
		bool taken = false;

		for (uint32_t k = 0; k < SIM_KEYS; k++) {
			bool later;

			if (done[k])
				continue;
			if (next == SIM_KEYS)
				later = true;
			else if (by[k] == NULL || by[next] == NULL)
				later = by[k] != NULL || by[next] == NULL;
			else
				later = !newer(by[next], by[k]);
			if (later)
				next = k;
		}
		if (next == SIM_KEYS)
			return;
		done[next] = true;
		for (uint32_t k = 0; k < SIM_KEYS; k++)
			taken = taken || (shown[k] != NULL && clash(shown[k], row[next]));
		*(taken ? &hidden[next] : &shown[next]) = row[next];
	}
}

/* ---- versions, from all logs together */
static bool
claim_fits(const struct history_claim *c, const struct walk *w, uint64_t seq)
{
	return !c->there || (c->clock == w->clock && c->seq == seq && memcmp(c->sees, w->sees, sizeof(c->sees)) == 0);
}

static void
found(struct judge *j, uint32_t site, struct walk *w, const struct history_entry *e)
{
	int64_t limit = w->has_beat ? w->beat + 2 * j->h->interval : w->clock + 1;
	int64_t stamp = e->stamp < limit ? e->stamp : limit;
	uint64_t seq = ++w->sees[site];
	struct operation *o = &j->operations[site][seq - 1];

	w->clock = stamp > w->clock + 1 ? stamp : w->clock + 1;
	o->known = true;
	o->clock = w->clock;
	o->entry = e;
	memcpy(o->sees, w->sees, sizeof(o->sees));
	j->noperations[site] = (uint32_t)seq;
	if (!claim_fits(&j->h->sites[site].claims[w->place], w, seq))
		complain(j, "RECOMPUTE: the reader took another version than its log gives");
}

/* Whether all that the entry applied is known by now. */
static bool
can_pass(const struct judge *j, const struct history_entry *e)
{
	for (uint32_t i = 0; i < e->napplied; i++) {
		if (e->applied[i].seq > j->noperations[e->applied[i].site])
			return false;
	}
	return true;
}

/* One log as far as it goes before a mark of what is not known yet. True if it went on. */
static bool
walk_on(struct judge *j, uint32_t site, struct walk *w)
{
	const struct history_site *s = &j->h->sites[site];
	uint32_t before = w->place;

	for (; w->place < s->nlog && can_pass(j, s->log[w->place]); w->place++) {
		const struct history_entry *e = s->log[w->place];

		switch (e->kind) {
		case HISTORY_BEAT:
			if (e->has_stamp) {
				w->has_beat = true;
				w->beat = e->stamp;
				w->clock = e->stamp > w->clock ? e->stamp : w->clock;
			}
			break;
		case HISTORY_APPLY:
			for (uint32_t i = 0; i < e->napplied; i++) {
				const struct operation *o = &j->operations[e->applied[i].site][e->applied[i].seq - 1];
				uint64_t *seen = &w->sees[e->applied[i].site];

				w->clock = o->clock > w->clock ? o->clock : w->clock;
				*seen = e->applied[i].seq > *seen ? e->applied[i].seq : *seen;
			}
			break;
		case HISTORY_USER:
		case HISTORY_LOCAL: found(j, site, w, e); break;
		}
	}
	return w->place > before;
}

static void
walk_all(struct judge *j)
{
	struct walk walks[SIM_SITES];
	bool on = true;

	memset(walks, 0, sizeof(walks));
	while (on) {
		on = false;
		for (uint32_t i = 0; i < j->h->nsites; i++)
			on = walk_on(j, i, &walks[i]) || on;
	}
	for (uint32_t i = 0; i < j->h->nsites; i++) {
		if (walks[i].place < j->h->sites[i].nlog)
			complain(j, "UNKNOWN: a mark names an operation that no log holds");
	}
}

/* ---- one site, in the order of its log */
static void
arrive(struct replay *r, struct history_name name, bool local)
{
	struct operation *o = &r->j->operations[name.site][name.seq - 1];

	for (uint32_t i = 0; i < o->entry->nchanges; i++) {
		const struct history_change *c = &o->entry->changes[i];
		struct write w = { o->clock, name.site, name.seq, o->sees, c->before, c->after };
		struct writes *here = &r->here[c->key];
		const struct write *last = here->count > 0 ? &here->at[here->count - 1] : NULL;

		if (!local && last != NULL && !knew(&w, last)) {
			r->conflicts = more(r->conflicts, r->nconflicts, &r->room, sizeof(*r->conflicts));
			r->conflicts[r->nconflicts++] =
			    (struct history_conflict){ name, { last->site, last->seq }, c->key };
		}
		add_write(here, w);
	}
}

/* Where rows compete for values, an operation that came too late and wrote nothing has decided nothing: the row that is
 * there may have to go, for one that is parked and whose values a user has freed, which is looked at next. */
static bool
has_decided(const struct replay *r, const struct history_entry *e, uint32_t key)
{
	const struct writes *here = &r->here[key];
	const struct write *last = here->count > 0 ? &here->at[here->count - 1] : NULL;

	if (!is_unique(r->j) || (e->written & 1u << key) != 0 || r->table[key] == NULL)
		return true;
	for (uint32_t i = 0; i < e->napplied; i++) {
		if (last != NULL && e->applied[i].site == last->site && e->applied[i].seq == last->seq)
			return true;
	}
	return false;
}

/* What a process has just decided is what the operations up to here give. */
static void
check_prefix(struct replay *r, const struct history_entry *e, uint32_t keys)
{
	const struct history_row *shown[SIM_KEYS], *hidden[SIM_KEYS];

	if (is_unique(r->j))
		project(r->j, r->here, shown, hidden);
	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		struct history_row room;

		if ((keys & 1u << k) == 0 || !has_decided(r, e, k))
			continue;
		if (!is_unique(r->j))
			shown[k] = outcome(r->j, k, &r->here[k], &room);
		if (!same_row(r->table[k], shown[k]))
			complain(r->j, "AUDIT: a row is not what the operations up to here give");
	}
}

static void
replay_apply(struct replay *r, const struct history_entry *e)
{
	uint32_t keys = e->written;

	for (uint32_t i = 0; i < e->napplied; i++) {
		struct history_name name = e->applied[i];
		const struct operation *o;

		if (name.seq > r->j->noperations[name.site])
			continue;
		o = &r->j->operations[name.site][name.seq - 1];
		if (r->had[name.site][name.seq - 1])
			complain(r->j, name.site == r->site ? "HOME: an operation came home"
							    : "TWICE: an operation was applied twice");
		if (name.seq <= r->position[name.site])
			complain(r->j, "ORDER: an origin's operations were not applied in their order");
		r->position[name.site] = name.seq;
		r->had[name.site][name.seq - 1] = true;
		for (uint32_t k = 0; k < o->entry->nchanges; k++)
			keys |= 1u << o->entry->changes[k].key;
		arrive(r, name, false);
	}
	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		if (e->written & 1u << k)
			r->table[k] = e->rows[k];
	}
	check_prefix(r, e, keys);
}

static void
replay_local(struct replay *r, const struct history_entry *e, uint64_t seq)
{
	if (e->kind == HISTORY_LOCAL)
		complain(r->j, "UNMARKED: a process wrote rows without its mark");
	for (uint32_t i = 0; i < e->nchanges; i++) {
		const struct history_change *c = &e->changes[i];

		if (!same_row(r->table[c->key], c->before))
			complain(r->j, "LOG: a before image is not the row");
		r->table[c->key] = c->after;
	}
	if (seq > r->j->noperations[r->site])
		return;
	if (r->had[r->site][seq - 1])
		complain(r->j, "HOME: an operation came home");
	r->had[r->site][seq - 1] = true;
	arrive(r, (struct history_name){ r->site, seq }, true);
}

static int
by_name(const void *a, const void *b)
{
	const struct history_conflict *x = a, *y = b;

#define BY(field)                                                                                                      \
	if (x->field != y->field)                                                                                      \
	return x->field < y->field ? -1 : 1
	BY(operation.site);
	BY(operation.seq);
	BY(key);
	BY(other.site);
	BY(other.seq);
	return 0;
}

static void
check_conflicts(struct replay *r)
{
	const struct history_site *s = &r->j->h->sites[r->site];
	struct history_conflict *theirs = calloc(s->nconflicts + 1, sizeof(*theirs));
	bool same = s->nconflicts == r->nconflicts;

	if (theirs == NULL)
		abort();
	for (uint32_t i = 0; i < s->nconflicts; i++)
		theirs[i] = s->conflicts[i];
	qsort(theirs, s->nconflicts, sizeof(*theirs), by_name);
	if (r->nconflicts > 0)
		qsort(r->conflicts, r->nconflicts, sizeof(*theirs), by_name);
	for (uint32_t i = 0; same && i < r->nconflicts; i++)
		same = by_name(&theirs[i], &r->conflicts[i]) == 0;
	if (!same)
		complain(r->j, "CONFLICTS: the conflict log is not what the order of the log gives");
	free(theirs);
}

static void
replay(struct judge *j, uint32_t site)
{
	struct replay r = { .j = j, .site = site };
	uint64_t seq = 0;

	memcpy(r.table, j->h->initial, sizeof(r.table));
	for (uint32_t i = 0; i < j->h->nsites; i++)
		r.had[i] = calloc(j->noperations[i] + 1, sizeof(bool));
	for (uint32_t i = 0; i < j->h->sites[site].nlog; i++) {
		const struct history_entry *e = j->h->sites[site].log[i];

		if (e->kind == HISTORY_APPLY)
			replay_apply(&r, e);
		else if (e->kind != HISTORY_BEAT)
			replay_local(&r, e, ++seq);
	}
	for (uint32_t i = 0; i < j->h->nsites; i++) {
		for (uint32_t k = 0; k < j->noperations[i]; k++) {
			if (!r.had[i][k])
				complain(j, "MISSING: an operation never reached a site");
		}
		free(r.had[i]);
	}
	check_conflicts(&r);
	for (uint32_t k = 0; k < SIM_KEYS; k++)
		free(r.here[k].at);
	free(r.conflicts);
}

/* ---- the end */
static void
check_tables(struct judge *j)
{
	const struct history_row *shown[SIM_KEYS], *hidden[SIM_KEYS];
	struct history_row room[SIM_KEYS];

	if (is_unique(j)) {
		project(j, j->all, shown, hidden);
	} else {
		for (uint32_t k = 0; k < SIM_KEYS; k++) {
			shown[k] = outcome(j, k, &j->all[k], &room[k]);
			hidden[k] = NULL;
		}
	}
	for (uint32_t i = 0; i < j->h->nsites; i++) {
		for (uint32_t k = 0; k < SIM_KEYS; k++) {
			const struct history_site *s = &j->h->sites[i];

			if (!same_row(s->rows[k], j->h->sites[0].rows[k]))
				complain(j, "DIVERGED: the sites differ");
			if (!same_row(s->rows[k], shown[k]))
				complain(j, "NOT F: a site's rows are not what the operations give");
			if (!same_row(s->parked[k], hidden[k]))
				complain(j, "PARKED: the parked rows are not what the operations give");
		}
	}
}

static bool
is_logged(const struct judge *j, uint32_t key, const struct write *w)
{
	for (uint32_t i = 0; i < j->h->nsites; i++) {
		for (uint32_t k = 0; k < j->h->sites[i].nconflicts; k++) {
			const struct history_conflict *c = &j->h->sites[i].conflicts[k];

			if (c->key == key && ((c->operation.site == w->site && c->operation.seq == w->seq) ||
						 (c->other.site == w->site && c->other.seq == w->seq)))
				return true;
		}
	}
	return false;
}

/* Each write is the last of its row, or was seen by a later one, or stands in a conflict log. */
static void
check_explained(struct judge *j)
{
	for (uint32_t key = 0; key < SIM_KEYS; key++) {
		const struct writes *ws = &j->all[key];

		for (uint32_t i = 0; i + 1 < ws->count; i++) {
			bool seen = false;

			for (uint32_t k = i + 1; k < ws->count && !seen; k++)
				seen = knew(&ws->at[k], &ws->at[i]);
			if (!seen && !is_logged(j, key, &ws->at[i]))
				complain(j, "UNEXPLAINED: a write vanished without a trace");
		}
	}
}

static void
check_sums(struct judge *j)
{
	for (uint32_t key = 0; key < SIM_KEYS; key++) {
		const struct history_row *row = j->h->initial[key];
		int64_t total = row != NULL ? row->v[2] : 0;

		for (uint32_t i = 0; i < j->all[key].count; i++) {
			const struct write *w = &j->all[key].at[i];

			total += w->after->v[2] - w->before->v[2];
		}
		for (uint32_t i = 0; row != NULL && i < j->h->nsites; i++) {
			if (j->h->sites[i].rows[key] == NULL || j->h->sites[i].rows[key]->v[2] != total)
				complain(j, "COUNTER: not the first value and all deltas");
		}
	}
}

static void
gather(struct judge *j)
{
	for (uint32_t site = 0; site < j->h->nsites; site++) {
		for (uint32_t i = 0; i < j->noperations[site]; i++) {
			const struct operation *o = &j->operations[site][i];

			for (uint32_t k = 0; k < o->entry->nchanges; k++) {
				const struct history_change *c = &o->entry->changes[k];

				add_write(&j->all[c->key],
				    (struct write){ o->clock, site, i + 1, o->sees, c->before, c->after });
			}
		}
	}
}

void
oracle_judge(const struct history *history, struct oracle_verdict *out)
{
	struct judge j = { .h = history, .out = out };

	for (uint32_t i = 0; i < history->nsites; i++) {
		j.operations[i] = calloc(history->sites[i].nlog + 1, sizeof(struct operation));
		if (j.operations[i] == NULL)
			abort();
	}
	walk_all(&j);
	gather(&j);
	for (uint32_t i = 0; i < history->nsites; i++)
		replay(&j, i);
	check_tables(&j);
	check_explained(&j);
	if (strcmp(history->policy, "tally") == 0)
		check_sums(&j);
	for (uint32_t i = 0; i < history->nsites; i++)
		free(j.operations[i]);
	for (uint32_t k = 0; k < SIM_KEYS; k++)
		free(j.all[k].at);
}
