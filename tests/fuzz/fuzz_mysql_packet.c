/* A server that says anything: the first byte chooses where it begins, the rest is what it says. */
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "mysql/conn_priv.h"

/* A login that goes well, up to the first statement. */
static const uint8_t login[] =
    "\x26\0\0\0\n9.7\0\1\0\0\0aaaaaaaa\0\xff\xf7\xff\2\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0aaaaaaaaaaaa\0"
    "mysql_native_password\0";
static const uint8_t oks[] = "\7\0\0\2\0\0\0\2\0\0\0\7\0\0\1\0\0\0\2\0\0\0";

/* With compression what is said behind the login stands in frames: as it is (FRAMED), or the data is taken for frames.
 */
enum { FROM_GREETING = 1, OLD_EOF = 2, WITH_TLS = 4, WITH_ZLIB = 8, WITH_ZSTD = 16, FRAMED = 32 };

#define OK_SIZE 11

static void
say(int fd, const void *ptr, size_t len)
{
	LT_ASSERT(send(fd, ptr, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len);
}

/* In frames of odd sizes, which are not compressed; said at once, as many small pieces would not fit into the socket.
 */
static void
say_framed(int fd, const uint8_t *data, size_t size)
{
	struct lt_buf b = { 0 };

	for (size_t at = 0; at < size;) {
		size_t len = LT_MIN(size - at, (size_t)data[at] + 40);

		lt_buf_le(&b, len, 3);
		lt_buf_le(&b, 0, 4);
		lt_buf_add(&b, data + at, len);
		at += len;
	}
	say(fd, b.ptr, b.len);
	lt_buf_free(&b);
}

static void
say_login(int fd, bool old_eof, bool zip)
{
	uint8_t greeting[sizeof(login) - 1];

	memcpy(greeting, login, sizeof(greeting));
	greeting[0] = (uint8_t)(sizeof(greeting) - 4);
	if (old_eof)
		greeting[4 + 1 + 4 + 4 + 8 + 1 + 2 + 3 + 1] &= 0xfe; /* CLIENT_DEPRECATE_EOF */
	say(fd, greeting, sizeof(greeting));
	say(fd, oks, OK_SIZE);
	if (zip)
		say_framed(fd, oks + OK_SIZE, OK_SIZE);
	else
		say(fd, oks + OK_SIZE, OK_SIZE);
}

static bool
look_at(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	size_t *sum = ctx;

	(void)err;
	for (size_t i = 0; i < ncolumns; i++)
		*sum += values[i].len > 0 ? (uint8_t)values[i].ptr[values[i].len - 1] : 1;
	return true;
}

/* Each way of reading a reply, as long as there is a line. */
static void
talk(struct my_conn *c)
{
	struct my_rows *rows = NULL;
	struct my_stmt *s = NULL;
	struct lt_err err = { 0 };
	struct lt_str packet;
	size_t sum = 0;
	bool ok = my_query(c, "SELECT", &rows, &err);

	my_rows_free(ok ? rows : NULL);
	ok = my_query_each(c, LT_STR("SELECT"), look_at, &sum, &err) && my_prepare(c, LT_STR("SELECT"), &s, &err);
	ok = my_send_query(c, LT_STR("DO 1"), &err) && my_send_query(c, LT_STR("DO 2"), &err) && my_ping(c, &err) &&
	     my_recv(c, NULL, &err) && ok;
	if (!ok)
		LT_ASSERT(err.code != LT_OK);
	if (my_command(c, 0x12, LT_STR(""), &err)) {
		while (my_read_packet(c, 0, 1 << 20, &packet, &err))
			sum += packet.len > 0 ? (uint8_t)packet.ptr[packet.len - 1] : 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how = size > 0 ? data[0] : 0;
	unsigned zip = (how & WITH_ZSTD) != 0 ? 1u << MY_ZIP_ZSTD : (how & WITH_ZLIB) != 0 ? 1u << MY_ZIP_ZLIB : 0;
	struct my_addr addr = { .user = "u",
		.password = "p",
		.ssl_mode = (how & WITH_TLS) != 0 ? MY_SSL_PREFERRED : MY_SSL_DISABLED,
		.zip_kinds = zip };
	struct my_conn *c = NULL;
	struct lt_err err = { 0 };
	int fds[2];

	if (size == 0 || size > 1 << 15) /* more would not fit into the socket at once */
		return 0;
	LT_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	LT_ASSERT(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &(int){ 1 << 20 }, sizeof(int)) == 0);
	if ((how & FROM_GREETING) == 0)
		say_login(fds[0], (how & OLD_EOF) != 0, zip != 0);
	if (zip != 0 && (how & FRAMED) != 0 && size > 1)
		say_framed(fds[0], data + 1, size - 1);
	else
		say(fds[0], data + 1, size - 1);
	shutdown(fds[0], SHUT_WR);
	if (my_connect_fd(fds[1], &addr, &c, &err))
		talk(c);
	else
		LT_ASSERT(err.code != LT_OK && (how & FROM_GREETING) != 0);
	my_close(c);
	close(fds[0]);
	return 0;
}
