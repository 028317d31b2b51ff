/* pipeline/window.h - groups that are committed ahead of the progress, where commits need not keep the source's order.
 *
 * The progress is then the place up to which all is committed; what lies behind it and is committed too is kept beside
 * it in the lanes, and passed over when the log is read again. Immutable while a reader looks at it. */
#ifndef PIPELINE_WINDOW_H
#define PIPELINE_WINDOW_H

#include "change/txn.h"

struct pipeline_done {
	struct change_position begin, end; /* of one group */
};

struct pipeline_window {
	struct pipeline_done *items; /* owned */
	size_t count, cap;
};

void pipeline_window_clear(struct pipeline_window *w);
/** One group as a line of text, as the lanes hold it. */
void pipeline_window_line(const struct change_position *begin, const struct change_position *end, struct lt_buf *out);
/** Add the groups of such a text; their log is that of `server`, where a line does not name another one. */
LT_MUST_USE bool pipeline_window_parse(
    struct pipeline_window *w, const char *server, struct lt_str text, struct lt_err *err);
/** As text, without those that the progress `at` covers. */
void pipeline_window_text(const struct pipeline_window *w, const struct change_position *at, struct lt_buf *out);
/** Whether `t`, read from the log of `server`, is committed already. LT_E_LOG_HISTORY where the log holds another
 * transaction in its place. */
LT_MUST_USE bool pipeline_window_holds(
    const struct pipeline_window *w, const char *server, const struct change_txn *t, bool *holds, struct lt_err *err);

#endif
