/* pipeline/flight_priv.h - the inside of a flight, shared by flight.c (order, the loader's) and writer.c (threads). */
#ifndef PIPELINE_FLIGHT_PRIV_H
#define PIPELINE_FLIGHT_PRIV_H

#include "pipeline/flight.h"
#include "pipeline/load.h"

enum flight_state {
	FLIGHT_PLACES, /* no rows: its place is passed when all before it is done */
	FLIGHT_WAITS,  /* to be handed out; perhaps not for the first time */
	FLIGHT_OUT,    /* with the writers */
	FLIGHT_DONE,   /* committed */
	FLIGHT_FAILED, /* rolled back, for a reason of its own or of the moment */
};

/** One group. Owner: the loader, but the writer that holds it while it is OUT. */
struct flight_job {
	enum flight_state state;
	uint64_t order;           /* 1 and up; 0 with PLACES */
	uint64_t after;           /* it begins when all up to this one are committed */
	uint64_t number;          /* of the lane's move; a new one each time it is handed out */
	struct change_txn **txns; /* owned, as are the transactions */
	size_t count, rows, bytes;
	struct change_position begin, end;
	/* `commit-order: free`: what its lane holds. */
	struct change_position low; /* all before it is committed */
	uint64_t low_order;         /* the newest of that */
	struct flight_job *next;
	/* What came of it: */
	bool ok;
	struct change_sink_done done;
	uint64_t took_us; /* until its turn was asked for */
	struct lt_err err;
};

enum flight_phase {
	FLIGHT_IDLE,
	FLIGHT_SENDS,
	FLIGHT_READY /* waits for its turn, with all its locks */,
	FLIGHT_COMMITS
};

/** What all see: counters alone. */
struct flight_turns {
	_Atomic uint64_t turn;     /* the order that may commit */
	_Atomic uint64_t off_from; /* this order and all behind it roll back */
	bool free;                 /* never changes: there are no turns */
};

/** One connection and its thread. The counters may be read by any; all else is the thread's while it runs. */
struct flight_writer {
	struct lt_thread *thread;   /* owned */
	struct change_sink *sink;   /* owned */
	uint32_t session;           /* the server's number for it */
	struct flight_turns *turns; /* borrowed */
	struct flight_writer *all;  /* borrowed: every writer, to wake the next one */
	size_t nall;
	struct lt_queue *work, *back; /* borrowed, of struct flight_job */
	const struct lt_clock *clock;
	struct lt_wake *wake; /* owned: the turn has come, or all is off */
	struct pipeline_load_turn hooks;
	struct flight_job *job; /* in hand */
	struct flight_ahead {
		uint64_t order;
		struct lt_buf line;
	} * ahead; /* owned: what its lane tells of groups it committed that are not below its low place */
	size_t nahead, ahead_cap;
	struct lt_buf ahead_text; /* of the job in hand */
	uint64_t began_us;
	_Atomic uint64_t order;                 /* in hand */
	_Atomic int phase;                      /* enum flight_phase */
	_Atomic uint64_t replies, awaited_rows; /* judged; what the next one is for, 0: none is waited for */
};

/** Connect and take lane `lane`; `w` is zeroed but for what is borrowed, and may be moved until it starts. */
LT_MUST_USE bool flight_writer_open(
    struct flight_writer *w, struct change_sink *first, size_t lane, struct lt_err *err);
void flight_writer_start(struct flight_writer *w);
/** After the work's queue was closed: waits for its thread. */
void flight_writer_close(struct flight_writer *w);
void flight_wake_all(struct flight_writer *writers, size_t n);
void flight_job_free(void *item);

#endif
