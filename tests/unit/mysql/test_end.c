/* How a line ends before its time: cancelled in every phase, or by a server that says so out of turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "mysql/conn_priv.h"
#include "unit/mysql/peer.h"

/* Raised by another thread once the client has said something behind `skip` bytes, so that it waits or will. */
struct canceller {
	int fd;
	struct lt_wake *stop; /* or: */
	struct my_conn *conn;
};

static void
cancel_when_heard(void *arg)
{
	struct canceller *k = arg;
	struct pollfd p = { .fd = k->fd, .events = POLLIN };

	LT_ASSERT(poll(&p, 1, 60000) == 1);
	if (k->stop != NULL)
		lt_wake_raise(k->stop);
	else
		my_cancel(k->conn);
}

/* The greeting and nothing more: the client waits for the TLS handshake or the login. */
static void
cancel_set_up(struct lt_str greeting, enum my_ssl_mode mode)
{
	struct my_addr addr = { .user = "u", .ssl_mode = mode, .connect_timeout_ms = 60000, .stop = lt_wake_new() };
	struct canceller k = { .stop = addr.stop };
	struct lt_err err = { 0 };
	struct lt_thread *t;
	struct peer p;

	peer_pair(&p);
	k.fd = p.fd;
	peer_packet(&p, 0, greeting);
	t = lt_thread_start("cancel", cancel_when_heard, &k);
	assert_false(my_connect_fd(p.client_fd, &addr, &p.conn, &err));
	assert_int_equal(err.code, LT_E_CANCELLED);
	p.client_fd = -1;
	lt_thread_join(t);
	peer_close(&p);
	lt_wake_free(addr.stop);
}

static void
cancels_the_tls_handshake_and_the_login(void **state)
{
	struct lt_buf with_tls = { 0 };
	size_t caps_at = strlen(peer_greeting_mysql.ptr) + 1 + 4 + 8 + 1;

	(void)state;
	cancel_set_up(peer_greeting_mysql, MY_SSL_PREFERRED); /* offers none: the login */
	lt_buf_str_add(&with_tls, peer_greeting_mysql);
	with_tls.ptr[caps_at + 1] = (char)((uint8_t)with_tls.ptr[caps_at + 1] | MY_CAP_SSL >> 8);
	cancel_set_up(lt_buf_str(&with_tls), MY_SSL_REQUIRED);
	lt_buf_free(&with_tls);
}

static void
raise_it(void *arg)
{
	lt_wake_raise(arg);
}

