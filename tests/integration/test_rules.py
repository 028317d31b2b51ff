"""The rules of the core, each with its number in the name of its tests (docs/adr says why they are rules).

What a rule test does stands in a function, so that test_switched_off_is_noticed can run it with a binary of -Dfaults=true in
which the rule is switched off: it must fail then."""

import contextlib
import functools
import os
import pathlib
import shutil
import time

import pytest
import steps
from conftest import ledger_is, same
from lutralab.lutra import Lutra, LutraFailed, create_user
from lutralab.servers import CHECKOUT, wait_until
from lutralab.workload import Workload, create_schema
from steps import column, run_at, stopped, transaction

ONE_WAY = "hz->us"
TABLES = (
    "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL, u INT, UNIQUE KEY (u))",
    "CREATE TABLE base (id INT NOT NULL PRIMARY KEY, v INT NOT NULL)",
)
COUNT = 12


def with_base(servers, schema, count=COUNT):
    """Tables t (empty) and base (rows 1 to count) at each."""
    run_at(servers, schema, *TABLES, "INSERT INTO base VALUES " + ", ".join(f"({i}, 0)" for i in range(1, count + 1)))


def write_numbered(source, schema, numbers):
    """A source transaction for each number: three tables, the ledger last. {number: (file, position) where it begins}"""
    begins = {}
    for i in numbers:
        begins[i] = steps.log_end(source)
        transaction(source, schema, f"INSERT INTO t VALUES ({i}, {i}, {i})", f"UPDATE base SET v = v + 1 WHERE id = {i}",
                    f"INSERT INTO ledger VALUES ({i})")
    return begins


def holds_exactly(target, schema, numbers):
    """The transactions of write_numbered() that are at the target, each of them whole."""
    numbers = sorted(numbers)
    assert sorted(column(target, schema, "SELECT txn_id FROM ledger")) == numbers
    assert column(target, schema, "SELECT id FROM base WHERE v = 1 ORDER BY id") == numbers
    assert column(target, schema, "SELECT id FROM t WHERE id < 1000 AND v = id ORDER BY id") == numbers


def backlog(lutra, source, schema, count=COUNT):
    """Make Lutra known at the target, stop it, and write while it is away."""
    lutra.start()
    lutra.wait()
    assert lutra.stop() == 0
    return write_numbered(source, schema, range(1, count + 1))


def all_there(lutra, source, target, schema, count=COUNT):
    lutra.wait()
    holds_exactly(target, schema, range(1, count + 1))
    same(source, target, schema)


# -- R1: nothing that is not whole is committed ------------------------------------------------------------------------

# What is wrong at the target with transaction i, what it gives, the table it names, and the mend.
DAMAGES = {
    "duplicate": ("INSERT INTO t VALUES ({i}, -1, NULL)", "E5002", "t", "DELETE FROM t WHERE id = {i}"),
    "unique": ("INSERT INTO t VALUES (1000, -1, {i})", "E5002", "t", "DELETE FROM t WHERE id = 1000"),
    "missing": ("DELETE FROM base WHERE id = {i}", "E5000", "base", "INSERT INTO base VALUES ({i}, 0)"),
}


def damaged_group(site, channel, schema, damage, places=(1, 7, COUNT), engines=("mariadb", "mariadb")):
    spoil, code, table, mend = DAMAGES[damage]
    source, target = site(engines[0], 1), site(engines[1], 2)
    for i in places:
        lutra = channel({"hz": source, "us": target}, "hz -> us")
        with_base((source, target), schema)
        begins = backlog(lutra, source, schema)
        run_at((target,), schema, spoil.format(i=i))

        lutra.start(wait=False)
        error = stopped(lutra, ONE_WAY, code)

        assert error["where"]["table"] == f"{schema}.{table}"
        assert (error["where"]["file"], error["where"]["pos"]) == begins[i]
        assert error["where"]["gtid"]
        run_at((target,), schema, mend.format(i=i))
        holds_exactly(target, schema, range(1, i))
        lutra.retry(ONE_WAY)
        all_there(lutra, source, target, schema)
        assert lutra.stop() == 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_r01_r05_faulty_transaction_in_a_group(damage, site, channel, schema):
    damaged_group(site, channel, schema, damage)


