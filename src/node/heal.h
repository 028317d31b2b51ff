/* node/heal.h - `lutra site heal`: a site goes on at a server that lacks the end of its log (ADR 48). */
#ifndef NODE_HEAL_H
#define NODE_HEAL_H

#include "node/node_priv.h"

struct node_healing {
	struct lt_str site; /* its name */
	const char *who;    /* both kept in lutra.audit */
	struct lt_str why;
	struct lt_wake *gone; /* see pipeline_connect() */
};

/** Bring the site back into the conflict channel, and let its pipelines go on. LT_E_USAGE where nothing stands because
 * of it, LT_E_CANNOT_HEAL. May be repeated: what is done is left alone. Any thread. */
LT_MUST_USE bool node_heal(struct node *n, const struct node_healing *w, struct lt_buf *text, struct lt_err *err);

#endif
