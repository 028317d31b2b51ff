#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mysql/conn_priv.h"
#include "mysql/stmt.h"
#include "unit/mysql/peer.h"

/* A statement of two parameters, prepared against a peer that says so. */
static struct my_stmt *
prepared(struct peer *p, uint16_t nparams)
{
	struct my_stmt *s = NULL;
	struct lt_err err = { 0 };

	peer_prepared(p, nparams);
	assert_true(my_prepare(p->conn, LT_STR("INSERT"), &s, &err));
	assert_int_equal(my_stmt_nparams(s), nparams);
	return s;
}

static void
a_statement_is_prepared_among_others(void **state)
{
	struct my_stmt *s = NULL;
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_open(&p);
	assert_true(my_send_query(p.conn, LT_STR("COMMIT"), &err));
	assert_true(my_send_prepare(p.conn, LT_STR("INSERT"), &err));
	assert_true(my_send_prepare(p.conn, LT_STR("INSRT"), &err));
	assert_true(my_send_query(p.conn, LT_STR("COMMIT"), &err));
	peer_packet(&p, 1, peer_ok);
	peer_prepared(&p, 2);
	peer_packet(&p, 1, LT_STR("\xff\x28\4#42000no"));
	peer_packet(&p, 1, peer_ok);
	assert_true(my_recv(p.conn, NULL, &err));
	assert_true(my_recv_prepared(p.conn, &s, &err));
	assert_int_equal(my_stmt_nparams(s), 2);
	assert_false(my_recv_prepared(p.conn, &s, &err));
	assert_true(my_alive(p.conn));
	assert_true(my_recv(p.conn, NULL, &err));
	assert_false(my_recv_prepared(p.conn, &s, &err));
	assert_int_equal(err.code, LT_E_INTERNAL);
	peer_close(&p);
}

static void
encodes(const struct my_stmt *s, struct my_param *params, size_t n, const char *wanted)
{
	struct lt_buf b = { 0 }, hex = { 0 };

	my_stmt_encode(&b, s, params, n);
	lt_buf_hex(&hex, lt_buf_str(&b));
	assert_string_equal(lt_buf_cstr(&hex), wanted);
	lt_buf_free(&b);
	lt_buf_free(&hex);
}

static void
values_have_the_documented_bytes(void **state)
{
	struct peer p;
	struct my_stmt *s;
	struct my_param one[2] = { { .kind = MY_PARAM_NULL }, { .kind = MY_PARAM_I64, .i64 = -2 } };

	(void)state;
	peer_open(&p);
	s = prepared(&p, 2);
#define HEAD                                                                                                           \
	"17"                                                                                                           \
	"04030201"                                                                                                     \
	"00"                                                                                                           \
	"01000000"
	encodes(s, one, 2,
	    HEAD "01"
		 "01"
		 "0600"
		 "0800"
		 "feffffffffffffff");
	one[0] = (struct my_param){ .kind = MY_PARAM_U64, .u64 = 258 };
	one[1] = (struct my_param){ .kind = MY_PARAM_FLOAT, .f32 = 1.0f };
	encodes(s, one, 2,
	    HEAD "00"
		 "01"
		 "0880"
		 "0400"
		 "0201000000000000"
		 "0000803f");
	one[0] = (struct my_param){ .kind = MY_PARAM_DATETIME,
		.time = { .year = 2026, .month = 11, .day = 22, .hour = 8, .micro = 7 } };
	one[1] = (struct my_param){ .kind = MY_PARAM_TIME,
		.time = { .negative = true, .hour = 25, .minute = 1, .second = 2 } };
	encodes(s, one, 2,
	    HEAD "00"
		 "01"
		 "0c00"
		 "0b00"
		 "0bea070b1608000007000000"
		 "080101000000010102");
	one[0] = (struct my_param){ .kind = MY_PARAM_BYTES, .bytes = LT_STR("ab") };
	one[1] = (struct my_param){ .kind = MY_PARAM_TIME, .time = { .hour = 838, .micro = 5 } };
	encodes(s, one, 2,
	    HEAD "00"
		 "01"
		 "fc00"
		 "fd00"
		 "026162"
		 "103833383a30303a30302e303030303035");
	peer_close(&p);
}

