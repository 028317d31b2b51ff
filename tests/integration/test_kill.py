"""kill -9 of Lutra and of each server under load: nothing lost, nothing twice, every snapshot whole."""

import random

import pytest
from conftest import ledger_is, same
from lutralab.compare import SnapshotReaders
from lutralab.lutra import Keeper
from lutralab.servers import wait_until
from lutralab.workload import Workload


def both_loads(sites, schema, seed):
    return [Workload(s, schema, site=i, clients=2, seed=seed + i, pause_s=0.02, large_share=0.003) for i, s in enumerate(sites, 1)]


def finish(lutra, sites, schema, loads, readers):
    for load in loads:
        load.stop()
    lutra.wait(120)
    expected = set().union(*(load.expected_ledger() for load in loads))
    for server in sites:
        ledger_is(server, schema, expected)
    same(*sites, schema)
    for r in readers:
        r.check()


def test_lutra_killed_at_50_instants(site, channel, schema):
    sites = site("mariadb", 1), site("mysql", 2)
    lutra = channel(dict(zip(("hz", "us"), sites)), "hz <-> us").start()
    hz, us = both_loads(sites, schema, seed=50)

    with SnapshotReaders(sites[0], schema) as at_hz, SnapshotReaders(sites[1], schema) as at_us, hz, us:
        with Keeper(lutra, random.Random(50), kills=50, longest_s=0.6) as keeper:
            keeper.finish()
        finish(lutra, sites, schema, (hz, us), (at_hz, at_us))
    assert keeper.done == 50


@pytest.mark.parametrize("victim", [0, 1], ids=["mariadb", "mysql"])
def test_server_killed_under_load(victim, site, channel, schema):
    """In a two-way channel each server is source and target: both roles die at once."""
    sites = site("mariadb", 1), site("mysql", 2)
    lutra = channel(dict(zip(("hz", "us"), sites)), "hz <-> us").start()
    loads = both_loads(sites, schema, seed=60)

    with SnapshotReaders(sites[0], schema) as at_hz, SnapshotReaders(sites[1], schema) as at_us, loads[0], loads[1]:
        for _ in range(2):
            goal = [load.committed + 40 for load in loads]
            wait_until(lambda: all(load.committed >= g for load, g in zip(loads, goal)), 60, "both sites to be written")
            sites[victim].restart(kill=True)
        finish(lutra, sites, schema, loads, (at_hz, at_us))
    assert lutra.alive


def test_killed_right_after_ready(site, channel, schema):
    """`ready` promises that the start is durable: what is committed after it arrives, even if nothing was read yet.

    Only the ledger is mapped: it takes inserts alone, so rows from before the start are not missed."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", tables=[f"{schema}.ledger"])
    with Workload(source, schema, clients=2, seed=70, pause_s=0.01) as load:
        wait_until(lambda: load.committed >= 20, 60, "traffic")
        lutra.start()
        at_ready = {c.number: c.committed for c in load.clients}
        lutra.kill()
        goal = load.committed + 50
        wait_until(lambda: load.committed >= goal, 60, "more transactions")
        load.stop()

    lutra.start()
    lutra.wait()

    held = [i for (i,) in target.sql("SELECT txn_id FROM ledger", db=schema)]
    assert len(held) == len(set(held))
    # The one in hand at `ready` may lie on either side of the start.
    must = {i for i in load.expected_ledger() if i % 10**9 > at_ready[i // 10**9] + 1}
    assert must and must <= set(held), f"lost: {sorted(must - set(held))[:5]}"
