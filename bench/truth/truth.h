/* bench/truth/truth.h - is the fence true? Lanes lock rows, keys or values, take the end P of the server's log, wait
 * until a reader of that log has passed P, and compare what they locked with what the reader knows by then, while other
 * sessions write to the same ones.
 *
 * A thing is a primary key or a value of the unique column. Its state is one number, 0 for "not there": of a key the
 * `seq` of its row, which no two writes share; of a value the key of the row that has it. */
#ifndef TRUTH_H
#define TRUTH_H

#include <stdatomic.h>

#include "base/err.h"
#include "mysql/conn.h"

#define TRUTH_KEYS_MAX 4096
#define TRUTH_THINGS (2 * (TRUTH_KEYS_MAX + 1))
#define TRUTH_LANES_MAX 64
#define TRUTH_HELD_MAX 64

/** What the writers do. */
enum truth_work { TRUTH_PRESENT, TRUTH_KEYS, TRUTH_VALUES };

/** How a lane locks. */
enum truth_lock {
	TRUTH_SELECT,       /* SELECT ... FOR UPDATE by key: what it does not find is taken to be locked too */
	TRUTH_INSERT,       /* R17: insert; where the key is taken, SELECT ... FOR UPDATE */
	TRUTH_VALUES_ONCE,  /* insert key and value; at a clash SELECT ... FOR UPDATE of what is in the way, and no more
			     */
	TRUTH_VALUES_AGAIN, /* the same, then take out what is in the way, and insert until it stands */
	TRUTH_VALUES_NULL,  /* insert the key without a value, then give it the value */
};

/** What P is. */
enum truth_end { TRUTH_END_NONE, TRUTH_END_FILE, TRUTH_END_GTID };

struct truth_options {
	struct my_addr addr;
	enum truth_work work;
	enum truth_lock lock;
	enum truth_end end;
	uint64_t writers, lanes, rows, keys, ms, stall_us;
	uint64_t until; /* ends as soon as so many are wrong; 0: by time only */
};

#define TRUTH_BUCKETS 100000
#define TRUTH_BUCKET_US 10

/** Any thread adds. Of a thing that is wrong: its newest transaction ended behind P, or within it. */
struct truth_counts {
	_Atomic uint64_t checked;
	_Atomic uint64_t wrong, wrong_after, wrong_within, wrong_for_ever; /* not what was locked */
	_Atomic uint64_t between_keys, between_values; /* changed in the log between what was known and the lane's own
							* transaction */
	_Atomic uint64_t between_after, between_within;
	_Atomic uint64_t slipped; /* what was locked could not be put back: somebody has taken its place */
	_Atomic uint64_t late;    /* P was not reached in time */
	_Atomic uint64_t lane_commits, lane_rollbacks, writer_commits, writer_rollbacks, read, rotations;
	_Atomic uint32_t waits[TRUTH_BUCKETS], asks[TRUTH_BUCKETS];
};

/** What all threads share. */
struct truth {
	struct truth_options options;
	struct truth_counts counts;
	struct truth_log *log; /* owned */
	_Atomic uint64_t seq;  /* the newest one given out */
	_Atomic bool stop;
};

static inline size_t
truth_key(uint64_t id)
{
	LT_ASSERT(id > 0 && id <= TRUTH_KEYS_MAX);
	return id;
}

static inline size_t
truth_value(uint64_t u)
{
	LT_ASSERT(u > 0 && u <= TRUTH_KEYS_MAX);
	return TRUTH_KEYS_MAX + 1 + u;
}

static inline uint64_t
truth_seq(struct truth *t)
{
	return atomic_fetch_add(&t->seq, 1) + 1;
}

/** 1 to `limit`; xorshift64*. `*random` is never 0. */
static inline uint64_t
truth_random(uint64_t *random, uint64_t limit)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return ((*random * 0x2545f4914f6cdd1d) >> 33) % limit + 1;
}

/** A session as an applier has it (R3), schema `fence`; ends the program where it cannot be had. */
struct my_conn *truth_connect(const struct truth *t);
/** A column of a reply; NULL is 0. */
uint64_t truth_number(const struct my_rows *rows, size_t row, size_t column);
/** What another session is in the way of: the transaction is to be rolled back and begun again. */
bool truth_is_conflict(const struct lt_err *err);
/** Prints the error and ends the program: a measurement that lacks a part is none. */
_Noreturn void truth_die(const char *what, const struct lt_err *err);

/* -- log.c: the reader, and what it knows ---------------------------------------------------------- */

/** A thing as the reader knows it. */
struct truth_known {
	uint64_t state;
	uint64_t changes; /* how often it was changed in the log */
	uint64_t mark;    /* the end of the newest transaction that did */
};

struct truth_held {
	size_t thing;
	uint64_t state;   /* as locked */
	uint64_t changes; /* as known when it was compared */
};

/** Knows what the tables hold now, when nobody writes, and where the log ends. */
struct truth_log *truth_log_open(struct truth *t);
void truth_log_start(struct truth_log *log);
/** Stops reading, joins, frees. */
void truth_log_close(struct truth_log *log);
/** Asks the server for P. False: `err`. */
LT_MUST_USE bool truth_log_ask(struct truth_log *log, struct my_conn *c, uint64_t *p, struct lt_err *err);
/** Until the reader has passed P; false when that takes too long. */
bool truth_log_wait(struct truth_log *log, uint64_t p);
struct truth_known truth_log_look(struct truth_log *log, size_t thing);
/** Until `thing` is known as `state`: false at the time limit. */
bool truth_log_wait_state(struct truth_log *log, size_t thing, uint64_t state, struct truth_known *out);
/** A lane is about to commit its transaction `n` on the strength of `held`: when that transaction comes in the log
 * nothing else may have changed them. Waits for the claim before it to be settled. */
void truth_log_claim(
    struct truth_log *log, size_t lane, uint64_t n, uint64_t p, const struct truth_held *held, size_t count);
/** It was not committed. */
void truth_log_unclaim(struct truth_log *log, size_t lane);

/* -- lock.c ---------------------------------------------------------------------------------------- */

struct truth_row {
	uint64_t id, u, seq; /* u: 0 is NULL */
};

/** What one transaction of a lane has locked, and how it stands in the table by now. */
struct truth_hold {
	struct truth_held held[TRUTH_HELD_MAX];
	size_t nheld;
	uint64_t inserted[TRUTH_HELD_MAX]; /* keys of images that lock only */
	size_t ninserted;
	struct truth_row removed[TRUTH_HELD_MAX]; /* rows that were in the way */
	size_t nremoved;
	struct truth_row moved[TRUTH_HELD_MAX]; /* rows, as they were, that got another value */
	size_t nmoved;
	uint64_t found[TRUTH_HELD_MAX]; /* keys of rows that stand as they were */
	size_t nfound;
};

/** Locks what `random` says. False: `err`; a conflict wants a rollback. */
LT_MUST_USE bool truth_lock(
    struct truth *t, struct my_conn *c, uint64_t *random, struct truth_hold *hold, struct lt_err *err);
/** Writes as a decision would: the images stay, or all is put back. */
LT_MUST_USE bool truth_decide(
    struct truth *t, struct my_conn *c, uint64_t *random, const struct truth_hold *hold, struct lt_err *err);

/* -- threads --------------------------------------------------------------------------------------- */

struct truth_worker {
	struct truth *truth;  /* borrowed */
	struct my_conn *conn; /* owned by the thread */
	size_t number;
	uint64_t random;
};

void truth_lane(void *worker);
void truth_writer(void *worker);

#endif
