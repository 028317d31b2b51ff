"""Are two schemas equal, row by row, whatever the engines; and is each snapshot of a copy whole.

    difference = compare(hz, us, "shop");  print(difference or difference.summary())
"""

import collections
import contextlib
import json
import struct
import threading

import pymysql
import pymysql.converters

from .workload import AWAY

# Everything as the server's text (or bytes): Python's own types would lose zero dates, fractions and signs of zero.
_RAW = {k: v for k, v in pymysql.converters.encoders.items()}


class Comparison:
    """What compare() found; true when there is a difference."""

    def __init__(self):
        self.tables = 0
        self.rows = 0
        self.differences = []
        self.count = 0

    def __bool__(self):
        return self.count > 0

    def add(self, text, keep):
        self.count += 1
        if len(self.differences) < keep:
            self.differences.append(text)

    def __str__(self):
        more = self.count - len(self.differences)
        return "\n".join(self.differences + ([f"... and {more} more"] if more else []))

    def summary(self):
        """The verdict as one line."""
        if self.count:
            return f"DIFFERENT: {self.count} differences, first: {self.differences[0]}"
        return f"equal: {self.tables} tables, {self.rows} rows at both sites"


def _json_value(text):
    """JSON as a value that compares by it: 1 and 1.0 are equal, 1 and true are not, order of members is nothing."""
    def canonical(v):
        if isinstance(v, dict):
            return ("object", tuple(sorted((k, canonical(x)) for k, x in v.items())))
        if isinstance(v, list):
            return ("array", tuple(canonical(x) for x in v))
        if isinstance(v, bool):
            return ("bool", v)
        return ("null",) if v is None else v
    return json.dumps(canonical(json.loads(text)), ensure_ascii=False)


class _Column:
    def __init__(self, name, sql_type, is_json, signed_zero):
        self.name = name
        quoted = f"`{name}`"
        self.select = quoted
        self.canonical = None
        if is_json:
            self.canonical = _json_value
        elif sql_type in ("float", "double"):
            # MySQL prints a FLOAT with six digits; as a DOUBLE it prints all. 1E0 keeps the sign of zero.
            self.select = f"{quoted} * 1E0"
            self.canonical = lambda text: struct.pack(">d", float(text) + (-0.0 if signed_zero else 0.0)).hex()
        elif sql_type == "bit":
            self.canonical = bytes.hex

    def of(self, raw):
        return raw if raw is None or self.canonical is None else self.canonical(raw)


