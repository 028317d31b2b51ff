#include "pipeline/state.h"

#include <stdio.h>

#include "base/fault.h"
#include "mysql/sql.h"
#include "schema/history.h"

/* ascii_bin for names of ours: short, exact, and in every server. */
static const char *const statements[] = {
	"CREATE DATABASE IF NOT EXISTS lutra DEFAULT CHARACTER SET utf8mb4",
	"CREATE TABLE IF NOT EXISTS lutra.meta ("
	" name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,"
	" value VARCHAR(255) NOT NULL) ENGINE=InnoDB",
	"CREATE TABLE IF NOT EXISTS lutra.lane ("
	" channel VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" pipeline VARCHAR(132) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" lane SMALLINT UNSIGNED NOT NULL,"
	" epoch BIGINT UNSIGNED NOT NULL,"
	" seq BIGINT UNSIGNED NOT NULL,"
	" server VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" file VARCHAR(255) NOT NULL,"
	" pos BIGINT UNSIGNED NOT NULL,"
	" last_pos BIGINT UNSIGNED NOT NULL,"
	" last_crc INT UNSIGNED NOT NULL,"
	" gtids MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" ahead MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NULL,"
	" PRIMARY KEY (channel, pipeline, lane)) ENGINE=InnoDB",
	"CREATE TABLE IF NOT EXISTS lutra.ddl ("
	" id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
	" channel VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" pipeline VARCHAR(132) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" digest BIGINT UNSIGNED NOT NULL,"
	" statement MEDIUMTEXT NOT NULL,"
	" done_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,"
	" passed_file VARCHAR(255) NULL,"
	" passed_pos BIGINT UNSIGNED NULL,"
	" reader VARCHAR(132) CHARACTER SET ascii COLLATE ascii_bin NULL,"
	" from_file VARCHAR(255) NULL,"
	" from_pos BIGINT UNSIGNED NULL,"
	" KEY (channel, pipeline, digest)) ENGINE=InnoDB",
	"CREATE TABLE IF NOT EXISTS lutra.audit ("
	" id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
	" at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),"
	" who VARCHAR(64) NOT NULL,"
	" channel VARCHAR(64) NOT NULL,"
	" pipeline VARCHAR(132) NOT NULL,"
	" action VARCHAR(32) NOT NULL,"
	" detail MEDIUMTEXT NOT NULL,"
	" why TEXT NOT NULL) ENGINE=InnoDB",
	"CREATE TABLE IF NOT EXISTS lutra.pause ("
	" channel VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" pipeline VARCHAR(132) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),"
	" PRIMARY KEY (channel, pipeline)) ENGINE=InnoDB",
	"CREATE TABLE IF NOT EXISTS lutra.conflict ("
	" id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
	" at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),"
	" channel VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" pipeline VARCHAR(132) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" table_schema VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,"
	" table_name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,"
	" row_key TEXT NOT NULL,"
	" digest BINARY(16) NOT NULL,"
	" operation VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" met VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" clock_us BIGINT NOT NULL,"
	" origin INT UNSIGNED NOT NULL,"
	" seq BIGINT UNSIGNED NOT NULL,"
	" met_clock_us BIGINT NOT NULL,"
	" met_origin INT UNSIGNED NOT NULL,"
	" met_seq BIGINT UNSIGNED NOT NULL,"
	" rule VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" won TINYINT NOT NULL,"
	" before_image MEDIUMTEXT NULL,"
	" after_image MEDIUMTEXT NULL,"
	" found_image MEDIUMTEXT NULL,"
	" now_image MEDIUMTEXT NULL,"
	" KEY (channel, digest),"
	" KEY (channel, at)) ENGINE=InnoDB",
	"CREATE TABLE IF NOT EXISTS lutra.site ("
	" channel VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,"
	" id INT UNSIGNED NOT NULL,"
	" uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" beats BIGINT UNSIGNED NOT NULL,"
	" beat BIGINT NULL," /* microseconds since 1970 by the server's clock; NULL: not to be believed */
	" heard LONGBLOB NOT NULL) ENGINE=InnoDB",
	"CREATE TABLE IF NOT EXISTS lutra.checkpoint ("
	" id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
	" channel VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),"
	" server VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" file VARCHAR(255) NOT NULL,"
	" pos BIGINT UNSIGNED NOT NULL,"
	" last_pos BIGINT UNSIGNED NOT NULL,"
	" last_crc INT UNSIGNED NOT NULL,"
	" gtids MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" state LONGBLOB NOT NULL,"
	" KEY (channel, id)) ENGINE=InnoDB",
	"CREATE TABLE IF NOT EXISTS lutra.mark ("
	" channel VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" pipeline VARCHAR(132) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" lane SMALLINT UNSIGNED NOT NULL,"
	" bytes LONGBLOB NOT NULL,"
	" PRIMARY KEY (channel, pipeline, lane)) ENGINE=InnoDB",
	/* A clock below zero (of a row that nobody remembered) is its two's complement. */
	"CREATE TABLE IF NOT EXISTS lutra.parked ("
	" channel VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" id BINARY(32) NOT NULL,"
	" schema_name VARCHAR(64) NOT NULL,"
	" table_name VARCHAR(64) NOT NULL,"
	" row_key LONGBLOB NOT NULL,"
	" image LONGBLOB NOT NULL,"
	" clock_us BIGINT UNSIGNED NOT NULL,"
	" seq BIGINT UNSIGNED NOT NULL,"
	" origin INT UNSIGNED NOT NULL,"
	" at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),"
	" PRIMARY KEY (channel, id)) ENGINE=InnoDB",
	"CREATE TABLE IF NOT EXISTS lutra.parked_claim ("
	" channel VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" claim BINARY(32) NOT NULL,"
	" id BINARY(32) NOT NULL,"
	" PRIMARY KEY (channel, claim, id),"
	" KEY (channel, id)) ENGINE=InnoDB",
};

