#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conflict/peers.h"

/** Two peers of site 1. */
struct pair {
	struct conflict_peers peers;
	struct conflict_vector ours; /* all that we have seen: 4 of our own, 7 of site 2 */
};

static int
open_pair(void **state)
{
	static struct pair p;

	p = (struct pair){ 0 };
	conflict_peers_add(&p.peers, 2);
	conflict_peers_add(&p.peers, 3);
	conflict_peers_add(&p.peers, 2);
	conflict_vector_raise(&p.ours, 1, 4);
	conflict_vector_raise(&p.ours, 2, 7);
	*state = &p;
	return 0;
}

static int
close_pair(void **state)
{
	struct pair *p = *state;

	conflict_peers_free(&p->peers);
	conflict_vector_free(&p->ours);
	return 0;
}

static void
hear(struct pair *p, uint32_t site, uint32_t origin, uint64_t seq)
{
	struct conflict_vector v = { 0 };

	conflict_vector_raise(&v, origin, seq);
	conflict_peers_hear(&p->peers, site, &v);
	conflict_vector_free(&v);
}

static uint64_t
everyone_has(const struct pair *p, uint32_t origin)
{
	struct conflict_vector v = { 0 };
	uint64_t seq;

	conflict_peers_everyone(&p->peers, &v);
	seq = conflict_vector_get(&v, origin);
	conflict_vector_free(&v);
	return seq;
}

static void
r18_a_checkpoint_is_used_once_every_peer_has_all_that_it_saw(void **state)
{
	struct pair *p = *state;

	assert_false(conflict_peers_have(&p->peers, &p->ours));
	hear(p, 2, 1, 4);
	hear(p, 2, 2, 9);
	hear(p, 3, 1, 4);
	assert_false(
	    conflict_peers_have(&p->peers, &p->ours)); /* the second has all of ours, and not what we saw of others */
	hear(p, 3, 2, 7);
	assert_true(conflict_peers_have(&p->peers, &p->ours));
}

static void
nothing_is_forgotten_before_each_peer_was_heard(void **state)
{
	struct pair *p = *state;

	hear(p, 2, 1, 4);
	assert_int_equal(everyone_has(p, 1), 0);
	hear(p, 3, 1, 3);
	assert_int_equal(everyone_has(p, 1), 3);
	hear(p, 3, 1, 2); /* what comes late lowers nothing */
	assert_int_equal(everyone_has(p, 1), 3);
	assert_int_equal(p->peers.count, 2);
}

static void
r24_a_peer_that_is_removed_claims_nothing(void **state)
{
	struct pair *p = *state;

	hear(p, 2, 1, 4);
	conflict_peers_remove(&p->peers, 9);
	assert_int_equal(everyone_has(p, 1), 0);
	conflict_peers_remove(&p->peers, 3);
	assert_int_equal(everyone_has(p, 1), 4);
	assert_null(conflict_peers_seen(&p->peers, 3));
	assert_int_equal(conflict_vector_get(conflict_peers_seen(&p->peers, 2), 1), 4);
}

static void
without_peers_nothing_is_told(void **state)
{
	struct pair none = { 0 };

	(void)state;
	assert_int_equal(everyone_has(&none, 1), 0);
}

static void
what_was_received_is_taken_into_what_is_durable(void **state)
{
	struct pair *p = *state;
	struct conflict_peers durable = { 0 };

	hear(p, 2, 1, 4);
	conflict_peers_merge(&durable, &p->peers);
	assert_int_equal(durable.count, 2);
	assert_int_equal(conflict_vector_get(conflict_peers_seen(&durable, 2), 1), 4);
	conflict_peers_free(&durable);
}

/* ADR 48: what it had seen went with the end of its log. */
static void
a_peer_that_lost_its_tail_has_seen_less(void **state)
{
	struct pair *p = *state;
	struct conflict_vector survived = { 0 };

	hear(p, 2, 1, 4);
	hear(p, 2, 2, 9);
	hear(p, 3, 1, 4);
	hear(p, 3, 2, 9);
	conflict_vector_raise(&survived, 1, 3);
	conflict_vector_raise(&survived, 2, 20);
	conflict_peers_lower(&p->peers, 2, &survived);
	assert_int_equal(conflict_vector_get(conflict_peers_seen(&p->peers, 2), 1), 3);
	assert_int_equal(conflict_vector_get(conflict_peers_seen(&p->peers, 2), 2), 9);
	assert_int_equal(everyone_has(p, 1), 3);
	assert_false(conflict_peers_have(&p->peers, &p->ours));
	conflict_vector_free(&survived);
}

