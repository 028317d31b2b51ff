/* bench/truth KEY=VALUE... - one cell of the fence's measurement, on a server that runs; its figures as one JSON line.
 *
 * socket= user= password= work=present|keys|values lock=select|insert|values-once|values-again|values-null
 * end=none|file|gtid writers= lanes= rows= keys= ms= stall_us= until=. Makes schema `fence` anew. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "truth.h"

#define POLL_US 5000
#define DEADLOCK_OF_SNAPSHOT 1020 /* MariaDB: the row was changed behind the snapshot (innodb_snapshot_isolation) */

static struct truth truth = {
	.options = { .addr = { .ssl_mode = MY_SSL_DISABLED, .user = "root" },
	    .end = TRUTH_END_FILE,
	    .writers = 4,
	    .lanes = 8,
	    .rows = 4,
	    .keys = 60,
	    .ms = 2000 },
};

_Noreturn void
truth_die(const char *what, const struct lt_err *err)
{
	fprintf(stderr, "truth: %s: %s\n", what, err->message);
	_exit(1);
}

bool
truth_is_conflict(const struct lt_err *err)
{
	return lt_err_kind(err) == LT_KIND_CONFLICT || err->server_errno == DEADLOCK_OF_SNAPSHOT;
}

struct my_conn *
truth_connect(const struct truth *t)
{
	struct lt_err err = { 0 };
	struct my_conn *c;

	if (!my_connect(&t->options.addr, &c, &err) ||
	    !my_exec(c, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", NULL, &err) ||
	    !my_exec(c, "SET autocommit = 0, innodb_lock_wait_timeout = 1", NULL, &err) ||
	    !my_exec(c, "CREATE DATABASE IF NOT EXISTS fence", NULL, &err) || !my_exec(c, "USE fence", NULL, &err))
		truth_die("connect", &err);
	return c;
}

uint64_t
truth_number(const struct my_rows *rows, size_t row, size_t column)
{
	uint64_t n = 0;

	LT_ASSERT(my_rows_at(rows, row, column).ptr == NULL || lt_str_u64(my_rows_at(rows, row, column), &n));
	return n;
}

/* -- the command line ------------------------------------------------------------------------------ */

/** Each list in the order of its enum. */
static const char *const works[] = { "present", "keys", "values", NULL };
static const char *const locks[] = { "select", "insert", "values-once", "values-again", "values-null", NULL };
static const char *const ends[] = { "none", "file", "gtid", NULL };

static bool
take_word(const char *value, const char *const *words, unsigned *out)
{
	for (unsigned i = 0; words[i] != NULL; i++) {
		if (strcmp(value, words[i]) != 0)
			continue;
		*out = i;
		return true;
	}
	return false;
}

static bool
take_key(const char *key, size_t len, const char *value)
{
	struct truth_options *o = &truth.options;
	const struct {
		const char *key;
		const char **text;
		uint64_t *number;
		uint64_t least, most;
	} keys[] = {
		{ .key = "socket", .text = &o->addr.socket },
		{ .key = "user", .text = &o->addr.user },
		{ .key = "password", .text = &o->addr.password },
		{ .key = "writers", .number = &o->writers, .most = 64 },
		{ .key = "lanes", .number = &o->lanes, .least = 1, .most = TRUTH_LANES_MAX },
		{ .key = "rows", .number = &o->rows, .least = 1, .most = 24 },
		{ .key = "keys", .number = &o->keys, .least = 8, .most = TRUTH_KEYS_MAX - 2 },
		{ .key = "ms", .number = &o->ms, .most = UINT64_MAX },
		{ .key = "stall_us", .number = &o->stall_us, .most = 1000000 },
		{ .key = "until", .number = &o->until, .most = UINT64_MAX },
	};
	unsigned word;
	uint64_t n;

	for (size_t i = 0; i < LT_COUNT(keys); i++) {
		if (strlen(keys[i].key) != len || strncmp(key, keys[i].key, len) != 0)
			continue;
		if (keys[i].text != NULL) {
			*keys[i].text = value;
			return true;
		}
		if (!lt_str_u64(lt_str_z(value), &n) || n < keys[i].least || n > keys[i].most)
			return false;
		*keys[i].number = n;
		return true;
	}
	if (len == 4 && strncmp(key, "work", len) == 0 && take_word(value, works, &word))
		o->work = (enum truth_work)word;
	else if (len == 4 && strncmp(key, "lock", len) == 0 && take_word(value, locks, &word))
		o->lock = (enum truth_lock)word;
	else if (len == 3 && strncmp(key, "end", len) == 0 && take_word(value, ends, &word))
		o->end = (enum truth_end)word;
	else
		return false;
	return true;
}

/* -- the tables ------------------------------------------------------------------------------------ */

static void
make_tables(void)
{
	static const char *const statements[] = { "DROP TABLE IF EXISTS item, lane",
		"CREATE TABLE item (id INT PRIMARY KEY, u INT, seq BIGINT NOT NULL, UNIQUE KEY (u)) ENGINE = InnoDB",
		"CREATE TABLE lane (id INT PRIMARY KEY, n BIGINT NOT NULL) ENGINE = InnoDB" };
	struct my_conn *c = truth_connect(&truth);
	struct lt_err err = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < LT_COUNT(statements); i++)
		ok = my_exec(c, statements[i], NULL, &err);
	for (uint64_t id = 1; ok && id <= truth.options.lanes; id++)
		ok = my_execf(c, &err, "INSERT INTO lane VALUES (%llu, 0)", (unsigned long long)id);
	/* All keys and two more for writers who count on from one; else half of them. */
	for (uint64_t id = 1; ok && id <= truth.options.keys + 2; id++) {
		unsigned long long n = id, seq = truth_seq(&truth);

		if (truth.options.work == TRUTH_PRESENT)
			ok = my_execf(c, &err, "INSERT INTO item VALUES (%llu, NULL, %llu)", n, seq);
		else if (id % 2 == 0 && id <= truth.options.keys)
			ok = my_execf(c, &err, "INSERT INTO item VALUES (%llu, IF(%d, %llu, NULL), %llu)", n,
			    truth.options.work == TRUTH_VALUES, n, seq);
	}
	if (!ok || !my_exec(c, "COMMIT", NULL, &err))
		truth_die("tables", &err);
	my_close(c);
}

