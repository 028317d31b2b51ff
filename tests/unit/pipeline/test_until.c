#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/until.h"

/* A transaction that ends at file:pos. */
static struct change_txn
txn(const char *gtid, const char *file, uint64_t pos, uint64_t commit_us)
{
	struct change_txn t = { .kind = CHANGE_TXN_ROWS, .end = { .pos = pos }, .commit_us = commit_us };

	strcpy(t.end.file, file);
	if (gtid != NULL)
		assert_true(change_gtid_parse(lt_str_z(gtid), &t.gtid, NULL));
	return t;
}

static void
begin(struct pipeline_until *u, const struct model_start *at, const char *gtids)
{
	struct change_position from;

	change_position_init(&from);
	change_gtid_set_free(from.gtids);
	assert_true(change_gtid_set_parse(lt_str_z(gtids), &from.gtids, NULL));
	strcpy(from.place.file, "mb.000001");
	from.place.pos = 100;
	assert_true(pipeline_until_init(u, at, &from, NULL));
	change_position_clear(&from);
}

static void
a_gtid_set_ends_behind_its_last_one(void **state)
{
	char text[] = "0-1-5,7-1-2";
	struct model_start at = { .kind = MODEL_START_GTID, .gtid = text };
	struct pipeline_until u;
	struct lt_err err = { 0 };
	struct change_txn t;

	(void)state;
	begin(&u, &at, "0-1-3");
	assert_false(pipeline_until_reached(&u));
	t = txn("0-1-5", "mb.000001", 200, 1);
	assert_false(pipeline_until_excludes(&u, &t, false));
	assert_false(pipeline_until_reached(&u));
	t = txn("7-1-2", "mb.000001", 300, 1);
	assert_false(pipeline_until_excludes(&u, &t, false));
	assert_true(pipeline_until_reached(&u));
	assert_false(pipeline_until_fail(&u, &err));
	assert_int_equal(err.code, LT_E_UNTIL);
	assert_non_null(strstr(err.message, text));
	pipeline_until_clear(&u);

	begin(&u, &at, "0-1-9,7-1-2"); /* there already */
	assert_true(pipeline_until_reached(&u));
	pipeline_until_clear(&u);
}

static void
a_place_tears_no_transaction(void **state)
{
	char file[] = "mb.000002";
	struct model_start at = { .kind = MODEL_START_PLACE, .file = file, .pos = 500 };
	struct pipeline_until u;
	struct change_txn t;

	(void)state;
	begin(&u, &at, "");
	t = txn(NULL, "mb.000001", 900, 1);
	assert_false(pipeline_until_excludes(&u, &t, false));
	t = txn(NULL, "mb.000002", 499, 1);
	assert_false(pipeline_until_excludes(&u, &t, false));
	assert_false(pipeline_until_reached(&u));
	t = txn(NULL, "mb.000002", 501, 1);
	assert_true(pipeline_until_excludes(&u, &t, false)); /* begins before, ends behind */
	t = txn(NULL, "mb.000002", 500, 1);
	assert_false(pipeline_until_excludes(&u, &t, false));
	assert_true(pipeline_until_reached(&u));
	pipeline_until_clear(&u);
}

static void
a_time_ends_before_the_first_commit_then(void **state)
{
	struct model_start at = { .kind = MODEL_START_TIME, .time_us = 1000 };
	struct pipeline_until u;
	struct lt_err err = { 0 };
	struct change_txn t;

	(void)state;
	begin(&u, &at, "");
	t = txn(NULL, "mb.000001", 900, 999);
	assert_false(pipeline_until_excludes(&u, &t, false));
	t = txn(NULL, "mb.000001", 950, 0); /* no stamp: nothing of it to apply */
	assert_false(pipeline_until_excludes(&u, &t, false));
	t = txn(NULL, "mb.000001", 960, 2000); /* in the future: a session's own idea of the time */
	assert_false(pipeline_until_excludes(&u, &t, true));
	t = txn(NULL, "mb.000001", 999, 1000);
	assert_true(pipeline_until_excludes(&u, &t, false));
	assert_false(pipeline_until_fail(&u, &err));
	assert_non_null(strstr(err.message, "1970-01-01T00:00:00.001000Z"));
	pipeline_until_clear(&u);
}

static void
without_an_end_nothing_is_excluded(void **state)
{
	struct model_start at = { .kind = MODEL_START_NONE };
	struct pipeline_until u;
	struct change_txn t = txn("0-1-9", "mb.000009", 900, UINT64_MAX);

	(void)state;
	begin(&u, &at, "");
	assert_false(pipeline_until_excludes(&u, &t, false));
	assert_false(pipeline_until_reached(&u));
	pipeline_until_clear(&u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gtid_set_ends_behind_its_last_one),
		cmocka_unit_test(a_place_tears_no_transaction),
		cmocka_unit_test(a_time_ends_before_the_first_commit_then),
		cmocka_unit_test(without_an_end_nothing_is_excluded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
