"""Transactions of shapes that break state machines, from real servers through a channel to one of the other engine."""

import contextlib

import pytest
from conftest import same
from lutralab.servers import Unavailable
from steps import log_end, server_globals, stopped

BARE = True

ONE_WAY = "hz->us"


@pytest.fixture(params=["mysql", "mariadb-11.8"])
def ends(request, site):
    return site(request.param, 1), site("mariadb" if request.param == "mysql" else "mysql", 2)


def run(server, schema, *statements, fails=None):
    with contextlib.closing(server.connect(schema)) as c, c.cursor() as cursor:
        for statement in statements:
            if statement == fails:
                with pytest.raises(Exception, match="[Dd]uplicate"):
                    cursor.execute(statement)
            else:
                cursor.execute(statement)


def begin(ends, channel, schema, *tables, mapped=("*",)):
    lutra = channel({"hz": ends[0], "us": ends[1]}, "hz -> us", [f"{schema}.{m}" for m in mapped])
    for server in ends:
        run(server, schema, *tables)
    return lutra.start()


def arrived(lutra, ends, schema):
    lutra.wait()
    assert lutra.pipelines()[ONE_WAY]["error"] is None
    same(*ends, schema)


T = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))"


def test_rows_rolled_back_to_a_savepoint_are_absent(ends, channel, schema):
    lutra = begin(ends, channel, schema, T)
    run(ends[0], schema, "BEGIN", "INSERT INTO t VALUES (1, 'a')", "SAVEPOINT one", "INSERT INTO t VALUES (2, 'b')", "SAVEPOINT `two``; x`",
        "INSERT INTO t VALUES (3, 'c')", "ROLLBACK TO SAVEPOINT `two``; x`", "INSERT INTO t VALUES (4, 'd')", "ROLLBACK TO one",
        "INSERT INTO t VALUES (5, 'e')", "RELEASE SAVEPOINT one", "COMMIT")
    run(ends[0], schema, "BEGIN", "INSERT INTO t VALUES (6, 'f')", "ROLLBACK")

    arrived(lutra, ends, schema)
    assert ends[1].sql("SELECT id FROM t ORDER BY id", db=schema) == ((1,), (5,))


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_transactions_that_mix_engines(engine, lab, site, channel, schema):
    """Rows of a table without transactions stay, whatever becomes of the transaction around them."""
    if engine == "mysql":  # not with GTIDs
        try:
            ends = lab.start("mysql", 9, "gtid-mode=OFF", "enforce-gtid-consistency=OFF", name="mysql-without-gtids"), site("mariadb", 2)
        except Unavailable as e:
            pytest.skip(str(e))
    else:
        ends = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": ends[0], "us": ends[1]}, "hz -> us", [f"{schema}.t", f"{schema}.m"])
    run(ends[0], schema, T, "CREATE TABLE m (id INT PRIMARY KEY, v INT) ENGINE=MyISAM")
    run(ends[1], schema, T, "CREATE TABLE m (id INT PRIMARY KEY, v INT)")
    lutra.start()
    run(ends[0], schema, "BEGIN", "INSERT INTO t VALUES (1, 'a')", "INSERT INTO m VALUES (1, 1)", "INSERT INTO t VALUES (2, 'b')", "COMMIT")
    run(ends[0], schema, "BEGIN", "INSERT INTO t VALUES (3, 'no')", "INSERT INTO m VALUES (2, 2)", "ROLLBACK")
    run(ends[0], schema, "BEGIN", "INSERT INTO m VALUES (3, 3)", "INSERT INTO t VALUES (4, 'd')", "SAVEPOINT s", "INSERT INTO t VALUES (5, 'no')",
        "INSERT INTO m VALUES (4, 4)", "ROLLBACK TO s", "INSERT INTO t VALUES (6, 'f')", "COMMIT")
    run(ends[0], schema, "INSERT INTO m VALUES (5, 5), (6, 6), (5, 7)", "UPDATE m SET v = v + 1", fails="INSERT INTO m VALUES (5, 5), (6, 6), (5, 7)")

    lutra.wait()

    assert lutra.pipelines()[ONE_WAY]["error"] is None
    for query in ("SELECT * FROM t ORDER BY id", "SELECT * FROM m ORDER BY id"):
        assert ends[0].sql(query, db=schema) == ends[1].sql(query, db=schema)


