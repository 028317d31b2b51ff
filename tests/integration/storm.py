"""A storm on a conflict channel: clients at all sites write the same few rows while something goes wrong, and what must hold afterwards."""

import collections
import contextlib
import itertools
import json
import random
import threading
import time

import conflict_oracle
import pymysql
import steps
from conflict_oracle import NO_ROW, Columns, LastWriter, Met, Named, Trusted, Version, text_of
from conftest import same
from lutralab.servers import wait_until

REFUSED = (1020, 1062, 1205, 1213)  # somebody was there first
ROWS, VALUES = 6, 5
HOT = "CREATE TABLE hot (id INT PRIMARY KEY, v VARCHAR(30) NOT NULL) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
LWW = "last-writer-wins"
QUICK = {"policy": LWW, "heartbeat": "100ms"}

Kind = collections.namedtuple("Kind", "create policy file")  # a table, by which policy it is decided, and what the channel file says of it


def made(name, columns):
    return f"CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR(30), {columns}) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"


# Functions that no user would write, once in Lua and once here: order, sites and what was before all matter.
JOINED = """
return function(writes)
  local said = {}
  for _, w in ipairs(writes) do
    local before = w.before == nil and "+" or w.before == NULL and "-" or w.before
    said[#said + 1] = w.site .. ":" .. before .. ">" .. (w.after == NULL and "-" or w.after)
  end
  return table.concat(said, " "):sub(-40)
end
"""
BACKWARDS = """
return function(writes)
  local best, most = 1, ""
  for i, w in ipairs(writes) do
    local text = (w.after and w.after.v ~= NULL and w.after.v or ""):reverse()
    if text > most then best, most = i, text end
  end
  return best
end
"""


def joined(writes):
    def text(value):
        return "+" if value is NO_ROW else "-" if value is None else value
    return " ".join(f"{chr(ord('a') + site - 1)}:{text(before)}>{text(after)}" for site, before, after in writes)[-40:]


def backwards(writes):
    texts = [("" if after is NO_ROW else after["v"] or "")[::-1] for _, _, after in writes]
    return texts.index(max(texts))


TOP_AND_LOW = "top INT NULL, low INT NULL"
KINDS = {
    "hot": Kind(HOT, LastWriter(), {}),
    "parts": Kind(made("parts", "w VARCHAR(30)"), Columns(), {"policy": "column-last-writer-wins"}),
    "stock": Kind(made("stock", "n BIGINT NOT NULL"), Columns(n="counter"), {"columns": {"n": "counter"}}),  # no row comes or goes
    "tally": Kind(made("tally", f"n BIGINT NULL, {TOP_AND_LOW}"), Columns(n="counter", top="greatest", low="least"),
                  {"columns": {"n": "counter", "top": "greatest", "low": "least"}}),
    "price": Kind(made("price", "w VARCHAR(30)"), Trusted(2, 1), {"policy": {"trusted": ["b", "a"]}}),
    "rival": Kind(made("rival", "u INT NULL, w INT NOT NULL, UNIQUE (u), UNIQUE (w)"), LastWriter("u", "w"), {"policy": LWW}),
    "label": Kind(made("label", "w VARCHAR(40)"), Columns(w=joined), {"columns": {"w": {"function": JOINED}}}),
    "offer": Kind(made("offer", "w VARCHAR(30)"), Named(backwards), {"policy": {"function": BACKWARDS}}),
    "diary": Kind("CREATE TABLE diary (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(30)) CHARACTER SET utf8mb4", None, {"policy": "none"}),
}
FIRST = 100  # of each counter
STOCKED = f"INSERT INTO stock VALUES {', '.join(f'({key}, NULL, {FIRST})' for key in range(ROWS))}"
EVERY_KIND = (*(kind.create for kind in KINDS.values()), STOCKED)


def by_kind(schema):
    """What the channel file says, so that each table has its policy."""
    return {**QUICK, "tables": [{"table": f"{schema}.{name}", **kind.file} for name, kind in KINDS.items() if kind.file]}


