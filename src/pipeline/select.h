/* pipeline/select.h - select: what of a source's log concerns this pipeline.
 *
 * Owner: the reader's thread; counters may be read by any. */
#ifndef PIPELINE_SELECT_H
#define PIPELINE_SELECT_H

#include <stdatomic.h>

#include "change/source.h"
#include "model/channel.h"
#include "schema/history.h"

struct pipeline_select {
	const char *channel;                  /* borrowed */
	const struct model_mapping *mapping;  /* borrowed */
	const struct schema_history *history; /* borrowed; not changed while the reader runs */
	const struct model_otter *otter;      /* borrowed; NULL: no such marks */
	bool two_way;                         /* of a channel with the other direction too */
	_Atomic uint64_t own;                 /* transactions that carry this channel's mark */
	_Atomic uint64_t opted_out;           /* that their writer marked not to be sent */
	_Atomic uint64_t passed;              /* statements that concern nothing mapped */
	struct lt_arena *scratch;             /* owned */
	struct pipeline_fan *fan;             /* owned */
	struct lt_buf to_schema, to_table;    /* owned, scratch for lookups */
};

void pipeline_select_init(struct pipeline_select *s, const char *channel, const struct model_mapping *mapping,
    const struct schema_history *history);
void pipeline_select_clear(struct pipeline_select *s);
/** What the source is told; both borrow `s`. The mark of origin (lutra.lane) is always let through. */
void pipeline_select_filter(
    struct pipeline_select *s, struct change_filter *filter, struct change_describer *describer);
/** Of a two-way channel: rows of a table without transactions are logged apart from the mark (R10). LT_E_ENGINE. */
LT_MUST_USE bool pipeline_select_engine(const struct schema_table *t, struct lt_err *err);
/** `t` came from a source with that filter, which has taken Lutra's own rows out. With this channel's mark all of it
 * goes, and it becomes a CHANGE_TXN_PLACE. */
void pipeline_select_txn(struct pipeline_select *s, struct change_txn *t);

#endif
