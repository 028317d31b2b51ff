/* pipeline/otter.h - Otter's marks of origin: rows of `retl_mark` (id, channel_id, channel_info) inside a transaction.
 *
 * For a channel that moves from Otter to Lutra while both run: what Otter wrote for this channel is not sent back, and
 * what a program marked with a channel_info that ends with _SYNC is not sent at all. Source: Otter's own
 * MessageParser. */
#ifndef PIPELINE_OTTER_H
#define PIPELINE_OTTER_H

#include "change/txn.h"
#include "model/channel.h"

enum pipeline_otter_says {
	PIPELINE_OTTER_NOTHING,   /* another channel's mark, or none any more */
	PIPELINE_OTTER_OURS,      /* applied by Otter for this channel */
	PIPELINE_OTTER_OPTED_OUT, /* its writer does not want it to be sent */
};

/** Whether that table holds marks. */
bool pipeline_otter_is_mark(const struct model_otter *o, struct lt_str schema, struct lt_str table);
/** What a row of it says of its transaction. */
LT_MUST_USE bool pipeline_otter_look(const struct model_otter *o, const struct change_row *row,
    struct lt_arena *scratch, enum pipeline_otter_says *out, struct lt_err *err);
/** The two statements that mark the open transaction with row `id`: the first makes sure that the second is a change,
 * and so in the log. */
void pipeline_otter_statements(const struct model_otter *o, unsigned id, struct lt_buf out[2]);

#endif
