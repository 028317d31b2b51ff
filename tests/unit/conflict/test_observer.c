#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conflict/observer.h"

static const struct conflict_policy last = { .kind = CONFLICT_BY_ROW };

static void
write_locally(struct conflict_observer *o, struct lt_str key, int64_t stamp_us)
{
	struct conflict_change change = { .key = key, .policy = &last };
	struct conflict_txn txn = { .changes = &change, .nchanges = 1 };

	conflict_observer_local(o, stamp_us, &txn);
}

static void
apply(struct conflict_observer *o, struct lt_str key, struct conflict_version version)
{
	struct conflict_won won = { .key = key, .state = CONFLICT_VISIBLE };
	struct conflict_mark_txn txn = { .version = version, .won = &won, .nwon = 1 };
	struct conflict_mark mark = { .txns = &txn, .ntxns = 1 };

	conflict_observer_mark(o, &mark);
}

/* Whoever decided that had not seen what was written there. */
static void
an_older_version_over_a_newer_one_is_an_alarm_with_its_key(void **state)
{
	struct conflict_observer *o = conflict_observer_new(conflict_origin(1, 0), 1000, &conflict_room_plain);
	const int64_t beat_us = 5000;

	(void)state;
	conflict_observer_beat(o, &beat_us);
	write_locally(o, LT_STR("one"), 6000);
	write_locally(o, LT_STR("two"), 6000);
	apply(o, LT_STR("one"), (struct conflict_version){ 7000, 1, conflict_origin(2, 0) });
	apply(o, LT_STR("new"), (struct conflict_version){ 5100, 2, conflict_origin(2, 0) });
	assert_int_equal(conflict_observer_went_back(o), 0);
	assert_null(conflict_observer_back_key(o).ptr);
	apply(o, LT_STR("two"), (struct conflict_version){ 5200, 3, conflict_origin(2, 0) });
	assert_int_equal(conflict_observer_went_back(o), 1);
	assert_true(lt_str_eqz(conflict_observer_back_key(o), "two"));
	apply(o, LT_STR("one"), (struct conflict_version){ 5300, 4, conflict_origin(2, 0) });
	assert_int_equal(conflict_observer_went_back(o), 2);
	assert_true(lt_str_eqz(conflict_observer_back_key(o), "one"));
	conflict_observer_free(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_older_version_over_a_newer_one_is_an_alarm_with_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
