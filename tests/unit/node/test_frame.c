#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/frame.h"

static struct node_frame
sample(void)
{
	return (struct node_frame){
		.kind = NODE_REQUEST, .count = 3, .args = { LT_STR("skip"), LT_STR("hz->us"), LT_STR("") }
	};
}

static void
comes_back_as_it_went_in(void **state)
{
	struct node_frame in = sample(), out;
	struct lt_buf b = { 0 };
	struct lt_err err = { 0 };
	size_t used = 0;

	(void)state;
	node_frame_encode(&in, &b);
	lt_buf_z(&b, "more");
	assert_int_equal(node_frame_decode(lt_buf_str(&b), NODE_REQUEST_LIMIT, &out, &used, &err), NODE_FRAME_WHOLE);
	assert_int_equal(used, b.len - 4);
	assert_int_equal(out.kind, NODE_REQUEST);
	assert_int_equal(out.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(lt_str_eq(out.args[i], in.args[i]));
	lt_buf_free(&b);
}

static void
wants_more_at_every_truncation(void **state)
{
	struct node_frame in = sample(), out = { .count = 7 };
	struct lt_buf b = { 0 };
	struct lt_err err = { 0 };
	size_t used = 99;

	(void)state;
	node_frame_encode(&in, &b);
	for (size_t n = 0; n < b.len; n++) {
		char *exact = n > 0 ? malloc(n) : NULL; /* so that a read past the end is seen */

		if (n > 0)
			memcpy(exact, b.ptr, n);
		assert_int_equal(
		    node_frame_decode(lt_str_of(exact, n), NODE_REQUEST_LIMIT, &out, &used, &err), NODE_FRAME_MORE);
		assert_int_equal(out.count, 7); /* untouched */
		assert_int_equal(used, 99);
		free(exact);
	}
	lt_buf_free(&b);
}

/* Every truncation of the body, with a length that says that this is all. */
static void
refuses_a_body_that_ends_early_or_late(void **state)
{
	struct node_frame in = sample(), out;
	struct lt_buf b = { 0 };
	size_t used;

	(void)state;
	node_frame_encode(&in, &b);
	lt_buf_c(&b, 'x');
	for (size_t body = 0; body <= b.len - 4; body++) {
		struct lt_err err = { 0 };

		b.ptr[0] = (char)body;
		if (body == b.len - 5)
			continue; /* the true length */
		assert_int_equal(node_frame_decode(lt_str_of(b.ptr, 4 + body), NODE_REQUEST_LIMIT, &out, &used, &err),
		    NODE_FRAME_BAD);
		assert_int_equal(err.code, LT_E_CONTROL);
	}
	lt_buf_free(&b);
}

static void
refuses_what_is_over_the_limit_before_it_came(void **state)
{
	struct lt_err err = { 0 };
	struct node_frame out;
	size_t used;

	(void)state;
	assert_int_equal(
	    node_frame_decode(LT_STR("\x01\x00\x10\x00"), NODE_REQUEST_LIMIT, &out, &used, &err), NODE_FRAME_BAD);
	assert_int_equal(err.code, LT_E_CONTROL);
}

static void
refuses_more_words_than_a_frame_may_have(void **state)
{
	struct lt_err err = { 0 };
	struct lt_buf b = { 0 };
	struct node_frame out;
	size_t used;

	(void)state;
	lt_buf_le(&b, 2 + 4 * (NODE_FRAME_ARGS + 1), 4);
	lt_buf_le(&b, NODE_REQUEST, 1);
	lt_buf_le(&b, NODE_FRAME_ARGS + 1, 1);
	for (size_t i = 0; i < NODE_FRAME_ARGS + 1; i++)
		lt_buf_le(&b, 0, 4);
	assert_int_equal(node_frame_decode(lt_buf_str(&b), NODE_REQUEST_LIMIT, &out, &used, &err), NODE_FRAME_BAD);
	lt_buf_free(&b);
}

static void
errors_travel_whole(void **state)
{
	struct lt_err in = { 0 }, out, err = { 0 };
	struct lt_buf b = { 0 };
	struct node_frame f;
	size_t used;

	(void)state;
	assert_false(lt_fail(&in, LT_E_DUPLICATE, "a \"row\"\n"));
	in.server_errno = 1062;
	lt_str_copy(in.sqlstate, sizeof(in.sqlstate), LT_STR("23000"));
	in.where = (struct lt_where){ .pipeline = "hz->us",
		.file = "mb.1",
		.pos = UINT64_MAX,
		.line = 3,
		.column = 4,
		.gtid = "0-1-2",
		.table = "a.b" };
	node_frame_error(&in, &b);
	assert_int_equal(node_frame_decode(lt_buf_str(&b), NODE_ANSWER_LIMIT, &f, &used, &err), NODE_FRAME_WHOLE);
	assert_int_equal(f.kind, NODE_ANSWER_ERROR);
	node_frame_error_read(&f, &out);
	assert_int_equal(out.code, LT_E_DUPLICATE);
	assert_int_equal(out.server_errno, 1062);
	assert_string_equal(out.sqlstate, "23000");
	assert_string_equal(out.message, in.message);
	assert_memory_equal(&out.where, &in.where, sizeof(in.where));

	f.count--;
	node_frame_error_read(&f, &out);
	assert_int_equal(out.code, LT_E_CONTROL);
	lt_buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_went_in),
		cmocka_unit_test(wants_more_at_every_truncation),
		cmocka_unit_test(refuses_a_body_that_ends_early_or_late),
		cmocka_unit_test(refuses_what_is_over_the_limit_before_it_came),
		cmocka_unit_test(refuses_more_words_than_a_frame_may_have),
		cmocka_unit_test(errors_travel_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
