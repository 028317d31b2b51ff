/* Whether a pipeline has come as far as a log's end, in the same log and in another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/progress.h"

/* By whose log, file (NULL: not known), position and GTIDs. */
static struct change_position
at(const char *server, const char *file, uint64_t pos, const char *gtids)
{
	struct change_position p = { .place.pos = pos };
	struct lt_err err = { 0 };

	assert_true(change_gtid_set_parse(lt_str_z(gtids), &p.gtids, &err));
	lt_str_copy(p.server, sizeof(p.server), lt_str_z(server));
	lt_str_copy(p.place.file, sizeof(p.place.file), lt_str_z(file != NULL ? file : ""));
	return p;
}

static bool
covers(struct change_position progress, struct change_position end)
{
	struct pipeline_progress *p = pipeline_progress_new();
	bool done;

	pipeline_progress_set(p, &progress);
	done = pipeline_progress_covers(p, &end);
	pipeline_progress_free(p);
	change_position_clear(&progress);
	change_position_clear(&end);
	return done;
}

static void
in_the_same_log_places_are_compared(void **state)
{
	(void)state;
	assert_true(covers(at("one", "log.000010", 100, "0-1-5"), at("one", "log.000010", 100, "0-1-5")));
	assert_true(covers(at("one", "log.000010", 100, ""), at("one", "log.000009", 900, "")));
	assert_false(covers(at("one", "log.000010", 100, "0-1-5"), at("one", "log.000010", 101, "0-1-5")));
}

static void
in_another_one_only_what_was_executed_counts(void **state)
{
	(void)state;
	assert_true(covers(at("one", "log.000001", 4, "0-1-5"), at("two", "log.000010", 100, "0-1-5")));
	assert_false(covers(at("one", "log.000020", 4, "0-1-5"), at("two", "log.000010", 100, "0-1-6")));
	assert_false(covers(at("one", "log.000020", 4, ""), at("two", "log.000010", 100, "")));
}

static void
where_the_place_is_not_known_too(void **state)
{
	(void)state;
	assert_true(covers(at("two", NULL, 0, "0-1-5,1-1-2"), at("two", "log.000010", 100, "0-1-5")));
	assert_false(covers(at("two", NULL, 0, "0-1-5"), at("two", "log.000010", 100, "0-1-5,1-1-2")));
	assert_true(covers(at("two", NULL, 0, ""), at("two", "log.000001", 4, "")));
}

static void
nothing_is_covered_before_it_began(void **state)
{
	(void)state;
	assert_false(covers(at("", NULL, 0, ""), at("one", "log.000001", 4, "")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_same_log_places_are_compared),
		cmocka_unit_test(in_another_one_only_what_was_executed_counts),
		cmocka_unit_test(where_the_place_is_not_known_too),
		cmocka_unit_test(nothing_is_covered_before_it_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
