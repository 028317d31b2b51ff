#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "mysql/conn_priv.h"

#define CONNECT_TIMEOUT_MS 10000u

static const uint32_t caps_needed = MY_CAP_PROTOCOL_41 | MY_CAP_SECURE_CONNECTION | MY_CAP_PLUGIN_AUTH;
static const uint32_t caps_wanted = MY_CAP_LONG_PASSWORD | MY_CAP_LONG_FLAG | MY_CAP_PROTOCOL_41 | MY_CAP_TRANSACTIONS |
				    MY_CAP_SECURE_CONNECTION | MY_CAP_MULTI_RESULTS | MY_CAP_PS_MULTI_RESULTS |
				    MY_CAP_PLUGIN_AUTH | MY_CAP_CONNECT_ATTRS | MY_CAP_LENENC_AUTH |
				    MY_CAP_DEPRECATE_EOF;

static struct my_conn *
conn_new(const struct my_addr *addr, struct lt_err *err)
{
	unsigned timeout_ms = addr->connect_timeout_ms != 0 ? addr->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	struct lt_wake *wake = lt_wake_try();
	struct my_conn *c;

	if (wake == NULL) {
		lt_fail(err, LT_E_CONNECT, "no descriptor for a connection: %s", strerror(errno));
		return NULL;
	}
	c = lt_new(struct my_conn);
	c->io.fd = -1;
	c->io.wake = wake;
	c->io.stop = addr->stop;
	c->io.timeout_ms = addr->io_timeout_ms;
	c->io.deadline_us = lt_mono_us(lt_clock_real()) + (uint64_t)timeout_ms * 1000;
	return c;
}

/* The first packet tells whether this is a MySQL server at all. */
static bool
greet(struct my_conn *c, struct my_handshake *hs, struct lt_err *err)
{
	struct lt_err mine = { 0 };
	struct lt_err *to = err != NULL ? err : &mine;
	struct lt_str packet;

	if (!my_packet_read(c, 65536, MY_WAIT_DEFAULT, &packet, to)) {
		if (to->code == LT_E_PROTOCOL || to->code == LT_E_PACKET_TOO_LARGE)
			lt_fail(to, LT_E_NOT_MYSQL, "what answers there does not begin as MySQL does");
		return false;
	}
	if (packet.len >= 3 && (uint8_t)packet.ptr[0] == MY_HEAD_ERR)
		return my_refused(c, packet, to);
	if (!my_handshake_decode(packet, hs, to))
		return false;
	my_version_decode(hs->version, hs->caps, &c->server);
	c->server.thread_id = hs->thread_id;
	if ((hs->caps & caps_needed) != caps_needed)
		return lt_fail(
		    to, LT_E_SERVER_UNSUPPORTED, "server %s does not know today's login", c->server.version_text);
	return true;
}

static bool
wants_tls(const struct my_conn *c, const struct my_addr *addr)
{
	return addr->ssl_mode >= MY_SSL_REQUIRED || (addr->ssl_mode == MY_SSL_PREFERRED && !c->io.is_socket_file);
}

void
my_login_head(struct my_conn *c)
{
	struct lt_buf *out = &c->io.out;

	lt_buf_le(out, c->caps, 4);
	lt_buf_le(out, MY_PACKET_MAX, 4);
	lt_buf_le(out, MY_CHARSET_UTF8MB4, 1);
	memset(lt_buf_reserve(out, 19), 0, 19);
	out->len += 19;
	lt_buf_le(out, c->mariadb_caps, 4);
}

static bool
secure(struct my_conn *c, const struct my_addr *addr, const struct my_handshake *hs, struct lt_err *err)
{
	size_t start;

	if (!wants_tls(c, addr))
		return true;
	if ((hs->caps & MY_CAP_SSL) == 0) {
		if (addr->ssl_mode == MY_SSL_PREFERRED)
			return true;
		return lt_fail(err, LT_E_TLS_UNAVAILABLE, "TLS is asked for, and the server offers none");
	}
	c->caps |= MY_CAP_SSL;
	start = my_packet_begin(c);
	my_login_head(c);
	if (!my_packet_end(c, start, err) || !my_io_push(&c->io, err))
		return false;
	/* Whoever can write into the plain phase must not be able to write what we take for the server's TLS words. */
	if (c->io.in.len > c->io.in_at)
		return my_garbled(c, "the server sent more than its greeting before TLS", err);
	return my_tls_start(&c->io, addr, &c->server, err);
}

