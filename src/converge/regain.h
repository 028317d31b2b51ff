/* converge/regain.h - what a site has lost, taken out of the log of a peer that had applied it (ADR 48, 53).
 *
 * A group in a peer's log is what came out of its transactions there; its mark says which of them won which key, and
 * for policies that remember operations brings these as they were written. Both together are rows to be applied once
 * more, each as its transaction's. Owner: one thread. */
#ifndef CONVERGE_REGAIN_H
#define CONVERGE_REGAIN_H

#include "base/thread.h"
#include "change/txn.h"
#include "conflict/mark.h"
#include "model/channel.h"

struct converge_regain;

/** For a pipeline that leads from the peer to the site. All is borrowed; `stop` may be NULL. */
struct converge_regain *converge_regain_new(
    const struct model_channel *channel, const struct model_pipeline *pipeline, struct lt_wake *stop);
void converge_regain_free(struct converge_regain *r);
/** Whether it alone gives back rows of tables that one site alone writes: nobody would notice them a second time. */
bool converge_regain_is_first(const struct converge_regain *r);
/** The table of a key, as the peer has it now, where rows of it were made up by now; NULL: it is not known. */
const struct schema_table *converge_regain_table(const struct converge_regain *r, struct lt_str key);
/** Whether whoever decides takes rows of a log's table for rows of the peer's as it is now; those that are not decided,
 * or of which there is no table, are in nobody's way. */
LT_MUST_USE bool converge_regain_fits(
    struct converge_regain *r, const struct change_table *from, bool *fits, struct lt_err *err);
/** Complete what the peer's log says of a table (change_describer). */
LT_MUST_USE bool converge_regain_describe(struct converge_regain *r, struct change_table *draft, struct lt_err *err);
/** A group of the peer's log, with all its rows, becomes what it gives back; of each of its rows then *owner says which
 * transaction of the mark wrote it (CONVERGE_NO_OWNER: rows of tables that one site alone writes), until the next call.
 * LT_E_TAIL_LOST where it cannot be given back; then `t` is good for nothing any more. */
LT_MUST_USE bool converge_regain_rows(struct converge_regain *r, struct change_txn *t, const struct conflict_mark *mark,
    const uint32_t **owner, struct lt_err *err);

#endif
