#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conflict/fold.h"
#include "site.h"

static const struct conflict_column plain[] = { { CONFLICT_LAST, NULL, NULL }, { CONFLICT_LAST, NULL, NULL },
	{ CONFLICT_LAST, NULL, NULL } };
static const struct conflict_column mixed[] = { { CONFLICT_LAST, NULL, NULL }, { CONFLICT_SUM, &site_number, NULL },
	{ CONFLICT_MAX, &site_number, NULL } };
static const struct conflict_column least[] = { { CONFLICT_LAST, NULL, NULL }, { CONFLICT_LAST, NULL, NULL },
	{ CONFLICT_MIN, &site_number, NULL } };
static const uint32_t trusted[] = { 2, 1 };
static const struct conflict_policy by_row = { .kind = CONFLICT_BY_ROW };
static const struct conflict_policy by_home = { .kind = CONFLICT_BY_HOME, .trusted = trusted, .ntrusted = 2 };
static const struct conflict_policy by_column = { .kind = CONFLICT_BY_COLUMN, .columns = plain, .ncolumns = 3 };
static const struct conflict_policy merging = { .kind = CONFLICT_BY_COLUMN, .columns = mixed, .ncolumns = 3 };
static const struct conflict_policy lowering = { .kind = CONFLICT_BY_COLUMN, .columns = least, .ncolumns = 3 };

/* What they were asked, "1 3 " for instance, and what they answer. */
static char asked[64];
static const char *answer; /* NULL: it fails */
static uint32_t named;

static void
make(const void *ctx, const struct conflict_op *const *writes, uint32_t nwrites, struct lt_arena *arena,
    struct conflict_verdict *out)
{
	const uint32_t *at = ctx;

	(void)arena;
	for (uint32_t i = 0; i < nwrites; i++) {
		struct lt_str v = writes[i]->after->values[*at];
		char said[] = { v.ptr != NULL ? v.ptr[0] : '-', ' ', '\0' };

		strcat(asked, said);
	}
	out->value = lt_str_z(answer);
	out->failed = answer != NULL ? NULL : *at == 2 ? "odd" : "odd, too";
}

static void
name(const void *ctx, const struct conflict_op *const *writes, uint32_t nwrites, struct lt_arena *arena,
    struct conflict_verdict *out)
{
	const uint32_t at = 0;

	(void)ctx;
	for (uint32_t i = 0; i < nwrites; i++) {
		if (writes[i]->after != NULL)
			make(&at, &writes[i], 1, arena, out);
		else
			strcat(asked, "x ");
	}
	out->stands = named;
	out->failed = answer == NULL ? "odd" : NULL;
}

static const uint32_t second = 1, third = 2;
static const struct conflict_function making = { make, &third }, making_second = { make, &second },
				      naming = { name, NULL };
static const struct conflict_column made_third[] = { { CONFLICT_LAST, NULL, NULL }, { CONFLICT_LAST, NULL, NULL },
	{ CONFLICT_FUNCTION, NULL, &making } };
static const struct conflict_column made_both[] = { { CONFLICT_LAST, NULL, NULL },
	{ CONFLICT_FUNCTION, NULL, &making_second }, { CONFLICT_FUNCTION, NULL, &making } };
static const struct conflict_policy by_making_both = {
	.kind = CONFLICT_BY_COLUMN, .columns = made_both, .ncolumns = 3
};
static const struct conflict_policy by_making = { .kind = CONFLICT_BY_COLUMN, .columns = made_third, .ncolumns = 3 };
static const struct conflict_policy by_naming = { .kind = CONFLICT_BY_FUNCTION, .function = &naming };

/** Operations in the order of their versions, and what they give. */
struct made {
	struct site site; /* for its rows only */
	struct conflict_op ops[8];
	const struct conflict_op *order[8];
	uint32_t n;
	const struct conflict_row *base;
};

static void
begin(struct made *m, const struct conflict_row *base)
{
	m->n = 0;
	m->base = base;
	asked[0] = '\0';
}

static const struct conflict_row *
row(struct made *m, const char *a, const char *b, const char *c)
{
	return site_row(&m->site, a, b, c);
}

/* The next operation, by `origin`, which had seen those of `seen` (a bit each). */
static void
op(struct made *m, uint32_t origin, uint32_t seen, const struct conflict_row *before, const struct conflict_row *after)
{
	struct conflict_op *o = &m->ops[m->n];
	struct conflict_vector v = { 0 };

	*o = (struct conflict_op){ { m->n + 1, m->n + 1, origin }, { 0 }, before, after };
	for (uint32_t i = 0; i < m->n; i++) {
		if (seen & 1u << i)
			conflict_vector_raise(&v, m->ops[i].version.origin, m->ops[i].version.seq);
	}
	conflict_vector_raise(&v, origin, o->version.seq);
	o->seen = conflict_vector_copy(&v, m->site.arena);
	conflict_vector_free(&v);
	m->order[m->n++] = o;
}

