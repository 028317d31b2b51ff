/* The first part of the preflight: reach a site and gather what all other checks ask for. Nothing here writes, and
 * nothing waits for longer than the limits below. */
#include <stdio.h>

#include "base/clock.h"
#include "mysql/sql.h"
#include "pipeline/check_priv.h"
#include "pipeline/connect.h"

enum { REPLY_TIMEOUT_MS = 30000, CLOCK_PROBES = 3 };

struct lt_str
pipeline_check_var(const struct check_site *s, const char *name)
{
	for (size_t i = 0; s->vars != NULL && i < s->vars->nrows; i++) {
		if (lt_str_eqz(my_rows_at(s->vars, i, 0), name))
			return my_rows_at(s->vars, i, 1);
	}
	return (struct lt_str){ 0 };
}

bool
pipeline_check_number(const struct check_site *s, const char *name, uint64_t *out)
{
	struct lt_str text = pipeline_check_var(s, name);
	const char *point;

	if (text.ptr == NULL)
		return false;
	point = memchr(text.ptr, '.', text.len);
	return lt_str_u64(lt_str_of(text.ptr, point != NULL ? (size_t)(point - text.ptr) : text.len), out);
}

const char *
pipeline_check_set(const struct check_site *s, const char *name, const char *value, struct lt_buf *out)
{
	bool keeps = !s->mariadb && s->version >= 80000;

	lt_buf_clear(out);
	lt_buf_printf(out, "SET %s %s = %s", keeps ? "PERSIST" : "GLOBAL", name, value);
	return lt_buf_cstr(out);
}

static bool
is_near(const struct model_site *site)
{
	if (site->socket != NULL)
		return true;
	for (size_t i = 0; i < site->nhosts; i++) {
		struct lt_str host = lt_str_z(site->hosts[i].name);

		if (!lt_str_eqz(host, "localhost") && !lt_str_eqz(host, "::1") && !lt_str_starts(host, LT_STR("127.")))
			return false;
	}
	return true;
}

static void
say_reached(struct check *k, const struct check_site *s)
{
	const struct my_server *server = my_conn_server(s->conn);
	const char *engine = s->mariadb ? "MariaDB" : "MySQL";

	if (server->tls)
		pipeline_check_ok(
		    k, "connection", s->name, "%s %s, TLS with %s", engine, server->version_text, server->tls_cipher);
	else if (is_near(s->model))
		pipeline_check_ok(
		    k, "connection", s->name, "%s %s on this machine, without TLS", engine, server->version_text);
	else
		pipeline_check_warn(k, "connection", s->name, "add ?ssl-mode=VERIFY_IDENTITY to the url of the site",
		    "%s %s over the network without TLS: rows and the login can be read on the way", engine,
		    server->version_text);
}

/* Limits, and a session that cannot write by mistake. Not every version knows every one of them. */
static bool
prepare_session(struct check_site *s, struct lt_err *err)
{
	static const char *const wanted[] = {
		"SET SESSION TRANSACTION READ ONLY",
		"SET SESSION lock_wait_timeout = 5",
		"SET SESSION max_statement_time = 10",
		"SET SESSION max_execution_time = 10000",
		"SET SESSION information_schema_stats_expiry = 0",
	};

	my_set_io_timeout(s->conn, REPLY_TIMEOUT_MS);
	if (!my_exec(s->conn, "SET SESSION time_zone = '+00:00', sql_mode = ''", NULL, err))
		return false;
	for (size_t i = 0; i < LT_COUNT(wanted); i++) {
		struct lt_err ignored = { 0 };

		if (!my_exec(s->conn, wanted[i], NULL, &ignored) && !my_alive(s->conn)) {
			*err = ignored;
			return false;
		}
	}
	return true;
}

/* name@host, as CURRENT_USER() gives it, with the quotes that statements want. */
static void
quote_account(struct lt_buf *out, struct lt_str account)
{
	const char *at = account.len > 0 ? memrchr(account.ptr, '@', account.len) : NULL;
	size_t n = at != NULL ? (size_t)(at - account.ptr) : account.len;

	my_sql_text(out, lt_str_of(account.ptr, n));
	lt_buf_c(out, '@');
	my_sql_text(out, at != NULL ? lt_str_of(at + 1, account.len - n - 1) : LT_STR("%"));
}

