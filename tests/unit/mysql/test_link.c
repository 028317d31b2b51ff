#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mysql/conn_priv.h"

#define LONG_MS 600000

static void
a_machine_that_answers_is_there_whatever_its_server_does(void **state)
{
	static const struct tcp_info there[] = {
		/* Idle for long; the kernel has asked once, or not yet. */
		{ .tcpi_state = TCP_ESTABLISHED, .tcpi_last_ack_recv = LONG_MS },
		{ .tcpi_state = TCP_ESTABLISHED, .tcpi_last_ack_recv = LONG_MS, .tcpi_probes = MY_LINK_TRIES - 1 },
		/* Bytes sent just now behind a long rest. */
		{ .tcpi_state = TCP_ESTABLISHED, .tcpi_last_ack_recv = LONG_MS, .tcpi_unacked = 1 },
		/* A bad line, on which something comes through. */
		{ .tcpi_state = TCP_ESTABLISHED,
		    .tcpi_last_ack_recv = MY_LINK_LOST_MS - 1,
		    .tcpi_unacked = 9,
		    .tcpi_retransmits = 5 },
		/* A connection that is being made has its own time limit. */
		{ .tcpi_state = TCP_SYN_SENT, .tcpi_last_ack_recv = LONG_MS, .tcpi_unacked = 1, .tcpi_retransmits = 5 },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(there); i++)
		assert_false(my_link_judge(&there[i]));
}

static void
a_machine_that_answers_nothing_is_gone(void **state)
{
	static const struct tcp_info gone[] = {
		{ .tcpi_state = TCP_ESTABLISHED,
		    .tcpi_last_ack_recv = MY_LINK_LOST_MS,
		    .tcpi_unacked = 1,
		    .tcpi_retransmits = MY_LINK_TRIES },
		{ .tcpi_state = TCP_ESTABLISHED, .tcpi_last_ack_recv = MY_LINK_LOST_MS, .tcpi_probes = MY_LINK_TRIES },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(gone); i++)
		assert_true(my_link_judge(&gone[i]));
}

/* The kernel of a peer that reads nothing answers all the same. */
static void
a_full_peer_on_a_real_socket_is_there(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0), peer, pair[2], idle = 0;
	static const char bytes[65536];

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	peer = accept(listener, NULL, NULL);
	my_link_watch(fd);
	len = sizeof(idle);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &len), 0);
	assert_true(idle * 1000 < MY_LINK_LOST_MS);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	assert_false(my_link_is_lost(fd));

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	my_link_watch(pair[0]);
	assert_false(my_link_is_lost(pair[0]));
	close(pair[0]);
	close(pair[1]);
	close(peer);
	close(fd);
	close(listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_that_answers_is_there_whatever_its_server_does),
		cmocka_unit_test(a_machine_that_answers_nothing_is_gone),
		cmocka_unit_test(a_full_peer_on_a_real_socket_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
