/* Catalog, history and completion against a real server on this machine: live SOCKET [USER [PASSWORD]]. Makes and drops
 * databases whose names begin with lutra_live and what schema lutra holds of a channel "lutra_live"; sets
 * binlog_row_metadata. TAP on stdout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "binlog/table_map.h"
#include "schema/catalog.h"
#include "schema/history.h"

static struct my_conn *conn;
static struct lt_err err;

#define MUST(call)                                                                                                     \
	do {                                                                                                           \
		if (!(call))                                                                                           \
			fail_msg("%s", err.message);                                                                   \
	} while (0)

static void
run(const char *const *statements)
{
	for (; *statements != NULL; statements++)
		MUST(my_exec(conn, *statements, NULL, &err));
}

static bool
is_mariadb(void)
{
	return my_conn_server(conn)->flavor == MY_MARIADB;
}

static int
setup(void **state)
{
	static const char *const statements[] = {
		"SET NAMES utf8mb4",
		"DROP DATABASE IF EXISTS lutra_live2",
		"DROP DATABASE IF EXISTS lutra_live1",
		"CREATE DATABASE lutra_live1 CHARACTER SET utf8mb4",
		"CREATE DATABASE lutra_live2 CHARACTER SET latin1",
		"CREATE TABLE lutra_live1.p (Id int NOT NULL, u bigint unsigned, "
		"e enum('a','b''c','d\\\\e','f\\ng','\xc3\xbc,x') CHARACTER SET latin1, s set('x','y z'), "
		"gv int GENERATED ALWAYS AS (id + 1) VIRTUAL, gs int GENERATED ALWAYS AS (id + 2) STORED, t text, "
		"d datetime(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), dn int DEFAULT NULL, de "
		"int DEFAULT 5, "
		"b varbinary(20) NOT NULL DEFAULT 'NULL', `we``ird 'n\\ame` char(3), "
		"KEY kt (t(10), de), UNIQUE KEY ub (b), UNIQUE KEY uu (u), PRIMARY KEY (Id)) ENGINE=InnoDB",
		"CREATE TABLE lutra_live2.c (id int AUTO_INCREMENT PRIMARY KEY, pid int, self int, "
		"FOREIGN KEY (pid) REFERENCES lutra_live1.p (Id) ON DELETE CASCADE, FOREIGN KEY (self) REFERENCES c "
		"(id)) ENGINE=InnoDB",
		"CREATE TABLE lutra_live2.`o'd\\d ``x` (a int) ENGINE=MyISAM",
		"CREATE TRIGGER lutra_live2.tr BEFORE INSERT ON lutra_live2.c FOR EACH ROW SET NEW.pid = NULL",
		"CREATE VIEW lutra_live1.v AS SELECT 1 AS x",
		NULL,
	};

	(void)state;
	run(statements);
	return 0;
}

static int
teardown(void **state)
{
	static const char *const statements[] = { "DROP DATABASE lutra_live2", "DROP DATABASE lutra_live1", NULL };

	(void)state;
	run(statements);
	return 0;
}

static struct schema_table *
read_table(const char *schema, const char *name)
{
	struct schema_table *t = NULL;

	MUST(schema_catalog_table(conn, lt_str_z(schema), lt_str_z(name), &t, &err));
	return t;
}

static void
assert_str(struct lt_str got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.ptr, want, got.len);
}

static const struct schema_column *
column(const struct schema_table *t, const char *name)
{
	size_t i = schema_table_column(t, lt_str_z(name));

	assert_true(i < t->ncolumns);
	return &t->columns[i];
}

static void
catalog_reads_columns_as_both_engines_print_them(void **state)
{
	static const char *const members[] = { "a", "b'c", "d\\e", "f\ng", "\xc3\xbc,x" };
	struct schema_table *t = read_table("lutra_live1", "p");

	(void)state;
	assert_non_null(t);
	assert_int_equal(t->ncolumns, 12);
	assert_str(t->columns[0].name, "Id");
	assert_str(t->columns[0].base_type, "int");
	assert_false(t->columns[0].nullable || t->columns[0].is_unsigned || t->columns[0].has_default);
	assert_true(column(t, "u")->is_unsigned && column(t, "u")->nullable);
	assert_int_equal(column(t, "e")->nmembers, LT_COUNT(members));
	for (size_t i = 0; i < LT_COUNT(members); i++)
		assert_str(column(t, "e")->members[i], members[i]);
	assert_str(column(t, "e")->charset, "latin1");
	assert_str(column(t, "s")->members[1], "y z");
	assert_int_equal(column(t, "gv")->generated, SCHEMA_VIRTUAL);
	assert_int_equal(column(t, "gs")->generated, SCHEMA_STORED);
	assert_int_equal(column(t, "d")->generated, SCHEMA_PLAIN);
	assert_true(column(t, "d")->has_default && column(t, "de")->has_default && column(t, "b")->has_default);
	assert_false(column(t, "dn")->has_default || column(t, "t")->has_default);
	assert_str(column(t, "t")->charset, "utf8mb4");
	assert_int_equal(column(t, "b")->charset.len, 0);
	assert_str(t->columns[11].name, "we`ird 'n\\ame");
	assert_str(t->engine, "InnoDB");
	assert_true(t->transactional);
	schema_table_free(t);
}

static void
catalog_reads_keys_primary_then_unique_then_others(void **state)
{
	struct schema_table *t = read_table("lutra_live1", "p");

	(void)state;
	assert_int_equal(t->nkeys, 4);
	assert_str(t->keys[0].name, "PRIMARY");
	assert_true(t->keys[0].not_null && t->keys[0].unique);
	assert_str(t->keys[1].name, "ub");
	assert_true(t->keys[1].not_null);
	assert_str(t->keys[2].name, "uu");
	assert_false(t->keys[2].not_null);
	assert_str(t->keys[3].name, "kt");
	assert_false(t->keys[3].unique);
	assert_int_equal(t->keys[3].nparts, 2);
	assert_int_equal(t->keys[3].parts[0].prefix, 10);
	assert_int_equal(t->keys[3].parts[1].column, schema_table_column(t, LT_STR("DE")));
	assert_ptr_equal(schema_table_find_key(t), &t->keys[0]);
	schema_table_free(t);
}

static void
catalog_counts_foreign_keys_across_schemas_and_sees_triggers(void **state)
{
	struct schema_table *p = read_table("lutra_live1", "p");
	struct schema_table *c = read_table("lutra_live2", "c");

	(void)state;
	assert_int_equal(p->nparents, 0);
	assert_int_equal(p->nchildren, 1);
	assert_true(p->cascades);
	assert_false(p->has_triggers);
	assert_int_equal(c->nparents, 2);
	assert_int_equal(c->nchildren, 1);
	assert_false(c->cascades);
	assert_true(c->has_triggers);
	assert_true(c->columns[0].auto_increment);
	schema_table_free(p);
	schema_table_free(c);
}

static void
catalog_finds_odd_names_and_no_views(void **state)
{
	struct schema_table *t = read_table("lutra_live2", "o'd\\d `x");

	(void)state;
	assert_non_null(t);
	assert_false(t->transactional);
	assert_null(schema_table_find_key(t));
	schema_table_free(t);
	assert_null(read_table("lutra_live1", "v"));
	assert_null(read_table("lutra_live1", "p "));
	assert_null(read_table("lutra_live1", "none"));
}

static bool
wants_live(void *ctx, struct lt_str schema, struct lt_str table)
{
	(void)ctx;
	return lt_str_starts(schema, LT_STR("lutra_live")) && !lt_str_eqz(table, "never");
}

static void
catalog_reads_many_tables_as_it_reads_one(void **state)
{
	struct schema_table **tables = NULL;
	size_t count = 0;

	(void)state;
	MUST(schema_catalog_tables(conn, wants_live, NULL, &tables, &count, &err));
	assert_int_equal(count, 3);
	for (size_t i = 0; i < count; i++) {
		struct schema_table *one = read_table(tables[i]->schema.ptr, tables[i]->name.ptr);

		assert_true(schema_table_eq(one, tables[i]));
		schema_table_free(one);
	}
	schema_catalog_free(tables, count);
}

static void
catalog_reads_named_tables_as_it_reads_all(void **state)
{
	struct schema_table **all = NULL, **named = NULL;
	struct schema_name names[5] = { { LT_STR("lutra_live"), LT_STR("nowhere") },
		{ LT_STR("no"), LT_STR("where") } };
	size_t nall = 0, nnamed = 0, same = 0;

	(void)state;
	MUST(schema_catalog_tables(conn, wants_live, NULL, &all, &nall, &err));
	assert_int_equal(nall, 3);
	for (size_t i = 0; i < nall; i++)
		names[2 + i] = (struct schema_name){ all[i]->schema, all[i]->name };
	MUST(schema_catalog_named(conn, names, LT_COUNT(names), &named, &nnamed, &err));
	assert_int_equal(nnamed, nall);
	for (size_t i = 0; i < nall; i++)
		same += schema_table_eq(all[i], named[i]);
	assert_int_equal(same, nall);
	schema_catalog_free(named, nnamed);
	MUST(schema_catalog_named(conn, names, 2, &named, &nnamed, &err));
	assert_int_equal(nnamed, 0);
	schema_catalog_free(named, nnamed);
	schema_catalog_free(all, nall);
}

static void
catalog_reads_what_only_one_engine_has(void **state)
{
	struct schema_table *t;

	(void)state;
	if (is_mariadb()) {
		MUST(my_exec(conn,
		    "CREATE TABLE lutra_live1.x (a int, l text, rs timestamp(6) GENERATED ALWAYS AS ROW START, "
		    "re timestamp(6) GENERATED ALWAYS AS ROW END, h int DEFAULT 1 INVISIBLE, UNIQUE (l), "
		    "PERIOD FOR SYSTEM_TIME (rs, re)) WITH SYSTEM VERSIONING",
		    NULL, &err));
		t = read_table("lutra_live1", "x");
		assert_true(t->temporal);
		assert_true(t->keys[0].hash);
		assert_int_equal(column(t, "re")->generated, SCHEMA_ROW_END);
	} else {
		MUST(my_exec(conn,
		    "CREATE TABLE lutra_live1.x (a int, h int DEFAULT 1 INVISIBLE, UNIQUE KEY f ((a + 1), h))", NULL,
		    &err));
		t = read_table("lutra_live1", "x");
		assert_int_equal(t->keys[0].parts[0].column, SIZE_MAX);
		assert_int_equal(t->keys[0].parts[1].column, 1);
	}
	assert_true(column(t, "h")->invisible);
	assert_true(t->keys[0].unique);
	assert_null(schema_table_find_key(t));
	schema_table_free(t);
	MUST(my_exec(conn, "DROP TABLE lutra_live1.x", NULL, &err));
}

/* -- history -------------------------------------------------------------------------------------- */

