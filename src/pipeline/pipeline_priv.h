/* pipeline/pipeline_priv.h - a pipeline's inside, shared by pipeline.c (life), session.c (one run), apply.c
 * (on one connection), flight.c (on several), orders.c (by hand).
 */
#ifndef PIPELINE_PIPELINE_PRIV_H
#define PIPELINE_PIPELINE_PRIV_H

#include <stdatomic.h>

#include "base/queue.h"
#include "base/thread.h"
#include "change/sink.h"
#include "pipeline/group.h"
#include "pipeline/pipeline.h"
#include "pipeline/progress.h"
#include "pipeline/select.h"
#include "pipeline/state.h"

/** What the reader publishes. */
struct pipeline_read {
	struct change_place place;
	char gtid[96];
};

/** Why the reader ended, where that is tried again; code 0: it reads. */
struct pipeline_reader_end {
	struct lt_err err;
	uint64_t since_us; /* wall clock */
};

/** What a stopped pipeline stands before: known when a transaction stopped it, not when the reading did. */
struct pipeline_stop {
	bool by_txn;
	enum change_txn_kind kind;
	struct change_position end; /* behind the transaction */
	struct lt_buf statement;    /* of a DDL */
	struct lt_buf schema;       /* its default schema */
	uint64_t sql_mode;          /* how it is read */
	struct change_txn *txn; /* owned once the run is over: the transaction itself, for who replaces a row of it */
};

struct pipeline {
	const struct model_channel *channel; /* borrowed */
	const struct model_pipeline *model;  /* borrowed, of channel */
	size_t index;
	struct pipeline_origin origin;
	struct pipeline_trace trace;
	const struct lt_clock *clock;

	struct lt_thread *thread; /* owned: the loader */
	struct lt_queue *orders;  /* owned: of struct pipeline_order_item; closed = end */
	_Atomic bool ending, ready;
	struct lt_wake *pause;              /* owned: raised to cut a pause short */
	struct lt_cell *status;             /* owned: struct pipeline_status, but for what the reader publishes */
	struct lt_cell *read;               /* owned: struct pipeline_read */
	struct lt_cell *reader_end;         /* owned: struct pipeline_reader_end; the loader clears it */
	struct pipeline_progress *progress; /* owned: what `applied` was when the status was published */
	_Atomic size_t queued_bytes, group_bytes;
	_Atomic uint64_t held_us;    /* commit stamp of the transaction that the reader holds back (`delay`); 0: none */
	_Atomic uint64_t waiting_us; /* of the oldest one that was taken to be applied and is not; 0: none */

	/* The loader's own: */
	struct pipeline_status now;     /* published by pipeline_publish() */
	struct change_position applied; /* durable, but for transactions that hold nothing for us */
	bool unsaved;                   /* `applied` is ahead of the lane by something worth writing (R11) */
	struct change_place saved;      /* what the lane holds */
	uint64_t saved_us;              /* mono: when the lane was moved last */
	bool unsure;                    /* the log has to be looked through before it is read on: pipeline_vouch() */
	bool begun;                     /* its progress was found or made since this process began */
	bool apart;                     /* its sites were told apart in this run */
	bool mark_seen;                 /* R10 was shown since this process began */
	char *retry_why;                /* owned: of an ordered retry that is not in lutra.audit yet; else NULL */
	char retry_who[64];             /* beside it */
	bool paused;                    /* lutra.pause at the target says so */
	struct change_place owed;       /* `applied` when a run ended with something in hand; file "": with nothing */
	struct {
		struct change_place at; /* `applied` when a COMMIT was answered with an error */
		unsigned count;         /* how many times by now; 0: never */
	} doubt;
	struct pipeline_left {
		bool waits;                   /* a group's COMMIT has left, its reply was not read */
		struct change_position end;   /* behind that group */
		struct change_sink_done done; /* what it did */
		uint64_t commit_us;           /* of its newest transaction */
		struct change_gtid gtid;      /* likewise */
		struct change_place refused;  /* `applied` when one failed: there the next one is waited for */
	} left;
	struct {
		struct lt_queue *queue;       /* borrowed from the run: what follows the group in hand waits there */
		struct pipeline_group *group; /* likewise: or here */
		bool left;                    /* so the group's COMMIT was left */
	} behind;
	struct pipeline_stop stop;
	struct schema_history *history; /* owned; rebuilt for each run */
	double rate;
	uint64_t rate_us, rate_rows;
};

