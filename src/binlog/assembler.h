/* binlog/assembler.h - events in, whole transactions out.
 *
 * Knows nothing of files, servers or time: whoever feeds it says where each event stands. */
#ifndef BINLOG_ASSEMBLER_H
#define BINLOG_ASSEMBLER_H

#include "binlog/event.h"
#include "binlog/format.h"
#include "binlog/fragments.h"
#include "binlog/gtid_event.h"
#include "binlog/recall.h"
#include "binlog/source.h"
#include "binlog/tables.h"
#include "binlog/track.h"

enum binlog_state {
	BINLOG_STATE_START, /* nothing read yet: only the beginning of a transaction may come */
	BINLOG_STATE_IDLE,  /* between transactions */
	BINLOG_STATE_GROUP, /* a GTID was read; its first statement comes */
	BINLOG_STATE_OPEN,  /* inside a transaction */
	BINLOG_STATE_TAIL,  /* behind a statement that stood alone: rows may follow (CREATE ... SELECT) */
};

struct binlog_savepoint;
struct binlog_prepared;

/** One thread. */
struct binlog_assembler {
	struct change_filter filter;
	size_t txn_limit;                   /* 0 = none */
	struct change_spill_room *spill;    /* borrowed; NULL: none */
	const struct change_gtid_set *skip; /* borrowed, may be NULL: MySQL transactions in it were applied already */
	struct binlog_format format;
	struct binlog_tables tables;

	enum binlog_state state;
	struct binlog_gtid_event group; /* of the transaction in hand */
	char begin_file[256];           /* where it begins */
	uint64_t begin_pos;
	uint32_t begin_s, begin_server;
	uint32_t written_s; /* the second of its last statement */
	uint64_t serial;    /* counts transactions: which TABLE_MAPs count */
	uint32_t row_events;
	bool boundaries;                     /* see binlog_options */
	bool xa, skipped;                    /* inside XA START; passed over because `skip` has it */
	bool told;                           /* a statement of it was handed out already */
	bool bare;                           /* no BEGIN opened it: it ends with its statement */
	bool packed;                         /* its events come out of a TRANSACTION_PAYLOAD */
	char xa_name[320];                   /* as XA END wrote it */
	struct change_txn *txn;              /* owned; the one in hand, kept for the next one while it is empty */
	struct change_txn_like like;         /* those before it */
	struct binlog_savepoint *savepoints; /* owned */
	struct binlog_prepared *prepared;    /* owned: XA transactions that wait for their decision */
	size_t nprepared, prepared_bytes;
	const struct change_place *commit; /* see binlog_options */
	struct binlog_recall *recall;      /* borrowed; NULL: what was prepared before reading began is not known */
	struct lt_buf scratch;             /* a compressed body, unpacked */
	struct binlog_fragments fragments;

	struct change_txn *ready[4]; /* owned; whole, not taken yet, oldest first */
	size_t nready;
	struct change_place place;        /* the end of the newest whole transaction, wanted or not */
	bool moved;                       /* `place` went on since the last take */
	struct change_gtid_set *passed;   /* owned; GTIDs passed over since the last take; NULL = none */
	struct change_gtid_set *executed; /* owned: start and everything that ended since */
};

/** `options` as for a source. `a` is the caller's memory; end it with binlog_assembler_clear(). */
void binlog_assembler_init(
    struct binlog_assembler *a, const struct binlog_options *options, const struct change_gtid_set *executed);
void binlog_assembler_clear(struct binlog_assembler *a);
/** A new file begins, in this format. A transaction in hand is dropped: its end was never written (the server died). */
void binlog_assembler_format(struct binlog_assembler *a, const struct binlog_format *format);
/** Take in one event of the log (no FORMAT_DESCRIPTION, artificial ROTATE, HEARTBEAT: those are the feeder's). */
LT_MUST_USE bool binlog_assembler_feed(
    struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err);
/** An event whose checksum is wrong; `err` says so. True, and `err` is cleared: for who looks for a place it does not
 * matter what it holds, since it neither begins nor decides anything. */
LT_MUST_USE bool binlog_assembler_damaged(
    struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err);
/** Reading goes on behind this event, which was read before. */
LT_MUST_USE bool binlog_assembler_behind(struct binlog_assembler *a, const struct binlog_event *e, struct lt_err *err);
/** The oldest whole transaction, the caller's from then on; NULL: none. */
struct change_txn *binlog_assembler_take(struct binlog_assembler *a);
/** A CHANGE_TXN_PLACE for what was passed over since the last take; NULL when nothing was. */
struct change_txn *binlog_assembler_take_place(struct binlog_assembler *a);
/** Inside a transaction: a log must not end here. */
bool binlog_assembler_busy(const struct binlog_assembler *a);

/* -- for assembler_query.c only: what a statement may do to the transaction in hand --------------- */

LT_MUST_USE bool binlog_assembler_query(struct binlog_assembler *a, const struct binlog_event *e, struct lt_str body,
    size_t query_size, const struct binlog_at *at, struct lt_err *err);
LT_MUST_USE bool binlog_assembler_prepare(
    struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err);
void binlog_assembler_forget(struct binlog_assembler *a, bool savepoints_only);
void binlog_assembler_begin(struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at);
LT_MUST_USE bool binlog_assembler_open(struct binlog_assembler *a, const struct binlog_event *e, struct lt_err *err);
LT_MUST_USE bool binlog_assembler_end(struct binlog_assembler *a, const struct binlog_event *e,
    const struct binlog_at *at, bool committed, struct lt_err *err);
/** Bytes of rows that may stay in memory; 0 = no limit. */
size_t binlog_assembler_limit(const struct binlog_assembler *a);
/** Bytes of an event that stands compressed, or in pieces, in others. */
size_t binlog_assembler_event_limit(const struct binlog_assembler *a);
/** Whether there is something in `t` to be handed out. */
bool binlog_assembler_holds(const struct change_txn *t);
LT_MUST_USE bool binlog_assembler_hand_out(struct binlog_assembler *a, enum change_txn_kind kind, struct lt_err *err);

#endif
