/* binlog/fragments.h - MariaDB 12.3's PARTIAL_ROW_DATA: one row event in several.
 *
 * Source: MDEV-32570; MariaDB knowledge base "PARTIAL_ROW_DATA_EVENT". Two u32 say how many fragments there are and
 * which this is (documents differ about their order: the first fragment, which alone has flag 1, is number 1 and so
 * tells), then u8 flags, with flag 1 the u64 size of the whole, then bytes of the row event, its header first. */
#ifndef BINLOG_FRAGMENTS_H
#define BINLOG_FRAGMENTS_H

#include "base/buf.h"
#include "base/err.h"

/** Zeroed: none. One thread. */
struct binlog_fragments {
	struct lt_buf bytes;  /* what came so far */
	uint64_t size, taken; /* of the whole, as the first fragment says; so far */
	uint32_t total, next; /* fragments; the number of the one to come; 0 and 0: none is open */
	bool number_first;    /* which of the two u32 is the number */
	bool discard;         /* the owner's: nobody wants them, so the rest is only counted */
};

static inline bool
binlog_fragments_open(const struct binlog_fragments *f)
{
	return f->next != 0;
}

/** Forget what is open; keeps the memory. */
void binlog_fragments_reset(struct binlog_fragments *f);
void binlog_fragments_free(struct binlog_fragments *f);
/** Take in one event's body; `*whole`: it was the last, and `bytes` has all (nothing reliable with `discard`). More
 * than `limit` bytes are LT_E_TXN_TOO_LARGE. */
LT_MUST_USE bool binlog_fragments_add(
    struct binlog_fragments *f, struct lt_str body, size_t limit, bool *whole, struct lt_err *err);

#endif
