/* A lane: lock, take P, wait, compare, decide, commit; declared in truth.h. */
#include <stdio.h>

#include "base/clock.h"
#include "truth.h"

static void
count_us(_Atomic uint32_t *buckets, uint64_t us)
{
	atomic_fetch_add(&buckets[LT_MIN(us / TRUTH_BUCKET_US, (uint64_t)TRUTH_BUCKETS - 1)], 1);
}

/** The lane still holds it: when the reader gets there, where was the transaction that it did not know? */
static void
resolve(struct truth *t, const struct truth_held *h, uint64_t p)
{
	struct truth_known known;

	if (!truth_log_wait_state(t->log, h->thing, h->state, &known))
		t->counts.wrong_for_ever++;
	else if (t->options.end != TRUTH_END_NONE)
		*(known.mark > p ? &t->counts.wrong_after : &t->counts.wrong_within) += 1;
}

static void
compare(struct truth *t, struct truth_hold *hold, uint64_t p)
{
	bool wrong[TRUTH_HELD_MAX];

	for (size_t i = 0; i < hold->nheld; i++) {
		struct truth_known known = truth_log_look(t->log, hold->held[i].thing);

		hold->held[i].changes = known.changes;
		wrong[i] = known.state != hold->held[i].state;
	}
	for (size_t i = 0; i < hold->nheld; i++) {
		t->counts.checked++;
		if (!wrong[i])
			continue;
		t->counts.wrong++;
		resolve(t, &hold->held[i], p);
	}
}

static bool
fence(struct truth *t, struct my_conn *c, uint64_t *p, struct lt_err *err)
{
	uint64_t began = lt_mono_us(lt_clock_real());

	if (!truth_log_ask(t->log, c, p, err))
		return false;
	count_us(t->counts.asks, lt_mono_us(lt_clock_real()) - began);
	if (!truth_log_wait(t->log, *p)) {
		t->counts.late++;
		return lt_fail(err, LT_E_TIMEOUT, "the reader has not passed P");
	}
	count_us(t->counts.waits, lt_mono_us(lt_clock_real()) - began);
	return true;
}

/** False: nothing was committed. */
static bool
transaction(struct truth_worker *w, uint64_t n, struct lt_err *err)
{
	struct truth_hold hold = { .nheld = 0 };
	struct truth *t = w->truth;
	uint64_t p;

	if (!my_execf(w->conn, err, "UPDATE lane SET n = %llu WHERE id = %zu", (unsigned long long)n, w->number))
		return false;
	if (!truth_lock(t, w->conn, &w->random, &hold, err) || !fence(t, w->conn, &p, err))
		return false;
	compare(t, &hold, p);
	truth_log_claim(t->log, w->number, n, p, hold.held, hold.nheld);
	if (truth_decide(t, w->conn, &w->random, &hold, err) && my_exec(w->conn, "COMMIT", NULL, err))
		return true;
	truth_log_unclaim(t->log, w->number);
	return false;
}

void
truth_lane(void *arg)
{
	struct truth_worker *w = arg;
	uint64_t n = 1;

	while (!w->truth->stop) {
		struct lt_err err = { 0 };

		if (transaction(w, n, &err)) {
			w->truth->counts.lane_commits++;
			n++;
			continue;
		}
		if (!truth_is_conflict(&err) && err.code != LT_E_TIMEOUT)
			truth_die("lane", &err);
		w->truth->counts.lane_rollbacks++;
		err = (struct lt_err){ 0 };
		if (!my_exec(w->conn, "ROLLBACK", NULL, &err))
			truth_die("lane", &err);
	}
	my_close(w->conn);
}
