#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mysql/conn_priv.h"
#include "unit/mysql/peer.h"

static const char password[] = "geheim, lang genug um aufzufallen";

/* Log in to a peer that says these bytes and no more; how it ends. `heard` (may be NULL) is what the client said. */
static enum lt_code
log_in(struct lt_str script, enum my_ssl_mode mode, struct lt_buf *heard, struct lt_err *err)
{
	const struct my_addr addr = { .user = "u", .password = password, .ssl_mode = mode };
	struct my_conn *c = NULL;
	struct peer p;
	bool ok;

	peer_pair(&p);
	peer_bytes(&p, script);
	peer_end(&p);
	*err = (struct lt_err){ 0 };
	ok = my_connect_fd(p.client_fd, &addr, &c, err);
	p.client_fd = -1;
	if (heard != NULL)
		*heard = peer_heard(&p);
	p.conn = c;
	peer_close(&p);
	assert_null(strstr(err->message, password));
	assert_int_equal(ok, err->code == LT_OK);
	return err->code;
}

static void
whole_login(struct lt_buf *b, struct lt_str greeting)
{
	peer_script(b, 0, greeting);
	peer_script(b, 2, peer_ok);
	peer_script(b, 1, peer_ok);
}

static void
a_login_cut_anywhere_is_a_coded_error(void **state)
{
	struct lt_buf script = { 0 };
	struct lt_err err;

	(void)state;
	whole_login(&script, peer_greeting_mariadb);
	assert_int_equal(log_in(lt_buf_str(&script), MY_SSL_PREFERRED, NULL, &err), LT_OK);
	for (size_t n = 0; n < script.len; n++)
		assert_int_equal(log_in(lt_str_of(script.ptr, n), MY_SSL_PREFERRED, NULL, &err), LT_E_LINK_LOST);
	lt_buf_free(&script);
}

static void
the_password_does_not_go_out_in_clear(void **state)
{
	struct lt_buf script = { 0 }, heard;
	struct lt_err err;

	(void)state;
	whole_login(&script, peer_greeting_mysql);
	assert_int_equal(log_in(lt_buf_str(&script), MY_SSL_DISABLED, &heard, &err), LT_OK);
	assert_null(memmem(heard.ptr, heard.len, password, strlen(password)));
	assert_non_null(memmem(heard.ptr, heard.len, "program_name\5lutra", 18));
	assert_non_null(memmem(heard.ptr, heard.len, "SET NAMES utf8mb4", 17));
	lt_buf_free(&heard);
	lt_buf_free(&script);
}

/* Each is what a server says behind its greeting. */
static const struct {
	struct lt_str said;
	enum lt_code code;
} logins[] = {
	{ { "\xfemysql_clear_password\0", 22 }, LT_E_AUTH_INSECURE },
	{ { "\xfe"
	    "dialog\0abc\0",
	      12 },
	    LT_E_AUTH_METHOD },
	{ { "\xfe", 1 }, LT_E_AUTH_METHOD },
	{ { "\xfemysql_native_password\0short\0", 29 },
	    LT_E_AUTH_METHOD }, /* a nonce that is too short proves nothing */
	{ { "\xfemysql_native_password", 22 }, LT_E_PROTOCOL },
	{ { "\xfe"
	    "parsec\0"
	    "31 bytes, which are one too few",
	      39 },
	    LT_E_AUTH_METHOD },
	{ { "\xfe"
	    "sha256_password\0"
	    "nineteen bytes here",
	      36 },
	    LT_E_AUTH_METHOD },
	{ { "P\0salt", 6 }, LT_E_PROTOCOL },
	{ { "\1\5", 2 }, LT_E_PROTOCOL },
	{ { "\1", 1 }, LT_E_PROTOCOL },
	{ { "\2", 1 }, LT_E_PROTOCOL },
	{ { "", 0 }, LT_E_PROTOCOL },
	{ { "\xff\x15\4#28000Access denied", 22 }, LT_E_AUTH_DENIED },
	{ { "\xff\x15", 2 }, LT_E_PROTOCOL },
	{ { "\0\0", 2 }, LT_E_PROTOCOL },
};

