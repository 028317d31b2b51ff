#include "node/control.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "base/log.h"
#include "base/queue.h"
#include "base/thread.h"
#include "node/folder.h"
#include "node/verbs.h"

enum { MAX_JOBS = 16, MAX_CALLS = 64, BACKLOG = 16 };
/* Who connects must ask, and who asked must take the answer, within this. */
static const struct timeval peer_patience = { 10, 0 };

/* One connection and its request. Owned by the loop's thread; while `thread` is set, `request`, `frame`, `caller` and
 * `answer` are that thread's. */
struct call {
	LIST_ENTRY(call) link;
	struct node_control *control; /* borrowed */
	struct bufferevent *peer;     /* owned; NULL once it hung up */
	struct lt_thread *thread;     /* owned; carries out the request */
	struct node_caller caller;    /* `gone` is owned */
	uid_t uid;                    /* of who connected */
	struct lt_buf request, answer;
	struct node_frame frame; /* borrows from request */
	bool stop;               /* asked to stop: answered at the very end */
};

struct node_control {
	struct node *node;               /* borrowed */
	struct event_base *loop;         /* borrowed */
	struct evconnlistener *listener; /* owned */
	struct lt_queue *done;           /* owned; calls whose thread has finished */
	struct lt_wake *finished;        /* owned; raised with each push to `done` */
	struct event *on_finished;       /* owned */
	LIST_HEAD(, call) calls;
	size_t ncalls, njobs;
	void (*on_stop)(void *ctx);
	void *ctx;
};

static void
call_free(struct call *c)
{
	LIST_REMOVE(c, link);
	c->control->ncalls--;
	if (c->peer != NULL)
		bufferevent_free(c->peer);
	lt_wake_free(c->caller.gone);
	lt_buf_free(&c->request);
	lt_buf_free(&c->answer);
	free(c);
}

/* -- events of a connection ----------------------------------------------------------------------- */

static void
on_written(struct bufferevent *peer, void *arg)
{
	(void)peer;
	call_free(arg);
}

static void
on_gone(struct bufferevent *peer, short what, void *arg)
{
	struct call *c = arg;

	(void)what;
	if (c->thread == NULL) {
		call_free(c);
		return;
	}
	/* Nobody waits for the answer any more. */
	bufferevent_free(peer);
	c->peer = NULL;
	lt_wake_raise(c->caller.gone);
}

static void
send_answer(struct call *c)
{
	bufferevent_setcb(c->peer, NULL, on_written, on_gone, c);
	bufferevent_set_timeouts(c->peer, NULL, &peer_patience);
	bufferevent_write(c->peer, c->answer.ptr, c->answer.len);
}

static void
refuse(struct call *c, const struct lt_err *err)
{
	node_frame_error(err, &c->answer);
	send_answer(c);
}

/* Asks whatever directory the host has, and so may take its time: not for the loop's thread. */
static void
name_caller(uid_t uid, char out[64])
{
	struct passwd entry, *found = NULL;
	char buf[1024];

	if (getpwuid_r(uid, &entry, buf, sizeof(buf), &found) == 0 && found != NULL)
		snprintf(out, 64, "%s", entry.pw_name);
	else
		snprintf(out, 64, "uid %u", (unsigned)uid);
}

static void
run_job(void *arg)
{
	struct call *c = arg;
	struct node_control *control = c->control;

	name_caller(c->uid, c->caller.who);
	node_verb(control->node, &c->frame, &c->caller, &c->answer);
	/* From the push on the call is the loop's again. There is room for every job: it does not wait. */
	LT_ASSERT(lt_queue_push(control->done, c, 1, -1) == LT_QUEUE_DONE);
	lt_wake_raise(control->finished);
}

static void
start_call(struct call *c)
{
	struct node_control *control = c->control;
	struct lt_err err = { 0 };

	if (c->frame.kind != NODE_REQUEST) {
		lt_fail(&err, LT_E_CONTROL, "frame of kind %u is no request", c->frame.kind);
		refuse(c, &err);
	} else if (c->frame.count == 1 && lt_str_eqz(c->frame.args[0], "stop")) {
		c->stop = true;
		control->on_stop(control->ctx);
	} else if (control->njobs >= MAX_JOBS) {
		lt_fail(&err, LT_E_CONTROL_BUSY, "%d commands are being carried out already", MAX_JOBS);
		refuse(c, &err);
	} else {
		control->njobs++;
		c->thread = lt_thread_start("control", run_job, c);
	}
}

static void
on_readable(struct bufferevent *peer, void *arg)
{
	struct call *c = arg;
	struct evbuffer *in = bufferevent_get_input(peer);
	size_t len = evbuffer_get_length(in), used;
	struct lt_err err = { 0 };

	if (c->request.len > 0 || c->answer.len > 0) {
		evbuffer_drain(in, len); /* one request for each connection: the rest is noise */
		return;
	}
	switch (
	    node_frame_decode(lt_str_of(evbuffer_pullup(in, -1), len), NODE_REQUEST_LIMIT, &c->frame, &used, &err)) {
	case NODE_FRAME_MORE: return;
	case NODE_FRAME_BAD: refuse(c, &err); return;
	case NODE_FRAME_WHOLE: break;
	}
	lt_buf_reserve(&c->request, used);
	c->request.len = used;
	evbuffer_remove(in, c->request.ptr, used);
	/* Once more, so that the strings borrow from memory that stays. */
	LT_ASSERT(
	    node_frame_decode(lt_buf_str(&c->request), NODE_REQUEST_LIMIT, &c->frame, &used, &err) == NODE_FRAME_WHOLE);
	bufferevent_set_timeouts(peer, NULL, NULL);
	start_call(c);
}

