/* change/heap.h - memory for many small pieces: up to a bound the process's own, beyond it a file's (R24).
 *
 * The file has no name, lies where large transactions spill, and is mapped: what of it is not used goes to disk when
 * the machine needs the memory. Where the disk is full, or the file may not grow, the process's memory is taken all the
 * same, and counted. One owner thread at a time, but for the counters. */
#ifndef CHANGE_HEAP_H
#define CHANGE_HEAP_H

#include "change/scratch.h"

struct change_heap;

/** `bound`: bytes of the process's memory. `room` (borrowed; NULL: none) must outlive it. */
struct change_heap *change_heap_new(size_t bound, struct change_spill_room *room);
/** With all its pieces; NULL is fine. */
void change_heap_free(struct change_heap *h);
/** Never NULL; aligned for anything. */
void *change_heap_take(struct change_heap *h, size_t size);
/** `size` as it was taken; NULL is fine. */
void change_heap_give(struct change_heap *h, void *ptr, size_t size);

/** Whether it can go on without more of the process's memory than `over` bytes beyond its bound: else why the file does
 * not grow (LT_E_SPILL_IO, LT_E_SPILL_LIMIT, LT_E_SPILL_FULL). Asks the file for more where it comes to that. */
LT_MUST_USE bool change_heap_has_room(struct change_heap *h, uint64_t over, struct lt_err *err);

/** Bytes taken from the system, in use or not. */
struct change_heap_use {
	uint64_t memory, file;
	uint64_t over; /* of `memory`, what is in use though it should have gone to the file and could not */
};
struct change_heap_use change_heap_use(const struct change_heap *h);

#endif
