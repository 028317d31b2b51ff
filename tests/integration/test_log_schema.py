"""Logs that do not name columns: rows go by the schema that was true where they were written, or not at all."""

import pytest
from steps import column, log_end, run_at, stopped

ONE_WAY = "hz->us"
NAMELESS = {"mysql": "MINIMAL", "mariadb": "NO_LOG"}


@pytest.fixture(params=NAMELESS)
def nameless(request, site, channel, schema):
    """(lutra, source, target): a source whose log has no names from here on."""
    source, target = site(request.param, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    source.sql(f"SET GLOBAL binlog_row_metadata = '{NAMELESS[request.param]}'")
    yield lutra, source, target
    source.sql("SET GLOBAL binlog_row_metadata = 'FULL'")


def begin_at(lutra, place):
    lutra.file.write_text(lutra.file.read_text() + f'start: {{ hz: {{ file: "{place[0]}", pos: {place[1]} }} }}\n')


def test_a_start_in_the_past_stops_at_rows_from_before_a_change(nameless, schema):
    """Four columns in the log, three in today's catalog: the value of the lost one must not go into its neighbour."""
    lutra, source, target = nameless
    source.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, c INT)", db=schema)
    begin_at(lutra, log_end(source))
    source.script(["INSERT INTO word VALUES ('w', 1, 't')", "INSERT INTO t VALUES (1, 10, 20, 30)", "ALTER TABLE t DROP COLUMN b", "INSERT INTO t VALUES (2, 10, 30)"], db=schema)
    behind = log_end(source)
    run_at((target,), schema, "CREATE TABLE t (id INT PRIMARY KEY, a INT, c INT)")
    lutra.start(wait=False)

    error = stopped(lutra, ONE_WAY, "E4007")

    assert error["where"]["table"] == f"{schema}.t" and "lutra position" in error["hint"]
    assert column(target, schema, "SELECT COUNT(*) FROM word") == [1]  # what no statement changed goes on
    assert column(target, schema, "SELECT COUNT(*) FROM t") == [0]
    lutra.command("position", ONE_WAY, "--file", behind[0], "--pos", behind[1])
    source.sql("INSERT INTO t VALUES (3, 1, 3)", db=schema)
    lutra.wait()
    assert target.sql("SELECT * FROM t", db=schema) == ((3, 1, 3),)


def test_columns_that_changed_places_are_not_confused(nameless, schema):
    """Number and types are as before: nothing but the statement tells."""
    lutra, source, target = nameless
    source.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)", db=schema)
    begin_at(lutra, log_end(source))
    source.script(["INSERT INTO t VALUES (1, 10, 20)", "ALTER TABLE t MODIFY a INT AFTER b"], db=schema)
    run_at((target,), schema, "CREATE TABLE t (id INT PRIMARY KEY, b INT, a INT)")
    lutra.start(wait=False)
    stopped(lutra, ONE_WAY, "E4007")
    assert column(target, schema, "SELECT COUNT(*) FROM t") == [0]


def test_a_start_in_the_past_of_tables_that_did_not_change(nameless, schema):
    """What keeps the columns, and what concerns other tables, is no reason to stop."""
    lutra, source, target = nameless
    source.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT UNSIGNED, l TEXT)", db=schema)
    run_at((target,), schema, "CREATE TABLE t (id INT PRIMARY KEY, a INT UNSIGNED, l TEXT)", "CREATE TABLE other (id INT PRIMARY KEY)")
    lutra.file.write_text(lutra.file.read_text().replace(f"{schema}.*", f"{schema}.t"))
    begin_at(lutra, log_end(source))
    source.script(["INSERT INTO t VALUES (1, 4000000000, 'x')", "CREATE TABLE other (id INT PRIMARY KEY)", "ALTER TABLE other ADD n INT", "DROP TABLE other"], db=schema)
    lutra.start()
    lutra.wait()
    assert target.sql("SELECT * FROM t", db=schema) == ((1, 4000000000, "x"),)
    assert target.sql("SELECT COUNT(*) FROM lutra.schema_version WHERE read_file IS NOT NULL") == ((0,),)
    lutra.kill()
    source.sql("UPDATE t SET a = 3", db=schema)
    lutra.start()
    lutra.wait()
    assert target.sql("SELECT a FROM t", db=schema) == ((3,),)