static void
what_was_heard_comes_back_and_no_truncation_does(void **state)
{
	struct conflict_peers p = { 0 }, back = { 0 };
	struct conflict_vector seen = { 0 };
	struct lt_buf bytes = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	conflict_peers_add(&p, 7);
	conflict_vector_raise(&seen, conflict_origin(2, 1), 300);
	conflict_vector_raise(&seen, conflict_origin(9, 0), 70000);
	conflict_peers_hear(&p, 2, &seen);
	conflict_peers_encode(&p, &bytes);
	for (size_t n = 0; n < bytes.len; n++) {
		struct lt_err why = { 0 };

		assert_false(conflict_peers_decode(lt_str_of(bytes.ptr, n), &back, &why));
		assert_int_equal(why.code, LT_E_STATE_BROKEN);
		assert_int_equal(back.count, 0);
	}
	assert_true(conflict_peers_decode(lt_buf_str(&bytes), &back, &err));
	assert_int_equal(back.count, 2);
	assert_int_equal(conflict_peers_seen(&back, 7)->count, 0);
	assert_int_equal(conflict_peers_seen(&back, 2)->count, 2);
	assert_int_equal(conflict_vector_get(conflict_peers_seen(&back, 2), conflict_origin(2, 1)), 300);
	assert_int_equal(conflict_vector_get(conflict_peers_seen(&back, 2), conflict_origin(9, 0)), 70000);
	lt_buf_free(&bytes);
	conflict_vector_free(&seen);
	conflict_peers_free(&p);
	conflict_peers_free(&back);
}

static void
what_is_to_be_given_back_asks_for_what_its_writer_had_not_seen(void **state)
{
	struct pair *p = *state;
	struct conflict_vector survived = { 0 }, here = { 0 };
	struct conflict_peers read = { 0 };
	struct lt_buf bytes = { 0 };
	struct lt_err err = { 0 };

	conflict_vector_raise(&survived, 1, 3);
	conflict_vector_raise(&survived, 2, 5);
	hear(p, 2, 1, 4);
	hear(p, 2, 2, 9);
	hear(p, 3, 1, 4);
	hear(p, 3, 2, 9);
	assert_int_equal(everyone_has(p, 2), 9);
	conflict_peers_await(&p->peers, 1, &survived, 4);
	assert_int_equal(everyone_has(p, 2), 5);
	assert_int_equal(everyone_has(p, 1), 3);
	assert_false(conflict_peers_have(&p->peers, &p->ours));

	conflict_peers_encode(&p->peers, &bytes);
	assert_true(conflict_peers_decode(lt_buf_str(&bytes), &read, &err));
	conflict_vector_raise(&here, 1, 3);
	conflict_vector_raise(&here, 2, 9);
	conflict_peers_arrived(&read, &here);
	assert_false(conflict_peers_have(&read, &p->ours));
	conflict_vector_raise(&here, 1, 4);
	conflict_peers_arrived(&p->peers, &here);
	conflict_peers_arrived(&p->peers, &here);
	assert_int_equal(everyone_has(p, 2), 9);
	conflict_peers_merge(&p->peers, &read); /* older */
	conflict_peers_arrived(&p->peers, &here);
	assert_int_equal(everyone_has(p, 2), 9);
	assert_int_equal(conflict_peers_survived(&p->peers, 1), 3);
	assert_true(conflict_peers_survived(&p->peers, 2) == UINT64_MAX);
	assert_true(conflict_peers_have(&p->peers, &p->ours));
	conflict_peers_free(&read);
	lt_buf_free(&bytes);
	conflict_vector_free(&survived);
	conflict_vector_free(&here);
}

int
main(void)
{
#define PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
		PAIR(r18_a_checkpoint_is_used_once_every_peer_has_all_that_it_saw),
		PAIR(nothing_is_forgotten_before_each_peer_was_heard),
		PAIR(r24_a_peer_that_is_removed_claims_nothing),
		cmocka_unit_test(without_peers_nothing_is_told),
		PAIR(what_was_received_is_taken_into_what_is_durable),
		PAIR(a_peer_that_lost_its_tail_has_seen_less),
		PAIR(what_is_to_be_given_back_asks_for_what_its_writer_had_not_seen),
		cmocka_unit_test(what_was_heard_comes_back_and_no_truncation_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
