/* conflict/decide.h - who wins: what a group of source transactions does at the target.
 *
 * Asked with the rows locked and the observing reader past the fence, so that memory tells exactly whose each row is
 * (R17, R21). Nothing here changes anything or waits: it looks, and says what to write. The caller writes all of it,
 * mark included, in one transaction, or nothing. One thread, that of the observer. */
#ifndef CONFLICT_DECIDE_H
#define CONFLICT_DECIDE_H

#include "conflict/observer.h"
#include "conflict/peers.h"

/** A row that lost a unique value, as schema `lutra` keeps it. A later write of its key makes it void. */
struct conflict_parked {
	const struct conflict_row *row; /* NULL: not parked any longer */
	struct conflict_version version;
};

/** The target as the caller sees it. What is returned stays until the decision was carried out. Only `row` is needed
 * for tables without further unique keys. */
struct conflict_view {
	/** The row, with what the caller's transaction has not written yet; NULL: not there. */
	const struct conflict_row *(*row)(void *ctx, struct lt_str key);
	/** The parked row of a key; NULL: none. */
	const struct conflict_parked *(*parked)(void *ctx, struct lt_str key);
	/** The values that a row has in unique keys, each with its index in front and as its collation compares; none
	 * where one of an index's columns is NULL. Returns their number. */
	uint32_t (*claims)(
	    void *ctx, struct lt_str key, const struct conflict_row *row, struct lt_arena *arena, struct lt_str **ret);
	/** The keys of all rows, in the table or parked, that have this value. Returns their number. */
	uint32_t (*holders)(void *ctx, struct lt_str claim, struct lt_arena *arena, struct lt_str **ret);
	void *ctx;
};

struct conflict_question {
	const struct conflict_memory *memory;
	const struct conflict_vector *applied; /* all that is in the target's log */
	const struct conflict_peers *heard;    /* by the target: whether it lost something, and was given it back */
	const struct conflict_txn *txns;       /* in the origin's order */
	uint32_t ntxns;
	const struct lt_str *parked; /* without transactions: keys of parked rows that may come back; locked as well */
	uint32_t nparked;
	const struct conflict_view *view;
};

struct conflict_write {
	struct lt_str key;
	const struct conflict_row *row; /* NULL: delete */
};

/** `row` NULL: take the parked row away. */
struct conflict_park {
	struct lt_str key;
	struct conflict_parked parked;
};

/** For the conflict log: an operation that had not seen the newest write of its key here. */
struct conflict_clash {
	uint32_t txn; /* of the question */
	struct lt_str key;
	struct conflict_version other;
	bool won;           /* the row is its own; where columns are decided one by one: it is newer than that write */
	const char *failed; /* conflict_verdict: a function that was asked because of it; NULL: none failed */
};

/** All in the arena, or borrowed from the question's transactions and its view. */
struct conflict_decision {
	struct conflict_write *writes; /* where a row differs; deletions first. Values that change hands among updates
					  are the caller's to vacate */
	uint32_t nwrites;
	struct conflict_park *parks;
	uint32_t nparks;
	struct conflict_clash *clashes;
	uint32_t nclashes;
	struct lt_str *need; /* rows beside those of the question that must be locked, and the fence passed again,
				before this stands */
	uint32_t nneed;
	bool drift; /* a before image is not the row though nothing was missing: an alarm, if the transaction commits */
	struct lt_str drift_key;
	uint32_t nfailed; /* operations for which a function failed, and what the first one said */
	struct lt_str failed_key;
	struct conflict_verdict failure;
	struct conflict_mark mark;
};

void conflict_decide(const struct conflict_question *q, struct lt_arena *arena, struct conflict_decision *out);

#endif