/* A port whose queue is full: the system goes on asking it. */
static void
cancels_the_connecting(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct my_addr addr = { .host = "127.0.0.1", .user = "u", .connect_timeout_ms = 60000, .stop = lt_wake_new() };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fillers[16];
	socklen_t len = sizeof(sin);
	struct my_conn *c = NULL;
	struct lt_err err = { 0 };
	struct lt_thread *t;

	(void)state;
	assert_int_equal(bind(listener, (const struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	addr.port = ntohs(sin.sin_port);
	for (size_t i = 0; i < LT_COUNT(fillers); i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(
		    connect(fillers[i], (const struct sockaddr *)&sin, sizeof(sin)) == 0 || errno == EINPROGRESS);
	}
	/* Before or while it waits: it ends either way. */
	t = lt_thread_start("cancel", raise_it, addr.stop);
	assert_false(my_connect(&addr, &c, &err));
	assert_int_equal(err.code, LT_E_CANCELLED);
	lt_thread_join(t);
	for (size_t i = 0; i < LT_COUNT(fillers); i++)
		close(fillers[i]);
	close(listener);
	lt_wake_free(addr.stop);
}

static void
what_stopped_the_set_up_does_not_stop_the_line(void **state)
{
	struct my_addr addr = { .user = "u", .ssl_mode = MY_SSL_DISABLED, .stop = lt_wake_new() };
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_pair(&p);
	peer_packet(&p, 0, peer_greeting_mysql);
	peer_packet(&p, 2, peer_ok);
	peer_packet(&p, 1, peer_ok);
	assert_true(my_connect_fd(p.client_fd, &addr, &p.conn, &err));
	p.client_fd = -1;
	lt_wake_raise(addr.stop);
	lt_wake_free(addr.stop); /* no longer ours */
	peer_packet(&p, 1, peer_ok);
	assert_true(my_ping(p.conn, &err));
	peer_close(&p);
}

/* Every way to wait for a server that is silent. */
static bool
ask_query(struct my_conn *c, struct lt_err *err)
{
	return my_exec(c, "DO 1", NULL, err);
}

static bool
ask_queued(struct my_conn *c, struct lt_err *err)
{
	return my_send_query(c, LT_STR("DO 1"), err) && my_recv(c, NULL, err);
}

static bool
ask_prepare(struct my_conn *c, struct lt_err *err)
{
	struct my_stmt *s;

	return my_prepare(c, LT_STR("DO 1"), &s, err);
}

static bool
ask_stream(struct my_conn *c, struct lt_err *err)
{
	struct lt_str packet;

	return my_command(c, 0x12, LT_STR(""), err) && my_read_packet(c, -1, 1 << 20, &packet, err);
}

static bool
ask_by_writing(struct my_conn *c, struct lt_err *err)
{
	struct lt_buf much = { 0 };
	bool ok;

	memset(lt_buf_reserve(&much, 8 << 20), 'x', 8 << 20);
	much.len = 8 << 20;
	c->max_packet = MY_PACKET_MAX;
	ok = my_send_query(c, lt_buf_str(&much), err); /* more than the kernel takes */
	lt_buf_free(&much);
	return ok;
}

static bool (*const waits[])(
    struct my_conn *c, struct lt_err *err) = { ask_query, ask_queued, ask_prepare, ask_stream, ask_by_writing };

static void
cancels_every_wait_of_an_open_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < LT_COUNT(waits); i++) {
		struct lt_err err = { 0 };
		struct canceller k;
		struct lt_thread *t;
		struct peer p;

		peer_open(&p);
		k = (struct canceller){ .fd = p.fd, .conn = p.conn };
		t = lt_thread_start("cancel", cancel_when_heard, &k);
		assert_false(waits[i](p.conn, &err));
		assert_int_equal(err.code, LT_E_CANCELLED);
		assert_false(my_alive(p.conn));
		lt_thread_join(t);
		peer_close(&p);
	}
}

/* What a server says last, with whatever number it has in hand, and how each wait ends with it. */
static const struct {
	struct lt_str said;
	enum lt_code code;
	uint16_t number;
} farewells[] = {
	{ { "\xff\x1d\4#08S01Server shutdown in progress", 36 }, LT_E_SERVER_BUSY, 1053 },
	{ { "\xff\xbf\x0f#HY000The client was disconnected by the server because of inactivity.", 73 }, LT_E_LINK_LOST,
	    4031 },
	{ { "\xff\x87\7#70100Connection was killed", 30 }, LT_E_LINK_LOST, 1927 },
	{ { "\xff\x84\4#08S01Got packets out of order", 33 }, LT_E_LINK_LOST, 1156 },
};

static void
a_farewell_out_of_turn_ends_every_wait(void **state)
{
	(void)state;
	for (size_t f = 0; f < LT_COUNT(farewells); f++) {
		for (size_t i = 0; i < LT_COUNT(waits) - 1; i++) {
			for (int seq = 0; seq < 256; seq += 51) {
				struct lt_err err = { 0 };
				struct peer p;

				peer_open(&p);
				peer_packet(&p, (uint8_t)seq, farewells[f].said);
				peer_end(&p);
				assert_false(waits[i](p.conn, &err));
				assert_int_equal(err.code, farewells[f].code);
				assert_int_equal(err.server_errno, farewells[f].number);
				assert_false(my_alive(p.conn));
				assert_false(my_ping(p.conn, &err));
				assert_int_equal(err.code, LT_E_LINK_LOST);
				peer_close(&p);
			}
		}
	}
}

/* Among the packets of a result: behind the count of columns, a column, the rows. */
static void
a_farewell_inside_a_result_ends_it(void **state)
{
	(void)state;
	for (int before = 1; before <= 3; before++) {
		struct lt_str packets[3] = { LT_STR("\1"), peer_column("a"), LT_STR("\1x") };
		struct my_rows *rows = NULL;
		struct lt_err err = { 0 };
		struct peer p;

		peer_open(&p);
		for (int i = 0; i < before; i++)
			peer_packet(&p, (uint8_t)(i + 1), packets[i]);
		peer_packet(&p, 0, farewells[0].said);
		peer_end(&p);
		assert_false(my_query(p.conn, "SELECT", &rows, &err));
		assert_int_equal(err.code, LT_E_SERVER_BUSY);
		assert_false(my_alive(p.conn));
		peer_close(&p);
	}
}

static void
a_peer_that_hung_up_is_noticed_unasked(void **state)
{
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_open(&p);
	assert_true(my_check_link(p.conn, &err));
	peer_packet(&p, 0, peer_ok); /* something to read is no end */
	assert_true(my_check_link(p.conn, &err));
	peer_end(&p);
	assert_false(my_check_link(p.conn, &err));
	assert_int_equal(err.code, LT_E_LINK_LOST);
	assert_false(my_alive(p.conn));
	assert_false(my_check_link(p.conn, &err));
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cancels_the_connecting),
		cmocka_unit_test(cancels_the_tls_handshake_and_the_login),
		cmocka_unit_test(what_stopped_the_set_up_does_not_stop_the_line),
		cmocka_unit_test(cancels_every_wait_of_an_open_line),
		cmocka_unit_test(a_farewell_out_of_turn_ends_every_wait),
		cmocka_unit_test(a_farewell_inside_a_result_ends_it),
		cmocka_unit_test(a_peer_that_hung_up_is_noticed_unasked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
