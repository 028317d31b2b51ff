/* pipeline/mark.h - R10: in a two-way channel, what Lutra writes to schema `lutra` at a site must come out of that
 * site's log. */
#ifndef PIPELINE_MARK_H
#define PIPELINE_MARK_H

#include "pipeline/pipeline.h"

/** Write a probe row at `site` and look for it in `origin`'s log, which has it once it is committed; LT_E_MARK_HIDDEN
 * if it is not there. */
LT_MUST_USE bool pipeline_mark_check(const struct model_channel *channel, const struct model_site *site,
    const struct pipeline_origin *origin, struct lt_err *err);

#endif
