/* node/sites.h - how the sites of a conflict channel stand. */
#ifndef NODE_SITES_H
#define NODE_SITES_H

#include "base/buf.h"
#include "converge/site.h"

/** One site at one moment; a value. */
struct node_site_view {
	const char *name;
	struct converge_status status;
};

/** How many alarms the audit of these sites has raised: rows that were decided wrongly or changed by hand. */
uint64_t node_sites_diverged(const struct node_site_view *sites, size_t count);
/** "failing": its log cannot be read; "starting", "recovering": not to its end yet; "reading". */
const char *node_site_state(const struct node_site_view *v);
/** An array of objects. */
void node_sites_json(const struct node_site_view *sites, size_t count, struct lt_buf *out);
/** A table, and whatever is wrong; nothing where there are none. */
void node_sites_text(const struct node_site_view *sites, size_t count, struct lt_buf *out);

#endif
