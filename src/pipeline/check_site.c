/* Settings of one site, and of two against each other. */
#include <stdio.h>

#include "mysql/sql.h"
#include "pipeline/apart.h"
#include "pipeline/check_priv.h"
#include "pipeline/state.h"

enum { KEEP_LOGS_S = 2 * 86400, CLOCK_LIMIT_US = 1000000, SEMI_SYNC_MS = 1000 };

enum { AT_SOURCE = 1, AT_TARGET = 2, ON_MYSQL = 4, ON_MARIADB = 8, ON_BOTH = ON_MYSQL | ON_MARIADB };

/* A variable that should have one value. One that this version does not have is passed over. */
static const struct setting {
	const char *name, *want;
	unsigned where;
	enum pipeline_verdict otherwise;
	const char *why;  /* what another value means */
	const char *mend; /* NULL: set it */
} settings[] = {
	{ "log_bin", "ON", AT_SOURCE | ON_BOTH, PIPELINE_FAIL, "there is no log to read",
	    "log_bin=binlog in the server's configuration, and a restart" },
	{ "binlog_format", "ROW", AT_SOURCE | ON_BOTH, PIPELINE_FAIL, "only rows can be read, not statements", NULL },
	{ "binlog_row_image", "FULL", AT_SOURCE | ON_BOTH, PIPELINE_WARN,
	    "rows lack columns, so less can be verified at the target", NULL },
	{ "binlog_row_metadata", "FULL", AT_SOURCE | ON_BOTH, PIPELINE_WARN,
	    "the log does not name columns: rows from before a change of a table that Lutra did not see cannot be read",
	    NULL },
	{ "binlog_storage_engine", "", AT_SOURCE | ON_MARIADB, PIPELINE_FAIL, "a log inside InnoDB is not read yet",
	    "binlog_storage_engine= (empty) in the server's configuration, and a restart" },
	{ "binlog_checksum", "CRC32", AT_SOURCE | ON_BOTH, PIPELINE_WARN, "damage of the log would not be seen", NULL },
	{ "gtid_mode", "ON", AT_SOURCE | ON_MYSQL, PIPELINE_WARN, "after a fail-over positions cannot be found again",
	    "set enforce_gtid_consistency=ON, then gtid_mode=OFF_PERMISSIVE, ON_PERMISSIVE and ON" },
	{ "gtid_strict_mode", "ON", AT_SOURCE | ON_MARIADB, PIPELINE_WARN, "the log may hold GTIDs out of order",
	    NULL },
	{ "sync_binlog", "1", AT_SOURCE | ON_BOTH, PIPELINE_WARN,
	    "a crash may take the log's end back after it was sent on; Lutra then stops", NULL },
	{ "innodb_flush_log_at_trx_commit", "1", AT_SOURCE | ON_BOTH, PIPELINE_WARN,
	    "a crash may take back transactions that were sent on", NULL },
	{ "innodb_native_foreign_keys", "OFF", AT_SOURCE | ON_MYSQL, PIPELINE_WARN,
	    "rows changed by foreign keys are not in the log",
	    "innodb_native_foreign_keys=OFF in the server's configuration, and a restart" },
	{ "read_only", "OFF", AT_TARGET | ON_BOTH, PIPELINE_FAIL, "nothing can be written",
	    "SET GLOBAL read_only = OFF" },
	{ "super_read_only", "OFF", AT_TARGET | ON_MYSQL, PIPELINE_FAIL, "nothing can be written",
	    "SET GLOBAL super_read_only = OFF" },
	{ "innodb_read_only", "OFF", AT_TARGET | ON_BOTH, PIPELINE_FAIL, "nothing can be written",
	    "innodb_read_only=OFF in the server's configuration, and a restart" },
};

/* Where conflicts are decided, another value of these fails: what it means there. */
static const struct {
	const char *name, *why;
} strict[] = {
	{ "binlog_row_image", "conflicts are decided by whole rows" },
	{ "binlog_row_metadata", "the log does not name columns, by which conflicts are decided" },
	{ "sync_binlog",
	    "a crash may take back transactions that other sites have, and nobody can tell then what was decided by them" },
	{ "innodb_flush_log_at_trx_commit",
	    "a crash may take back transactions that the log and the other sites have: the site differs then" },
};