def hot(rnd, value):
    """A statement on the hot rows; `value` is written by nothing else."""
    key = rnd.randrange(ROWS)
    return rnd.choice((("INSERT IGNORE INTO hot VALUES (%s, %s)", (key, value)),
                       ("REPLACE INTO hot VALUES (%s, %s)", (key, value)),
                       ("UPDATE hot SET v=%s WHERE id=%s", (value, key)),
                       ("UPDATE hot SET v=%s WHERE id=%s", (value, key)),
                       ("DELETE FROM hot WHERE id=%s", (key,)),
                       ("UPDATE IGNORE hot SET id=%s, v=%s WHERE id=%s", (rnd.randrange(ROWS), value, key))))


def two_texts(table):
    def write(rnd, value):
        key = rnd.randrange(ROWS)
        return rnd.choice(((f"REPLACE INTO {table} VALUES (%s, %s, NULL)", (key, value)),
                           (f"INSERT IGNORE INTO {table} VALUES (%s, NULL, %s)", (key, value)),
                           *[(f"UPDATE {table} SET {column}=%s WHERE id=%s", (value, key)) for column in "vvww"],
                           (f"UPDATE {table} SET v=%s, w=NULL WHERE id=%s", (value, key)),
                           (f"UPDATE IGNORE {table} SET id=%s WHERE id=%s", (rnd.randrange(ROWS), key)),
                           (f"DELETE FROM {table} WHERE id=%s", (key,))))
    return write


def stock(rnd, value):
    return "UPDATE stock SET n=n+%s, v=%s WHERE id=%s", (rnd.randrange(-5, 10), value, rnd.randrange(ROWS))


def tally(rnd, value):
    key, number = rnd.randrange(ROWS), rnd.choice((None, *range(1, 1000, 100)))
    return rnd.choice((("REPLACE INTO tally VALUES (%s, %s, %s, %s, %s)", (key, value, number, number, number)),
                       ("INSERT IGNORE INTO tally VALUES (%s, %s, 10, 20, 30)", (key, value)),
                       ("UPDATE tally SET n=n+%s, v=%s WHERE id=%s", (rnd.randrange(1, 9), value, key)),
                       ("UPDATE tally SET n=n-%s WHERE id=%s", (rnd.randrange(1, 9), key)),
                       ("UPDATE tally SET n=%s WHERE id=%s", (number, key)),
                       ("UPDATE tally SET top=%s WHERE id=%s", (number, key)),
                       ("UPDATE tally SET low=%s WHERE id=%s", (number, key)),
                       ("DELETE FROM tally WHERE id=%s", (key,))))


def rival(rnd, value):
    key, number = rnd.randrange(ROWS), rnd.randrange(VALUES)
    return rnd.choice((("INSERT IGNORE INTO rival VALUES (%s, %s, %s, %s)", (key, value, number, rnd.randrange(VALUES))),
                       ("REPLACE INTO rival VALUES (%s, %s, %s, %s)", (key, value, number, rnd.randrange(VALUES))),
                       ("UPDATE IGNORE rival SET u=%s, v=%s WHERE id=%s", (number, value, key)),
                       ("UPDATE IGNORE rival SET w=%s WHERE id=%s", (number, key)),
                       ("UPDATE rival SET u=NULL WHERE id=%s", (key,)),
                       ("UPDATE rival SET v=%s WHERE id=%s", (value, key)),
                       ("DELETE FROM rival WHERE id=%s", (key,)),
                       ("UPDATE IGNORE rival SET id=%s WHERE id=%s", (rnd.randrange(ROWS), key))))


def diary(rnd, value):
    """Written at one site alone."""
    return ("INSERT INTO diary (v) VALUES (%s)", (value,)) if value[0] == "a" else hot(rnd, value)


CLASH = ("INSERT INTO hot VALUES (0, '{0}')", "INSERT INTO parts VALUES (0, '{0}', NULL)", "UPDATE stock SET v='{0}' WHERE id=0",
         "INSERT INTO tally VALUES (0, '{0}', 1, 2, 3)", "INSERT INTO price VALUES (0, '{0}', NULL)", "INSERT INTO rival VALUES (0, '{0}', NULL, 0)",
         "INSERT INTO label VALUES (0, '{0}', '{0}')", "INSERT INTO offer VALUES (0, '{0}', NULL)")


