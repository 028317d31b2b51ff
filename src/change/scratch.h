/* change/scratch.h - files without a name, for what is too large for memory; nothing of them outlives the process.
 *
 * What cannot be written is LT_E_SPILL_IO, which is tried again from the log. */
#ifndef CHANGE_SCRATCH_H
#define CHANGE_SCRATCH_H

#include <stdatomic.h>

#include "base/err.h"

/** Where the files of one pipeline lie, and what they may take. Set once; the counters are for any thread. */
struct change_spill_room {
	const char *dir;         /* borrowed */
	bool make;               /* the folder (0700) when the first one needs it */
	uint64_t limit;          /* bytes on disk, of all at a time; 0 = no limit */
	size_t memory_bytes;     /* rows that take more than this are moved to disk */
	size_t part_bytes;       /* of a part, in memory; a larger row is a part of its own */
	_Atomic uint64_t used;   /* bytes on disk now */
	_Atomic unsigned handed; /* spills that a source gave away and that are not freed yet */
};

/** One owner thread at a time. */
struct change_scratch {
	struct change_spill_room *room; /* borrowed; must outlive it */
	int fd;                         /* owned */
	uint64_t size;
};

LT_MUST_USE bool change_scratch_open(struct change_spill_room *room, struct change_scratch *out, struct lt_err *err);
void change_scratch_close(struct change_scratch *f);
/** Add at the end. More than the room's limit: LT_E_SPILL_LIMIT, or LT_E_SPILL_FULL while others were handed out.
 * After a failure only close() is allowed. */
LT_MUST_USE bool change_scratch_add(struct change_scratch *f, struct lt_str bytes, struct lt_err *err);
/** `size` bytes more at the end, reserved on disk, as memory that is the file's; a multiple of a page. The caller's to
 * munmap(), also behind close(). LT_E_SPILL_IO, LT_E_SPILL_LIMIT, LT_E_SPILL_FULL: nothing has changed. */
LT_MUST_USE bool change_scratch_map(struct change_scratch *f, size_t size, void **ret, struct lt_err *err);
/** Exactly `len` bytes from `at` on; LT_E_SPILL_DAMAGED: the file has no such bytes. */
LT_MUST_USE bool change_scratch_read(
    const struct change_scratch *f, uint64_t at, char *to, size_t len, struct lt_err *err);
/** Make it `size` bytes, no more than it has. */
LT_MUST_USE bool change_scratch_cut(struct change_scratch *f, uint64_t size, struct lt_err *err);

#endif