def test_rows_by_way_of_temporary_tables(ends, channel, schema):
    lutra = begin(ends, channel, schema, T)
    run(ends[0], schema, "CREATE TEMPORARY TABLE tmp (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO tmp VALUES (1, 'a'), (2, 'b')",
        "INSERT INTO t SELECT * FROM tmp", "UPDATE t, tmp SET t.v = 'c' WHERE t.id = tmp.id AND tmp.id = 2", "ALTER TABLE tmp ADD x INT",
        "CREATE TEMPORARY TABLE t (other INT)", "INSERT INTO t VALUES (77)", "TRUNCATE TABLE t", "DROP TEMPORARY TABLE t", "DROP TEMPORARY TABLE tmp")
    # The server drops those of a session that ends, and says so in its log.
    run(ends[0], schema, "CREATE TEMPORARY TABLE tmp LIKE t", "INSERT INTO t VALUES (3, 'z')")

    arrived(lutra, ends, schema)


def test_one_statement_of_many_events_tables_and_rows(ends, channel, schema):
    """Row events are cut every 8 KB, one table comes under two names, some come without rows, and a trigger's between them."""
    rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
    lutra = begin(ends, channel, schema, T, "CREATE TABLE u (id INT PRIMARY KEY, v VARCHAR(20))", "CREATE TABLE seen (id INT, v VARCHAR(20))",
                  "CREATE TABLE none (id INT PRIMARY KEY, v VARCHAR(20))")
    run(ends[0], schema, "CREATE TRIGGER tell AFTER UPDATE ON u FOR EACH ROW INSERT INTO seen VALUES (NEW.id, OLD.v)",
        f"INSERT INTO t {rows} SELECT i, CONCAT('row ', i) FROM n", f"INSERT INTO u {rows} SELECT i, CONCAT('of u ', i) FROM n")
    file, before = log_end(ends[0])
    run(ends[0], schema, "UPDATE t a JOIN t b ON b.id = a.id + 450 JOIN u ON u.id = a.id LEFT JOIN none ON none.id = a.id"
        " SET a.v = CONCAT('a', a.id), b.v = CONCAT('b', b.id), u.v = CONCAT('u', u.id), none.v = 'never'", "DROP TRIGGER tell")
    kinds = [kind for _, _, kind, *_ in ends[0].sql(f"SHOW BINLOG EVENTS IN '{file}' FROM {before}")]
    assert kinds.count("Table_map") >= 3 and len([k for k in kinds if "_rows" in k]) > 6, kinds
    run(ends[0], schema, "DELETE t, u FROM t JOIN u USING (id) WHERE t.id % 3 = 0")

    arrived(lutra, ends, schema)


def test_create_select_of_what_is_not_mapped_passes(ends, channel, schema):
    lutra = begin(ends, channel, schema, T, mapped=("t",))
    run(ends[0], schema, "INSERT INTO t VALUES (1, 'a')", "CREATE TABLE copy AS SELECT * FROM t", "CREATE TABLE like_t LIKE t", "INSERT INTO t VALUES (2, 'b')",
        "TRUNCATE TABLE copy", "DROP TABLE copy, like_t", "INSERT INTO t VALUES (3, 'c')")

    arrived(lutra, ends, schema)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_create_select_of_a_mapped_table_stops_and_its_rows_arrive(packed, ends, channel, schema):
    compress = {"mysql": {"binlog_transaction_compression": 1}, "mariadb": {"log_bin_compress": 1, "log_bin_compress_min_len": 10}}
    lutra = begin(ends, channel, schema, T)
    with server_globals(ends[0], **(compress[ends[0].engine] if packed else {})):
        run(ends[0], schema, "INSERT INTO t VALUES (1, 'a'), (2, 'b')", "CREATE TABLE fresh (PRIMARY KEY (id)) AS SELECT id, v FROM t",
            "INSERT INTO fresh VALUES (3, 'c')")

    error = stopped(lutra, ONE_WAY, "E4000")
    assert "START TRANSACTION" not in error["hint"]
    run(ends[1], schema, "CREATE TABLE fresh LIKE t")
    lutra.command("ddl", "done", ONE_WAY)

    arrived(lutra, ends, schema)


