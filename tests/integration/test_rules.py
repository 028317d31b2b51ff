"""The rules of the core, each with its number in the name of its tests: R1 to R5; the others stand in test_rules_rows.py and
test_rules_log.py. Where a test's steps stand in a function of their own, test_rules_off.py runs them with the rule switched off."""

import contextlib

import pytest
import steps
from conftest import ledger_is, same, whole
from lutralab.servers import wait_until
from lutralab.workload import Workload
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
    """A source transaction for each number: three tables, the ledger last. {number: (file, position) before which it does not begin}"""
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
        # Not behind the next one; what the server notes for itself may stand before either.
        assert begins[i] <= (error["where"]["file"], error["where"]["pos"]) < begins.get(i + 1, steps.log_end(source))
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


WINDOW = 1024  # statements whose replies are awaited at a time
LONG = WINDOW + WINDOW // 2
# Of one transaction with a statement for each row 1 to LONG, and one for the three rows 2000: what is wrong with row i, and the mend.
LONG_DAMAGES = {
    "missing": ("DELETE FROM w WHERE id = {i}", "E5000", "INSERT INTO w VALUES ({i}, {i}, 0)"),
    "unique": ("INSERT INTO w VALUES (9000, {i} + 10000, 0)", "E5002", "DELETE FROM w WHERE id = 9000"),
    "fewer": ("DELETE FROM w WHERE id = 2000 LIMIT 1", "E5000", "INSERT INTO w VALUES (2000, NULL, 0)"),
}
LONG_PLACES = [("missing", 1), ("unique", WINDOW // 2), ("missing", WINDOW + 1), ("unique", LONG), ("fewer", 2000)]


def long_transaction(servers, schema):
    """Rows without a key, so that each is found by a statement of its own; returns the transaction's statement."""
    rows = [f"({i}, {i}, 0)" for i in range(1, LONG + 1)] + ["(2000, NULL, 0)"] * 3
    run_at(servers, schema, "CREATE TABLE w (id INT NOT NULL, u INT, v INT NOT NULL, KEY (id), UNIQUE KEY (u))",
           "INSERT INTO w VALUES " + ", ".join(rows))
    return "UPDATE w SET v = v + 1, u = u + 10000"


def test_r01_more_statements_than_a_window_holds(site, channel, schema):
    """Whichever of them fails, before or behind the replies that are taken to make room: nothing of the transaction is there."""
    source, target = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    statement = long_transaction((source, target), schema)
    lutra.start()
    for done, (damage, i) in enumerate(LONG_PLACES):
        spoil, code, mend = LONG_DAMAGES[damage]
        run_at((source, target), schema, "UPDATE w SET v = 0, u = NULL", "UPDATE w SET u = id WHERE id < 2000")
        run_at((target,), schema, spoil.format(i=i))
        transaction(source, schema, statement, f"INSERT INTO ledger VALUES ({done})")
        assert stopped(lutra, ONE_WAY, code)["where"]["table"] == f"{schema}.w"
        assert column(target, schema, "SELECT COUNT(*) FROM w WHERE v <> 0") == [0]
        ledger_is(target, schema, set(range(done)))
        run_at((target,), schema, mend.format(i=i))
        lutra.retry(ONE_WAY)
        lutra.wait()
        same(source, target, schema)


@pytest.mark.parametrize("place", [1, LONG])
def test_r01_lock_in_a_long_transaction_commits_nothing(place, site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    statement = long_transaction((source, target), schema)
    lutra.start()
    with steps.session(target, schema, "BEGIN", f"SELECT * FROM w WHERE id = {place} FOR UPDATE"):
        transaction(source, schema, statement)
        assert steps.retrying(lutra, ONE_WAY, steps.LOCK_WAIT)["where"]["table"] == f"{schema}.w"
        assert column(target, schema, "SELECT COUNT(*) FROM w WHERE v <> 0") == [0]
    lutra.wait()
    same(source, target, schema)


def test_r01_deadlock_in_a_long_transaction_commits_nothing(site, channel, schema):
    """1213 undoes all of it; the server would take what follows for a transaction of its own."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    statement = long_transaction((source, target), schema)
    lutra.start()
    with steps.deadlock(lutra, target, schema, "w", lambda: transaction(source, schema, statement), held=range(WINDOW + 7, WINDOW + 20), weight=3 * LONG):
        steps.retrying(lutra, ONE_WAY, steps.LOCK_WAIT)
        assert column(target, schema, "SELECT COUNT(*) FROM w WHERE v <> 0") == [0]
    lutra.wait()
    same(source, target, schema)


def deadlock(site, channel, schema, engine="mariadb"):
    """Lutra is the one that InnoDB rolls back: the other has written more."""
    source, target = site(engine, 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with_base((source, target), schema)
    lutra.start()
    lutra.wait()
    before = lutra.pipelines()[ONE_WAY]["retries"]

    write = [f"UPDATE base SET v = 1 WHERE id = {i}" for i in range(1, 6)]
    with steps.deadlock(lutra, target, schema, "base", lambda: transaction(source, schema, *write, "INSERT INTO ledger VALUES (1)")):
        steps.retrying(lutra, ONE_WAY, steps.LOCK_WAIT)
        assert column(target, schema, "SELECT COUNT(*) FROM base WHERE v = 1") == [0]
        assert column(target, schema, "SELECT COUNT(*) FROM ledger") == [0]

    lutra.wait()
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
    with steps.unacknowledged(target):
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
        wait_until(lambda: steps.lutra_sessions(target, "COMMIT%"), steps.PATIENCE_S, "the COMMIT to wait")
        lutra.kill()
        lutra.start(wait=False)
        wait_until(lambda: steps.lutra_sessions(target, "%lutra.lane%"), steps.PATIENCE_S, "the successor to look at the lane")

    lutra.wait_ready()
    transaction(source, schema, "INSERT INTO ledger VALUES (2)")
    lutra.wait()
    ledger_is(target, schema, {1, 2})


def test_r02_kill_while_commit_waits_for_an_acknowledgement(site, channel, schema):
    commit_in_doubt(site, channel, schema)


@pytest.mark.parametrize("what", ["CONNECTION", "QUERY"])
def test_r02_commit_is_killed_at_the_server(what, site, channel, schema):
    """Its session or its statement ends while it waits behind the log: what became of it is asked of the lane."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    with steps.unacknowledged(target):
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
        for session in wait_until(lambda: steps.lutra_sessions(target, "COMMIT%"), steps.PATIENCE_S, "the COMMIT to wait"):
            target.sql(f"KILL {what} {session}")
        wait_until(lambda: column(target, schema, "SELECT txn_id FROM ledger"), steps.PATIENCE_S, "the COMMIT to end")
    transaction(source, schema, "INSERT INTO ledger VALUES (2)")
    lutra.wait()
    ledger_is(target, schema, {1, 2})
    assert lutra.pipelines()[ONE_WAY]["state"] == "running"


def commit_behind_global_lock(lutra, source, target, schema, locker):
    """Have Lutra stopped while its last statement waits for a row, and take the global lock before it can commit. Where the wait
    for the row ended too early, again. Returns the number of the last transaction."""
    for number in range(1, 11):
        with steps.session(target, schema, "BEGIN", "SELECT * FROM base WHERE id = 1 FOR UPDATE"):
            transaction(source, schema, f"INSERT INTO ledger VALUES ({number})", "UPDATE base SET v = v + 1 WHERE id = 1")
            wait_until(lambda: steps.lutra_sessions(target, "UPDATE%base%"), steps.PATIENCE_S, "the last statement to wait")
            lutra.hold()
        wait_until(lambda: not steps.lutra_sessions(target, "UPDATE%base%"), steps.PATIENCE_S, "the last statement to end")
        locker.query("FLUSH TABLES WITH READ LOCK")
        lutra.go_on()
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: steps.lutra_sessions(target, "COMMIT%"), 5, "the COMMIT to wait")
            return number
        locker.query("UNLOCK TABLES")
        lutra.wait()
    raise AssertionError("no COMMIT came to wait for the global lock")


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_r02_kill_while_commit_waits_for_a_global_lock(engine, site, channel, schema):
    source, target = site("mariadb", 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with_base((source, target), schema)
    lutra.start()
    lutra.wait()

    with contextlib.closing(target.connect(schema)) as locker:
        number = commit_behind_global_lock(lutra, source, target, schema, locker)
        lutra.kill()
        lutra.start(wait=False)
        wait_until(lambda: steps.lutra_sessions(target, "%lutra.%"), steps.PATIENCE_S, "the successor to look at schema lutra")
        locker.query("UNLOCK TABLES")

    lutra.wait_ready()
    lutra.wait()
    ledger_is(target, schema, set(range(1, number + 1)))
    same(source, target, schema)


def two_owners(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    first = channel({"hz": source, "us": target}, "hz -> us").start()
    first.wait()
    second = channel.again(first)
    with whole(schema, target), Workload(source, schema, clients=2, seed=2, pause_s=0.01) as load:
        wait_until(lambda: load.committed >= 20, 60, "traffic")
        second.start()
        stopped(first, ONE_WAY, "E5010")
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
    with whole(schema, target):
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
    with whole(schema, us), Workload(hz, schema, clients=2, seed=4, pause_s=0.01) as load:
        for i in range(1, 300):
            transaction(hz, schema, *(f"UPDATE base SET v = v + 1 WHERE id = {(i * step) % COUNT + 1}" for step in (1, 5, 7)))
            with contextlib.closing(us.connect(schema)) as c, c.cursor() as cursor, contextlib.suppress(Exception):
                cursor.execute("BEGIN")
                for step in (7, 5, 1):
                    cursor.execute(f"SELECT * FROM base WHERE id = {(i * step) % COUNT + 1} FOR UPDATE")
                cursor.execute("COMMIT")
                local += 1
            if i >= 15 and local > 0:  # each of them may have given way so far
                break
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
