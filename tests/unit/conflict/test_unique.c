#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "site.h"

static const struct conflict_policy unique = { .kind = CONFLICT_BY_ROW, .unique = true };

/** Two sites; the table's first two columns are unique. */
struct two {
	struct site a, b;
};

static void
open_two(struct two *t)
{
	site_open(&t->a, 1, &unique);
	site_open(&t->b, 2, &unique);
}

/** Each wrote a row with one value, the second one newer, and took the other's. */
static void
open_met(struct two *t)
{
	const struct conflict_txn *x, *y;

	open_two(t);
	x = site_put(&t->a, 100, "k", site_row(&t->a, "mail", NULL, "1"));
	y = site_put(&t->b, 200, "m", site_row(&t->b, "mail", NULL, "2"));
	site_take(&t->a, y);
	site_take(&t->b, x);
}

static void
close_two(struct two *t)
{
	site_close(&t->a);
	site_close(&t->b);
}

static void
both_show(struct two *t, const char *key, const char *shown, const char *parked)
{
	assert_string_equal(site_shows(&t->a, key), shown);
	assert_string_equal(site_shows(&t->b, key), shown);
	assert_string_equal(site_parks(&t->a, key), parked);
	assert_string_equal(site_parks(&t->b, key), parked);
}

static void
the_newer_of_two_rows_has_the_value_and_the_older_is_parked(void **state)
{
	struct two t;

	(void)state;
	open_met(&t);
	both_show(&t, "m", "mail,-,2", "none");
	both_show(&t, "k", "none", "mail,-,1");
	close_two(&t);
}

static void
a_parked_row_comes_back_when_its_value_is_free(void **state)
{
	struct two t;
	const struct conflict_txn *z;

	(void)state;
	open_met(&t);
	z = site_put(&t.a, 300, "m", NULL); /* a local user frees it */
	site_upkeep(&t.a);
	site_take(&t.b, z);
	both_show(&t, "m", "none", "none");
	both_show(&t, "k", "mail,-,1", "none");
	close_two(&t);
}

static void
a_later_write_of_a_parked_rows_key_takes_its_place(void **state)
{
	struct two t;
	const struct conflict_txn *z;

	(void)state;
	open_met(&t);
	z = site_put(&t.a, 300, "k", site_row(&t.a, "other", NULL, "3"));
	site_upkeep(&t.a);
	site_take(&t.b, z);
	both_show(&t, "m", "mail,-,2", "none");
	both_show(&t, "k", "other,-,3", "none");
	close_two(&t);
}

static void
a_row_is_deleted_before_another_takes_its_value(void **state)
{
	struct two t;
	const struct conflict_txn *x;

	(void)state;
	open_two(&t);
	site_take(&t.b, site_put(&t.a, 100, "m", site_row(&t.a, "mail", NULL, "0")));
	x = site_write(&t.a, 200, (struct site_edit[]){ { "k", site_row(&t.a, "mail", NULL, "1") }, { "m", NULL } }, 2);
	site_take(&t.b, x); /* the helper sees to the order */
	both_show(&t, "k", "mail,-,1", "none");
	both_show(&t, "m", "none", "none");
	close_two(&t);
}

/* Nobody's version is that of the parked row: it is not known whose it is, and does not come back. */
static void
a_parked_row_that_was_changed_by_hand_is_void(void **state)
{
	struct two t;
	const struct conflict_txn *x;

	(void)state;
	open_two(&t);
	x = site_put(&t.b, 100, "k", site_row(&t.b, "mail", NULL, "1"));
	site_put(&t.a, 200, "m", site_row(&t.a, "mail", NULL, "2"));
	site_take(&t.a, x);
	for (uint32_t i = 0; i < t.a.nrows; i++)
		t.a.rows[i].parked.version.seq += 7;
	site_put(&t.a, 300, "m", NULL);
	site_upkeep(&t.a);
	assert_string_equal(site_shows(&t.a, "k"), "none");
	assert_string_equal(site_parks(&t.a, "k"), "none");
	close_two(&t);
}

