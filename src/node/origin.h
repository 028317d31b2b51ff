/* node/origin.h - a site's binary log as a pipeline's origin: which host, from where, under which replica identity. */
#ifndef NODE_ORIGIN_H
#define NODE_ORIGIN_H

#include "binlog/relay.h"
#include "model/site.h"
#include "pipeline/pipeline.h"

/** One for each pipeline. Immutable once made: its functions may be called by any thread. */
struct node_origin;

/** Borrows the site and the clock. Takes a replica server id and uuid of its own, at random, so that no two readers of
 * a log are alike. `scan_limit_bytes`: the largest transaction that looking for a start may hold. */
struct node_origin *node_origin_new(
    const struct model_site *site, size_t scan_limit_bytes, const struct lt_clock *clock);
/** Before it is used: where rows of transactions larger than memory go (borrowed); without it they are refused. */
void node_origin_spill(struct node_origin *o, struct change_spill_room *room);
/** Before it is used, for a `semi-sync` site, and behind the spill: its log goes by way of the folder `dir`, `limit`
 * bytes at most (binlog/relay.h). LT_E_RELAY_IO, LT_E_RELAY_DAMAGED. */
LT_MUST_USE bool node_origin_relay(struct node_origin *o, const char *dir, uint64_t limit, struct lt_err *err);
/** How that stands; false: there is none. */
bool node_origin_relay_status(struct node_origin *o, struct binlog_relay_status *out);
/** What is opened from now on ends where the server's log ends by then. */
void node_origin_to_end(struct node_origin *o);
void node_origin_free(struct node_origin *o);
/** The origin's functions; borrows `o`. */
struct pipeline_origin node_origin_ops(struct node_origin *o);
/** Where the log of `server` (an identity) ends now, which one of the site's hosts must be: LT_E_CONNECT, or why it
 * cannot be asked. `limit_ms` (0: none) bounds each wait for a server that does not answer. `out` initialised by the
 * caller. */
LT_MUST_USE bool node_origin_end(const struct node_origin *o, const char *server, unsigned limit_ms,
    struct change_position *out, struct lt_err *err);

#endif
