/* converge/log.h - a site's log as the conflict core reads it: a change_source over another one.
 *
 * It begins at a checkpoint, so that versions come out as they came before (R18), and says of each transaction what
 * conflict/clock.h makes of it (change_txn.told). Two of them that read the same log say the same: one feeds the
 * observing reader, one for each peer sends, and none waits for another (R21). One owner thread each, but for cancel.
 */
#ifndef CONVERGE_LOG_H
#define CONVERGE_LOG_H

#include "change/source.h"
#include "conflict/checkpoint.h"
#include "converge/told.h"
#include "pipeline/pipeline.h"
#include "pipeline/route.h"

/** Who sends a log looks at what was applied there: its site may have lost it since (ADR 48). */
struct converge_giver {
	/** Whether it may have to be given back: then its rows are kept until `look`. */
	bool (*may)(void *ctx);
	/** A group that was applied there. Makes it CONVERGE_GIVEN where it is to be given back. */
	bool (*look)(void *ctx, struct change_txn *t, const struct conflict_mark *mark, struct lt_err *err);
	void *ctx;
};

/** Who reads a log and sends nothing of it. */
struct converge_watcher {
	/** Whether what cannot be read there is passed over: once all who send the log were ordered to. */
	bool (*passes)(void *ctx, const char *server, const struct change_place *at);
	/** A statement that is not row changes; `wanted`: as the filter has it. */
	void (*met)(void *ctx, struct lt_str schema, struct lt_str sql, uint64_t sql_mode, bool wanted);
	void *ctx;
};

/** Where and as what the log is read. All borrowed but for the time of converge_log_open(). */
struct converge_log_start {
	const char *channel;
	const struct pipeline_origin *origin; /* of the log */
	const struct change_position *place;  /* of the checkpoint */
	const struct conflict_checkpoint *state;
	int64_t interval_us;
	/** What was handed on by an earlier reader up to here is passed over, after it was numbered; NULL: nothing.
	 * That it is met exactly there is checked (R13): LT_E_LOG_HISTORY. */
	const struct change_position *behind;
	size_t txn_limit_bytes;
	const struct converge_giver *giver; /* borrowed for the log's life; NULL: none */
	/** The same; NULL: who sends, and passes over what cannot be read before `behind`. */
	const struct converge_watcher *watcher;
};

/** The filter and describer are those of who takes the transactions; rows of schema lutra reach the filter's `rows` as
 * without this. Every transaction is handed out, as CHANGE_TXN_PLACE where nothing of it is wanted. */
LT_MUST_USE bool converge_log_open(const struct converge_log_start *start, const struct change_filter *filter,
    const struct change_describer *describer, struct change_source **ret, struct lt_err *err);

/** Complete what a site's log says of a table by `router`, into that site: columns are named by the log, and what else
 * a key needs is the catalog's. A table that was changed since may differ. */
LT_MUST_USE bool converge_log_describe(struct pipeline_router *router, struct change_table *draft, struct lt_err *err);

/** As it is behind what was handed out last. Owner thread. */
const struct conflict_clock *converge_log_clock(const struct change_source *s);

#endif
