"""What only MariaDB writes into its logs, from real servers through a channel."""

import contextlib
import subprocess

import pytest
from conftest import same
from lutralab.lutra import LutraFailed
from lutralab.servers import fetched

BARE = True

ENGINES = ("mariadb", "mariadb-11.8")


@contextlib.contextmanager
def session(server, schema, **settings):
    with contextlib.closing(server.connect(schema)) as c, c.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute(f"SET SESSION {name} = %s", (value,))
        yield cursor


def run(server, schema, *statements, **settings):
    with session(server, schema, **settings) as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture(params=ENGINES)
def ends(request, site):
    return site(request.param, 1), site(request.param, 2)


def start(ends, channel, schema, *tables):
    lutra = channel({"hz": ends[0], "us": ends[1]}, "hz -> us")
    for server in ends:
        run(server, schema, *tables)
    return lutra.start()


def test_an_alter_in_two_phases_is_told_once(ends, channel, schema):
    lutra = start(ends, channel, schema, "CREATE TABLE t (id INT PRIMARY KEY, a INT)")
    alter = "ALTER TABLE t DROP COLUMN a, ADD COLUMN a INT DEFAULT 5"
    run(ends[0], schema, "INSERT INTO t VALUES (1, 1)", alter, "INSERT INTO t (id) VALUES (2)", binlog_alter_two_phase=1)

    with pytest.raises(LutraFailed, match="E4000"):
        lutra.wait()
    run(ends[1], schema, alter)
    lutra.command("ddl", "done", "hz->us")
    lutra.wait()
    run(ends[0], schema, "INSERT INTO t (id) VALUES (3)")
    lutra.wait()

    same(*ends, schema)


def test_a_failed_alter_in_two_phases_is_none(ends, channel, schema):
    lutra = start(ends, channel, schema, "CREATE TABLE t (id INT PRIMARY KEY, a INT)")
    run(ends[0], schema, "INSERT INTO t VALUES (1, 1), (2, 1)")
    with pytest.raises(Exception, match="Duplicate"):
        run(ends[0], schema, "ALTER TABLE t ADD UNIQUE (a)", binlog_alter_two_phase=1)
    run(ends[0], schema, "INSERT INTO t VALUES (3, 1)")

    lutra.wait()

    same(*ends, schema)


def test_rows_of_a_sequence_are_passed_over(ends, channel, schema):
    lutra = channel({"hz": ends[0], "us": ends[1]}, "hz -> us", [f"{schema}.t"])
    for server in ends:
        run(server, schema, "CREATE TABLE t (id INT PRIMARY KEY, a INT)")
    lutra.start()
    run(ends[0], schema, "CREATE SEQUENCE s", "INSERT INTO t VALUES (NEXTVAL(s), 1)", "SELECT SETVAL(s, 5000)",
        "INSERT INTO t VALUES (NEXTVAL(s), 2)", "DROP SEQUENCE s", "INSERT INTO t VALUES (3, 3)")

    lutra.wait()

    same(*ends, schema)


def test_a_mapped_sequence_is_a_coded_stop(ends, channel, schema):
    lutra = start(ends, channel, schema, "CREATE TABLE t (id INT PRIMARY KEY, a INT)", "CREATE SEQUENCE s CACHE 2")
    run(ends[0], schema, "INSERT INTO t VALUES (NEXTVAL(s), 1)")

    with pytest.raises(LutraFailed, match=f"E4001.*{schema}.s"):
        lutra.wait()


def test_compressed_columns_and_its_own_types(ends, channel, schema):
    lutra = start(ends, channel, schema, "CREATE TABLE t (id UUID PRIMARY KEY, i4 INET4, i6 INET6, c VARCHAR(2000) COMPRESSED, b BLOB COMPRESSED,"
                  " tx LONGTEXT COMPRESSED CHARACTER SET latin1, n VARCHAR(10) COMPRESSED)")
    run(ends[0], schema,
        "INSERT INTO t VALUES ('6ccd780c-baba-1026-9564-5b8c656024db', '192.168.0.1', '::1', REPEAT('ab', 900), REPEAT(x'00ff', 5000),"
        " REPEAT('\u00e9', 3000), 'x')",
        "INSERT INTO t VALUES ('00000000-0000-0000-0000-000000000000', '0.0.0.0', '::', '', '', '', '')",
        "INSERT INTO t VALUES ('ffffffff-ffff-ffff-ffff-ffffffff0000', '255.255.255.0', '2001:db8::ff00:42:8329', NULL, NULL, NULL, NULL)",
        "INSERT INTO t VALUES ('6ccd780c-baba-1026-9564-000000000000', '1.0.0.0', 'ffff::', 'a', 'b', 'c', 'd')",
        "UPDATE t SET i4 = '10.0.0.0', b = REPEAT('z', 60000) WHERE id = 'ffffffff-ffff-ffff-ffff-ffffffff0000'",
        "DELETE FROM t WHERE id = '00000000-0000-0000-0000-000000000000'")

    lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None
    same(*ends, schema)


