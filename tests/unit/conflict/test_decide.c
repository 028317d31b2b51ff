#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "site.h"

static const struct conflict_column counting[] = { { CONFLICT_LAST, NULL, NULL }, { CONFLICT_LAST, NULL, NULL },
	{ CONFLICT_SUM, &site_number, NULL } };
static const struct conflict_policy by_row = { .kind = CONFLICT_BY_ROW };
static const struct conflict_policy counter = { .kind = CONFLICT_BY_COLUMN, .columns = counting, .ncolumns = 3 };

/** Three sites that begin with the same row "k" of value 0, which nobody remembers. */
struct three {
	struct site a, b, c;
};

static void
open_three(struct three *t, const struct conflict_policy *policy, bool filled)
{
	struct site *all[] = { &t->a, &t->b, &t->c };

	for (uint32_t i = 0; i < 3; i++) {
		site_open(all[i], i + 1, policy);
		if (filled) {
			all[i]->rows[0] =
			    (struct site_row){ .key = LT_STR("k"), .row = site_row(all[i], NULL, NULL, "0") };
			all[i]->nrows = 1;
		}
	}
}

static void
close_three(struct three *t)
{
	site_close(&t->a);
	site_close(&t->b);
	site_close(&t->c);
}

/* Both have it, and it reads as expected. */
static void
both_show(struct three *t, const char *key, const char *expected)
{
	assert_string_equal(site_shows(&t->a, key), expected);
	assert_string_equal(site_shows(&t->b, key), expected);
	assert_int_equal(t->a.drifts + t->b.drifts, 0);
}

/* Each of two users writes once, at A at 100 and at B at 200; neither had seen the other. Whoever hears first. */
static void
cross(struct three *t, const char *at_a, const char *at_b)
{
	const struct conflict_txn *x =
	    site_put(&t->a, 100, "k", at_a != NULL ? site_row(&t->a, NULL, NULL, at_a) : NULL);
	const struct conflict_txn *y =
	    site_put(&t->b, 200, "k", at_b != NULL ? site_row(&t->b, NULL, NULL, at_b) : NULL);

	site_take(&t->b, x);
	site_take(&t->a, y);
	/* One entry at each end: the older lost at B, the newer won at A. */
	assert_int_equal(t->a.nclashes, 1);
	assert_int_equal(t->b.nclashes, 1);
	assert_true(t->a.clashes[0].won);
	assert_false(t->b.clashes[0].won);
	assert_true(conflict_version_same(t->b.clashes[0].writer, x->version));
	assert_true(conflict_version_same(t->b.clashes[0].other, y->version));
}

static void
crossed(bool filled, const char *at_a, const char *at_b, const char *expected)
{
	struct three t;

	open_three(&t, &by_row, filled);
	cross(&t, at_a, at_b);
	both_show(&t, "k", expected);
	close_three(&t);
}

static void
insert_against_insert(void **state)
{
	(void)state;
	crossed(false, "1", "2", "-,-,2");
}

static void
update_against_update(void **state)
{
	(void)state;
	crossed(true, "1", "2", "-,-,2");
}

static void
update_against_newer_delete(void **state)
{
	(void)state;
	crossed(true, "1", NULL, "none");
}

static void
delete_against_newer_update(void **state)
{
	(void)state;
	crossed(true, NULL, "2", "-,-,2");
}

static void
delete_against_newer_delete(void **state)
{
	(void)state;
	crossed(true, NULL, NULL, "none");
}

static void
delete_and_insert_again_against_newer_update(void **state)
{
	struct three t;
	const struct conflict_txn *gone, *again, *update;

	(void)state;
	open_three(&t, &by_row, true);
	gone = site_put(&t.a, 100, "k", NULL);
	again = site_put(&t.a, 150, "k", site_row(&t.a, NULL, NULL, "1"));
	update = site_put(&t.b, 200, "k", site_row(&t.b, NULL, NULL, "2"));
	site_take(&t.b, gone);
	site_take(&t.b, again);
	site_take(&t.a, update);
	both_show(&t, "k", "-,-,2");
	assert_int_equal(t.b.nclashes, 2);
	assert_int_equal(t.a.nclashes, 1);
	close_three(&t);
}