static void
strange_steps_of_a_login_are_coded_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < LT_COUNT(logins); i++) {
		struct lt_buf script = { 0 }, heard;
		struct lt_err err;

		peer_script(&script, 0, peer_greeting_mysql);
		peer_script(&script, 2, logins[i].said);
		assert_int_equal(log_in(lt_buf_str(&script), MY_SSL_DISABLED, &heard, &err), logins[i].code);
		assert_null(memmem(heard.ptr, heard.len, password, strlen(password)));
		lt_buf_free(&heard);
		lt_buf_free(&script);
	}
}

#define NONCE32 "an' eight, an' eight, two, three"

/* Behind a switch to another method. */
static void
strange_second_steps_of_a_login_are_coded_errors(void **state)
{
	static const struct {
		struct lt_str method, said;
	} steps[] = {
		{ { "\xfe"
		    "parsec\0" NONCE32,
		      40 },
		    { "P\0"
		      "18 bytes of a salt",
			19 } }, /* too short */
		{ { "\xfe"
		    "parsec\0" NONCE32,
		      40 },
		    { "P\4"
		      "18 bytes of a salt",
			20 } }, /* too dear */
		{ { "\xfe"
		    "parsec\0" NONCE32,
		      40 },
		    { "\1Q\0"
		      "18 bytes of a salt",
			21 } },
		{ { "\xfe"
		    "parsec\0" NONCE32,
		      40 },
		    { "", 0 } },
		{ { "\xfe"
		    "parsec\0" NONCE32,
		      40 },
		    { "\1", 1 } },
		{ { "\xfe"
		    "client_ed25519\0" NONCE32,
		      48 },
		    { "P\0"
		      "18 bytes of a salt",
			20 } },
		{ { "\xfe"
		    "sha256_password\0"
		    "a nonce of 20 bytes!",
		      37 },
		    { "\1-----BEGIN PUBLIC KEY-----", 27 } },
		{ { "\xfe"
		    "sha256_password\0"
		    "a nonce of 20 bytes!",
		      37 },
		    { "\1", 1 } },
		{ { "\xfe"
		    "sha256_password\0"
		    "a nonce of 20 bytes!",
		      37 },
		    { "P", 1 } },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(steps); i++) {
		struct lt_buf script = { 0 }, heard;
		struct lt_err err;

		peer_script(&script, 0, peer_greeting_mysql);
		peer_script(&script, 2, steps[i].method);
		peer_script(&script, 4, steps[i].said);
		assert_int_equal(log_in(lt_buf_str(&script), MY_SSL_DISABLED, &heard, &err), LT_E_PROTOCOL);
		assert_null(memmem(heard.ptr, heard.len, password, strlen(password)));
		lt_buf_free(&heard);
		lt_buf_free(&script);
	}
}

static void
a_login_without_end_is_ended(void **state)
{
	struct lt_buf script = { 0 };
	struct lt_err err;

	(void)state;
	peer_script(&script, 0, peer_greeting_mysql);
	for (uint8_t seq = 2; seq < 60; seq++)
		peer_script(&script, seq, LT_STR("\1\3"));
	assert_int_equal(log_in(lt_buf_str(&script), MY_SSL_DISABLED, NULL, &err), LT_E_PROTOCOL);
	lt_buf_free(&script);
}

