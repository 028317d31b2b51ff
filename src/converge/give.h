/* converge/give.h - what was applied at a site, given back to the site that wrote it and has lost it (ADR 48).
 *
 * A site's server that stands in for another one may lack the end of its log. Its peers then have transactions that it
 * does not: where a sender meets the first of them it stops, LT_E_TAIL_LOST, and nothing behind it is sent. Once the
 * site writes as another origin (`lutra site heal`) each group that it lacks is sent back, as what it was. Owner: the
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
/** Before its log is read. Waits until it is known as whom the target writes. */
LT_MUST_USE bool converge_give_begin(struct converge_give *g, struct lt_err *err);
/** Borrows `g`. */
struct converge_giver converge_give_ops(struct converge_give *g);

#endif
