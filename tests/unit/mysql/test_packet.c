#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mysql/conn_priv.h"
#include "unit/mysql/peer.h"

/* What went out comes in again: the connection's own packets, moved from one buffer to the other. */
static void
loop_back(struct my_conn *c)
{
	lt_buf_add(&c->io.in, c->io.out.ptr, c->io.out.len);
	lt_buf_clear(&c->io.out);
	c->seq = 0;
}

static void
packets_around_each_border_come_back_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 0xfffffe, 0xffffff, 0x1000000, 0x1fffffd, 0x1fffffe, 0x1ffffff,
		0x2000000 };
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_open(&p);
	for (size_t i = 0; i < LT_COUNT(sizes); i++) {
		struct my_conn *c = p.conn;
		size_t pieces = sizes[i] / 0xffffff + 1, start, wire;
		struct lt_str got;
		struct lt_buf sent = { 0 };

		lt_buf_reserve(&sent, sizes[i] + 1);
		for (size_t k = 0; k < sizes[i]; k++)
			sent.ptr[k] = (char)(k * 7 + k / 65521);
		sent.len = sizes[i];
		c->seq = 0;
		start = my_packet_begin(c);
		lt_buf_str_add(&c->io.out, lt_buf_str(&sent));
		assert_true(my_packet_end(c, start, &err));
		wire = c->io.out.len;
		assert_int_equal(wire, sizes[i] + 4 * pieces);
		assert_int_equal(c->seq, pieces);
		loop_back(c);
		assert_true(my_packet_read(c, SIZE_MAX / 2, 0, &got, &err));
		assert_true(lt_str_eq(got, lt_buf_str(&sent)));
		assert_int_equal(c->seq, pieces);
		assert_int_equal(c->io.in.len, c->io.in_at);
		lt_buf_free(&sent);
	}
	peer_close(&p);
}

static void
pieces_that_come_late_are_joined_after_a_timeout(void **state)
{
	struct lt_err err = { 0 };
	struct lt_str got;
	struct lt_buf piece = { 0 };
	struct my_conn *c;
	struct peer p;

	(void)state;
	peer_open(&p);
	c = p.conn;
	c->seq = 0;
	lt_buf_reserve(&piece, MY_PIECE_MAX);
	memset(piece.ptr, 'x', MY_PIECE_MAX);
	piece.len = MY_PIECE_MAX;
	peer_script(&c->io.in, 0, lt_buf_str(&piece));
	for (int i = 0; i < 2; i++) {
		assert_false(my_packet_read(c, SIZE_MAX / 2, 0, &got, &err));
		assert_int_equal(err.code, LT_E_TIMEOUT);
		assert_true(my_alive(c));
	}
	peer_bytes(&p, LT_STR("\1\0\0"));
	assert_false(my_packet_read(c, SIZE_MAX / 2, 0, &got, &err));
	peer_bytes(&p, LT_STR("\1y"));
	assert_true(my_packet_read(c, SIZE_MAX / 2, 0, &got, &err));
	assert_int_equal(got.len, MY_PIECE_MAX + 1);
	assert_int_equal(got.ptr[MY_PIECE_MAX], 'y');
	lt_buf_free(&piece);
	peer_close(&p);
}

static void
a_packet_over_the_limit_is_refused_by_its_header(void **state)
{
	struct lt_err err = { 0 };
	struct lt_str got;
	struct peer p;

	(void)state;
	peer_open(&p);
	p.conn->seq = 0;
	peer_bytes(&p, LT_STR("\xe9\3\0\0")); /* 1001 bytes are announced, none comes */
	assert_false(my_packet_read(p.conn, 1000, MY_WAIT_DEFAULT, &got, &err));
	assert_int_equal(err.code, LT_E_PACKET_TOO_LARGE);
	assert_false(my_alive(p.conn));
	peer_close(&p);
}