def test_r01_r05_faulty_transaction_in_a_group_at_mysql(site, channel, schema):
    damaged_group(site, channel, schema, "duplicate", places=(7,), engines=("mysql", "mysql"))


def test_r01_lock_wait_commits_nothing(site, channel, schema):
    """1205 undoes the statement alone: what a COMMIT behind it would leave is a part."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with_base((source, target), schema)
    backlog(lutra, source, schema)

    with steps.session(target, schema, "BEGIN", "SELECT * FROM base WHERE id = 4 FOR UPDATE"):
        lutra.start()
        error = steps.retrying(lutra, ONE_WAY, steps.LOCK_WAIT)
        assert error["where"]["table"] == f"{schema}.base"
        holds_exactly(target, schema, range(1, 4))

    all_there(lutra, source, target, schema)


def deadlock(site, channel, schema, engine="mariadb"):
    """Lutra is the one that InnoDB rolls back: the other has written more."""
    source, target = site(engine, 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with_base((source, target), schema)
    run_at((target,), schema, "CREATE TABLE weight (id INT PRIMARY KEY AUTO_INCREMENT, x CHAR(200))")
    lutra.start()
    lutra.wait()
    before = lutra.pipelines()[ONE_WAY]["retries"]

    with steps.session(target, schema, "SET SESSION sql_log_bin=0, innodb_lock_wait_timeout=20", "BEGIN",
                       f"INSERT INTO weight (x) VALUES {', '.join(['(1)'] * 300)}",
                       "SELECT * FROM base WHERE id = 3 FOR UPDATE") as local:
        transaction(source, schema, "UPDATE base SET v = 1 WHERE id = 1", "UPDATE base SET v = 1 WHERE id = 2",
                    "UPDATE base SET v = 1 WHERE id = 3", "INSERT INTO ledger VALUES (1)")
        wait_until(lambda: column(target, schema, "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"), 20,
                   "Lutra to wait for row 3", poll_s=0.2)  # MariaDB renews that table only when it is left alone for 0.1 s
        local.execute("SELECT * FROM base WHERE id = 1 FOR UPDATE")
        steps.retrying(lutra, ONE_WAY, steps.LOCK_WAIT)
        assert column(target, schema, "SELECT COUNT(*) FROM base WHERE v = 1") == [0]
        assert column(target, schema, "SELECT COUNT(*) FROM ledger") == [0]
        local.execute("ROLLBACK")

    lutra.wait()
    run_at((target,), schema, "DROP TABLE weight")
    same(source, target, schema)
    ledger_is(target, schema, {1})
    assert lutra.pipelines()[ONE_WAY]["retries"] > before


def test_r01_deadlock_is_done_again_whole(site, channel, schema):
    deadlock(site, channel, schema)


def test_r01_deadlock_is_done_again_whole_at_mysql(site, channel, schema):
    deadlock(site, channel, schema, "mysql")


# -- R2: one owner, and nothing in doubt is done twice -------------------------------------------------------------------

def commit_in_doubt(site, channel, schema):
    """The COMMIT waits at the server (for an acknowledgement that does not come), its client is killed; its successor may
    neither do the transaction again nor take it for lost."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    lutra.wait()
    with steps.server_globals(target, rpl_semi_sync_master_timeout=600000, rpl_semi_sync_master_wait_no_slave=1,
                              rpl_semi_sync_master_wait_point="AFTER_SYNC"):
        target.sql("SET GLOBAL rpl_semi_sync_master_enabled = 1")
        try:
            transaction(source, schema, "INSERT INTO ledger VALUES (1)")
            wait_until(lambda: steps.lutra_sessions(target, "COMMIT%"), 20, "the COMMIT to wait")
            lutra.kill()
            lutra.start(wait=False)
            wait_until(lambda: steps.lutra_sessions(target, "%lutra.lane%"), 20, "the successor to look at the lane")
        finally:
            target.sql("SET GLOBAL rpl_semi_sync_master_enabled = 0")

    lutra.wait_ready()
    transaction(source, schema, "INSERT INTO ledger VALUES (2)")
    lutra.wait()
    ledger_is(target, schema, {1, 2})