def test_versioned_rows_and_periods(ends, channel, schema):
    lutra = start(ends, channel, schema, "CREATE TABLE v (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING",
                  "CREATE TABLE w (id INT PRIMARY KEY, a INT, rs TIMESTAMP(6) GENERATED ALWAYS AS ROW START,"
                  " re TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (rs, re)) WITH SYSTEM VERSIONING",
                  "CREATE TABLE p (id INT, f DATE, u DATE, PERIOD FOR booked (f, u), PRIMARY KEY (id, booked WITHOUT OVERLAPS))")
    for table in "vw":
        run(ends[0], schema, *(s.replace("v ", f"{table} ") for s in (
            "INSERT INTO v (id, a) VALUES (1, 1), (2, 2), (3, 3)", "UPDATE v SET a = a + 10 WHERE id < 3", "DELETE FROM v WHERE id = 2",
            "UPDATE v SET a = a + 10 WHERE id = 1", "INSERT INTO v (id, a) VALUES (2, 7)", "REPLACE INTO v (id, a) VALUES (3, 9)")))
    run(ends[0], schema, "INSERT INTO p VALUES (1, '2026-01-01', '2026-12-31'), (2, '2026-01-01', '2026-02-01')",
        "DELETE FROM p FOR PORTION OF booked FROM '2026-03-01' TO '2026-04-01'",
        "UPDATE p FOR PORTION OF booked FROM '2026-06-01' TO '2026-07-01' SET id = id + 10")

    lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None
    same(*ends, schema)
    for server in ends:
        assert len(server.sql("SELECT id FROM v FOR SYSTEM_TIME ALL", db=schema)) > 3, "each end keeps a history of its own"


def test_what_a_session_marks_its_transactions_with_changes_nothing(ends, channel, schema):
    """Another server's id in every header; not to be replicated, which is for a replica to heed that is told to."""
    lutra = start(ends, channel, schema, "CREATE TABLE t (id INT PRIMARY KEY)")
    run(ends[0], schema, "SET SESSION server_id = 4242", "SET SESSION skip_replication = 1", "INSERT INTO t VALUES (1)", "BEGIN", "INSERT INTO t VALUES (2)",
        "UPDATE t SET id = id + 10", "COMMIT")
    run(ends[0], schema, "INSERT INTO t VALUES (3)")

    lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None
    same(*ends, schema)


def test_a_transaction_that_is_a_file_of_its_own(site, channel, schema):
    """Above binlog_large_commit_threshold the log rotates, and the GTID event is padded with zeros."""
    ends = site("mariadb-11.8", 1), site("mariadb-11.8", 2)
    lutra = start(ends, channel, schema, "CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)")
    ends[0].sql("SET GLOBAL binlog_large_commit_threshold = 10485760")
    before = len(ends[0].sql("SHOW BINARY LOGS"))
    with session(ends[0], schema) as cursor:
        cursor.execute("BEGIN")
        for i in range(12):
            cursor.execute("INSERT INTO t VALUES (%s, REPEAT(%s, 1000000))", (i, chr(97 + i)))
        cursor.execute("COMMIT")
    run(ends[0], schema, "INSERT INTO t VALUES (100, 'x')")
    assert len(ends[0].sql("SHOW BINARY LOGS")) > before

    lutra.wait()

    same(*ends, schema)
    assert lutra.stop() == 0
    run(ends[0], schema, "DELETE FROM t WHERE id = 3")
    lutra.start()
    lutra.wait()
    same(*ends, schema)


@pytest.mark.parametrize("algorithm", ["AES_CBC", "AES_CTR"])
def test_an_encrypted_log_is_read_as_it_is_streamed(algorithm, lab, site, channel, schema):
    plugins = fetched("mariadb-11.8") / "root/usr/lib/mysql/plugin"
    keys = lab.folder / "encryption-keys"
    keys.write_text("1;770a8a65da156d24ee2a093277530142\n")
    server = lab.start("mariadb-11.8", 5, f"plugin-dir={plugins}", "plugin-load-add=file_key_management", f"file-key-management-filename={keys}",
                       f"file-key-management-encryption-algorithm={algorithm}", "encrypt-binlog=ON", name=f"sealed-{algorithm}")
    ends = server, site("mariadb-11.8", 2)
    lutra = start(ends, channel, schema, "CREATE TABLE t (id INT PRIMARY KEY, b TEXT)")
    for i in range(3):
        run(server, schema, f"INSERT INTO t VALUES ({i}, 'otters at sea')", "FLUSH BINARY LOGS", f"UPDATE t SET b = 'and land' WHERE id = {i}")

    lutra.wait()

    same(*ends, schema)
    assert lutra.stop() == 0
    run(server, schema, "INSERT INTO t VALUES (9, 'again')")
    lutra.start()
    lutra.wait()
    same(*ends, schema)
    log, = sorted(server.data.glob("binlog.0?????"))[-1:]
    assert b"otters" not in log.read_bytes()
    dump = subprocess.run([str(lutra.program), "binlog", "dump", str(log)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert dump.returncode != 0 and "E3004" in dump.stderr and "START_ENCRYPTION" in dump.stderr
    server.stop()
