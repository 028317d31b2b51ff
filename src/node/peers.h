/* node/peers.h - sites that are gone for good: what the others keep for them. */
#ifndef NODE_PEERS_H
#define NODE_PEERS_H

#include "node/node_priv.h"

/** `lutra site remove`. */
struct node_farewell {
	uint64_t id;     /* of the site */
	const char *who; /* both kept in lutra.audit */
	struct lt_str why;
	struct lt_wake *gone; /* see pipeline_connect() */
};

/** Let every site of the conflict channel keep nothing for it any more, and record that. LT_E_USAGE where it is in the
 * channel file, or no site knows it. `*found`: the sites do not have the same of what it wrote. Any thread. */
LT_MUST_USE bool node_peer_remove(
    struct node *n, const struct node_farewell *f, struct lt_buf *text, bool *found, struct lt_err *err);

#endif
