/* pipeline/group.h - adaptive grouping: how many consecutive source transactions share one target transaction.
 *
 * With a backlog, as many as fit the bounds; without one, each goes at once. Whole ones only, in order (R5). Where the
 * target is far, the bounds of rows and bytes grow until the round trips that end a group are a small part of it. What
 * comes behind a group may be taken while it is applied (ADR 54). */
#ifndef PIPELINE_GROUP_H
#define PIPELINE_GROUP_H

#include "base/queue.h"
#include "change/txn.h"

/** Bounds of the channel file, and what was learnt of the target's speed. Owner: the loader. */
struct pipeline_group {
	size_t max_rows, max_bytes;
	unsigned max_time_ms;
	size_t link_bytes;        /* max_bytes where a long round trip asks for larger groups; 0: they never grow */
	uint64_t round_us;        /* to the target and back; 0: not known */
	uint64_t last_round_us;   /* as it was measured last */
	double rows_per_ms;       /* moving average, without round trips; what the time bound means in rows */
	struct change_txn **txns; /* owned array; transactions owned until taken */
	size_t count, cap;
	size_t rows, bytes;
	struct pipeline_group_ahead {
		struct change_txn **txns;
		size_t count, cap, rows, bytes;
	} ahead;                 /* owned: the group after this one, as far as it was taken */
	struct change_txn *held; /* popped, but belongs to neither */
};

void pipeline_group_init(struct pipeline_group *g, size_t max_rows, size_t max_bytes, unsigned max_time_ms);
void pipeline_group_clear(struct pipeline_group *g);
/** Fill from the queue: wait up to timeout_ms for the first one, for none after it. A DDL statement, and a transaction
 * that spilled, is a group of its own. What the group held before is freed. The end is the queue's: CLOSED only once
 * nothing is left. */
enum lt_queue_end pipeline_group_fill(struct pipeline_group *g, struct lt_queue *q, int timeout_ms);
/** The same, but what the group holds stays in it. */
enum lt_queue_end pipeline_group_more(struct pipeline_group *g, struct lt_queue *q, int timeout_ms);
/** What comes behind the group, under the same bounds: whatever the queue has now goes to g->ahead, with which the next
 * pipeline_group_fill() begins. Nothing goes there behind a transaction of more bytes than a group may have. */
void pipeline_group_take_ahead(struct pipeline_group *g, struct lt_queue *q);
/** There is more than fits. */
bool pipeline_group_is_full(const struct pipeline_group *g);
/** Take `t` out of the group without freeing it: the caller's now. */
void pipeline_group_leave(struct pipeline_group *g, const struct change_txn *t);
/** The caller's from now on; the group is empty then. The array to free(). */
struct change_txn **pipeline_group_take(struct pipeline_group *g);
/** A group of that many rows was applied: learn from how long it took, with so many round trips in it that nothing
 * else was done in. */
void pipeline_group_learn(struct pipeline_group *g, size_t rows, uint64_t took_us, unsigned rounds);
/** A round trip was measured. One that took long by chance counts only when the next one does too. */
void pipeline_group_note_round(struct pipeline_group *g, uint64_t round_us);

#endif
