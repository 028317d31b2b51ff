/* conflict/memory.h - what is remembered of keys that were written lately: the version of each, and for the policies
 * that merge the operations that made it.
 *
 * It says of a locked row whose write it is. All of it follows from a checkpoint and the log behind that, so it is kept
 * in memory only; what every peer has seen is forgotten, deletions too, since whatever comes from now on was written
 * after it. A key is the caller's bytes for a table and its primary key, equal where the server's collation says so. In
 * row-last-writer-wins a key of up to 24 bytes costs less than 100. One owner thread. */
#ifndef CONFLICT_MEMORY_H
#define CONFLICT_MEMORY_H

#include "conflict/row.h"

enum conflict_state {
	CONFLICT_VISIBLE,
	CONFLICT_ABSENT, /* a tombstone */
	CONFLICT_PARKED, /* it lost a unique value and is not in the table */
};

/** The operations that made a key, ascending by version, and the row before them. All borrowed. */
struct conflict_list {
	const struct conflict_row *base;
	const struct conflict_op *const *ops;
	uint32_t nops;
};

/** What is known of one key. */
struct conflict_known {
	struct conflict_version
	    version; /* of the newest write; CONFLICT_UNKNOWN is possible for a row that is in the way of others */
	enum conflict_state state;
	struct conflict_list
	    list; /* nops 0 where operations are not remembered; borrowed until the key is written again */
};

/** The version of a row that competes with parked ones, kept beyond what peers have seen. */
struct conflict_pin {
	struct lt_str key;
	struct conflict_version version;
	enum conflict_state state;
};

/** Longer keys come as a digest. */
#define CONFLICT_KEY_MAX UINT16_MAX

struct conflict_memory;

/** `room` is borrowed. */
struct conflict_memory *conflict_memory_new(const struct conflict_room *room);
void conflict_memory_free(struct conflict_memory *m);
/** False where nothing is known. */
bool conflict_memory_find(const struct conflict_memory *m, struct lt_str key, struct conflict_known *out);
/** The key's version is this one now; a list of operations that it had is gone. */
void conflict_memory_put(
    struct conflict_memory *m, struct lt_str key, struct conflict_version version, enum conflict_state state);
/** One operation more. `base` is the row before it, and is kept if the key was not known. All is copied. */
void conflict_memory_add(
    struct conflict_memory *m, struct lt_str key, const struct conflict_row *base, const struct conflict_op *op);
/** Forget what was known of the key and take this list. All is copied; at least one operation. */
void conflict_memory_replace(struct conflict_memory *m, struct lt_str key, const struct conflict_list *list);
void conflict_memory_drop(struct conflict_memory *m, struct lt_str key);

/** Whether a key's version is still needed whoever has seen it: it is parked, or in the way of a parked row. */
typedef bool conflict_keep_fn(void *ctx, struct lt_str key, const struct conflict_known *known);

/** What a walk through all keys does: drop each of which `everyone` (NULL: nobody) has seen all writes, unless `keep`
 * (may be NULL) wants it. */
struct conflict_sweep {
	const struct conflict_vector *everyone;
	conflict_keep_fn *keep; /* asked of every key; must not change the memory */
	void *ctx;
};
/** A step of it: look at some `looks` keys and buckets, from *at on (0: the beginning). True: the walk is done. Between
 * two steps the memory may be changed as one likes; a key that is there from the first to the last is met at least
 * once. */
bool conflict_memory_sweep(struct conflict_memory *m, const struct conflict_sweep *s, size_t looks, size_t *at);
/** Whether any row is parked whose key begins with the same 8 bytes: they name its table. */
bool conflict_memory_has_parked(const struct conflict_memory *m, struct lt_str key);
/** How many are parked in all. */
size_t conflict_memory_parked(const struct conflict_memory *m);
size_t conflict_memory_count(const struct conflict_memory *m);
/** Bytes taken from the system, as near as can be told. */
size_t conflict_memory_bytes(const struct conflict_memory *m);

#endif
