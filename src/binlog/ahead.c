#include "binlog/ahead.h"

#include "base/queue.h"
#include "base/thread.h"
#include "binlog/source.h"

/* Transactions go over in lots: each costs a lock and perhaps a wake. What lies between the threads fits into the
 * caches of the processors, and in any case into little memory. */
#define LOT_TXNS 64
#define LOT_BYTES ((size_t)512 << 10)
#define AHEAD_BYTES ((size_t)3 << 20)

struct lot {
	struct change_txn *txns[LOT_TXNS]; /* owned */
	size_t n, taken, bytes;
	struct binlog_ahead_look look; /* behind the last of them */
	bool looked;                   /* nothing came in time behind them */
	struct lt_err *err;            /* owned; why nothing more comes, or NULL */
};

struct binlog_ahead {
	struct change_source *source; /* borrowed; the thread's */
	int look_ms;
	struct lt_queue *lots;    /* owned */
	struct lt_thread *thread; /* owned */
	struct lot *lot;          /* owned: in hand, or NULL */
};

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

	while (l->n < LOT_TXNS && l->bytes < LOT_BYTES && !l->looked) {
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
	}
	binlog_source_place(a->source, &l->look.place);
	l->look.ended = binlog_source_ended(a->source);
	if (!good) {
		l->err = lt_new(struct lt_err);
		*l->err = err;
	}
	return good && !l->look.ended;
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

struct binlog_ahead *
binlog_ahead_start(struct change_source *s, int look_ms)
{
	struct binlog_ahead *a = lt_new(struct binlog_ahead);

	a->source = s;
	a->look_ms = look_ms;
	a->lots = lt_queue_new(AHEAD_BYTES);
	a->thread = lt_thread_start("read-ahead", read_on, a);
	return a;
}

void
binlog_ahead_stop(struct binlog_ahead *a)
{
	if (a == NULL)
		return;
	change_source_cancel(a->source);
	lt_queue_close(a->lots);
	lt_thread_join(a->thread);
	lt_queue_free(a->lots, drop_lot);
	drop_lot(a->lot);
	free(a);
}

bool
binlog_ahead_next(struct binlog_ahead *a, struct change_txn **ret, struct binlog_ahead_look *look, struct lt_err *err)
{
	for (;;) {
		struct lot *l = a->lot;
		void *item;

		if (l != NULL && l->taken < l->n) {
			*ret = l->txns[l->taken++];
			*look = l->look;
			return true;
		}
		if (l != NULL && l->err != NULL) {
			if (err != NULL)
				*err = *l->err;
			return false;
		}
		if (l != NULL && (l->looked || l->look.ended)) {
			*ret = NULL;
			*look = l->look;
			l->looked = false; /* told once; of the end again and again */
			return true;
		}
		drop_lot(l);
		a->lot = NULL;
		if (lt_queue_pop(a->lots, &item, -1) != LT_QUEUE_DONE)
			return lt_fail(err, LT_E_INTERNAL, "the log's reader has gone");
		a->lot = item;
	}
}
