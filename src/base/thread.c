#include "base/thread.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct lt_thread {
	pthread_t id;
	void (*fn)(void *arg);
	void *arg;
	char name[16];
};

static void *
thread_main(void *arg)
{
	struct lt_thread *t = arg;

	pthread_setname_np(pthread_self(), t->name);
	t->fn(t->arg);
	return NULL;
}

struct lt_thread *
lt_thread_start(const char *name, void (*fn)(void *arg), void *arg)
{
	struct lt_thread *t = lt_new(struct lt_thread);
	sigset_t all, before;

	t->fn = fn;
	t->arg = arg;
	snprintf(t->name, sizeof(t->name), "%s", name);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	LT_ASSERT(pthread_create(&t->id, NULL, thread_main, t) == 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return t;
}

void
lt_thread_join(struct lt_thread *t)
{
	if (t == NULL)
		return;
	pthread_join(t->id, NULL);
	free(t);
}

struct lt_wake {
	int fd;
	_Atomic unsigned raises;  /* orders memory: the language does not know what the descriptor does */
	_Atomic unsigned raising; /* threads that are in lt_wake_raise() */
};

struct lt_wake *
lt_wake_try(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct lt_wake *w;

	if (fd < 0)
		return NULL;
	w = lt_new(struct lt_wake);
	w->fd = fd;
	return w;
}

struct lt_wake *
lt_wake_new(void)
{
	struct lt_wake *w = lt_wake_try();

	LT_ASSERT(w != NULL);
	return w;
}

void
lt_wake_free(struct lt_wake *w)
{
	if (w == NULL)
		return;
	/* Whoever was woken may be here before the one who woke has left. */
	while (atomic_load_explicit(&w->raising, memory_order_acquire) != 0)
		sched_yield();
	close(w->fd);
	free(w);
}

void
lt_wake_raise(struct lt_wake *w)
{
	uint64_t one = 1;
	ssize_t n;

	atomic_fetch_add_explicit(&w->raising, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&w->raises, 1, memory_order_release);
	n = write(w->fd, &one, sizeof(one));
	(void)n; /* full means raised already */
	atomic_fetch_sub_explicit(&w->raising, 1, memory_order_release);
}

bool
lt_wake_raised(struct lt_wake *w)
{
	return lt_wake_wait(w, 0);
}

void
lt_wake_clear(struct lt_wake *w)
{
	uint64_t count;
	ssize_t n = read(w->fd, &count, sizeof(count));

	(void)n; /* empty means clear already */
}

int
lt_wake_fd(const struct lt_wake *w)
{
	return w->fd;
}

bool
lt_wake_wait_or(struct lt_wake *w, struct lt_wake *other, int timeout_ms)
{
	/* poll() passes over a descriptor that is negative */
	struct pollfd p[] = { { .fd = w->fd, .events = POLLIN },
		{ .fd = other != NULL ? other->fd : -1, .events = POLLIN } };

	if (poll(p, LT_COUNT(p), timeout_ms) <= 0 || p[0].revents == 0)
		return false;
	(void)atomic_load_explicit(&w->raises, memory_order_acquire);
	return true;
}

bool
lt_wake_wait(struct lt_wake *w, int timeout_ms)
{
	return lt_wake_wait_or(w, NULL, timeout_ms);
}

struct lt_cell {
	pthread_mutex_t lock;
	size_t size;
	max_align_t value[];
};

struct lt_cell *
lt_cell_new(size_t size)
{
	struct lt_cell *c = lt_calloc(1, sizeof(*c) + size);

	pthread_mutex_init(&c->lock, NULL);
	c->size = size;
	return c;
}

void
lt_cell_free(struct lt_cell *c)
{
	if (c == NULL)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void
lt_cell_set(struct lt_cell *c, const void *value)
{
	pthread_mutex_lock(&c->lock);
	memcpy(c->value, value, c->size);
	pthread_mutex_unlock(&c->lock);
}

void
lt_cell_get(struct lt_cell *c, void *out)
{
	pthread_mutex_lock(&c->lock);
	memcpy(out, c->value, c->size);
	pthread_mutex_unlock(&c->lock);
}