def test_statements_of_what_is_not_mapped_pass(ends, channel, schema):
    """Logged as statements, with the INTVAR, RAND and USER_VAR events in front of them."""
    lutra = begin(ends, channel, schema, T, "CREATE TABLE other (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40), r DOUBLE)", mapped=("t",))
    run(ends[0], schema, "INSERT INTO t VALUES (1, 'a')", "SET SESSION binlog_format = 'STATEMENT'", "SET @v = 'user variable'",
        "INSERT INTO other (v, r) VALUES (@v, RAND())", "UPDATE other SET v = LAST_INSERT_ID()", "SET SESSION binlog_format = 'ROW'",
        "INSERT INTO t VALUES (2, 'b')")

    lutra.wait()
    assert lutra.pipelines()[ONE_WAY]["error"] is None
    assert ends[1].sql("SELECT id FROM t ORDER BY id", db=schema) == ((1,), (2,))
    assert ends[1].sql("SELECT COUNT(*) FROM other", db=schema) == ((0,),)


def test_statements_that_are_no_text_pass_where_they_are_not_mapped(ends, channel, schema):
    """Of a client that says its text is binary, and with bytes that are no character: whose they are is told all the same."""
    lutra = begin(ends, channel, schema, T, mapped=("t",))
    with contextlib.closing(ends[0].connect(schema)) as c, c.cursor() as cursor:
        cursor.execute("SET NAMES binary")
        cursor.execute(b"CREATE TABLE other (id INT PRIMARY KEY, v VARBINARY(40)) COMMENT 'caf\xc3\xa9'")
        cursor.execute("SET SESSION binlog_format = 'STATEMENT'")
        cursor.execute(b"INSERT INTO other VALUES (1, '\xff\xe9')")
        cursor.execute("SET NAMES keybcs2")
        cursor.execute(b"INSERT INTO other VALUES (2, '\xa1')")
        cursor.execute("SET NAMES utf8mb4")
        cursor.execute(b"INSERT INTO other VALUES (3, _binary'\xff')")
        cursor.execute("SET SESSION binlog_format = 'ROW'")
        cursor.execute("SET NAMES binary")
        cursor.execute(b"ALTER TABLE t COMMENT 'caf\xc3\xa9'")
        cursor.execute("INSERT INTO t VALUES (1, 'a')")

    assert "ALTER TABLE t COMMENT 'caf" in stopped(lutra, ONE_WAY, "E4000")["message"]
    lutra.command("ddl", "done", ONE_WAY)
    lutra.wait()
    assert ends[1].sql("SELECT id FROM t", db=schema) == ((1,),)


@pytest.mark.parametrize("engine", ["mariadb", "mariadb-11.8"])
def test_mariadb_instant_and_invisible_columns(engine, site, channel, schema):
    ends = site(engine, 1), site("mysql", 2)
    lutra = channel({"hz": ends[0], "us": ends[1]}, "hz -> us")
    run(ends[0], schema, "CREATE TABLE i (id INT PRIMARY KEY, a INT, b INT)", "INSERT INTO i VALUES (1, 1, 1), (2, 2, 2)", "ALTER TABLE i DROP COLUMN a, ALGORITHM=INSTANT",
        "ALTER TABLE i ADD COLUMN z INT DEFAULT 9 FIRST, ADD COLUMN h INT DEFAULT 5 INVISIBLE, ALGORITHM=INSTANT", "ALTER TABLE i ADD COLUMN g INT AS (id * 2) VIRTUAL",
        "ALTER TABLE i ADD COLUMN s INT AS (id * 3) STORED")
    run(ends[1], schema, "CREATE TABLE i (z INT DEFAULT 9, id INT PRIMARY KEY, b INT, h INT DEFAULT 5 INVISIBLE, g INT AS (id * 2) VIRTUAL, s INT AS (id * 3) STORED)",
        "INSERT INTO i (id, b) VALUES (1, 1), (2, 2)")
    lutra.start()
    run(ends[0], schema, "UPDATE i SET b = 7 WHERE id = 1", "INSERT INTO i (id, h) VALUES (3, 8)", "DELETE FROM i WHERE id = 2", "UPDATE i SET h = 6")

    lutra.wait()
    assert lutra.pipelines()[ONE_WAY]["error"] is None
    query = "SELECT id, z, b, h, g, s FROM i ORDER BY id"
    assert ends[0].sql(query, db=schema) == ends[1].sql(query, db=schema)


