#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conflict/checkpoint.h"
#include "site.h"

/** A mark with one of everything, and its bytes. */
struct whole {
	struct site site; /* for its rows and arena */
	struct conflict_mark mark;
	struct lt_buf bytes;
};

static struct conflict_vector
vector(struct whole *w, uint32_t origins)
{
	struct conflict_vector v = { 0 }, copy;

	for (uint32_t i = 1; i <= origins; i++)
		conflict_vector_raise(&v, i, (uint64_t)i * 70000);
	copy = conflict_vector_copy(&v, w->site.arena);
	conflict_vector_free(&v);
	return copy;
}

static int
open_whole(void **state)
{
	static struct whole w;
	static const struct conflict_policy by_row = { .kind = CONFLICT_BY_ROW };
	static struct conflict_won won[5];
	static struct conflict_mark_txn txns[2];
	static struct conflict_pin pins[2];
	static struct conflict_op ops[2];
	static const struct conflict_op *order[] = { &ops[0], &ops[1] };

	w = (struct whole){ 0 };
	site_open(&w.site, 1, &by_row);
	ops[0] = (struct conflict_op){ { 1, 1, 1 }, vector(&w, 1), NULL, site_row(&w.site, "", NULL, "x") };
	ops[1] = (struct conflict_op){ { 2, 1, 2 }, vector(&w, 3), site_row(&w.site, "", NULL, "x"), NULL };
	won[0] = (struct conflict_won){ .key = LT_STR("seen"), .state = CONFLICT_VISIBLE };
	won[1] = (struct conflict_won){ .key = LT_STR("gone"), .state = CONFLICT_ABSENT };
	won[2] = (struct conflict_won){ .key = LT_STR("apart"), .state = CONFLICT_PARKED };
	won[3] = (struct conflict_won){ .key = LT_STR("made"),
		.listed = true,
		.before = ops[0].after,
		.found = ops[0].after,
		.replaced = { site_row(&w.site, "base", "", NULL), order, 2 } };
	won[4] = (struct conflict_won){
		.key = LT_STR("same"), .state = CONFLICT_VISIBLE, .after = site_row(&w.site, "as", "it", "was")
	};
	txns[0] = (struct conflict_mark_txn){ { CONFLICT_CLOCK_MAX, UINT64_MAX, UINT32_MAX }, vector(&w, 2), won, 5 };
	txns[1] = (struct conflict_mark_txn){ { -5, 300, 1 }, vector(&w, 0), NULL, 0 };
	pins[0] = (struct conflict_pin){ LT_STR("apart"), CONFLICT_UNKNOWN, CONFLICT_PARKED };
	pins[1] = (struct conflict_pin){ LT_STR(""), { 4, 5, 6 }, CONFLICT_VISIBLE };
	w.mark = (struct conflict_mark){ txns, 2, pins, 2 };
	conflict_mark_encode(&w.mark, &w.bytes);
	*state = &w;
	return 0;
}

static int
close_whole(void **state)
{
	struct whole *w = *state;

	lt_buf_free(&w->bytes);
	site_close(&w->site);
	return 0;
}

static void
same_vector(const struct conflict_vector *a, const struct conflict_vector *b)
{
	assert_true(conflict_vector_below(a, b));
	assert_true(conflict_vector_below(b, a));
}

static void
same_won(const struct conflict_won *a, const struct conflict_won *b)
{
	assert_true(lt_str_eq(a->key, b->key));
	assert_int_equal(a->listed, b->listed);
	assert_int_equal(a->state, b->state);
	assert_true(conflict_row_eq(a->before, b->before));
	assert_true(conflict_row_eq(a->after, b->after));
	assert_true(conflict_row_eq(a->found, b->found));
	assert_true(conflict_row_eq(a->replaced.base, b->replaced.base));
	assert_int_equal(a->replaced.nops, b->replaced.nops);
	for (uint32_t i = 0; i < a->replaced.nops; i++) {
		assert_true(conflict_version_same(a->replaced.ops[i]->version, b->replaced.ops[i]->version));
		same_vector(&a->replaced.ops[i]->seen, &b->replaced.ops[i]->seen);
		assert_true(conflict_row_eq(a->replaced.ops[i]->before, b->replaced.ops[i]->before));
		assert_true(conflict_row_eq(a->replaced.ops[i]->after, b->replaced.ops[i]->after));
	}
}