/** Copy `now` to where others read it. */
void pipeline_publish(struct pipeline *p);
void pipeline_set_state(struct pipeline *p, enum pipeline_state state, const struct lt_err *err);
void pipeline_note_ready(struct pipeline *p);
/** The reader's thread: it ends because of `err`. */
void pipeline_note_reader_end(struct pipeline *p, const struct lt_err *err);
/** A run begins, or `applied` has moved: if that was all that stood in its way, the pipeline runs. */
void pipeline_note_running(struct pipeline *p, bool begins);

/** Run until an error, an order that ends the run, or the end. True: to be run again at once; false with err->code 0:
 * ending. */
bool pipeline_session(struct pipeline *p, struct lt_err *err);
/** Claim the sink and read where the pipeline stands; *found false: nowhere yet. */
LT_MUST_USE bool pipeline_session_resume(struct pipeline *p, struct change_sink *sink, bool *found, struct lt_err *err);
/** Read from the target where the pipeline stands and which schema is in force there; sink is claimed. First time:
 * begins at the channel file's start and makes that durable (R12). */
LT_MUST_USE bool pipeline_session_begin(struct pipeline *p, struct change_sink *sink, struct lt_err *err);
/** The source's catalog of all that is mapped into the history, in force from `at` on. */
LT_MUST_USE bool pipeline_snapshot(struct pipeline *p, const struct change_position *at, struct lt_err *err);

/** The catalog was just read for what is to be in force from `at` on. *read gets what schema_history_put() wants:
 * `room` with where the log ends now, or NULL if that is no further than `at`. */
LT_MUST_USE bool pipeline_catalog_end(struct pipeline *p, const struct change_position *at, struct change_place *room,
    const struct change_place **read, struct lt_err *err);
/** Look through the log for statements between `applied` and where catalogs were read later; schemas that none changes
 * are sure from then on, also in the store. `sink` is claimed, no transaction open. */
LT_MUST_USE bool pipeline_vouch(struct pipeline *p, struct change_sink *sink, struct lt_err *err);

bool pipeline_is_ending(const struct pipeline *p);
/** Locked, deadlocked, or not let through the fence in time: somebody else is in the way. */
bool pipeline_is_lock(enum lt_code code);
/** A COMMIT of what comes next was answered with an error, and since then the target said that it was not done (R2):
 * transactions go one by one, so that it is known whose it is. */
bool pipeline_in_doubt(const struct pipeline *p);
/** `from` moved over txns[0..n). */
void pipeline_position_after(
    const struct change_position *from, struct change_txn *const *txns, size_t n, struct change_position *out);
/** Apply on one connection, with nothing applied beside it. R5: a group that deadlocks is halved; one that fails for
 * its data is redone one by one, so that all before the faulty transaction is applied and the error names exactly that
 * one. With `leave`, where more follows (p->behind), the reply to COMMIT may be left to be read with it (p->left).
 */
LT_MUST_USE bool pipeline_apply_group(struct pipeline *p, struct change_sink *sink, struct change_txn *const *txns,
    size_t n, bool leave, struct lt_err *err);
