"""One way between all pairs of engines: whole and once while it runs, equal at the end."""

import contextlib

import pytest
import steps
from conftest import ledger_is, same, whole
from lutralab.servers import wait_until
from lutralab.workload import Workload

PAIRS = [("mariadb", "mariadb"), ("mysql", "mysql"), ("mysql", "mariadb"), ("mariadb", "mysql")]


@pytest.mark.parametrize("pair", PAIRS, ids=["-to-".join(p) for p in PAIRS])
def test_random_transactions_arrive_whole_and_once(pair, site, channel, schema):
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()

    with whole(schema, target):
        load = Workload(source, schema, clients=4, seed=11, limit=400).start().join()
        lutra.wait()

    pipeline = lutra.pipelines()["hz->us"]
    assert (pipeline["state"], pipeline["error"]) == ("running", None)
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())
    assert not source.sql("SHOW DATABASES LIKE 'lutra'"), "a one-way pipeline writes nothing at its source"
    assert lutra.stop() == 0


@contextlib.contextmanager
def statements_of_lutra(server):
    """A function that gives what Lutra asked the server for since."""
    with steps.server_globals(server, log_output="TABLE", general_log=1):
        server.sql("TRUNCATE mysql.general_log")
        yield lambda: [str(a, "utf8", "replace") if isinstance(a, bytes) else a for (a,) in
                       server.sql("SELECT argument FROM mysql.general_log WHERE user_host LIKE 'lutra[%'")]


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_first_row_of_a_table_waits_for_no_catalog(engine, site, channel, schema):
    source, target = site("mariadb", 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    with statements_of_lutra(target) as statements:
        steps.transaction(source, schema, "INSERT INTO ledger VALUES (1)")
        lutra.wait()
        found = wait_until(lambda: [s for s in statements() if "ledger" in s] and statements(), 60, "the row in the target's log")
    assert not [s for s in found if "information_schema" in s]
    ledger_is(target, schema, {1})


def test_goes_on_where_it_ended(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    with whole(schema, target):
        Workload(source, schema, clients=2, seed=1, limit=50).start().join()
        assert lutra.stop() == 0
        Workload(source, schema, clients=2, seed=2, limit=100).start().join()

        lutra.start()
        load = Workload(source, schema, clients=2, seed=3, limit=150).start().join()
        lutra.wait()

    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


@pytest.mark.parametrize("pair, how", [(("mysql", "mariadb"), ("zstd", "zlib")), (("mariadb", "mysql"), ("zlib", "zlib"))],
                         ids=["mysql-zstd-to-mariadb", "mariadb-to-mysql-zlib"])
def test_over_compressed_connections(pair, how, site, channel, schema):
    """One algorithm and no other is allowed: the connections are compressed, or there are none."""
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    text = lutra.file.read_text()
    for server, algorithm in zip((source, target), how):
        text = text.replace(f":{server.port}\"", f":{server.port}/?compression-algorithms={algorithm}\"")
    lutra.file.write_text(text)
    assert text.count("compression-algorithms") == 2
    lutra.start()
    with whole(schema, target):
        load = Workload(source, schema, clients=2, seed=7, limit=150).start().join()
        lutra.wait()

    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


def begin_at(lutra, gtid):
    with open(lutra.file, "a") as f:
        f.write(f'start: {{ hz: {{ gtid: "{gtid}" }} }}\n')
    lutra.start()
    lutra.wait()


def test_begins_at_the_start_that_the_file_gives(site, channel, schema):
    """A dump with its position is how one begins; here the dump is empty and the log holds everything."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    before = channel({"hz": source, "us": target}, "hz -> us")
    (gtid,), = source.sql("SELECT @@gtid_binlog_pos")
    load = Workload(source, schema, clients=2, seed=4, limit=80).start().join()

    with whole(schema, target):
        begin_at(before, gtid)
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


def test_waits_for_what_stands_behind_a_huge_event(site, channel, schema):
    """MariaDB cannot tell the GTIDs of a place behind an event over max_allowed_packet; a start by GTID has no place."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    (gtid,), = source.sql("SELECT @@gtid_binlog_pos")
    source.script(["CREATE DATABASE IF NOT EXISTS test", "CREATE TABLE test.huge (b LONGBLOB)",
                   "INSERT INTO test.huge VALUES (REPEAT('a', 15000000))", "UPDATE test.huge SET b = CONCAT(b, 'b')",
                   "DROP TABLE test.huge"])
    (name, pos, *_), = source.sql("SHOW MASTER STATUS")
    assert source.sql("SELECT BINLOG_GTID_POS(%s, %s)", (name, pos)) == ((None,),)
    load = Workload(source, schema, clients=2, seed=5, limit=80).start().join()

    begin_at(lutra, gtid)
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())