static struct change_place
place(const char *file, uint64_t pos)
{
	struct change_place p = { .pos = pos };

	lt_str_copy(p.file, sizeof(p.file), lt_str_z(file));
	return p;
}

static struct schema_history *
load(const struct change_place *at, bool expected)
{
	struct schema_history *h = schema_history_new();
	bool found = !expected;

	MUST(schema_history_load(h, conn, "lutra_live", "a->b", at, &found, &err));
	assert_int_equal(found, expected);
	return h;
}

static void
forget(void)
{
	static const char *const statements[] = { "DELETE FROM lutra.schema_version WHERE channel='lutra_live'",
		"DELETE FROM lutra.schema_column WHERE channel='lutra_live'",
		"DELETE FROM lutra.schema_key WHERE channel='lutra_live'", NULL };
	size_t count;
	const char *const *install = schema_history_statements(&count);

	MUST(my_exec_all(conn, install, count, &err));
	run(statements);
}

static void
put_and_save(struct schema_history *h, const struct change_place *at, const char *name)
{
	schema_history_put(h, at, NULL, read_table("lutra_live1", name));
	MUST(my_exec(conn, "START TRANSACTION", NULL, &err));
	MUST(schema_history_save(h, conn, "lutra_live", "a->b", &err));
	MUST(my_exec(conn, "COMMIT", NULL, &err));
}

