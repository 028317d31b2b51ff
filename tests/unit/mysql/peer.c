#include "unit/mysql/peer.h"

#include <sys/socket.h>
#include <unistd.h>

#include "mysql/conn_priv.h"

#define GREETING(bytes)                                                                                                \
	{                                                                                                              \
		(bytes), sizeof(bytes) - 1                                                                             \
	}

const struct lt_str peer_greeting_mysql =
    GREETING("\n9.7.4-2\0=\0\0\0\\\x18+^\\-\x11g\0\xff\xf7\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0o-X\5\5\4\x19"
	     "a6k2\x18\0caching_sha2_password\0");
const struct lt_str peer_greeting_mariadb =
    GREETING("\n5.5.5-10.11.19-MariaDB-0+deb12u1-log\0\x34\0\0\0?X{&Gr+"
	     "x\0\xfe\xf7\x08\2\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0AvSz.t}8>n0B\0"
	     "mysql_native_password\0");
const struct lt_str peer_ok = GREETING("\0\0\0\2\0\0\0");

void
peer_pair(struct peer *p)
{
	int fds[2];

	LT_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	*p = (struct peer){ .fd = fds[0], .client_fd = fds[1] };
}

void
peer_open(struct peer *p)
{
	const struct my_addr addr = {
		.user = "u", .password = "geheim", .ssl_mode = MY_SSL_DISABLED, .io_timeout_ms = 60000
	};
	struct lt_err err = { 0 };
	struct lt_buf said;
	int fd;

	peer_pair(p);
	peer_packet(p, 0, peer_greeting_mysql);
	peer_packet(p, 2, peer_ok);
	peer_packet(p, 1, peer_ok);
	fd = p->client_fd;
	p->client_fd = -1;
	LT_ASSERT(my_connect_fd(fd, &addr, &p->conn, &err));
	said = peer_heard(p);
	lt_buf_free(&said);
}

void
peer_close(struct peer *p)
{
	my_close(p->conn);
	if (p->client_fd >= 0)
		close(p->client_fd);
	close(p->fd);
}

void
peer_bytes(struct peer *p, struct lt_str bytes)
{
	LT_ASSERT(send(p->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)bytes.len);
}

void
peer_script(struct lt_buf *b, uint8_t seq, struct lt_str payload)
{
	lt_buf_le(b, payload.len, 3);
	lt_buf_le(b, seq, 1);
	lt_buf_str_add(b, payload);
}

void
peer_packet(struct peer *p, uint8_t seq, struct lt_str payload)
{
	struct lt_buf b = { 0 };

	peer_script(&b, seq, payload);
	peer_bytes(p, lt_buf_str(&b));
	lt_buf_free(&b);
}

void
peer_end(struct peer *p)
{
	shutdown(p->fd, SHUT_WR);
}

struct lt_buf
peer_heard(struct peer *p)
{
	struct lt_buf b = { 0 };
	ssize_t n;

	while ((n = recv(p->fd, lt_buf_reserve(&b, 65536), 65536, MSG_DONTWAIT)) > 0)
		b.len += (size_t)n;
	return b;
}

struct lt_str
peer_column(const char *name)
{
	static char bytes[256];
	struct lt_buf b = { 0 };
	size_t len;

	lt_buf_lenstr(&b, LT_STR("def"));
	for (int i = 0; i < 3; i++)
		lt_buf_lenstr(&b, LT_STR("t"));
	lt_buf_lenstr(&b, lt_str_z(name));
	lt_buf_lenstr(&b, lt_str_z(name));
	lt_buf_lenenc(&b, 12);
	lt_buf_le(&b, MY_CHARSET_UTF8MB4, 2);
	lt_buf_le(&b, 0, 8);
	lt_buf_le(&b, 0, 2);
	len = b.len;
	LT_ASSERT(len <= sizeof(bytes));
	memcpy(bytes, b.ptr, len);
	lt_buf_free(&b);
	return lt_str_of(bytes, len);
}

void
peer_prepared(struct peer *p, uint16_t nparams)
{
	struct lt_buf reply = { 0 };

	lt_buf_le(&reply, 0, 1);
	lt_buf_le(&reply, 0x01020304, 4);
	lt_buf_le(&reply, 0, 2);
	lt_buf_le(&reply, nparams, 2);
	lt_buf_le(&reply, 0, 3);
	peer_packet(p, 1, lt_buf_str(&reply));
	for (uint8_t i = 0; i < nparams; i++)
		peer_packet(p, (uint8_t)(2 + i), peer_column("?"));
	lt_buf_free(&reply);
}
