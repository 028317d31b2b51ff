/* Whether the peer's machine is still there: the kernel knows more of that than who waits for a reply.
 *
 * Not TCP_USER_TIMEOUT: it also ends the connection to a peer that answers, but takes no bytes for a while, as a server
 * does that has a long statement in hand. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "mysql/conn_priv.h"

/* With nothing on its way the kernel asks the peer after so long, and then again. */
#define ASK_AFTER_S 3
#define ASK_EVERY_S 1
#define ASKS 3

void
my_link_watch(int fd)
{
	const int on = 1, after_s = ASK_AFTER_S, every_s = ASK_EVERY_S, asks = ASKS;

	/* Those of TCP fail on a socket file, which has no such thing. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &after_s, sizeof(after_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &asks, sizeof(asks));
}

bool
my_link_judge(const struct tcp_info *t)
{
	/* Bytes that it did not acknowledge though they were sent again; questions that it did not answer, whether it
	 * had room for bytes or not. A peer that is there answers each at once, whatever it is doing. */
	return t->tcpi_state == TCP_ESTABLISHED && t->tcpi_last_ack_recv >= MY_LINK_LOST_MS &&
	       (t->tcpi_retransmits >= MY_LINK_TRIES || t->tcpi_probes >= MY_LINK_TRIES);
}

bool
my_link_is_lost(int fd)
{
	struct tcp_info t;
	socklen_t len = sizeof(t);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &len) == 0 && len == sizeof(t) && my_link_judge(&t);
}