static const char *
why_strict(const struct check *k, const char *name)
{
	for (size_t i = 0; k->decides && i < LT_COUNT(strict); i++) {
		if (strcmp(strict[i].name, name) == 0)
			return strict[i].why;
	}
	return NULL;
}

static void
say_setting(struct check *k, const struct check_site *s, const struct setting *at, struct lt_str value)
{
	const char *why = why_strict(k, at->name);
	struct lt_buf statement = { 0 };
	const char *mend = at->mend;
	uint64_t number;

	if (mend == NULL) {
		char quoted[40];

		snprintf(quoted, sizeof(quoted), lt_str_u64(lt_str_z(at->want), &number) ? "%s" : "'%s'", at->want);
		mend = pipeline_check_set(s, at->name, quoted, &statement);
	}
	if (why != NULL || at->otherwise == PIPELINE_FAIL)
		pipeline_check_fail(k, at->name, s->name, mend, "%.*s: %s", LT_FMT(value), why != NULL ? why : at->why);
	else
		pipeline_check_warn(k, at->name, s->name, mend, "%.*s: %s", LT_FMT(value), at->why);
	lt_buf_free(&statement);
}

static void
check_settings(struct check *k, const struct check_site *s)
{
	unsigned engine = s->mariadb ? ON_MARIADB : ON_MYSQL;
	unsigned role = (s->is_source ? AT_SOURCE : 0u) | (s->is_target ? AT_TARGET : 0u);

	for (size_t i = 0; i < LT_COUNT(settings); i++) {
		const struct setting *at = &settings[i];
		struct lt_str value = pipeline_check_var(s, at->name);

		if ((at->where & engine) == 0 || (at->where & role) == 0 || value.ptr == NULL)
			continue;
		if (lt_str_ieq(value, lt_str_z(at->want)))
			pipeline_check_ok(k, at->name, s->name, "%s", value.len > 0 ? value.ptr : "empty");
		else
			say_setting(k, s, at, value);
	}
	if (s->is_source && pipeline_check_var(s, "binlog_row_metadata").ptr == NULL)
		(k->decides ? pipeline_check_fail : pipeline_check_warn)(k, "binlog_row_metadata", s->name, NULL,
		    "this version has none: rows from before a change of a table that Lutra did not see cannot be read");
	if (s->is_source && lt_str_eqz(pipeline_check_var(s, "log_bin_compress"), "ON"))
		pipeline_check_ok(k, "log_bin_compress", s->name, "ON: compressed events are read");
}

/* Edits of JSON values are carried out on the value before them. MINIMAL images lack it (NOBLOB ones have it), so it is
 * read at the target: a round trip for each such row. */
static void
check_value_options(struct check *k, const struct check_site *s)
{
	struct lt_str options = pipeline_check_var(s, "binlog_row_value_options");
	bool minimal = lt_str_ieq(pipeline_check_var(s, "binlog_row_image"), LT_STR("MINIMAL"));

	if (!s->is_source || options.ptr == NULL)
		return;
	if (options.len > 0 && k->decides)
		pipeline_check_fail(k, "binlog_row_value_options", s->name,
		    "SET PERSIST binlog_row_value_options = '' (sessions that are open keep the old one)",
		    "%.*s: conflicts are decided by whole values, not by edits of them", LT_FMT(options));
	else if (options.len == 0 || !minimal)
		pipeline_check_ok(
		    k, "binlog_row_value_options", s->name, "%s", options.len > 0 ? options.ptr : "empty");
	else
		pipeline_check_ok(k, "binlog_row_value_options", s->name,
		    "%.*s: with binlog_row_image=MINIMAL a JSON value that is edited is read at the target first",
		    LT_FMT(options));
}

static void
check_server_id(struct check *k, const struct check_site *s)
{
	uint64_t id;

	if (!s->is_source || !pipeline_check_number(s, "server_id", &id))
		return;
	if (id == 0)
		pipeline_check_fail(k, "server_id", s->name, "SET GLOBAL server_id = 1 (another number at each server)",
		    "0: the server refuses to send its log");
	else
		pipeline_check_ok(k, "server_id", s->name, "%llu", (unsigned long long)id);
}