static void
delete_and_insert_again_against_older_update(void **state)
{
	struct three t;
	const struct conflict_txn *gone, *again, *update;

	(void)state;
	open_three(&t, &by_row, true);
	update = site_put(&t.b, 120, "k", site_row(&t.b, NULL, NULL, "2"));
	gone = site_put(&t.a, 100, "k", NULL);
	again = site_put(&t.a, 150, "k", site_row(&t.a, NULL, NULL, "1"));
	site_apply(&t.b, (const struct conflict_txn *[]){ gone, again }, 2);
	site_take(&t.a, update);
	both_show(&t, "k", "-,-,1");
	close_three(&t);
}

static void
the_same_microsecond_at_both_sites(void **state)
{
	struct three t;
	const struct conflict_txn *x, *y;

	(void)state;
	open_three(&t, &by_row, true);
	x = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "1"));
	y = site_put(&t.b, 100, "k", site_row(&t.b, NULL, NULL, "2"));
	assert_int_equal(x->version.clock_us, y->version.clock_us);
	site_take(&t.a, y);
	site_take(&t.b, x);
	both_show(&t, "k", "-,-,2"); /* the higher number of site */
	close_three(&t);
}

/* A moves row k to key m; B inserts m at the same time. */
static void
key_changed_to_one_that_is_inserted_elsewhere(void **state)
{
	for (int newer = 0; newer < 2; newer++) {
		struct three t;
		const struct conflict_txn *moved, *inserted;

		(void)state;
		open_three(&t, &by_row, true);
		moved = site_write(
		    &t.a, 100, (struct site_edit[]){ { "k", NULL }, { "m", site_row(&t.a, NULL, NULL, "0") } }, 2);
		inserted = site_put(&t.b, newer ? 200 : 50, "m", site_row(&t.b, NULL, NULL, "5"));
		site_take(&t.a, inserted);
		site_take(&t.b, moved);
		both_show(&t, "k", "none");
		both_show(&t, "m", newer ? "-,-,5" : "-,-,0");
		assert_int_equal(t.a.nclashes, 1); /* the key that was left is no conflict */
		assert_int_equal(t.b.nclashes, 1);
		close_three(&t);
	}
}

/* C has not seen the deletion when it updates; A hears of it by way of B first. */
static void
three_sites_and_an_unseen_delete(void **state)
{
	struct three t;
	const struct conflict_txn *first, *gone, *update;

	(void)state;
	open_three(&t, &by_row, false);
	first = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "1"));
	site_take(&t.b, first);
	site_take(&t.c, first);
	gone = site_put(&t.b, 300, "k", NULL);
	update = site_put(&t.c, 200, "k", site_row(&t.c, NULL, NULL, "2"));
	site_take(&t.a, gone);
	site_take(&t.a, update); /* older than the deletion, which must not be forgotten */
	site_take(&t.b, update);
	site_take(&t.c, gone);
	both_show(&t, "k", "none");
	assert_string_equal(site_shows(&t.c, "k"), "none");
	assert_int_equal(t.a.nclashes, 1);
	assert_int_equal(t.b.nclashes, 1);
	assert_int_equal(t.c.nclashes, 1);
	close_three(&t);
}

/* An update that leaves the row as it is at the target is no row event there: the mark alone tells that it won. */
static void
a_win_that_changes_nothing_is_remembered(void **state)
{
	struct three t;
	const struct conflict_txn *x, *y, *z;

	(void)state;
	open_three(&t, &by_row, true);
	x = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "1"));
	y = site_put(&t.b, 300, "k", site_row(&t.b, NULL, NULL, "1"));
	z = site_put(&t.c, 200, "k", site_row(&t.c, NULL, NULL, "3"));
	site_take(&t.a, y); /* the row is 1 already */
	site_take(&t.a, z);
	site_take(&t.b, x);
	site_take(&t.b, z);
	both_show(&t, "k", "-,-,1");
	assert_int_equal(t.a.nclashes, 2);
	close_three(&t);
}

/* B writes 1 and back to 0 while A writes 5: the row at B looks untouched, and is not. */
static void
a_value_that_came_back_is_a_conflict_all_the_same(void **state)
{
	struct three t;
	const struct conflict_txn *x, *there, *back;

	(void)state;
	open_three(&t, &by_row, true);
	there = site_put(&t.b, 150, "k", site_row(&t.b, NULL, NULL, "1"));
	back = site_put(&t.b, 200, "k", site_row(&t.b, NULL, NULL, "0"));
	x = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "5"));
	site_take(&t.b, x);
	site_take(&t.a, there);
	site_take(&t.a, back);
	both_show(&t, "k", "-,-,0");
	assert_int_equal(t.b.nclashes, 1);
	assert_true(conflict_version_same(t.b.clashes[0].other, back->version));
	close_three(&t);
}

