/* base/queue.h - where two threads meet: first in, first out, bounded in bytes.
 *
 * A push waits while the bytes inside are over the limit; a single item larger than the limit passes when the queue is
 * empty, so nothing stands for ever. Any thread may call any function but free. */
#ifndef LT_BASE_QUEUE_H
#define LT_BASE_QUEUE_H

#include "base/def.h"

struct lt_queue;

struct lt_queue *lt_queue_new(size_t limit_bytes);
/** Nobody may use it any more; items inside are handed to `drop` (may be NULL). */
void lt_queue_free(struct lt_queue *q, void (*drop)(void *item));

enum lt_queue_end { LT_QUEUE_DONE, LT_QUEUE_TIMEOUT, LT_QUEUE_CLOSED };

/** timeout_ms < 0 waits for ever. On anything but DONE the item is still the caller's. */
enum lt_queue_end lt_queue_push(struct lt_queue *q, void *item, size_t bytes, int timeout_ms);
/** After close, what is inside still comes out; then CLOSED. */
enum lt_queue_end lt_queue_pop(struct lt_queue *q, void **item, int timeout_ms);
/** No push succeeds any more, no pop waits. */
void lt_queue_close(struct lt_queue *q);
size_t lt_queue_bytes(struct lt_queue *q);

#endif
