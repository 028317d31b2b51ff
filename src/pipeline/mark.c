#include "pipeline/mark.h"

#include "mysql/sql.h"
#include "pipeline/connect.h"
#include "pipeline/state.h"

/* A lane of no pipeline: names with '~' cannot come from a channel file. */
static bool
write_probe(const struct model_channel *channel, const struct model_site *site, struct my_conn *c, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok;

	lt_buf_z(&sql,
	    "INSERT INTO lutra.lane (channel, pipeline, lane, epoch, seq, server, file, pos, last_pos, last_crc, gtids)"
	    " VALUES (");
	my_sql_text(&sql, lt_str_z(channel->name));
	lt_buf_printf(
	    &sql, ", '~probe %s', 0, 1, 0, '', '', 0, 0, 0, '') ON DUPLICATE KEY UPDATE seq=seq+1", site->name);
	ok = my_exec(c, "SET SESSION autocommit=1", NULL, err) && my_exec(c, lt_buf_cstr(&sql), NULL, err);
	lt_buf_free(&sql);
	return ok;
}

static bool
only_marks(void *ctx, struct lt_str schema, struct lt_str table)
{
	(void)ctx;
	return lt_str_eqz(schema, "lutra") && lt_str_eqz(table, "lane");
}

static bool
note(void *ctx, const struct change_txn *t)
{
	bool *seen = ctx;

	*seen = *seen || t->nrows > 0;
	return !*seen;
}

bool
pipeline_mark_check(const struct model_channel *channel, const struct model_site *site,
    const struct pipeline_origin *origin, struct lt_err *err)
{
	bool seen = false;
	const struct change_filter filter = { .table = only_marks, .ddl = change_filter_no_ddl, .ctx = &seen };
	struct change_position now;
	struct my_conn *c = NULL;
	bool ok;

	change_position_init(&now);
	ok = pipeline_connect(site, false, origin->stop, &c, err) && pipeline_state_install(c, err) &&
	     origin->now(origin->ctx, &now, err) && write_probe(channel, site, c, err) &&
	     origin->look(origin->ctx, &now, &filter, note, err);
	if (ok && !seen)
		ok = lt_fail(err, LT_E_MARK_HIDDEN, "site %s: a row written to lutra.lane did not come out of the log",
		    site->name);
	my_close(c);
	change_position_clear(&now);
	return ok;
}