/** Wait for the reply to a COMMIT that was left, if there is one: before anything is done but apply the next group. */
LT_MUST_USE bool pipeline_apply_hear(struct pipeline *p, struct change_sink *sink, struct lt_err *err);
/** txns[0..n) hold no rows. */
void pipeline_pass_places(struct pipeline *p, struct change_txn *const *txns, size_t n);
/** A group is committed: `applied` moves to its end. */
void pipeline_note_applied(struct pipeline *p, const struct change_position *end, const struct change_sink_done *done);
/** Tell the origin that txns[0..n) are applied, after all before them. */
void pipeline_note_passed(struct pipeline *p, struct change_txn *const *txns, size_t n);
/** With nothing in the queue: 0, but for what the reader holds back. */
/** How long ago something was committed at the source; any thread. */
uint64_t pipeline_age_ms(const struct pipeline *p, uint64_t commit_us);
uint64_t pipeline_held_lag(struct pipeline *p);
void pipeline_note_lag(struct pipeline *p, uint64_t commit_us, const struct change_gtid *gtid);
/** The lane holds what `applied` says. */
void pipeline_note_saved(struct pipeline *p);
/** The pipeline is to stop before `t`. */
void pipeline_remember_stop(struct pipeline *p, struct change_txn *t);

enum pipeline_order_stage { PIPELINE_ORDERED, PIPELINE_ORDER_BEGUN, PIPELINE_ORDER_GIVEN_UP };

/** One order in flight; two references: who ordered and the loader. */
struct pipeline_order_item {
	enum pipeline_order order;
	_Atomic int stage; /* enum pipeline_order_stage */
	uint64_t turn;     /* as who ordered saw it */
	char who[64];
	char *why;                   /* owned */
	struct model_start position; /* owned strings */
	bool by_nobody;              /* Lutra's own idea: not recorded */
	struct pipeline_replacement instead;
	struct lt_arena *arena; /* owned: what `instead` holds */
	struct lt_buf answer;
	struct lt_err err;
	bool done_ok;
	struct lt_wake *done; /* owned */
	_Atomic int refs;
};

void pipeline_order_unref(void *arg);
/** Carry out what is ordered, if anything within timeout_ms; only when the pipeline does not run. True: go on now.
 * False with *ended: the pipeline is to end. */
bool pipeline_orders_wait(struct pipeline *p, int timeout_ms, bool *ended);
/** While running, between two groups: a pause is carried out through `sink` (claimed, no transaction open), all else is
 * refused. False: the run is to end, since the pipeline is to end or is paused. */
bool pipeline_orders_running(struct pipeline *p, struct change_sink *sink);
/** Move the progress to `to` in one target transaction with what `add` writes (NULL: nothing), the schema history and
 * the audit line (NULL: none). */
typedef bool (*pipeline_order_fn)(struct pipeline *p, struct change_sink *sink, void *ctx, struct lt_err *err);
LT_MUST_USE bool pipeline_orders_move(struct pipeline *p, struct change_sink *sink, const struct change_position *to,
    const struct pipeline_audit *entry, pipeline_order_fn add, void *ctx, struct lt_err *err);
/** `lutra replace`: `entry` gets action and detail, whose text is in `item->arena`. */
LT_MUST_USE bool pipeline_replace(
    struct pipeline *p, struct pipeline_order_item *item, struct change_sink *sink, struct pipeline_audit *entry);
/** An ordered retry goes into lutra.audit, once the target answers again. */
LT_MUST_USE bool pipeline_orders_note(struct pipeline *p, struct change_sink *sink, struct lt_err *err);
/** Forget the transaction that the pipeline stands before. */
void pipeline_stop_clear(struct pipeline_stop *stop);
/** In the open transaction at the target, beside the progress: the statement `p` stands before was made here too. */
LT_MUST_USE bool pipeline_acknowledge(struct pipeline *p, struct change_sink *sink, void *ctx, struct lt_err *err);
/** Whether the statement `p` stands before is at its target already, as somebody has said; then that is used up. */
LT_MUST_USE bool pipeline_acknowledged(struct pipeline *p, struct change_sink *sink, bool *taken, struct lt_err *err);
/** In two-way channels: the same, and if so both ends are compared and the statement is passed. */
LT_MUST_USE bool pipeline_ddl_pass(struct pipeline *p, struct change_sink *sink, bool *passed, struct lt_err *err);

#endif