static void
who_has_seen_a_write_wins_over_it_whatever_the_clocks(void **state)
{
	struct three t;
	const struct conflict_txn *x, *y;

	(void)state;
	open_three(&t, &by_row, true);
	x = site_put(&t.a, 900, "k", site_row(&t.a, NULL, NULL, "1"));
	site_take(&t.b, x);
	y = site_put(&t.b, 10, "k", site_row(&t.b, NULL, NULL, "2"));
	site_take(&t.a, y);
	both_show(&t, "k", "-,-,2");
	assert_int_equal(t.a.nclashes + t.b.nclashes, 0);
	close_three(&t);
}

static void
a_row_that_cannot_be_is_an_alarm(void **state)
{
	struct three t;
	const struct conflict_txn *x;

	(void)state;
	open_three(&t, &by_row, true);
	t.b.rows[0].row = site_row(&t.b, NULL, NULL, "wrong");
	x = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "1"));
	site_take(&t.b, x);
	assert_int_equal(t.b.drifts, 1);
	close_three(&t);
}

/* Its before image is of the site that has it, and no sign that rows differ. */
static void
what_is_given_back_is_no_alarm(void **state)
{
	struct three t;
	struct conflict_txn given;

	(void)state;
	open_three(&t, &by_row, true);
	t.b.rows[0].row = site_row(&t.b, NULL, NULL, "older");
	given = *site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "1"));
	given.given = true;
	site_take(&t.b, &given);
	both_show(&t, "k", "-,-,1");
	close_three(&t);
}

/* A peer that has something newer by then gives an operation back without a row: who had seen it in force finds what
 * was there before it. */
static void
who_had_seen_what_was_lost_raises_no_alarm(void **state)
{
	(void)state;
	for (uint64_t survived = 0; survived < 2; survived++) {
		struct conflict_seen at = { .origin = 2, .seq = survived };
		const struct conflict_vector upto = { .at = &at, .count = 1 };
		struct three t;

		open_three(&t, &by_row, true);
		conflict_peers_await(&t.b.heard, 2, &upto, 1);
		site_take(&t.a, site_put(&t.b, 100, "k", site_row(&t.b, NULL, NULL, "lost")));
		t.b.rows[0].row = site_row(&t.b, NULL, NULL, "0");
		site_take(&t.b, site_put(&t.a, 200, "k", site_row(&t.a, NULL, NULL, "on top")));
		assert_string_equal(site_shows(&t.b, "k"), "-,-,on top");
		assert_int_equal(t.b.drifts, survived);
		close_three(&t);
	}
}

/* No log shows it, and somebody may have to have it back. */
static void
a_mark_brings_the_row_that_was_won_and_is_the_same(void **state)
{
	struct three t;
	struct conflict_mark mark;
	const struct conflict_txn *same, *other;
	struct lt_err err = { 0 };

	(void)state;
	open_three(&t, &by_row, true);
	site_checkpoint(&t.b);
	site_put(&t.b, 50, "k", site_row(&t.b, NULL, NULL, "1"));
	same = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "1"));
	other = site_put(&t.a, 200, "k", site_row(&t.a, NULL, NULL, "2"));
	site_take(&t.b, same);
	site_take(&t.b, other);
	assert_true(conflict_mark_decode(t.b.marks[0], t.b.arena, &mark, &err));
	assert_int_equal(mark.txns[0].nwon, 1);
	assert_true(conflict_row_eq(mark.txns[0].won[0].after, site_row(&t.a, NULL, NULL, "1")));
	assert_true(conflict_mark_decode(t.b.marks[1], t.b.arena, &mark, &err));
	assert_int_equal(mark.txns[0].nwon, 1);
	assert_null(mark.txns[0].won[0].after);
	close_three(&t);
}

/* Else many of them would make a mark that no server takes. */
static void
a_mark_brings_no_more_than_so_much_of_rows_that_are_the_same(void **state)
{
	size_t len = (size_t)1 << 20;
	char *much = lt_calloc(len + 1, 1);
	struct three t;
	struct conflict_mark mark;
	const struct conflict_txn *same;
	struct lt_err err = { 0 };

	(void)state;
	memset(much, 'x', len);
	open_three(&t, &by_row, true);
	site_checkpoint(&t.b);
	site_put(&t.b, 50, "k", site_row(&t.b, NULL, NULL, much));
	same = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, much));
	site_take(&t.b, same);
	assert_true(conflict_mark_decode(t.b.marks[0], t.b.arena, &mark, &err));
	assert_int_equal(mark.txns[0].nwon, 1);
	assert_null(mark.txns[0].won[0].after);
	close_three(&t);
	free(much);
}

