#include "pipeline/group.h"

/* A cautious guess before anything was measured, and what a round trip alone must not shrink a group below. */
#define FIRST_ROWS_PER_MS 5.0
#define LEAST_ROWS 64
/* Nearer than this a group is worth its round trips as it is. Farther, it should take so many of them, but no longer
 * than that. */
#define FAR_US 1000
#define FAR_ROUNDS 20
#define FAR_MAX_MS 2000

void
pipeline_group_init(struct pipeline_group *g, size_t max_rows, size_t max_bytes, unsigned max_time_ms)
{
	*g = (struct pipeline_group){ .max_rows = max_rows,
		.max_bytes = max_bytes,
		.max_time_ms = max_time_ms,
		.rows_per_ms = FIRST_ROWS_PER_MS };
}

static void
drop_txns(struct pipeline_group *g)
{
	for (size_t i = 0; i < g->count; i++)
		change_txn_free(g->txns[i]);
	g->count = g->rows = g->bytes = 0;
}

/* The group and the one after it change places. */
static void
exchange(struct pipeline_group *g)
{
	struct pipeline_group_ahead ahead = g->ahead;

	g->ahead = (struct pipeline_group_ahead){ g->txns, g->count, g->cap, g->rows, g->bytes };
	g->txns = ahead.txns;
	g->count = ahead.count;
	g->cap = ahead.cap;
	g->rows = ahead.rows;
	g->bytes = ahead.bytes;
}

void
pipeline_group_clear(struct pipeline_group *g)
{
	for (int i = 0; i < 2; i++) {
		drop_txns(g);
		free(g->txns);
		g->txns = NULL;
		exchange(g);
	}
	change_txn_free(g->held);
	*g = (struct pipeline_group){ 0 };
}

static void
add(struct pipeline_group *g, struct change_txn *t)
{
	if (g->count == g->cap) {
		g->cap = g->cap > 0 ? g->cap * 2 : 64;
		g->txns = lt_realloc(g->txns, g->cap * sizeof(struct change_txn *));
	}
	g->txns[g->count++] = t;
	g->rows += LT_MAX((size_t)change_txn_rows(t), (size_t)t->kept);
	g->bytes += change_txn_bytes(t);
}

static bool
is_far(const struct pipeline_group *g)
{
	return g->link_bytes > 0 && g->round_us >= FAR_US;
}

static size_t
row_bound(const struct pipeline_group *g)
{
	double by_time = g->rows_per_ms * (double)g->max_time_ms, far_ms = (double)g->round_us * FAR_ROUNDS / 1000;
	size_t rows = LT_MIN(g->max_rows, LT_MAX((size_t)by_time, LEAST_ROWS));

	return is_far(g) ? LT_MAX(rows, (size_t)(g->rows_per_ms * LT_MIN(far_ms, FAR_MAX_MS))) : rows;
}

static size_t
byte_bound(const struct pipeline_group *g)
{
	return is_far(g) ? LT_MAX(g->max_bytes, g->link_bytes) : g->max_bytes;
}

static bool
is_alone(const struct change_txn *t)
{
	return t->kind == CHANGE_TXN_DDL || t->spill != NULL;
}

static bool
fits(const struct pipeline_group *g, const struct change_txn *t)
{
	if (g->count == 0)
		return true;
	if (is_alone(t) || is_alone(g->txns[0]))
		return false;
	return g->rows + change_txn_rows(t) <= row_bound(g) && g->bytes + change_txn_bytes(t) <= byte_bound(g);
}

static void
add_held(struct pipeline_group *g)
{
	if (g->count > 0 || g->held == NULL)
		return;
	add(g, g->held);
	g->held = NULL;
}

/* One transaction is more than a group may hold: what came behind it might be as large. */
static bool
is_over(const struct pipeline_group *g)
{
	return g->bytes > byte_bound(g);
}

static enum lt_queue_end
take(struct pipeline_group *g, struct lt_queue *q, int timeout_ms, bool ahead)
{
	enum lt_queue_end end = LT_QUEUE_DONE;

	while (g->held == NULL && !(ahead && is_over(g))) {
		void *item = NULL;

		end = lt_queue_pop(q, &item, g->count > 0 ? 0 : timeout_ms);
		if (end != LT_QUEUE_DONE)
			break;
		if (!fits(g, item)) {
			g->held = item;
			break;
		}
		add(g, item);
	}
	return g->count > 0 ? LT_QUEUE_DONE : end;
}

enum lt_queue_end
pipeline_group_fill(struct pipeline_group *g, struct lt_queue *q, int timeout_ms)
{
	drop_txns(g);
	exchange(g);
	add_held(g);
	return pipeline_group_more(g, q, timeout_ms);
}

void
pipeline_group_take_ahead(struct pipeline_group *g, struct lt_queue *q)
{
	if (is_over(g))
		return;
	exchange(g);
	add_held(g);
	(void)take(g, q, 0, true);
	exchange(g);
}

bool
pipeline_group_is_full(const struct pipeline_group *g)
{
	return g->ahead.count > 0 || g->held != NULL;
}

enum lt_queue_end
pipeline_group_more(struct pipeline_group *g, struct lt_queue *q, int timeout_ms)
{
	return take(g, q, timeout_ms, false);
}

struct change_txn **
pipeline_group_take(struct pipeline_group *g)
{
	struct change_txn **txns = g->txns;

	g->txns = NULL;
	g->count = g->cap = g->rows = g->bytes = 0;
	return txns;
}

void
pipeline_group_leave(struct pipeline_group *g, const struct change_txn *t)
{
	for (size_t i = 0; i < g->count; i++) {
		if (g->txns[i] == t)
			g->txns[i] = NULL;
	}
}

void
pipeline_group_learn(struct pipeline_group *g, size_t rows, uint64_t took_us, unsigned rounds)
{
	uint64_t waited_us = LT_MIN(rounds * g->round_us, took_us - took_us / 16); /* both are known roughly */
	double ms = (double)LT_MAX(took_us - waited_us, 100) / 1000.0;

	if (rows < LEAST_ROWS / 4)
		return; /* says more of the round trip than of the rows */
	g->rows_per_ms += 0.3 * ((double)rows / ms - g->rows_per_ms);
}

void
pipeline_group_note_round(struct pipeline_group *g, uint64_t round_us)
{
	g->round_us = g->last_round_us > 0 ? LT_MIN(g->last_round_us, round_us) : round_us;
	g->last_round_us = round_us;
}
