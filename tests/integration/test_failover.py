"""A site with two servers, the second a replica of the first: the first dies, reading goes on at the second, and what is recorded is then
of the second one's log."""

import contextlib

import pytest
from conftest import ledger_is, same, whole
from lutralab.compare import IN_ANY_ORDER
from lutralab.lutra import LutraFailed
from lutralab.servers import Unavailable, wait_until
from lutralab.workload import Workload
from steps import PATIENCE_S, column, log_end, run_at, session, stopped

ONE_WAY = "hz->us"
ITEM = "CREATE TABLE item (id INT NOT NULL PRIMARY KEY, v VARCHAR(20)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
LATER = "ALTER TABLE item ADD COLUMN x INT NOT NULL DEFAULT 3 FIRST"  # who knows only the version before takes each value for another


def executed(server):
    return server.sql("SELECT @@GLOBAL.gtid_binlog_pos" if server.engine == "mariadb" else "SELECT @@GLOBAL.gtid_executed")[0][0]


def follow(replica, source):
    source.script(["CREATE USER repl@'%' IDENTIFIED BY 'repl'", "GRANT REPLICATION SLAVE ON *.* TO repl@'%'"])
    if source.engine == "mariadb":
        replica.script([f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={source.port}, MASTER_USER='repl', MASTER_PASSWORD='repl',"
                        " MASTER_USE_GTID=slave_pos", "START SLAVE"])
    else:
        replica.script([f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={source.port}, SOURCE_USER='repl',"
                        " SOURCE_PASSWORD='repl', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1", "START REPLICA"])


def unfollow(replica):
    replica.sql("STOP SLAVE" if replica.engine == "mariadb" else "STOP REPLICA")


def promote(replica, source):
    """The source dies once the replica has all of it."""
    wait_until(lambda: executed(replica) == executed(source), PATIENCE_S, "the replica to have all", poll_s=0.05)
    source.kill()
    unfollow(replica)


@contextlib.contextmanager
def pair(lab, engine, *options):
    """(first, second): the second follows the first, whose log is several files longer. Logs tell no names, but by `options`."""
    more = ["gtid-domain-id=40"] if engine == "mariadb" else []
    try:
        servers = [lab.server(engine, number, "binlog-row-metadata=MINIMAL", *more, *options, name=f"{engine}-pair-{number}-{len(lab.servers)}")
                   for number in (41, 42)]
    except Unavailable as e:
        pytest.skip(str(e))
    try:
        for server in servers:
            server.start()
        for _ in range(6):
            servers[0].sql("FLUSH BINARY LOGS")
        follow(servers[1], servers[0])
        yield servers
    finally:
        for server in servers:
            server.kill()


def begin(channel, schema, first, second, target, *extra):
    lutra = channel({"hz": first, "us": target}, "hz -> us", extra=extra,
                    urls={"hz": f"127.0.0.1:{first.port},127.0.0.1:{second.port}"})
    run_at((target,), schema, ITEM)
    first.sql(ITEM, db=schema)
    return lutra


def stands_in(target, server):
    """The progress is of that server's log, and no version of a table of another one's."""
    (held, file, last_pos), = target.sql("SELECT server, file, last_pos FROM lutra.lane ORDER BY seq DESC LIMIT 1")
    if server.engine == "mysql":
        assert held == server.sql("SELECT @@server_uuid")[0][0]
    else:
        assert held.startswith(f"mariadb-{server.server_id}-")
    files = {row[0] for row in server.sql("SHOW BINARY LOGS")}
    assert file in files and last_pos > 0
    assert set(column(target, "lutra", "SELECT place_file FROM schema_version")) <= {"", *files}


