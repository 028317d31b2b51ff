/* pipeline/pipeline.h - one direction of a channel, from a site's log to another site: select, extract, transform,
 * load.
 *
 * Two threads: the reader (source -> select -> queue) and the loader (queue -> groups -> target), which also owns the
 * pipeline's state and carries out what is ordered. It never ends by itself: a pipeline that cannot go on is RETRYING
 * (it tries again by itself) or STOPPED (somebody must decide). */
#ifndef PIPELINE_PIPELINE_H
#define PIPELINE_PIPELINE_H

#include "base/clock.h"
#include "base/thread.h"
#include "change/source.h"
#include "model/channel.h"

enum pipeline_state {
	PIPELINE_STARTING, /* has not run yet */
	PIPELINE_RUNNING,
	PIPELINE_RETRYING, /* a server is away, or locked: tried again with growing pauses, 30 s at most */
	PIPELINE_STOPPED,  /* by an error that a person must answer */
	PIPELINE_PAUSED,   /* by `lutra pause`, until `lutra resume` */
	PIPELINE_ENDED,    /* after pipeline_end() */
};

const char *pipeline_state_name(enum pipeline_state s); /* "running"; the contract's words: STARTING is "retrying" */

/** A plain copy of how things stand. */
struct pipeline_status {
	enum pipeline_state state;
	struct change_place read, applied; /* in the source's log */
	struct change_place saved;         /* where reading would go on after a crash: files before it are not needed */
	char read_gtid[96], applied_gtid[96]; /* newest transaction */
	uint64_t lag_ms;   /* age of the newest transaction applied, at its commit here, or now of the oldest that waits
			      (also in   a pipeline that stands still); 0 when all that was read is applied */
	uint64_t delay_ms; /* as the channel file has it: lag_ms is not less while there is work */
	uint64_t lag_bytes;                           /* read, not applied; over files: of the newer one */
	uint64_t transactions, rows, groups, retries; /* since this process began */
	uint64_t own;       /* transactions of this channel's other direction, not sent back */
	uint64_t opted_out; /* transactions that their writer marked not to be sent (Otter's _SYNC) */
	uint64_t passed;    /* statements that concern nothing mapped, or that change no rows */
	uint64_t memory_bytes;
	double rows_per_s; /* over the last seconds */
	struct lt_err err; /* of RETRYING and STOPPED; code 0 otherwise */
	uint64_t since_us; /* wall clock: when the state was entered */
	uint64_t tries;    /* of RETRYING, which lasts until what was in hand is applied: how often it failed */
	uint64_t turn;     /* another one whenever it stops or its progress moves: an order is for the turn it saw */
};

struct my_conn;         /* mysql/conn.h */
struct pipeline_settle; /* pipeline/settle.h */

/** How to reach the log of a site; made by who knows the kind of log (node/). Functions are called by the pipeline's
 * threads. */
struct pipeline_origin {
	/** Where the log ends now; `out` initialised by the caller. */
	bool (*now)(void *ctx, struct change_position *out, struct lt_err *err);
	/** Where it stood at `start` of the channel file (GTID, file and position, time, now). */
	bool (*begin)(void *ctx, const struct model_start *start, struct change_position *out, struct lt_err *err);
	/** Read on from `from`; see binlog_source_open(). */
	bool (*open)(void *ctx, const struct change_position *from, const struct change_filter *filter,
	    const struct change_describer *describer, size_t txn_limit_bytes, struct change_source **ret,
	    struct lt_err *err);
	/** Hand all from `from` to where the log ends now to `each` of the filter's ctx, until that says false. No rows
	 * come that the filter does not want. */
	bool (*look)(void *ctx, const struct change_position *from, const struct change_filter *filter,
	    bool (*each)(void *ctx, const struct change_txn *t), struct lt_err *err);
	/** Where the transaction ends that `place` stands in, looked for from `from` on; `out` initialised. What cannot
	 * be read of it is passed over. */
	bool (*behind)(void *ctx, const struct change_position *from, const struct change_place *place,
	    struct change_position *out, struct lt_err *err);
	/** The target durably has all up to there. NULL: nobody wants to know. */
	void (*saved)(void *ctx, const struct change_position *saved);
	/** The next two only where the log is kept here until it is applied (R23), else NULL. A person says where to go
	 * on: what is kept is given up. */
	bool (*forget)(void *ctx, struct lt_err *err);
	/** Whether something is kept: then the log can be read on without its site. `*folds`: names of tables are the
	 * same there in any letter case. */
	bool (*kept)(void *ctx, bool *folds);
	/** The next two only where both ends may write the same rows (converge/), else NULL. For each connection that
	 * applies: who carries out its groups; the caller's to close. */
	struct pipeline_settle *(*settle)(void *ctx, struct lt_wake *stop);
	/** txns[0..n), with or without rows, and all before them are applied. Called in their order. */
	void (*passed)(void *ctx, struct change_txn *const *txns, size_t n);
	/** The identity of the server at `c`, as positions have it. */
	bool (*identity)(void *ctx, struct my_conn *c, char out[64], struct lt_err *err);
	void *ctx;
	/** Borrowed; NULL: none. Raised when the pipeline ends: whoever waits for a connection gives it up. */
	struct lt_wake *stop;
	/** The same. Raised when the state or its error has changed, or the pipeline got ready. */
	struct lt_wake *changed;
};

