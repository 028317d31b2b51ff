"""Two ways between MariaDB 10.11 and MySQL 9.7, both written, keys disjoint."""

from conftest import ledger_is, same, whole
from lutralab.workload import Workload


def test_both_sites_written_end_equal(site, channel, schema):
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us").start()

    with whole(schema, hz, us):
        loads = [Workload(server, schema, site=i, clients=3, seed=20 + i, limit=400).start() for i, server in ((1, hz), (2, us))]
        for load in loads:
            load.join()
        lutra.wait()

    same(hz, us, schema)
    expected = loads[0].expected_ledger() | loads[1].expected_ledger()
    ledger_is(hz, schema, expected)
    ledger_is(us, schema, expected)
    assert {name: p["state"] for name, p in lutra.pipelines().items()} == {"hz->us": "running", "us->hz": "running"}
    assert lutra.stop() == 0


def test_nothing_comes_back_to_where_it_was_written(site, channel, schema):
    """With one site silent, its pipeline has nothing of the other's to send: it would be a loop."""
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us").start()
    with whole(schema, us):
        load = Workload(hz, schema, site=1, clients=2, seed=5, limit=150).start().join()
        lutra.wait()

    assert lutra.pipelines()["us->hz"]["rows"] == 0
    same(hz, us, schema)
    ledger_is(hz, schema, load.expected_ledger())