def test_r02_kill_while_commit_waits_for_an_acknowledgement(site, channel, schema):
    commit_in_doubt(site, channel, schema)


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_r02_kill_while_commit_waits_for_a_global_lock(engine, site, channel, schema):
    source, target = site("mariadb", 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with_base((source, target), schema)
    lutra.start()
    lutra.wait()

    # A row lock holds the last statement, the global lock waits for its end, and so comes before the COMMIT.
    with contextlib.closing(target.connect(schema)) as locker:
        with steps.session(target, schema, "BEGIN", "SELECT * FROM base WHERE id = 1 FOR UPDATE"):
            transaction(source, schema, "INSERT INTO ledger VALUES (1)", "UPDATE base SET v = 1 WHERE id = 1")
            wait_until(lambda: steps.lutra_sessions(target, "UPDATE%base%"), 20, "the last statement to wait")
            locker._execute_command(3, "FLUSH TABLES WITH READ LOCK")
            wait_until(lambda: column(target, None, "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'FLUSH TABLES%'"),
                       20, "the global lock to be asked for")
        locker._read_query_result()
        time_of_commit = time.monotonic() + 10
        while not steps.lutra_sessions(target, "COMMIT%") and time.monotonic() < time_of_commit:
            assert steps.lutra_sessions(target), "Lutra is there, in one statement or another"
        lutra.kill()
        lutra.start(wait=False)
        wait_until(lambda: steps.lutra_sessions(target, "%lutra.%"), 20, "the successor to look at schema lutra")
        locker.query("UNLOCK TABLES")

    lutra.wait_ready()
    lutra.wait()
    ledger_is(target, schema, {1})
    same(source, target, schema)


def two_owners(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    first = channel({"hz": source, "us": target}, "hz -> us").start()
    first.wait()
    second = channel.again(first)
    with Workload(source, schema, clients=2, seed=2, pause_s=0.01) as load:
        wait_until(lambda: load.committed >= 20, 60, "traffic")
        second.start()
        stopped(first, ONE_WAY, "E5010", timeout_s=10)
        goal = load.committed + 20
        wait_until(lambda: load.committed >= goal, 60, "more traffic")
        load.stop()
    second.wait()

    assert second.pipelines()[ONE_WAY]["state"] == "running"
    ledger_is(target, schema, load.expected_ledger())
    same(source, target, schema)


def test_r02_two_runs_of_one_channel(site, channel, schema):
    two_owners(site, channel, schema)


# -- R3: the session --------------------------------------------------------------------------------------------------------

HOSTILE = {
    "time_zone": "+05:30",
    "sql_mode": "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE",
    "foreign_key_checks": 0,
    "unique_checks": 0,
    "autocommit": 0,
    "innodb_lock_wait_timeout": 100,
    "completion_type": "RELEASE",
    "sql_select_limit": 1,
    "sql_safe_updates": 1,
}
ISOLATION = {"mariadb": "tx_isolation", "mysql": "transaction_isolation"}


@pytest.mark.parametrize("mode", [HOSTILE["sql_mode"], ""], ids=["strict", "lax"])
@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_r03_hostile_globals(engine, mode, site, channel, schema):
    source, target = site("mariadb", 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with contextlib.ExitStack() as stack:
        for server in (source, target):
            isolation = {ISOLATION[server.engine]: "READ-UNCOMMITTED"}
            stack.enter_context(steps.server_globals(server, **{**HOSTILE, **isolation, "sql_mode": mode}))
        lutra.start()
        # One transaction while they hold: the session of the target makes its routes with them.
        transaction(source, schema, "INSERT INTO ledger VALUES (-1)")
        lutra.wait()
    load = Workload(source, schema, clients=2, seed=3, limit=60).start().join()
    lutra.wait()

    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger() | {-1})


FAMILY = (
    "CREATE TABLE p (id INT PRIMARY KEY, v INT)",
    "CREATE TABLE c (id INT PRIMARY KEY, p INT, v INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TABLE n (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL ON UPDATE CASCADE)",
    "CREATE TABLE g (id INT PRIMARY KEY, c INT, FOREIGN KEY (c) REFERENCES c (id) ON DELETE CASCADE)",
)
PAIRS = [("mariadb", "mariadb"), ("mysql", "mysql"), ("mysql", "mariadb"), ("mariadb", "mysql")]


@pytest.mark.parametrize("pair", PAIRS, ids=["-to-".join(p) for p in PAIRS])
def test_r03_cascades_and_orphans(pair, site, channel, schema):
    """MySQL 9.7 logs what its cascades did, MariaDB does not; rows may be written without checks; and REPLACE of a parent
    is an update to one and a delete to the other."""
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, *FAMILY)
    lutra.start()
    transaction(source, schema, "INSERT INTO p VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6)",
                "INSERT INTO c VALUES (11, 1, 0), (12, 2, 0), (13, 3, 0), (14, 4, 0), (15, 5, 0)",
                "INSERT INTO n VALUES (21, 1), (22, 2), (23, 3), (24, 4)", "INSERT INTO g VALUES (31, 11), (32, 12), (33, 13)")
    transaction(source, schema, "DELETE FROM p WHERE id = 1")
    transaction(source, schema, "UPDATE p SET id = 102 WHERE id = 2", "DELETE FROM p WHERE id = 102")
    transaction(source, schema, "REPLACE INTO p VALUES (3, 33)")
    transaction(source, schema, "UPDATE p SET id = 104 WHERE id = 4", "UPDATE c SET v = 1 WHERE p = 104")
    transaction(source, schema, "INSERT INTO c VALUES (91, 9, 1)", "INSERT INTO p VALUES (9, 9)",
                before=["SET foreign_key_checks=0"])
    transaction(source, schema, "DELETE FROM p WHERE id = 5", "INSERT INTO c VALUES (92, 99, 1)", "DELETE FROM g WHERE id = 33",
                before=["SET foreign_key_checks=0"])
    transaction(source, schema, "DELETE FROM p WHERE id = 9")
    lutra.wait()
    same(source, target, schema)


# -- R4 and R5: locks, groups ---------------------------------------------------------------------------------------------

def test_r04_local_writers_at_the_target(site, channel, schema):
    """Local transactions lock the rows that come, in any order: somebody gives way, and both sides get on."""
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us")
    with_base((hz, us), schema)
    lutra.start()
    local = 0
    with Workload(hz, schema, clients=2, seed=4, pause_s=0.01) as load:
        for i in range(1, 41):
            transaction(hz, schema, *(f"UPDATE base SET v = v + 1 WHERE id = {(i * step) % COUNT + 1}" for step in (1, 5, 7)))
            with contextlib.closing(us.connect(schema)) as c, c.cursor() as cursor, contextlib.suppress(Exception):
                cursor.execute("BEGIN")
                for step in (7, 5, 1):
                    cursor.execute(f"SELECT * FROM base WHERE id = {(i * step) % COUNT + 1} FOR UPDATE")
                cursor.execute("COMMIT")
                local += 1
        load.stop()
    lutra.wait()
    assert local > 0
    same(hz, us, schema)
    ledger_is(us, schema, load.expected_ledger())


def test_r05_skip_passes_over_one_source_transaction(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with_base((source, target), schema)
    backlog(lutra, source, schema)
    run_at((target,), schema, "INSERT INTO t VALUES (5, -1, NULL)")

    lutra.start(wait=False)
    stopped(lutra, ONE_WAY, "E5002")
    lutra.skip(ONE_WAY, "--why", "row 5 is right as it is")
    lutra.wait()

    run_at((target,), schema, "DELETE FROM t WHERE id = 5")
    holds_exactly(target, schema, {*range(1, COUNT + 1)} - {5})
    (who, action, why), = target.sql("SELECT who, action, why FROM lutra.audit")
    assert who and (action, why) == ("skip", "row 5 is right as it is")


# -- R6 and R7: images that lack columns ----------------------------------------------------------------------------------

@pytest.mark.parametrize("image", ["MINIMAL", "NOBLOB"])
@pytest.mark.parametrize("pair", [("mariadb", "mysql"), ("mysql", "mariadb")], ids=["mariadb-to-mysql", "mysql-to-mariadb"])
def test_r06_r07_images_without_all_columns(pair, image, site, channel, schema):
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, "CREATE TABLE d (id INT PRIMARY KEY, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)"
           " ON UPDATE CURRENT_TIMESTAMP(3), n INT DEFAULT 7, w VARCHAR(40) DEFAULT (concat('a', id)), b TEXT)")
    lutra.start()
    with steps.server_globals(source, binlog_row_image=image):
        load = Workload(source, schema, clients=3, seed=6, limit=120).start().join()
        transaction(source, schema, "INSERT INTO d (id) VALUES (1), (2)", "INSERT INTO d (id, b) VALUES (3, 'x')",
                    "UPDATE d SET n = 8 WHERE id = 1", "UPDATE d SET b = NULL WHERE id = 3", before=["SET timestamp=1700000000.123"])
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


def test_r06_r07_minimal_images_both_ways(site, channel, schema):
    """The mark of origin must be read from a minimal image, too."""
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us")
    with steps.server_globals(hz, binlog_row_image="MINIMAL"), steps.server_globals(us, binlog_row_image="MINIMAL"):
        lutra.start()
        loads = [Workload(s, schema, site=i, clients=2, seed=60 + i, limit=80).start() for i, s in ((1, hz), (2, us))]
        for load in loads:
            load.join()
    lutra.wait()
    same(hz, us, schema)
    ledger_is(us, schema, loads[0].expected_ledger() | loads[1].expected_ledger())


# -- R8 and R9: finding rows ------------------------------------------------------------------------------------------------

def crossover(site, channel, schema):
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us")
    with_base((hz, us), schema)
    lutra.start()
    run_at((us,), schema, "UPDATE base SET v = 77 WHERE id = 2")
    transaction(hz, schema, "UPDATE base SET v = 5 WHERE id = 1", "INSERT INTO ledger VALUES (1)")
    transaction(hz, schema, "UPDATE base SET v = 5 WHERE id = 2", "INSERT INTO ledger VALUES (2)")
    transaction(hz, schema, "INSERT INTO ledger VALUES (3)")
    transaction(us, schema, "INSERT INTO ledger VALUES (4)")

    error = stopped(lutra, ONE_WAY, steps.ROW_DIFFERS)

    assert error["where"]["table"] == f"{schema}.base"
    assert sorted(column(us, schema, "SELECT txn_id FROM ledger")) == [1, 4]
    assert column(us, schema, "SELECT v FROM base WHERE id = 2") == [77]
    wait_until(lambda: 4 in column(hz, schema, "SELECT txn_id FROM ledger"), 20, "the other direction to go on")
    run_at((us,), schema, "UPDATE base SET v = 0 WHERE id = 2")
    lutra.retry(ONE_WAY)
    lutra.wait()
    same(hz, us, schema)
    ledger_is(us, schema, {1, 2, 3, 4})


def test_r08_row_that_differs_stops_a_two_way_channel(site, channel, schema):
    crossover(site, channel, schema)


def test_r08_one_way_goes_by_the_key_alone(site, channel, schema):
    source, target = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with_base((source, target), schema)
    lutra.start()
    run_at((target,), schema, "UPDATE base SET v = 77 WHERE id = 2")
    transaction(source, schema, "UPDATE base SET v = 5 WHERE id = 2")
    lutra.wait()
    same(source, target, schema)


@pytest.mark.parametrize("pair", PAIRS, ids=["-to-".join(p) for p in PAIRS])
def test_r09_keyless_tables(pair, site, channel, schema):
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema,
           "CREATE TABLE k (a INT, b VARCHAR(20) COLLATE utf8mb4_general_ci, f FLOAT, d DOUBLE, x DECIMAL(20,5), c CHAR(5), t TIMESTAMP(3) NULL,"
           " j JSON, e ENUM('x', 'y'), bl BLOB)")
    lutra.start()
    rows = ["(1, 'a', 0.1, 0.1, 1.5, 'x ', '2024-01-01 00:00:00.123', '{\"a\": 1}', 'y', X'00FF')", "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
            "(2, 'A', 16777217, 1e300, -1.00001, '', NULL, '[1, 2.5]', 'x', '')", "(1, 'a ', -0.1, 0.30000000000000004, 0, 'y', NULL, 'null', NULL, 'q')"]
    transaction(source, schema, f"INSERT INTO k VALUES {', '.join(rows * 3)}")
    transaction(source, schema, "UPDATE k SET a = 5 WHERE b = 'a' AND f > 0 LIMIT 2")
    transaction(source, schema, "DELETE FROM k WHERE a IS NULL LIMIT 2")
    transaction(source, schema, "UPDATE k SET a = a + 1, b = 'A'")
    transaction(source, schema, "UPDATE k SET b = 'a'")
    transaction(source, schema, "DELETE FROM k WHERE a = 3 LIMIT 1", "UPDATE k SET d = d * 2, f = f * 3")
    lutra.wait()
    same(source, target, schema)
    transaction(source, schema, "DELETE FROM k WHERE a IS NOT NULL")
    lutra.wait()
    assert target.sql("SELECT COUNT(*) FROM k", db=schema) == source.sql("SELECT COUNT(*) FROM k", db=schema) == ((1,),)
    assert lutra.pipelines()[ONE_WAY]["error"] is None


