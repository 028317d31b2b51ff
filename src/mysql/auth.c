#include <sodium.h>

#include "mysql/conn_priv.h"
#include "mysql/scramble.h"

#define ROUNDS_MAX 12 /* packets of one login; the longest honest one has five */

enum method { NONE, NATIVE, SHA2, SHA256, ED25519, PARSEC, CLEAR };

static const struct {
	const char *plugin;
	enum method method;
	size_t nonce_len;
} methods[] = {
	{ "mysql_native_password", NATIVE, 20 },
	{ "caching_sha2_password", SHA2, 20 },
	{ "sha256_password", SHA256, 20 },
	{ "client_ed25519", ED25519, 32 },
	{ "parsec", PARSEC, MY_PARSEC_NONCE_SIZE },
	{ "mysql_clear_password", CLEAR, 0 },
};

/* One login under way. The password is borrowed from the caller; copies in packets are wiped once they are sent. */
struct login {
	struct my_conn *c;
	const struct my_addr *addr;
	struct lt_str password;
	enum method method;
	uint8_t nonce[MY_NONCE_MAX];
	bool wants_key;  /* the next "more" packet is the RSA key */
	bool wants_salt; /* parsec: the next packet tells how the password becomes a key */
};

static enum method
method_of(const char *plugin, size_t nonce_len)
{
	for (size_t i = 0; i < LT_COUNT(methods); i++) {
		if (strcmp(methods[i].plugin, plugin) == 0 && nonce_len >= methods[i].nonce_len)
			return methods[i].method;
	}
	return NONE;
}

static const char *
plugin_of(enum method method)
{
	for (size_t i = 0; i < LT_COUNT(methods); i++) {
		if (methods[i].method == method)
			return methods[i].plugin;
	}
	return "";
}

/* Nobody on the way can read what we send. */
static bool
is_private(const struct my_conn *c)
{
	return c->server.tls || c->io.is_socket_file;
}

static void
put_password(const struct login *l, struct lt_buf *out)
{
	lt_buf_reserve(out, l->password.len + 1); /* at once: growing would leave copies behind */
	lt_buf_str_add(out, l->password);
	lt_buf_c(out, '\0');
}

/* The method's first answer, appended. */
static bool
first_answer(struct login *l, struct lt_buf *out, struct lt_err *err)
{
	uint8_t proof[MY_ED25519_SIZE] = { 0 };
	size_t len = 0;

	switch (l->method) {
	case NATIVE:
		if (l->password.len > 0)
			my_scramble_native(l->password, l->nonce, proof);
		len = l->password.len > 0 ? MY_NATIVE_SIZE : 0;
		break;
	case SHA2:
		if (l->password.len > 0)
			my_scramble_sha2(l->password, l->nonce, proof);
		len = l->password.len > 0 ? MY_SHA2_SIZE : 0;
		break;
	case SHA256:
		/* The server does not take a socket file for private here; an empty password is its zero byte alone. */
		l->wants_key = l->password.len > 0 && !l->c->server.tls;
		if (l->wants_key)
			lt_buf_c(out, 1); /* "send your key" */
		else
			put_password(l, out);
		break;
	case PARSEC: l->wants_salt = true; break; /* nothing yet */
	case ED25519:
		my_sign_ed25519(l->password, l->nonce, proof);
		len = MY_ED25519_SIZE;
		break;
	case CLEAR:
		if (!is_private(l->c))
			return lt_fail(err, LT_E_AUTH_INSECURE, "the server asks for the password in clear text");
		put_password(l, out);
		break;
	case NONE: break;
	}
	lt_buf_add(out, proof, len);
	lt_wipe(proof, sizeof(proof));
	return true;
}

/* Send what is queued and leave no copy of a password in the buffer. */
static bool
send_wiped(struct my_conn *c, size_t start, struct lt_err *err)
{
	bool ok = my_packet_end(c, start, err) && my_io_push(&c->io, err);

	lt_buf_wipe(&c->io.out);
	c->io.out_at = 0;
	return ok;
}

static bool
send_response(struct login *l, struct lt_err *err)
{
	static const struct lt_str attrs[] = { { "_client_name", 12 }, { "lutra", 5 }, { "program_name", 12 },
		{ "lutra", 5 } };
	struct my_conn *c = l->c;
	struct lt_buf *out = &c->io.out;
	struct lt_buf answer = { 0 };
	size_t start, attrs_len = 0;
	bool ok;

	ok = first_answer(l, &answer, err);
	if (!ok)
		goto out;
	start = my_packet_begin(c);
	my_login_head(c);
	lt_buf_z(out, l->addr->user != NULL ? l->addr->user : "");
	lt_buf_c(out, '\0');
	if ((c->caps & MY_CAP_LENENC_AUTH) != 0)
		lt_buf_lenenc(out, answer.len);
	else
		lt_buf_le(out, answer.len, 1);
	lt_buf_str_add(out, lt_buf_str(&answer));
	lt_buf_z(out, plugin_of(l->method));
	lt_buf_c(out, '\0');
	if ((c->caps & MY_CAP_CONNECT_ATTRS) != 0) {
		for (size_t i = 0; i < LT_COUNT(attrs); i++)
			attrs_len += 1 + attrs[i].len;
		lt_buf_lenenc(out, attrs_len);
		for (size_t i = 0; i < LT_COUNT(attrs); i++)
			lt_buf_lenstr(out, attrs[i]);
	}
	if ((c->caps & MY_CAP_ZSTD) != 0)
		lt_buf_c(out, MY_ZSTD_LEVEL);
	ok = send_wiped(c, start, err);
out:
	lt_buf_wipe(&answer);
	return ok;
}

