/* What a server says of its log; declared in source.h. */
#include <inttypes.h>
#include <stdio.h>

#include "binlog/server_priv.h"
#include "mysql/sql.h"

/* How often MariaDB is asked for a quiet moment. */
enum { END_ASKS = 4 };

bool
binlog_ask(struct my_conn *c, const char *sql, struct lt_buf *out, struct lt_err *err)
{
	struct my_rows *rows;

	if (!my_query(c, sql, &rows, err))
		return false;
	lt_buf_clear(out);
	if (rows->nrows > 0 && rows->ncolumns > 0)
		lt_buf_str_add(out, my_rows_at(rows, 0, 0));
	my_rows_free(rows);
	return true;
}

bool
binlog_identity(struct my_conn *c, char out[64], struct lt_err *err)
{
	struct lt_buf text = { 0 };
	struct lt_str host_and_more;
	bool ok = false;

	if (my_conn_server(c)->flavor == MY_MYSQL) {
		if (!binlog_ask(c, "SELECT @@global.server_uuid", &text, err))
			goto out;
		lt_str_copy(out, 64, lt_buf_str(&text));
	} else {
		char *bar;

		/* No id of its own: what distinguishes two servers, their place on the network and on disk, must do. */
		if (!binlog_ask(c,
			"SELECT CONCAT(@@global.server_id, '|', LEFT(MD5(CONCAT_WS('|', @@hostname, @@datadir, "
			"@@port)), 16))",
			&text, err))
			goto out;
		bar = strchr(lt_buf_cstr(&text), '|');
		host_and_more = lt_str_z(bar != NULL ? bar + 1 : "");
		snprintf(out, 64, "mariadb-%.*s-%.*s", bar != NULL ? (int)(bar - text.ptr) : 0, text.ptr,
		    LT_FMT(host_and_more));
	}
	ok = true;
out:
	lt_buf_free(&text);
	return ok;
}

bool
binlog_executed(struct my_conn *c, struct change_gtid_set **ret, struct lt_err *err)
{
	bool mariadb = my_conn_server(c)->flavor == MY_MARIADB;
	struct lt_buf text = { 0 };
	bool ok;

	ok = binlog_ask(c, mariadb ? "SELECT @@global.gtid_binlog_pos" : "SELECT @@global.gtid_executed", &text, err) &&
	     change_gtid_set_parse(lt_buf_str(&text), ret, err);
	lt_buf_free(&text);
	return ok;
}

/* The server reads the file for that, and answers NULL where it cannot: at an event over max_allowed_packet, or when
 * the file is gone by now. */
bool
binlog_gtids_at(struct my_conn *c, const struct change_place *place, struct change_gtid_set **ret, struct lt_err *err)
{
	struct lt_buf sql = { 0 }, text = { 0 };
	bool ok;

	lt_buf_z(&sql, "SELECT COALESCE(BINLOG_GTID_POS(");
	my_sql_text(&sql, lt_str_z(place->file));
	lt_buf_printf(&sql, ", %" PRIu64 "), '?')", place->pos);
	ok = binlog_ask(c, lt_buf_cstr(&sql), &text, err);
	if (ok && lt_str_eqz(lt_buf_str(&text), "?"))
		ok = lt_fail(err, LT_E_SERVER_BUSY, "the server cannot tell the GTIDs of its log up to %s:%" PRIu64,
		    place->file, place->pos);
	ok = ok && change_gtid_set_parse(lt_buf_str(&text), ret, err);
	lt_buf_free(&sql);
	lt_buf_free(&text);
	return ok;
}