def item(server, schema, number):
    server.sql("INSERT INTO item (id, v, x) VALUES (%s, %s, %s)", (number, f"row {number}", number * 7), db=schema)


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_reading_goes_on_at_the_replica(engine, lab, site, channel, schema):
    target = site("mariadb", 2)
    with pair(lab, engine) as (first, second):
        lutra = begin(channel, schema, first, second, target, "writers: 2", "commit-order: free").start()
        with whole(schema, target, invariants=IN_ANY_ORDER):
            load = Workload(first, schema, site=1, clients=2, seed=61, limit=60).start().join()
            first.sql(LATER, db=schema)
            stopped(lutra, ONE_WAY, "E4000")
            target.sql(LATER, db=schema)
            lutra.command("ddl", "done", ONE_WAY, "--why", "ran it there")
            item(first, schema, 1)
            lutra.wait()
            assert log_end(first)[0] > log_end(second)[0]

            promote(second, first)
            lutra.wait()  # nothing new is there, and no place in its log is known
            more = Workload(second, schema, site=2, clients=2, seed=62, limit=60).start().join()
            item(second, schema, 2)
            lutra.wait()
        same(second, target, schema)
        expected = load.expected_ledger() | more.expected_ledger()
        ledger_is(target, schema, expected)

        for number in (3, 4):
            assert lutra.stop() == 0
            stands_in(target, second)
            item(second, schema, number)
            lutra.start()
            lutra.wait()
        assert column(target, schema, "SELECT x FROM item ORDER BY id") == [7, 14, 21, 28]

        # The first one comes back, without what was written since: it is no source any more.
        lutra.stop()
        first.start()
        lutra.start()
        item(second, schema, 5)
        wait_until(lambda: column(target, schema, "SELECT x FROM item WHERE id = 5") == [35], PATIENCE_S, "the row", poll_s=0.05)
        second.kill()
        stopped(lutra, ONE_WAY, "E3014")
        second.start()
        item(second, schema, 6)
        lutra.retry(ONE_WAY)
        wait_until(lambda: column(target, schema, "SELECT x FROM item WHERE id = 6") == [42], PATIENCE_S, "the row", poll_s=0.05)
        same(second, target, schema)
        ledger_is(target, schema, expected)


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_begun_by_gtid_reading_goes_on_at_the_replica(engine, lab, site, channel, schema):
    """Also where nothing was read from the first server yet."""
    target = site("mariadb", 2)
    with pair(lab, engine) as (first, second):
        lutra = begin(channel, schema, first, second, target)
        with open(lutra.file, "a") as f:
            f.write(f'start: {{ hz: {{ gtid: "{"".join(executed(first).split())}" }} }}\n')
        lutra.start()
        assert column(target, "lutra", "SELECT file FROM lane") == [""]
        promote(second, first)
        for number in (1, 2):
            second.sql(f"INSERT INTO ledger VALUES ({number})", db=schema)
            lutra.wait()
            lutra.stop()
            stands_in(target, second)
            lutra.start()
        ledger_is(target, schema, {1, 2})


def test_wait_asks_the_server_that_is_read(lab, site, channel, schema):
    """The host in front came back, and lags: what it has not got yet is waited for all the same."""
    target = site("mariadb", 2)
    with pair(lab, "mariadb") as (first, second):
        lutra = channel({"hz": first, "us": target}, "hz -> us", urls={"hz": f"127.0.0.1:{second.port},127.0.0.1:{first.port}"})
        wait_until(lambda: executed(second) == executed(first), PATIENCE_S, "the replica to have all", poll_s=0.05)
        second.kill()
        lutra.start()
        lutra.wait()
        second.start("skip-slave-start")
        with session(target, "lutra", "BEGIN", "SELECT * FROM lane FOR UPDATE"):
            first.sql("INSERT INTO ledger VALUES (1)", db=schema)
            with pytest.raises(LutraFailed, match="E1031"):
                lutra.command("wait", "--timeout", 2)
        lutra.wait()
        ledger_is(target, schema, {1})


def test_writing_goes_on_at_a_replica_that_lags(lab, site, channel, schema):
    """The target's replica stands in for it without the last transactions: its lane says which, and they are applied anew."""
    source = site("mariadb", 1)
    with pair(lab, "mariadb") as (first, second):
        lutra = channel({"hz": source, "us": first}, "hz -> us", urls={"us": f"127.0.0.1:{first.port},127.0.0.1:{second.port}"}).start()
        Workload(source, schema, clients=2, seed=64, limit=30).start().join()
        lutra.wait()
        wait_until(lambda: executed(second) == executed(first), PATIENCE_S, "the replica to have all", poll_s=0.05)
        second.sql("STOP SLAVE")
        Workload(source, schema, clients=2, seed=65, limit=60).start().join()
        lutra.wait()
        assert len(column(second, schema, "SELECT txn_id FROM ledger")) == 60 < len(column(first, schema, "SELECT txn_id FROM ledger"))

        with whole(schema, second):
            first.kill()
            load = Workload(source, schema, clients=2, seed=66, limit=90).start().join()
            lutra.wait()
        same(source, second, schema)
        ledger_is(second, schema, load.expected_ledger())
        assert column(second, None, "SELECT COUNT(*) FROM lutra.audit WHERE action = 'gone back'") == [1]