/* C's write had seen one of A that B has not heard of: B cannot compare. */
static void
a_before_image_is_compared_only_if_all_that_was_seen_is_here(void **state)
{
	struct three t;
	const struct conflict_txn *x, *y;

	(void)state;
	open_three(&t, &by_row, true);
	x = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "1"));
	site_take(&t.c, x);
	y = site_put(&t.c, 200, "k", site_row(&t.c, NULL, NULL, "2"));
	site_take(&t.b, y);
	site_take(&t.b, x);
	assert_int_equal(t.b.drifts, 0);
	assert_string_equal(site_shows(&t.b, "k"), "-,-,2");
	assert_int_equal(t.b.nclashes, 1);
	close_three(&t);
}

/* Each transaction of a group keeps its own version: a third site's write between the two is decided by it. */
static void
r19_transactions_of_a_group_keep_their_versions(void **state)
{
	struct three t;
	const struct conflict_txn *early, *late, *between;

	(void)state;
	open_three(&t, &by_row, true);
	early = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "1"));
	late = site_put(&t.a, 300, "m", site_row(&t.a, NULL, NULL, "9"));
	between = site_put(&t.c, 200, "k", site_row(&t.c, NULL, NULL, "2"));
	site_apply(&t.b, (const struct conflict_txn *[]){ early, late }, 2);
	site_take(&t.b, between);
	site_take(&t.a, between);
	both_show(&t, "k", "-,-,2");
	close_three(&t);
}

static void
counters_add_up_whatever_comes_first(void **state)
{
	struct three t;
	const struct conflict_txn *x, *y, *z;

	(void)state;
	open_three(&t, &counter, true);
	x = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "5"));
	y = site_put(&t.b, 100, "k", site_row(&t.b, NULL, NULL, "-3"));
	z = site_put(&t.c, 90, "k", site_row(&t.c, NULL, "seen", "100"));
	site_apply(&t.a, (const struct conflict_txn *[]){ y, z }, 2);
	site_take(&t.b, z);
	site_take(&t.b, x);
	site_take(&t.c, x);
	site_take(&t.c, y);
	both_show(&t, "k", "-,seen,102");
	assert_string_equal(site_shows(&t.c, "k"), "-,seen,102");
	close_three(&t);
}

/* A reader that begins again between two operations of a key learns of the first by the mark of the second (R19). */
static void
r19_a_late_operation_brings_the_list(void **state)
{
	struct three t;
	const struct conflict_txn *x, *y, *z;

	(void)state;
	open_three(&t, &counter, true);
	x = site_put(&t.a, 300, "k", site_row(&t.a, NULL, NULL, "5"));
	site_take(&t.b, x);
	y = site_put(&t.c, 200, "k", site_row(&t.c, NULL, NULL, "7"));
	site_take(&t.b, y);
	z = site_put(&t.c, 250, "k", NULL);
	site_take(&t.a, y);
	site_take(&t.a, z);
	site_take(&t.b, z);
	both_show(&t, "k", "-,-,5"); /* newer than the deletion, and brings the row back whole */
	close_three(&t);
}

/* Whose row it is counts, not who was newer. */
static void
the_trusted_sites_older_write_is_said_to_have_won(void **state)
{
	static const uint32_t trusted[] = { 1 };
	static const struct conflict_policy by_home = { .kind = CONFLICT_BY_HOME, .trusted = trusted, .ntrusted = 1 };
	const struct conflict_txn *x, *y;
	struct three t;

	(void)state;
	open_three(&t, &by_home, true);
	x = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "1"));
	y = site_put(&t.b, 200, "k", site_row(&t.b, NULL, NULL, "2"));
	site_take(&t.b, x);
	site_take(&t.a, y);
	both_show(&t, "k", "-,-,1");
	assert_int_equal(t.a.nclashes, 1);
	assert_int_equal(t.b.nclashes, 1);
	assert_false(t.a.clashes[0].won);
	assert_true(t.b.clashes[0].won);
	close_three(&t);
}

static void
fail_at_all(const void *ctx, const struct conflict_op *const *writes, uint32_t nwrites, struct lt_arena *arena,
    struct conflict_verdict *out)
{
	(void)ctx;
	(void)writes;
	(void)nwrites;
	(void)arena;
	out->failed = "odd";
}

