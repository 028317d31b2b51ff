/* binlog/relay_priv.h - where the thread that receives (relay_receive.c) and the one that reads (relay_feed.c) meet. */
#ifndef BINLOG_RELAY_PRIV_H
#define BINLOG_RELAY_PRIV_H

#include <stdatomic.h>

#include "base/queue.h"
#include "base/thread.h"
#include "binlog/relay.h"
#include "binlog/relay_log.h"
#include "binlog/source_priv.h"

/** What the receiver publishes. */
struct binlog_relay_view {
	uint64_t generation; /* another one: what was there before is not there any more */
	uint64_t last;       /* number of the newest file; 0: none */
	uint64_t written;    /* bytes of it that may be read */
	bool away;           /* nothing comes behind that for now; `err` says why */
	struct lt_err err;
};

enum binlog_relay_order_kind { BINLOG_RELAY_OPEN, BINLOG_RELAY_FORGET, BINLOG_RELAY_SAVED };

/** What another thread asks of the receiver. */
struct binlog_relay_order {
	enum binlog_relay_order_kind kind;
	struct change_position from; /* owned */
	struct lt_wake *done;        /* owned by who waits; NULL: nobody does, and the receiver frees the order */
	/* The answer to OPEN: */
	bool ok;
	struct lt_err err;
	char server[64];
	uint64_t generation, number; /* of the first file to read; it may be yet to come */
	bool fresh;                  /* begun with it: its first record is the first to read */
	bool by_gtid;
	size_t host;
};

/** `saved` as a plain value; GTIDs go another way. */
struct binlog_relay_saved_at {
	char server[64];
	struct change_place place;
};

/** Of a connection. */
enum binlog_relay_phase {
	BINLOG_RELAY_TO_BEGIN, /* the artificial ROTATE is to come that names the file */
	BINLOG_RELAY_TO_MEET,  /* the event that was read before is to come (R13) */
	BINLOG_RELAY_TO_REACH, /* what is sent stands before the place where the log begins */
	BINLOG_RELAY_ON,
};

struct binlog_relay {
	char *name, *dir; /* owned */
	uint64_t limit;
	struct my_addr *hosts; /* owned; their strings are borrowed */
	size_t nhosts;
	struct lt_wake *stop; /* borrowed */
	struct binlog_options options;
	const struct lt_clock *clock;

	struct lt_thread *thread; /* owned */
	struct lt_queue *orders;  /* owned: of struct binlog_relay_order */
	struct lt_wake *wake;     /* owned: an order is there, or the end */
	struct lt_wake *news;     /* owned: the view is another one, or the reader was cancelled */
	struct lt_cell *view;     /* owned: struct binlog_relay_view */
	struct lt_cell *status;   /* owned: struct binlog_relay_status */
	struct lt_cell *saved;    /* owned: struct binlog_relay_saved_at */
	_Atomic bool ending;
	_Atomic bool hungry;       /* the reader has read all that there is, and waits for more */
	_Atomic uint64_t gtids_us; /* when GTIDs alone were told by binlog_relay_saved() */

	/* The receiver's own: */
	struct binlog_relay_log log;
	struct binlog_feed *feed; /* owned; NULL: not connected */
	struct binlog_track track;
	struct binlog_relay_view shown; /* as published */
	struct binlog_relay_status now; /* likewise */
	enum binlog_relay_phase phase;
	bool fresh;                     /* the log begins with this connection */
	struct change_position begin;   /* then: where */
	struct change_place expect;     /* MEET: the event that must be there */
	struct binlog_relay_entry held; /* an event that is not added yet */
	bool holding;
	struct change_place unacked; /* file "": none. The source waits for all up to there */
	uint64_t unacked_bytes;      /* received since it does */
	bool moved;                  /* the host `host` is another server, which has all that is here */
	bool halted;                 /* by what a person must answer: nothing is tried until a source is opened */
	size_t host;                 /* of the connection */
	unsigned pause_ms;
	uint64_t looked_us;
	struct binlog_relay_saved_at applied; /* as it was looked at last */
};

/** The first pause between two tries to connect. */
#define BINLOG_RELAY_PAUSE_MS 100

/** The receiver's thread; `arg` is the relay. */
void binlog_relay_receive(void *arg);
/** For the receiver, and before it starts: show what there is. */
void binlog_relay_publish(struct binlog_relay *r);
void binlog_relay_order_free(void *item);
/** A feed that reads what the order found; borrows `r`. `from`: where it begins, set to what a source is to be told. */
LT_MUST_USE bool binlog_relay_feed_open(struct binlog_relay *r, const struct binlog_relay_order *found,
    struct change_position *from, const struct binlog_options *options, struct binlog_feed **ret, struct lt_err *err);

#endif
