/* tests: a server's end of a socket pair. What it will say is written before the client asks, so no thread is needed.
 */
#ifndef TEST_MYSQL_PEER_H
#define TEST_MYSQL_PEER_H

#include "base/buf.h"
#include "mysql/conn.h"

struct peer {
	int fd, client_fd;    /* client_fd: -1 once a connection owns it */
	struct my_conn *conn; /* of peer_open() */
};

/* MySQL 9.7's and MariaDB 10.11's own greetings, without the bit that offers TLS. */
extern const struct lt_str peer_greeting_mysql, peer_greeting_mariadb, peer_ok;

void peer_pair(struct peer *p);
/** Greeting, OK to the login, OK to SET NAMES; then the client logs in. */
void peer_open(struct peer *p);
void peer_close(struct peer *p);
/** Say a packet, or plain bytes; nothing more will be said. */
void peer_packet(struct peer *p, uint8_t seq, struct lt_str payload);
void peer_bytes(struct peer *p, struct lt_str bytes);
void peer_end(struct peer *p);
/** Say that a statement is prepared. */
void peer_prepared(struct peer *p, uint16_t nparams);
/** All that the client has sent so far; the buffer is the caller's to free. */
struct lt_buf peer_heard(struct peer *p);
/** A column definition; lives until the next call. */
struct lt_str peer_column(const char *name);
/** Append a packet to a script that is written at once. */
void peer_script(struct lt_buf *b, uint8_t seq, struct lt_str payload);

#endif
