#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include "mysql/conn_priv.h"

/* AES-GCM's keys are good for 2^24 records (RFC 8446, 5.5), and OpenSSL does not change them by itself. */
#define REKEY_RECORDS ((uint64_t)1 << 20)

#define UNSENT_MAX                                                                                                     \
	((size_t)1 << 20) /* records that wait for room; we make one at a time, the rest are answers to the peer */

/* -- our own BIO ----------------------------------------------------------------------------------------------------
 *
 * OpenSSL's socket BIO uses write(), which raises SIGPIPE. And a record that waits for room in the socket must not wait
 * inside OpenSSL (3.0): where the peer asks for new keys meanwhile, the answer fails with "bad length" and the line is
 * lost. So what is written always goes, into tls_out. */

static int
bio_write(BIO *bio, const char *ptr, size_t len, size_t *moved)
{
	struct my_io *io = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (len > UNSENT_MAX || io->tls_out.len - io->tls_out_at > UNSENT_MAX - len)
		return 0;
	lt_buf_add(&io->tls_out, ptr, len);
	*moved = len;
	return 1;
}

static int
bio_read(BIO *bio, char *ptr, size_t cap, size_t *moved)
{
	struct my_io *io = BIO_get_data(bio);
	ssize_t n = recv(io->fd, ptr, cap, 0);

	BIO_clear_retry_flags(bio);
	if (n > 0) {
		*moved = (size_t)n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
	else
		io->broke = n < 0 ? errno : 0;
	return 0;
}

/* Send what OpenSSL wrote, as far as it goes. */
static void
flush_records(struct my_io *io)
{
	struct lt_buf *b = &io->tls_out;

	while (io->tls_out_at < b->len) {
		ssize_t n = send(io->fd, b->ptr + io->tls_out_at, b->len - io->tls_out_at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
			io->deaf = true;
			io->tls_out_at = b->len;
		}
		if (n < 0)
			break;
		io->tls_out_at += (size_t)n;
	}
	io->wants_out = io->tls_out_at < b->len;
	if (!io->wants_out) {
		lt_buf_clear(b);
		io->tls_out_at = 0;
	}
}

static long
bio_ctrl(BIO *bio, int what, long n, void *ptr)
{
	(void)bio, (void)n, (void)ptr;
	return what == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO *
bio_new(struct my_io *io)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "socket without SIGPIPE");
	BIO *bio;

	LT_ASSERT(m != NULL);
	BIO_meth_set_write_ex(m, bio_write);
	BIO_meth_set_read_ex(m, bio_read);
	BIO_meth_set_ctrl(m, bio_ctrl);
	io->bio_method = m;
	bio = BIO_new(m);
	LT_ASSERT(bio != NULL);
	BIO_set_data(bio, io);
	BIO_set_init(bio, 1);
	return bio;
}

/* -- set-up --------------------------------------------------------------------------------------- */

static bool
tls_fail(struct lt_err *err, const char *what, const char *detail)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

	lt_fail(err, LT_E_TLS, "%s%s%s: %s", what, detail != NULL ? " " : "", detail != NULL ? detail : "",
	    reason != NULL ? reason : "no reason given");
	ERR_clear_error();
	return false;
}

static bool
given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static bool
load_files(SSL_CTX *ctx, const struct my_addr *addr, struct lt_err *err)
{
	if (given(addr->ssl_ca) && SSL_CTX_load_verify_file(ctx, addr->ssl_ca) != 1)
		return tls_fail(err, "cannot use ssl-ca", addr->ssl_ca);
	if (!given(addr->ssl_ca) && SSL_CTX_set_default_verify_paths(ctx) != 1)
		return tls_fail(err, "cannot use the system's certificates", NULL);
	if (!given(addr->ssl_cert))
		return true;
	if (SSL_CTX_use_certificate_chain_file(ctx, addr->ssl_cert) != 1)
		return tls_fail(err, "cannot use ssl-cert", addr->ssl_cert);
	if (SSL_CTX_use_PrivateKey_file(ctx, given(addr->ssl_key) ? addr->ssl_key : addr->ssl_cert, SSL_FILETYPE_PEM) !=
	    1)
		return tls_fail(err, "cannot use ssl-key", addr->ssl_key);
	return true;
}

/* Name or address that the certificate must carry. */
static bool
set_identity(SSL *ssl, const struct my_addr *addr, struct lt_err *err)
{
	const char *host = given(addr->socket) || !given(addr->host) ? "localhost" : addr->host;
	unsigned char ip[16];
	bool is_ip = inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;

	if (!is_ip && SSL_set_tlsext_host_name(ssl, host) != 1)
		return tls_fail(err, "cannot ask for host", host);
	if (addr->ssl_mode != MY_SSL_VERIFY_IDENTITY)
		return true;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) != 1 : SSL_set1_host(ssl, host) != 1)
		return tls_fail(err, "cannot check host", host);
	return true;
}

/* The server's keys changed. */
static void
see_message(int sent, int version, int type, const void *ptr, size_t len, SSL *ssl, void *arg)
{
	struct my_io *io = arg;

	(void)version, (void)ssl;
	if (sent != 0 || type != SSL3_RT_HANDSHAKE || len == 0 || *(const uint8_t *)ptr != SSL3_MT_KEY_UPDATE)
		return;
	io->tls_got = 0;
	io->tls_asked = false;
}

