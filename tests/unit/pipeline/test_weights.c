#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/weights.h"
#include "unit/mysql/peer.h"

static bool
is_known(struct pipeline_weigher *w)
{
	return pipeline_weights_of(w, LT_STR("utf8mb4"), LT_STR("utf8mb4_general_ci")) != NULL;
}

static void
a_hushed_weigher_asks_nothing_and_says_that_it_would_have(void **state)
{
	struct pipeline_weigher *w;
	struct lt_err err = { 0 };
	struct lt_buf heard;
	struct peer p;

	(void)state;
	peer_open(&p);
	w = pipeline_weigher_new(p.conn);
	assert_false(pipeline_weigher_hush(w, true));
	assert_false(pipeline_weigher_hush(w, false));
	assert_false(pipeline_weigher_hush(w, true));
	assert_false(is_known(w));
	heard = peer_heard(&p);
	assert_int_equal(heard.len, 0);
	assert_false(pipeline_weigher_failed(w, &err));
	assert_true(pipeline_weigher_hush(w, false));
	peer_end(&p);
	assert_false(is_known(w)); /* now it asks */
	assert_true(pipeline_weigher_failed(w, &err));
	assert_int_equal(err.code, LT_E_LINK_LOST);
	assert_false(pipeline_weigher_hush(w, false));
	lt_buf_free(&heard);
	pipeline_weigher_free(w);
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hushed_weigher_asks_nothing_and_says_that_it_would_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