static bool
answer_switch(struct login *l, struct lt_str packet, struct lt_err *err)
{
	struct my_auth_switch sw;
	size_t start;

	if (!my_auth_switch_decode(packet, &sw, err))
		return false;
	l->method = method_of(sw.plugin, sw.nonce_len);
	l->wants_key = l->wants_salt = false;
	if (l->method == NONE)
		return lt_fail(err, LT_E_AUTH_METHOD, "the server asks for login method %s", sw.plugin);
	memcpy(l->nonce, sw.nonce, sizeof(l->nonce));
	start = my_packet_begin(l->c);
	if (!first_answer(l, &l->c->io.out, err)) {
		l->c->io.out.len = start;
		return false;
	}
	return send_wiped(l->c, start, err);
}

/* caching_sha2_password: the server does not have the hash in its cache and wants the password itself. */
static bool
full_sha2(struct login *l, struct lt_err *err)
{
	struct my_conn *c = l->c;
	size_t start = my_packet_begin(c);

	if (is_private(c)) {
		put_password(l, &c->io.out);
	} else {
		lt_buf_c(&c->io.out, 2); /* "send your key" */
		l->wants_key = true;
	}
	return send_wiped(c, start, err);
}

/* parsec: the server said salt and cost of the key, and gets a signature over both sides' nonces. */
static bool
answer_salt(struct login *l, struct lt_str salt, struct lt_err *err)
{
	uint8_t answer[MY_PARSEC_SIZE];
	size_t start;

	l->wants_salt = false;
	randombytes_buf(answer, MY_PARSEC_NONCE_SIZE);
	if (!my_sign_parsec(l->password, salt, l->nonce, answer, err))
		return false;
	start = my_packet_begin(l->c);
	lt_buf_add(&l->c->io.out, answer, sizeof(answer));
	return send_wiped(l->c, start, err);
}

static bool
answer_more(struct login *l, struct lt_str packet, struct lt_err *err)
{
	struct lt_str data = lt_str_of(packet.ptr + 1, packet.len - 1);
	size_t start;

	if (l->wants_salt)
		return answer_salt(l, data, err);
	if (l->wants_key) {
		l->wants_key = false;
		start = my_packet_begin(l->c);
		if (!my_encrypt_password(l->password, l->nonce, data, &l->c->io.out, err)) {
			l->c->io.out.len = start;
			return false;
		}
		return send_wiped(l->c, start, err);
	}
	if (l->method != SHA2)
		return lt_fail(err, LT_E_PROTOCOL, "the server goes on with a login that was complete");
	if (data.len == 1 && data.ptr[0] == 3) /* the hash was in the server's cache: OK comes next */
		return true;
	if (data.len == 1 && data.ptr[0] == 4)
		return full_sha2(l, err);
	return lt_fail(err, LT_E_PROTOCOL, "the server's step of caching_sha2_password is unknown");
}

static bool
go_on(struct login *l, struct lt_err *err)
{
	struct my_conn *c = l->c;
	struct my_reply reply;
	struct lt_str packet;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		if (!my_packet_read(c, MY_SMALL_MAX, MY_WAIT_DEFAULT, &packet, err))
			return false;
		switch (packet.len > 0 ? (uint8_t)packet.ptr[0] : 0x7f) {
		case MY_HEAD_OK: return my_ok_decode(packet, &reply, err);
		case MY_HEAD_ERR: return my_refused(c, packet, err);
		case MY_HEAD_EOF:
			if (!answer_switch(l, packet, err))
				return false;
			break;
		case MY_HEAD_MORE:
			if (!answer_more(l, packet, err))
				return false;
			break;
		default:
			/* Only what could be taken for another step has a byte in front. */
			if (!l->wants_salt || packet.len == 0)
				return my_garbled(c, "the server's step of the login is unknown", err);
			if (!answer_salt(l, packet, err))
				return false;
			break;
		}
	}
	return my_garbled(c, "the login does not come to an end", err);
}

bool
my_auth_run(struct my_conn *c, const struct my_addr *addr, const struct my_handshake *hs, struct lt_err *err)
{
	struct login l = {
		.c = c,
		.addr = addr,
		.password = lt_str_z(addr->password != NULL ? addr->password : ""),
		.method = method_of(hs->plugin, hs->nonce_len),
	};

	/* A method that we do not have is only the server's habit: it may ask for another one for this account. */
	if (l.method == NONE || l.method == CLEAR)
		l.method = NATIVE;
	memcpy(l.nonce, hs->nonce, sizeof(l.nonce));
	return send_response(&l, err) && go_on(&l, err);
}
