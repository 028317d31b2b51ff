#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/lane.h"
#include "unit/mysql/peer.h"

#define MOVE_PARAMS 13

/* A target without lanes of the pipeline: what a claim is answered, `rest` being the last row that it reads. */
static void
say_no_lanes(struct peer *p, struct lt_str rest)
{
	static const struct lt_str end = { "\xfe\0\0\2\0\0\0", 7 };

	peer_packet(p, 1, peer_ok);
	peer_packet(p, 1, LT_STR("\1"));
	peer_packet(p, 2, peer_column("lane"));
	peer_packet(p, 3, end);
	peer_packet(p, 1, LT_STR("\2"));
	peer_packet(p, 2, peer_column("paused"));
	peer_packet(p, 3, peer_column("begun"));
	peer_packet(p, 4, rest);
	peer_packet(p, 5, end);
	peer_prepared(p, MOVE_PARAMS);
	peer_packet(p, 1, peer_ok);
}

static struct pipeline_lane_claim
claimed(struct peer *p, struct pipeline_lane *l, struct lt_str rest)
{
	struct pipeline_lane_claim claim = { .channel = "shop", .pipeline = "hz->us", .lanes = 1 };
	struct change_position at;
	struct lt_err err = { 0 };
	bool found = true;

	change_position_init(&at);
	say_no_lanes(p, rest);
	assert_true(pipeline_lane_claim(l, p->conn, &claim, &at, &found, &err));
	assert_false(found);
	change_position_clear(&at);
	return claim;
}

static void
a_claim_tells_what_is_there_beside_lanes(void **state)
{
	struct pipeline_lane_claim claim;
	struct pipeline_lane l;
	struct peer p;

	(void)state;
	peer_open(&p);
	claim = claimed(&p, &l, LT_STR("\0011\0010"));
	assert_true(claim.paused && !claim.begun);
	claim = claimed(&p, &l, LT_STR("\0010\0011"));
	assert_true(!claim.paused && claim.begun);
	peer_close(&p);
}

/* The move that was sent behind the rows is of no account then. */
static void
who_is_quicker_has_begun_it(void **state)
{
	struct change_position at;
	struct pipeline_lane l;
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	change_position_init(&at);
	peer_open(&p);
	(void)claimed(&p, &l, LT_STR("\0010\0010"));
	peer_packet(&p, 1, LT_STR("\xff\x26\4#23000no"));
	peer_packet(&p, 1, peer_ok);
	assert_false(pipeline_lane_create(&l, 1, &at, &err));
	assert_int_equal(err.code, LT_E_FENCED);
	assert_non_null(strstr(err.message, "just begun"));
	assert_int_equal(my_pending(p.conn), 0);
	change_position_clear(&at);
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_tells_what_is_there_beside_lanes),
		cmocka_unit_test(who_is_quicker_has_begun_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
