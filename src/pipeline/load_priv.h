/* pipeline/load_priv.h - load's inside, shared by load.c (life, progress), load_send.c (a group's statements and
 * replies), load_plan.c (the group behind it), load_text.c (what it says of converted text), load_parts.c (a
 * transaction that spilled) and load_settle.c (groups that somebody else carries out). */
#ifndef PIPELINE_LOAD_PRIV_H
#define PIPELINE_LOAD_PRIV_H

#include "pipeline/batch.h"
#include "pipeline/lane.h"
#include "pipeline/load.h"
#include "pipeline/pipeline.h"
#include "pipeline/route.h"
#include "pipeline/settle.h"

/* Statements in flight: enough to hide a round trip of 20 ms at 50 000 rows/s. */
#define LOAD_WINDOW 1024
/* Fewer rows than this go as they are. */
#define LOAD_GATHER_ROWS 8

#define LOAD_SQL_MODE "ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO"

/* A setting of the session that follows the rows. */
enum load_setting { LOAD_UNKNOWN, LOAD_OFF, LOAD_ON };
enum expect_kind { EXPECT_LANE, EXPECT_SETTING, EXPECT_ROW, EXPECT_COMMIT };

/* What the next reply must be. */
struct expect {
	enum expect_kind kind;
	size_t txn, row;   /* EXPECT_ROW: the first of its rows */
	uint32_t count;    /* rows it must meet */
	uint16_t warnings; /* and how many values it must complain of */
	enum change_op op;
	struct pipeline_route *converts; /* NULL: no text of another character set is in it */
	/* Of many rows, by a form other than the log's own operation: */
	struct pipeline_route *route; /* NULL: none */
	enum pipeline_form form;
};

/* Owner: the loader's thread. */
struct load {
	struct change_sink base;
	const struct model_channel *channel;
	const struct model_pipeline *pipeline;
	const struct pipeline_origin *origin; /* borrowed */
	struct my_conn *conn;                 /* owned */
	struct my_conn *source;               /* owned; NULL until a row is read again (`sync-mode: row`) */
	struct pipeline_router *router;       /* owned */
	struct pipeline_batch *batch;         /* owned */
	struct pipeline_settle *settle;       /* owned; NULL: groups are applied as the log says */
	struct pipeline_lane lane;
	uint64_t answer_us;                    /* how long the target took to answer when it was opened */
	bool far;                              /* and once more when it was claimed */
	uint64_t newest;                       /* number of the pipeline's newest move; of the one that claimed */
	struct pipeline_window window;         /* owned: what was done ahead when it claimed */
	const struct pipeline_load_turn *turn; /* borrowed; NULL: no other group runs beside */
	bool claimed, lane_exists;
	bool paused, begun;                 /* as the claim told */
	bool open;                          /* a transaction that has moved the lane */
	bool settling;                      /* and is settle's, who hears how it ends */
	bool gather;                        /* what settle writes may be gathered */
	struct pipeline_load_follow follow; /* what comes behind the group in hand, or next; `ctx` NULL: not known */
	struct pipeline_load_follow left;   /* its COMMIT was sent: that reply is the first due; `ctx` NULL: none */
	struct load_plan {
		const struct change_txn *first; /* borrowed */
		size_t count;                   /* transactions that the batch holds, from that one on; 0: none */
		bool merge;
	} plan;                             /* of what comes behind the group in hand */
	size_t planned;                     /* so many transactions of the group in hand are in the batch by now */
	enum load_setting fk, strict;       /* foreign_key_checks; sql_mode */
	struct expect expects[LOAD_WINDOW]; /* ring */
	size_t first, due;
	struct change_txn *const *txns; /* the group in hand */
	bool merge;                     /* its rows are folded */
	bool unsure;                    /* a reply had warnings, and they could not be read any more */
	unsigned unmerged;              /* groups to come that are not, since folding failed */
	size_t culprit, culprit_row;    /* what the last failure speaks of: index in txns, index in its rows */
	struct change_sink_done done;
	struct lt_buf scratch;   /* owned */
	struct my_param *params; /* owned: of the statement in hand */
	size_t params_cap;
};

/** The lane and all rows of txns[0..n) in the order of the log; every reply is taken and judged. On failure l->culprit
 * is the index of the transaction it speaks of, or SIZE_MAX. */
LT_MUST_USE bool pipeline_load_send(struct load *l, size_t n, const struct change_position *end, struct lt_err *err);
/** The same with rows gathered into runs (pipeline/batch.h). A failure does not say whose it is. */
LT_MUST_USE bool pipeline_load_send_gathered(
    struct load *l, size_t n, const struct change_position *end, struct lt_err *err);