static void
a_bad_rsa_key_is_refused(void **state)
{
	struct lt_buf script = { 0 }, heard;
	struct lt_err err;

	(void)state;
	peer_script(&script, 0, peer_greeting_mysql);
	peer_script(&script, 2, LT_STR("\1\4"));
	peer_script(&script, 4, LT_STR("\1-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
	assert_int_equal(log_in(lt_buf_str(&script), MY_SSL_DISABLED, &heard, &err), LT_E_PROTOCOL);
	assert_null(memmem(heard.ptr, heard.len, password, strlen(password)));
	lt_buf_free(&heard);
	lt_buf_free(&script);
}

static void
first_packets_that_are_no_greeting_are_told_apart(void **state)
{
	static const struct {
		struct lt_str said;
		enum lt_code code;
	} cases[] = {
		{ { "SSH-2.0-OpenSSH_9.2\r\n", 21 }, LT_E_NOT_MYSQL },
		{ { "HTTP/1.1 400 Bad Request\r\n", 26 }, LT_E_NOT_MYSQL },
		{ { "\0\0\0\0", 4 }, LT_E_NOT_MYSQL },
		{ { "\xff\xff\xff\0", 4 }, LT_E_NOT_MYSQL },
		{ { "\1\0\0\0\x09", 5 }, LT_E_NOT_MYSQL },
		{ { "\1\0\0\0\x0a", 5 }, LT_E_PROTOCOL },
		{ { "\x0f\0\0\0\xff\x69\4Host blocked", 19 }, LT_E_SERVER_REFUSED },
		{ { "\x17\0\0\0\xff\x10\4Too many connections", 27 }, LT_E_SERVER_BUSY },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct lt_err err;

		assert_int_equal(log_in(cases[i].said, MY_SSL_PREFERRED, NULL, &err), cases[i].code);
	}
}

static void
tls_is_neither_left_out_nor_mixed_with_what_was_plain(void **state)
{
	struct lt_buf script = { 0 }, heard;
	struct lt_err err;
	char *caps;

	(void)state;
	whole_login(&script, peer_greeting_mysql);
	assert_int_equal(log_in(lt_buf_str(&script), MY_SSL_REQUIRED, NULL, &err), LT_E_TLS_UNAVAILABLE);
	/* The same, TLS offered: what stands behind the greeting was put there before the handshake. */
	caps = script.ptr + 4 + 1 + 8 + 4 + 8 + 1;
	caps[1] = (char)(caps[1] | 0x08);
	assert_int_equal(log_in(lt_buf_str(&script), MY_SSL_PREFERRED, &heard, &err), LT_E_PROTOCOL);
	assert_int_equal(heard.len, 36); /* the TLS request, not a word of the login */
	lt_buf_free(&heard);
	lt_buf_free(&script);
}

/* -- what the login asks for ---------------------------------------------------------------------- */

/* By their bits in the protocol: LONG_PASSWORD, LONG_FLAG, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_RESULTS,
 * PS_MULTI_RESULTS, PLUGIN_AUTH, CONNECT_ATTRS, LENENC_AUTH, DEPRECATE_EOF. */
#define LOGIN_READS 0x13ea205u
#define LOGIN_FOUND_ROWS (1u << 1)
#define LOGIN_ZLIB (1u << 5)
#define LOGIN_TLS (1u << 11)
#define LOGIN_SESSION_TRACK (1u << 23)
#define LOGIN_ZSTD (1u << 26)
/* MariaDB's own. */
#define LOGIN_BULK (1u << 2)
#define LOGIN_CACHE_METADATA (1u << 4)

#define LOGIN_ALL UINT32_MAX
#define LOGIN_LONG_PASSWORD 1u          /* which MariaDB does not offer, to say who it is */
#define LOGIN_OLD (1u << 20 | 1u << 24) /* what servers once did without */

static void
put_le(char *at, uint32_t n, size_t width)
{
	for (size_t i = 0; i < width; i++)
		at[i] = (char)(n >> 8 * i);
}

/* A server's greeting that offers these capabilities; what the client then asks for, and of MariaDB's own. */
static void
is_asked_for(struct lt_str greeting, uint32_t offered, const struct my_addr *addr, uint32_t asked, uint32_t of_mariadb)
{
	size_t at = strlen(greeting.ptr) + 1 + 4 + 8 + 1;
	struct lt_buf script = { 0 }, heard;
	struct my_conn *c = NULL;
	struct lt_err err = { 0 };
	struct peer p;

	whole_login(&script, greeting);
	at += 4;
	put_le(script.ptr + at, offered, 2);
	put_le(script.ptr + at + 5, offered >> 16, 2);
	put_le(script.ptr + at + 14, LOGIN_ALL, 4);
	peer_pair(&p);
	peer_bytes(&p, lt_buf_str(&script));
	peer_end(&p);
	/* How it goes on is no matter: the script is neither compressed nor under TLS. */
	(void)!my_connect_fd(p.client_fd, addr, &c, &err);
	p.client_fd = -1;
	heard = peer_heard(&p);
	p.conn = c;
	peer_close(&p);
	assert_true(heard.len >= 36);
	assert_int_equal(lt_le((const uint8_t *)heard.ptr + 4, 4), asked);
	assert_int_equal(lt_le((const uint8_t *)heard.ptr + 4 + 28, 4), of_mariadb);
	lt_buf_free(&heard);
	lt_buf_free(&script);
}

/* Whatever a server offers: session tracking would make every OK longer, MariaDB's metadata caching leaves out column
 * definitions, and nobody here reads either. */
static void
the_login_asks_for_what_is_read_and_for_nothing_else(void **state)
{
	const struct my_addr plain = { .user = "u", .password = password, .ssl_mode = MY_SSL_DISABLED };
	struct my_addr found = plain, zlib = plain, zstd = plain, tls = plain;

	(void)state;
	assert_int_equal(LOGIN_READS & LOGIN_SESSION_TRACK, 0);
	assert_int_equal(LOGIN_BULK & LOGIN_CACHE_METADATA, 0);
	found.found_rows = true;
	zlib.zip_kinds = 1u << MY_ZIP_ZLIB;
	zstd.zip_kinds = 1u << MY_ZIP_ZSTD | 1u << MY_ZIP_ZLIB | 1u << MY_ZIP_NONE;
	tls.ssl_mode = MY_SSL_PREFERRED;
	is_asked_for(peer_greeting_mysql, LOGIN_ALL, &plain, LOGIN_READS, 0);
	is_asked_for(peer_greeting_mysql, LOGIN_ALL, &found, LOGIN_READS | LOGIN_FOUND_ROWS, 0);
	is_asked_for(peer_greeting_mysql, LOGIN_ALL, &zlib, LOGIN_READS | LOGIN_ZLIB, 0);
	is_asked_for(peer_greeting_mysql, LOGIN_ALL, &zstd, LOGIN_READS | LOGIN_ZSTD, 0);
	is_asked_for(peer_greeting_mysql, LOGIN_ALL, &tls, LOGIN_READS | LOGIN_TLS, 0);
	is_asked_for(peer_greeting_mariadb, LOGIN_ALL & ~LOGIN_LONG_PASSWORD, &plain,
	    LOGIN_READS & ~LOGIN_LONG_PASSWORD, LOGIN_BULK);
	is_asked_for(peer_greeting_mysql, LOGIN_ALL & ~LOGIN_OLD, &plain, LOGIN_READS & ~LOGIN_OLD, 0);
}

/* -- replies -------------------------------------------------------------------------------------- */

static void
result(struct lt_buf *b)
{
	peer_script(b, 1, LT_STR("\2"));
	peer_script(b, 2, peer_column("a"));
	peer_script(b, 3, peer_column("b"));
	peer_script(b, 4, LT_STR("\1x\xfb"));
	peer_script(b, 5, LT_STR("\xfe\0\0\2\0\0\0"));
}

static void
a_result_cut_anywhere_is_a_lost_link(void **state)
{
	struct lt_buf script = { 0 };

	(void)state;
	result(&script);
	for (size_t n = 0; n <= script.len; n++) {
		struct my_rows *rows = NULL;
		struct lt_err err = { 0 };
		struct peer p;

		peer_open(&p);
		peer_bytes(&p, lt_str_of(script.ptr, n));
		peer_end(&p);
		assert_int_equal(my_query(p.conn, "SELECT", &rows, &err), n == script.len);
		if (n < script.len)
			assert_int_equal(err.code, LT_E_LINK_LOST);
		my_rows_free(rows);
		peer_close(&p);
	}
	lt_buf_free(&script);
}

static bool
count_row(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	assert_int_equal(ncolumns, 2);
	assert_true(lt_str_eqz(values[0], "x") && values[1].ptr == NULL);
	(void)err;
	(*(size_t *)ctx)++;
	return true;
}

/* The second of three fails; those around it are none the worse. */
static void
queries_in_one_round_trip_have_their_own_rows(void **state)
{
	struct my_rows *rows = NULL;
	struct lt_buf script = { 0 };
	struct lt_err err = { 0 };
	struct peer p;
	size_t n = 0;

	(void)state;
	peer_script(&script, 1, LT_STR("\0\1\0\2\0\0\0"));
	result(&script);
	peer_script(&script, 1, LT_STR("\xff\x7a\4#42S02no such table"));
	result(&script);
	peer_open(&p);
	peer_bytes(&p, lt_buf_str(&script));
	assert_true(my_send_query(p.conn, LT_STR("DO 1"), &err));
	assert_true(my_settle(p.conn, 0, &err)); /* its reply waits */
	for (int i = 0; i < 3; i++)
		assert_true(my_send_query(p.conn, LT_STR("SELECT"), &err));
	assert_true(my_recv_rows(p.conn, &rows, &err));
	assert_int_equal(rows->nrows, 1);
	my_rows_free(rows);
	assert_false(my_recv_rows(p.conn, &rows, &err));
	assert_int_equal(err.code, LT_E_TABLE_MISSING);
	assert_true(my_recv_each(p.conn, count_row, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(my_pending(p.conn), 1);
	assert_false(my_recv_each(p.conn, count_row, &n, &err));
	assert_int_equal(err.code, LT_E_INTERNAL);
	assert_true(my_recv(p.conn, NULL, &err));
	assert_true(my_alive(p.conn));
	peer_close(&p);
	lt_buf_free(&script);
}

static void
a_reply_that_has_come_is_seen_without_waiting(void **state)
{
	struct my_reply reply;
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_open(&p);
	for (int i = 0; i < 2; i++)
		assert_true(my_send_query(p.conn, LT_STR("COMMIT"), &err));
	assert_true(my_flush(p.conn, &err));
	assert_false(my_answered(p.conn));
	for (int i = 0; i < 2; i++)
		peer_packet(&p, 1, peer_ok);
	for (int i = 0; i < 2; i++) { /* at the kernel, then among what came with the first */
		assert_true(my_answered(p.conn));
		assert_true(my_recv(p.conn, &reply, &err));
	}
	assert_false(my_answered(p.conn));
	assert_true(my_send_query(p.conn, LT_STR("COMMIT"), &err));
	peer_packet(&p, 1, peer_ok);
	assert_true(my_settle(p.conn, 0, &err));
	assert_true(my_answered(p.conn)); /* put aside */
	assert_true(my_recv(p.conn, &reply, &err));
	assert_false(my_answered(p.conn));
	peer_end(&p);
	assert_true(my_answered(p.conn)); /* there is nothing to wait for */
	peer_close(&p);
}

static const char large[300 << 10];

static void
limit_of_4096(struct lt_buf *script)
{
	peer_script(script, 1, LT_STR("\1"));
	peer_script(script, 2, peer_column("@@max_allowed_packet"));
	peer_script(script, 3, LT_STR("\0044096"));
	peer_script(script, 4, LT_STR("\xfe\0\0\2\0\0\0"));
}

static void
the_servers_limit_is_asked_for_among_others(void **state)
{
	struct lt_buf script = { 0 };
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_script(&script, 1, peer_ok);
	limit_of_4096(&script);
	peer_open(&p);
	peer_bytes(&p, lt_buf_str(&script));
	assert_true(my_send_query(p.conn, LT_STR("COMMIT"), &err));
	assert_true(my_send_limit(p.conn, &err));
	assert_true(my_recv(p.conn, NULL, &err));
	assert_true(my_recv_limit(p.conn, &err));
	peer_end(&p); /* there is no second question */
	assert_false(my_send_query(p.conn, lt_str_of(large, sizeof(large)), &err));
	assert_int_equal(err.code, LT_E_PACKET_TOO_LARGE);
	peer_close(&p);
	lt_buf_free(&script);
}

/* Else the question would read the rows that are on their way. */
static void
the_servers_limit_is_known_before_large_queries_are_queued(void **state)
{
	struct lt_buf script = { 0 };
	struct lt_err err = { 0 };
	struct peer p;
	size_t n = 0;

	(void)state;
	limit_of_4096(&script);
	result(&script);
	peer_open(&p);
	peer_bytes(&p, lt_buf_str(&script));
	assert_true(my_settle(p.conn, sizeof(large), &err));
	assert_true(my_send_query(p.conn, LT_STR("SELECT"), &err));
	assert_false(my_send_query(p.conn, lt_str_of(large, sizeof(large)), &err));
	assert_int_equal(err.code, LT_E_PACKET_TOO_LARGE);
	assert_true(my_recv_each(p.conn, count_row, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(my_pending(p.conn), 0);
	peer_close(&p);
	lt_buf_free(&script);
}

static void
strange_replies_are_protocol_errors(void **state)
{
	static const struct lt_str replies[] = { { "\0\0\0\1", 4 }, { "\1\0\0\1\xfb", 5 }, { "\1\0\0\1\xfe", 5 },
		{ "\3\0\0\1\xfc\1\x10", 7 }, { "\2\0\0\1\1\1", 6 }, { "\1\0\0\1\0", 5 }, { "\1\0\0\1\1\0\0\0\2", 9 },
		{ "\2\0\0\1\xff\1", 6 } };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(replies); i++) {
		struct my_rows *rows = NULL;
		struct lt_err err = { 0 };
		struct peer p;

		peer_open(&p);
		peer_bytes(&p, replies[i]);
		peer_end(&p);
		assert_false(my_query(p.conn, "SELECT", &rows, &err));
		assert_int_equal(err.code, LT_E_PROTOCOL);
		assert_false(my_alive(p.conn));
		assert_false(my_ping(p.conn, &err));
		assert_int_equal(err.code, LT_E_LINK_LOST);
		peer_close(&p);
	}
}

static void
an_error_among_rows_leaves_the_line_usable(void **state)
{
	struct my_rows *rows = NULL;
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_open(&p);
	peer_packet(&p, 1, LT_STR("\1"));
	peer_packet(&p, 2, peer_column("a"));
	peer_packet(&p, 3, LT_STR("\1x"));
	peer_packet(&p, 4, LT_STR("\xff\x25\5#70100killed"));
	assert_false(my_query(p.conn, "SELECT", &rows, &err));
	assert_int_equal(err.code, LT_E_QUERY_KILLED);
	peer_packet(&p, 1, peer_ok);
	assert_true(my_ping(p.conn, &err));
	peer_close(&p);
}

static bool
ask_again(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	(void)ncolumns, (void)values;
	return my_ping(ctx, err);
}

static void
a_row_callback_may_not_ask(void **state)
{
	struct lt_buf script = { 0 };
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_open(&p);
	result(&script);
	peer_bytes(&p, lt_buf_str(&script));
	assert_false(my_query_each(p.conn, LT_STR("SELECT"), ask_again, p.conn, &err));
	assert_int_equal(err.code, LT_E_INTERNAL);
	assert_true(my_alive(p.conn));
	lt_buf_free(&script);
	peer_close(&p);
}

static void
replies_come_in_order_and_wait_for_their_turn(void **state)
{
	struct my_reply r;
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_open(&p);
	for (int i = 0; i < 3; i++)
		assert_true(my_send_query(p.conn, LT_STR("DO 1"), &err));
	peer_packet(&p, 1, LT_STR("\0\1\0\2\0\0\0"));
	peer_packet(&p, 1, LT_STR("\xff\x26\4#23000twice"));
	peer_packet(&p, 1, LT_STR("\0\3\0\2\0\0\0"));
	peer_packet(&p, 1, peer_ok);
	assert_true(my_ping(p.conn, &err)); /* reads the three before its own */
	assert_int_equal(my_pending(p.conn), 3);
	assert_true(my_recv(p.conn, &r, &err));
	assert_int_equal(r.affected, 1);
	assert_false(my_recv(p.conn, &r, &err));
	assert_int_equal(err.code, LT_E_DUPLICATE);
	assert_int_equal(r.affected, 1); /* untouched */
	assert_true(my_recv(p.conn, &r, &err));
	assert_int_equal(r.affected, 3);
	assert_false(my_recv(p.conn, &r, &err));
	assert_int_equal(err.code, LT_E_INTERNAL);
	/* What is put aside goes with the connection. */
	assert_true(my_send_query(p.conn, LT_STR("DO 1"), &err));
	peer_packet(&p, 1, LT_STR("\xff\x26\4#23000twice"));
	peer_packet(&p, 1, peer_ok);
	assert_true(my_ping(p.conn, &err));
	peer_close(&p);
}

static void
of_statements_sent_together_the_first_failure_is_told(void **state)
{
	static const char *const sql[] = { "DO 1", "DO 2", "DO 3" };
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_open(&p);
	for (int i = 0; i < 3; i++)
		peer_packet(&p, 1, peer_ok);
	assert_true(my_exec_all(p.conn, sql, 3, &err));
	assert_int_equal(my_pending(p.conn), 0);
	peer_packet(&p, 1, peer_ok);
	peer_packet(&p, 1, LT_STR("\xff\x26\4#23000twice"));
	peer_packet(&p, 1, LT_STR("\xff\x28\4#42000syntax"));
	assert_false(my_exec_all(p.conn, sql, 3, &err));
	assert_int_equal(err.code, LT_E_DUPLICATE);
	assert_true(my_alive(p.conn));
	assert_int_equal(my_pending(p.conn), 0);
	peer_packet(&p, 1, peer_ok);
	peer_end(&p);
	assert_false(my_exec_all(p.conn, sql, 3, &err));
	assert_int_equal(err.code, LT_E_LINK_LOST);
	assert_false(my_alive(p.conn));
	peer_close(&p);
}

static void
a_cancelled_connection_waits_no_more(void **state)
{
	struct lt_err err = { 0 };
	struct peer p;

	(void)state;
	peer_open(&p);
	my_cancel(p.conn);
	assert_false(my_ping(p.conn, &err));
	assert_int_equal(err.code, LT_E_CANCELLED);
	assert_false(my_alive(p.conn));
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_cut_anywhere_is_a_coded_error),
		cmocka_unit_test(the_password_does_not_go_out_in_clear),
		cmocka_unit_test(strange_steps_of_a_login_are_coded_errors),
		cmocka_unit_test(strange_second_steps_of_a_login_are_coded_errors),
		cmocka_unit_test(a_login_without_end_is_ended),
		cmocka_unit_test(a_bad_rsa_key_is_refused),
		cmocka_unit_test(first_packets_that_are_no_greeting_are_told_apart),
		cmocka_unit_test(tls_is_neither_left_out_nor_mixed_with_what_was_plain),
		cmocka_unit_test(the_login_asks_for_what_is_read_and_for_nothing_else),
		cmocka_unit_test(a_result_cut_anywhere_is_a_lost_link),
		cmocka_unit_test(queries_in_one_round_trip_have_their_own_rows),
		cmocka_unit_test(the_servers_limit_is_asked_for_among_others),
		cmocka_unit_test(the_servers_limit_is_known_before_large_queries_are_queued),
		cmocka_unit_test(strange_replies_are_protocol_errors),
		cmocka_unit_test(an_error_among_rows_leaves_the_line_usable),
		cmocka_unit_test(a_row_callback_may_not_ask),
		cmocka_unit_test(replies_come_in_order_and_wait_for_their_turn),
		cmocka_unit_test(a_reply_that_has_come_is_seen_without_waiting),
		cmocka_unit_test(of_statements_sent_together_the_first_failure_is_told),
		cmocka_unit_test(a_cancelled_connection_waits_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