static void
gives(struct made *m, const struct conflict_policy *policy, const struct conflict_row *expected)
{
	const struct conflict_row *got = conflict_fold(policy, m->base, m->order, m->n, m->site.arena, NULL);

	assert_true(conflict_row_eq(got, expected));
}

static int
open_made(void **state)
{
	static struct made m;

	m = (struct made){ 0 };
	site_open(&m.site, 1, &by_row);
	*state = &m;
	return 0;
}

static int
close_made(void **state)
{
	site_close(&((struct made *)*state)->site);
	return 0;
}

static void
without_operations_the_row_is_as_it_was(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", "2", "3"));
	gives(m, &by_row, m->base);
	gives(m, &merging, m->base);
	gives(m, &by_home, m->base);
}

static void
by_row_the_newest_write_stands_whole(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", "1", "1"));
	op(m, 1, 0, m->base, row(m, "2", "1", "1"));
	op(m, 2, 0, m->base, row(m, "1", "3", "1"));
	gives(m, &by_row, row(m, "1", "3", "1"));
	op(m, 1, 1, row(m, "2", "1", "1"), NULL);
	gives(m, &by_row, NULL);
}

static void
by_column_writes_of_other_columns_stand_both(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", "1", "1"));
	op(m, 1, 0, m->base, row(m, "2", "1", NULL));
	op(m, 2, 0, m->base, row(m, "1", "3", "1"));
	gives(m, &by_column, row(m, "2", "3", NULL));
}

static void
by_column_the_newest_write_of_a_column_stands(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", "1", "1"));
	op(m, 1, 0, m->base, row(m, "2", "1", "1"));
	op(m, 2, 0, m->base, row(m, "3", "1", "1"));
	op(m, 1, 1, row(m, "2", "1", "1"), row(m, "2", "4", "1"));
	gives(m, &by_column, row(m, "3", "4", "1"));
}

static void
an_update_that_had_not_seen_a_deletion_brings_the_row_back_whole(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", "1", "1"));
	op(m, 1, 0, m->base, row(m, "2", "1", "1"));
	op(m, 1, 1, row(m, "2", "1", "1"), NULL);
	op(m, 2, 0, m->base, row(m, "1", "3", "1"));
	gives(m, &by_column, row(m, "1", "3", "1"));
}

static void
a_deletion_takes_away_what_was_written_before_it(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", "1", "1"));
	op(m, 2, 0, m->base, row(m, "1", "9", "1"));
	op(m, 1, 0, m->base, NULL);
	op(m, 1, 2, NULL, row(m, "5", "5", "5"));
	gives(m, &merging, row(m, "5", "5", "5"));
}

static void
a_counter_is_its_first_value_and_all_differences(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", "100", "1"));
	op(m, 1, 0, m->base, row(m, "1", "93", "1"));
	op(m, 2, 0, m->base, row(m, "1", "105", "1"));
	op(m, 3, 0, m->base, row(m, "1", "101", "1"));
	gives(m, &merging, row(m, "1", "99", "1"));
}

static void
a_counter_that_was_null_is_set(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", NULL, "1"));
	op(m, 1, 0, m->base, row(m, "1", "7", "1"));
	op(m, 1, 1, row(m, "1", "7", "1"), row(m, "1", "9", "1"));
	gives(m, &merging, row(m, "1", "9", "1"));
	op(m, 2, 0, m->base, row(m, "1", "4", "1"));
	gives(m, &merging, row(m, "1", "4", "1"));
	op(m, 1, 3, row(m, "1", "9", "1"), row(m, "1", "10", "1"));
	gives(m, &merging, row(m, "1", "5", "1"));
	op(m, 1, 11, row(m, "1", "10", "1"), row(m, "1", NULL, "1"));
	gives(m, &merging, row(m, "1", NULL, "1"));
	op(m, 2, 4, row(m, "1", "4", "1"), row(m, "1", "6", "1"));
	gives(m, &merging, row(m, "1", "2", "1"));
}