/* MySQL lists the grants of active roles only when they are named. */
bool
pipeline_check_read_grants(struct check_site *s, struct lt_err *err)
{
	bool has_roles = !s->mariadb && s->version >= 80000;
	struct lt_str fold = pipeline_check_var(s, "lower_case_table_names"), roles;
	struct my_rows *rows = NULL;
	struct lt_buf sql = { 0 };
	bool ok = false;

	if (!my_query(s->conn, has_roles ? "SELECT CURRENT_USER(), CURRENT_ROLE()" : "SELECT CURRENT_USER(), 'NONE'",
		&rows, err))
		goto out;
	if (rows->nrows != 1) {
		lt_fail(err, LT_E_PROTOCOL, "CURRENT_USER() gave %zu rows", rows->nrows);
		goto out;
	}
	quote_account(&s->account, my_rows_at(rows, 0, 0));
	roles = my_rows_at(rows, 0, 1);
	lt_buf_z(&sql, "SHOW GRANTS FOR CURRENT_USER()");
	if (roles.len > 0 && !lt_str_eqz(roles, "NONE")) {
		lt_buf_z(&sql, " USING ");
		lt_buf_str_add(&sql, roles);
	}
	s->held = pipeline_held_new(fold.ptr != NULL && !lt_str_eqz(fold, "0"));
	ok = pipeline_held_read(s->held, s->conn, s->mariadb ? "SHOW GRANTS" : lt_buf_cstr(&sql), err);
	if (ok && s->mariadb && s->version >= 101100) {
		struct lt_err ignored = { 0 };

		/* What everybody has; nothing to see is fine. */
		if (!pipeline_held_read(s->held, s->conn, "SHOW GRANTS FOR PUBLIC", &ignored))
			ok = my_alive(s->conn);
	}
out:
	if (!ok) {
		pipeline_held_free(s->held);
		s->held = NULL;
	}
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

/* "1763842800.123456" */
static bool
parse_clock(struct lt_str text, uint64_t *us)
{
	const char *point = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
	size_t n = point != NULL ? (size_t)(point - text.ptr) : text.len;
	uint64_t seconds, micro = 0;

	if (!lt_str_u64(lt_str_of(text.ptr, n), &seconds))
		return false;
	if (point != NULL && !lt_str_u64(lt_str_of(point + 1, text.len - n - 1), &micro))
		return false;
	*us = seconds * 1000000u + micro;
	return true;
}

/* The quickest of a few answers tells best. SYSDATE() is the clock itself; NOW() would be what a session has set. */
static void
read_clock(struct check_site *s)
{
	const struct lt_clock *clock = lt_clock_real();
	uint64_t best_us = UINT64_MAX;

	for (int i = 0; i < CLOCK_PROBES; i++) {
		uint64_t mono = lt_mono_us(clock), wall = lt_wall_us(clock), there, took;
		struct my_rows *rows = NULL;

		if (!my_query(s->conn, "SELECT UNIX_TIMESTAMP(SYSDATE(6))", &rows, NULL))
			return;
		took = lt_mono_us(clock) - mono;
		if (rows->nrows == 1 && took < best_us && parse_clock(my_rows_at(rows, 0, 0), &there)) {
			best_us = took;
			s->clock_us = (int64_t)there - (int64_t)(wall + took / 2);
			s->clock_known = true;
		}
		my_rows_free(rows);
	}
}

/* Without a login it is not known what the account may do: the statements of a new one are printed whole. */
static void
say_refused(struct check *k, const struct check_site *s, const struct lt_err *err)
{
	struct lt_buf mend = { 0 };

	lt_buf_z(&mend, "give the right password, or make the account: CREATE USER ");
	my_sql_text(&mend, lt_str_z(s->model->user != NULL ? s->model->user : ""));
	lt_buf_z(&mend, "@'%' IDENTIFIED BY '...'; ");
	/* MariaDB knows MySQL's words for its privileges. */
	pipeline_grants(k->channel, (size_t)(s->model - k->channel->sites), false, &mend);
	pipeline_check_fail(k, "connection", s->name, lt_buf_cstr(&mend), "E%d %s", (int)err->code, err->message);
	lt_buf_free(&mend);
}

void
pipeline_check_reach(struct check *k, struct check_site *s)
{
	struct lt_err err = { 0 };
	bool ok;

	if (!pipeline_connect(s->model, false, NULL, &s->conn, &err)) {
		s->conn = NULL;
		if (err.code == LT_E_AUTH_DENIED)
			say_refused(k, s, &err);
		else
			pipeline_check_error(k, "connection", s->name, &err);
		return;
	}
	s->mariadb = my_conn_server(s->conn)->flavor == MY_MARIADB;
	s->version = my_conn_server(s->conn)->version;
	ok = prepare_session(s, &err) && my_query(s->conn, "SHOW GLOBAL VARIABLES", &s->vars, &err);
	if (!ok) {
		pipeline_check_error(k, "connection", s->name, &err);
		my_close(s->conn);
		s->conn = NULL;
		return;
	}
	say_reached(k, s);
	if (!pipeline_check_read_grants(s, &err))
		pipeline_check_error(k, "grants", s->name, &err);
	read_clock(s);
}
