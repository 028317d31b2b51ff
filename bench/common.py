"""What the benchmarks share: the log that is read and applied, timing, and the one line a figure."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT / "tools"))

from lutralab.lutra import binary  # noqa: E402
from lutralab.servers import Lab  # noqa: E402,F401

RUNS = int(os.environ.get("BENCH_RUNS", "5"))

TABLE = """CREATE TABLE item (
    id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL, s SMALLINT NOT NULL, price DECIMAL(14,2) NOT NULL, at DATETIME(3) NOT NULL,
    seen TIMESTAMP NOT NULL, code CHAR(16) NOT NULL, name VARCHAR(64) NOT NULL, note VARCHAR(255) NOT NULL)
    ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"""

# Transactions of three one-row inserts and one one-row update each: four row changes.
FILL = """CREATE PROCEDURE fill(first INT, count INT)
BEGIN
    DECLARE i INT DEFAULT first;
    WHILE i < first + count DO
        START TRANSACTION;
        INSERT INTO item VALUES (i*3, i, i % 30000, i / 7, '2026-11-22 08:00:00.123', '2026-11-22 08:00:00',
            CONCAT('code', i), REPEAT('n', 20 + i % 20), REPEAT('some note ', 5 + i % 5));
        INSERT INTO item VALUES (i*3+1, i, i % 30000, i / 7, '2026-11-22 08:00:00.123', '2026-11-22 08:00:00',
            CONCAT('code', i), REPEAT('n', 20 + i % 20), REPEAT('some note ', 5 + i % 5));
        INSERT INTO item VALUES (i*3+2, i, i % 30000, i / 7, '2026-11-22 08:00:00.123', '2026-11-22 08:00:00',
            CONCAT('code', i), REPEAT('n', 20 + i % 20), REPEAT('some note ', 5 + i % 5));
        UPDATE item SET n = n + 1, note = REPEAT('changed ', 6 + i % 5) WHERE id = i*3+1;
        COMMIT;
        SET i = i + 1;
    END WHILE;
END"""


# The same number of row changes in events of many rows.
FILL_MULTI = """CREATE PROCEDURE fill_multi(first INT, count INT)
BEGIN
    DECLARE i INT DEFAULT first;
    WHILE i < first + count DO
        START TRANSACTION;
        INSERT INTO item SELECT i*1000 + seq, i, seq % 30000, seq / 7, '2026-11-22 08:00:00.123', '2026-11-22 08:00:00',
            CONCAT('code', seq), REPEAT('n', 20 + seq % 20), REPEAT('some note ', 5 + seq % 5) FROM seq_0_to_749;
        UPDATE item SET n = n + 1, note = REPEAT('changed ', 6 + i % 5) WHERE id BETWEEN i*1000 AND i*1000 + 249;
        COMMIT;
        SET i = i + 1;
    END WHILE;
END"""


def create(server, schema="bench"):
    server.sql(f"DROP DATABASE IF EXISTS {schema}")
    server.sql(f"CREATE DATABASE {schema}")
    server.sql(TABLE, db=schema)
    server.sql(FILL, db=schema)
    server.sql(FILL_MULTI, db=schema)


def fill(server, count, first=1, schema="bench", procedure="fill"):
    with server.connect(schema) as c, c.cursor() as cursor:
        cursor.execute("SET time_zone='+00:00'")
        cursor.execute(f"CALL {procedure}(%s, %s)", (first, count))


def child(argv, out="/dev/null", env=None):
    """Wall seconds, CPU seconds and peak memory (bytes) of one run of a command.

    By time(1): what the system says of a child of ours counts this interpreter's own memory, from before the exec."""
    with open(out, "w") as stdout, tempfile.NamedTemporaryFile("r") as usage:
        timed = ["/usr/bin/time", "-q", "-o", usage.name, "-f", "%M %U %S", *(str(a) for a in argv)]
        began = time.monotonic()
        status = subprocess.run(timed, stdout=stdout, env={**os.environ, **(env or {})}).returncode
        wall = time.monotonic() - began
        if status != 0:
            raise RuntimeError(f"{argv[0]} ended with {status}")
        peak, user, system = usage.read().split()
    return wall, float(user) + float(system), int(peak) * 1024


def figure(bench, ours, peer, goal, unit, peer_is, better="more"):
    """Print a figure: the medians of both sides, and of the ratios pair by pair the median, the least and the greatest."""
    ratios = [(o / p if better == "more" else p / o) for o, p in zip(ours, peer)]
    line = {"bench": bench, "ours": statistics.median(ours), "peer": statistics.median(peer),
            "ratio": round(statistics.median(ratios), 3), "goal": goal, "unit": unit, "peer_is": peer_is, "runs": len(ratios),
            "ratios": [round(min(ratios), 3), round(max(ratios), 3)]}
    print(json.dumps(line), flush=True)


def say(text):
    print(text, file=sys.stderr, flush=True)


__all__ = ["CHECKOUT", "RUNS", "Lab", "binary", "child", "create", "figure", "fill", "say"]