# -- R10 and R11: the mark --------------------------------------------------------------------------------------------------

def hidden_mark(site, channel, schema):
    hz, us = site("mariadb", 1), site("mariadb", 2)
    us.restart("binlog-ignore-db=lutra")
    try:
        lutra = channel({"hz": hz, "us": us}, "hz <-> us").start(wait=False)
        steps.answers(lutra)
        error = stopped(lutra, "us->hz", "E5011")
        assert "us" in error["message"]
        assert "ready" not in (lutra.folder / "out.1").read_text()
        status, lines = lutra.check()
        assert status == 1, lines
        lutra.kill()
    finally:
        us.restart()


def test_r10_log_that_hides_the_mark(site, channel, schema):
    hidden_mark(site, channel, schema)


def test_r10_table_without_transactions_is_refused(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source,), schema, *TABLES)
    run_at((target,), schema, *(f"{t} ENGINE=MyISAM" for t in TABLES))
    lutra.start()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    transaction(source, schema, "INSERT INTO t VALUES (1, 1, 1)", "INSERT INTO ledger VALUES (2)")

    error = stopped(lutra, ONE_WAY, "E4005")

    assert error["where"]["table"] == f"{schema}.t"
    assert column(target, schema, "SELECT txn_id FROM ledger") == [1]
    assert column(target, schema, "SELECT COUNT(*) FROM t") == [0]
    run_at((target,), schema, "ALTER TABLE t ENGINE=InnoDB")
    lutra.retry(ONE_WAY)
    lutra.wait()
    ledger_is(target, schema, {1, 2})