bool
pipeline_state_ask(struct my_conn *c, struct lt_err *err)
{
	return my_send_query(c, LT_STR("SELECT value FROM lutra.meta WHERE name='version'"), err);
}

bool
pipeline_state_recv(struct my_conn *c, uint64_t *version, struct lt_err *err)
{
	struct my_rows *rows = NULL;
	struct lt_err probe = { 0 };
	bool ok = false;

	*version = 0;
	if (!my_recv_rows(c, &rows, &probe)) {
		if (probe.code == LT_E_TABLE_MISSING || probe.server_errno == 1049 || probe.server_errno == 1142)
			return true; /* not there (or not ours to see until it is made) */
		*err = probe;
		return false;
	}
	if (rows->nrows > 0 && !lt_str_u64(my_rows_at(rows, 0, 0), version))
		lt_fail(err, LT_E_STATE_BROKEN, "lutra.meta holds no number as its version");
	else
		ok = true;
	my_rows_free(rows);
	return ok;
}

/* Columns that came later. An owner that runs meanwhile goes on until the claim that follows raises its epoch: it
 * writes nothing that this version would not understand. */
static const struct newer {
	const char *table, *columns, *add;
} newer[] = {
	{ "lane", "ahead", "ADD COLUMN ahead MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NULL" },
	{ "schema_version", "read_file, read_pos",
	    "ADD COLUMN read_file VARCHAR(255) NULL, ADD COLUMN read_pos BIGINT UNSIGNED NOT NULL DEFAULT 0" },
	{ "ddl", "reader, from_file, from_pos",
	    "ADD COLUMN reader VARCHAR(132) CHARACTER SET ascii COLLATE ascii_bin NULL,"
	    " ADD COLUMN from_file VARCHAR(255) NULL, ADD COLUMN from_pos BIGINT UNSIGNED NULL" },
	{ "schema_key", "is_hash", "ADD COLUMN is_hash TINYINT NOT NULL DEFAULT 0" },
};

/* *has: no column of newer[from..to) is missing; asked in one statement. */
static bool
probe(struct my_conn *c, size_t from, size_t to, bool *has, struct lt_err *err)
{
	const char *between = "SELECT 1 FROM ";
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;

	for (size_t i = from; i < to; i++) {
		lt_buf_printf(
		    &sql, "%s(SELECT %s FROM lutra.%s LIMIT 0) AS t%zu", between, newer[i].columns, newer[i].table, i);
		between = ", ";
	}
	*has = my_query(c, lt_buf_cstr(&sql), &rows, err);
	my_rows_free(rows);
	lt_buf_free(&sql);
	if (!my_alive(c))
		return false;
	memset(err, 0, sizeof(*err));
	return true;
}

static bool
add_columns(struct my_conn *c, size_t at, struct lt_err *err)
{
	enum { HAS_IT_ALREADY = 1060 };
	bool has;

	if (!probe(c, at, at + 1, &has, err))
		return false;
	if (has || my_execf(c, err, "ALTER TABLE lutra.%s %s", newer[at].table, newer[at].add))
		return true;
	if (err->server_errno != HAS_IT_ALREADY)
		return lt_wrap(err, "while migrating schema lutra");
	memset(err, 0, sizeof(*err)); /* made by another pipeline, or just before Lutra was killed */
	return true;
}

/* Also what an older Lutra left half-made, with no version yet. */
static bool
add_newer(struct my_conn *c, struct lt_err *err)
{
	bool has;

	if (!probe(c, 0, LT_COUNT(newer), &has, err))
		return false;
	for (size_t i = 0; !has && i < LT_COUNT(newer); i++) {
		if (!add_columns(c, i, err))
			return false;
	}
	return true;
}