static void
history_gives_back_what_was_in_force_at_each_place(void **state)
{
	struct change_place early = place("binlog.999998", 4), first = place("binlog.999999", 400),
			    second = place("binlog.1000000", 4);
	struct schema_history *h = schema_history_new(), *l;
	struct schema_table *p = read_table("lutra_live1", "p"), *q;

	(void)state;
	forget();
	put_and_save(h, &first, "p");
	MUST(my_exec(conn, "CREATE TABLE lutra_live1.q (a int, UNIQUE KEY (a))", NULL, &err));
	put_and_save(h, &first, "q");
	MUST(my_exec(
	    conn, "ALTER TABLE lutra_live1.q ADD b set('x','''') NOT NULL, ADD PRIMARY KEY (b, a)", NULL, &err));
	put_and_save(h, &second, "q");
	schema_history_free(h);

	schema_history_free(load(&early, false));
	l = load(&first, true);
	assert_true(schema_table_eq(schema_history_table(l, LT_STR("lutra_live1"), LT_STR("p")), p));
	assert_int_equal(schema_history_table(l, LT_STR("lutra_live1"), LT_STR("q"))->ncolumns, 1);
	assert_null(schema_history_table(l, LT_STR("lutra_live1"), LT_STR("Q")));
	schema_history_free(l);
	l = load(&second, true);
	q = read_table("lutra_live1", "q");
	assert_true(schema_table_eq(schema_history_table(l, LT_STR("lutra_live1"), LT_STR("q")), q));
	assert_int_equal(schema_history_table(l, LT_STR("lutra_live1"), LT_STR("q"))->columns[1].nmembers, 2);
	assert_true(schema_table_eq(schema_history_table(l, LT_STR("lutra_live1"), LT_STR("p")), p));
	schema_history_free(l);
	schema_table_free(p);
	schema_table_free(q);
	forget();
	MUST(my_exec(conn, "DROP TABLE lutra_live1.q", NULL, &err));
}