static bool
make_ssl(struct my_io *io, const struct my_addr *addr, struct lt_err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	bool ok = false;
	BIO *bio;

	LT_ASSERT(ctx != NULL);
	ERR_clear_error();
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, addr->ssl_mode >= MY_SSL_VERIFY_CA ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (!load_files(ctx, addr, err))
		goto out;

	io->ssl = SSL_new(ctx);
	LT_ASSERT(io->ssl != NULL);
	bio = bio_new(io);
	SSL_set_bio(io->ssl, bio, bio);
	SSL_set_msg_callback(io->ssl, see_message);
	SSL_set_msg_callback_arg(io->ssl, io);
	io->tls_rekey = REKEY_RECORDS;
	ok = set_identity(io->ssl, addr, err);
out:
	SSL_CTX_free(ctx);
	return ok;
}

static bool
handshake_failed(struct my_io *io, int why, struct lt_err *err)
{
	long verdict = SSL_get_verify_result(io->ssl);
	unsigned long code = ERR_peek_error();

	if (SSL_get_verify_mode(io->ssl) != SSL_VERIFY_NONE && verdict != X509_V_OK) {
		ERR_clear_error();
		return lt_fail(
		    err, LT_E_TLS, "the server's certificate is refused: %s", X509_verify_cert_error_string(verdict));
	}
	if (why == SSL_ERROR_SYSCALL || why == SSL_ERROR_ZERO_RETURN ||
	    ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ERR_clear_error();
		return lt_fail(err, LT_E_LINK_LOST, "the server closed the connection during the TLS handshake");
	}
	return tls_fail(err, "the TLS handshake failed", NULL);
}

bool
my_tls_start(struct my_io *io, const struct my_addr *addr, struct my_server *server, struct lt_err *err)
{
	int rc;

	if (!make_ssl(io, addr, err))
		return false;
	while (ERR_clear_error(), (rc = SSL_connect(io->ssl)) != 1) {
		int why = SSL_get_error(io->ssl, rc);
		short revents;

		flush_records(io);
		if (why != SSL_ERROR_WANT_READ)
			return handshake_failed(io, why, err);
		if (!my_io_wait(io, io->wants_out ? POLLIN | POLLOUT : POLLIN, MY_WAIT_DEFAULT, &revents, err))
			return false;
	}
	flush_records(io);
	server->tls = true;
	lt_str_copy(server->tls_cipher, sizeof(server->tls_cipher), lt_str_z(SSL_get_cipher_name(io->ssl)));
	return true;
}

/* -- data ----------------------------------------------------------------------------------------- */

static enum my_io_end
end_of(struct my_io *io, int rc)
{
	int why;

	if (rc == 1)
		return MY_IO_MOVED;
	why = SSL_get_error(io->ssl, rc);
	ERR_clear_error();
	return why == SSL_ERROR_WANT_READ ? MY_IO_AGAIN : MY_IO_CLOSED;
}

/* New keys for what we send, and where the server's are used up, a request for new ones there. A server that sends its
 * log reads nothing meanwhile: it is asked once, not again and again. */
static void
rekey(struct my_io *io)
{
	bool ask = io->tls_got >= io->tls_rekey && !io->tls_asked;

	if (io->tls_rekey == 0 || (!ask && io->tls_sent < io->tls_rekey) || SSL_version(io->ssl) < TLS1_3_VERSION)
		return;
	/* It goes out with the next read or write. */
	if (SSL_key_update(io->ssl, ask ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) != 1) {
		ERR_clear_error();
		return;
	}
	io->tls_sent = 0;
	io->tls_asked = io->tls_asked || ask;
}

enum my_io_end
my_tls_read(struct my_io *io, void *ptr, size_t cap, size_t *out)
{
	enum my_io_end end = MY_IO_MOVED;
	size_t got = 0;

	/* One record gives 16 KB at most. */
	while (end == MY_IO_MOVED && got < cap) {
		size_t n = 0;

		ERR_clear_error();
		rekey(io);
		end = end_of(io, SSL_read_ex(io->ssl, (char *)ptr + got, cap - got, &n));
		got += n;
		io->tls_got += end == MY_IO_MOVED;
	}
	flush_records(io);
	*out = got;
	return end;
}

enum my_io_end
my_tls_write(struct my_io *io, const void *ptr, size_t len, size_t *out)
{
	enum my_io_end end;

	flush_records(io);
	if (io->wants_out)
		return MY_IO_AGAIN;
	ERR_clear_error();
	rekey(io);
	end = end_of(io, SSL_write_ex(io->ssl, ptr, len, out));
	io->tls_sent += end == MY_IO_MOVED;
	flush_records(io);
	return end;
}

bool
my_tls_pending(const struct my_io *io)
{
	return SSL_has_pending(io->ssl) == 1;
}

void
my_tls_close(struct my_io *io)
{
	if (io->ssl != NULL && !io->closed && !io->deaf && SSL_is_init_finished(io->ssl)) {
		SSL_shutdown(io->ssl); /* says goodbye, waits for nothing */
		flush_records(io);
	}
	ERR_clear_error();
	SSL_free(io->ssl);
	BIO_meth_free(io->bio_method);
	lt_buf_free(&io->tls_out);
	io->ssl = NULL;
	io->bio_method = NULL;
}
