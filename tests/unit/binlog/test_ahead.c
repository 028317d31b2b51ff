/* Which of the two ways a log is read in, and that nothing else depends on it. How long a row takes to be read is
 * played here: the clock goes on with each, by the thread that it is read by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "binlog/ahead.h"
#include "binlog/source.h"
#include "events.h"

#define TXNS 3000
#define TRIAL 4096

static struct {
	pthread_t asks;
	unsigned here_us, apart_us; /* what a row takes */
	_Atomic uint64_t now_us, here, apart;
} played;

static uint64_t
read_mono(void *ctx)
{
	(void)ctx;
	return atomic_load(&played.now_us);
}

static const struct lt_clock test_clock = { NULL, read_mono, NULL };

static bool
wanted(void *ctx, struct lt_str schema, struct lt_str table)
{
	(void)ctx;
	(void)schema;
	(void)table;
	return true;
}

static bool
no_ddl(void *ctx, struct lt_str schema, struct lt_str sql, uint64_t sql_mode, struct lt_err *err)
{
	(void)ctx;
	(void)schema;
	(void)sql;
	(void)sql_mode;
	(void)err;
	return false;
}

/* Called by the thread that reads. */
static bool
row_read(void *ctx, struct change_txn *t, size_t first, struct lt_err *err)
{
	bool here = pthread_equal(pthread_self(), played.asks) != 0;

	(void)ctx;
	(void)t;
	(void)first;
	(void)err;
	atomic_fetch_add(here ? &played.here : &played.apart, 1);
	atomic_fetch_add(&played.now_us, here ? played.here_us : played.apart_us);
	return true;
}

static void
put_txn(struct lt_buf *b)
{
	struct lt_buf body = { 0 };

	query_body(&body, LT_STR(""), "s", "BEGIN");
	put_event(b, BINLOG_QUERY, 0, b->len, lt_buf_str(&body));
	lt_buf_clear(&body);
	lt_buf_add(&body, "\7\0\0\0\0\0\1\0\1s\0\1t\0\1\3\0\0", 18); /* s.t: one INT */
	put_event(b, BINLOG_TABLE_MAP, 0, b->len, lt_buf_str(&body));
	lt_buf_clear(&body);
	lt_buf_add(&body, "\7\0\0\0\0\0\1\0\2\0\1\xff\xfe\1\0\0\0", 17);
	put_event(b, BINLOG_WRITE_ROWS, 0, b->len, lt_buf_str(&body));
	put_event(b, BINLOG_XID, 0, b->len, LT_STR("12345678"));
	lt_buf_free(&body);
}

/** A source of TXNS transactions of a row each; with `cut` the last one is not whole. */
static struct change_source *
open_log(bool cut)
{
	const struct binlog_options options = { .filter = { wanted, no_ddl, NULL, row_read } };
	struct lt_buf b = { 0 };
	struct change_source *s;
	char path[64];
	int fd = memfd_create("log", 0);

	lt_buf_add(&b, "\xfe\x62in", 4);
	put_format(&b, 0);
	for (size_t i = 0; i < TXNS; i++)
		put_txn(&b);
	b.len -= cut ? 5 : 0;
	assert_int_equal(write(fd, b.ptr, b.len), (ssize_t)b.len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_true(binlog_file_open(path, 0, &options, &s, NULL));
	close(fd);
	lt_buf_free(&b);
	return s;
}

static void
play(unsigned here_us, unsigned apart_us)
{
	played.asks = pthread_self();
	played.here_us = here_us;
	played.apart_us = apart_us;
	atomic_store(&played.here, 0);
	atomic_store(&played.apart, 0);
}

/** Take them until the end or the fault; how many there were. */
static size_t
take_all(struct binlog_ahead *a, enum lt_code *code)
{
	uint64_t last = 0;
	size_t n = 0;

	for (;;) {
		struct binlog_ahead_look look;
		struct lt_err err = { 0 };
		struct change_txn *t;

		if (!binlog_ahead_next(a, &t, &look, &err)) {
			*code = err.code;
			return n;
		}
		if (t == NULL) {
			assert_true(look.ended);
			assert_true(look.place.pos >= last);
			*code = LT_OK;
			return n;
		}
		assert_int_equal(t->nrows, 1);
		assert_true(t->end.pos > last);
		last = t->end.pos;
		n++;
		change_txn_free(t);
	}
}

static void
read_log(uint64_t trial)
{
	struct change_source *s = open_log(false);
	struct binlog_ahead *a = binlog_ahead_start(s, -1, trial, &test_clock);
	enum lt_code code;

	assert_int_equal(take_all(a, &code), TXNS);
	assert_int_equal(code, LT_OK);
	assert_int_equal(take_all(a, &code), 0); /* the end is told again and again */
	assert_int_equal(atomic_load(&played.here) + atomic_load(&played.apart), TXNS);
	binlog_ahead_stop(a);
	change_source_close(s);
}

static void
one_thread_reads_where_a_second_one_brings_nothing(void **state)
{
	static const unsigned apart_us[] = { 2000, 1000, 950 };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(apart_us); i++) {
		play(1000, apart_us[i]);
		read_log(TRIAL);
		assert_true(atomic_load(&played.apart) > 0); /* it was tried */
		assert_true(atomic_load(&played.apart) < TXNS / 8);
	}
}

static void
a_thread_of_its_own_reads_where_that_is_faster(void **state)
{
	(void)state;
	play(2000, 1000);
	read_log(TRIAL);
	assert_true(atomic_load(&played.here) < TXNS / 4);
}

static void
nobody_reads_ahead_who_was_not_told_to(void **state)
{
	(void)state;
	play(2000, 1000);
	read_log(0);
	assert_int_equal(atomic_load(&played.apart), 0);
}

static void
any_length_of_a_trial_gives_the_same(void **state)
{
	static const uint64_t trials[] = { 1, 100, 333, 5000, 100000 };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(trials); i++)
		for (unsigned apart_us = 500; apart_us <= 2000; apart_us *= 4) {
			play(1000, apart_us);
			read_log(trials[i]);
		}
}

static void
a_fault_comes_behind_all_that_was_whole(void **state)
{
	(void)state;
	for (uint64_t trial = 1; trial < 100000; trial *= 7) {
		struct change_source *s = open_log(true);
		struct binlog_ahead *a = binlog_ahead_start(s, -1, trial, &test_clock);
		enum lt_code code;

		play(2000, 1000);
		assert_int_equal(take_all(a, &code), TXNS - 1);
		assert_int_equal(code, LT_E_TRUNCATED);
		binlog_ahead_stop(a);
		change_source_close(s);
	}
}

static void
it_may_be_ended_anywhere(void **state)
{
	(void)state;
	for (size_t n = 0; n < TXNS; n += 97) {
		struct change_source *s = open_log(false);
		struct binlog_ahead *a = binlog_ahead_start(s, -1, 500, &test_clock);

		play(2000, 1000);
		for (size_t i = 0; i < n; i++) {
			struct binlog_ahead_look look;
			struct change_txn *t;

			assert_true(binlog_ahead_next(a, &t, &look, NULL));
			assert_non_null(t);
			change_txn_free(t);
		}
		binlog_ahead_stop(a);
		change_source_close(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thread_reads_where_a_second_one_brings_nothing),
		cmocka_unit_test(a_thread_of_its_own_reads_where_that_is_faster),
		cmocka_unit_test(nobody_reads_ahead_who_was_not_told_to),
		cmocka_unit_test(any_length_of_a_trial_gives_the_same),
		cmocka_unit_test(a_fault_comes_behind_all_that_was_whole),
		cmocka_unit_test(it_may_be_ended_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
