/* converge/send.h - a pipeline's origin in a conflict channel: the source's log, numbered, and who settles what comes
 * at the target. */
#ifndef CONVERGE_SEND_H
#define CONVERGE_SEND_H

#include "converge/site.h"

struct converge_sender;

/** For pipeline `index`. `inner` is the source's log as it is (copied); the sites are those at its two ends; all else
 * is borrowed. In a shadow channel `from` is NULL, and the log is sent as it is. */
struct converge_sender *converge_sender_new(const struct model_channel *channel, size_t index,
    const struct pipeline_origin *inner, struct converge_site *from, struct converge_site *to,
    const struct lt_clock *clock);
void converge_sender_free(struct converge_sender *s);
/** What the pipeline is given in the place of `inner`; borrows `s`. */
struct pipeline_origin converge_sender_ops(struct converge_sender *s);

#endif
