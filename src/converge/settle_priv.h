/* converge/settle_priv.h - settling's inside, shared by settle.c (a group's way), settle_lock.c (its rows locked),
 * settle_unique.c (those that compete with them) and settle_write.c (what is written). */
#ifndef CONVERGE_SETTLE_PRIV_H
#define CONVERGE_SETTLE_PRIV_H

#include "conflict/decide.h"
#include "conflict/keys.h"
#include "converge/changes.h"
#include "converge/parked.h"
#include "converge/settle.h"

/** What a transaction of the group makes of a row. */
struct settle_after {
	const struct conflict_row *row;
	const struct settle_after *next;
};

/** The values that a row has in further unique indexes. */
struct settle_values {
	const struct conflict_row *row;
	struct lt_str *claims;
	uint32_t count;
	const struct settle_values *next;
};

/** One row of the lock set, there or not. */
struct settle_row {
	struct lt_str key;
	const struct converge_shape *shape;
	const struct conflict_row *image; /* some row with this key: an absent one is locked by inserting it */
	bool fresh;                       /* the source inserted it: most often it is not there */
	bool locked;
	const struct conflict_row *found;  /* as it was when it was locked; NULL: not there */
	const struct conflict_row *now;    /* as it is in this transaction */
	const struct conflict_row *wanted; /* as it is decided */
	/* Of tables whose rows compete for unique values: */
	const struct settle_after *afters;
	const struct settle_values *values; /* of each of these images that was asked for */
	struct conflict_parked parked;      /* row NULL: none is */
	bool looked;                        /* that is known */
	bool followed;                      /* who has its values is in the set */
};

struct settle_holder {
	struct lt_str key;
	const struct settle_holder *next;
};

/** A value of a further unique index, and the rows that have it, in the table or parked. */
struct settle_claim {
	bool looked; /* who has it in the table is in the set */
	const struct settle_holder *holders;
	uint32_t nholders;
};

/** How a group's absent rows are locked. A clash undoes all and begins again with the next. */
enum settle_care {
	SETTLE_AT_ONCE,    /* those that the source inserted are taken to be absent */
	SETTLE_LOOK_FIRST, /* all are looked for, what is not found is inserted */
	SETTLE_ONE_BY_ONE, /* and that one after the other, with what is in the way taken out (ADR 37) */
};

/** Owner: the thread of its connection. */
struct settle {
	struct pipeline_settle base;
	const struct model_channel *channel; /* borrowed, as the next five */
	const struct model_pipeline *pipeline;
	struct converge_site *target;
	const struct pipeline_origin *log; /* of the target */
	const struct lt_clock *clock;
	struct lt_wake *stop;           /* may be NULL */
	struct converge_shapes *shapes; /* owned; NULL until the first group */
	char server[64];                /* identity of the target */
	uint64_t packet_bytes;          /* that it takes at once */
	struct my_stmt *mark;           /* of the connection */
	unsigned wary;                  /* so many groups to come begin with a look */
	bool has_unique;                /* a table whose rows compete for values was met here */
	struct {
		bool begun;                   /* it was looked whether any are parked */
		uint64_t looked_us, pause_us; /* mono; and how long the next piece waits */
		uint64_t written;             /* at the site, when the look at all of them began */
		bool broken;                  /* some of them were not looked at in it */
		bool owed;                    /* a piece is due that was not begun */
		char behind[32];              /* how far it is; behind_len 0: not begun, or done */
		size_t behind_len;
		bool looks; /* a piece is under way, */
		bool open;  /* and what it asks for is not written yet */
	} tend;
	struct lt_arena *arena; /* owned; of the group in hand, as all that follows */

	struct change_sink *sink;
	struct my_conn *conn;
	struct change_place end;   /* of the target's log, at the fence */
	struct conflict_txn *txns; /* those that are numbered, in their order */
	uint32_t ntxns;
	struct conflict_keys keys;
	struct settle_row **rows; /* by number of key */
	uint32_t nrows, rows_cap;
	const struct lt_str *parked; /* those that may come back: a group without transactions */
	uint32_t nparked;
	bool unique; /* some rows compete for values */
	struct conflict_keys claims;
	struct settle_claim *claimed; /* by number of claim */
	uint32_t claims_cap;
	enum settle_care care;
	unsigned tries;
	bool again;
	bool contested; /* a duplicate would be a row that somebody else put there meanwhile */
	struct converge_tally tally;
	struct lt_str drift_key;
	struct lt_str failed_key; /* what a function said, if one failed */
	struct conflict_verdict failure;
	uint64_t failed_told_us; /* mono: when the log was told of one last; 0: never */
};

/* -- settle_lock.c -------------------------------------------------------------------------------- */

/** The row of a key; a new one, not locked, where it is not in the set yet. */
struct settle_row *settle_row_of(
    struct settle *t, struct lt_str key, const struct converge_shape *shape, const struct conflict_row *image);
/** A SELECT of a shape for some `n` rows: they are locked, and known. */
LT_MUST_USE bool settle_select(
    struct settle *t, const struct converge_shape *shape, struct lt_buf *sql, size_t n, struct lt_err *err);
/** Lock all that are not, in the order of their keys. LT_E_DUPLICATE below SETTLE_ONE_BY_ONE: to be begun again with
 * more care. */
LT_MUST_USE bool settle_lock(struct settle *t, struct lt_err *err);

/* -- settle_unique.c ------------------------------------------------------------------------------ */

/** Lock all, and all rows that compete with them. */
LT_MUST_USE bool settle_compete(struct settle *t, struct lt_err *err);
/** What locks an absent row and is in nobody's way, as far as the table allows. */
const struct conflict_row *settle_blank_image(struct settle *t, const struct settle_row *r);
/** Parked rows join the set. */
LT_MUST_USE bool settle_join_parked(struct settle *t, const struct converge_parked_list *list, struct lt_err *err);
/** For the core (struct conflict_view): before the question, and as it asks. */
void settle_list_holders(struct settle *t);
const struct conflict_parked *settle_view_parked(void *ctx, struct lt_str key);
uint32_t settle_view_claims(
    void *ctx, struct lt_str key, const struct conflict_row *row, struct lt_arena *arena, struct lt_str **ret);
uint32_t settle_view_holders(void *ctx, struct lt_str claim, struct lt_arena *arena, struct lt_str **ret);
/** What was decided to be parked, or not any longer. */
LT_MUST_USE bool settle_park(struct settle *t, const struct conflict_decision *d, struct lt_err *err);

/* -- settle_write.c ------------------------------------------------------------------------------- */

/** Foreign keys are not looked at for the rows of `changes`: who wins may leave a child without its parent, and an
 * image must not cascade. */
void settle_unchecked(struct change_txn *changes);
/** One change of the target's table, with nothing beside it. */
LT_MUST_USE bool settle_write_one(struct settle *t, const struct converge_shape *shape,
    const struct conflict_row *before, const struct conflict_row *after, struct lt_err *err);
/** Bring every row from `now` to `wanted`. */
LT_MUST_USE bool settle_write(struct settle *t, struct lt_err *err);
/** Rows of tables that one site alone writes, as they come. */
LT_MUST_USE bool settle_write_single(struct settle *t, struct change_txn *const *txns, size_t n, struct lt_err *err);

#endif