static void
a_mark_comes_back_as_it_was(void **state)
{
	struct whole *w = *state;
	struct conflict_mark back;
	struct lt_err err = { 0 };

	assert_true(conflict_mark_decode(lt_buf_str(&w->bytes), w->site.arena, &back, &err));
	assert_int_equal(back.ntxns, w->mark.ntxns);
	for (uint32_t i = 0; i < back.ntxns; i++) {
		assert_true(conflict_version_same(back.txns[i].version, w->mark.txns[i].version));
		same_vector(&back.txns[i].seen, &w->mark.txns[i].seen);
		assert_int_equal(back.txns[i].nwon, w->mark.txns[i].nwon);
		for (uint32_t k = 0; k < back.txns[i].nwon; k++)
			same_won(&back.txns[i].won[k], &w->mark.txns[i].won[k]);
	}
	assert_int_equal(back.npins, 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_true(lt_str_eq(back.pins[i].key, w->mark.pins[i].key));
		assert_true(conflict_version_same(back.pins[i].version, w->mark.pins[i].version));
		assert_int_equal(back.pins[i].state, w->mark.pins[i].state);
	}
}

static void
every_truncation_is_refused(void **state)
{
	struct whole *w = *state;

	for (size_t n = 0; n < w->bytes.len; n++) {
		struct conflict_mark back = { .ntxns = 77 };
		struct lt_err err = { 0 };
		char *copy = n > 0 ? malloc(n) : NULL; /* so that a sanitizer sees the end */

		if (n > 0)
			memcpy(copy, w->bytes.ptr, n);
		assert_false(conflict_mark_decode(lt_str_of(copy, n), w->site.arena, &back, &err));
		assert_int_equal(err.code, LT_E_STATE_BROKEN);
		assert_int_equal(back.ntxns, 77); /* untouched */
		free(copy);
	}
}

static void
what_lies_behind_the_end_is_refused(void **state)
{
	struct whole *w = *state;
	struct conflict_mark back;
	struct lt_err err = { 0 };

	lt_buf_c(&w->bytes, '\0');
	assert_false(conflict_mark_decode(lt_buf_str(&w->bytes), w->site.arena, &back, &err));
	assert_int_equal(err.code, LT_E_STATE_BROKEN);
}

static void
a_newer_form_is_told_from_a_broken_one(void **state)
{
	struct whole *w = *state;
	struct conflict_mark back;
	struct lt_err err = { 0 };

	w->bytes.ptr[0] = 3;
	assert_false(conflict_mark_decode(lt_buf_str(&w->bytes), w->site.arena, &back, &err));
	assert_int_equal(err.code, LT_E_STATE_NEWER);
}

/* Who knows only that reads it. */
static void
what_needs_no_more_is_of_the_form_before(void **state)
{
	struct whole *w = *state;
	struct lt_buf bytes = { 0 };

	assert_int_equal(w->bytes.ptr[0], 2);
	w->mark.txns[0].nwon = 4;
	conflict_mark_encode(&w->mark, &bytes);
	assert_int_equal(bytes.ptr[0], 1);
	lt_buf_free(&bytes);
}

/* Any byte changed gives an error or another mark, never more memory than the bytes are worth. */
static void
damage_costs_no_memory(void **state)
{
	struct whole *w = *state;

	for (size_t i = 1; i < w->bytes.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			struct lt_arena *arena = lt_arena_new();
			size_t empty = lt_arena_bytes(arena);
			struct conflict_mark back;
			struct lt_err err = { 0 };

			w->bytes.ptr[i] = (char)(w->bytes.ptr[i] ^ 1 << bit);
			if (!conflict_mark_decode(lt_buf_str(&w->bytes), arena, &back, &err))
				assert_int_equal(err.code, LT_E_STATE_BROKEN);
			assert_true(lt_arena_bytes(arena) - empty < 40 * w->bytes.len);
			w->bytes.ptr[i] = (char)(w->bytes.ptr[i] ^ 1 << bit);
			lt_arena_free(arena);
		}
	}
}