static void
of_writes_that_had_not_seen_each_other_the_greatest_stands(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", "1", "50"));
	op(m, 1, 0, m->base, row(m, "1", "1", "9"));
	op(m, 2, 0, m->base, row(m, "1", "1", "10"));
	gives(m, &merging, row(m, "1", "1", "10")); /* as numbers, and the base is no rival */
	gives(m, &lowering, row(m, "1", "1", "9"));
	op(m, 1, 1, row(m, "1", "1", "9"), row(m, "1", "1", "11"));
	gives(m, &merging, row(m, "1", "1", "11"));
	gives(m, &lowering, row(m, "1", "1", "10"));
}

static void
who_has_seen_a_value_may_lower_it(void **state)
{
	struct made *m = *state;

	begin(m, NULL);
	op(m, 1, 0, NULL, row(m, "1", "1", "9"));
	op(m, 1, 1, row(m, "1", "1", "9"), row(m, "1", "1", "3"));
	gives(m, &merging, row(m, "1", "1", "3"));
	op(m, 2, 1, row(m, "1", "1", "9"), row(m, "1", "1", NULL));
	gives(m, &merging, row(m, "1", "1", "3")); /* NULL is below all */
	gives(m, &lowering, row(m, "1", "1", NULL));
}

static void
a_trusted_site_stands_against_newer_writes_that_had_not_seen_it(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", "1", "1"));
	op(m, 2, 0, m->base, row(m, "2", "1", "1"));
	op(m, 1, 0, m->base, row(m, "3", "1", "1"));
	gives(m, &by_home, row(m, "2", "1", "1"));
	op(m, 1, 3, row(m, "2", "1", "1"), row(m, "4", "1", "1")); /* a later correction from the other site stands */
	gives(m, &by_home, row(m, "4", "1", "1"));
	op(m, 9, 0, m->base, NULL); /* not named: trusted least */
	gives(m, &by_home, row(m, "4", "1", "1"));
}

static void
a_row_of_another_shape_is_taken_whole(void **state)
{
	struct made *m = *state;
	struct lt_str two[] = { LT_STR("8"), LT_STR("9") };
	struct conflict_row narrow = { two, 2 };

	begin(m, row(m, "1", "1", "1"));
	op(m, 1, 0, m->base, row(m, "2", "1", "1"));
	op(m, 2, 0, &narrow, &narrow);
	gives(m, &merging, &narrow);
	op(m, 1, 1, row(m, "2", "1", "1"), row(m, "2", "2", "1"));
	gives(m, &merging, row(m, "2", "2", "1"));
}

static void
a_function_makes_a_column_of_the_writes_that_nobody_had_seen(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", "1", "1"));
	answer = "9";
	op(m, 1, 0, m->base, row(m, "2", "1", "3"));
	gives(m, &by_making, row(m, "2", "1", "3")); /* one alone is what it is */
	op(m, 2, 0, m->base, row(m, "1", "5", "1")); /* another column */
	gives(m, &by_making, row(m, "2", "5", "3"));
	assert_string_equal(asked, "");
	op(m, 1, 1, row(m, "2", "1", "3"), row(m, "2", "1", "4")); /* has seen the first */
	op(m, 2, 2, row(m, "1", "5", "1"), row(m, "1", "5", NULL));
	gives(m, &by_making, row(m, "2", "5", "9"));
	assert_string_equal(asked, "4 - ");
	op(m, 3, 15, row(m, "2", "5", "9"), row(m, "2", "5", "7")); /* has seen all */
	gives(m, &by_making, row(m, "2", "5", "7"));
	assert_string_equal(asked, "4 - ");
}

static void
a_function_that_fails_leaves_the_newest_write_and_says_so(void **state)
{
	struct made *m = *state;
	struct conflict_verdict failed = { 0 };

	begin(m, row(m, "1", "1", "1"));
	answer = NULL;
	op(m, 2, 0, m->base, row(m, "1", "1", "3"));
	op(m, 1, 0, m->base, row(m, "2", "1", "4"));
	gives(m, &by_making, row(m, "2", "1", "4"));
	assert_non_null(conflict_fold(&by_making, m->base, m->order, m->n, m->site.arena, &failed));
	assert_string_equal(failed.failed, "odd");
	failed.failed = NULL;
	assert_ptr_equal(conflict_fold(&by_naming, m->base, m->order, m->n, m->site.arena, &failed), m->ops[1].after);
	assert_string_equal(failed.failed, "odd");
}

static void
of_functions_that_fail_the_first_one_is_told(void **state)
{
	struct made *m = *state;
	struct conflict_verdict failed = { 0 };

	begin(m, row(m, "1", "1", "1"));
	answer = NULL;
	op(m, 1, 0, m->base, row(m, "1", "2", "3"));
	op(m, 2, 0, m->base, row(m, "1", "3", "4"));
	assert_non_null(conflict_fold(&by_making_both, m->base, m->order, m->n, m->site.arena, &failed));
	assert_string_equal(failed.failed, "odd, too");
}

