/* node/audit.h - what was done by hand in a channel, as `lutra log` shows it. */
#ifndef NODE_AUDIT_H
#define NODE_AUDIT_H

#include "model/channel.h"

enum { NODE_LOG_MAX = 1000 };

struct lt_wake; /* base/thread.h */

struct node_log_wish {
	struct lt_str pipeline; /* empty: all of them */
	size_t limit;           /* the newest so many lines */
	bool json;
	struct lt_wake *stop; /* see pipeline_connect() */
};

/** Append the lines of lutra.audit at the targets of the channel, the newest last. Connects to them. Any thread. */
LT_MUST_USE bool node_log(
    const struct model_channel *channel, const struct node_log_wish *wish, struct lt_buf *out, struct lt_err *err);

#endif
