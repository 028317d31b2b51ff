/* Catalog and history against a real server: live SOCKET USER [PASSWORD]. Makes and drops databases whose names begin with
 * lutra_live, and the tables of schema lutra that hold versions of channel "lutra_live". TAP on stdout. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "base/buf.h"
#include "schema/catalog.h"
#include "schema/history.h"

static struct my_conn *conn;
static struct lt_err err;

#define MUST(call) \
	do { \
		if (!(call)) \
			fail_msg("%s", err.message); \
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
		"d datetime(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), dn int DEFAULT NULL, de int DEFAULT 5, "
		"b varbinary(20) NOT NULL DEFAULT 'NULL', `we``ird 'n\\ame` char(3), "
		"KEY kt (t(10), de), UNIQUE KEY ub (b), UNIQUE KEY uu (u), PRIMARY KEY (Id)) ENGINE=InnoDB",
		"CREATE TABLE lutra_live2.c (id int AUTO_INCREMENT PRIMARY KEY, pid int, self int, "
		"FOREIGN KEY (pid) REFERENCES lutra_live1.p (Id) ON DELETE CASCADE, FOREIGN KEY (self) REFERENCES c (id)) ENGINE=InnoDB",
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
catalog_reads_what_only_one_engine_has(void **state)
{
	struct schema_table *t;

	(void)state;
	if (is_mariadb()) {
		MUST(my_exec(conn, "CREATE TABLE lutra_live1.x (a int, l text, rs timestamp(6) GENERATED ALWAYS AS ROW START, "
		                   "re timestamp(6) GENERATED ALWAYS AS ROW END, h int DEFAULT 1 INVISIBLE, UNIQUE (l), "
		                   "PERIOD FOR SYSTEM_TIME (rs, re)) WITH SYSTEM VERSIONING", NULL, &err));
		t = read_table("lutra_live1", "x");
		assert_true(t->temporal);
		assert_int_equal(column(t, "re")->generated, SCHEMA_STORED);
	} else {
		MUST(my_exec(conn, "CREATE TABLE lutra_live1.x (a int, h int DEFAULT 1 INVISIBLE, UNIQUE KEY f ((a + 1), h))", NULL, &err));
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
