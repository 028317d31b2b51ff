"""The same rows written at both ends, `conflicts: last-writer-wins`: whatever is written wherever, both end the same."""

import contextlib
import random
import threading

import pymysql
import pytest
import steps
from conftest import same
from lutralab.lutra import Keeper
from lutralab.servers import wait_until
from test_steps import binary

CLASHES = (1062, 1205, 1213, 1020)  # of a user's own statement: somebody was there first
HOT = "CREATE TABLE hot (id INT PRIMARY KEY, n INT NOT NULL, v VARCHAR(30)) CHARSET utf8mb4"
RIVAL = "CREATE TABLE rival (id INT PRIMARY KEY, u INT NULL, w INT NOT NULL, v VARCHAR(30), UNIQUE (u), UNIQUE (w)) CHARSET utf8mb4"
KEYS, VALUES = 12, 8


class Crowd:
    """Clients of one site, each with transactions of a few statements on the same few rows as those of the other site."""

    def __init__(self, server, schema, site, statement, clients=2, transactions=40):
        self.server, self.schema, self.statement, self.failed = server, schema, statement, []
        self.threads = [threading.Thread(target=self._run, args=(random.Random(f"{site}.{i}"), transactions)) for i in range(clients)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def join(self):
        for thread in self.threads:
            thread.join()
        assert not self.failed, self.failed[0]

    def _run(self, rnd, transactions):
        try:
            with contextlib.closing(self.server.connect(self.schema)) as c, c.cursor() as cursor:
                for _ in range(transactions):
                    self._transaction(c, cursor, rnd)
        except Exception as e:  # told by join()
            self.failed.append(e)

    def _transaction(self, c, cursor, rnd):
        try:
            cursor.execute("BEGIN")
            for _ in range(rnd.randint(1, 4)):
                cursor.execute(self.statement(rnd))
            cursor.execute("COMMIT" if rnd.random() < 0.9 else "ROLLBACK")
        except pymysql.err.MySQLError as e:
            if e.args[0] not in CLASHES:
                raise
            cursor.execute("ROLLBACK")


def hot(rnd):
    key, other, n = rnd.randrange(KEYS), rnd.randrange(KEYS), rnd.randrange(1000)
    return rnd.choice((
        f"INSERT IGNORE INTO hot VALUES ({key}, {n}, 'new')",
        f"REPLACE INTO hot VALUES ({key}, {n}, 'again')",
        f"UPDATE hot SET n = {n}, v = 'one' WHERE id = {key}",
        f"UPDATE hot SET n = n + 1 WHERE id IN ({key}, {other})",
        f"DELETE FROM hot WHERE id = {key}",
        f"UPDATE IGNORE hot SET id = {other} WHERE id = {key}"))


def rival(rnd):
    key, other, u, w = rnd.randrange(KEYS), rnd.randrange(KEYS), rnd.randrange(VALUES), rnd.randrange(VALUES)
    return rnd.choice((
        f"INSERT IGNORE INTO rival VALUES ({key}, {u}, {w}, 'new')",
        f"REPLACE INTO rival VALUES ({key}, {u}, {w}, 'again')",
        f"UPDATE IGNORE rival SET u = {u} WHERE id = {key}",
        f"UPDATE IGNORE rival SET w = {w} WHERE id = {key}",
        f"UPDATE rival SET u = NULL WHERE id = {key}",
        f"DELETE FROM rival WHERE id = {key}",
        f"UPDATE IGNORE rival SET id = {other} WHERE id = {key}"))


@pytest.fixture
def two_way(site, channel, schema):
    """two_way(engine, engine, table): both servers, and a Lutra, not started, that decides by the last writer."""
    servers = []
    with contextlib.ExitStack() as stack:
        def make(one, other, table, **more):
            servers.extend((site(one, 1), site(other, 2)))
            for server in servers:
                stack.enter_context(steps.server_globals(server, binlog_row_metadata="FULL"))
            made = channel(dict(zip(("hz", "us"), servers)), "hz <-> us", **{"conflicts": "last-writer-wins", **more})
            steps.run_at(servers, schema, table)
            return (*servers, made)
        yield make


def ends_equal(lutra, *sites):
    """Everything is applied, and what follows from it has come, too: so `lutra wait` says."""
    lutra.wait()
    same(*sites, lutra.name)
    for name, p in lutra.pipelines().items():
        assert p["state"] == "running", (name, p)


def write_at_both(lutra, hz, us, statement, **more):
    crowds = [Crowd(server, lutra.name, number, statement, **more).start() for number, server in ((1, hz), (2, us))]
    for crowd in crowds:
        crowd.join()


@pytest.mark.parametrize("engines", [("mariadb", "mariadb"), ("mariadb", "mysql")], ids="-".join)
def test_hot_rows_end_equal(engines, two_way):
    hz, us, lutra = two_way(*engines, HOT)
    lutra.start()
    write_at_both(lutra, hz, us, hot)
    ends_equal(lutra, hz, us)
    assert lutra.stop() == 0


def test_hot_rows_on_several_connections_end_equal(two_way):
    hz, us, lutra = two_way("mariadb", "mysql", HOT, extra=["writers: 3", "group: { rows: 5 }"])
    lutra.start()
    assert lutra.stop() == 0
    write_at_both(lutra, hz, us, hot)
    lutra.start()
    write_at_both(lutra, hz, us, hot)
    ends_equal(lutra, hz, us)


def parked(server):
    return server.sql("SELECT HEX(id), HEX(image), clock_us, seq, origin FROM lutra.parked ORDER BY id")


def test_values_that_rows_compete_for_end_equal(two_way):
    hz, us, lutra = two_way("mysql", "mariadb", RIVAL)
    lutra.start()
    write_at_both(lutra, hz, us, rival)
    ends_equal(lutra, hz, us)
    assert parked(hz) == parked(us)


def test_a_row_that_lost_a_unique_value_comes_back(two_way):
    """Its value is freed by a user, with nothing else to be applied at that site."""
    hz, us, lutra = two_way("mariadb", "mysql", RIVAL)
    lutra.start()
    assert lutra.stop() == 0
    steps.transaction(hz, lutra.name, "INSERT INTO rival VALUES (1, 5, 1, 'hz')")
    steps.transaction(us, lutra.name, "INSERT INTO rival VALUES (2, 5, 2, 'us')")
    lutra.start()
    ends_equal(lutra, hz, us)
    (shown,), = hz.sql("SELECT id FROM rival", db=lutra.name)
    steps.transaction(hz, lutra.name, "UPDATE rival SET u = 6" if shown == 1 else "DELETE FROM rival")
    ends_equal(lutra, hz, us)
    for server in (hz, us):
        assert 3 - shown in steps.column(server, lutra.name, "SELECT id FROM rival")
        assert not server.sql("SELECT 1 FROM lutra.parked")


def test_hot_rows_end_equal_though_lutra_is_killed(two_way):
    hz, us, lutra = two_way("mariadb", "mysql", HOT)
    lutra.start()
    with Keeper(lutra, random.Random(7), kills=6, longest_s=0.6) as keeper:
        write_at_both(lutra, hz, us, hot)
        keeper.finish()
    ends_equal(lutra, hz, us)


# What lies there, what each site writes without having seen the other, and what may come of it.
BASE = "INSERT INTO hot VALUES (2, 0, 'base'), (3, 0, 'base'), (4, 0, 'base'), (5, 0, 'base'), (7, 0, 'base')"
CASES = [
    ("INSERT INTO hot VALUES (1, 1, 'hz')", "INSERT INTO hot VALUES (1, 2, 'us')", 1, ("hz", "us")),
    ("UPDATE hot SET v = 'hz' WHERE id = 2", "UPDATE hot SET v = 'us' WHERE id = 2", 2, ("hz", "us")),
    ("UPDATE hot SET v = 'hz' WHERE id = 3", "DELETE FROM hot WHERE id = 3", 3, ("hz", None)),
    ("DELETE FROM hot WHERE id = 4", "REPLACE INTO hot VALUES (4, 4, 'us')", 4, (None, "us")),
    ("UPDATE hot SET id = 6, v = 'hz' WHERE id = 5", "INSERT INTO hot VALUES (6, 6, 'us')", 6, ("hz", "us")),
    ("UPDATE hot SET v = 'x' WHERE id = 7", "UPDATE hot SET n = n WHERE id = 7", 7, ("x",)),
]


def test_each_kind_of_conflict_is_decided_alike(two_way):
    hz, us, lutra = two_way("mysql", "mariadb", HOT)
    steps.run_at((hz, us), lutra.name, BASE)
    lutra.start()
    assert lutra.stop() == 0
    for server, which in ((hz, 0), (us, 1)):
        for case in CASES:
            steps.transaction(server, lutra.name, case[which])
    lutra.start()
    ends_equal(lutra, hz, us)
    rows = dict(hz.sql("SELECT id, v FROM hot", db=lutra.name))
    for _, _, key, allowed in CASES:
        assert rows.get(key) in allowed, (key, rows)
    assert 5 not in rows


# -- held, and killed where it hurts ---------------------------------------------------------------------------

@pytest.fixture
def faulty(two_way, channel):
    if not binary().exists():
        pytest.skip(f"{binary()} is not built (`make faults`)")
    channel.more = {"program": binary()}
    return two_way


def test_killed_at_each_step_of_settling(faulty):
    hz, us, lutra = faulty("mariadb", "mysql", HOT, extra=["group: { rows: 8 }"])
    lutra.start()
    assert lutra.stop() == 0
    write_at_both(lutra, hz, us, hot)
    for step in ("settle.locked", "settle.fenced", "settle.decided", "settle.written", "load.commit.sent"):
        lutra.env["LUTRA_KILL_AT"] = f"{step}:2"
        lutra.start(wait=False)
        wait_until(lambda: not lutra.alive, steps.PATIENCE_S, f"the end at {step}")
    del lutra.env["LUTRA_KILL_AT"]
    lutra.start()
    ends_equal(lutra, hz, us)


SELDOM = {"policy": "last-writer-wins", "heartbeat": "5s"}  # while Lutra is held no heartbeat comes, and stamps count at most two of them above the last


def held_at(lutra, step, hz, us, statement):
    """Lutra holds at the step while it applies what is written at hz. What us writes then is later, also by
    stamps of whole seconds."""
    lutra.env["LUTRA_HOLD_AT"] = step
    lutra.start()
    for server in (hz, us):
        wait_until(lambda: server.sql("SELECT 1 FROM lutra.site WHERE beat IS NOT NULL"), steps.PATIENCE_S, "a heartbeat")
    steps.transaction(hz, lutra.name, statement)
    wait_until(lambda: lutra.held, steps.PATIENCE_S, "Lutra to hold")
    (written,), = hz.sql("SELECT UNIX_TIMESTAMP()")
    wait_until(lambda: us.sql("SELECT UNIX_TIMESTAMP()")[0][0] > written + 1, steps.PATIENCE_S, "a second to pass")


def test_r21_what_is_locked_is_known_before_it_is_decided(faulty):
    """While Lutra is held before it locks a row, that row is written at the site, behind much that is to be read first."""
    hz, us, lutra = faulty("mariadb", "mysql", HOT, conflicts=SELDOM)
    steps.run_at((hz, us), lutra.name, "CREATE TABLE much (id INT PRIMARY KEY, n INT)", BASE)
    held_at(lutra, "load.lane", hz, us, "UPDATE hot SET v = 'hz' WHERE id = 2")
    for i in range(4):
        steps.transaction(us, lutra.name, f"INSERT INTO much WITH RECURSIVE s (n) AS (SELECT {i * 20000} UNION ALL SELECT n + 1 FROM s"
                          f" WHERE n < {i * 20000 + 19999}) SELECT n, 0 FROM s", before=["SET SESSION cte_max_recursion_depth = 20000"])
    steps.transaction(us, lutra.name, "UPDATE hot SET v = 'us' WHERE id = 2")
    lutra.go_on()
    lutra.wait()
    rows = [server.sql("SELECT v FROM hot WHERE id = 2", db=lutra.name)[0][0] for server in (hz, us)]
    assert rows == ["us", "us"]


def test_r17_a_row_that_is_not_there_is_locked(faulty):
    """While Lutra is held behind its decision, a user cannot insert the same row and delete it again."""
    hz, us, lutra = faulty("mariadb", "mysql", HOT, conflicts=SELDOM)
    held_at(lutra, "settle.decided", hz, us, "INSERT INTO hot VALUES (1, 1, 'hz')")
    waits = "SET SESSION innodb_lock_wait_timeout=1"
    with pytest.raises(pymysql.err.OperationalError, match="1205"):
        us.script([waits, "INSERT INTO hot VALUES (1, 2, 'us')", "DELETE FROM hot WHERE id = 1"], db=lutra.name)
    lutra.go_on()
    lutra.wait()
    rows = [server.sql("SELECT v FROM hot", db=lutra.name) for server in (hz, us)]
    assert rows == [(("hz",),)] * 2