static void
a_function_that_fails_is_told_with_the_clash(void **state)
{
	static const struct conflict_function failing = { fail_at_all, NULL };
	static const struct conflict_policy by_function = { .kind = CONFLICT_BY_FUNCTION, .function = &failing };
	const struct conflict_txn *x, *y;
	struct three t;

	(void)state;
	open_three(&t, &by_function, true);
	x = site_put(&t.a, 100, "k", site_row(&t.a, NULL, NULL, "1"));
	y = site_put(&t.b, 200, "k", site_row(&t.b, NULL, NULL, "2"));
	site_take(&t.c, x);
	assert_int_equal(t.c.failures, 0);
	site_take(&t.c, y);
	site_take(&t.b, x);
	site_take(&t.a, y);
	both_show(&t, "k", "-,-,2");
	for (int i = 0; i < 3; i++) {
		const struct site *s = i == 0 ? &t.a : i == 1 ? &t.b : &t.c;

		assert_int_equal(s->failures, 1);
		assert_int_equal(s->nclashes, 1);
		assert_string_equal(s->clashes[0].failed, "odd");
		assert_int_equal(s->clashes[0].won, s != &t.b);
	}
	close_three(&t);
}

/* A, trusted most, wrote what all have acknowledged; B's older write comes late to A and loses; A's reader begins again
 * between the two; and C, trusted least, wrote having seen A and not B. C's must win, and does not where A knows of B
 * alone. */
static void
r19_a_write_that_lost_to_one_forgotten_stays_lost(void **state)
{
	static const uint32_t trusted[] = { 1, 2, 3 };
	static const struct conflict_policy by_home = { .kind = CONFLICT_BY_HOME, .trusted = trusted, .ntrusted = 3 };
	struct three t;
	const struct conflict_txn *x, *y, *z;

	(void)state;
	open_three(&t, &by_home, true);
	x = site_put(&t.a, 300, "k", site_row(&t.a, NULL, NULL, "1"));
	y = site_put(&t.b, 200, "k", site_row(&t.b, NULL, NULL, "2"));
	site_take(&t.b, x);
	site_take(&t.c, x);
	site_checkpoint(&t.a);
	site_take(&t.a, y);
	assert_string_equal(site_shows(&t.a, "k"), "-,-,1");
	z = site_put(&t.c, 400, "k", site_row(&t.c, NULL, NULL, "3"));
	site_resume(&t.a);
	site_take(&t.a, z);
	site_take(&t.b, z);
	site_take(&t.c, y);
	both_show(&t, "k", "-,-,3");
	assert_string_equal(site_shows(&t.c, "k"), "-,-,3");
	close_three(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(insert_against_insert),
		cmocka_unit_test(update_against_update),
		cmocka_unit_test(update_against_newer_delete),
		cmocka_unit_test(delete_against_newer_update),
		cmocka_unit_test(delete_against_newer_delete),
		cmocka_unit_test(the_trusted_sites_older_write_is_said_to_have_won),
		cmocka_unit_test(a_function_that_fails_is_told_with_the_clash),
		cmocka_unit_test(delete_and_insert_again_against_newer_update),
		cmocka_unit_test(delete_and_insert_again_against_older_update),
		cmocka_unit_test(the_same_microsecond_at_both_sites),
		cmocka_unit_test(key_changed_to_one_that_is_inserted_elsewhere),
		cmocka_unit_test(three_sites_and_an_unseen_delete),
		cmocka_unit_test(a_win_that_changes_nothing_is_remembered),
		cmocka_unit_test(a_value_that_came_back_is_a_conflict_all_the_same),
		cmocka_unit_test(who_has_seen_a_write_wins_over_it_whatever_the_clocks),
		cmocka_unit_test(a_row_that_cannot_be_is_an_alarm),
		cmocka_unit_test(what_is_given_back_is_no_alarm),
		cmocka_unit_test(who_had_seen_what_was_lost_raises_no_alarm),
		cmocka_unit_test(a_mark_brings_the_row_that_was_won_and_is_the_same),
		cmocka_unit_test(a_mark_brings_no_more_than_so_much_of_rows_that_are_the_same),
		cmocka_unit_test(a_before_image_is_compared_only_if_all_that_was_seen_is_here),
		cmocka_unit_test(r19_transactions_of_a_group_keep_their_versions),
		cmocka_unit_test(counters_add_up_whatever_comes_first),
		cmocka_unit_test(r19_a_write_that_lost_to_one_forgotten_stays_lost),
		cmocka_unit_test(r19_a_late_operation_brings_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