DECIDED = (hot, two_texts("parts"), stock, tally, two_texts("price"), rival, rival, two_texts("label"), two_texts("offer"))


def any_decided(rnd, value):
    return rnd.choice(DECIDED)(rnd, value)


def any_kind(rnd, value):
    return rnd.choice((*DECIDED, diary))(rnd, value)


class Clients:
    """Some clients at each site, in transactions of one to three statements, until stop() or, with `limit`, after so many each. What a server refuses
    is rolled back; where one goes away the client comes again, and does not know what became of its last transaction: the logs do. `acknowledged`: of
    those whose COMMIT was answered, what they wrote last."""

    def __init__(self, sites, schema, statement=hot, each=2, limit=None, pause_s=0.0):
        self.schema, self.statement, self.limit, self.pause_s = schema, statement, limit, pause_s
        self.committed = {name: 0 for name in sites}
        self.acknowledged = {name: set() for name in sites}
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
        last = None
        try:
            cursor.execute("BEGIN")
            for k in range(rnd.randint(1, 3)):
                statement, values = self.statement(rnd, f"{value}-{k}")
                if cursor.execute(statement, values) > 0:
                    last = f"{value}-{k}" if f"{value}-{k}" in values else None
            cursor.execute("COMMIT")
            self.committed[name] += 1
            self.acknowledged[name].add(last)
        except pymysql.err.MySQLError as e:
            if e.args[0] not in REFUSED:
                raise
            cursor.execute("ROLLBACK")


def is_gone(e):
    """Whether it was the server that went away, or its end of the session."""
    return isinstance(e, pymysql.err.InterfaceError) or e.args[0] in (1053, 2002, 2003, 2006, 2013)


