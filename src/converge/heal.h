/* converge/heal.h - a site goes on without the end of its log: `lutra site heal` (ADR 48).
 *
 * Its server lacks what peers have received of it. From the place on behind which it was written anew users write as
 * another origin, later than all that was lost; peers take back what they took for seen by the site, and send it what
 * it lacks (give.h). All that says so is in the databases, each step may be repeated, and a run that is killed within
 * one finds the sites as before or behind it. */
#ifndef CONVERGE_HEAL_H
#define CONVERGE_HEAL_H

#include "converge/site.h"

struct converge_heal {
	const struct model_channel *channel; /* borrowed, all of it */
	size_t site;                         /* which one lost its tail */
	struct converge_site **sites;        /* of each */
	const bool *stands; /* by pipeline: it leads out of the site and is stopped by LT_E_LOG_HISTORY */
	struct lt_wake *gone;
	/* Out: */
	struct change_position
	    at;        /* the caller's to clear: behind it the log is new; pipelines out of the site go on there */
	uint64_t lost; /* so many transactions that peers have are not there */
	bool crashed;  /* it is the same server as before: `at` is a place in its log, and GTIDs tell nothing */
	bool again;    /* an order before this one did all: only pipelines that stand still are to go on at `at` */
};

/** All but the pipelines' part. The sites stand still meanwhile, unless it is done already: then some of the pipelines
 * may go on. LT_E_USAGE where one goes on and it is not done, LT_E_CANNOT_HEAL where it cannot be. */
LT_MUST_USE bool converge_heal(struct converge_heal *h, struct lt_err *err);

#endif