def _catalog(connection, schema, signed_zero):
    """{table: ([column], [key column names])}; the key is empty where there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT LOWER(constraint_name) FROM information_schema.check_constraints WHERE constraint_schema = %s"
                       " AND check_clause LIKE '%%json_valid%%'", schema)
        json_checks = {name for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT c.table_name, c.column_name, LOWER(c.data_type), c.column_key = 'PRI' FROM information_schema.columns c"
            " JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE c.table_schema = %s AND t.table_type = 'BASE TABLE' ORDER BY c.table_name, c.ordinal_position", schema)
        tables = {}
        for table, name, sql_type, is_key in cursor.fetchall():
            columns, key = tables.setdefault(table, ([], []))
            is_json = sql_type == "json" or (sql_type == "longtext" and name.lower() in json_checks)
            columns.append(_Column(name, sql_type, is_json, signed_zero))
            if int(is_key):
                key.append(name)
    return tables


def _rows(connection, schema, table, columns):
    with contextlib.closing(connection.cursor(pymysql.cursors.SSCursor)) as cursor:
        cursor.execute(f"SELECT {', '.join(c.select for c in columns)} FROM `{schema}`.`{table}`")
        for row in cursor:
            yield tuple(c.of(v) for c, v in zip(columns, row))


def _short(v):
    text = repr(v)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def _compare_keyed(found, where, columns, key, rows, keep):
    at = [i for i, c in enumerate(columns) if c.name in key]
    left, right = ({tuple(r[i] for i in at): r for r in side} for side in rows)
    for k in sorted(left.keys() | right.keys(), key=repr):
        name = f"{where[0]} key {', '.join(map(_short, k))}"
        if k not in right:
            found.add(f"{name}: missing at {where[2]}", keep)
        elif k not in left:
            found.add(f"{name}: missing at {where[1]}", keep)
        elif left[k] != right[k]:
            for c, a, b in zip(columns, left[k], right[k]):
                if a != b:
                    found.add(f"{name} column {c.name}: {_short(a)} at {where[1]}, {_short(b)} at {where[2]}", keep)
                    break
    return len(left)


def _compare_multiset(found, where, rows, keep):
    left, right = (collections.Counter(side) for side in rows)
    for row in sorted((left - right) + (right - left), key=repr):
        name = f"{where[0]} row ({', '.join(map(_short, row))})"
        found.add(f"{name}: {left[row]} times at {where[1]}, {right[row]} times at {where[2]}", keep)
    return sum(left.values())


def compare(left, right, schema, right_schema=None, only=None, keep=10):
    """Compare all tables of a schema (or `only` those) of two servers; at most `keep` differences are spelled out."""
    found = Comparison()
    with contextlib.ExitStack() as stack:
        connections = []
        for server in (left, right):
            c = stack.enter_context(contextlib.closing(server.connect(conv=_RAW, init_command="SET time_zone='+00:00'")))
            connections.append(c)
        schemas = (schema, right_schema or schema)
        # MariaDB stores -0.0 as 0.0, whatever way it comes.
        signed_zero = left.engine == right.engine == "mysql"
        catalogs = [_catalog(c, s, signed_zero) for c, s in zip(connections, schemas)]
        for table in sorted(catalogs[0].keys() | catalogs[1].keys()):
            if only is not None and table not in only:
                continue
            if not all(table in c for c in catalogs):
                found.add(f"{table}: missing at {(left if table not in catalogs[0] else right).name}", keep)
                continue
            (columns, key), (other, other_key) = (c[table] for c in catalogs)
            if [c.name for c in columns] != [c.name for c in other] or key != other_key:
                found.add(f"{table}: columns or key differ", keep)
                continue
            where = (table, left.name, right.name)
            rows = [_rows(c, s, table, cols) for c, s, cols in zip(connections, schemas, (columns, other))]
            found.tables += 1
            if key:
                found.rows += _compare_keyed(found, where, columns, key, rows, keep)
            else:
                found.rows += _compare_multiset(found, where, rows, keep)
    return found


# Each gives rows only where what it names is broken.
INVARIANTS = {
    "transfers sum to a constant": "SELECT SUM(balance), COUNT(*) FROM account HAVING SUM(balance) <> 1000 * COUNT(*)",
    "a counter equals its children": "SELECT p.id, p.counter, COUNT(c.id) FROM parent p LEFT JOIN child c ON c.parent_id = p.id"
    " GROUP BY p.id, p.counter HAVING p.counter <> COUNT(c.id)",
    "a client's sequence has no gap": "SELECT client, MAX(n), COUNT(*) FROM seq GROUP BY client HAVING MAX(n) <> COUNT(*)",
    "the ledger holds each id once": "SELECT txn_id, COUNT(*) FROM ledger GROUP BY txn_id HAVING COUNT(*) <> 1",
    "ledger and sequence tell the same": "SELECT (SELECT COUNT(*) FROM ledger), (SELECT COUNT(*) FROM seq)"
    " FROM DUAL WHERE (SELECT COUNT(*) FROM ledger WHERE txn_id > 0) <> (SELECT COUNT(*) FROM seq)",
    "accounts come whole": "SELECT COUNT(*) FROM account HAVING COUNT(*) % 10 <> 0",
}
# Of transactions that are whole, but may come before an earlier one that they do not touch.
IN_ANY_ORDER = {claim: query for claim, query in INVARIANTS.items() if claim != "a client's sequence has no gap"}


def broken_invariants(connection, invariants):
    """Check all of them in one snapshot; returns what is broken, as texts."""
    broken = []
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        for claim, query in invariants.items():
            cursor.execute(query)
            rows = cursor.fetchall()
            if rows:
                broken.append(f"not so: {claim}: {rows[:3]}")
        cursor.execute("COMMIT")
    return broken


class SnapshotReaders:
    """Threads that take snapshot after snapshot of a copy while it is written; a restart of its server is waited out."""

    def __init__(self, server, schema, threads=1, pause_s=0.05, invariants=INVARIANTS):
        self.server, self.schema, self.pause_s = server, schema, pause_s
        self.invariants = invariants
        self.snapshots = 0
        self.broken = []
        self.failure = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for t in self._threads:
            t.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for t in self._threads:
            t.join(60)

    def _run(self):
        while True:
            try:
                with contextlib.closing(self.server.connect(self.schema)) as c:
                    while True:
                        broken = broken_invariants(c, self.invariants)
                        with self._lock:
                            self.snapshots += 1
                            self.broken += broken[: 20 - len(self.broken)]
                        if self._stop.wait(self.pause_s):
                            return
            except (pymysql.err.MySQLError, OSError, AttributeError, RuntimeError) as e:
                if isinstance(e, pymysql.err.MySQLError) and e.args and e.args[0] not in AWAY and e.args[0] != 0:
                    self.failure = e
                    return
                if self._stop.wait(0.1):
                    return

    def check(self):
        """Raise what a reader failed with, and AssertionError where a snapshot was not whole or none was taken."""
        if self.failure:
            raise self.failure
        assert not self.broken, "\n".join(self.broken)
        assert self.snapshots > 0, "no snapshot was taken"