/* The place where the log ends, and with a `ret` what was executed, which MySQL tells in the same answer. */
static bool
read_status(struct my_conn *c, struct change_place *place, struct change_gtid_set **ret, struct lt_err *err)
{
	const struct my_server *server = my_conn_server(c);
	bool mysql = server->flavor == MY_MYSQL;
	struct my_rows *rows = NULL;
	bool ok = false;

	if (!my_query(
		c, mysql && server->version >= 80200 ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", &rows, err))
		goto out;
	if (rows->nrows == 0 || rows->ncolumns < 2) {
		lt_fail(err, LT_E_LOG_OFF, "the server writes no binary log");
		goto out;
	}
	lt_str_copy(place->file, sizeof(place->file), my_rows_at(rows, 0, 0));
	if (!lt_str_u64(my_rows_at(rows, 0, 1), &place->pos)) {
		lt_fail(err, LT_E_PROTOCOL, "the server's log position is no number");
		goto out;
	}
	ok = ret == NULL || change_gtid_set_parse(rows->ncolumns > 4 ? my_rows_at(rows, 0, 4) : lt_str_z(""), ret, err);
out:
	my_rows_free(rows);
	return ok;
}

/* MariaDB has no one answer with both: what was executed before and after the place was read is what it holds, if that
 * is the same. Where it never is, because much is written, the server has to look it up. */
static bool
read_mariadb_end(struct my_conn *c, struct change_place *place, struct change_gtid_set **ret, struct lt_err *err)
{
	struct change_gtid_set *before = NULL, *after = NULL;
	bool ok = binlog_executed(c, &before, err);

	for (int i = 0; ok && i < END_ASKS; i++) {
		ok = read_status(c, place, NULL, err) && binlog_executed(c, &after, err);
		if (ok && change_gtid_set_subset(after, before)) {
			*ret = after;
			change_gtid_set_free(before);
			return true;
		}
		change_gtid_set_free(before);
		before = after;
		after = NULL;
	}
	change_gtid_set_free(before);
	return ok && binlog_gtids_at(c, place, ret, err);
}

/* The end of the log. */
static bool
read_end(struct my_conn *c, struct change_position *end, struct lt_err *err)
{
	struct change_gtid_set *gtids = NULL;
	bool ok = my_conn_server(c)->flavor == MY_MYSQL ? read_status(c, &end->place, &gtids, err)
							: read_mariadb_end(c, &end->place, &gtids, err);

	if (!ok)
		return false;
	change_gtid_set_free(end->gtids);
	end->gtids = gtids;
	return true;
}

static void
read_setting(struct lt_str name, struct lt_str value, struct binlog_server *out, bool *on)
{
	if (lt_str_eqz(name, "log_bin"))
		*on = lt_str_eqz(value, "ON");
	else if (lt_str_eqz(name, "binlog_format"))
		out->row_format = lt_str_eqz(value, "ROW");
	else if (lt_str_eqz(name, "binlog_row_image"))
		out->full_image = lt_str_eqz(value, "FULL");
	else if (lt_str_eqz(name, "binlog_row_metadata"))
		out->full_metadata = lt_str_eqz(value, "FULL");
}

bool
binlog_server_read(struct my_conn *c, struct binlog_server *out, struct lt_err *err)
{
	/* A version that has lost binlog_format writes rows only. */
	struct binlog_server s = { .row_format = true };
	struct my_rows *rows = NULL;
	bool on = false, ok = false;

	change_position_init(&s.end);
	if (!my_query(c,
		"SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', 'binlog_row_image', "
		"'binlog_row_metadata')",
		&rows, err))
		goto out;
	for (size_t i = 0; i < rows->nrows && rows->ncolumns >= 2; i++)
		read_setting(my_rows_at(rows, i, 0), my_rows_at(rows, i, 1), &s, &on);
	if (!on) {
		lt_fail(err, LT_E_LOG_OFF, "the server writes no binary log");
		goto out;
	}
	if (!binlog_identity(c, s.identity, err) || !read_end(c, &s.end, err))
		goto out;
	lt_str_copy(s.end.server, sizeof(s.end.server), lt_str_z(s.identity));
	*out = s;
	s.end.gtids = NULL; /* the caller's */
	ok = true;
out:
	my_rows_free(rows);
	change_position_clear(&s.end);
	return ok;
}
