/* The reader of the server's log: what it knows, how far it is, and whether lanes were right; declared in truth.h.
 *
 * The lanes wait for it on a condition, and look at what it knows under the same lock: this is what is measured, and
 * no queue shows it. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/thread.h"
#include "binlog/source.h"
#include "truth.h"

#define READ_MS 2
#define LATE_MS 5000
#define RESOLVE_MS 1000
#define SERVER_ID 3999999999u
#define STALL_EVERY 20
#define POS_BITS 40
#define COLUMNS_MAX 3

struct claim {
	uint64_t n; /* 0: none */
	uint64_t p;
	struct truth_held held[TRUTH_HELD_MAX];
	size_t count;
};

struct truth_log {
	struct truth *truth;          /* borrowed */
	struct change_source *source; /* owned; its thread's */
	struct lt_thread *thread;     /* owned */
	struct lt_arena *scratch;     /* owned; its thread's */
	const char *ask;              /* the statement that gives P */
	uint64_t random;
	uint64_t file; /* of the newest transaction */

	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t reached; /* the rest under the lock */
	struct truth_known known[TRUTH_THINGS];
	struct claim claims[TRUTH_LANES_MAX + 1];
};

/** Files by their number, then bytes. */
static uint64_t
order(struct lt_str file, uint64_t pos)
{
	size_t dot = file.len;
	uint64_t number = 0;

	while (dot > 0 && file.ptr[dot - 1] != '.')
		dot--;
	LT_ASSERT(lt_str_u64(lt_str_of(file.ptr + dot, file.len - dot), &number));
	LT_ASSERT(pos >> POS_BITS == 0);
	return number << POS_BITS | pos;
}

/** The last number of a set of one server's GTIDs: its newest. */
static uint64_t
newest(struct lt_str set)
{
	size_t at = set.len;
	uint64_t number = 0;

	while (at > 0 && set.ptr[at - 1] >= '0' && set.ptr[at - 1] <= '9')
		at--;
	LT_ASSERT(set.len == 0 || lt_str_u64(lt_str_of(set.ptr + at, set.len - at), &number));
	return number;
}

static bool
by_gtid(const struct truth_log *log)
{
	return log->truth->options.end == TRUTH_END_GTID;
}

/* -- what lanes ask -------------------------------------------------------------------------------- */

static struct timespec
in_ms(int64_t ms)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

bool
truth_log_ask(struct truth_log *log, struct my_conn *c, uint64_t *p, struct lt_err *err)
{
	struct my_rows *rows;

	*p = 0;
	if (log->truth->options.end == TRUTH_END_NONE)
		return true;
	if (!my_query(c, log->ask, &rows, err))
		return false;
	LT_ASSERT(rows->nrows == 1);
	if (by_gtid(log))
		*p = newest(my_rows_at(rows, 0, 0));
	else if (lt_str_u64(my_rows_at(rows, 0, 1), p))
		*p = order(my_rows_at(rows, 0, 0), *p);
	my_rows_free(rows);
	return true;
}

bool
truth_log_wait(struct truth_log *log, uint64_t p)
{
	struct timespec until = in_ms(LATE_MS);
	bool there;

	pthread_mutex_lock(&log->lock);
	while (log->reached < p && pthread_cond_timedwait(&log->moved, &log->lock, &until) != ETIMEDOUT)
		;
	there = log->reached >= p;
	pthread_mutex_unlock(&log->lock);
	return there;
}

struct truth_known
truth_log_look(struct truth_log *log, size_t thing)
{
	struct truth_known known;

	pthread_mutex_lock(&log->lock);
	known = log->known[thing];
	pthread_mutex_unlock(&log->lock);
	return known;
}

bool
truth_log_wait_state(struct truth_log *log, size_t thing, uint64_t state, struct truth_known *out)
{
	struct timespec until = in_ms(RESOLVE_MS);
	bool there;

	pthread_mutex_lock(&log->lock);
	while (log->known[thing].state != state && pthread_cond_timedwait(&log->moved, &log->lock, &until) != ETIMEDOUT)
		;
	*out = log->known[thing];
	there = out->state == state;
	pthread_mutex_unlock(&log->lock);
	return there;
}

