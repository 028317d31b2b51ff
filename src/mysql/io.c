#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "mysql/conn_priv.h"

#define READ_CHUNK ((size_t)256 << 10)
#define KEEP_MAX ((size_t)1 << 20)     /* a larger buffer is given back once it is empty */
#define UNREAD_MAX ((size_t)256 << 20) /* replies received while we write; more than that no sane server sends */
#define LOOK_MS 1000                   /* so often it is looked whether the peer's machine is there */

void
my_io_open(struct my_io *io, int fd)
{
	int on = 1;

	io->fd = fd;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	/* Fails on a socket file, which has no such thing. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	my_link_watch(fd);
}

void
my_io_close(struct my_io *io)
{
	my_tls_close(io);
	if (io->fd >= 0)
		close(io->fd);
	io->fd = -1;
	lt_buf_free(&io->in);
	lt_buf_wipe(&io->out);
	lt_buf_free(&io->zip_in);
	lt_buf_free(&io->zip_out);
	my_zip_free(io->zip);
	io->zip = NULL;
	lt_wake_free(io->wake);
	io->wake = NULL;
}

/* -- connecting ----------------------------------------------------------------------------------- */

static bool
connect_one(struct my_io *io, const struct sockaddr *sa, socklen_t len, const char *where, struct lt_err *err)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int problem = 0;
	socklen_t size = sizeof(problem);
	short revents;

	if (fd < 0)
		return lt_fail(err, LT_E_CONNECT, "no socket for %s: %s", where, strerror(errno));
	my_io_open(io, fd);
	if (connect(fd, sa, len) != 0) {
		if (errno != EINPROGRESS)
			problem = errno;
		else if (!my_io_wait(io, POLLOUT, MY_WAIT_DEFAULT, &revents, err))
			goto out;
		else
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
	}
	if (problem == 0)
		return true;
	lt_fail(err, LT_E_CONNECT, "cannot connect to %s: %s", where, strerror(problem));
out:
	close(fd);
	io->fd = -1;
	return false;
}

static bool
connect_file(struct my_io *io, const char *path, struct lt_err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path))
		return lt_fail(
		    err, LT_E_CONNECT, "the socket's path is longer than %zu bytes", sizeof(sun.sun_path) - 1);
	lt_str_copy(sun.sun_path, sizeof(sun.sun_path), lt_str_z(path));
	io->is_socket_file = true;
	return connect_one(io, (const struct sockaddr *)&sun, sizeof(sun), path, err);
}

bool
my_io_connect(struct my_io *io, const struct my_addr *addr, struct lt_err *err)
{
	struct addrinfo want = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
	const char *host = addr->host != NULL && addr->host[0] != '\0' ? addr->host : "localhost";
	char port[8], where[300];
	bool ok = false;
	int rc;

	if (addr->socket != NULL && addr->socket[0] != '\0')
		return connect_file(io, addr->socket, err);

	snprintf(port, sizeof(port), "%u", addr->port != 0 ? (unsigned)addr->port : 3306u);
	snprintf(where, sizeof(where), "%s:%s", host, port);
	rc = getaddrinfo(host, port, &want, &found);
	if (rc != 0)
		return lt_fail(err, LT_E_CONNECT, "cannot find host %s: %s", host, gai_strerror(rc));
	for (struct addrinfo *a = found; a != NULL && !ok; a = a->ai_next)
		ok = connect_one(io, a->ai_addr, a->ai_addrlen, where, err);
	freeaddrinfo(found);
	return ok;
}

/* -- waiting -------------------------------------------------------------------------------------- */

/* How long the next wait may be, in ms; -1: for ever. */
static int
patience(const struct my_io *io, int timeout_ms)
{
	uint64_t now;

	if (timeout_ms != MY_WAIT_DEFAULT)
		return timeout_ms;
	if (io->deadline_us == 0)
		return io->timeout_ms == 0 ? -1 : (int)LT_MIN(io->timeout_ms, (unsigned)INT_MAX);
	now = lt_mono_us(lt_clock_real());
	return now >= io->deadline_us ? 0 : (int)LT_MIN((io->deadline_us - now) / 1000 + 1, (uint64_t)INT_MAX);
}

/* poll() once more after a signal, or while the peer's machine is there, for what is left of the time. 0: that is over,
 * or the machine is gone. */
