/* node/explain.h - what made a row what it is, at each site: `lutra explain`.
 *
 *   explain text|json DB.TABLE KEY...      a word for each column of the primary key */
#ifndef NODE_EXPLAIN_H
#define NODE_EXPLAIN_H

#include "converge/site.h"
#include "node/frame.h"

struct node_explain_wish {
	const struct model_channel *channel;
	/** The running site of that index, which remembers writes; NULL: nothing of it runs here. */
	struct converge_site *(*site)(void *ctx, size_t site);
	void *ctx;
	struct lt_wake *stop; /* see pipeline_connect() */
};

/** Connects to all sites; what one of them cannot tell is said in its place. LT_E_USAGE, LT_E_TABLE_MISSING. Any
 * thread. */
LT_MUST_USE bool node_explain(
    const struct node_explain_wish *wish, const struct node_frame *f, struct lt_buf *out, struct lt_err *err);

#endif
