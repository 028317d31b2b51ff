/* pipeline/check.h - preflight: what must be true of both ends before a channel runs, as lines for a person. */
#ifndef PIPELINE_CHECK_H
#define PIPELINE_CHECK_H

#include "base/thread.h"
#include "model/channel.h"

struct my_conn;
struct schema_table;

enum pipeline_verdict { PIPELINE_OK, PIPELINE_WARN, PIPELINE_FAIL };

/** One line: "ok|warn|fail  WHAT: detail; mend: statement". `mend` may be NULL. */
typedef void (*pipeline_check_fn)(
    void *ctx, enum pipeline_verdict verdict, const char *what, const char *detail, const char *mend);

/** Who decides conflicts, asked whether the tables of a site can be decided there. */
struct pipeline_check_decider {
	/** Into the site behind `conn`, over the mapping of a pipeline that leads there; all borrowed. */
	void *(*open)(const struct model_channel *channel, const struct model_mapping *mapping, struct my_conn *conn);
	/** False: it cannot, and why; or an error that may pass: it could not be told. `table`, as the site's catalog
	 * has it, is borrowed until close(). */
	bool (*fits)(void *site, struct schema_table *table, struct lt_err *err);
	void (*close)(void *site);
};

/** Run every check of the channel; `each` is told of it, problems of reaching a server too. Returns the number of
 * failures. Writes nothing anywhere but, in two-way channels that have schema lutra already, nothing either. */
size_t pipeline_check(const struct model_channel *channel, const struct pipeline_check_decider *decider,
    pipeline_check_fn each, void *ctx);
/** The part of it that pipeline `p` of a channel that decides conflicts must not run without: where it fails, rows of
 * the two sites would end unequal with no error. `alike`: the ends are compared, too; not while a statement that
 * changes a table may have been run at one of them only. LT_E_CONFLICT_TABLE; or why it could not be looked at. */
LT_MUST_USE bool pipeline_check_converges(const struct model_channel *channel, const struct model_pipeline *p,
    const struct pipeline_check_decider *decider, bool alike, struct lt_wake *stop, struct lt_err *err);
/** The GRANT statements that `site` needs in this channel, one a line, for the engine it runs. */
void pipeline_grants(const struct model_channel *channel, size_t site, bool mariadb, struct lt_buf *out);

#endif