void
truth_log_claim(struct truth_log *log, size_t lane, uint64_t n, uint64_t p, const struct truth_held *held, size_t count)
{
	struct claim *c = &log->claims[lane];

	pthread_mutex_lock(&log->lock);
	while (c->n != 0)
		pthread_cond_wait(&log->moved, &log->lock);
	c->n = n;
	c->p = p;
	c->count = count;
	memcpy(c->held, held, count * sizeof(*held));
	pthread_mutex_unlock(&log->lock);
}

void
truth_log_unclaim(struct truth_log *log, size_t lane)
{
	pthread_mutex_lock(&log->lock);
	log->claims[lane].n = 0;
	pthread_mutex_unlock(&log->lock);
}

/* -- reading --------------------------------------------------------------------------------------- */

static uint64_t
number_of(const struct change_value *v)
{
	LT_ASSERT(v->kind == CHANGE_INT || v->kind == CHANGE_UINT || v->kind == CHANGE_NULL);
	return v->kind == CHANGE_NULL ? 0 : v->u64;
}

static void
decode(struct truth_log *log, const struct change_row *row, const struct change_image *image,
    struct change_value values[COLUMNS_MAX])
{
	struct lt_err err = { 0 };

	LT_ASSERT(row->table->ncolumns <= COLUMNS_MAX);
	lt_arena_reset(log->scratch);
	if (!row->table->codec->decode(row->table, image, log->scratch, values, &err))
		truth_die("reader", &err);
}

static void
change(struct truth_log *log, size_t thing, uint64_t state, uint64_t mark)
{
	struct truth_known *k = &log->known[thing];

	*k = (struct truth_known){ state, k->changes + 1, mark };
}

/** The log alone says what was there before: a reader that had it otherwise is broken, and so is the measurement. */
static void
was(const struct truth_log *log, size_t thing, uint64_t state)
{
	LT_ASSERT(log->known[thing].state == state);
}

/** A row of `item` goes or comes. */
static void
take_item(struct truth_log *log, const struct change_row *row, uint64_t mark)
{
	struct change_value v[COLUMNS_MAX];

	if (row->op != CHANGE_INSERT) {
		decode(log, row, &row->before, v);
		was(log, truth_key(number_of(&v[0])), number_of(&v[2]));
		change(log, truth_key(number_of(&v[0])), 0, mark);
		if (v[1].kind != CHANGE_NULL) {
			was(log, truth_value(number_of(&v[1])), number_of(&v[0]));
			change(log, truth_value(number_of(&v[1])), 0, mark);
		}
	}
	if (row->op != CHANGE_DELETE) {
		decode(log, row, &row->after, v);
		was(log, truth_key(number_of(&v[0])), 0);
		change(log, truth_key(number_of(&v[0])), number_of(&v[2]), mark);
		if (v[1].kind != CHANGE_NULL) {
			was(log, truth_value(number_of(&v[1])), 0);
			change(log, truth_value(number_of(&v[1])), number_of(&v[0]), mark);
		}
	}
}

/** A lane's own transaction has come: was what it knew all that stands before it in the log? */
static void
settle(struct truth_log *log, const struct change_row *row)
{
	struct truth_counts *counts = &log->truth->counts;
	struct change_value v[COLUMNS_MAX];
	struct claim *c;

	decode(log, row, &row->after, v);
	LT_ASSERT(number_of(&v[0]) <= TRUTH_LANES_MAX);
	c = &log->claims[number_of(&v[0])];
	LT_ASSERT(c->n == number_of(&v[1]));
	for (size_t i = 0; i < c->count; i++) {
		const struct truth_known *k = &log->known[c->held[i].thing];

		if (k->changes == c->held[i].changes)
			continue;
		*(c->held[i].thing <= TRUTH_KEYS_MAX ? &counts->between_keys : &counts->between_values) += 1;
		if (log->truth->options.end != TRUTH_END_NONE)
			*(k->mark > c->p ? &counts->between_after : &counts->between_within) += 1;
	}
	c->n = 0;
}