/** What is kept of a pipeline beside the databases, by who knows where (node/): that it has begun once. A hint, which
 * may be lost. Functions are called by the pipeline's thread. */
struct pipeline_trace {
	bool (*has_begun)(void *ctx);
	void (*note_begun)(void *ctx);
	void *ctx;
};

/** How memory is shared out (promise 6): the transaction being read, the queue, and the group in hand hold a third
 * each.
 */
#define PIPELINE_MEMORY_SHARES 3

struct pipeline;

/** Starts the threads at once. All but the clock is borrowed for the pipeline's life. */
struct pipeline *pipeline_start(const struct model_channel *channel, size_t index, const struct pipeline_origin *origin,
    const struct pipeline_trace *trace, const struct lt_clock *clock);
/** Ask it to finish what is in hand (not the backlog) and end; returns at once. Any thread. */
void pipeline_end(struct pipeline *p);
/** Waits for the end and frees; NULL is fine. */
void pipeline_free(struct pipeline *p);

/** Any thread. */
void pipeline_status_get(struct pipeline *p, struct pipeline_status *out);
const char *pipeline_name(const struct pipeline *p);
/** Whether all that its source's log held up to `end` is applied; also where that is another server's log than the one
 * that is read, or the place in it is not known. Any thread. */
bool pipeline_has_applied(struct pipeline *p, const struct change_position *end);
/** The identity of the server whose log is read, `out` of 64 bytes; "" = not met yet. Any thread. */
void pipeline_source_server(struct pipeline *p, char *out);
/** True once it has run and its start position is durable (R12), even if it has stopped since. Any thread. */
bool pipeline_is_ready(struct pipeline *p);

enum pipeline_order {
	PIPELINE_RETRY,    /* stopped: try the same again; retrying: at once */
	PIPELINE_SKIP,     /* stopped by a transaction: record it as passed over, go on behind it */
	PIPELINE_POSITION, /* stopped or retrying: go on from the position given */
	PIPELINE_DDL_DONE, /* stopped by a DDL statement or a schema difference: compare both ends, go on behind it */
	PIPELINE_REPLACE,  /* stopped by a transaction: do something else instead of it, go on behind it */
	PIPELINE_PAUSE,    /* keep its place and do nothing until resumed, also after a restart */
	PIPELINE_RESUME,
};

enum { PIPELINE_STATEMENTS_MAX = 12 };

/** Instead of a transaction: statements, or another image of the row that failed (the rest of it stays). */
struct pipeline_replacement {
	struct lt_str statements[PIPELINE_STATEMENTS_MAX];
	size_t count;
	struct lt_str row; /* { column: value, ... } of the target's table; ptr NULL: not given */
};

/** What is ordered and why. */
struct pipeline_command {
	enum pipeline_order order;
	struct lt_str why;                          /* kept in lutra.audit, */
	const char *who;                            /* both */
	const struct model_start *position;         /* PIPELINE_POSITION */
	const struct pipeline_replacement *instead; /* PIPELINE_REPLACE */
	struct lt_wake *gone; /* borrowed; NULL: none. Raised when nobody waits for the answer any more */
};

/** Carry it out, on the stop or the place that the pipeline shows now: LT_E_STOP_CHANGED where it is another one by the
 * time that the order's turn comes. Waits for the answer, for `timeout_ms`, or until who ordered is gone: what was not
 * begun by then (LT_E_TIMEOUT says so) never happens. On success `answer` gets a sentence. Any thread but the
 * pipeline's own. */
LT_MUST_USE bool pipeline_do(struct pipeline *p, const struct pipeline_command *command, int timeout_ms,
    struct lt_buf *answer, struct lt_err *err);

/** Whether a log cannot be read on at the place that the error names, but it can be told where what stands there ends
 * (pipeline_origin.behind): a person may order to pass over it. */
bool pipeline_is_unreadable(const struct lt_err *err);

/** A two-way channel's other pipeline has acknowledged a statement: if this one is stopped by the same, look again. Any
 * thread. */
void pipeline_nudge(struct pipeline *p);

#endif
