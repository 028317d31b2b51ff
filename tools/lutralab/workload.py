"""A random transactional workload of several clients. The same seed gives the same transactions of each client.

What a reader of any copy may rely on, at every moment and in each snapshot:
  account  balances of all accounts sum to 1000 each (transfers; accounts come in whole transactions)
  parent   counter is the number of its children
  seq      each client's numbers have no gap
  ledger   keyless; each transaction's id once
"""

import contextlib
import random
import threading
import time

import pymysql

from . import shapes
from .shapes import CLIENT_KEYS, text, value

ACCOUNTS = 10
SQL_MODE = "STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO"

DUPLICATE, NO_PARENT, LOCK_TIMEOUT, DEADLOCK = 1062, 1452, 1205, 1213
# Read-only, shutting down (and ending what runs), too many connections: the server says that it is not ready, not that we are wrong.
AWAY = {1040, 1053, 1290, 1317, 1792, 1836, 2003, 2006, 2013, 2055, 4031}


def create_schema(server, schema, tables=True):
    server.sql(f"DROP DATABASE IF EXISTS `{schema}`")
    server.sql(f"CREATE DATABASE `{schema}`")
    if tables:
        server.script([f"SET sql_mode='{SQL_MODE}'", *shapes.tables()], db=schema)


class Client(threading.Thread):
    """One session's transactions. Counters are read by others, written here only."""

    def __init__(self, load, number):
        super().__init__(name=f"client-{number}", daemon=True)
        self.load = load
        self.number = number
        self.rng = random.Random(f"{load.seed}/{number}")
        self.base = number * 1_000_000
        self.committed = 0
        self.rows = 0
        self.failure = None
        self._c = None
        self._cursor = None
        self._columns = shapes.kinds_columns()

    def run(self):
        try:
            while not self.load._stop.is_set():
                if self.load.limit and self.committed >= self.load.limit:
                    return
                self._one()
                if self.load.pause_s:
                    self.load._stop.wait(self.load.pause_s * self.rng.uniform(0, 2))
        except Exception as e:
            self.failure = e
        finally:
            self._drop()

    def _one(self):
        """One transaction, again until its outcome is known. Locks, lost connections and restarts are life."""
        state = self.rng.getstate()
        while not self.load._stop.is_set():
            try:
                if self._c is None:
                    self._open()
                    known, self.committed = self.committed, self._last_committed()
                    if self.committed != known:
                        return
                self.rng.setstate(state)
                self._transaction(self.committed + 1)
                return
            except pymysql.err.MySQLError as e:
                code = e.args[0] if e.args else 0
                if code in (LOCK_TIMEOUT, DEADLOCK):
                    self.load.retries += 1
                    with contextlib.suppress(pymysql.err.MySQLError):
                        self._c.rollback()
                        continue
                elif code not in AWAY and not isinstance(e, (pymysql.err.InterfaceError, pymysql.err.InternalError)):
                    raise
            except (OSError, AttributeError, RuntimeError):
                # pymysql, when its socket is gone in the middle of a reply.
                if self._c is not None and self._c.open:
                    raise
            self._drop()
            self.load._stop.wait(0.05)

    def _open(self):
        self._c = self.load.server.connect(self.load.schema, autocommit=False)
        self._cursor = self._c.cursor()
        site, sites = self.load.site, self.load.sites
        self._cursor.execute(f"SET SESSION sql_mode='{SQL_MODE}', time_zone='+00:00', innodb_lock_wait_timeout=5,"
                             f" auto_increment_increment={sites}, auto_increment_offset={site}")
        isolation = ("READ COMMITTED", "REPEATABLE READ")[self.number % 2]
        self._cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")

    def _drop(self):
        c, self._c = self._c, None
        if c is not None:
            with contextlib.suppress(Exception):
                c.close()

    def _last_committed(self):
        """The server knows what became of a COMMIT whose answer was lost; and a second run goes on after the first."""
        self._sql("SELECT COALESCE(MAX(n), 0) FROM seq WHERE client = %s", self.number)
        (last,) = self._cursor.fetchone()
        self._c.rollback()
        return last

    def _sql(self, statement, *args):
        self._count += self._cursor.execute(statement, args or None)
        return self._cursor.rowcount

    _count = 0

    def _try(self, statement, *args):
        """A statement that may hit a duplicate key or a missing parent: then it alone is undone."""
        try:
            return self._sql(statement, *args)
        except pymysql.err.IntegrityError as e:
            if e.args[0] not in (DUPLICATE, NO_PARENT):
                raise
            return 0

    def _transaction(self, n):
        rng = self.rng
        self._count = 0
        self._sql("BEGIN")
        if n == 1:
            ids = [self.base + i for i in range(ACCOUNTS)]
            self._sql(f"INSERT INTO account VALUES {', '.join('(%s, 1000)' for _ in ids)}", *ids)
        for _ in range(rng.choice((1, 1, 2, 3, 6))):
            rng.choices(self.OPERATIONS, self.WEIGHTS)[0](self)
        if rng.random() < 0.15:
            self._sql("SAVEPOINT half")
            rng.choices(self.OPERATIONS, self.WEIGHTS)[0](self)
            self._sql("ROLLBACK TO SAVEPOINT half")
        if rng.random() < self.load.large_share:
            self._large()
        if rng.random() < 0.05:
            self._c.rollback()
            self._sql("BEGIN")
            if n == 1:
                self._sql(f"INSERT INTO account VALUES {', '.join('(%s, 1000)' for _ in ids)}", *ids)
        self._sql("INSERT INTO ledger VALUES (%s)", self.number * 10**9 + n)
        self._sql("INSERT INTO seq VALUES (%s, %s)", self.number, n)
        self._c.commit()
        self.committed = n
        self.rows += self._count

    def _key(self):
        return self.base + self.rng.randrange(CLIENT_KEYS)

    def _kinds(self):
        rng = self.rng
        how = rng.random()
        if how < 0.25:
            self._sql("DELETE FROM kinds WHERE id = %s", self._key())
        elif how < 0.5:
            some = rng.sample(self._columns, rng.randrange(1, 6))
            sets = ", ".join(f"{name} = %s" for name, _, _ in some)
            self._sql(f"UPDATE kinds SET {sets} WHERE id = %s", *(value(rng, kind) for _, _, kind in some), self._key())
        elif how < 0.6:
            self._try("UPDATE kinds SET id = %s WHERE id = %s", self._key(), self._key())
        else:
            row = [self._key(), *(value(rng, kind) for _, _, kind in self._columns)]
            verb = rng.choice(("REPLACE", "INSERT"))
            self._try(f"{verb} INTO kinds VALUES ({', '.join(['%s'] * len(row))})", *row)

    def _auto(self):
        rng = self.rng
        if rng.random() < 0.7:
            rows = rng.choice((1, 1, 3, 10))
            args = [x for _ in range(rows) for x in (self.number, text(rng, 80, "utf8mb4"))]
            self._sql(f"INSERT INTO auto (owner, note) VALUES {', '.join(['(%s, %s)'] * rows)}", *args)
        else:
            self._sql("DELETE FROM auto WHERE owner = %s ORDER BY id LIMIT %s", self.number, rng.randrange(1, 12))

    def _pair(self):
        rng = self.rng
        k, d = f"k{rng.randrange(20)}", rng.choice(("2024-02-29", "1999-12-31", "0000-00-00"))
        how = rng.random()
        if how < 0.6:
            self._sql("INSERT INTO pair VALUES (%s, %s, %s, 1) ON DUPLICATE KEY UPDATE n = n + 1", self.number, k, d)
        elif how < 0.8:
            self._try("UPDATE pair SET k = %s, d = %s WHERE owner = %s AND k = %s", f"k{rng.randrange(20)}", d, self.number, k)
        else:
            self._sql("DELETE FROM pair WHERE owner = %s AND d = %s", self.number, d)

    def _keyless(self):
        rng = self.rng
        row = [self.number, rng.choice((None, 1, 2)), rng.choice((None, "", "x", "\U0001f9a6")), rng.choice((None, 0.1, 2.5)),
               rng.choice((None, "2026-11-22 01:02:03.004"))]
        how = rng.random()
        if how < 0.6:
            copies = rng.choice((1, 1, 2, 5))
            self._sql(f"INSERT INTO keyless VALUES {', '.join(['(%s, %s, %s, %s, %s)'] * copies)}", *(row * copies))
        elif how < 0.8:
            self._sql("UPDATE keyless SET a = %s, b = %s WHERE owner = %s AND a <=> %s LIMIT 4", row[1], row[2], self.number,
                      rng.choice((None, 1, 2)))
        else:
            self._sql("DELETE FROM keyless WHERE owner = %s AND a <=> %s LIMIT 3", self.number, row[1])

    def _word(self):
        rng = self.rng
        names = [f"{self.number}-{rng.choice(('Otter', 'otter', chr(0x1f9a6), chr(0x6c34), 'caf' + chr(233)))}-{rng.randrange(30)}" for _ in "ab"]
        how = rng.random()
        if how < 0.5:
            self._sql("REPLACE INTO word VALUES (%s, %s, %s)", names[0], rng.randrange(100), text(rng, 500, "utf8mb4"))
        elif how < 0.7:
            self._sql("INSERT INTO word VALUES (%s, 1, NULL), (%s, 2, '') ON DUPLICATE KEY UPDATE n = n + 10", *names)
        elif how < 0.85:
            self._try("UPDATE word SET name = %s WHERE name = %s", *names)
        else:
            self._sql("DELETE FROM word WHERE name = %s", names[0])

    def _code(self):
        """Unique values that move between rows inside one transaction."""
        rng = self.rng
        a, b = self._key(), self._key()
        how = rng.random()
        if how < 0.4:
            self._try("INSERT INTO code VALUES (%s, %s, 0)", a, f"{self.number}-{rng.randrange(CLIENT_KEYS)}")
        elif how < 0.8:
            self._sql("SELECT id, code FROM code WHERE id IN (%s, %s) FOR UPDATE", a, b)
            held = dict(self._cursor.fetchall())
            if len(held) == 2:
                self._sql("UPDATE code SET code = NULL WHERE id = %s", a)
                self._sql("UPDATE code SET code = %s, n = n + 1 WHERE id = %s", held[a], b)
                self._sql("UPDATE code SET code = %s, n = n + 1 WHERE id = %s", held[b], a)
            elif held:
                old = a if a in held else b
                self._sql("DELETE FROM code WHERE id = %s", old)
                self._sql("INSERT INTO code VALUES (%s, %s, 1)", a + b - old, held[old])
        else:
            self._sql("REPLACE INTO code VALUES (%s, %s, 2)", a, f"{self.number}-{rng.randrange(CLIENT_KEYS)}")

    def _made(self):
        rng = self.rng
        how = rng.random()
        if how < 0.6:
            self._sql("INSERT INTO made (id, a, b, z) VALUES (%s, %s, %s, 1) ON DUPLICATE KEY UPDATE a = a + 1, z = z + 1",
                      self._key(), rng.choice((None, 1, -5, 10**6)), rng.randrange(100))
        elif how < 0.8:
            self._sql("UPDATE made SET hidden = hidden + 1, b = %s WHERE id = %s", rng.choice((None, 3, 4)), self._key())
        else:
            self._sql("DELETE FROM made WHERE id BETWEEN %s AND %s", *(lambda k: (k, k + 3))(self._key() - 3))

    def _plain(self):
        rng = self.rng
        if rng.random() < 0.8:
            self._sql("REPLACE INTO plain VALUES (%s, %s, %s)", self._key(), text(rng, 200, "latin1"), text(rng, 20, "latin1"))
        else:
            self._sql("DELETE FROM plain WHERE id = %s", self._key())

    def _family(self):
        rng = self.rng
        parent = self.base + rng.randrange(40)
        child = self._key()
        how = rng.random()
        if how < 0.2:
            self._try("INSERT INTO parent VALUES (%s, 0, %s)", parent, text(rng, 40, "utf8mb4"))
        elif how < 0.65:
            if self._try("INSERT INTO child VALUES (%s, %s, %s)", child, parent, text(rng, 40, "utf8mb4")):
                self._sql("UPDATE parent SET counter = counter + 1 WHERE id = %s", parent)
                self._try("INSERT INTO grandchild VALUES (%s, %s)", child, child)
        elif how < 0.8:
            gone = self._sql("DELETE FROM child WHERE parent_id = %s ORDER BY id LIMIT 2", parent)
            self._sql("UPDATE parent SET counter = counter - %s WHERE id = %s", gone, parent)
        elif how < 0.9:
            self._sql("SELECT parent_id FROM child WHERE id = %s FOR UPDATE", child)
            old = self._cursor.fetchone()
            if old and self._try("UPDATE child SET parent_id = %s WHERE id = %s", parent, child):
                self._sql("UPDATE parent SET counter = counter - 1 WHERE id = %s", old[0])
                self._sql("UPDATE parent SET counter = counter + 1 WHERE id = %s", parent)
        elif how < 0.95:
            self._sql("DELETE FROM parent WHERE id = %s", parent)
        else:
            # MariaDB deletes the old row, and with it the children; MySQL 9.7 updates it, and they stay.
            self._sql("REPLACE INTO parent VALUES (%s, 0, 'again')", parent)
            self._sql("UPDATE parent SET counter = (SELECT COUNT(*) FROM child WHERE parent_id = %s) WHERE id = %s", parent, parent)

    def _transfer(self):
        rng = self.rng
        a, b = (self.base + i for i in rng.sample(range(ACCOUNTS), 2))
        amount = rng.randrange(1, 200)
        self._sql("UPDATE account SET balance = balance - %s WHERE id = %s", amount, a)
        self._sql("UPDATE account SET balance = balance + %s WHERE id = %s", amount, b)

    def _large(self):
        """Thousands of rows in one transaction."""
        rng = self.rng
        first = rng.randrange(3) * 2000
        for at in range(first, first + self.load.large_rows, 500):
            rows = ", ".join(f"({self.number}, {n}, 'row {n}')" for n in range(at, min(at + 500, first + self.load.large_rows)))
            self._sql(f"INSERT INTO bulk VALUES {rows} ON DUPLICATE KEY UPDATE v = concat(left(v, 40), '+')")
        self._sql("DELETE FROM bulk WHERE owner = %s AND n < %s", self.number, rng.randrange(4000))

    OPERATIONS = (_kinds, _auto, _pair, _keyless, _word, _code, _made, _plain, _family, _transfer)
    WEIGHTS = (4, 2, 2, 2, 2, 3, 2, 1, 5, 4)


