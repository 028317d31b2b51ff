#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "mysql/conn_priv.h"

enum { CHUNK = 16000, CHUNKS = 400 };

/* The other end of a TLS line: sends and takes CHUNKS chunks by turns, and changes its keys in the midst. */
struct far {
	int fd;
	SSL_CTX *ctx;   /* owned */
	int every;      /* its keys change every so many chunks; 0: never */
	unsigned seen;  /* changes of our keys */
	unsigned asked; /* of them with the request for its own */
	bool ok;        /* all came as it was sent */
};

static char
byte_at(size_t i)
{
	return (char)(i * 13 + i / 4093);
}

static SSL_CTX *
new_ctx(int max_version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	assert_true(ctx != NULL && key != NULL && cert != NULL);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_true(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
	assert_true(SSL_CTX_set_max_proto_version(ctx, max_version) == 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static void
count_updates(int sent, int version, int type, const void *ptr, size_t len, SSL *ssl, void *arg)
{
	const uint8_t *bytes = ptr;
	struct far *f = arg;

	(void)version, (void)ssl;
	if (sent != 0 || type != SSL3_RT_HANDSHAKE || len < 5 || bytes[0] != SSL3_MT_KEY_UPDATE)
		return;
	f->seen++;
	f->asked += bytes[4];
}

static bool
take_chunk(SSL *ssl, size_t from)
{
	char got[CHUNK];
	size_t at = 0, n = 0;

	for (; at < CHUNK; at += n) {
		if (SSL_read_ex(ssl, got + at, CHUNK - at, &n) != 1)
			return false;
	}
	for (size_t i = 0; i < CHUNK; i++) {
		if (got[i] != byte_at(from + i))
			return false;
	}
	return true;
}

static void
serve(void *arg)
{
	struct far *f = arg;
	SSL *ssl = SSL_new(f->ctx);
	char chunk[CHUNK];
	size_t n = 0;

	SSL_set_fd(ssl, f->fd);
	SSL_set_msg_callback(ssl, count_updates);
	SSL_set_msg_callback_arg(ssl, f);
	f->ok = SSL_accept(ssl) == 1;
	for (size_t k = 0; f->ok && k < CHUNKS; k++) {
		for (size_t i = 0; i < CHUNK; i++)
			chunk[i] = byte_at(k * CHUNK + i);
		f->ok = SSL_write_ex(ssl, chunk, CHUNK, &n) == 1;
		if (f->ok && f->every > 0 && k % (size_t)f->every == 0)
			f->ok = SSL_key_update(
				    ssl, k % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) == 1;
		f->ok = f->ok && take_chunk(ssl, k * CHUNK);
	}
	SSL_free(ssl);
}

/* Send and take all, our own keys changing every `rekey` records. */
static void
stream(struct far *f, int max_version, uint64_t rekey)
{
	const struct my_addr addr = { .ssl_mode = MY_SSL_REQUIRED, .socket = "" };
	struct my_io io = { .wake = lt_wake_new(), .timeout_ms = 60000 };
	struct my_server server = { 0 };
	struct lt_err err = { 0 };
	struct lt_thread *t;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	f->fd = fds[0];
	f->ctx = new_ctx(max_version);
	my_io_open(&io, fds[1]);
	t = lt_thread_start("far", serve, f);
	assert_true(my_tls_start(&io, &addr, &server, &err));
	assert_true(io.tls_rekey > 0 && io.tls_rekey <= (uint64_t)1 << 24);
	io.tls_rekey = rekey;
	for (size_t i = 0; i < (size_t)CHUNK * CHUNKS; i++)
		lt_buf_c(&io.out, byte_at(i));
	assert_true(my_io_push(&io, &err));
	assert_true(my_io_fill(&io, (size_t)CHUNK * CHUNKS, MY_WAIT_DEFAULT, &err));
	for (size_t i = 0; i < (size_t)CHUNK * CHUNKS; i++)
		assert_int_equal(io.in.ptr[io.in_at + i], byte_at(i));
	lt_thread_join(t);
	assert_true(f->ok);
	my_io_close(&io);
	close(f->fd);
	SSL_CTX_free(f->ctx);
}

static void
a_server_may_change_its_keys_and_ask_for_ours(void **state)
{
	struct far f = { .every = 3 };

	(void)state;
	stream(&f, TLS1_3_VERSION, 0);
	/* Requests that come together may be answered at once. */
	assert_true(f.seen > 1);
	assert_int_equal(f.asked, 0);
}

static void
our_keys_change_by_volume_and_the_servers_are_asked_to(void **state)
{
	struct far f = { 0 };

	(void)state;
	stream(&f, TLS1_3_VERSION, 20);
	assert_true(f.seen >= 10);
	assert_true(f.asked > 1);
}

static void
both_sides_may_change_keys_at_once(void **state)
{
	struct far f = { .every = 1 };

	(void)state;
	stream(&f, TLS1_3_VERSION, 1);
	assert_true(f.seen > 20);
}

static void
tls_1_2_has_no_such_change(void **state)
{
	struct far f = { 0 };

	(void)state;
	stream(&f, TLS1_2_VERSION, 1);
	assert_int_equal(f.seen, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_may_change_its_keys_and_ask_for_ours),
		cmocka_unit_test(our_keys_change_by_volume_and_the_servers_are_asked_to),
		cmocka_unit_test(both_sides_may_change_keys_at_once),
		cmocka_unit_test(tls_1_2_has_no_such_change),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