static int
poll_on(struct pollfd *fds, int wait_ms, bool *gone)
{
	uint64_t end = lt_mono_us(lt_clock_real()) + (uint64_t)LT_MAX(wait_ms, 0) * 1000;

	for (;;) {
		int n = poll(fds, 3, wait_ms < 0 ? LOOK_MS : LT_MIN(wait_ms, LOOK_MS));
		uint64_t now;

		if (n > 0 || (n < 0 && errno != EINTR) || (n == 0 && wait_ms == 0))
			return n;
		*gone = n == 0 && my_link_is_lost(fds[0].fd);
		if (*gone)
			return 0;
		now = lt_mono_us(lt_clock_real());
		if (wait_ms > 0)
			wait_ms = now >= end ? 0 : (int)((end - now) / 1000 + 1);
	}
}

bool
my_io_wait(struct my_io *io, short events, int timeout_ms, short *revents, struct lt_err *err)
{
	/* A negative descriptor is none. */
	struct pollfd fds[3] = {
		{ .fd = io->fd, .events = events },
		{ .fd = lt_wake_fd(io->wake), .events = POLLIN },
		{ .fd = io->stop != NULL ? lt_wake_fd(io->stop) : -1, .events = POLLIN },
	};
	int wait_ms = patience(io, timeout_ms);
	bool gone = false;
	int n = poll_on(fds, wait_ms, &gone);

	if (n < 0)
		return lt_fail(err, LT_E_LINK_LOST, "cannot wait for the server: %s", strerror(errno));
	if (((fds[1].revents | fds[2].revents) & POLLIN) != 0)
		return lt_fail(err, LT_E_CANCELLED, "the wait for the server was ended");
	if (gone)
		return lt_fail(
		    err, LT_E_LINK_LOST, "the server's machine has not answered for %d s", MY_LINK_LOST_MS / 1000);
	if (n == 0 && timeout_ms == MY_WAIT_DEFAULT && io->deadline_us != 0)
		return lt_fail(err, LT_E_CONNECT, "the server did not finish the login in time");
	if (n == 0)
		return lt_fail(err, LT_E_TIMEOUT, "nothing from the server for %d ms", wait_ms);
	*revents = fds[0].revents;
	return true;
}

/* -- moving bytes --------------------------------------------------------------------------------- */