/* Seconds that logs are kept; 0: for ever. */
static bool
log_retention(const struct check_site *s, uint64_t *seconds, const char **by)
{
	uint64_t days;

	*by = "binlog_expire_logs_seconds";
	if (lt_str_eqz(pipeline_check_var(s, "binlog_expire_logs_auto_purge"), "OFF")) {
		*seconds = 0;
		return true;
	}
	if (pipeline_check_number(s, *by, seconds) && *seconds > 0)
		return true;
	if (pipeline_check_number(s, "expire_logs_days", &days)) {
		*by = "expire_logs_days";
		*seconds = days * 86400;
		return true;
	}
	return pipeline_check_var(s, *by).ptr != NULL;
}

static void
check_retention(struct check *k, const struct check_site *s)
{
	struct lt_buf statement = { 0 };
	uint64_t seconds = 0;
	const char *by;

	if (!s->is_source || !log_retention(s, &seconds, &by))
		return;
	if (seconds == 0)
		pipeline_check_ok(k, "log retention", s->name, "logs are kept until somebody purges them");
	else if (seconds >= KEEP_LOGS_S)
		pipeline_check_ok(
		    k, "log retention", s->name, "%llu hours (%s)", (unsigned long long)seconds / 3600, by);
	else
		pipeline_check_warn(k, "log retention", s->name,
		    pipeline_check_set(
			s, by, lt_str_eqz(lt_str_z(by), "expire_logs_days") ? "7" : "604800", &statement),
		    "%llu minutes (%s): a longer outage loses the place in the log, and a new dump is needed",
		    (unsigned long long)seconds / 60, by);
	lt_buf_free(&statement);
}

static struct lt_str
column_named(const struct my_rows *rows, const char *name)
{
	for (size_t i = 0; rows->nrows > 0 && i < rows->ncolumns; i++) {
		if (lt_str_ieq(rows->names[i], lt_str_z(name)))
			return my_rows_at(rows, 0, i);
	}
	return (struct lt_str){ 0 };
}

const char *
pipeline_check_log_status(const struct check_site *s)
{
	return !s->mariadb && s->version >= 80200 ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

/* A filter could keep the rows, or in a two-way channel the mark beside them, out of the log. */
static void
check_filters(struct check *k, const struct check_site *s)
{
	struct my_rows *rows = NULL;
	struct lt_err err = { 0 };
	struct lt_str only, never;

	if (!s->is_source || !lt_str_ieq(pipeline_check_var(s, "log_bin"), LT_STR("ON")))
		return;
	if (!my_query(s->conn, pipeline_check_log_status(s), &rows, &err)) {
		pipeline_check_warn(k, "log filters", s->name, NULL, "not known: E%d %s", (int)err.code, err.message);
		return;
	}
	only = column_named(rows, "Binlog_Do_DB");
	never = column_named(rows, "Binlog_Ignore_DB");
	if (only.len == 0 && never.len == 0)
		pipeline_check_ok(k, "log filters", s->name, "none");
	else if (k->two_way)
		pipeline_check_fail(k, "log filters", s->name,
		    "remove them from the server's configuration, and restart it",
		    "binlog_do_db '%.*s', binlog_ignore_db '%.*s': they can hide Lutra's own mark, and changes would go round in circles",
		    LT_FMT(only), LT_FMT(never));
	else
		pipeline_check_warn(k, "log filters", s->name,
		    "remove them from the server's configuration, and restart it",
		    "binlog_do_db '%.*s', binlog_ignore_db '%.*s': what they leave out never arrives", LT_FMT(only),
		    LT_FMT(never));
	my_rows_free(rows);
}

static void
check_clock(struct check *k, const struct check_site *s)
{
	double offset_s = (double)s->clock_us / 1e6;
	bool decides = k->decides;
	int64_t limit_us = (int64_t)(k->channel->conflicts.max_skew_us / 2);

	if (!s->clock_known)
		(decides ? pipeline_check_fail : pipeline_check_warn)(k, "clock", s->name, NULL, "could not be read");
	else if (decides && (s->clock_us > limit_us || s->clock_us < -limit_us))
		pipeline_check_fail(k, "clock", s->name, "let both machines follow NTP",
		    "%+.1f s against this machine's, more than half of `max-skew` (%.1f s): its time does not count, and who wrote last is not told rightly",
		    offset_s, (double)k->channel->conflicts.max_skew_us / 1e6);
	else if (s->clock_us > CLOCK_LIMIT_US || s->clock_us < -CLOCK_LIMIT_US)
		pipeline_check_warn(k, "clock", s->name, "let both machines follow NTP",
		    "%+.1f s against this machine's: lag is shown wrongly, and starts by time miss", offset_s);
	else
		pipeline_check_ok(k, "clock", s->name, "%+.3f s against this machine's", offset_s);
}

static void
check_state_version(struct check *k, const struct check_site *s)
{
	struct my_rows *rows = NULL;
	struct lt_err err = { 0 };
	uint64_t version;

	if (!s->is_target)
		return;
	if (!my_query(s->conn, "SELECT value FROM lutra.meta WHERE name = 'version'", &rows, &err)) {
		pipeline_check_ok(k, "schema lutra", s->name, "not there yet (or not visible); `lutra run` makes it");
		return;
	}
	if (rows->nrows == 0 || !lt_str_u64(my_rows_at(rows, 0, 0), &version))
		pipeline_check_warn(k, "schema lutra", s->name, NULL, "half made; `lutra run` completes it");
	else if (version > PIPELINE_STATE_VERSION)
		pipeline_check_fail(k, "schema lutra", s->name, lt_code_hint(LT_E_STATE_NEWER),
		    "version %llu, this Lutra knows %d", (unsigned long long)version, PIPELINE_STATE_VERSION);
	else
		pipeline_check_ok(k, "schema lutra", s->name, "version %llu", (unsigned long long)version);
	my_rows_free(rows);
}

/* A database keeps for good which site of the channel it is (R22). */
static void
check_identity(struct check *k, const struct check_site *s)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	struct lt_err err = { 0 };
	uint64_t id = 0;

	if (!k->channel->conflicts.on)
		return;
	lt_buf_z(&sql, "SELECT id FROM lutra.site WHERE channel = ");
	my_sql_text(&sql, lt_str_z(k->channel->name));
	if (!my_query(s->conn, lt_buf_cstr(&sql), &rows, &err) || rows->nrows == 0)
		pipeline_check_ok(k, "site", s->name, "not known yet; `lutra run` makes it site %u", s->model->id);
	else if (!lt_str_u64(my_rows_at(rows, 0, 0), &id) || id != s->model->id)
		pipeline_check_fail(k, "site", s->name, lt_code_hint(LT_E_SITE_FOREIGN),
		    "E%d the channel file gives it the id %u, and it is the site with id %llu", (int)LT_E_SITE_FOREIGN,
		    s->model->id, (unsigned long long)id);
	else
		pipeline_check_ok(k, "site", s->name, "id %u", s->model->id);
	my_rows_free(rows);
	lt_buf_free(&sql);
}

