/* Keeping the conflict log bounded; declared in record.h. */
#include "converge/record.h"
#include "mysql/sql.h"

/* Of one call: the site's heartbeat waits for it, and what is deleted goes into its log. */
enum { TRIM_PIECES = 100, TRIM_LINES = 200 };

/* Delete the oldest of those for which `where` holds, as many as one piece may. */
static bool
drop(struct my_conn *c, const char *where, struct lt_err *err)
{
	struct my_reply reply = { .affected = TRIM_LINES };
	struct lt_buf sql = { 0 };
	bool ok = true;

	lt_buf_printf(&sql, "DELETE FROM lutra.conflict%s ORDER BY at, id LIMIT %d", where, TRIM_LINES);
	for (int i = 0; ok && i < TRIM_PIECES && reply.affected == TRIM_LINES; i++)
		ok = my_exec(c, lt_buf_cstr(&sql), &reply, err) && my_exec(c, "COMMIT", NULL, err);
	lt_buf_free(&sql);
	return ok;
}

/* The newest line that is too many: its time and number are left in `where` as a condition; "": none is. */
static bool
find_surplus(struct my_conn *c, const char *of_channel, uint64_t rows, struct lt_buf *where, struct lt_err *err)
{
	struct my_rows *found = NULL;
	uint64_t span = 0;
	bool ok;

	/* The ends of an index cost nothing, counting does; numbers may have gaps, so this is the most there can be. */
	if (!my_query(c, "SELECT COALESCE(MAX(id) - MIN(id) + 1, 0) FROM lutra.conflict", &found, err))
		return false;
	ok = found->nrows == 1 && lt_str_u64(my_rows_at(found, 0, 0), &span);
	my_rows_free(found);
	found = NULL;
	if (!ok)
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.conflict: its ids are no numbers");
	if (span <= rows)
		return true;
	if (!my_queryf(c, &found, err, "SELECT at, id FROM lutra.conflict%s ORDER BY at DESC, id DESC LIMIT %llu, 1",
		of_channel, (unsigned long long)rows))
		return false;
	if (found->nrows == 1) {
		struct lt_str at = my_rows_at(found, 0, 0), id = my_rows_at(found, 0, 1);

		lt_buf_printf(where, "%s AND at <= '%.*s' AND (at < '%.*s' OR id <= %.*s)", of_channel, LT_FMT(at),
		    LT_FMT(at), LT_FMT(id));
	}
	my_rows_free(found);
	return true;
}

/* A line has the server's time of its decision, and is measured by the server's time of now: a clock that is wrong all
 * along does no harm, one that jumps ahead would take the whole log with it. So it must be one that is believed. What
 * was written while it was ahead goes later. */
static bool
drop_old(struct my_conn *c, const char *of_channel, uint64_t keep_us, struct lt_err *err)
{
	struct lt_buf where = { 0 };
	bool ok;

	lt_buf_printf(
	    &where, "%s AND at < NOW(6) - INTERVAL %llu MICROSECOND", of_channel, (unsigned long long)keep_us);
	ok = drop(c, lt_buf_cstr(&where), err);
	lt_buf_free(&where);
	return ok;
}

bool
converge_record_trim(struct my_conn *c, const struct model_channel *channel, bool by_age, struct lt_err *err)
{
	struct lt_buf of_channel = { 0 }, where = { 0 };
	bool ok;

	lt_buf_z(&of_channel, " WHERE channel=");
	my_sql_text(&of_channel, lt_str_z(channel->name));
	ok = (!by_age || drop_old(c, lt_buf_cstr(&of_channel), channel->conflicts.keep_us, err)) &&
	     find_surplus(c, lt_buf_cstr(&of_channel), channel->conflicts.keep_rows, &where, err) &&
	     (where.len == 0 || drop(c, lt_buf_cstr(&where), err)) && my_exec(c, "COMMIT", NULL, err);
	lt_buf_free(&of_channel);
	lt_buf_free(&where);
	return ok ? true : lt_wrap(err, "while trimming the conflict log");
}