/* Else counting up would run over. */
static void
a_clock_at_the_end_of_time_is_refused(void **state)
{
	struct whole *w = *state;
	struct conflict_mark back;
	struct lt_err err = { 0 };
	struct lt_buf bytes = { 0 };

	w->mark.txns[0].version.clock_us = CONFLICT_CLOCK_MAX + 1;
	conflict_mark_encode(&w->mark, &bytes);
	assert_false(conflict_mark_decode(lt_buf_str(&bytes), w->site.arena, &back, &err));
	assert_int_equal(err.code, LT_E_STATE_BROKEN);
	lt_buf_free(&bytes);
}

static void
a_count_of_four_billion_is_not_believed(void **state)
{
	struct lt_arena *arena = lt_arena_new();
	struct conflict_mark back;
	struct lt_err err = { 0 };
	struct lt_buf bytes = { 0 };

	(void)state;
	lt_buf_le(&bytes, 1, 1);
	lt_buf_lenenc(&bytes, UINT32_MAX);
	lt_buf_z(&bytes, "some bytes, and not so many");
	assert_false(conflict_mark_decode(lt_buf_str(&bytes), arena, &back, &err));
	assert_int_equal(err.code, LT_E_STATE_BROKEN);
	assert_true(lt_arena_bytes(arena) < 64 << 10);
	lt_buf_free(&bytes);
	lt_arena_free(arena);
}

/* One behind which the log lost its tail, too. */
static void
comes_back(struct whole *w, uint32_t turn_origin)
{
	struct conflict_checkpoint c = { .place = LT_STR("mb.000007:4711"),
		.now_us = 99,
		.beat_us = 77,
		.has_beat = true,
		.count = 1234,
		.origin = 3,
		.seen = vector(w, 4),
		.pins = w->mark.pins,
		.npins = 2,
		.turn = turn_origin != 0 ? LT_STR("there") : LT_STR(""),
		.turn_origin = turn_origin,
		.turn_us = turn_origin != 0 ? 55 : 0 };
	struct conflict_checkpoint back;
	struct lt_buf bytes = { 0 };
	struct lt_err err = { 0 };

	conflict_checkpoint_encode(&c, &bytes);
	assert_true(conflict_checkpoint_decode(lt_buf_str(&bytes), w->site.arena, &back, &err));
	assert_true(lt_str_eq(back.place, c.place));
	assert_true(lt_str_eq(back.turn, c.turn));
	assert_int_equal(back.turn_origin, turn_origin);
	assert_int_equal(back.turn_us, c.turn_us);
	assert_int_equal(back.now_us, 99);
	assert_int_equal(back.beat_us, 77);
	assert_true(back.has_beat);
	assert_int_equal(back.origin, 3);
	same_vector(&back.seen, &c.seen);
	assert_int_equal(back.npins, 2);
	for (size_t n = 0; n < bytes.len; n++) {
		struct lt_err why = { 0 };

		back.now_us = 1;
		assert_false(conflict_checkpoint_decode(lt_str_of(bytes.ptr, n), w->site.arena, &back, &why));
		assert_int_equal(why.code, LT_E_STATE_BROKEN);
		assert_int_equal(back.now_us, 1);
	}
	lt_buf_free(&bytes);
}

static void
a_checkpoint_comes_back_and_no_truncation_does(void **state)
{
	comes_back(*state, 0);
	comes_back(*state, conflict_origin(3, 1));
}

int
main(void)
{
#define WHOLE(test) cmocka_unit_test_setup_teardown(test, open_whole, close_whole)
	const struct CMUnitTest tests[] = {
		WHOLE(a_mark_comes_back_as_it_was),
		WHOLE(every_truncation_is_refused),
		WHOLE(what_lies_behind_the_end_is_refused),
		WHOLE(a_newer_form_is_told_from_a_broken_one),
		WHOLE(what_needs_no_more_is_of_the_form_before),
		WHOLE(damage_costs_no_memory),
		WHOLE(a_clock_at_the_end_of_time_is_refused),
		cmocka_unit_test(a_count_of_four_billion_is_not_believed),
		WHOLE(a_checkpoint_comes_back_and_no_truncation_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
