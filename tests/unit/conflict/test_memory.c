#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>

#include "conflict/memory.h"

#define MANY 200000

static struct lt_str
key_of(char (*room)[32], uint32_t i)
{
	snprintf(*room, sizeof(*room), "%04u:customer %010u", i % 7, i); /* 24 bytes */
	return lt_str_of(*room, 24);
}

static struct conflict_version
version_of(uint32_t i)
{
	return (struct conflict_version){ 1000 + i, i + 1, 1 };
}

static void
r24_a_key_costs_less_than_100_bytes(void **state)
{
	struct conflict_memory *m = conflict_memory_new(&conflict_room_plain);
	size_t before = mallinfo2().uordblks, taken;
	char room[32];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		conflict_memory_put(m, key_of(&room, i), version_of(i), CONFLICT_VISIBLE);
		/* The worst moment is right after the table has doubled: it is told there too. */
		if (i > 1000 && i % 997 == 0)
			assert_true(conflict_memory_bytes(m) < (size_t)100 * i);
	}
	taken = mallinfo2().uordblks - before + mallinfo2().hblkhd;
	assert_int_equal(conflict_memory_count(m), MANY);
	print_message("%zu bytes for each key, %zu counted\n", taken / MANY, conflict_memory_bytes(m) / MANY);
	if (taken > MANY) /* under a sanitizer malloc tells nothing */
		assert_true(taken / MANY < 100);
	assert_true(conflict_memory_bytes(m) / MANY < 100);
	conflict_memory_free(m);
}

/* A room that knows the largest piece that was asked for. */
static void *
take_and_note(void *ctx, size_t size)
{
	size_t *largest = ctx;

	*largest = LT_MAX(*largest, size);
	return conflict_room_plain.take(NULL, size);
}

static void
give_back(void *ctx, void *ptr, size_t size)
{
	(void)ctx;
	conflict_room_plain.give(NULL, ptr, size);
}

/* Whoever adds a key holds the observer, and with it the fence: a table that doubled at once would hold it for a second
 * of ten million keys. */
static void
no_key_that_comes_moves_all_others(void **state)
{
	size_t largest = 0;
	struct conflict_room noting = { take_and_note, give_back, &largest };
	struct conflict_memory *m = conflict_memory_new(&noting);
	char room[32];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		conflict_memory_put(m, key_of(&room, i), version_of(i), CONFLICT_VISIBLE);
	assert_true(largest <= 4096);
	conflict_memory_free(m);
}

/* In steps that are smaller than the table. */
static void
forget(struct conflict_memory *m, const struct conflict_vector *everyone, conflict_keep_fn *keep)
{
	struct conflict_sweep s = { everyone, keep, NULL };
	size_t at = 0;

	while (!conflict_memory_sweep(m, &s, 7, &at))
		;
}

static bool
keep_some(void *ctx, struct lt_str key, const struct conflict_known *known)
{
	(void)ctx, (void)known;
	return key.ptr[3] == '3';
}

static void
what_everybody_has_seen_is_forgotten(void **state)
{
	struct conflict_memory *m = conflict_memory_new(&conflict_room_plain);
	struct conflict_vector everyone = { 0 };
	struct conflict_known known;
	size_t empty = conflict_memory_bytes(m);
	char room[32];

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		conflict_memory_put(m, key_of(&room, i), version_of(i), i % 2 ? CONFLICT_ABSENT : CONFLICT_VISIBLE);
	conflict_vector_raise(&everyone, 1, 500);
	forget(m, &everyone, keep_some);
	for (uint32_t i = 0; i < 1000; i++) {
		bool stays = i >= 500 || i % 7 == 3;

		assert_int_equal(conflict_memory_find(m, key_of(&room, i), &known), stays);
		if (stays) {
			assert_true(conflict_version_same(known.version, version_of(i)));
			assert_int_equal(known.state, i % 2 ? CONFLICT_ABSENT : CONFLICT_VISIBLE);
		}
	}
	conflict_vector_raise(&everyone, 1, 1000);
	forget(m, &everyone, NULL);
	assert_int_equal(conflict_memory_count(m), 0);
	assert_int_equal(conflict_memory_bytes(m), empty);
	conflict_vector_free(&everyone);
	conflict_memory_free(m);
}

/* Keys that a walk has met, and how many since this was asked last. */
struct met {
	bool at[MANY];
	size_t looks;
};

