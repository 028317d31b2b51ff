/* binlog/source_priv.h - what the two kinds of sources share: events come from a feed, and become transactions alike.
 */
#ifndef BINLOG_SOURCE_PRIV_H
#define BINLOG_SOURCE_PRIV_H

#include <stdatomic.h>

#include "base/clock.h"
#include "binlog/assembler.h"
#include "binlog/spool.h"

enum binlog_read { BINLOG_READ_EVENT, BINLOG_READ_NOTHING, BINLOG_READ_END, BINLOG_READ_FAILED };

struct binlog_feed;

struct binlog_feed_ops {
	/** The next event's bytes, checksum included, borrowed until the next call. NOTHING came in time; END: none
	 * will come. */
	enum binlog_read (*read)(struct binlog_feed *f, int timeout_ms, struct lt_str *event, struct lt_err *err);
	void (*cancel)(struct binlog_feed *f); /* any thread */
	void (*close)(struct binlog_feed *f);
};

/** First member of every implementation. */
struct binlog_feed {
	const struct binlog_feed_ops *ops;
	bool stream;  /* from a server: artificial events, positions by its word */
	bool by_gtid; /* the server chose where it begins, and leaves out what was executed */
	bool whole;   /* it begins at the start of the place's file: what stands in front of the place is passed over */
	struct binlog_spool *spool; /* owned by the feed; not NULL: the event just read lies there, and only its front
				     * was given */
	bool in_use;                /* somebody still writes the log: it may end inside a transaction */
};

/** What R13 asks for: the event that reading begins with must be this one. */
struct binlog_expect {
	bool on;
	uint64_t pos, end;
	uint32_t crc;
};

/** Takes over `feed`, also on failure of what follows. `from->place` is where the first event stands or, with `expect`,
 * stood. */
struct change_source *binlog_source_new(
    struct binlog_feed *feed, const struct change_position *from, const struct binlog_options *options, bool expect);

/** What `base`, which takes it over, asks for XA transactions that were prepared before it began. */
void binlog_source_recall(struct change_source *base, struct binlog_recall *recall);

#endif
