#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "conflict/sweep.h"

#define KEYS 600
#define STORY 400

/* What one entry of a log does to a key. */
struct told {
	char key[16];
	bool local; /* a user wrote it; else it is a group of another site that leaves it in that state */
	enum conflict_state state;
};

static const struct conflict_policy by_row = { .kind = CONFLICT_BY_ROW };

static void
tell(struct conflict_observer *o, const struct told *t, uint32_t number)
{
	struct conflict_row row = { 0 };
	struct lt_str key = lt_str_z(t->key);

	if (t->local) {
		struct conflict_change change = { key, &by_row, NULL, t->state == CONFLICT_ABSENT ? NULL : &row };
		struct conflict_txn txn = { .changes = &change, .nchanges = 1 };

		conflict_observer_local(o, number, &txn);
	} else {
		struct conflict_won won = { .key = key, .state = t->state };
		struct conflict_mark_txn txn = {
			.version = { conflict_observer_clock(o)->now_us + 1, number, 2 }, .won = &won, .nwon = 1
		};

		conflict_observer_mark(o, &(struct conflict_mark){ .txns = &txn, .ntxns = 1 });
	}
}

static struct told
any(uint32_t *chance)
{
	struct told t;

	*chance = *chance * 1664525 + 1013904223;
	snprintf(t.key, sizeof(t.key), "table %u:%03u", *chance >> 30, (*chance >> 8) % (KEYS / 4));
	t.local = (*chance >> 20 & 1) != 0;
	t.state = (*chance >> 21) % (t.local ? 2 : 3);
	return t;
}

static bool
keep_all(void *ctx, struct lt_str key, const struct conflict_known *known)
{
	(void)ctx, (void)key, (void)known;
	return true;
}

static void
assert_same(const struct conflict_observer *a, const struct conflict_observer *b, const char *key)
{
	struct conflict_known x, y;
	bool known = conflict_memory_find(conflict_observer_memory(a), lt_str_z(key), &x);

	assert_int_equal(conflict_memory_find(conflict_observer_memory(b), lt_str_z(key), &y), known);
	if (!known)
		return;
	assert_true(conflict_version_same(x.version, y.version));
	assert_int_equal(x.state, y.state);
}

/* Whoever begins at the checkpoint knows at the log's end what the one knows who came all the way: though keys were
 * written, parked and taken back while it was made. */
static void
a_checkpoint_made_in_steps_is_of_its_beginning(void **state)
{
	struct conflict_observer *o = conflict_observer_new(1, 1000, &conflict_room_plain), *later;
	struct told story[STORY];
	uint32_t chance = 5, number = 0, told = 0, steps = 0;
	struct conflict_sweeping *walk;
	const struct conflict_checkpoint *c;

	(void)state;
	conflict_observer_beat(o, &(int64_t){ 1000000 });
	for (number = 1; number <= 3 * KEYS; number++) {
		struct told t = any(&chance);

		tell(o, &t, number);
	}
	walk = conflict_sweeping_new(o, LT_STR("mb.1:4"), NULL, keep_all, NULL, SIZE_MAX);
	for (; !conflict_sweeping_step(walk, o, 3); steps++) {
		for (int i = 0; i < 2 && told < STORY; i++, told++) {
			story[told] = any(&chance);
			tell(o, &story[told], number + told);
		}
	}
	assert_int_equal(told, STORY); /* all of it while the walk was on its way */
	assert_true(steps > STORY / 2);
	c = conflict_sweeping_checkpoint(walk);
	assert_true(lt_str_eqz(c->place, "mb.1:4"));
	later = conflict_observer_resume(c, 1000, &conflict_room_plain);
	for (uint32_t i = 0; i < told; i++)
		tell(later, &story[i], number + i);
	assert_int_equal(conflict_observer_went_back(later), 0); /* the audit is silent, too */
	assert_int_equal(conflict_observer_clock(later)->now_us, conflict_observer_clock(o)->now_us);
	for (uint32_t table = 0; table < 4; table++) {
		for (uint32_t i = 0; i < KEYS / 4; i++) {
			char key[16];

			snprintf(key, sizeof(key), "table %u:%03u", table, i);
			assert_same(o, later, key);
		}
	}
	conflict_sweeping_free(walk);
	conflict_observer_free(later);
	conflict_observer_free(o);
}

static bool
keep_parked(void *ctx, struct lt_str key, const struct conflict_known *known)
{
	(void)ctx, (void)key;
	return known->state == CONFLICT_PARKED;
}

static void
what_everybody_has_seen_goes_and_what_is_kept_is_pinned(void **state)
{
	struct conflict_observer *o = conflict_observer_new(1, 1000, &conflict_room_plain);
	struct told seen = { "table 1:a", false, CONFLICT_VISIBLE }, parked = { "table 1:b", false, CONFLICT_PARKED },
		    unseen = { "table 1:c", true, CONFLICT_VISIBLE };
	struct conflict_vector everyone = { 0 };
	const struct conflict_checkpoint *c;
	struct conflict_sweeping *walk;
	struct conflict_known known;

	(void)state;
	tell(o, &seen, 1);
	tell(o, &parked, 2);
	tell(o, &unseen, 3);
	conflict_vector_raise(&everyone, 2, 2);
	walk = conflict_sweeping_new(o, LT_STR(""), &everyone, keep_parked, NULL, SIZE_MAX);
	while (!conflict_sweeping_step(walk, o, 1))
		;
	c = conflict_sweeping_checkpoint(walk);
	assert_int_equal(c->npins, 1);
	assert_true(lt_str_eqz(c->pins[0].key, "table 1:b"));
	assert_int_equal(c->pins[0].state, CONFLICT_PARKED);
	assert_false(conflict_memory_find(conflict_observer_memory(o), LT_STR("table 1:a"), &known));
	assert_true(conflict_memory_find(conflict_observer_memory(o), LT_STR("table 1:b"), &known));
	assert_true(conflict_memory_find(conflict_observer_memory(o), LT_STR("table 1:c"), &known));
	conflict_sweeping_free(walk);
	conflict_vector_free(&everyone);
	conflict_observer_free(o);
}

/* What cannot be stored is not gathered: it may be all keys of a table. */
static void
of_more_pins_than_may_be_held_there_is_no_checkpoint(void **state)
{
	struct conflict_observer *o = conflict_observer_new(1, 1000, &conflict_room_plain);
	static const size_t limits[] = { KEYS, 100 * KEYS };
	struct told t = { .local = true };

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++) {
		snprintf(t.key, sizeof(t.key), "table 1:%03u", i);
		tell(o, &t, i + 1);
	}
	for (size_t i = 0; i < LT_COUNT(limits); i++) {
		struct conflict_sweeping *walk = conflict_sweeping_new(o, LT_STR(""), NULL, keep_all, NULL, limits[i]);

		while (!conflict_sweeping_step(walk, o, 100))
			;
		if (i == 0)
			assert_null(conflict_sweeping_checkpoint(walk));
		else
			assert_int_equal(conflict_sweeping_checkpoint(walk)->npins, KEYS);
		conflict_sweeping_free(walk);
	}
	conflict_observer_free(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_checkpoint_made_in_steps_is_of_its_beginning),
		cmocka_unit_test(what_everybody_has_seen_goes_and_what_is_kept_is_pinned),
		cmocka_unit_test(of_more_pins_than_may_be_held_there_is_no_checkpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