def test_r11_idle_two_way_channel_writes_next_to_nothing(site, channel, schema):
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us").start()
    for server, first in ((hz, 1), (us, 100)):
        for i in range(first, first + 5):
            transaction(server, schema, f"INSERT INTO ledger VALUES ({i})")
    lutra.wait()
    # The progress of what was applied may be written once more.
    before = [steps.log_bytes(s) for s in (hz, us)]
    seconds = 24
    time.sleep(seconds)
    grown = [steps.log_bytes(s) - b for s, b in zip((hz, us), before)]
    assert max(grown) < 2048 * seconds / 60, grown
    assert lutra.pipelines()[ONE_WAY]["state"] == "running"


# -- R12 and R13: where it began, and whether the log is still the same ------------------------------------------------------

def killed_when_ready(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    lutra.kill()
    for i in range(5):
        transaction(source, schema, f"INSERT INTO ledger VALUES ({i})")
    lutra.start()
    lutra.wait()
    ledger_is(target, schema, set(range(5)))


def test_r12_start_is_durable_when_ready(site, channel, schema):
    killed_when_ready(site, channel, schema)


@contextlib.contextmanager
def own_source(lab, engine, schema):
    """A server of its own, for what no other test could go on with."""
    server = lab.server(engine, 7, name=f"{engine}-{schema}")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def lost_tail(lab, site, channel, schema, engine="mariadb", others=3):
    """The source comes back as it was before transactions that are at the target already, and writes `others` instead."""
    target = site("mariadb", 2)
    with own_source(lab, engine, schema) as source:
        lutra = channel({"hz": source, "us": target}, "hz -> us").start()
        for i in range(3):
            transaction(source, schema, f"INSERT INTO ledger VALUES ({i})")
        lutra.wait()
        source.stop()
        copy = source.folder / "copy"
        steps.copy_data(source, copy)
        source.start()
        for i in range(3, 6):
            transaction(source, schema, f"INSERT INTO ledger VALUES ({i})")
        lutra.wait()
        source.kill()
        steps.restore_data(source, copy)
        source.start()
        for i in range(100, 100 + others):
            transaction(source, schema, f"INSERT INTO ledger VALUES ({i})")

        def look():
            status = lutra.pipelines()[ONE_WAY]
            return status["error"] if status["state"] == "stopped" else None
        lutra.kill() if engine == "mysql" and others == 3 else None
        if not lutra.alive:
            lutra.start(wait=False)
            steps.answers(lutra)
        error = wait_until(look, 30, "Lutra to see that the log is another", poll_s=0.05)
        assert error["code"] in ("E3014", "E3011"), error
        ledger_is(target, schema, set(range(6)))


@pytest.mark.parametrize("others", [0, 3, 12])
@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_r13_lost_tail_of_the_source(engine, others, lab, site, channel, schema):
    lost_tail(lab, site, channel, schema, engine, others)


# -- R14: XA ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_r14_xa_of_a_mapped_table_stops(engine, site, channel, schema):
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", tables=[f"{schema}.ledger"])
    run_at((source, target), schema, *TABLES)
    lutra.start()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    with steps.session(source, schema) as c:
        for statement in ("XA START 'u'", "INSERT INTO t VALUES (1, 1, 1)", "XA END 'u'", "XA PREPARE 'u'", "XA COMMIT 'u'"):
            c.execute(statement)
    transaction(source, schema, "INSERT INTO ledger VALUES (2)")
    lutra.wait()
    ledger_is(target, schema, {1, 2})

    with steps.session(source, schema) as c:
        for statement in ("XA START 'm'", "INSERT INTO ledger VALUES (3)", "XA END 'm'", "XA PREPARE 'm'", "XA COMMIT 'm'"):
            c.execute(statement)
    transaction(source, schema, "INSERT INTO ledger VALUES (4)")
    stopped(lutra, ONE_WAY, "E3004")
    ledger_is(target, schema, {1, 2})


# -- R15 and R16: the data folder, the state's version -------------------------------------------------------------------------

def test_r15_data_folder_may_be_deleted(site, channel, schema):
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us").start()
    expected = set()
    for round in range(2):
        loads = [Workload(s, schema, site=i, clients=2, seed=15, limit=20 * (round + 1)).start() for i, s in ((1, hz), (2, us))]
        for load in loads:
            load.join()
            expected |= load.expected_ledger()
        assert lutra.stop() == 0 if round else (lutra.kill() or True)
        shutil.rmtree(lutra.data)
        lutra.start()
    lutra.wait()
    same(hz, us, schema)
    ledger_is(hz, schema, expected)
    ledger_is(us, schema, expected)


def test_r16_newer_state_is_refused(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    assert lutra.stop() == 0
    target.sql("UPDATE lutra.meta SET value = value + 1000 WHERE name = 'version'")
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")

    lutra.start(wait=False)
    steps.answers(lutra)
    stopped(lutra, ONE_WAY, "E6000")

    assert column(target, schema, "SELECT COUNT(*) FROM ledger") == [0]
    target.sql("UPDATE lutra.meta SET value = value - 1000 WHERE name = 'version'")
    lutra.retry(ONE_WAY)
    lutra.wait()
    ledger_is(target, schema, {1})


# -- rules switched off ----------------------------------------------------------------------------------------------------------

SWITCHED_OFF = {
    "r01_commit": functools.partial(damaged_group, damage="missing", places=(7,)),
    "r02_claim": commit_in_doubt,
    "r02_owner": two_owners,
    "r08_verify": crossover,
    "r10_mark": hidden_mark,
    "r12_start": killed_when_ready,
    "r13_history": functools.partial(lost_tail, others=12),
}


def faults_binary():
    return pathlib.Path(os.environ.get("LUTRA_FAULTS_BIN", CHECKOUT / "build-faults/lutra"))


@pytest.mark.parametrize("fault", SWITCHED_OFF)
def test_switched_off_is_noticed(fault, lab, site, channel, schema):
    if not faults_binary().exists():
        pytest.skip("there is no build with -Dfaults=true (`make faults`)")
    rule = SWITCHED_OFF[fault]
    channel.more = {"program": faults_binary(), "env": {"LUTRA_FAULTS": fault}}
    args = (lab, site, channel, schema) if fault == "r13_history" else (site, channel, schema)
    with pytest.raises((AssertionError, LutraFailed, TimeoutError)):
        rule(*args)
