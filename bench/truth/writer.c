/* Sessions that write as users do; declared in truth.h. A statement that meets another's row or lock is part of that:
 * its transaction is rolled back. */
#include "truth.h"

/** One transaction; false: a server's error, or (err->code 0) it is not to be committed. */
typedef bool (*work_fn)(struct truth_worker *w, struct lt_err *err);

static unsigned long long
pick(struct truth_worker *w)
{
	return truth_random(&w->random, w->truth->options.keys);
}

static unsigned long long
seq(struct truth_worker *w)
{
	return truth_seq(w->truth);
}

static bool
touch(struct truth_worker *w, struct lt_err *err)
{
	return my_execf(w->conn, err, "UPDATE item SET seq = %llu WHERE id = %llu", seq(w), pick(w));
}

static bool
touch_several(struct truth_worker *w, struct lt_err *err)
{
	return my_execf(w->conn, err, "UPDATE item SET seq = %llu WHERE id IN (%llu, %llu, %llu)", seq(w), pick(w),
	    pick(w), pick(w));
}

static bool
touch_one_by_one(struct truth_worker *w, struct lt_err *err)
{
	unsigned long long first = pick(w);

	for (unsigned long long i = 0; i < 3; i++)
		if (!my_execf(w->conn, err, "UPDATE item SET seq = %llu WHERE id = %llu", seq(w), first + i))
			return false;
	return true;
}

static bool
insert(struct truth_worker *w, struct lt_err *err)
{
	return my_execf(w->conn, err, "INSERT INTO item (id, seq) VALUES (%llu, %llu)", pick(w), seq(w));
}

static bool
insert_value(struct truth_worker *w, struct lt_err *err)
{
	return my_execf(
	    w->conn, err, "INSERT INTO item (id, u, seq) VALUES (%llu, %llu, %llu)", pick(w), pick(w), seq(w));
}

static bool
drop(struct truth_worker *w, struct lt_err *err)
{
	return my_execf(w->conn, err, "DELETE FROM item WHERE id = %llu", pick(w));
}

static bool
drop_and_insert(struct truth_worker *w, struct lt_err *err)
{
	unsigned long long key = pick(w);

	return my_execf(w->conn, err, "DELETE FROM item WHERE id = %llu", key) &&
	       my_execf(w->conn, err, "INSERT INTO item (id, seq) VALUES (%llu, %llu)", key, seq(w));
}

static bool
insert_and_drop(struct truth_worker *w, struct lt_err *err)
{
	unsigned long long key = pick(w);

	return my_execf(w->conn, err, "INSERT INTO item (id, seq) VALUES (%llu, %llu)", key, seq(w)) &&
	       my_execf(w->conn, err, "DELETE FROM item WHERE id = %llu", key);
}

static bool
change_key(struct truth_worker *w, struct lt_err *err)
{
	return my_execf(
	    w->conn, err, "UPDATE item SET id = %llu, seq = %llu WHERE id = %llu", pick(w), seq(w), pick(w));
}

static bool
move_value(struct truth_worker *w, struct lt_err *err)
{
	return my_execf(w->conn, err, "UPDATE item SET u = %llu, seq = %llu WHERE id = %llu", pick(w), seq(w), pick(w));
}

static bool
give_up_value(struct truth_worker *w, struct lt_err *err)
{
	return my_execf(w->conn, err, "UPDATE item SET u = NULL, seq = %llu WHERE id = %llu", seq(w), pick(w));
}

