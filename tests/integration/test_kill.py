"""kill -9 of Lutra and of each server under load: nothing lost, nothing twice, every snapshot whole."""

import collections
import random

import pytest
from conftest import ledger_is, same, whole
from lutralab.compare import INVARIANTS
from lutralab.lutra import Keeper
from lutralab.servers import wait_until
from lutralab.workload import Workload


def both_loads(sites, schema, seed):
    return [Workload(s, schema, site=i, clients=2, seed=seed + i, pause_s=0.02, large_share=0.003) for i, s in enumerate(sites, 1)]


def finish(lutra, sites, schema, loads):
    for load in loads:
        load.stop()
    lutra.wait(120)
    expected = set().union(*(load.expected_ledger() for load in loads))
    for server in sites:
        ledger_is(server, schema, expected)
    same(*sites, schema)


def test_lutra_killed_at_50_instants(site, channel, schema):
    sites = site("mariadb", 1), site("mysql", 2)
    lutra = channel(dict(zip(("hz", "us"), sites)), "hz <-> us").start()
    hz, us = both_loads(sites, schema, seed=50)

    with whole(schema, *sites), hz, us:
        with Keeper(lutra, random.Random(50), kills=50, longest_s=0.6) as keeper:
            keeper.finish()
        finish(lutra, sites, schema, (hz, us))
    assert keeper.done == 50


@pytest.mark.parametrize("victim", [0, 1], ids=["mariadb", "mysql"])
def test_server_killed_under_load(victim, site, channel, schema):
    """In a two-way channel each server is source and target: both roles die at once."""
    sites = site("mariadb", 1), site("mysql", 2)
    lutra = channel(dict(zip(("hz", "us"), sites)), "hz <-> us").start()
    loads = both_loads(sites, schema, seed=60)

    with whole(schema, *sites), loads[0], loads[1]:
        for _ in range(2):
            goal = [load.committed + 40 for load in loads]
            wait_until(lambda: all(load.committed >= g for load, g in zip(loads, goal)), 60, "both sites to be written")
            sites[victim].restart(kill=True)
        finish(lutra, sites, schema, loads)
    assert lutra.alive


def test_two_channels_into_one_target(site, channel, schema):
    """Each has lanes of its own: one that is killed again and again loses and doubles nothing, and leaves the other alone."""
    sources, target = {"hz": site("mariadb", 1), "eu": site("mysql", 1)}, site("mariadb", 2)
    both = [channel({name: server, "us": target}, f"{name} -> us", name=f"{schema}_{name}") for name, server in sources.items()]
    loads = [Workload(server, schema, site=i, clients=2, seed=90 + i, pause_s=0.02, large_share=0) for i, server in enumerate(sources.values(), 1)]
    for lutra in both:
        lutra.start()
    with whole(schema, target), loads[0], loads[1]:
        with Keeper(both[0], random.Random(90), kills=6, longest_s=0.6) as keeper:
            keeper.finish()
        for load in loads:
            load.stop()
        for lutra in both:
            lutra.wait()
    ledger_is(target, schema, set().union(*(load.expected_ledger() for load in loads)))
    for table in ("account", "child", "code", "parent", "seq"):
        there = [collections.Counter(server.sql(f"SELECT * FROM {table}", db=schema)) for server in (*sources.values(), target)]
        assert there[0] + there[1] == there[2] != collections.Counter(), table
    assert all(p["state"] == "running" for lutra in both for p in lutra.pipelines().values())


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

    with whole(schema, target, invariants={"once": INVARIANTS["the ledger holds each id once"]}):
        lutra.start()
        lutra.wait()

    held = [i for (i,) in target.sql("SELECT txn_id FROM ledger", db=schema)]
    assert len(held) == len(set(held))
    # The one in hand at `ready` may lie on either side of the start.
    must = {i for i in load.expected_ledger() if i % 10**9 > at_ready[i // 10**9] + 1}
    assert must and must <= set(held), f"lost: {sorted(must - set(held))[:5]}"