class Workload:
    """Clients that write at one site until stop(), or until each has committed `limit` transactions (of earlier runs, too).

    site and sites keep the keys of sites apart: client numbers are site * 100 + i, AUTO_INCREMENT steps by `sites`.
    pause_s is the mean pause between a client's transactions; large_share is the share of transactions with large_rows rows."""

    client = Client

    def __init__(self, server, schema, site=1, sites=2, clients=4, seed=1, limit=None, pause_s=0.0, large_share=0.01,
                 large_rows=2000):
        self.server, self.schema, self.site, self.sites = server, schema, site, sites
        self.seed, self.limit, self.pause_s = seed, limit, pause_s
        self.large_share, self.large_rows = large_share, large_rows
        self.retries = 0
        self._stop = threading.Event()
        self.clients = [self.client(self, site * 100 + i) for i in range(clients)]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self._stop.set()
        for client in self.clients:
            client.join(60)

    def start(self):
        for client in self.clients:
            client.start()
        return self

    def stop(self):
        """End after the transactions in hand; raises what a client failed with."""
        self._stop.set()
        return self.join()

    def join(self, timeout_s=120):
        end = time.monotonic() + timeout_s
        for client in self.clients:
            client.join(max(0.0, end - time.monotonic()))
            if client.is_alive():
                raise TimeoutError(f"{client.name} at {self.server}: still busy after {timeout_s} s")
        for client in self.clients:
            if client.failure:
                raise client.failure
        return self

    @property
    def committed(self):
        return sum(client.committed for client in self.clients)

    @property
    def rows(self):
        return sum(client.rows for client in self.clients)

    def expected_ledger(self):
        """All ids the ledger must hold once, of transactions known to be committed."""
        return {c.number * 10**9 + n for c in self.clients for n in range(1, c.committed + 1)}
