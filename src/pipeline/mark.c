#include "pipeline/mark.h"

#include "mysql/sql.h"
#include "pipeline/connect.h"
#include "pipeline/state.h"

#define WAIT_MS 10000
#define STEP_MS 200

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
wait_for_probe(
    const struct model_site *site, struct change_source *log, const struct lt_clock *clock, struct lt_err *err)
{
	uint64_t deadline = lt_mono_us(clock) + (uint64_t)WAIT_MS * 1000;

	while (lt_mono_us(clock) < deadline) {
		struct change_txn *t = NULL;
		bool seen;

		if (!change_source_next(log, STEP_MS, &t, err))
			return false;
		seen = t != NULL && t->nrows > 0;
		change_txn_free(t);
		if (seen)
			return true;
	}
	return lt_fail(err, LT_E_MARK_HIDDEN,
	    "site %s: a row written to lutra.lane did not come out of the log within %d s", site->name, WAIT_MS / 1000);
}

bool
pipeline_mark_check(const struct model_channel *channel, const struct model_site *site,
    const struct pipeline_origin *origin, const struct lt_clock *clock, struct lt_err *err)
{
	const struct change_filter filter = { .table = only_marks, .ddl = change_filter_no_ddl };
	const struct change_describer describer = { 0 };
	struct change_position now;
	struct change_source *log = NULL;
	struct my_conn *c = NULL;
	bool ok = false;

	change_position_init(&now);
	if (!pipeline_connect(site, false, origin->stop, &c, err) || !pipeline_state_install(c, err))
		goto out;
	if (!origin->now(origin->ctx, &now, err) || !origin->open(origin->ctx, &now, &filter, &describer, 0, &log, err))
		goto out;
	if (!write_probe(channel, site, c, err) || !wait_for_probe(site, log, clock, err))
		goto out;
	ok = true;
out:
	change_source_close(log);
	my_close(c);
	change_position_clear(&now);
	return ok;
}