@pytest.mark.parametrize("image", ["MINIMAL", "FULL"])
def test_a_table_of_700_columns(image, ends, channel, schema):
    names = [f"c{i}" for i in range(700)]
    lutra = begin(ends, channel, schema, f"CREATE TABLE wide (id INT PRIMARY KEY, {', '.join(f'{n} TINYINT' for n in names)})")
    run(ends[0], schema, f"SET SESSION binlog_row_image = '{image}'", "INSERT INTO wide (id) VALUES (1), (2), (3)",
        f"UPDATE wide SET {', '.join(f'{n} = {i % 100}' for i, n in enumerate(names))} WHERE id = 1", "UPDATE wide SET c699 = id, c7 = NULL, c64 = 5",
        "UPDATE wide SET id = 20, c0 = 1 WHERE id = 2", "DELETE FROM wide WHERE id = 3")

    arrived(lutra, ends, schema)


def load_data(server, schema, path, table, *before):
    with contextlib.closing(server.connect(schema, local_infile=True)) as c, c.cursor() as cursor:
        for statement in (*before, f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {table}"):
            cursor.execute(statement)


def test_rows_of_triggers_and_of_loaded_files(ends, channel, schema, tmp_path):
    """As rows they arrive; as the statement that loads a file it passes for what is not mapped, and stops for what is."""
    lutra = begin(ends, channel, schema, T, "CREATE TABLE seen (id INT, what VARCHAR(20))", "CREATE TABLE other (id INT PRIMARY KEY, v VARCHAR(20))",
                  mapped=("t", "seen"))
    file = tmp_path / "rows"
    file.write_text("".join(f"{i}\tline {i}\n" for i in range(10, 3000)))
    with server_globals(ends[0], local_infile=1):
        run(ends[0], schema, "CREATE TRIGGER tell AFTER INSERT ON t FOR EACH ROW INSERT INTO seen VALUES (NEW.id, 'came')",
            "CREATE TRIGGER gone AFTER DELETE ON t FOR EACH ROW INSERT INTO seen VALUES (OLD.id, 'went')",
            "INSERT INTO t VALUES (1, 'a'), (2, 'b')", "DELETE FROM t WHERE id = 1", "DROP TRIGGER tell", "DROP TRIGGER gone")
        load_data(ends[0], schema, file, "t")
        load_data(ends[0], schema, file, "other", "SET SESSION binlog_format = 'STATEMENT'")
        run(ends[0], schema, "INSERT INTO t VALUES (3, 'c')")
        lutra.wait()
        for query in ("SELECT COUNT(*), SUM(id) FROM t", "SELECT * FROM seen ORDER BY id, what"):
            assert ends[0].sql(query, db=schema) == ends[1].sql(query, db=schema)
        assert ends[1].sql("SELECT COUNT(*) FROM seen", db=schema) == ((3,),)

        file.write_text("9000\tlast\n")
        load_data(ends[0], schema, file, "t", "SET SESSION binlog_format = 'STATEMENT'")
    error = stopped(lutra, ONE_WAY, "E3006")
    assert "LOAD DATA" in error["message"] and error["where"]["table"] == f"{schema}.t"


HIDDEN = {
    "mysql": ["CREATE TABLE f (id INT PRIMARY KEY, a INT, d JSON, v INT AS (a * 2) VIRTUAL, KEY ((a + 1)), UNIQUE KEY ((a * 3)), KEY ((CAST(d->'$.n' AS UNSIGNED ARRAY))))"],
    "mariadb": ["CREATE TABLE f (id INT PRIMARY KEY, a INT, d LONGTEXT, v INT AS (a * 2) VIRTUAL, b BLOB, UNIQUE KEY (b), KEY (v))"],
}


@pytest.mark.parametrize("image", ["FULL", "MINIMAL"])
@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_columns_that_a_server_hides(engine, image, site, channel, schema):
    """Of indexes over expressions, over the members of an array, over more bytes than a key has."""
    ends = site(engine, 1), site(engine, 2)
    lutra = begin(ends, channel, schema, *HIDDEN[ends[0].engine])
    more = "d = '{\"n\": [3, 4]}'" if engine == "mysql" else "b = REPEAT('y', 9000)"
    run(ends[0], schema, f"SET SESSION binlog_row_image = '{image}'", "INSERT INTO f (id, a, d) VALUES (1, 1, '{\"n\": [1, 2]}'), (2, 2, NULL), (3, NULL, NULL)",
        f"UPDATE f SET {more} WHERE id = 1", "UPDATE f SET a = 7 WHERE id = 2", "DELETE FROM f WHERE id = 3")

    arrived(lutra, ends, schema)
