/* converge/told.h - what is known of a transaction of a site's log beside its rows: when it was written, what had been
 * seen by then, or what Lutra itself wrote with it. One piece of memory, in change_txn.told. */
#ifndef CONVERGE_TOLD_H
#define CONVERGE_TOLD_H

#include "change/txn.h"
#include "conflict/observer.h"

enum converge_kind {
	CONVERGE_OTHER, /* of nobody here: it is counted */
	CONVERGE_LOCAL, /* rows that users wrote: `version` and `seen` are its own */
	CONVERGE_MARK,  /* a group of this channel that was applied here: `mark` */
	CONVERGE_BEAT,  /* the site's heartbeat: `beat_us`; `seen` is what the site had seen by then */
};

struct converge_told {
	enum converge_kind kind;
	struct conflict_version version;
	struct conflict_vector seen; /* borrowed from this piece of memory */
	struct lt_str mark;          /* conflict_mark_decode() takes it; ptr NULL: a group without rows */
	bool has_beat;               /* the heartbeat carries time */
	int64_t beat_us;
};

/** NULL: it came from a log that nobody numbers. */
static inline const struct converge_told *
converge_told_of(const struct change_txn *t)
{
	return t->told;
}

#endif
