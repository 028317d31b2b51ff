#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "change/heap.h"

enum { PIECES = 4000 };

static struct change_spill_room
room(uint64_t limit)
{
	return (struct change_spill_room){ .dir = "/tmp", .limit = limit };
}

static size_t
size_of(size_t i)
{
	return i % 97 == 0 ? 1 + i * 131 : 1 + i * 7 % 1500;
}

/* Taken, filled, given back and taken again in another order: nothing lies over anything else. */
static void
fill_and_check(struct change_heap *h)
{
	unsigned char *at[PIECES];

	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < PIECES; i++) {
			at[i] = change_heap_take(h, size_of(i));
			assert_int_equal((uintptr_t)at[i] % 16, 0);
			memset(at[i], (int)(i + round) & 0xff, size_of(i));
		}
		for (size_t i = 0; i < PIECES; i++) {
			size_t one = i * 7 % PIECES;

			assert_int_equal(at[one][0], (one + round) & 0xff);
			assert_int_equal(at[one][size_of(one) - 1], (one + round) & 0xff);
			change_heap_give(h, at[one], size_of(one));
		}
	}
}

static void
pieces_do_not_lie_over_each_other(void **state)
{
	struct change_heap *h = change_heap_new(SIZE_MAX / 2, NULL);
	uint64_t once;

	(void)state;
	fill_and_check(h);
	once = change_heap_use(h).memory;
	fill_and_check(h);
	assert_int_equal(change_heap_use(h).memory, once); /* what is given back is taken again */
	assert_int_equal(change_heap_use(h).file, 0);
	change_heap_free(h);
}

static void
beyond_the_bound_it_is_a_file(void **state)
{
	struct change_spill_room r = room(0);
	struct change_heap *h = change_heap_new(2 << 20, &r);
	struct change_heap_use use;

	(void)state;
	fill_and_check(h);
	use = change_heap_use(h);
	assert_true(use.memory <= 2 << 20);
	assert_true(use.file >= 16 << 20);
	assert_int_equal(use.over, 0);
	assert_int_equal(r.used, use.file);
	change_heap_free(h);
	assert_int_equal(r.used, 0);
}

static void
where_the_file_may_not_grow_it_is_memory_and_counted(void **state)
{
	enum { LARGE = 64 << 20 };
	struct change_spill_room r = room(16 << 20);
	struct change_heap *h = change_heap_new(0, &r);
	void *large;

	(void)state;
	fill_and_check(h);
	assert_int_equal(change_heap_use(h).file, 16 << 20);
	large = change_heap_take(h, LARGE);
	assert_true(change_heap_use(h).over > 0);
	change_heap_give(h, large, LARGE);
	assert_int_equal(change_heap_use(h).over, 0); /* what was given back serves for what comes */
	change_heap_free(h);
	r.dir = "/nowhere";
	h = change_heap_new(0, &r);
	large = change_heap_take(h, LARGE);
	assert_int_equal(change_heap_use(h).file, 0);
	assert_int_equal(change_heap_use(h).over, change_heap_use(h).memory);
	assert_int_equal(change_heap_use(h).over, LARGE);
	fill_and_check(h);
	assert_true(change_heap_use(h).over < change_heap_use(h).memory);
	change_heap_free(h);
}

/* Whoever asks before it takes more stays bounded, and goes on once the disk has room, or something was given back. */
static void
whether_there_is_room_is_known_before(void **state)
{
	enum { PIECE = 64 << 10, OVER = 4 << 20 };
	struct change_spill_room r = room(1 << 20); /* less than the file grows at a time */
	struct change_heap *h = change_heap_new(1 << 20, &r);
	struct lt_err err = { 0 };
	void *pieces[200];
	size_t n = 0;

	(void)state;
	while (change_heap_has_room(h, OVER, &err)) {
		assert_true(n < LT_COUNT(pieces));
		pieces[n++] = change_heap_take(h, PIECE);
	}
	assert_int_equal(err.code, LT_E_SPILL_LIMIT);
	assert_true(change_heap_use(h).over > OVER && change_heap_use(h).over <= OVER + (1 << 20));
	for (size_t i = 0; i < 32; i++)
		change_heap_give(h, pieces[i], PIECE);
	assert_true(change_heap_has_room(h, OVER, &err));
	for (size_t i = 0; i < 32; i++)
		pieces[i] = change_heap_take(h, PIECE);
	assert_false(change_heap_has_room(h, OVER, &err));
	r.limit = 0; /* somebody made room */
	assert_true(change_heap_has_room(h, OVER, &err));
	assert_int_equal(change_heap_use(h).file, 16 << 20);
	change_heap_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_do_not_lie_over_each_other),
		cmocka_unit_test(beyond_the_bound_it_is_a_file),
		cmocka_unit_test(whether_there_is_room_is_known_before),
		cmocka_unit_test(where_the_file_may_not_grow_it_is_memory_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