static bool
note_met(void *ctx, struct lt_str key, const struct conflict_known *known)
{
	struct met *met = ctx;

	(void)key;
	met->at[known->version.seq - 1] = true;
	met->looks++;
	return known->version.seq % 9 == 0;
}

/* The walk holds the observer for a step, not for all; meanwhile keys come, go, and move. */
static void
a_walk_looks_at_few_keys_in_a_step_and_at_all_in_the_end(void **state)
{
	enum { HALF = MANY / 2, STEP = 256, CHAIN = 16 };
	struct conflict_memory *m = conflict_memory_new(&conflict_room_plain);
	struct met *met = lt_new(struct met);
	struct conflict_vector everyone = { 0 };
	struct conflict_sweep s = { &everyone, note_met, met };
	uint32_t new = HALF, steps = 0;
	struct conflict_known known;
	size_t at = 0;
	char room[32];

	(void)state;
	for (uint32_t i = 0; i < HALF; i++)
		conflict_memory_put(m, key_of(&room, i), version_of(i), CONFLICT_VISIBLE);
	conflict_vector_raise(&everyone, 1, HALF);
	for (; !conflict_memory_sweep(m, &s, STEP, &at); steps++) {
		assert_true(met->looks <= STEP + CHAIN);
		met->looks = 0;
		for (uint32_t i = 0; i < 64 && new < MANY; i++, new ++)
			conflict_memory_put(m, key_of(&room, new), version_of(new), CONFLICT_VISIBLE);
	}
	assert_true(steps > HALF / STEP);
	assert_true(new > HALF);
	for (uint32_t i = 0; i < HALF; i++) {
		assert_true(met->at[i]);
		assert_int_equal(conflict_memory_find(m, key_of(&room, i), &known), (i + 1) % 9 == 0);
	}
	for (uint32_t i = HALF; i < new; i++)
		assert_true(conflict_memory_find(m, key_of(&room, i), &known));
	conflict_vector_free(&everyone);
	conflict_memory_free(m);
	free(met);
}

static void
tables_with_parked_rows_are_known(void **state)
{
	struct conflict_memory *m = conflict_memory_new(&conflict_room_plain);
	struct conflict_version v = { 1, 1, 1 };
	struct conflict_vector everyone = { 0 };

	(void)state;
	conflict_memory_put(m, LT_STR("table 1:a"), v, CONFLICT_PARKED);
	conflict_memory_put(m, LT_STR("table 1:b"), v, CONFLICT_PARKED);
	conflict_memory_put(m, LT_STR("table 2:a"), v, CONFLICT_PARKED);
	conflict_memory_put(m, LT_STR("table 3:a"), v, CONFLICT_VISIBLE);
	assert_true(conflict_memory_has_parked(m, LT_STR("table 1:z")));
	assert_true(conflict_memory_has_parked(m, LT_STR("table 2:z")));
	assert_false(conflict_memory_has_parked(m, LT_STR("table 3:a")));
	conflict_memory_put(m, LT_STR("table 1:a"), v, CONFLICT_VISIBLE);
	assert_true(conflict_memory_has_parked(m, LT_STR("table 1:z")));
	conflict_memory_drop(m, LT_STR("table 1:b"));
	assert_false(conflict_memory_has_parked(m, LT_STR("table 1:z")));
	assert_true(conflict_memory_has_parked(m, LT_STR("table 2:z")));
	conflict_vector_raise(&everyone, 1, 1);
	forget(m, &everyone, NULL);
	assert_false(conflict_memory_has_parked(m, LT_STR("table 2:z")));
	conflict_vector_free(&everyone);
	conflict_memory_free(m);
}

static const struct conflict_row *
one(struct conflict_row *row, struct lt_str *value, const char *text)
{
	*value = lt_str_z(text);
	*row = (struct conflict_row){ value, 1 };
	return row;
}

static void
operations_are_kept_in_the_order_of_their_versions(void **state)
{
	struct conflict_memory *m = conflict_memory_new(&conflict_room_plain);
	static const int64_t clocks[] = { 5, 2, 9, 2, 7 };
	struct conflict_row base, after;
	struct lt_str v0, v1;
	struct conflict_known known;

	(void)state;
	for (size_t i = 0; i < LT_COUNT(clocks); i++) {
		struct conflict_op op = { .version = { clocks[i], (uint64_t)clocks[i], 1 },
			.after = one(&after, &v1, "x") };

		conflict_memory_add(m, LT_STR("k"), one(&base, &v0, i == 0 ? "first" : "later"), &op);
	}
	assert_true(conflict_memory_find(m, LT_STR("k"), &known));
	assert_int_equal(known.list.nops, 4); /* the same one twice is one */
	assert_int_equal(known.version.clock_us, 9);
	assert_true(lt_str_eqz(known.list.base->values[0], "first"));
	for (uint32_t i = 1; i < known.list.nops; i++)
		assert_true(conflict_version_cmp(known.list.ops[i - 1]->version, known.list.ops[i]->version) < 0);
	conflict_memory_free(m);
}