/** One row (or, of a keyless table, the run of identical ones that begins there: *count of them) of txns[txn]. */
LT_MUST_USE bool pipeline_load_send_row(struct load *l, size_t txn, size_t at, uint32_t *count, struct lt_err *err);
/** `sync-mode: row`: write an INSERT or UPDATE as the row is at the source now, whether the target has it or not. All
 * earlier replies were taken. *done false: it is gone there, or has no key to be read by; the log's word is left. */
LT_MUST_USE bool pipeline_load_reread(
    struct load *l, struct pipeline_route *route, const struct change_row *row, bool *done, struct lt_err *err);
/** Queue Otter's mark of origin, in the open transaction. */
LT_MUST_USE bool pipeline_load_otter_mark(struct load *l, struct lt_err *err);
/** Of the reply to a statement with converted text: whether the target stores the text that the log has. Only behind
 * the statement itself, with nothing sent since, can its warnings be read; else l->unsure, and the route is careful. */
LT_MUST_USE bool pipeline_load_text_kept(
    struct load *l, const struct expect *e, const struct my_reply *reply, struct lt_err *err);
/** Of the reply to a row that must complain of values (expect.warnings): takes off what it only says of the name of a
 * converted text's character set, which MySQL calls deprecated. The same. */
LT_MUST_USE bool pipeline_load_text_named(
    struct load *l, const struct expect *e, struct my_reply *reply, struct lt_err *err);
/** The server refused such a text, but does not say whose: the same. */
void pipeline_load_text_refused(struct load *l, const struct expect *e, const struct lt_err *err);
/** Behind a failure of either kind: whose value it was. Always false. */
bool pipeline_load_text_whose(
    struct load *l, const struct pipeline_statement *s, const struct my_param *params, struct lt_err *err);
/** The reply to COMMIT is an error: always false; where it does not tell what became of the transaction, nobody uses
 * the connection any more. */
bool pipeline_load_doubt(struct load *l, struct lt_err *err);
/** Take and judge replies until no more than `due` are awaited. */
LT_MUST_USE bool pipeline_load_take(struct load *l, size_t due, struct lt_err *err);
/** Whether rows in memory have edits of JSON values: they are carried out on the row as it is at their turn, so such
 * rows are not gathered. */
bool pipeline_load_edits(const struct change_txn *t);
/** Queue the lane's move to `end`. */
LT_MUST_USE bool pipeline_load_move(struct load *l, const struct change_position *end, struct lt_err *err);
/** The pieces of both: the lane; rows, some of whose replies are still to come; all replies. */
LT_MUST_USE bool pipeline_load_lane_first(
    struct load *l, size_t n, const struct change_position *end, struct lt_err *err);
LT_MUST_USE bool pipeline_load_group(struct load *l, size_t n, struct lt_err *err);
LT_MUST_USE bool pipeline_load_group_gathered(struct load *l, size_t n, struct lt_err *err);
LT_MUST_USE bool pipeline_load_settle(struct load *l, struct lt_err *err);
/** As pipeline_load_send() or, with `gather`, pipeline_load_send_gathered(), of one transaction that spilled: part
 * after part. Given up soon after the pipeline is to end: LT_E_CANCELLED. */
LT_MUST_USE bool pipeline_load_send_parts(
    struct load *l, bool gather, const struct change_position *end, struct lt_err *err);
/** The lane, and what l->settle makes of txns[0..n), with `gather` or without. On failure as pipeline_load_send(). */
LT_MUST_USE bool pipeline_load_send_settled(
    struct load *l, size_t n, bool gather, const struct change_position *end, struct lt_err *err);
/** Whether groups are folded now. */
bool pipeline_load_merges(const struct load *l);
/** The group in hand, l->txns[0..n), is what was planned, or nothing was. */
void pipeline_load_plan_use(struct load *l, size_t n);
/** As pipeline_load_take() of all, with what comes behind the group planned meanwhile: all of the group was sent. */
LT_MUST_USE bool pipeline_load_plan_ahead(struct load *l, struct lt_err *err);
/** Behind the lane's move: whoever looks on looks at txns[0..n). */
LT_MUST_USE bool pipeline_load_look(struct load *l, size_t n, struct lt_err *err);
/** The transaction has ended. */
void pipeline_load_tell_settle(struct load *l, bool committed);
/** Whether the key of `row` finds a row now; keyless: false. */
LT_MUST_USE bool pipeline_load_probe(struct load *l, const struct change_row *row, bool *there, struct lt_err *err);

#endif
