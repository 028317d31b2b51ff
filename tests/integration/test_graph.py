"""The write-set graph against MySQL's own: where its log says that a transaction touches a key of an earlier one, ours says so too."""

import contextlib
import random
import struct
import subprocess

import pymysql
import pytest

from lutralab import lutra as lutra_lab

TRANSACTIONS = 500
HEADER, GTID_EVENT = 19, 33
# Ours may be coarser where a collation is not known: then tables are one key, and only that no edge is missing can be seen.
KNOWN = {"ai": "utf8mb4_0900_ai_ci", "general": "utf8mb4_general_ci", "padded": "utf8mb4_unicode_ci", "bytes": "utf8mb4_bin",
         "latin": "latin1_swedish_ci"}
OTHERS = {"turkish": "utf8mb4_tr_0900_ai_ci", "german": "utf8mb4_de_pb_0900_ai_ci", "latin_german": "latin1_german1_ci"}
TEXTS = ("otter", "Otter", "OTTER ", "strasse", "stra\u00dfe", "Stra\u00dfe", "cafe", "caf\u00e9", "CAFE", "\u00fcber", "uber", "ueber", "\u00c4rger", "arger",
         "ii", "I\u0131", "", " ")
LATIN = tuple(t for t in TEXTS if max(t, default=" ") < "\u0100")
DAYS = ("2026-01-01", "2026-01-02", "2026-02-28")


def create(server, schema, collations):
    for name, collation in collations.items():
        server.sql(f"CREATE TABLE {name} (id INT PRIMARY KEY, a VARCHAR(40) CHARACTER SET {collation.split('_')[0]} COLLATE {collation} UNIQUE,"
                   " n DECIMAL(8,2) UNIQUE, v INT)", db=schema)
    server.sql("CREATE TABLE composite (d DATE, k VARBINARY(8), f DOUBLE, at TIMESTAMP(3) NULL, v INT, PRIMARY KEY (d, k), UNIQUE (f, at))", db=schema)


def change(rng, cursor, tables):
    """One statement on a few hot keys; most meet a row, some break a key."""
    table = rng.choice(tables)
    if table == "composite":
        key = (rng.choice(DAYS), rng.choice((b"", b"a", b"A", b"a\0")))
        values = (rng.choice((None, 0.0, -0.0, 1.5)), rng.choice((None, "2026-01-01 00:00:00.000", "2026-01-01 00:00:00.001")), rng.randrange(9))
        columns, where = "d, k, f, at, v", "d = %s AND k = %s"
    else:
        key = (rng.randrange(12),)
        values = (rng.choice((None, *(LATIN if table.startswith("latin") else TEXTS))), rng.choice((None, "-0.00", "0.00", rng.randrange(12))), rng.randrange(9))
        columns, where = "id, a, n, v", "id = %s"
    kind = rng.choice(("INSERT", "INSERT", "UPDATE", "UPDATE", "DELETE"))
    with contextlib.suppress(pymysql.err.IntegrityError):  # undone at once, and nothing of it is in the log
        if kind == "INSERT":
            cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(key + values))})", key + values)
        elif kind == "DELETE":
            cursor.execute(f"DELETE FROM {table} WHERE {where}", key)
        else:
            names = columns.split(", ")[len(key) if rng.random() < 0.7 else 0:]
            sets = values if len(names) == len(values) else key[::-1] + values if len(key) == 1 else key + values
            cursor.execute(f"UPDATE {table} SET {', '.join(f'{n} = %s' for n in names)} WHERE {where}", (*sets, *key))


def gtid_events(path, begin):
    """(number, last_committed, sequence_number) of each transaction from there on."""
    log = path.read_bytes()
    while begin < len(log):
        kind, size = log[begin + 4], struct.unpack_from("<I", log, begin + 9)[0]
        if kind == GTID_EVENT:
            yield struct.unpack_from("<q", log, begin + HEADER + 17) + struct.unpack_from("<qq", log, begin + HEADER + 26)
        begin += size


@pytest.mark.parametrize("collations", [KNOWN, OTHERS], ids=["known", "others"])
def test_no_edge_of_mysqls_own_graph_is_missing(collations, site, channel, schema):
    program = lutra_lab.binary().parent / "tests/integration/client/graph"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    source, target = site("mysql", 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for server in (source, target):
        create(server, schema, collations)
    source.sql("FLUSH BINARY LOGS")
    file, begin = source.sql("SHOW BINARY LOG STATUS")[0][:2]
    rng, tables = random.Random(7), [*collations, "composite"]
    with source.connect(schema) as c, c.cursor() as cursor:
        cursor.execute("SET SESSION time_zone='+00:00'")
        for _ in range(TRANSACTIONS):
            cursor.execute("BEGIN")
            for _ in range(rng.choice((1, 1, 2, 3))):
                change(rng, cursor, tables)
            cursor.execute("COMMIT")

    theirs = {number: (parent, sequence) for number, parent, sequence in gtid_events(source.data / file, begin)}
    run = subprocess.run([program, lutra.file, file, str(begin)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert run.returncode == 0, run.stderr
    ours = [tuple(map(int, line.split())) for line in run.stdout.splitlines()]
    assert [number for number, _ in ours] == sorted(theirs) and len(ours) > TRANSACTIONS / 3
    # Below where its history begins MySQL knows nothing, and names that.
    begins = min(parent for parent, _ in theirs.values() if parent > 0)
    free = 0
    for number, after in ours:
        parent, sequence = theirs[number]
        waits_for = theirs[after][1] if after else 0
        assert waits_for < sequence and parent <= max(waits_for, begins), f"GTID {number}: MySQL waits for its {parent}, we for its {waits_for}"
        free += waits_for < sequence - 1
    if collations is KNOWN:  # and it is a graph, not a line
        assert free > len(ours) / 3