static void
history_put_at_an_earlier_place_ends_later_versions(void **state)
{
	struct change_place old = place("old.000900", 4), now = place("old.000003", 4), later = place("old.000950", 4);
	struct schema_history *h = schema_history_new();
	struct my_rows *rows = NULL;

	(void)state;
	forget();
	put_and_save(h, &old, "p");
	schema_history_free(h);
	h = schema_history_new();
	put_and_save(h, &now, "p");
	schema_history_free(h);
	schema_history_free(load(&now, true));
	schema_history_free(load(&later, true));
	MUST(my_query(conn,
	    "SELECT DISTINCT v.place_file, COUNT(*) FROM lutra.schema_version v JOIN lutra.schema_column c USING "
	    "(channel, pipeline, version) WHERE v.channel='lutra_live' GROUP BY v.place_file",
	    &rows, &err));
	assert_int_equal(rows->nrows, 1);
	assert_str(my_rows_at(rows, 0, 0), "old.000003");
	assert_str(my_rows_at(rows, 0, 1), "12");
	my_rows_free(rows);
	forget();
}

static void
history_gives_back_where_a_table_was_read(void **state)
{
	struct change_place at = place("b.000001", 4), read = place("b.000001", 900), nearly = place("b.000001", 899);
	struct schema_history *h = schema_history_new();

	(void)state;
	forget();
	MUST(my_exec(conn, "START TRANSACTION", NULL, &err));
	schema_history_put(h, &at, &read, read_table("lutra_live1", "p"));
	MUST(schema_history_save(h, conn, "lutra_live", "a->b", &err));
	MUST(my_exec(conn, "COMMIT", NULL, &err));
	schema_history_free(h);
	h = load(&at, true);
	schema_history_reach(h, &nearly);
	assert_false(schema_history_is_sure(h, LT_STR("lutra_live1"), LT_STR("p")));
	schema_history_settle(h);
	MUST(my_exec(conn, "START TRANSACTION", NULL, &err));
	MUST(schema_history_save(h, conn, "lutra_live", "a->b", &err));
	MUST(my_exec(conn, "COMMIT", NULL, &err));
	schema_history_free(h);
	h = load(&at, true);
	assert_true(schema_history_is_sure(h, LT_STR("lutra_live1"), LT_STR("p")));
	schema_history_free(h);
	forget();
}

