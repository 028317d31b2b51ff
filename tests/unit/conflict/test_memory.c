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

static bool
keep_some(void *ctx, struct lt_str key)
{
	(void)ctx;
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
	conflict_memory_forget(m, &everyone, keep_some, NULL);
	for (uint32_t i = 0; i < 1000; i++) {
		bool stays = i >= 500 || i % 7 == 3;

		assert_int_equal(conflict_memory_find(m, key_of(&room, i), &known), stays);
		if (stays) {
			assert_true(conflict_version_same(known.version, version_of(i)));
			assert_int_equal(known.state, i % 2 ? CONFLICT_ABSENT : CONFLICT_VISIBLE);
		}
	}
	conflict_vector_raise(&everyone, 1, 1000);
	conflict_memory_forget(m, &everyone, NULL, NULL);
	assert_int_equal(conflict_memory_count(m), 0);
	assert_int_equal(conflict_memory_bytes(m), empty);
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
	conflict_memory_forget(m, &everyone, NULL, NULL);
	assert_true(conflict_memory_find(m, LT_STR("k"), &known));
	assert_int_equal(known.list.nops, 2);
	conflict_vector_raise(&everyone, 2, 3);
	conflict_memory_forget(m, &everyone, NULL, NULL);
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
		cmocka_unit_test(what_everybody_has_seen_is_forgotten),
		cmocka_unit_test(operations_are_kept_in_the_order_of_their_versions),
		cmocka_unit_test(a_list_is_forgotten_whole),
		cmocka_unit_test(a_list_may_be_replaced_by_itself),
		cmocka_unit_test(keys_that_go_leave_no_gap_in_front_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