/* Though it is taken a shorter way. */
static void
what_lies_there_whole_is_judged_no_less(void **state)
{
	struct lt_buf piece = { 0 };
	struct lt_err err = { 0 };
	struct lt_str got;
	struct my_conn *c;
	struct peer p;
	bool more;

	(void)state;
	peer_open(&p);
	c = p.conn;
	memset(lt_buf_reserve(&piece, MY_PIECE_MAX), 'x', MY_PIECE_MAX);
	piece.len = MY_PIECE_MAX;
	c->seq = 0;
	peer_script(&c->io.in, 0, lt_buf_str(&piece));
	assert_true(my_packet_piece(c, 0, &got, &more, &err) && more);
	peer_script(&c->io.in, 1, LT_STR("y"));
	assert_true(my_packet_piece(c, 0, &got, &more, &err) && !more);
	assert_true(lt_str_eqz(got, "y") && !c->joining);

	c->seq = 0;
	peer_script(&c->io.in, 0, lt_buf_str(&piece));
	assert_false(my_packet_read(c, SIZE_MAX / 2, 0, &got, &err));
	peer_script(&c->io.in, 1, LT_STR("y"));
	assert_true(my_packet_read(c, SIZE_MAX / 2, 0, &got, &err));
	assert_int_equal(got.len, MY_PIECE_MAX + 1);
	lt_buf_free(&piece);

	c->seq = 7;
	peer_script(&c->io.in, 6, LT_STR("y"));
	assert_false(my_packet_read(c, SIZE_MAX / 2, 0, &got, &err));
	assert_int_equal(err.code, LT_E_PROTOCOL);
	peer_close(&p);

	peer_open(&p);
	p.conn->seq = 0;
	peer_script(&p.conn->io.in, 0, LT_STR("123456"));
	assert_false(my_packet_read(p.conn, 5, 0, &got, &err));
	assert_int_equal(err.code, LT_E_PACKET_TOO_LARGE);
	peer_close(&p);
}

static void
a_packet_larger_than_the_server_takes_is_never_sent(void **state)
{
	struct lt_err err = { 0 };
	struct lt_buf heard;
	struct peer p;

	(void)state;
	peer_open(&p);
	p.conn->max_packet = 100;
	assert_true(my_send_query(p.conn, LT_STR("DO 1"), &err));
	for (int i = 0; i < 2; i++) {
		static const char text[100] = { 0 };

		assert_false(my_send_query(p.conn, lt_str_of(text, sizeof(text)), &err));
		assert_int_equal(err.code, LT_E_PACKET_TOO_LARGE);
	}
	assert_int_equal(my_pending(p.conn), 1);
	assert_true(my_flush(p.conn, &err));
	heard = peer_heard(&p);
	assert_int_equal(heard.len, 4 + 5);
	lt_buf_free(&heard);
	peer_close(&p);
}

static void
a_wrong_number_is_refused_but_a_last_word_is_heard(void **state)
{
	static const struct {
		struct lt_str bytes;
		enum lt_code code;
	} cases[] = {
		{ { "\7\0\0\2\0\0\0\2\0\0\0", 11 }, LT_E_PROTOCOL },
		{ { "\0\0\0\2", 4 }, LT_E_PROTOCOL },
		{ { "\xff\xff\xff\2", 4 }, LT_E_PROTOCOL },
		{ { "\x09\0\0\0\xff\xbf\x0f#HY000", 13 }, LT_E_LINK_LOST }, /* 4031, by itself */
		{ { "\x09\0\0\0\xff\x26\4#23000", 13 }, LT_E_DUPLICATE },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct lt_err err = { 0 };
		struct peer p;

		peer_open(&p);
		peer_bytes(&p, cases[i].bytes);
		assert_false(my_ping(p.conn, &err));
		assert_int_equal(err.code, cases[i].code);
		assert_false(my_alive(p.conn));
		peer_close(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_around_each_border_come_back_whole),
		cmocka_unit_test(pieces_that_come_late_are_joined_after_a_timeout),
		cmocka_unit_test(a_packet_over_the_limit_is_refused_by_its_header),
		cmocka_unit_test(what_lies_there_whole_is_judged_no_less),
		cmocka_unit_test(a_packet_larger_than_the_server_takes_is_never_sent),
		cmocka_unit_test(a_wrong_number_is_refused_but_a_last_word_is_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
