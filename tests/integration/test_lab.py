"""The ground of the other tests: a comparer that sees nothing, or a workload that breaks its own promises, would make
every other test worthless."""

import contextlib
import os
import subprocess
import sys
import textwrap

import pytest
from lutralab import tpcc
from lutralab.compare import INVARIANTS, SnapshotReaders, broken_invariants, compare
from lutralab.servers import CHECKOUT, wait_until
from lutralab.workload import Workload, create_schema

ENGINES = ["mariadb", "mysql"]
# REPLACE INTO parent cascades in MariaDB and not in MySQL 9.7: alone these tables differ by right.
FAMILY = {"parent", "child", "grandchild"}


@pytest.mark.parametrize("engine", ENGINES)
def test_invariants_hold_in_every_snapshot_of_the_source(engine, site, schema):
    server = site(engine, 1)
    create_schema(server, schema)
    with SnapshotReaders(server, schema) as readers:
        load = Workload(server, schema, clients=4, seed=3, limit=200).start().join()
        wait_until(lambda: readers.snapshots, 60, "a snapshot")
    readers.check()
    assert load.committed == 800
    for table in ("kinds", "auto", "pair", "keyless", "word", "code", "made", "plain", "bulk", "child", "ledger"):
        assert server.sql(f"SELECT COUNT(*) FROM {table}", db=schema)[0][0] > 0, table


BREAKS = {
    "transfers sum to a constant": "UPDATE account SET balance = balance + 1 LIMIT 1",
    "a counter equals its children": "UPDATE parent SET counter = counter + 1 LIMIT 1",
    "a client's sequence has no gap": "DELETE FROM seq WHERE n = 3",
    "the ledger holds each id once": "INSERT INTO ledger SELECT txn_id FROM ledger LIMIT 1",
    "ledger and sequence tell the same": "INSERT INTO ledger VALUES (7)",
    "accounts come whole": "DELETE FROM account LIMIT 1",
}


@pytest.mark.parametrize("claim", INVARIANTS)
def test_a_broken_invariant_is_seen(claim, site, schema):
    server = site("mariadb", 1)
    create_schema(server, schema)
    Workload(server, schema, clients=1, seed=3, limit=60).start().join()
    with server.connect(schema) as c:
        assert broken_invariants(c, INVARIANTS) == []
        c.cursor().execute(BREAKS[claim])
        assert any(claim in text for text in broken_invariants(c, INVARIANTS))


@pytest.mark.parametrize("engine", ENGINES)
def test_workload_survives_a_killed_server(engine, site, schema):
    server = site(engine, 1)
    create_schema(server, schema)
    with Workload(server, schema, clients=3, seed=4) as load:
        wait_until(lambda: load.committed > 50, 60, "some load")
        server.restart(kill=True)
        again = load.committed
        wait_until(lambda: load.committed > again + 50, 60, "load after the restart")
        load.stop()
    held = server.sql("SELECT txn_id FROM ledger", db=schema)
    assert sorted(i for (i,) in held) == sorted(load.expected_ledger())


@pytest.fixture
def twins(site, schema):
    """The same transactions at two engines, so that every value of every type is at both."""
    servers = site("mariadb", 1), site("mysql", 2)
    for server in servers:
        create_schema(server, schema)
        Workload(server, schema, clients=1, seed=9, limit=250).start().join()
    return servers


def test_same_rows_compare_equal_across_engines(twins, schema):
    tables = {t for (t,) in twins[0].sql("SELECT table_name FROM information_schema.tables WHERE table_schema = %s", schema)}
    found = compare(*twins, schema, only=tables - FAMILY)
    assert not found, str(found)
    assert found.rows > 500
    assert found.summary() == f"equal: {len(tables - FAMILY)} tables, {found.rows} rows at both sites"


