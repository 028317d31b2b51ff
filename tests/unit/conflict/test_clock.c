#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conflict/clock.h"
#include "site.h"

#define SECOND_US ((int64_t)1000000)
#define YEAR_US (365 * 24 * 3600 * SECOND_US)

static void
what_comes_in_one_instant_is_counted_up(void **state)
{
	struct conflict_clock c;

	(void)state;
	conflict_clock_init(&c, 1, SECOND_US);
	conflict_clock_beat(&c, &(int64_t){ 9 * SECOND_US });
	/* MariaDB: only the header's second. */
	for (int64_t i = 0; i < 3; i++) {
		struct conflict_version v = conflict_clock_local(&c, 10 * SECOND_US);

		assert_int_equal(v.clock_us, 10 * SECOND_US + i);
		assert_int_equal(v.seq, i + 1);
	}
	assert_int_equal(conflict_clock_local(&c, 10 * SECOND_US + 500).clock_us, 10 * SECOND_US + 500);
	conflict_clock_free(&c);
}

static void
a_stamp_that_goes_back_does_not(void **state)
{
	struct conflict_clock c;

	(void)state;
	conflict_clock_init(&c, 1, SECOND_US);
	conflict_clock_beat(&c, &(int64_t){ 9 * SECOND_US });
	assert_int_equal(conflict_clock_local(&c, 10 * SECOND_US).clock_us, 10 * SECOND_US);
	assert_int_equal(conflict_clock_local(&c, 3 * SECOND_US).clock_us, 10 * SECOND_US + 1);
	conflict_clock_free(&c);
}

static void
what_was_seen_is_before_what_is_written_next(void **state)
{
	struct conflict_clock c;
	struct conflict_version v;

	(void)state;
	conflict_clock_init(&c, 1, SECOND_US);
	conflict_clock_beat(&c, &(int64_t){ 9 * SECOND_US });
	conflict_clock_applied(&c, (struct conflict_version){ 500 * SECOND_US, 4, 2 });
	v = conflict_clock_local(&c, 10 * SECOND_US);
	assert_int_equal(v.clock_us, 500 * SECOND_US + 1);
	assert_int_equal(conflict_vector_get(&c.seen, 2), 4);
	assert_int_equal(conflict_vector_get(&c.seen, 1), 1);
	conflict_clock_free(&c);
}

static void
r20_stamps_of_ten_years_off_do_not_move_the_clock(void **state)
{
	struct conflict_clock c;

	(void)state;
	conflict_clock_init(&c, 1, SECOND_US);
	/* Before the first heartbeat no stamp counts. */
	assert_int_equal(conflict_clock_local(&c, 10 * YEAR_US).clock_us, 1);
	conflict_clock_beat(&c, &(int64_t){ 50 * YEAR_US });
	assert_int_equal(conflict_clock_local(&c, 60 * YEAR_US).clock_us, 50 * YEAR_US + 2 * SECOND_US);
	assert_int_equal(conflict_clock_local(&c, 40 * YEAR_US).clock_us, 50 * YEAR_US + 2 * SECOND_US + 1);
	/* A heartbeat of a server whose clock is off carries no time. */
	conflict_clock_beat(&c, NULL);
	assert_int_equal(conflict_clock_local(&c, 60 * YEAR_US).clock_us, 50 * YEAR_US + 2 * SECOND_US + 2);
	conflict_clock_free(&c);
}

static void
r20_a_server_whose_clock_is_off_gives_no_time(void **state)
{
	(void)state;
	assert_true(conflict_clock_believes(100 * YEAR_US + 5 * SECOND_US, 100 * YEAR_US, 10 * SECOND_US));
	assert_true(conflict_clock_believes(100 * YEAR_US - 5 * SECOND_US, 100 * YEAR_US, 10 * SECOND_US));
	assert_false(conflict_clock_believes(100 * YEAR_US + 5 * SECOND_US + 1, 100 * YEAR_US, 10 * SECOND_US));
	assert_false(conflict_clock_believes(100 * YEAR_US - 5 * SECOND_US - 1, 100 * YEAR_US, 10 * SECOND_US));
	assert_false(conflict_clock_believes(110 * YEAR_US, 100 * YEAR_US, 10 * SECOND_US));
	assert_false(conflict_clock_believes(INT64_MIN, 100 * YEAR_US, 10 * SECOND_US));
}

static void
a_transaction_of_the_far_future_is_held(void **state)
{
	struct conflict_version v = { 50 * YEAR_US, 1, 1 };

	(void)state;
	assert_false(conflict_clock_is_ahead(v, 50 * YEAR_US, SECOND_US));
	assert_false(conflict_clock_is_ahead(v, 50 * YEAR_US - SECOND_US, SECOND_US));
	assert_true(conflict_clock_is_ahead(v, 50 * YEAR_US - SECOND_US - 1, SECOND_US));
	assert_false(
	    conflict_clock_is_ahead(v, 60 * YEAR_US, SECOND_US)); /* the past decides nothing that is not decided */
	assert_false(conflict_clock_is_ahead(CONFLICT_UNKNOWN, INT64_MAX, SECOND_US));
	assert_true(conflict_clock_is_ahead(v, INT64_MIN, SECOND_US));
}

static void
same(const struct conflict_txn *a, const struct conflict_txn *b)
{
	assert_true(conflict_version_same(a->version, b->version));
	assert_true(conflict_vector_below(&a->seen, &b->seen));
	assert_true(conflict_vector_below(&b->seen, &a->seen));
}

/* Two readers of one log, of which one begins again at a checkpoint before everything that it reads. */
static void
r18_a_reader_that_begins_again_gives_the_same_versions(void **state)
{
	static const struct conflict_policy by_row = { .kind = CONFLICT_BY_ROW };
	struct site steady, broken, other;
	uint32_t chance = 1;

	(void)state;
	site_open(&steady, 1, &by_row);
	site_open(&broken, 1, &by_row);
	site_open(&other, 2, &by_row);
	for (int i = 0; i < 3000; i++) {
		int64_t stamp = (chance = chance * 1664525 + 1013904223) >> 12;

		site_reread(&broken);
		if (chance % 5 == 0) {
			const struct conflict_txn *t =
			    site_put(&other, stamp * 3, "k", site_row(&other, NULL, NULL, "1"));

			site_take(&steady, t);
			site_take(&broken, t);
			steady.nclashes = broken.nclashes = 0;
		} else if (chance % 7 == 0) {
			conflict_observer_beat(steady.observer, chance % 2 ? &stamp : NULL);
			conflict_observer_beat(broken.observer, chance % 2 ? &stamp : NULL);
		} else {
			const struct conflict_row *row = site_row(&steady, NULL, NULL, "2");

			same(site_put(&steady, stamp, "k", row), site_put(&broken, stamp, "k", row));
		}
	}
	site_close(&steady);
	site_close(&broken);
	site_close(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_in_one_instant_is_counted_up),
		cmocka_unit_test(a_stamp_that_goes_back_does_not),
		cmocka_unit_test(what_was_seen_is_before_what_is_written_next),
		cmocka_unit_test(r20_stamps_of_ten_years_off_do_not_move_the_clock),
		cmocka_unit_test(r20_a_server_whose_clock_is_off_gives_no_time),
		cmocka_unit_test(a_transaction_of_the_far_future_is_held),
		cmocka_unit_test(r18_a_reader_that_begins_again_gives_the_same_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
