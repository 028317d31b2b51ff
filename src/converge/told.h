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
	CONVERGE_BEAT,  /* the site's heartbeat: `beat`; `seen` is what the site had seen by then */
	CONVERGE_GIVEN, /* a group that was applied here and is given back to the site that lost it: `mark`, `owner` */
};

/** A heartbeat, by its row in the log. */
struct converge_beat {
	bool timed;            /* it carries the server's time, */
	int64_t us;            /* this */
	bool counts;           /* the log has both images: */
	uint64_t before, upto; /* how many there were in front of it, and with it */
};

struct converge_told {
	enum converge_kind kind;
	struct conflict_version version;
	struct conflict_vector seen; /* borrowed from this piece of memory */
	struct lt_str mark;          /* conflict_mark_decode() takes it; ptr NULL: a group without rows */
	struct converge_beat beat;   /* BEAT */
	uint32_t begins; /* from here on local transactions are of this origin, and later than `above_us`; 0: no news */
	int64_t above_us;      /* (ADR 48) */
	const uint32_t *owner; /* GIVEN: of each row, which transaction of the mark wrote it; in this piece of memory */
};

/** A row that none of them wrote. */
#define CONVERGE_NO_OWNER UINT32_MAX

/** NULL: it came from a log that nobody numbers. */
static inline const struct converge_told *
converge_told_of(const struct change_txn *t)
{
	return t->told;
}

#endif
