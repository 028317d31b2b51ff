"""The same rows written at both ends, `conflicts: last-writer-wins`: whatever is written wherever, both end the same."""

import contextlib
import random
import threading

import pymysql
import pytest
import steps
from conftest import same

CLASHES = (1062, 1205, 1213, 1020)  # of a user's own statement: somebody was there first
HOT = "CREATE TABLE hot (id INT PRIMARY KEY, n INT NOT NULL, v VARCHAR(30))"
RIVAL = "CREATE TABLE rival (id INT PRIMARY KEY, u INT NULL, w INT NOT NULL, v VARCHAR(30), UNIQUE (u), UNIQUE (w))"
KEYS, VALUES = 12, 8


class Crowd:
    """Clients of one site, each with transactions of a few statements on the same few rows as those of the other site."""

    def __init__(self, server, schema, site, statement, clients=2, transactions=60):
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
            made = channel(dict(zip(("hz", "us"), servers)), "hz <-> us", conflicts="last-writer-wins", **more)
            steps.run_at(servers, schema, table)
            return (*servers, made)
        yield make


def settle(lutra):
    """What was applied may be followed by what it frees."""
    lutra.wait()
    for name, p in lutra.pipelines().items():
        assert p["state"] == "running", (name, p)


@pytest.mark.parametrize("engines", [("mariadb", "mariadb"), ("mariadb", "mysql"), ("mysql", "mysql")], ids="-".join)
def test_hot_rows_end_equal(engines, two_way, schema):
    hz, us, lutra = two_way(*engines, HOT)
    lutra.start()
    crowds = [Crowd(server, schema, number, hot).start() for number, server in ((1, hz), (2, us))]
    for crowd in crowds:
        crowd.join()
    settle(lutra)
    same(hz, us, schema)
    assert lutra.stop() == 0