def test_rows_between_two_statements_while_stopped(nameless, schema):
    """The schema that `ddl done` reads is the one behind both."""
    lutra, source, target = nameless
    run_at((source, target), schema, "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)")
    lutra.start()
    source.script(["ALTER TABLE t ADD x INT", "INSERT INTO t VALUES (1, 10, 20, 30)", "ALTER TABLE t MODIFY x INT AFTER id"], db=schema)
    stopped(lutra, ONE_WAY, "E4000")
    target.script(["ALTER TABLE t ADD x INT", "ALTER TABLE t MODIFY x INT AFTER id"], db=schema)
    lutra.command("ddl", "done", ONE_WAY)
    error = stopped(lutra, ONE_WAY, "E4007")
    file, pos = log_end(source)
    assert f"{file}:" in error["message"]
    assert column(target, schema, "SELECT COUNT(*) FROM t") == [0]


def test_rows_behind_the_last_statement_while_stopped(nameless, schema):
    lutra, source, target = nameless
    run_at((source, target), schema, "CREATE TABLE t (id INT PRIMARY KEY, a INT)")
    lutra.start()
    source.script(["ALTER TABLE t ADD x INT", "ALTER TABLE t MODIFY x INT AFTER id", "INSERT INTO t VALUES (1, 2, 3)", "CREATE INDEX k ON t (x)", "INSERT INTO t VALUES (2, 2, 3)"], db=schema)
    target.script(["ALTER TABLE t ADD x INT", "ALTER TABLE t MODIFY x INT AFTER id", "CREATE INDEX k ON t (x)"], db=schema)
    for _ in range(3):
        stopped(lutra, ONE_WAY, "E4000")
        lutra.command("ddl", "done", ONE_WAY)
    lutra.wait()
    assert target.sql("SELECT * FROM t ORDER BY id", db=schema) == ((1, 2, 3), (2, 2, 3))


@pytest.mark.parametrize("engine", NAMELESS)
@pytest.mark.parametrize("charset", ["latin1", "gbk"])
def test_members_that_changed_places_are_a_stop(charset, engine, site, channel, schema):
    """The log names them in the column's character set; today's names for yesterday's numbers would be others."""
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    one, two = {"latin1": "\u00e9\u00fc", "gbk": "\u4e2d\u6587"}[charset]
    source.sql(f"CREATE TABLE t (id INT PRIMARY KEY, e ENUM('{one}', '{two}') CHARACTER SET {charset})", db=schema)
    begin_at(lutra, log_end(source))
    moved = f"e ENUM('{two}', '{one}') CHARACTER SET {charset}"
    source.script([f"INSERT INTO t VALUES (1, '{one}')", f"ALTER TABLE t MODIFY {moved}"], db=schema)
    run_at((target,), schema, f"CREATE TABLE t (id INT PRIMARY KEY, {moved})")
    lutra.start(wait=False)
    error = stopped(lutra, ONE_WAY, "E4001")
    assert f"'{one}' as member 1" in error["message"]


@pytest.mark.parametrize("engine", NAMELESS)
def test_signs_are_told_by_a_log_of_signed_numbers_alone(engine, site, channel, schema):
    """-1 must not become 4294967295 because the column is unsigned today."""
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    source.sql("SET GLOBAL binlog_row_metadata = 'MINIMAL'")
    try:
        source.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT)", db=schema)
        begin_at(lutra, log_end(source))
        source.sql("INSERT INTO t VALUES (1, -1)", db=schema)
        run_at((source,), schema, "DELETE FROM t", "ALTER TABLE t MODIFY a INT UNSIGNED")  # nothing in the log says so
        run_at((target,), schema, "CREATE TABLE t (id INT PRIMARY KEY, a INT UNSIGNED)")
        lutra.start(wait=False)
        error = stopped(lutra, ONE_WAY, "E4001")
    finally:
        source.sql("SET GLOBAL binlog_row_metadata = 'FULL'")
    assert "a signed number" in error["message"]


