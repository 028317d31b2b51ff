/* node/conflicts.h - the conflict logs of a channel's sites, as `lutra conflicts` shows them.
 *
 * Asked over the control socket, or for a channel file without a run; the words are the same:
 *
 *   conflicts text|json list|count SITE DB.TABLE SINCE_US lost|all LIMIT     empty SITE, DB.TABLE: all; SINCE_US 0
 *   conflicts text|json show ID@SITE
 *   conflicts text|json replay ID@SITE WHY force|-       without WHY it is only told what it would do; text in any case
 */
#ifndef NODE_CONFLICTS_H
#define NODE_CONFLICTS_H

#include "converge/record.h"
#include "model/channel.h"
#include "node/frame.h"

enum { NODE_CONFLICTS_MAX = 1000 };

struct lt_wake; /* base/thread.h */

/** Connects to the sites it needs. LT_E_USAGE, LT_E_NO_SUCH_CONFLICT, or why a site cannot be asked. `stop`: see
 * pipeline_connect(). Any thread. */
LT_MUST_USE bool node_conflicts(const struct model_channel *channel, const struct node_frame *f, struct lt_wake *stop,
    struct lt_buf *out, struct lt_err *err);

/** Its `replay`, for who asked. */
LT_MUST_USE bool node_conflicts_replay(const struct model_channel *channel, const struct node_frame *f, const char *who,
    struct lt_wake *stop, struct lt_buf *out, struct lt_err *err);

/* -- for other commands that show lines ------------------------------------------------------------- */

/** "12@hz": a line's number and its site's index in the channel. LT_E_USAGE. */
LT_MUST_USE bool node_conflict_name(
    const struct model_channel *channel, struct lt_str name, uint64_t *id, size_t *site, struct lt_err *err);
/** "shop.orders", both parts borrowed. LT_E_USAGE. */
LT_MUST_USE bool node_table_name(struct lt_str name, struct lt_str *schema, struct lt_str *table, struct lt_err *err);
/** Whether anything is decided at site number `site`: it is some pipeline's target. */
bool node_conflict_decides(const struct model_channel *channel, size_t site);
/** A connection to site number `site` that sees times as UTC. */
LT_MUST_USE bool node_conflict_connect(
    const struct model_channel *channel, size_t site, struct lt_wake *stop, struct my_conn **ret, struct lt_err *err);
/** One line: as a line of text, or as an object. */
void node_conflict_text(
    const struct model_channel *channel, size_t site, const struct my_rows *rows, size_t at, struct lt_buf *out);
void node_conflict_json(
    const struct model_channel *channel, size_t site, const struct my_rows *rows, size_t at, struct lt_buf *out);
/** Whose write a version is: "us 2026-11-22T08:00:00.000000Z (17)", or null or an object. */
void node_version_text(const struct model_channel *channel, struct conflict_version v, struct lt_buf *out);
void node_version_json(const struct model_channel *channel, struct conflict_version v, struct lt_buf *out);

#endif