/* One transaction at A swaps two values, while B gives one of the rows another. */
static void
unique_values_that_are_swapped(void **state)
{
	struct two t;
	const struct conflict_txn *x;

	(void)state;
	open_two(&t);
	x = site_write(&t.a, 100,
	    (struct site_edit[]){
		{ "k", site_row(&t.a, "one", NULL, "0") }, { "m", site_row(&t.a, "two", NULL, "0") } },
	    2);
	site_take(&t.b, x);
	x = site_write(&t.a, 200,
	    (struct site_edit[]){
		{ "k", site_row(&t.a, "two", NULL, "0") }, { "m", site_row(&t.a, "one", NULL, "0") } },
	    2);
	site_take(&t.b, x);
	both_show(&t, "k", "two,-,0", "none");
	both_show(&t, "m", "one,-,0", "none");
	close_two(&t);
}

static void
a_swap_against_an_older_update_of_one_of_the_rows(void **state)
{
	struct two t;
	const struct conflict_txn *x, *y;

	(void)state;
	open_two(&t);
	x = site_write(&t.a, 100,
	    (struct site_edit[]){
		{ "k", site_row(&t.a, "one", NULL, "0") }, { "m", site_row(&t.a, "two", NULL, "0") } },
	    2);
	site_take(&t.b, x);
	y = site_put(&t.b, 150, "m", site_row(&t.b, "three", NULL, "9"));
	x = site_write(&t.a, 200,
	    (struct site_edit[]){
		{ "k", site_row(&t.a, "two", NULL, "0") }, { "m", site_row(&t.a, "one", NULL, "0") } },
	    2);
	site_take(&t.b, x);
	site_take(&t.a, y);
	both_show(&t, "k", "two,-,0", "none");
	both_show(&t, "m", "one,-,0", "none");
	close_two(&t);
}

/* REPLACE that meets another row's unique value is logged as that row's key changed: k goes, m comes with the value. */
static void
replace_over_another_rows_unique_key(void **state)
{
	for (int newer = 0; newer < 2; newer++) {
		struct two t;
		const struct conflict_txn *x, *y;

		(void)state;
		open_two(&t);
		x = site_put(&t.a, 100, "k", site_row(&t.a, "mail", NULL, "1"));
		site_take(&t.b, x);
		x = site_write(
		    &t.a, 200, (struct site_edit[]){ { "k", NULL }, { "m", site_row(&t.a, "mail", NULL, "2") } }, 2);
		y = site_put(&t.b, newer ? 300 : 150, "k", site_row(&t.b, "mail", NULL, "7"));
		site_take(&t.a, y);
		site_take(&t.b, x);
		both_show(&t, "m", newer ? "none" : "mail,-,2", newer ? "mail,-,2" : "none");
		both_show(&t, "k", newer ? "mail,-,7" : "none", "none");
		close_two(&t);
	}
}

/* k wants what m has, and n what k has: parking k lets n stay. */
static void
rows_hang_together_by_way_of_others(void **state)
{
	struct two t;
	const struct conflict_txn *x, *y, *z;

	(void)state;
	open_two(&t);
	x = site_put(&t.a, 100, "n", site_row(&t.a, NULL, "red", "1"));
	y = site_put(&t.b, 200, "k", site_row(&t.b, "mail", "red", "2"));
	site_take(&t.a, y);
	site_take(&t.b, x);
	both_show(&t, "n", "none", "-,red,1");
	z = site_put(&t.a, 300, "k", NULL);
	site_upkeep(&t.a);
	y = site_put(&t.b, 250, "m", site_row(&t.b, NULL, "blue", "3"));
	site_take(&t.a, y);
	site_take(&t.b, z);
	both_show(&t, "n", "-,red,1", "none");
	both_show(&t, "m", "-,blue,3", "none");
	both_show(&t, "k", "none", "none");
	close_two(&t);
}

