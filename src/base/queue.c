#include "base/queue.h"

#include <errno.h>

#include "base/cond.h"

struct node {
	struct node *next;
	void *item;
	size_t bytes;
};

struct lt_queue {
	pthread_mutex_t lock;
	pthread_cond_t room, filled;
	struct node *head, *tail;
	size_t bytes, count, limit;
	bool closed;
};

struct lt_queue *
lt_queue_new(size_t limit_bytes)
{
	struct lt_queue *q = lt_new(struct lt_queue);

	pthread_mutex_init(&q->lock, NULL);
	lt_cond_init(&q->room);
	lt_cond_init(&q->filled);
	q->limit = limit_bytes;
	return q;
}

void
lt_queue_free(struct lt_queue *q, void (*drop)(void *item))
{
	if (q == NULL)
		return;
	while (q->head != NULL) {
		struct node *n = q->head;

		q->head = n->next;
		if (drop != NULL)
			drop(n->item);
		free(n);
	}
	pthread_cond_destroy(&q->room);
	pthread_cond_destroy(&q->filled);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

/* False at the time limit. */
static bool
wait_on(pthread_cond_t *cond, pthread_mutex_t *lock, int timeout_ms, const struct timespec *deadline)
{
	if (timeout_ms < 0)
		return pthread_cond_wait(cond, lock) == 0;
	return pthread_cond_timedwait(cond, lock, deadline) != ETIMEDOUT;
}

enum lt_queue_end
lt_queue_push(struct lt_queue *q, void *item, size_t bytes, int timeout_ms)
{
	struct timespec deadline = lt_cond_deadline((unsigned)LT_MAX(timeout_ms, 0));
	enum lt_queue_end end = LT_QUEUE_DONE;
	struct node *n;

	pthread_mutex_lock(&q->lock);
	while (!q->closed && q->count > 0 && q->bytes + bytes > q->limit) {
		if (!wait_on(&q->room, &q->lock, timeout_ms, &deadline)) {
			end = LT_QUEUE_TIMEOUT;
			break;
		}
	}
	if (q->closed) {
		end = LT_QUEUE_CLOSED;
	} else if (end == LT_QUEUE_DONE) {
		n = lt_new(struct node);
		n->item = item;
		n->bytes = bytes;
		if (q->tail != NULL)
			q->tail->next = n;
		else
			q->head = n;
		q->tail = n;
		q->bytes += bytes;
		q->count++;
		pthread_cond_signal(&q->filled);
	}
	pthread_mutex_unlock(&q->lock);
	return end;
}

enum lt_queue_end
lt_queue_pop(struct lt_queue *q, void **item, int timeout_ms)
{
	struct timespec deadline = lt_cond_deadline((unsigned)LT_MAX(timeout_ms, 0));
	enum lt_queue_end end = LT_QUEUE_DONE;
	struct node *n = NULL;

	pthread_mutex_lock(&q->lock);
	while (q->head == NULL && !q->closed) {
		if (!wait_on(&q->filled, &q->lock, timeout_ms, &deadline)) {
			end = LT_QUEUE_TIMEOUT;
			break;
		}
	}
	n = q->head;
	if (n != NULL) {
		q->head = n->next;
		if (q->head == NULL)
			q->tail = NULL;
		q->bytes -= n->bytes;
		q->count--;
		*item = n->item;
		end = LT_QUEUE_DONE;
		pthread_cond_broadcast(&q->room);
	} else if (q->closed) {
		end = LT_QUEUE_CLOSED;
	}
	pthread_mutex_unlock(&q->lock);
	free(n);
	return end;
}

void
lt_queue_close(struct lt_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->room);
	pthread_cond_broadcast(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

size_t
lt_queue_bytes(struct lt_queue *q)
{
	size_t n;

	pthread_mutex_lock(&q->lock);
	n = q->bytes;
	pthread_mutex_unlock(&q->lock);
	return n;
}
