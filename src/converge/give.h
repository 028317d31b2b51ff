/* converge/give.h - what was applied at a site, given back to the site that wrote it and has lost it (ADR 48).
 *
 * A site's server that stands in for another one may lack the end of its log, which its peers have. Before a sender
 * moves anything there it asks the server whether it has all that the peer was sent: LT_E_TAIL_LOST. Once the site
 * writes as another origin (`lutra site heal`) each group that it lacks is sent back, as what it was. Owner: the
 * sender's reader. */
#ifndef CONVERGE_GIVE_H
#define CONVERGE_GIVE_H

#include "converge/log.h"
#include "converge/site.h"

struct converge_give;

/** For a pipeline that sends from the site `from` to `to`. All is borrowed. */
struct converge_give *converge_give_new(const struct model_channel *channel, const struct model_pipeline *pipeline,
    struct converge_site *from, struct converge_site *to, struct lt_wake *stop);
void converge_give_free(struct converge_give *g);
/** Before its log is read: whether the target's server has what was sent from it; waits until it is known as whom users
 * write there. */
LT_MUST_USE bool converge_give_begin(struct converge_give *g, struct lt_err *err);
/** Borrows `g`. */
struct converge_giver converge_give_ops(struct converge_give *g);

#endif