/* A key is kept as long as one of its operations is not seen by everybody, however old the others are. */
static void
a_list_is_forgotten_whole(void **state)
{
	struct conflict_memory *m = conflict_memory_new(&conflict_room_plain);
	struct conflict_vector everyone = { 0 };
	struct conflict_op a = { .version = { 10, 1, 1 } }, b = { .version = { 5, 3, 2 } };
	struct conflict_known known;
	size_t empty = conflict_memory_bytes(m);

	(void)state;
	conflict_memory_add(m, LT_STR("k"), NULL, &a);
	conflict_memory_add(m, LT_STR("k"), NULL, &b);
	conflict_vector_raise(&everyone, 1, 9);
	conflict_vector_raise(&everyone, 2, 2);
	forget(m, &everyone, NULL);
	assert_true(conflict_memory_find(m, LT_STR("k"), &known));
	assert_int_equal(known.list.nops, 2);
	conflict_vector_raise(&everyone, 2, 3);
	forget(m, &everyone, NULL);
	assert_false(conflict_memory_find(m, LT_STR("k"), &known));
	assert_int_equal(conflict_memory_bytes(m), empty);
	conflict_vector_free(&everyone);
	conflict_memory_free(m);
}

static void
a_list_may_be_replaced_by_itself(void **state)
{
	struct conflict_memory *m = conflict_memory_new(&conflict_room_plain);
	struct conflict_op a = { .version = { 10, 1, 1 } };
	struct conflict_known known;

	(void)state;
	conflict_memory_add(m, LT_STR("k"), NULL, &a);
	assert_true(conflict_memory_find(m, LT_STR("k"), &known));
	conflict_memory_replace(m, LT_STR("k"), &known.list);
	assert_true(conflict_memory_find(m, LT_STR("k"), &known));
	assert_int_equal(known.list.nops, 1);
	assert_int_equal(known.version.clock_us, 10);
	conflict_memory_put(m, LT_STR("k"), (struct conflict_version){ 11, 2, 1 }, CONFLICT_ABSENT);
	assert_true(conflict_memory_find(m, LT_STR("k"), &known));
	assert_int_equal(known.list.nops, 0);
	conflict_memory_free(m);
}

/* Against a plain array, with keys that come and go. */
static void
keys_that_go_leave_no_gap_in_front_of_others(void **state)
{
	struct conflict_memory *m = conflict_memory_new(&conflict_room_plain);
	int64_t plain[64] = { 0 };
	uint32_t chance = 7;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint32_t k = (chance = chance * 1664525 + 1013904223) >> 26;
		struct conflict_known known;
		char room[32];

		if (chance & 1 << 20) {
			plain[k] = i + 1;
			conflict_memory_put(
			    m, key_of(&room, k), (struct conflict_version){ i + 1, 1, 1 }, CONFLICT_VISIBLE);
		} else {
			plain[k] = 0;
			conflict_memory_drop(m, key_of(&room, k));
		}
		k = chance >> 10 & 63;
		assert_int_equal(conflict_memory_find(m, key_of(&room, k), &known), plain[k] != 0);
		if (plain[k] != 0)
			assert_int_equal(known.version.clock_us, plain[k]);
	}
	conflict_memory_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r24_a_key_costs_less_than_100_bytes),
		cmocka_unit_test(no_key_that_comes_moves_all_others),
		cmocka_unit_test(a_walk_looks_at_few_keys_in_a_step_and_at_all_in_the_end),
		cmocka_unit_test(tables_with_parked_rows_are_known),
		cmocka_unit_test(what_everybody_has_seen_is_forgotten),
		cmocka_unit_test(operations_are_kept_in_the_order_of_their_versions),
		cmocka_unit_test(a_list_is_forgotten_whole),
		cmocka_unit_test(a_list_may_be_replaced_by_itself),
		cmocka_unit_test(keys_that_go_leave_no_gap_in_front_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
