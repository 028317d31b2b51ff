/* converge/replay.h - `lutra conflicts replay`: the value that lost, written once more, as a user would.
 *
 * An ordinary transaction of the site: its log shows it as a new write, which has seen all that is there, and every
 * other site gets it. With it goes its line of lutra.audit. */
#ifndef CONVERGE_REPLAY_H
#define CONVERGE_REPLAY_H

#include "model/channel.h"
#include "mysql/conn.h"

struct converge_replay {
	const struct model_channel *channel; /* borrowed, as all */
	size_t site;
	uint64_t id; /* of the line in the site's conflict log */
	const char *who;
	struct lt_str why;
	bool write; /* else only tell what it would do */
	bool force; /* also where the row is not any more as the decision left it: LT_E_REPLAY_CHANGED without */
};

/** `out` gets what is done, in words. `c`: to the site, with found_rows, in no transaction; it is left in none, but
 * with settings of its own. LT_E_NO_SUCH_CONFLICT, LT_E_REPLAY_CUT, LT_E_REPLAY_CHANGED, or why the site does not take
 * the row. */
LT_MUST_USE bool converge_replay(
    const struct converge_replay *order, struct my_conn *c, struct lt_buf *out, struct lt_err *err);

#endif