static void
history_writes_nothing_when_nothing_changed(void **state)
{
	struct change_place at = place("b.000001", 4), later = place("b.000001", 500);
	struct schema_history *h = schema_history_new();
	struct my_rows *rows = NULL;

	(void)state;
	forget();
	put_and_save(h, &at, "p");
	put_and_save(h, &later, "p");
	MUST(my_query(conn, "SELECT place_pos FROM lutra.schema_version WHERE channel='lutra_live'", &rows, &err));
	assert_int_equal(rows->nrows, 1);
	assert_str(my_rows_at(rows, 0, 0), "4");
	my_rows_free(rows);
	schema_history_free(h);
	forget();
}

static void
history_names_what_is_broken_in_its_store(void **state)
{
	struct change_place at = place("b.000001", 4);
	struct schema_history *h = schema_history_new(), *l = schema_history_new();
	struct lt_err broken = { 0 };
	bool found = false;

	(void)state;
	forget();
	put_and_save(h, &at, "p");
	MUST(my_exec(conn, "DELETE FROM lutra.schema_column WHERE channel='lutra_live' AND ordinal > 3", NULL, &err));
	assert_false(schema_history_load(l, conn, "lutra_live", "a->b", &at, &found, &broken));
	assert_int_equal(broken.code, LT_E_STATE_BROKEN);
	assert_false(found);
	schema_history_free(h);
	schema_history_free(l);
	forget();
}

/* -- completion against the server's own log ------------------------------------------------------ */

/** The newest log file, whole; the server must run on this machine. */
static void
read_log(struct lt_buf *out)
{
	struct my_rows *base = NULL, *logs = NULL;
	struct lt_buf path = { 0 };
	struct lt_str name;
	const char *slash;
	FILE *f;
	size_t n;

	MUST(my_query(conn, "SELECT @@log_bin_basename", &base, &err));
	MUST(my_query(conn, "SHOW BINARY LOGS", &logs, &err));
	name = my_rows_at(logs, logs->nrows - 1, 0);
	slash = strrchr(my_rows_at(base, 0, 0).ptr, '/');
	assert_non_null(slash);
	lt_buf_add(&path, my_rows_at(base, 0, 0).ptr, (size_t)(slash - my_rows_at(base, 0, 0).ptr) + 1);
	lt_buf_str_add(&path, name);
	f = fopen(lt_buf_cstr(&path), "rb");
	assert_non_null(f);
	while ((n = fread(lt_buf_reserve(out, 65536), 1, 65536, f)) > 0)
		out->len += n;
	fclose(f);
	lt_buf_free(&path);
	my_rows_free(base);
	my_rows_free(logs);
}

static uint32_t
u32(const char *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return n;
}

/** The last TABLE_MAP of lutra_live1 in the log, the caller's. */
static struct change_table *
last_table_map(void)
{
	struct change_table *t = NULL, *next = NULL;
	struct lt_buf log = { 0 };

	read_log(&log);
	for (size_t at = 4; at + 19 <= log.len; at += u32(log.ptr + at + 9)) {
		size_t size = u32(log.ptr + at + 9);

		assert_true(size >= 19 && at + size <= log.len);
		if (log.ptr[at + 4] != 19)
			continue;
		MUST(binlog_table_map_decode(lt_str_of(log.ptr + at + 19, size - 23), 6, is_mariadb(), &next, &err));
		if (!lt_str_eqz(next->schema, "lutra_live1")) {
			change_table_unref(next);
			continue;
		}
		change_table_unref(t);
		t = next;
	}
	lt_buf_free(&log);
	assert_non_null(t);
	return t;
}

