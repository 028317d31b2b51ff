/* pipeline/until.h - `until`: where in the source's log a pipeline is to end.
 *
 * One owner thread at a time: the loader before the run, then the reader. */
#ifndef PIPELINE_UNTIL_H
#define PIPELINE_UNTIL_H

#include "change/txn.h"
#include "model/channel.h"

struct pipeline_until {
	const struct model_start *at;  /* borrowed */
	struct change_gtid_set *gtids; /* owned: those of `at` */
	struct change_position seen;   /* what was read */
};

/** Begin where `from` stands. */
LT_MUST_USE bool pipeline_until_init(
    struct pipeline_until *u, const struct model_start *at, const struct change_position *from, struct lt_err *err);
void pipeline_until_clear(struct pipeline_until *u);
/** Whether the end is reached by what was seen. */
bool pipeline_until_reached(const struct pipeline_until *u);
/** Whether `t` lies behind the end, so that it must not be applied; else it counts as seen. `future`: its stamp tells
 * nothing (pipeline/delay.h), so it lies where it stands: before the next one whose stamp does. */
bool pipeline_until_excludes(struct pipeline_until *u, const struct change_txn *t, bool future);
/** LT_E_UNTIL, which is what a pipeline is stopped by there; always false. */
bool pipeline_until_fail(const struct pipeline_until *u, struct lt_err *err);

#endif