/* -- the run --------------------------------------------------------------------------------------- */

static uint64_t
percentile_us(const _Atomic uint32_t *buckets, uint64_t percent)
{
	uint64_t all = 0, sum = 0;

	for (size_t i = 0; i < TRUTH_BUCKETS; i++)
		all += buckets[i];
	for (size_t i = 0; i < TRUTH_BUCKETS; i++) {
		sum += buckets[i];
		if (sum * 100 >= all * percent)
			return i * TRUTH_BUCKET_US;
	}
	return 0;
}

static void
print(double seconds)
{
	const struct truth_counts *c = &truth.counts;
	const struct {
		const char *name;
		uint64_t n;
	} all[] = { { "checked", c->checked }, { "wrong", c->wrong }, { "wrong_after", c->wrong_after },
		{ "wrong_within", c->wrong_within }, { "wrong_for_ever", c->wrong_for_ever },
		{ "between_keys", c->between_keys }, { "between_values", c->between_values },
		{ "between_after", c->between_after }, { "between_within", c->between_within },
		{ "slipped", c->slipped }, { "late", c->late }, { "lane_commits", c->lane_commits },
		{ "lane_rollbacks", c->lane_rollbacks }, { "writer_commits", c->writer_commits },
		{ "writer_rollbacks", c->writer_rollbacks }, { "read", c->read }, { "rotations", c->rotations },
		{ "fence_p50_us", percentile_us(c->waits, 50) }, { "fence_p99_us", percentile_us(c->waits, 99) },
		{ "ask_p50_us", percentile_us(c->asks, 50) }, { "ask_p99_us", percentile_us(c->asks, 99) } };

	printf("{");
	for (size_t i = 0; i < LT_COUNT(all); i++)
		printf("\"%s\":%llu,", all[i].name, (unsigned long long)all[i].n);
	printf("\"seconds\":%.2f}\n", seconds);
}

static uint64_t
seen_wrong(void)
{
	const struct truth_counts *c = &truth.counts;

	return c->wrong + c->between_keys + c->between_values + c->slipped;
}

static void
run(void)
{
	uint64_t lanes = truth.options.lanes, all = lanes + truth.options.writers;
	struct truth_worker workers[2 * TRUTH_LANES_MAX];
	struct lt_thread *threads[2 * TRUTH_LANES_MAX];
	uint64_t began_us;

	make_tables();
	truth.log = truth_log_open(&truth);
	for (uint64_t i = 0; i < all; i++)
		workers[i] = (struct truth_worker){
			.truth = &truth,
			.conn = truth_connect(&truth),
			.number = i < lanes ? i + 1 : i - lanes,
			.random = 0x9e3779b97f4a7c15 * (i + 1),
		};
	truth_log_start(truth.log);
	began_us = lt_mono_us(lt_clock_real());
	for (uint64_t i = 0; i < all; i++)
		threads[i] =
		    lt_thread_start(i < lanes ? "lane" : "writer", i < lanes ? truth_lane : truth_writer, &workers[i]);
	while (lt_mono_us(lt_clock_real()) - began_us < truth.options.ms * 1000 &&
	       (truth.options.until == 0 || seen_wrong() < truth.options.until))
		usleep(POLL_US);
	truth.stop = true;
	for (uint64_t i = 0; i < all; i++)
		lt_thread_join(threads[i]);
	truth_log_close(truth.log);
	print((double)(lt_mono_us(lt_clock_real()) - began_us) / 1e6);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *is = strchr(argv[i], '=');

		if (is == NULL || !take_key(argv[i], (size_t)(is - argv[i]), is + 1)) {
			fprintf(stderr, "truth: %s: not known, or its value is not possible\n", argv[i]);
			return 2;
		}
	}
	/* Of each pair of key and value two rows may be in the way, each with a value of its own. */
	if (truth.options.rows * 3 > truth.options.keys ||
	    (truth.options.work == TRUTH_VALUES && truth.options.rows > TRUTH_HELD_MAX / 6)) {
		fprintf(stderr, "truth: too many rows\n");
		return 2;
	}
	run();
	return 0;
}