static void
null_bits_reach_over_bytes(void **state)
{
	struct my_param params[9] = { 0 };
	struct my_stmt *s;
	struct peer p;

	(void)state;
	peer_open(&p);
	s = prepared(&p, 9);
	params[4] = (struct my_param){ .kind = MY_PARAM_TEXT, .bytes = LT_STR("") };
	encodes(s, params, 9,
	    HEAD "ef01"
		 "01"
		 "06000600060006"
		 "00"
		 "fd00"
		 "0600060006000600"
		 "00");
	peer_close(&p);
}

static void
bulk_is(const struct my_stmt *s, const struct my_param *params, size_t nparams, size_t nrows, const char *wanted)
{
	struct lt_buf b = { 0 }, hex = { 0 };

	my_stmt_encode_bulk(&b, s, params, nparams, nrows);
	lt_buf_hex(&hex, lt_buf_str(&b));
	assert_string_equal(lt_buf_cstr(&hex), wanted);
	lt_buf_free(&b);
	lt_buf_free(&hex);
}

static void
a_bulk_has_the_documented_bytes(void **state)
{
	const struct my_param rows[] = {
		{ .kind = MY_PARAM_NULL },
		{ .kind = MY_PARAM_TEXT, .bytes = LT_STR("ab") },
		{ .kind = MY_PARAM_I64, .i64 = -2 },
		{ .kind = MY_PARAM_TEXT, .bytes = LT_STR("") },
		{ .kind = MY_PARAM_I64, .i64 = 258 },
		{ .kind = MY_PARAM_NULL },
	};
	const struct my_param nulls[] = { { .kind = MY_PARAM_NULL }, { .kind = MY_PARAM_NULL } };
	struct my_stmt *s;
	struct peer p;

	(void)state;
	peer_open(&p);
	s = prepared(&p, 2);
	/* The types once, then each value behind a byte that says whether it is NULL. */
	bulk_is(s, rows, 2, 3,
	    "fa"
	    "04030201"
	    "8000"
	    "0800"
	    "fd00"
	    "01"
	    "00026162"
	    "00feffffffffffffff"
	    "0000"
	    "000201000000000000"
	    "01");
	/* NULL in every row is of a type that takes any. */
	bulk_is(s, nulls, 1, 2,
	    "fa"
	    "04030201"
	    "8000"
	    "fd00"
	    "01"
	    "01");
	peer_close(&p);
}

static void
a_bulk_for_a_server_without_it_is_ours_to_refuse(void **state)
{
	const struct my_param one[2] = { { .kind = MY_PARAM_NULL } };
	struct lt_err err = { 0 };
	struct my_stmt *s;
	struct peer p;

	(void)state;
	peer_open(&p); /* a MySQL */
	s = prepared(&p, 2);
	assert_false(my_send_bulk(p.conn, s, one, 2, 1, &err));
	assert_int_equal(err.code, LT_E_INTERNAL);
	assert_int_equal(my_pending(p.conn), 0);
	assert_true(my_alive(p.conn));
	peer_close(&p);
}

static void
a_wrong_number_of_values_is_ours_to_refuse(void **state)
{
	struct my_param one = { .kind = MY_PARAM_NULL };
	struct lt_err err = { 0 };
	struct my_stmt *s;
	struct peer p;

	(void)state;
	peer_open(&p);
	s = prepared(&p, 2);
	assert_false(my_send_execute(p.conn, s, &one, 1, &err));
	assert_int_equal(err.code, LT_E_INTERNAL);
	assert_int_equal(my_pending(p.conn), 0);
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statement_is_prepared_among_others),
		cmocka_unit_test(values_have_the_documented_bytes),
		cmocka_unit_test(null_bits_reach_over_bytes),
		cmocka_unit_test(a_bulk_has_the_documented_bytes),
		cmocka_unit_test(a_bulk_for_a_server_without_it_is_ours_to_refuse),
		cmocka_unit_test(a_wrong_number_of_values_is_ours_to_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