/* A transaction that loses to a parked row still finds that row's value free, and shows it. */
static void
an_older_write_of_a_parked_rows_key_brings_it_back(void **state)
{
	struct two t;
	struct site c;
	const struct conflict_txn *x, *older;

	(void)state;
	open_two(&t);
	site_open(&c, 3, &unique);
	older = site_put(&c, 50, "k", site_row(&c, NULL, NULL, "0"));
	x = site_put(&t.b, 100, "k", site_row(&t.b, "mail", NULL, "1"));
	site_put(&t.a, 200, "m", site_row(&t.a, "mail", NULL, "2"));
	site_take(&t.a, x);
	assert_string_equal(site_parks(&t.a, "k"), "mail,-,1");
	site_put(&t.a, 300, "m", NULL);
	site_take(&t.a, older); /* before anybody looked after parked rows */
	assert_string_equal(site_shows(&t.a, "k"), "mail,-,1");
	assert_string_equal(site_parks(&t.a, "k"), "none");
	site_close(&c);
	close_two(&t);
}

static void
null_is_taken_by_nobody(void **state)
{
	struct two t;
	const struct conflict_txn *x, *y;

	(void)state;
	open_two(&t);
	x = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "1"));
	y = site_put(&t.b, 200, "m", site_row(&t.b, NULL, NULL, "2"));
	site_take(&t.a, y);
	site_take(&t.b, x);
	both_show(&t, "k", "-,-,1", "none");
	both_show(&t, "m", "-,-,2", "none");
	close_two(&t);
}

/* What competes is locked before it is decided: the decision names the rows beside those that changed. */
static void
rows_in_the_way_are_named_to_be_locked(void **state)
{
	struct two t;
	const struct conflict_txn *y;

	(void)state;
	open_two(&t);
	site_put(&t.a, 100, "k", site_row(&t.a, "mail", NULL, "1"));
	y = site_put(&t.b, 200, "m", site_row(&t.b, "mail", NULL, "2"));
	assert_int_equal(site_needs(&t.a, y), 1);
	y = site_put(&t.b, 300, "m", site_row(&t.b, "free", NULL, "2"));
	assert_int_equal(site_needs(&t.a, y), 0);
	close_two(&t);
}

/* Versions of parked rows and of those in their way come back with the checkpoint. */
static void
r18_a_reader_that_begins_again_knows_what_is_parked(void **state)
{
	struct two t;
	const struct conflict_txn *z;

	(void)state;
	open_met(&t);
	site_reread(&t.a);
	z = site_put(&t.a, 300, "m", NULL);
	site_upkeep(&t.a);
	site_take(&t.b, z);
	both_show(&t, "k", "mail,-,1", "none");
	close_two(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newer_of_two_rows_has_the_value_and_the_older_is_parked),
		cmocka_unit_test(a_parked_row_comes_back_when_its_value_is_free),
		cmocka_unit_test(a_later_write_of_a_parked_rows_key_takes_its_place),
		cmocka_unit_test(a_row_is_deleted_before_another_takes_its_value),
		cmocka_unit_test(a_parked_row_that_was_changed_by_hand_is_void),
		cmocka_unit_test(unique_values_that_are_swapped),
		cmocka_unit_test(a_swap_against_an_older_update_of_one_of_the_rows),
		cmocka_unit_test(replace_over_another_rows_unique_key),
		cmocka_unit_test(rows_hang_together_by_way_of_others),
		cmocka_unit_test(an_older_write_of_a_parked_rows_key_brings_it_back),
		cmocka_unit_test(null_is_taken_by_nobody),
		cmocka_unit_test(rows_in_the_way_are_named_to_be_locked),
		cmocka_unit_test(r18_a_reader_that_begins_again_knows_what_is_parked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
