/* binlog/relay.h - a semi-synchronous source: a thread that receives its log, keeps it on disk and acknowledges what is
 * durable there (R23); transactions are read from the disk. So the source waits for this disk, and never for the
 * target.
 *
 * The thread lives as long as its owner: it goes on while the target is away, and what it acknowledged is applied even
 * when the source is gone for good. */
#ifndef BINLOG_RELAY_H
#define BINLOG_RELAY_H

#include "binlog/semi_sync.h"
#include "binlog/source.h"

struct lt_wake; /* base/thread.h */

struct binlog_relay_options {
	const char *name;            /* of the site, for the log */
	const char *dir;             /* its own folder; made where it is missing */
	uint64_t limit;              /* bytes on disk; beyond, nothing is acknowledged */
	const struct my_addr *hosts; /* tried in order; their strings outlive it */
	size_t nhosts;
	struct lt_wake *stop;         /* raised when the pipeline ends: who waits for a connection gives it up */
	struct binlog_options stream; /* as whom it reads; what it borrows outlives it */
};

/** A copy of how it stands. */
struct binlog_relay_status {
	enum binlog_semi_sync source;
	bool connected;
	bool holds;            /* there is something on disk to read on from */
	bool folds;            /* then: at the source names are the same in any letter case */
	uint64_t bytes, limit; /* on disk */
	uint64_t acks;         /* sent since this process began */
	struct change_place received, acked;
	struct lt_err alarm; /* code 0: none. Why nothing is acknowledged although it was received */
};

/** Functions may be called by any thread, but one at a time opens a source. */
struct binlog_relay;

/** Reads what lies in the folder and goes on receiving behind it. LT_E_RELAY_IO, LT_E_RELAY_DAMAGED. */
LT_MUST_USE bool binlog_relay_start(
    const struct binlog_relay_options *options, struct binlog_relay **ret, struct lt_err *err);
/** Ends the thread; nobody may have a source of it any more. NULL is fine. */
void binlog_relay_free(struct binlog_relay *r);
/** As binlog_source_open(), from the disk: what is there is handed out whether the source can be reached or not.
 * LT_E_RELAY_FOREIGN: it holds what does not follow from `from`. Filter, describer and limits come from `options`. */
LT_MUST_USE bool binlog_relay_open(struct binlog_relay *r, const struct change_position *from,
    const struct binlog_options *options, struct change_source **ret, struct lt_err *err);
/** The target durably has all up to there: what is before is not needed. */
void binlog_relay_saved(struct binlog_relay *r, const struct change_position *saved);
/** A person says where to go on: what is there is given up. */
LT_MUST_USE bool binlog_relay_forget(struct binlog_relay *r, struct lt_err *err);
void binlog_relay_status(struct binlog_relay *r, struct binlog_relay_status *out);

#endif