/* A variable of semi-synchronous replication under the newer or the older name. */
static const char *
semi_sync_name(const struct check_site *s, const char *what, char out[64])
{
	snprintf(out, 64, "rpl_semi_sync_source_%s", what);
	if (pipeline_check_var(s, out).ptr == NULL)
		snprintf(out, 64, "rpl_semi_sync_master_%s", what);
	return out;
}

static void
check_semi_sync(struct check *k, const struct check_site *s)
{
	struct lt_buf statement = { 0 };
	struct lt_str on;
	uint64_t ms = 0;
	char name[64];

	if (!s->is_source || !s->model->semi_sync)
		return;
	on = pipeline_check_var(s, semi_sync_name(s, "enabled", name));
	if (on.ptr == NULL)
		pipeline_check_warn(k, "semi-sync", s->name,
		    "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so', then start `lutra run` again",
		    "the server has no such thing: its commits wait for nobody");
	else if (!lt_str_ieq(on, LT_STR("ON")))
		pipeline_check_warn(k, "semi-sync", s->name, pipeline_check_set(s, name, "1", &statement),
		    "%s is %.*s: commits wait for nobody", name, LT_FMT(on));
	else if (pipeline_check_number(s, semi_sync_name(s, "timeout", name), &ms) && ms < SEMI_SYNC_MS)
		pipeline_check_warn(k, "semi-sync", s->name, pipeline_check_set(s, name, "10000", &statement),
		    "%s is %llu ms: commits hardly wait for Lutra", name, (unsigned long long)ms);
	else
		pipeline_check_ok(k, "semi-sync", s->name, "on, commits wait for %llu ms", (unsigned long long)ms);
	lt_buf_free(&statement);
}

void
pipeline_check_site(struct check *k, struct check_site *s)
{
	check_settings(k, s);
	check_value_options(k, s);
	check_server_id(k, s);
	check_retention(k, s);
	check_filters(k, s);
	check_clock(k, s);
	check_state_version(k, s);
	check_identity(k, s);
	check_semi_sync(k, s);
}