bool
pipeline_state_install(struct my_conn *target, struct lt_err *err)
{
	uint64_t version;

	return pipeline_state_ask(target, err) && pipeline_state_recv(target, &version, err) &&
	       pipeline_state_make(target, version, err);
}

static bool
make_tables(struct my_conn *c, struct lt_err *err)
{
	size_t count = 0;
	const char *const *history = schema_history_statements(&count);
	const char **all = lt_calloc(LT_COUNT(statements) + count, sizeof(*all));
	bool ok;

	memcpy(all, statements, sizeof(statements));
	memcpy(all + LT_COUNT(statements), history, count * sizeof(*all));
	ok = my_exec_all(c, all, LT_COUNT(statements) + count, err);
	free(all);
	return ok;
}

bool
pipeline_state_make(struct my_conn *target, uint64_t version, struct lt_err *err)
{
	char set_version[80];
	const char *const last[] = { set_version, "COMMIT" };

	if (version > PIPELINE_STATE_VERSION && lt_fault("r16_version"))
		return true;
	if (version > PIPELINE_STATE_VERSION)
		return lt_fail(err, LT_E_STATE_NEWER, "schema lutra has version %llu, this Lutra knows %d",
		    (unsigned long long)version, PIPELINE_STATE_VERSION);
	if (version == PIPELINE_STATE_VERSION)
		return true;
	if (!make_tables(target, err))
		return lt_wrap(err, "while making schema lutra");
	if (!add_newer(target, err))
		return false;
	/* Last, so that a half-made schema is made again. */
	snprintf(set_version, sizeof(set_version), "REPLACE INTO lutra.meta (name, value) VALUES ('version', '%d')",
	    PIPELINE_STATE_VERSION);
	return my_exec_all(target, last, LT_COUNT(last), err);
}

bool
pipeline_state_audit(struct my_conn *target, const struct pipeline_audit *entry, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok;

	lt_buf_z(&sql, "INSERT INTO lutra.audit (who, channel, pipeline, action, detail, why) VALUES (");
	my_sql_text(&sql, lt_str_z(entry->who));
	lt_buf_z(&sql, ", ");
	my_sql_text(&sql, lt_str_z(entry->channel));
	lt_buf_z(&sql, ", ");
	my_sql_text(&sql, lt_str_z(entry->pipeline));
	lt_buf_z(&sql, ", ");
	my_sql_text(&sql, lt_str_z(entry->action));
	lt_buf_z(&sql, ", ");
	my_sql_text(&sql, entry->detail);
	lt_buf_z(&sql, ", ");
	my_sql_text(&sql, entry->why);
	lt_buf_c(&sql, ')');
	ok = my_exec(target, lt_buf_cstr(&sql), NULL, err);
	lt_buf_free(&sql);
	return ok;
}

/* " WHERE channel='shop' AND pipeline='hz->us'" */
static void
where_pipeline(struct lt_buf *sql, const char *channel, const char *pipeline)
{
	lt_buf_z(sql, " WHERE channel=");
	my_sql_text(sql, lt_str_z(channel));
	if (pipeline == NULL)
		return;
	lt_buf_z(sql, " AND pipeline=");
	my_sql_text(sql, lt_str_z(pipeline));
}

bool
pipeline_state_pause(struct my_conn *target, const char *channel, const char *pipeline, bool paused, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok;

	if (paused) {
		lt_buf_z(&sql, "INSERT IGNORE INTO lutra.pause (channel, pipeline) VALUES (");
		my_sql_text(&sql, lt_str_z(channel));
		lt_buf_z(&sql, ", ");
		my_sql_text(&sql, lt_str_z(pipeline));
		lt_buf_c(&sql, ')');
	} else {
		lt_buf_z(&sql, "DELETE FROM lutra.pause");
		where_pipeline(&sql, channel, pipeline);
	}
	ok = my_exec(target, lt_buf_cstr(&sql), NULL, err);
	lt_buf_free(&sql);
	return ok;
}

bool
pipeline_state_log(struct my_conn *target, const char *channel, const char *pipeline, size_t limit,
    struct my_rows **ret, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok;

	lt_buf_printf(&sql,
	    "SELECT CAST(UNIX_TIMESTAMP(at) * 1000000 AS UNSIGNED), who, pipeline, action, LEFT(detail, %d), LEFT(why, %d)"
	    " FROM lutra.audit",
	    PIPELINE_LOG_TEXT, PIPELINE_LOG_TEXT);
	where_pipeline(&sql, channel, pipeline);
	lt_buf_printf(&sql, " ORDER BY id DESC LIMIT %zu", limit);
	ok = my_query(target, lt_buf_cstr(&sql), ret, err);
	lt_buf_free(&sql);
	return ok;
}
