#include "node/peers.h"

#include <inttypes.h>

#include "pipeline/connect.h"
#include "pipeline/state.h"

static bool
check_gone(const struct node *n, const struct node_farewell *f, struct lt_err *err)
{
	const struct model_channel *c = n->channel;
	bool known = false;
	uint64_t seq;

	if (n->converge == NULL || c->conflicts.shadow)
		return lt_fail(
		    err, LT_E_USAGE, "channel %s decides no conflicts: nothing is kept for anybody", c->name);
	for (size_t i = 0; i < c->nsites; i++) {
		if (c->sites[i].id == f->id)
			return lt_fail(err, LT_E_USAGE,
			    "site %s is in the channel file: take it out there, then begin `lutra run` again first",
			    c->sites[i].name);
		known = known || (f->id <= UINT32_MAX &&
				     converge_site_knows(node_converge_site(n->converge, i), (uint32_t)f->id, &seq));
	}
	return known || lt_fail(err, LT_E_USAGE, "no site keeps anything for a site with the id %" PRIu64, f->id);
}

/* Under the name of a pipeline into the site, as `lutra log` asks for it. */
static bool
record(const struct node *n, size_t site, const struct node_farewell *f, struct lt_str detail, struct lt_err *err)
{
	const struct model_channel *c = n->channel;
	struct pipeline_audit entry = {
		.channel = c->name, .action = "site remove", .who = f->who, .why = f->why, .detail = detail
	};
	struct my_conn *conn = NULL;
	bool ok;

	for (size_t i = 0; i < c->npipelines && entry.pipeline == NULL; i++) {
		if (c->pipelines[i].to == site)
			entry.pipeline = c->pipelines[i].name;
	}
	ok = pipeline_connect(&c->sites[site], false, f->gone, &conn, err) &&
	     my_exec(conn, "SET SESSION autocommit=1", NULL, err) && pipeline_state_audit(conn, &entry, err);
	my_close(conn);
	return ok || lt_wrap(err, "while recording at site %s that a site is gone", c->sites[site].name);
}

static bool
leave_site(
    struct node *n, size_t site, const struct node_farewell *f, uint64_t *seq, struct lt_buf *text, struct lt_err *err)
{
	struct converge_site *s = node_converge_site(n->converge, site);
	struct lt_buf line = { 0 };
	bool ok, knows = converge_site_knows(s, (uint32_t)f->id, seq);

	lt_buf_printf(&line, "site %" PRIu64 ", whose transactions are here up to number %" PRIu64, f->id, *seq);
	ok = !knows ||
	     (record(n, site, f, lt_buf_str(&line), err) && converge_site_leave(s, (uint32_t)f->id, f->gone, err));
	if (ok)
		lt_buf_printf(text, "%s keeps nothing for %s\n", n->channel->sites[site].name, lt_buf_cstr(&line));
	lt_buf_free(&line);
	return ok;
}

bool
node_peer_remove(struct node *n, const struct node_farewell *f, struct lt_buf *text, bool *found, struct lt_err *err)
{
	uint64_t first = 0, seq = 0;

	if (!check_gone(n, f, err))
		return false;
	for (size_t i = 0; i < n->channel->nsites; i++) {
		if (!leave_site(n, i, f, &seq, text, err))
			return false;
		first = i == 0 ? seq : first;
		*found = *found || seq != first;
	}
	if (*found)
		lt_buf_z(text, "they do not have the same of it, and no site hands it on: compare them\n");
	return true;
}