class Storm:
    """A channel whose sites write the same rows; Lutra is not started. Its tables are some of KINDS. Owned by one thread."""

    def __init__(self, channel, sites, schema, tables=(HOT,), conflicts=LWW, **more):
        for server in sites.values():
            steps.purge_all(server)  # the oracle reads all of the log
        self.sites, self.schema, self.servers = sites, schema, list(sites.values())
        self.interval_us = 100000 if isinstance(conflicts, dict) and conflicts.get("heartbeat") == "100ms" else 1000000
        self.lutra = channel(sites, "a <-> b" if len(sites) == 2 else "mesh", bare=True, conflicts=conflicts, **more)
        steps.run_at(self.servers, schema, *tables)
        self.policies = {name: KINDS[name].policy for name in steps.column(self.servers[0], schema, "SHOW TABLES") if name in KINDS}
        self.base = self.rows(self.servers[0])
        self.crowds, self.kept = [], {}

    def clients(self, statement=hot, **more):
        self.crowds.append(Clients(self.sites, self.schema, statement, **more))
        return self.crowds[-1]

    def clash(self):
        """In each table of EVERY_KIND the first two sites write a row, neither knowing. Then all run."""
        with steps.apart(self.lutra):
            for server, name in zip(self.servers, "ab"):
                steps.transaction(server, self.schema, *[statement.format(name) for statement in CLASH])

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
        # Whoever was cut off from a site that was killed tries again in a moment.
        wait_until(lambda: all(site["error"] is None for site in self.lutra.status()["channels"][0]["sites"]), steps.PATIENCE_S, "each site to be kept")
        status, = self.lutra.status()["channels"]
        drift = [server.sql("SELECT * FROM lutra.conflict WHERE channel=%s AND rule='drift'", (self.lutra.name,)) for server in self.servers]
        assert status["divergence"] == 0, drift
        for site in status["sites"]:
            assert (site["went_back"], site["drift"], site["error"]) == (0, 0, None), site
        assert not any(drift)

    def rows(self, server):
        """{(table, key): row} of the tables that are decided."""
        found = {}
        with contextlib.closing(server.connect(self.schema, cursorclass=pymysql.cursors.DictCursor)) as c, c.cursor() as cursor:
            for table in (name for name, policy in self.policies.items() if policy):
                cursor.execute(f"SELECT * FROM {table}")
                found.update({(table, row["id"]): row for row in cursor.fetchall()})
        return found

    def logs(self, tables=None):
        """Of tables that are no KINDS, where they are named."""
        return {number: conflict_oracle.read_log(self.lutra.program, server, self.schema, self.lutra.name, tables or self.policies) if not self.kept
                else self.log_with_kept(number, server) for number, server in enumerate(self.servers, 1)}

    def keep_logs(self):
        """What the oracle is to know though the logs will be purged."""
        self.kept = {number: {t.at: t for t in log} for number, log in self.logs().items()}

    def log_with_kept(self, number, server):
        began = min(self.kept[number])
        later = conflict_oracle.read_log(self.lutra.program, server, self.schema, self.lutra.name, self.policies, began=began)
        return [t for _, t in sorted({**self.kept[number], **{t.at: t for t in later}}.items())]

    def oracle(self, logs=None):
        return conflict_oracle.Oracle(logs or self.logs(), self.policies, self.base, self.interval_us)

    def is_explained(self, logs=None):
        """Each site's rows, those parked there and its conflict log are what its log and its peers' ask for; the lines."""
        logs = logs or self.logs()
        self.has_acknowledged(logs)
        oracle = self.oracle(logs)
        self.is_made_of(oracle)
        lines = [line for number in range(1, len(self.servers) + 1) for line in self.told(oracle, number)]
        assert not oracle.unexplained(lines)
        return lines

    def is_made_of(self, oracle):
        """What each site shows, and what is parked there."""
        shown, parked = oracle.final()
        parked = {key: [None if value is None else str(value) for value in row.values()] for key, row in parked.items()}
        for server in self.servers:
            assert self.rows(server) == shown
            wait_until(lambda: self.parked(server) == parked, steps.PATIENCE_S, f"what is parked at {server} to be {parked}")

    def told(self, oracle, number):
        """The conflict log of a site is what it must be; its lines."""
        wanted = sorted(oracle.met(number))
        assert recorded(self.servers[number - 1], self.lutra.name) == wanted
        return wanted

    def has_acknowledged(self, logs):
        """Whatever a client was told is committed stands in its site's log."""
        for number, name in enumerate(self.sites, 1):
            written = {value for t in logs[number] if not t.own for _, after in t.changes.values() if after for value in after.values()}
            missing = {value for crowd in self.crowds for value in crowd.acknowledged[name]} - written - {None}
            assert not missing, f"{name} acknowledged {sorted(missing)[:5]}, and its log has nothing of it"

    def parked(self, server):
        """{(table, key): values as they are kept}"""
        images = server.sql("SELECT table_name, image FROM lutra.parked WHERE channel=%s", (self.lutra.name,))
        return {(table, int(values[0])): values for table, values in ((table, conflict_oracle.Bytes(image).values()) for table, image in images)}

    def ends_well(self):
        self.settle()
        self.is_equal()
        self.is_silent()
        lines = self.is_explained()
        assert lines  # else nothing was tried
        return lines


def recorded(server, channel):
    """The conflict log of a site, but for the audit's alarms."""
    with contextlib.closing(server.connect(cursorclass=pymysql.cursors.DictCursor)) as c, c.cursor() as cursor:
        cursor.execute("SELECT * FROM lutra.conflict WHERE channel=%s AND rule<>'drift'", (channel,))
        return sorted(Met(Version(line["clock_us"], line["origin"], line["seq"]), (line["table_name"], json.loads(line["row_key"])["id"]),
                          Version(line["met_clock_us"], line["met_origin"], line["met_seq"]), bool(line["won"]), line["rule"], line["operation"],
                          *(text_of(json.loads(line[f"{image}_image"] or "null")) for image in ("before", "after", "found", "now")))
                      for line in cursor.fetchall())
