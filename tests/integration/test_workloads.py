"""Known workloads one way: TPC-C's and sysbench's, between all pairs of servers, then row-by-row equality. LUTRA_ALL_PAIRS=1 runs them longer, and on one
connection too."""

import os
import pathlib
import shutil
import subprocess

import pytest
import steps
from conftest import ledger_is, same, whole
from lutralab import tpcc
from lutralab.compare import INVARIANTS
from lutralab.copy import copy_schema

ONE_WAY = "hz->us"
EVERY = "LUTRA_ALL_PAIRS" in os.environ
PAIRS = [("mariadb", "mysql"), ("mysql", "mariadb"), ("mariadb", "mariadb"), ("mysql", "mysql")]
TIMES = 10 if EVERY else 1
WRITERS = [1, 4] if EVERY else [4]

SCRIPT = pathlib.Path(__file__).with_name("oltp_ledger.lua")
TABLES, ROWS, EVENTS = 3, 500, 400 * TIMES
# A transaction deletes a row and inserts it again; its number is the first that it writes to the ledger, and the last to seq.
SYSBENCH = {**{claim: INVARIANTS[claim] for claim in ("the ledger holds each id once", "ledger and sequence tell the same")},
            **{f"sbtest{i} keeps its rows": f"SELECT COUNT(*) FROM sbtest{i} HAVING COUNT(*) <> {ROWS}" for i in range(1, TABLES + 1)}}


@pytest.mark.parametrize("writers", WRITERS)
@pytest.mark.parametrize("pair", PAIRS, ids="-to-".join)
def test_tpcc(pair, writers, site, channel, schema):
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=[f"writers: {writers}"])
    for server in (source, target):
        tpcc.create_tpcc(server, schema)
    lutra.start()
    tpcc.populate(source, schema, site=1)
    lutra.wait()
    with whole(schema, target, invariants=tpcc.INVARIANTS):
        load = tpcc.Tpcc(source, schema, clients=4, seed=41, limit=50 * TIMES).start().join()
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


def sysbench(server, schema, what, **options):
    argv = ["sysbench", SCRIPT, "--db-driver=mysql", f"--mysql-socket={server.socket}", "--mysql-user=root", f"--mysql-db={schema}",
            f"--tables={TABLES}", f"--table-size={ROWS}", *(f"--{name.replace('_', '-')}={value}" for name, value in options.items()), what]
    run = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr


def tables_of(server, schema):
    """The statements that make them."""
    names = [name for (name,) in server.sql("SHOW TABLES", db=schema)]
    return [server.sql(f"SHOW CREATE TABLE `{name}`", db=schema)[0][1] for name in names]


@pytest.mark.parametrize("writers", WRITERS)
@pytest.mark.parametrize("pair", PAIRS, ids="-to-".join)
def test_sysbench_read_write(pair, writers, site, channel, schema):
    if not shutil.which("sysbench"):
        pytest.skip("sysbench is not installed (tools/install.sh test)")
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=[f"writers: {writers}"])
    sysbench(source, schema, "prepare")
    # Each engine writes its own defaults into the statements.
    made = [s.replace("COLLATE=utf8mb4_0900_ai_ci", "COLLATE=utf8mb4_general_ci") for s in tables_of(source, schema) if "sbtest" in s]
    steps.run_at((target,), schema, *made)
    copy_schema(source, target, schema)
    lutra.start()
    before = lutra.pipelines()[ONE_WAY]["transactions"]
    with whole(schema, target, invariants=SYSBENCH):
        sysbench(source, schema, "run", threads=4, events=EVENTS, time=0, rand_seed=7)
        lutra.wait()
    same(source, target, schema)
    written = steps.column(source, schema, "SELECT txn_id FROM ledger")
    assert len(written) == EVENTS
    ledger_is(target, schema, set(written))
    assert lutra.pipelines()[ONE_WAY]["transactions"] - before >= EVENTS