/* -- two sites against each other ----------------------------------------------------------------- */

static void
check_packets(
    struct check *k, const struct model_pipeline *p, const struct check_site *from, const struct check_site *to)
{
	struct lt_buf statement = { 0 };
	uint64_t sends = 0, takes = 0;
	char value[32];

	if (!pipeline_check_number(from, "max_allowed_packet", &sends) ||
	    !pipeline_check_number(to, "max_allowed_packet", &takes))
		return;
	snprintf(value, sizeof(value), "%llu", (unsigned long long)sends);
	if (takes >= sends)
		pipeline_check_ok(k, "max_allowed_packet", p->name, "%llu at %s, %s at %s", (unsigned long long)takes,
		    to->name, value, from->name);
	else
		pipeline_check_warn(k, "max_allowed_packet", p->name,
		    pipeline_check_set(to, "max_allowed_packet", value, &statement),
		    "%llu at %s is less than %s at %s: a large row could be refused", (unsigned long long)takes,
		    to->name, value, from->name);
	lt_buf_free(&statement);
}

static void
check_apart(struct check *k, const struct model_pipeline *p, const struct check_site *from, const struct check_site *to)
{
	struct lt_err err = { 0 };
	bool same;

	if (!pipeline_apart_ask(from->conn, to->conn, lt_clock_real(), &same, &err))
		pipeline_check_error(k, "two servers", p->name, &err);
	else if (same)
		pipeline_check_fail(k, "two servers", p->name, lt_code_hint(LT_E_SAME_SERVER),
		    "E%d sites %s and %s are one server", (int)LT_E_SAME_SERVER, from->name, to->name);
	else
		pipeline_check_ok(k, "two servers", p->name, "%s and %s are apart", from->name, to->name);
}

/* Said once for a pair of sites. */
static void
check_alike(struct check *k, const struct model_pipeline *p, const struct check_site *from, const struct check_site *to)
{
	struct lt_str a = pipeline_check_var(from, "lower_case_table_names"),
		      b = pipeline_check_var(to, "lower_case_table_names");
	int64_t apart_us = from->clock_us - to->clock_us;
	uint64_t id_a, id_b;

	if (lt_str_eq(a, b))
		pipeline_check_ok(k, "lower_case_table_names", p->name, "%.*s at both sites", LT_FMT(a));
	else if (k->decides)
		pipeline_check_fail(k, "lower_case_table_names", p->name,
		    "make a server anew with the other's setting (it cannot be changed later)",
		    "%.*s at %s, %.*s at %s: where conflicts are decided a table has the same name at all sites",
		    LT_FMT(a), from->name, LT_FMT(b), to->name);
	else
		pipeline_check_warn(k, "lower_case_table_names", p->name,
		    "write the names under `tables` as each site has them (it cannot be changed later)",
		    "%.*s at %s, %.*s at %s: names may differ in letter case", LT_FMT(a), from->name, LT_FMT(b),
		    to->name);
	if (pipeline_check_number(from, "server_id", &id_a) && pipeline_check_number(to, "server_id", &id_b)) {
		if (id_a != id_b)
			pipeline_check_ok(k, "different server_id", p->name, "%llu and %llu", (unsigned long long)id_a,
			    (unsigned long long)id_b);
		else
			pipeline_check_warn(k, "different server_id", p->name,
			    "SET GLOBAL server_id = another number at one of them",
			    "%llu at both sites: their logs cannot be told apart", (unsigned long long)id_a);
	}
	if (from->clock_known && to->clock_known) {
		if (apart_us > CLOCK_LIMIT_US || apart_us < -CLOCK_LIMIT_US)
			pipeline_check_warn(k, "clocks", p->name, "let both machines follow NTP", "%.1f s apart",
			    (double)apart_us / 1e6);
		else
			pipeline_check_ok(k, "clocks", p->name, "%.3f s apart", (double)apart_us / 1e6);
	}
}

void
pipeline_check_between(struct check *k, const struct model_pipeline *p)
{
	const struct check_site *from = &k->sites[p->from], *to = &k->sites[p->to];

	check_packets(k, p, from, to);
	if (!pipeline_check_is_first(k, p))
		return;
	check_apart(k, p, from, to);
	check_alike(k, p, from, to);
}
