/* pipeline/progress.h - how far a pipeline has come, for other threads to compare with. */
#ifndef PIPELINE_PROGRESS_H
#define PIPELINE_PROGRESS_H

#include "change/position.h"

struct pipeline_progress;

struct pipeline_progress *pipeline_progress_new(void);
void pipeline_progress_free(struct pipeline_progress *p);
void pipeline_progress_set(struct pipeline_progress *p, const struct change_position *at);
/** Whose log it is of, `out` of 64 bytes; "" = not known yet. */
void pipeline_progress_server(struct pipeline_progress *p, char *out);
/** Whether it has come to `end`, which has all that was executed up to it: by place in the same log, else by what was
 * executed. */
bool pipeline_progress_covers(struct pipeline_progress *p, const struct change_position *end);

#endif