static void
an_insertion_is_one_of_a_functions_writes(void **state)
{
	struct made *m = *state;

	begin(m, NULL);
	answer = "9";
	op(m, 1, 0, NULL, row(m, "1", "1", "3"));
	op(m, 2, 0, row(m, "1", "1", "1"), row(m, "1", "1", "4"));
	gives(m, &by_making, row(m, "1", "1", "9"));
	assert_string_equal(asked, "3 4 ");
}

static void
a_function_names_the_write_that_stands(void **state)
{
	struct made *m = *state;

	begin(m, row(m, "1", "1", "1"));
	answer = "";
	op(m, 1, 0, m->base, row(m, "2", "1", "1"));
	gives(m, &by_naming, row(m, "2", "1", "1"));
	op(m, 1, 1, row(m, "2", "1", "1"), row(m, "3", "1", "1"));
	gives(m, &by_naming, row(m, "3", "1", "1"));
	assert_string_equal(asked, "");
	op(m, 2, 0, m->base, NULL);
	named = 0;
	gives(m, &by_naming, row(m, "3", "1", "1"));
	assert_string_equal(asked, "3 x ");
	named = 1;
	gives(m, &by_naming, NULL);
}

/* What a site's user wrote last, having seen everything, is what the function gives: else his own table would be wrong.
 */
static void
the_last_write_that_has_seen_all_gives_its_own_image(void **state)
{
	static const struct conflict_policy *const policies[] = { &by_row, &by_home, &by_column, &merging, &lowering,
		&by_making, &by_naming };
	struct made *m = *state;
	uint32_t chance = 3;

	answer = "9";
	for (size_t round = 0; round < 7000; round++) {
		const struct conflict_policy *policy = policies[round % LT_COUNT(policies)];
		const struct conflict_row *now, *mine;

		begin(m, NULL);
		named = round & 1;
		for (uint32_t i = 0; i < 6; i++) {
			uint32_t seen;
			const struct conflict_row *before;

			chance = chance * 1664525 + 1013904223;
			seen = chance >> 8 & ((1u << i) - 1);
			before = chance >> 20 & 3 ? row(m, chance >> 21 & 1 ? "1" : "2", chance >> 22 & 1 ? "1" : NULL,
							chance >> 23 & 1 ? "3" : "4")
						  : NULL;
			op(m, 1 + (chance >> 28) % 3, seen, before,
			    chance >> 16 & 3 ? row(m, chance >> 24 & 1 ? "1" : "2", chance >> 25 & 1 ? "5" : NULL,
						   chance >> 26 & 1 ? "3" : "8")
					     : NULL);
		}
		now = conflict_fold(policy, NULL, m->order, m->n, m->site.arena, NULL);
		mine = chance >> 30 ? row(m, chance >> 5 & 1 ? "1" : "7", chance >> 6 & 1 ? "5" : NULL,
					  chance >> 7 & 1 ? "3" : "0")
				    : NULL;
		op(m, 3, 63, now, mine);
		gives(m, policy, mine);
	}
}

int
main(void)
{
#define MADE(test) cmocka_unit_test_setup_teardown(test, open_made, close_made)
	const struct CMUnitTest tests[] = {
		MADE(without_operations_the_row_is_as_it_was),
		MADE(by_row_the_newest_write_stands_whole),
		MADE(by_column_writes_of_other_columns_stand_both),
		MADE(by_column_the_newest_write_of_a_column_stands),
		MADE(an_update_that_had_not_seen_a_deletion_brings_the_row_back_whole),
		MADE(a_deletion_takes_away_what_was_written_before_it),
		MADE(a_counter_is_its_first_value_and_all_differences),
		MADE(a_counter_that_was_null_is_set),
		MADE(of_writes_that_had_not_seen_each_other_the_greatest_stands),
		MADE(who_has_seen_a_value_may_lower_it),
		MADE(a_trusted_site_stands_against_newer_writes_that_had_not_seen_it),
		MADE(a_function_makes_a_column_of_the_writes_that_nobody_had_seen),
		MADE(a_function_that_fails_leaves_the_newest_write_and_says_so),
		MADE(of_functions_that_fail_the_first_one_is_told),
		MADE(an_insertion_is_one_of_a_functions_writes),
		MADE(a_function_names_the_write_that_stands),
		MADE(a_row_of_another_shape_is_taken_whole),
		MADE(the_last_write_that_has_seen_all_gives_its_own_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