static const char all_types[] =
    "CREATE TABLE lutra_live1.w (i1 tinyint, i2 smallint unsigned, i3 mediumint, i4 int unsigned zerofill, i8 bigint, "
    "b bool, "
    "d decimal(12,3) unsigned, d0 decimal, f float, r double, da date, t time, t3 time(3), dt datetime(6), ts "
    "timestamp NULL, y year, "
    "bi bit(13), e enum('a','\xc3\xbc') CHARACTER SET latin1, s set('x','y'), c char(9) CHARACTER SET utf8mb4, "
    "c2 char(255) CHARACTER SET utf8mb4, v varchar(20) CHARACTER SET gbk, v2 varchar(300) CHARACTER SET latin1, "
    "u8 varchar(7) CHARACTER SET utf8, tt tinytext, tx text, tm mediumtext, tl longtext, bin binary(5), vb "
    "varbinary(6), "
    "tb tinyblob, bl blob, bm mediumblob, bb longblob, js json, g geometry, p point, "
    "gv int GENERATED ALWAYS AS (i1 + 1) VIRTUAL, gs int GENERATED ALWAYS AS (i1 + 2) STORED) DEFAULT CHARACTER SET "
    "utf8mb4";

static const char *const more_columns[][2] = {
	{ "ALTER TABLE lutra_live1.w ADD vec vector(3), ADD KEY ((i1 + 1)), ADD inv int INVISIBLE", /* MySQL 9 */
	    "ALTER TABLE lutra_live1.w ADD u uuid, ADD i6 inet6, ADD i4a inet4, ADD vz varchar(99) COMPRESSED, ADD bz "
	    "blob COMPRESSED, "
	    "ADD UNIQUE (tl), ADD SYSTEM VERSIONING" },
	{ "ALTER TABLE lutra_live1.w ADD later int, ADD my_row_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY "
	  "FIRST",
	    "SET STATEMENT system_versioning_alter_history=KEEP FOR ALTER TABLE lutra_live1.w ADD later int" },
};

static void
complete_one(const char *metadata)
{
	struct schema_table *known = read_table("lutra_live1", "w");
	struct change_table *log;
	size_t at = 0;

	MUST(my_execf(conn, &err, "SET GLOBAL binlog_row_metadata=%s", metadata));
	MUST(my_exec(conn, "FLUSH BINARY LOGS", NULL, &err));
	MUST(my_exec(conn, "INSERT INTO lutra_live1.w (i1) VALUES (1)", NULL, &err));
	log = last_table_map();
	MUST(schema_complete(known, log, &err));
	for (size_t i = 0; i < log->ncolumns; i++) {
		if (log->columns[i].hidden)
			continue;
		assert_str(log->columns[i].name, known->columns[at].name.ptr);
		assert_int_equal(
		    log->columns[i].is_unsigned && log->columns[i].kind != CHANGE_YEAR, known->columns[at].is_unsigned);
		assert_int_equal(log->columns[i].kind == CHANGE_TEXT,
		    known->columns[at].charset.len != 0 && known->columns[at].nmembers == 0);
		assert_int_equal(log->columns[i].nmembers, known->columns[at++].nmembers);
	}
	assert_int_equal(at, known->ncolumns);
	change_table_unref(log);
	schema_table_free(known);
}

/** A TABLE_MAP from before an ALTER TABLE meets the schema from behind it. */
static void
meets(const char *alter, const char *complaint)
{
	struct schema_table *known;
	struct change_table *log = last_table_map();
	struct lt_err differs = { 0 };

	MUST(my_exec(conn, alter, NULL, &err));
	known = read_table("lutra_live1", "w");
	assert_false(schema_complete(known, log, &differs));
	assert_int_equal(differs.code, LT_E_SCHEMA_MISMATCH);
	if (strstr(differs.message, complaint) == NULL)
		fail_msg("%s", differs.message);
	change_table_unref(log);
	schema_table_free(known);
	MUST(my_exec(conn, "DELETE FROM lutra_live1.w", NULL, &err));
	MUST(my_exec(conn, "INSERT INTO lutra_live1.w (i1) VALUES (1)", NULL, &err));
}

static void
completion_fits_the_log_of_this_server_with_and_without_metadata(void **state)
{
	static const char *const metadata[][2] = { { "MINIMAL", "NO_LOG" }, { "FULL", "FULL" }, { "FULL", "MINIMAL" } };

	(void)state;
	MUST(my_exec(conn, all_types, NULL, &err));
	for (size_t m = 0; m < LT_COUNT(metadata); m++)
		complete_one(metadata[m][is_mariadb()]);
	for (size_t i = 0; i < LT_COUNT(more_columns); i++) {
		if (!is_mariadb() && my_conn_server(conn)->version < 90000)
			break;
		MUST(my_exec(conn, more_columns[i][is_mariadb()], NULL, &err));
		for (size_t m = 0; m < LT_COUNT(metadata); m++)
			complete_one(metadata[m][is_mariadb()]);
	}
	MUST(my_exec(conn, "DROP TABLE lutra_live1.w", NULL, &err));
}