/* The kernel tells who connected: what is recorded must not rest on what a client says of itself. */
static uid_t
uid_of(int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.uid : (uid_t)-1;
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr, int len, void *arg)
{
	struct node_control *control = arg;
	struct lt_wake *gone = control->ncalls < MAX_CALLS ? lt_wake_try() : NULL;
	struct call *c;

	(void)listener;
	(void)addr;
	(void)len;
	if (gone == NULL) {
		close(fd);
		return;
	}
	c = lt_new(struct call);
	c->control = control;
	c->caller.gone = gone;
	c->uid = uid_of(fd);
	c->peer = bufferevent_socket_new(control->loop, fd, BEV_OPT_CLOSE_ON_FREE);
	LT_ASSERT(c->peer != NULL);
	LIST_INSERT_HEAD(&control->calls, c, link);
	control->ncalls++;
	bufferevent_setcb(c->peer, on_readable, NULL, on_gone, c);
	bufferevent_setwatermark(c->peer, EV_READ, 0, NODE_REQUEST_LIMIT + 4);
	bufferevent_set_timeouts(c->peer, &peer_patience, NULL);
	bufferevent_enable(c->peer, EV_READ | EV_WRITE);
}

/* Out of descriptors, say: the listener goes on; once is enough to say so. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)arg;
	(void)listener;
	lt_log(LT_LOG_WARN, "control socket: cannot accept: %s", strerror(errno));
}

/* Take back the calls whose thread has finished; true if there was one. */
static struct call *
take_finished(struct node_control *control)
{
	void *item;
	struct call *c;

	if (lt_queue_pop(control->done, &item, 0) != LT_QUEUE_DONE)
		return NULL;
	c = item;
	lt_thread_join(c->thread);
	c->thread = NULL;
	control->njobs--;
	return c;
}

static void
on_jobs_finished(evutil_socket_t fd, short what, void *arg)
{
	struct node_control *control = arg;
	struct call *c;

	(void)fd;
	(void)what;
	lt_wake_clear(control->finished);
	while ((c = take_finished(control)) != NULL) {
		if (c->peer != NULL)
			send_answer(c);
		else
			call_free(c);
	}
}

/* -- the whole ------------------------------------------------------------------------------------ */

static bool
listen_in(const char *dir, int *ret, struct lt_err *err)
{
	struct sockaddr_un addr;
	int folder = -1, fd = -1;
	bool ok = false;

	if (!node_folder_socket(dir, &addr, &folder, err))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The folder's lock is ours: a socket that lies there is a dead run's. */
	if (unlink(addr.sun_path) != 0 && errno != ENOENT)
		goto out;
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 || chmod(addr.sun_path, 0600) != 0 ||
	    listen(fd, BACKLOG) != 0)
		goto out;

	*ret = fd;
	fd = -1;
	ok = true;
out:
	if (!ok)
		lt_fail(err, LT_E_FILE_IO, "%s/control.sock: %s", dir, strerror(errno));
	if (fd >= 0)
		close(fd);
	close(folder);
	return ok;
}

bool
node_control_open(const char *dir, struct event_base *loop, struct node *n, void (*on_stop)(void *ctx), void *ctx,
    struct node_control **ret, struct lt_err *err)
{
	struct node_control *c;
	int fd;

	if (!listen_in(dir, &fd, err))
		return false;
	c = lt_new(struct node_control);
	c->node = n;
	c->loop = loop;
	c->on_stop = on_stop;
	c->ctx = ctx;
	LIST_INIT(&c->calls);
	c->done = lt_queue_new(MAX_JOBS + 1);
	c->finished = lt_wake_new();
	c->on_finished = event_new(loop, lt_wake_fd(c->finished), EV_READ | EV_PERSIST, on_jobs_finished, c);
	c->listener = evconnlistener_new(loop, on_accept, c, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	LT_ASSERT(c->on_finished != NULL && c->listener != NULL && event_add(c->on_finished, NULL) == 0);
	evconnlistener_set_error_cb(c->listener, on_accept_error);
	*ret = c;
	return true;
}

/* Without the loop: what the socket's buffer takes at once, which an answer fits into as a rule. */
static void
send_now(struct call *c)
{
	ssize_t n = send(bufferevent_getfd(c->peer), c->answer.ptr, c->answer.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)n; /* gone or slow: it sees the end of the connection */
}

void
node_control_end(struct node_control *c)
{
	struct call *call, *next;

	evconnlistener_free(c->listener);
	c->listener = NULL;
	LIST_FOREACH(call, &c->calls, link)
	{
		lt_wake_raise(call->caller.gone);
	}
	LIST_FOREACH(call, &c->calls, link)
	{
		if (call->thread == NULL)
			continue;
		lt_thread_join(call->thread);
		call->thread = NULL;
		if (call->peer != NULL)
			send_now(call);
	}
	for (call = LIST_FIRST(&c->calls); call != NULL; call = next) {
		next = LIST_NEXT(call, link);
		if (!call->stop)
			call_free(call);
	}
}

void
node_control_free(struct node_control *c)
{
	if (c == NULL)
		return;
	while (!LIST_EMPTY(&c->calls)) {
		struct call *call = LIST_FIRST(&c->calls);

		if (call->peer != NULL) {
			node_frame_ok(LT_STR("ended\n"), false, &call->answer);
			send_now(call);
		}
		call_free(call);
	}
	event_free(c->on_finished);
	lt_queue_free(c->done, NULL);
	lt_wake_free(c->finished);
	free(c);
}
