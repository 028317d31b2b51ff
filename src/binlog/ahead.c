#include "binlog/ahead.h"

#include "base/queue.h"
#include "base/thread.h"
#include "binlog/source.h"

/* Transactions go over in lots: each costs a lock and perhaps a wake. What lies between the threads fits into the
 * caches of the processors, and in any case into little memory. */
#define LOT_TXNS 64
#define LOT_BYTES ((size_t)512 << 10)
#define AHEAD_BYTES ((size_t)3 << 20)

/* The way that proved better is gone on with so many times as long, each time that the other one is tried. */
#define LONGER 8
#define STINT_MAX (UINT64_C(1) << 30)
/* What the second thread must bring at least: a sixteenth. */
#define WORTH 16

struct lot {
	struct change_txn *txns[LOT_TXNS]; /* owned */
	size_t n, taken, bytes;
	struct binlog_ahead_look look; /* behind the last of them */
	bool looked;                   /* nothing came in time behind them */
	bool last;                     /* of this thread */
	struct lt_err *err;            /* owned; why nothing more comes, or NULL */
};

struct binlog_ahead {
	struct change_source *source; /* borrowed; the thread's while there is one */
	const struct lt_clock *clock; /* borrowed */
	int look_ms;
	uint64_t trial, length; /* bytes: for which the other way is tried; for which the better one is gone on with */
	bool better;            /* by a thread of its own */
	uint64_t rates[2];      /* bytes a second: without it, with it */

	/* The stint in hand. */
	uint64_t began_us, began, until;
	bool waited;              /* what there was to read had been read */
	struct lt_queue *lots;    /* owned */
	struct lt_thread *thread; /* owned; NULL: who asks reads */
	struct lot *lot;          /* owned: in hand, or NULL */
};

static bool
is_over(const struct binlog_ahead *a)
{
	return a->trial > 0 && binlog_source_bytes(a->source) >= a->until;
}

static void
drop_lot(void *item)
{
	struct lot *l = item;

	if (l == NULL)
		return;
	for (size_t i = l->taken; i < l->n; i++)
		change_txn_free(l->txns[i]);
	free(l->err);
	free(l);
}

/** Fill a lot: it waits for its first transaction only. False: nothing more comes behind it. */
static bool
fill_lot(struct binlog_ahead *a, struct lot *l)
{
	struct lt_err err = { 0 };
	bool good = true;

	while (l->n < LOT_TXNS && l->bytes < LOT_BYTES && !l->looked && !l->last) {
		struct change_txn *t;

		good = change_source_next(a->source, l->n > 0 ? 0 : a->look_ms, &t, &err);
		if (!good)
			break;
		l->looked = t == NULL;
		if (t != NULL) {
			/* Disk is no place to run ahead into: one that lies there fills the queue. */
			l->bytes += change_txn_bytes(t) + (t->spill != NULL ? AHEAD_BYTES : 0);
			l->txns[l->n++] = t;
		}
		l->last = is_over(a);
	}
	binlog_source_place(a->source, &l->look.place);
	l->look.ended = binlog_source_ended(a->source);
	if (!good) {
		l->err = lt_new(struct lt_err);
		*l->err = err;
	}
	return good && !l->look.ended && !l->last;
}

static void
read_on(void *arg)
{
	struct binlog_ahead *a = arg;
	bool more = true;

	while (more) {
		struct lot *l = lt_new(struct lot);

		more = fill_lot(a, l);
		if (lt_queue_push(a->lots, l, l->bytes, -1) != LT_QUEUE_DONE) {
			drop_lot(l);
			return;
		}
	}
}

/* -- one thread or two ---------------------------------------------------------------------------- */

static void
begin_stint(struct binlog_ahead *a, bool apart)
{
	a->waited = false;
	a->began_us = lt_mono_us(a->clock);
	a->began = binlog_source_bytes(a->source);
	a->until = a->began + (apart == a->better ? a->length : a->trial);
	if (apart)
		a->thread = lt_thread_start("read-ahead", read_on, a);
}