PLANTED = {
    "missing row": ("word", "DELETE FROM word LIMIT 1"),
    "more rows": ("word", "INSERT INTO word VALUES ('zzz', 1, NULL)"),
    "null for empty": ("plain", "REPLACE INTO plain VALUES (5, NULL, '')"),
    "trailing space": ("word", "UPDATE word SET t = concat(coalesce(t, ''), ' ') LIMIT 1"),
    "letter case": ("word", "UPDATE word SET name = upper(name) WHERE name <> binary upper(name) LIMIT 1"),
    "one bit of a double": ("keyless", "UPDATE keyless SET c = 0.10000000000000002 WHERE c = 0.1 LIMIT 1"),
    "keyless copy": ("keyless", "INSERT INTO keyless SELECT * FROM keyless LIMIT 1"),
    "json member": ("kinds", """UPDATE kinds SET js = '{"a": 1.5}' LIMIT 1"""),
    "json true for 1": ("kinds", "UPDATE kinds SET js = 'true'"),
    "fraction of a second": ("kinds", "UPDATE kinds SET ts6 = '2026-11-22 00:00:00.000001' LIMIT 1"),
    "invisible column": ("made", "UPDATE made SET hidden = hidden + 1 LIMIT 1"),
    "key of a row": ("code", "UPDATE code SET id = id + 900000 LIMIT 1"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_comparer_finds_a_planted_difference(what, site, schema):
    table, statement = PLANTED[what]
    servers = site("mariadb", 1), site("mariadb", 2)
    for server in servers:
        create_schema(server, schema)
        Workload(server, schema, clients=1, seed=9, limit=80).start().join()
        if what == "json true for 1":
            server.sql("UPDATE kinds SET js = '1'", db=schema)
        if what == "null for empty":
            server.sql("REPLACE INTO plain VALUES (5, '', '')", db=schema)
    assert not compare(*servers, schema, only={table})
    servers[1].script(["SET sql_mode=''", statement], db=schema)
    found = compare(*servers, schema, only={table})
    assert found
    assert found.summary().startswith("DIFFERENT: ")
    assert table in found.differences[0]


def test_comparer_finds_a_missing_table(site, schema):
    servers = site("mariadb", 1), site("mariadb", 2)
    for server in servers:
        create_schema(server, schema)
    servers[1].sql("DROP TABLE word", db=schema)
    found = compare(*servers, schema)
    assert found.differences == [f"word: missing at {servers[1].name}"]


def test_servers_end_with_the_process_however_it_ends():
    """kill -9 of a test run leaves no server behind."""
    program = textwrap.dedent("""
        import sys, time
        from lutralab.servers import Lab
        lab = Lab()
        print(lab.start("mariadb", 9).pid, lab.folder, flush=True)
        time.sleep(600)
    """)
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tools")}
    child = subprocess.Popen([sys.executable, "-c", program], env=env, stdout=subprocess.PIPE, text=True)
    pid, folder = child.stdout.readline().split()
    child.kill()
    child.wait()
    try:
        wait_until(lambda: not is_running(int(pid)), 60, "the server to end")
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_server_that_cannot_be_had_says_why(tmp_path):
    env = {**os.environ, "LUTRA_SERVERS": str(tmp_path), "LUTRA_DEBIAN_MIRROR": "file:/no/such/mirror"}  # which is not tried again
    run = subprocess.run([CHECKOUT / "tools/get-server.sh", "mysql"], env=env, capture_output=True, text=True)
    assert run.returncode == 3
    assert run.stderr.startswith("get-server.sh: mysql cannot be had: apt: ")
    assert not (tmp_path / "mysql").exists()


@pytest.mark.parametrize("engine", ENGINES)
def test_tpcc_keeps_its_invariants_and_what_breaks_them_is_seen(engine, site, schema):
    server = site(engine, 1)
    tpcc.create_tpcc(server, schema)
    tpcc.populate(server, schema, site=1)
    load = tpcc.Tpcc(server, schema, clients=3, seed=9, limit=20).start().join()
    assert load.committed == 60
    with contextlib.closing(server.connect(schema)) as c:
        assert broken_invariants(c, tpcc.INVARIANTS) == []
        damages = ("UPDATE warehouse SET w_ytd = w_ytd + 1 LIMIT 1", "UPDATE district SET d_next_o_id = d_next_o_id + 1 LIMIT 1",
                   "DELETE FROM order_line ORDER BY ol_w_id LIMIT 1", "DELETE FROM history LIMIT 1",
                   "UPDATE orders SET o_carrier_id = 1 WHERE o_carrier_id IS NULL LIMIT 1",
                   "UPDATE customer SET c_balance = c_balance + 1 LIMIT 1", "INSERT INTO ledger SELECT txn_id FROM ledger LIMIT 1")
        for damage in damages:
            c.query("BEGIN")
            c.query(damage)
            assert _broken_now(c, tpcc.INVARIANTS), damage
            c.query("ROLLBACK")


def _broken_now(connection, invariants):
    """As seen inside an open transaction."""
    with connection.cursor() as cursor:
        return [claim for claim, query in invariants.items() if cursor.execute(query)]