static void
completion_names_the_column_that_differs(void **state)
{
	(void)state;
	MUST(my_exec(conn, "SET GLOBAL binlog_row_metadata=FULL", NULL, &err));
	MUST(my_exec(conn, all_types, NULL, &err));
	MUST(my_exec(conn, "INSERT INTO lutra_live1.w (i1) VALUES (1)", NULL, &err));
	meets("ALTER TABLE lutra_live1.w MODIFY i8 int",
	    "column i8: the log has type 8, the schema that was read has int");
	meets("ALTER TABLE lutra_live1.w MODIFY i1 tinyint unsigned", "column i1: the log has a signed number");
	meets("ALTER TABLE lutra_live1.w MODIFY d decimal(13,3) unsigned", "column d: the log has decimal(12,3)");
	meets("ALTER TABLE lutra_live1.w MODIFY v varchar(21) CHARACTER SET gbk",
	    "column v: the log has at most 40 bytes");
	meets("ALTER TABLE lutra_live1.w MODIFY v varchar(21) CHARACTER SET big5", "of character set gbk");
	meets("ALTER TABLE lutra_live1.w MODIFY e enum('a','\xc3\xbc','c') CHARACTER SET latin1",
	    "column e: the log has 2 members");
	meets("ALTER TABLE lutra_live1.w MODIFY s set('x','z')", "'y' as member 2");
	meets("ALTER TABLE lutra_live1.w MODIFY t3 time(4)", "column t3: the log has 3 fraction digits");
	meets("ALTER TABLE lutra_live1.w MODIFY bi bit(14)", "column bi: the log has bit(13)");
	meets("ALTER TABLE lutra_live1.w MODIFY tx mediumtext", "column tx: the log has a length of 2 bytes");
	meets("ALTER TABLE lutra_live1.w CHANGE da daa date", "column daa: the log has column da in its place");
	meets("ALTER TABLE lutra_live1.w DROP gs", "the log has 39 columns, the schema that was read has 38");
	MUST(my_exec(conn, "DROP TABLE lutra_live1.w", NULL, &err));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(catalog_reads_columns_as_both_engines_print_them),
		cmocka_unit_test(catalog_reads_keys_primary_then_unique_then_others),
		cmocka_unit_test(catalog_counts_foreign_keys_across_schemas_and_sees_triggers),
		cmocka_unit_test(catalog_finds_odd_names_and_no_views),
		cmocka_unit_test(catalog_reads_many_tables_as_it_reads_one),
		cmocka_unit_test(catalog_reads_named_tables_as_it_reads_all),
		cmocka_unit_test(catalog_reads_what_only_one_engine_has),
		cmocka_unit_test(history_gives_back_what_was_in_force_at_each_place),
		cmocka_unit_test(history_put_at_an_earlier_place_ends_later_versions),
		cmocka_unit_test(history_gives_back_where_a_table_was_read),
		cmocka_unit_test(history_writes_nothing_when_nothing_changed),
		cmocka_unit_test(history_names_what_is_broken_in_its_store),
		cmocka_unit_test(completion_fits_the_log_of_this_server_with_and_without_metadata),
		cmocka_unit_test(completion_names_the_column_that_differs),
	};
	struct my_addr addr = { .socket = argc > 1 ? argv[1] : "",
		.user = argc > 2 ? argv[2] : "root",
		.password = argc > 3 ? argv[3] : NULL };
	int failed = 1;

	if (argc < 2 || !my_connect(&addr, &conn, &err))
		print_error("usage: live SOCKET [USER [PASSWORD]] (%s)\n", err.message);
	else
		failed = cmocka_run_group_tests(tests, setup, teardown);
	my_close(conn);
	return failed;
}