/* The best of what both sides want. */
static bool
choose_zip(struct my_conn *c, const struct my_addr *addr, uint32_t offered, struct lt_err *err)
{
	static const uint32_t bits[MY_ZIP_COUNT] = { [MY_ZIP_ZLIB] = MY_CAP_COMPRESS, [MY_ZIP_ZSTD] = MY_CAP_ZSTD };
	unsigned wanted = addr->zip_kinds != 0 ? addr->zip_kinds : 1u << MY_ZIP_NONE;

	for (int kind = MY_ZIP_COUNT - 1; kind >= 0; kind--) {
		if ((wanted & 1u << kind) == 0 || (offered & bits[kind]) != bits[kind])
			continue;
		c->server.zip = (enum my_zip_kind)kind;
		c->caps |= bits[kind];
		return true;
	}
	return lt_fail(err, LT_E_COMPRESSION, "server %s has none of the compression algorithms that are asked for",
	    c->server.version_text);
}

static bool
set_up(struct my_conn *c, const struct my_addr *addr, struct lt_err *err)
{
	const char *first[2];
	struct my_handshake hs;

	if (!greet(c, &hs, err))
		return false;
	c->caps = caps_wanted & (hs.caps | MY_CAP_LONG_PASSWORD);
	c->mariadb_caps = MY_MARIADB_BULK & hs.mariadb_caps;
	if (c->mariadb_caps != 0)
		c->caps &= ~(uint32_t)MY_CAP_LONG_PASSWORD; /* or the server takes ours for filler */
	c->server.bulk = (c->mariadb_caps & MY_MARIADB_BULK) != 0;
	if (addr->found_rows)
		c->caps |= MY_CAP_FOUND_ROWS;
	if (!choose_zip(c, addr, hs.caps, err) || !secure(c, addr, &hs, err) || !my_auth_run(c, addr, &hs, err))
		return false;
	if (c->server.zip != MY_ZIP_NONE)
		my_io_zip(&c->io, c->server.zip);
	/* A server may be told to pay no heed to the charset of the login. */
	first[0] = "SET NAMES utf8mb4";
	first[1] = addr->session;
	return my_exec_all(c, first, addr->session != NULL ? 2 : 1, err);
}

static bool
finish(struct my_conn *c, const struct my_addr *addr, struct my_conn **ret, struct lt_err *err)
{
	bool ok = set_up(c, addr, err);

	c->io.deadline_us = 0;
	c->io.stop = NULL;
	if (!ok) {
		c->dead = true;
		my_close(c);
		return false;
	}
	*ret = c;
	return true;
}

bool
my_connect(const struct my_addr *addr, struct my_conn **ret, struct lt_err *err)
{
	struct my_conn *c = conn_new(addr, err);

	if (c == NULL)
		return false;
	if (!my_io_connect(&c->io, addr, err)) {
		c->dead = true;
		my_close(c);
		return false;
	}
	return finish(c, addr, ret, err);
}

bool
my_connect_fd(int fd, const struct my_addr *addr, struct my_conn **ret, struct lt_err *err)
{
	struct my_conn *c = conn_new(addr, err);

	if (c == NULL) {
		close(fd);
		return false;
	}
	my_io_open(&c->io, fd);
	c->io.is_socket_file = addr->socket != NULL;
	return finish(c, addr, ret, err);
}

/* COM_QUIT as far as it goes without waiting. */
static void
say_goodbye(struct my_conn *c)
{
	size_t start;

	if (c->dead || my_pending(c) > 0 || c->io.out.len > c->io.out_at || lt_wake_raised(c->io.wake))
		return;
	c->seq = 0;
	start = my_packet_begin(c);
	lt_buf_le(&c->io.out, MY_COM_QUIT, 1);
	c->io.timeout_ms = 1;
	if (!my_packet_end(c, start, NULL) || !my_io_push(&c->io, NULL))
		c->dead = true;
}

void
my_close(struct my_conn *c)
{
	if (c == NULL)
		return;
	say_goodbye(c);
	for (size_t at = c->taken_at; at < c->taken.len; at += sizeof(struct my_taken))
		free(((struct my_taken *)(void *)(c->taken.ptr + at))->err);
	my_stmts_free(c);
	my_io_close(&c->io);
	lt_buf_free(&c->join);
	lt_buf_free(&c->expect);
	lt_buf_free(&c->taken);
	free(c->cells);
	free(c);
}

const struct my_server *
my_conn_server(const struct my_conn *c)
{
	return &c->server;
}

void
my_cancel(struct my_conn *c)
{
	lt_wake_raise(c->io.wake);
}

void
my_set_io_timeout(struct my_conn *c, unsigned timeout_ms)
{
	c->io.timeout_ms = timeout_ms;
}

bool
my_alive(const struct my_conn *c)
{
	return !c->dead;
}