@pytest.mark.parametrize("engine", ["mariadb", "mariadb-11.8"])
def test_hashes_of_long_unique_keys_without_names(engine, site, channel, schema):
    """Their columns are in the log alone; one that the table has lost is none of them."""
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    tables = ["CREATE TABLE h (id INT PRIMARY KEY, l TEXT, v VARCHAR(4000), u INT UNIQUE, w INT, UNIQUE KEY (l), UNIQUE KEY (v), UNIQUE KEY w USING HASH (w)) CHARACTER SET utf8mb4",
              "CREATE TABLE v (id INT PRIMARY KEY, l TEXT, UNIQUE KEY (l)) CHARACTER SET latin1 WITH SYSTEM VERSIONING",
              "SET SESSION system_versioning_alter_history = KEEP", "ALTER TABLE v ADD COLUMN n TIMESTAMP(6) NULL"]
    for server in (source, target):
        server.script(tables, db=schema)
    source.sql("SET GLOBAL binlog_row_metadata = 'NO_LOG'")
    try:
        lutra.start()
        source.script(["INSERT INTO h VALUES (1, 'l', 'v', 5, 6)", "UPDATE h SET u = 7, w = 8", "INSERT INTO v VALUES (1, 'l', '2026-01-01 00:00:00.5')", "UPDATE v SET l = 'm'"], db=schema)
        lutra.wait()
    finally:
        source.sql("SET GLOBAL binlog_row_metadata = 'FULL'")
    assert target.sql("SELECT * FROM h", db=schema) == ((1, "l", "v", 7, 8),)
    assert target.sql("SELECT * FROM v", db=schema) == source.sql("SELECT * FROM v", db=schema)


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_another_primary_key_is_a_stop(engine, site, channel, schema):
    """The columns are the same, but not by what rows are told apart."""
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, "CREATE TABLE t (id INT, v VARCHAR(20) NOT NULL, PRIMARY KEY (v(3), id))", "CREATE TABLE k (id INT NOT NULL, n INT)")
    lutra.start()
    source.script(["INSERT INTO t VALUES (1, 'abcdef')", "INSERT INTO k VALUES (1, 1)"], db=schema)
    lutra.wait()
    for table, key, was in (("t", "id", "v(3), id"), ("k", "id", "")):
        run_at((source,), schema, *(["ALTER TABLE t DROP PRIMARY KEY"] if was else []), f"ALTER TABLE {table} ADD PRIMARY KEY ({key})")
        source.sql(f"UPDATE {table} SET id = id + 1", db=schema)

        error = stopped(lutra, ONE_WAY, "E4001")

        assert error["where"]["table"] == f"{schema}.{table}" and f"primary key ({key}), the schema that was read has ({was})" in error["message"]
        assert column(target, schema, f"SELECT id FROM {table}") == [1]
        run_at((target,), schema, *(["ALTER TABLE t DROP PRIMARY KEY"] if was else []), f"ALTER TABLE {table} ADD PRIMARY KEY ({key})")
        lutra.command("ddl", "done", ONE_WAY)
        lutra.wait()
        assert column(target, schema, f"SELECT id FROM {table}") == [2]


def test_a_column_that_became_invisible_is_a_stop(site, channel, schema):
    source, target = site("mysql", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)")
    lutra.start()
    run_at((source,), schema, "ALTER TABLE t ALTER COLUMN a SET INVISIBLE")
    source.sql("INSERT INTO t (id, a, b) VALUES (1, 2, 3)", db=schema)
    error = stopped(lutra, ONE_WAY, "E4001")
    assert "an invisible column" in error["message"] and error["where"]["table"] == f"{schema}.t"
    lutra.command("ddl", "done", ONE_WAY)
    lutra.wait()
    assert target.sql("SELECT a, b FROM t", db=schema) == ((2, 3),)


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_rows_of_a_column_that_is_gone_are_skipped(engine, site, channel, schema):
    """The hint's way on."""
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    source.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, gone INT)", db=schema)
    begin_at(lutra, log_end(source))
    source.script(["INSERT INTO ledger VALUES (1)", "INSERT INTO t VALUES (1, 2, 3)"], db=schema)
    run_at((source,), schema, "ALTER TABLE t DROP COLUMN gone")
    run_at((target,), schema, "CREATE TABLE t (id INT PRIMARY KEY, a INT)")
    source.script(["INSERT INTO t VALUES (2, 3)", "INSERT INTO ledger VALUES (2)"], db=schema)
    lutra.start(wait=False)
    error = stopped(lutra, ONE_WAY, "E4001")
    assert "lutra skip" in error["hint"]
    lutra.skip(ONE_WAY)
    lutra.wait()
    assert target.sql("SELECT * FROM t", db=schema) == ((2, 3),)
    assert column(target, schema, "SELECT txn_id FROM ledger") == [1, 2]