static void
take(struct truth_log *log, const struct change_txn *t)
{
	uint64_t place = order(lt_str_z(t->end.file), t->end.pos);
	uint64_t mark = !by_gtid(log) ? place : t->gtid.seq != 0 ? t->gtid.seq : log->reached;

	if (log->file != 0 && place >> POS_BITS != log->file)
		log->truth->counts.rotations++;
	log->file = place >> POS_BITS;
	pthread_mutex_lock(&log->lock);
	for (size_t i = 0; i < t->nrows; i++)
		if (lt_str_eqz(t->rows[i].table->name, "lane"))
			settle(log, &t->rows[i]);
	for (size_t i = 0; i < t->nrows; i++)
		if (lt_str_eqz(t->rows[i].table->name, "item"))
			take_item(log, &t->rows[i], mark);
	log->reached = LT_MAX(log->reached, mark);
	pthread_cond_broadcast(&log->moved);
	pthread_mutex_unlock(&log->lock);
	log->truth->counts.read++;
}

/** Nothing is at hand: what was read so far may have been no transaction (the start of a file). */
static void
publish_place(struct truth_log *log)
{
	struct change_place at;

	if (by_gtid(log))
		return;
	binlog_source_place(log->source, &at);
	pthread_mutex_lock(&log->lock);
	log->reached = LT_MAX(log->reached, order(lt_str_z(at.file), at.pos));
	pthread_cond_broadcast(&log->moved);
	pthread_mutex_unlock(&log->lock);
}

static void
read_on(void *arg)
{
	struct truth_log *log = arg;
	uint64_t stall_us = log->truth->options.stall_us;

	for (;;) {
		struct lt_err err = { 0 };
		struct change_txn *t;

		if (!change_source_next(log->source, READ_MS, &t, &err)) {
			if (err.code == LT_E_CANCELLED)
				return;
			truth_die("reader", &err);
		}
		if (t == NULL) {
			publish_place(log);
			continue;
		}
		take(log, t);
		change_txn_free(t);
		if (stall_us != 0 && truth_random(&log->random, STALL_EVERY) == 1)
			usleep((useconds_t)truth_random(&log->random, stall_us));
	}
}

/* -- beginning and end ----------------------------------------------------------------------------- */

static void
learn(struct truth_log *log, struct my_conn *c)
{
	struct lt_err err = { 0 };
	struct my_rows *rows;

	if (!my_query(c, "SELECT id, u, seq FROM item", &rows, &err))
		truth_die("the table", &err);
	for (size_t i = 0; i < rows->nrows; i++) {
		uint64_t id = truth_number(rows, i, 0), u = truth_number(rows, i, 1);

		change(log, truth_key(id), truth_number(rows, i, 2), 0);
		if (u != 0)
			change(log, truth_value(u), id, 0);
	}
	my_rows_free(rows);
}

static const char *
ask_of(const struct truth_log *log, const struct my_server *server)
{
	bool mysql = server->flavor == MY_MYSQL;

	if (by_gtid(log))
		return mysql ? "SELECT @@global.gtid_executed" : "SELECT @@global.gtid_binlog_pos";
	return mysql && server->version >= 80200 ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

struct truth_log *
truth_log_open(struct truth *t)
{
	struct binlog_options options = { .server_id = SERVER_ID, .uuid = { 0xfe, 0xce }, .clock = lt_clock_real() };
	struct truth_log *log = lt_new(struct truth_log);
	struct my_conn *c = truth_connect(t);
	struct binlog_server server;
	struct lt_buf gtids = { 0 };
	struct lt_err err = { 0 };

	log->truth = t;
	log->random = 7;
	log->scratch = lt_arena_new();
	pthread_mutex_init(&log->lock, NULL);
	pthread_cond_init(&log->moved, NULL);
	log->ask = ask_of(log, my_conn_server(c));
	learn(log, c);
	if (!binlog_server_read(c, &server, &err) ||
	    !binlog_source_open(&t->options.addr, &server.end, &options, &log->source, &err))
		truth_die("reader", &err);
	change_gtid_set_text(server.end.gtids, &gtids);
	log->reached =
	    by_gtid(log) ? newest(lt_buf_str(&gtids)) : order(lt_str_z(server.end.place.file), server.end.place.pos);
	lt_buf_free(&gtids);
	change_position_clear(&server.end);
	my_close(c);
	return log;
}

void
truth_log_start(struct truth_log *log)
{
	log->thread = lt_thread_start("reader", read_on, log);
}

void
truth_log_close(struct truth_log *log)
{
	change_source_cancel(log->source);
	lt_thread_join(log->thread);
	change_source_close(log->source);
	lt_arena_free(log->scratch);
	pthread_cond_destroy(&log->moved);
	pthread_mutex_destroy(&log->lock);
	free(log);
}