/** A stint is over. What is better is found out by trying: it depends on how many processors are free, and on who else
 * wants them. Where it is the log that is waited for, a second thread brings nothing. */
static void
change_over(struct binlog_ahead *a)
{
	bool apart = a->thread != NULL, better;
	uint64_t took_us;

	lt_thread_join(a->thread);
	a->thread = NULL;
	took_us = lt_mono_us(a->clock) - a->began_us;
	a->rates[apart] = (binlog_source_bytes(a->source) - a->began) * 1000000 / LT_MAX(took_us, 1);
	if (apart == a->better) {
		begin_stint(a, a->waited ? apart : !apart);
		return;
	}
	better = a->rates[true] > a->rates[false] + a->rates[false] / WORTH;
	a->length = better == a->better ? LT_MIN(a->length * LONGER, STINT_MAX) : a->trial;
	a->better = better;
	begin_stint(a, better);
}

struct binlog_ahead *
binlog_ahead_start(struct change_source *s, int look_ms, uint64_t trial, const struct lt_clock *clock)
{
	struct binlog_ahead *a = lt_new(struct binlog_ahead);

	a->source = s;
	a->clock = clock;
	a->look_ms = look_ms;
	a->trial = a->length = trial;
	a->lots = lt_queue_new(AHEAD_BYTES);
	begin_stint(a, false);
	return a;
}

void
binlog_ahead_stop(struct binlog_ahead *a)
{
	if (a == NULL)
		return;
	if (a->thread != NULL)
		change_source_cancel(a->source);
	lt_queue_close(a->lots);
	lt_thread_join(a->thread);
	lt_queue_free(a->lots, drop_lot);
	drop_lot(a->lot);
	free(a);
}

/* -- transactions --------------------------------------------------------------------------------- */

static bool
read_here(struct binlog_ahead *a, struct change_txn **ret, struct binlog_ahead_look *look, struct lt_err *err)
{
	if (!change_source_next(a->source, 0, ret, err))
		return false;
	if (*ret == NULL && !binlog_source_ended(a->source)) {
		a->waited = true;
		if (!change_source_next(a->source, a->look_ms, ret, err))
			return false;
	}
	if (*ret == NULL) {
		binlog_source_place(a->source, &look->place);
		look->ended = binlog_source_ended(a->source);
	}
	return true;
}

/** What the thread has read and is in hand; false: all of that was given. */
static bool
from_lot(struct lot *l, struct change_txn **ret, struct binlog_ahead_look *look)
{
	*ret = NULL;
	if (l->taken < l->n) {
		*ret = l->txns[l->taken++];
		return true;
	}
	if (l->err != NULL || (!l->looked && !l->look.ended))
		return false;
	*look = l->look;
	l->looked = false; /* told once; of the end again and again */
	return true;
}

bool
binlog_ahead_next(struct binlog_ahead *a, struct change_txn **ret, struct binlog_ahead_look *look, struct lt_err *err)
{
	for (;;) {
		void *item;

		if (a->lot != NULL && from_lot(a->lot, ret, look))
			return true;
		if (a->lot != NULL && a->lot->err != NULL) {
			if (err != NULL)
				*err = *a->lot->err;
			return false;
		}
		if (a->lot != NULL ? a->lot->last : a->thread == NULL && is_over(a)) {
			drop_lot(a->lot);
			a->lot = NULL;
			change_over(a);
		}
		if (a->thread == NULL)
			return read_here(a, ret, look, err);
		drop_lot(a->lot);
		a->lot = NULL;
		if (lt_queue_pop(a->lots, &item, -1) != LT_QUEUE_DONE)
			return lt_fail(err, LT_E_INTERNAL, "the log's reader has gone");
		a->lot = item;
	}
}
