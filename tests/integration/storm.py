"""A storm on a conflict channel: clients at all sites write the same few rows while something goes wrong, and what must hold afterwards."""

import contextlib
import itertools
import json
import random
import threading
import time

import conflict_oracle
import pymysql
import steps
from conftest import same
from lutralab.servers import wait_until

REFUSED = (1020, 1062, 1205, 1213)  # somebody was there first
ROWS = 6
HOT = "CREATE TABLE hot (id INT PRIMARY KEY, v VARCHAR(30) NOT NULL) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
LWW = "last-writer-wins"
QUICK = {"policy": LWW, "heartbeat": "100ms"}


def hot(rnd, value):
    """A statement on the hot rows; `value` is written by nothing else."""
    key = rnd.randrange(ROWS)
    return rnd.choice((("INSERT IGNORE INTO hot VALUES (%s, %s)", (key, value)),
                       ("REPLACE INTO hot VALUES (%s, %s)", (key, value)),
                       ("UPDATE hot SET v=%s WHERE id=%s", (value, key)),
                       ("UPDATE hot SET v=%s WHERE id=%s", (value, key)),
                       ("DELETE FROM hot WHERE id=%s", (key,)),
                       ("UPDATE IGNORE hot SET id=%s, v=%s WHERE id=%s", (rnd.randrange(ROWS), value, key))))


class Clients:
    """Some clients at each site, in transactions of one to three statements, until stop() or, with `limit`, after so many each. What a server refuses
    is rolled back; where one goes away the client comes again, and does not know what became of its last transaction: the logs do."""

    def __init__(self, sites, schema, statement=hot, each=2, limit=None, pause_s=0.0):
        self.schema, self.statement, self.limit, self.pause_s = schema, statement, limit, pause_s
        self.committed = {name: 0 for name in sites}
        self.failed = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(server, name, i), daemon=True) for name, server in sites.items() for i in range(each)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def join(self):
        for thread in self._threads:
            thread.join()
        assert not self.failed, self.failed[0]

    def stop(self):
        self._stop.set()
        self.join()

    def go_on(self, count=20):
        """Wait until each site has committed so many more."""
        goal = {name: done + count for name, done in self.committed.items()}
        wait_until(lambda: self.failed or all(self.committed[name] >= g for name, g in goal.items()), steps.PATIENCE_S, "all sites to be written")
        assert not self.failed, self.failed[0]

    def _run(self, server, name, number):
        rnd, numbers = random.Random(f"{name}{number}"), itertools.count() if self.limit is None else iter(range(self.limit))
        try:
            while not self._stop.is_set() and self._session(server, f"{name}{number}", name, rnd, numbers):
                time.sleep(0.05)
        except Exception as e:
            self.failed.append(e)

    def _session(self, server, who, name, rnd, numbers):
        """False: all is written."""
        try:
            with contextlib.closing(server.connect(self.schema)) as c, c.cursor() as cursor:
                for i in numbers:
                    if self._stop.is_set():
                        return False
                    self._transaction(cursor, name, rnd, f"{who}-{i}")
                    time.sleep(self.pause_s)
            return False
        except pymysql.err.MySQLError as e:
            if not is_gone(e):
                raise
            return True

    def _transaction(self, cursor, name, rnd, value):
        try:
            cursor.execute("BEGIN")
            for k in range(rnd.randint(1, 3)):
                cursor.execute(*self.statement(rnd, f"{value}-{k}"))
            cursor.execute("COMMIT")
            self.committed[name] += 1
        except pymysql.err.MySQLError as e:
            if e.args[0] not in REFUSED:
                raise
            cursor.execute("ROLLBACK")


def is_gone(e):
    """Whether it was the server that went away, or its end of the session."""
    return isinstance(e, pymysql.err.InterfaceError) or e.args[0] in (1053, 2002, 2003, 2006, 2013)


class Storm:
    """A channel whose sites write the same rows; Lutra is not started. Owned by one thread."""

    def __init__(self, channel, sites, schema, tables=(HOT,), conflicts=LWW, **more):
        for server in sites.values():
            steps.purge_all(server)  # the oracle reads all of the log
        self.sites, self.schema, self.servers = sites, schema, list(sites.values())
        self.interval_us = 100000 if isinstance(conflicts, dict) and conflicts.get("heartbeat") == "100ms" else 1000000
        self.lutra = channel(sites, "a <-> b" if len(sites) == 2 else "mesh", conflicts=conflicts, **more)
        steps.run_at(self.servers, schema, *tables)

    def clients(self, statement=hot, **more):
        return Clients(self.sites, self.schema, statement, **more)

    def settle(self):
        """Nobody writes: all that was written has come, and what followed from it."""
        self.lutra.wait()
        self.lutra.wait()

    def is_equal(self):
        for server in self.servers[1:]:
            same(self.servers[0], server, self.schema)

    def is_silent(self):
        """No pipeline stands, and no row was found to be what it must not be."""
        for name, pipeline in self.lutra.pipelines().items():
            assert pipeline["state"] == "running", (name, pipeline)
        status, = self.lutra.status()["channels"]
        assert status["divergence"] == 0
        for site in status["sites"]:
            assert (site["went_back"], site["drift"], site["error"]) == (0, 0, None), site
        for server in self.servers:
            assert not server.sql("SELECT * FROM lutra.conflict WHERE channel=%s AND rule='drift'", (self.lutra.name,))

    def logs(self, keys=None):
        return {number: conflict_oracle.read_log(self.lutra.program, server, self.schema, self.lutra.name, keys or {"hot": "id"}, marks=not keys)
                for number, server in enumerate(self.servers, 1)}

    def is_explained(self, logs=None):
        """Each site's rows and conflict log are what its log and its peers' ask for; how many writes met another one."""
        oracle = conflict_oracle.Oracle(logs or self.logs(), self.interval_us)
        wanted, met = oracle.rows(), 0
        for number, server in enumerate(self.servers, 1):
            assert {("hot", key): {"id": key, "v": v} for key, v in server.sql("SELECT id, v FROM hot", db=self.schema)} == wanted
            lines = sorted(oracle.met(number))
            assert recorded(server, self.lutra.name) == lines
            met += len(lines)
        return met

    def ends_well(self):
        self.settle()
        self.is_equal()
        self.is_silent()
        assert self.is_explained() > 0  # else nothing was tried


def recorded(server, channel):
    """The conflict log of a site, but for the audit's alarms."""
    return sorted(conflict_oracle.Met(conflict_oracle.Version(clock, origin, seq), ("hot", next(iter(json.loads(key).values()))),
                                      conflict_oracle.Version(met_clock, met_origin, met_seq), bool(won))
                  for clock, origin, seq, met_clock, met_origin, met_seq, key, won in server.sql(
                      "SELECT clock_us, origin, seq, met_clock_us, met_origin, met_seq, row_key, won FROM lutra.conflict"
                      " WHERE channel=%s AND rule<>'drift'", (channel,)))