static enum my_io_end
read_once(struct my_io *io, void *ptr, size_t cap, size_t *out)
{
	ssize_t n;

	if (io->ssl != NULL)
		return my_tls_read(io, ptr, cap, out);
	do
		n = recv(io->fd, ptr, cap, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		*out = (size_t)n;
		return MY_IO_MOVED;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return MY_IO_AGAIN;
	io->broke = n < 0 ? errno : 0;
	return MY_IO_CLOSED;
}

static enum my_io_end
write_once(struct my_io *io, const void *ptr, size_t len, size_t *out)
{
	ssize_t n;

	if (io->ssl != NULL)
		return my_tls_write(io, ptr, len, out);
	do
		n = send(io->fd, ptr, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0) {
		*out = (size_t)n;
		return MY_IO_MOVED;
	}
	return errno == EAGAIN || errno == EWOULDBLOCK ? MY_IO_AGAIN : MY_IO_CLOSED;
}

/* Move what is left to the front where that is cheap; give a large empty buffer back. */
static void
tidy(struct lt_buf *b, size_t *at)
{
	size_t left = b->len - *at;

	if (left == 0 && b->cap > KEEP_MAX)
		lt_buf_free(b);
	if (left == 0) {
		lt_buf_clear(b);
	} else if (*at > left || *at > KEEP_MAX) {
		memmove(b->ptr, b->ptr + *at, left);
		b->len = left;
	} else {
		return;
	}
	*at = 0;
}

static size_t
unread(const struct my_io *io)
{
	return io->in.len - io->in_at + io->zip_in.len - io->zip_in_at;
}

static void
read_some(struct my_io *io)
{
	struct lt_buf *b = io->zip != NULL ? &io->zip_in : &io->in;
	size_t n = 0;
	enum my_io_end end;

	tidy(b, io->zip != NULL ? &io->zip_in_at : &io->in_at);
	end = read_once(io, lt_buf_reserve(b, READ_CHUNK), READ_CHUNK, &n);
	b->len += n;
	io->received += n;
	if (end == MY_IO_CLOSED)
		io->closed = true;
}

/* A server that closes says why first: after a failed write what it said is still read. */
static void
write_some(struct my_io *io)
{
	struct lt_buf *b = io->zip != NULL ? &io->zip_out : &io->out;
	size_t *at = io->zip != NULL ? &io->zip_out_at : &io->out_at;
	size_t n = 0;
	enum my_io_end end = MY_IO_MOVED;

	if (io->zip != NULL && io->out.len > io->out_at) {
		my_zip_pack(io->zip, lt_str_of(io->out.ptr + io->out_at, io->out.len - io->out_at), b);
		io->out_at = io->out.len;
		tidy(&io->out, &io->out_at);
	}
	while (!io->deaf && end == MY_IO_MOVED && *at < b->len) {
		end = write_once(io, b->ptr + *at, b->len - *at, &n);
		if (end == MY_IO_MOVED)
			*at += n;
	}
	if (end == MY_IO_CLOSED)
		io->deaf = true;
	if (io->deaf)
		*at = b->len;
	if (*at == b->len)
		tidy(b, at);
}

/* Wait once and move what can be moved, either way. */
static bool
step(struct my_io *io, int timeout_ms, struct lt_err *err)
{
	short events = POLLIN, revents = 0;
	size_t before = unread(io);

	if (io->ssl != NULL && my_tls_pending(io)) {
		read_some(io);
		if (io->closed || unread(io) > before)
			return true;
	}
	if (my_io_to_send(io))
		events |= POLLOUT;
	if (!my_io_wait(io, events, timeout_ms, &revents, err))
		return false;
	if ((revents & ~POLLOUT) != 0 || io->wants_out)
		read_some(io);
	if (my_io_to_send(io))
		write_some(io);
	return true;
}

static bool
lost(const struct my_io *io, struct lt_err *err)
{
	const char *when = io->deadline_us != 0 ? " during the login" : "";

	if (io->broke != 0)
		return lt_fail(
		    err, LT_E_LINK_LOST, "the connection to the server broke%s: %s", when, strerror(io->broke));
	return lt_fail(err, LT_E_LINK_LOST, "the server closed the connection%s", when);
}

bool
my_io_has_input(const struct my_io *io)
{
	struct pollfd fd = { .fd = io->fd, .events = POLLIN };

	return io->closed || unread(io) > 0 || (io->ssl != NULL && my_tls_pending(io)) || poll(&fd, 1, 0) != 0;
}

bool
my_io_check(const struct my_io *io, struct lt_err *err)
{
	struct pollfd fd = { .fd = io->fd, .events = POLLRDHUP };

	return poll(&fd, 1, 0) <= 0 || lost(io, err);
}

/* Expand one frame, if a whole one is there: what is asked for bounds what is held. */
static bool
expand_one(struct my_io *io, bool *did, struct lt_err *err)
{
	size_t used = 0;

	*did = false;
	if (io->zip == NULL || io->zip_in.len == io->zip_in_at)
		return true;
	tidy(&io->in, &io->in_at);
	if (!my_zip_unpack(io->zip, lt_str_of(io->zip_in.ptr + io->zip_in_at, io->zip_in.len - io->zip_in_at), &io->in,
		&used, err))
		return false;
	io->zip_in_at += used;
	*did = used > 0;
	return true;
}

void
my_io_zip(struct my_io *io, enum my_zip_kind kind)
{
	io->zip = my_zip_new(kind);
	/* What came behind the login is a frame already. */
	if (io->in.len > io->in_at)
		lt_buf_add(&io->zip_in, io->in.ptr + io->in_at, io->in.len - io->in_at);
	io->in_at = io->in.len;
}

bool
my_io_fill(struct my_io *io, size_t want, int timeout_ms, struct lt_err *err)
{
	if (my_io_to_send(io))
		write_some(io);
	while (io->in.len - io->in_at < want) {
		bool did;

		if (!expand_one(io, &did, err))
			return false;
		if (did)
			continue;
		if (io->closed)
			return lost(io, err);
		if (!step(io, timeout_ms, err))
			return false;
	}
	return true;
}

bool
my_io_push(struct my_io *io, struct lt_err *err)
{
	write_some(io);
	while (my_io_to_send(io)) {
		if (io->closed) {
			io->deaf = true;
			write_some(io); /* drops it: what the server said last is for the next read */
			break;
		}
		if (unread(io) > UNREAD_MAX)
			return lt_fail(
			    err, LT_E_PROTOCOL, "more than %zu bytes of replies before their turn", UNREAD_MAX);
		if (!step(io, MY_WAIT_DEFAULT, err))
			return false;
	}
	return true;
}