/** Two rows change values: the first gives its up meanwhile. */
static bool
swap_values(struct truth_worker *w, struct lt_err *err)
{
	unsigned long long id[2], u[2];
	struct my_rows *rows;
	bool both;

	if (!my_queryf(w->conn, &rows, err,
		"SELECT id, u FROM item WHERE id IN (%llu, %llu) AND u IS NOT NULL ORDER BY id FOR UPDATE", pick(w),
		pick(w)))
		return false;
	both = rows->nrows == 2;
	for (size_t i = 0; both && i < 2; i++) {
		id[i] = truth_number(rows, i, 0);
		u[i] = truth_number(rows, i, 1);
	}
	my_rows_free(rows);
	if (!both)
		return false;
	return my_execf(w->conn, err, "UPDATE item SET u = NULL, seq = %llu WHERE id = %llu", seq(w), id[0]) &&
	       my_execf(w->conn, err, "UPDATE item SET u = %llu, seq = %llu WHERE id = %llu", u[0], seq(w), id[1]) &&
	       my_execf(w->conn, err, "UPDATE item SET u = %llu, seq = %llu WHERE id = %llu", u[1], seq(w), id[0]);
}

static bool
replace(struct truth_worker *w, struct lt_err *err)
{
	return my_execf(
	    w->conn, err, "REPLACE INTO item (id, u, seq) VALUES (%llu, %llu, %llu)", pick(w), pick(w), seq(w));
}

static bool
upsert(struct truth_worker *w, struct lt_err *err)
{
	unsigned long long value = pick(w), s = seq(w);

	return my_execf(w->conn, err,
	    "INSERT INTO item (id, u, seq) VALUES (%llu, %llu, %llu) ON DUPLICATE KEY UPDATE u = %llu, seq = %llu",
	    pick(w), value, s, value, s);
}

/* -- transactions that do not end as they began ---------------------------------------------------- */

struct works {
	const work_fn *fn;
	size_t count;
};

static const work_fn present[] = { touch, touch_several, touch_one_by_one, drop_and_insert };
static const work_fn keys[] = { insert, insert, drop, drop_and_insert, insert_and_drop, change_key, change_key,
	touch_several };
static const work_fn values[] = { insert_value, insert_value, drop, move_value, move_value, give_up_value, swap_values,
	swap_values, replace, upsert, change_key, drop_and_insert };

static const struct works works[] = {
	[TRUTH_PRESENT] = { present, LT_COUNT(present) },
	[TRUTH_KEYS] = { keys, LT_COUNT(keys) },
	[TRUTH_VALUES] = { values, LT_COUNT(values) },
};

static bool
any(struct truth_worker *w, struct lt_err *err)
{
	const struct works *of = &works[w->truth->options.work];

	return of->fn[truth_random(&w->random, of->count) - 1](w, err);
}

static bool
any_then_savepoint(struct truth_worker *w, struct lt_err *err)
{
	return any(w, err) && my_exec(w->conn, "SAVEPOINT s", NULL, err) && any(w, err) &&
	       my_exec(w->conn, "ROLLBACK TO SAVEPOINT s", NULL, err);
}

static bool
any_then_nothing(struct truth_worker *w, struct lt_err *err)
{
	return any(w, err) && any(w, err) && false;
}

static bool
one(struct truth_worker *w, struct lt_err *err)
{
	switch (truth_random(&w->random, 10)) {
	case 1: return any_then_nothing(w, err);
	case 2: return any_then_savepoint(w, err);
	case 3:
	case 4: return any(w, err) && any(w, err) && any(w, err);
	default: return any(w, err);
	}
}

void
truth_writer(void *arg)
{
	struct truth_worker *w = arg;
	struct lt_err err = { 0 };

	/* Half of them as sessions are by default. */
	if (w->number % 2 == 0 &&
	    !my_exec(w->conn, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", NULL, &err))
		truth_die("writer", &err);
	while (!w->truth->stop) {
		err = (struct lt_err){ 0 };
		if (one(w, &err) && my_exec(w->conn, "COMMIT", NULL, &err)) {
			w->truth->counts.writer_commits++;
			continue;
		}
		if (err.code != LT_OK && !truth_is_conflict(&err))
			truth_die("writer", &err);
		w->truth->counts.writer_rollbacks++;
		err = (struct lt_err){ 0 };
		if (!my_exec(w->conn, "ROLLBACK", NULL, &err))
			truth_die("writer", &err);
	}
	my_close(w->conn);
}
