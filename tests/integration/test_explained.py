"""Sites that write the same rows end equal, and every write is accounted for: it stands, or one that had seen it, or the conflict log has it. Tables of
each policy in one storm, against an oracle that knows the logs alone."""

import collections

import pytest
import steps
from lutralab.servers import wait_until
from storm import EVERY_KIND, FIRST, KINDS, QUICK, Storm, any_kind, by_kind

WRITES = 200
# Which server of an engine is which is of no account: few are to be started.
SERVERS = {"mariadb": (1, 2), "mysql": (2, 1)}


def sites_of(site, engines):
    number = collections.Counter()
    found = {}
    for name, engine in zip("abcd", engines):
        found[name] = site(engine, SERVERS[engine][number[engine]])
        number[engine] += 1
    return found


def every_write_is_accounted_for(site, channel, schema, engines=("mariadb", "mariadb")):
    s = Storm(channel, sites_of(site, engines), schema, tables=EVERY_KIND, conflicts=by_kind(schema))
    s.lutra.start()
    s.clash()
    with s.clients(any_kind, limit=2 * WRITES // len(engines)) as clients:
        clients.join()
    lines = s.ends_well()
    assert {line.key[0] for line in lines} == {name for name, kind in KINDS.items() if kind.policy}
    return s


@pytest.mark.parametrize("engines", [("mariadb", "mariadb"), ("mysql", "mysql"), ("mariadb", "mysql"), ("mariadb", "mysql", "mariadb"),
                                     ("mariadb", "mysql", "mariadb", "mysql")], ids="-".join)
def test_every_write_is_accounted_for(channel, site, schema, engines):
    s = every_write_is_accounted_for(site, channel, schema, engines)
    added = collections.Counter()
    for log in s.logs().values():
        for (table, key), (before, after) in (change for t in log if not t.own for change in t.changes.items()):
            added[key] += after["n"] - before["n"] if table == "stock" else 0
    for key, n in s.servers[0].sql("SELECT id, n FROM stock", db=schema):
        assert n == FIRST + added[key], key


def test_three_sites_and_a_delete_that_one_of_them_has_not_seen(channel, site, schema):
    """To c comes what b made of rows before these themselves: they must not come back. And c writes rows that b deletes, neither knowing."""
    s = Storm(channel, sites_of(site, ("mariadb", "mysql", "mariadb")), schema, conflicts=QUICK)
    a, b, c = s.servers
    steps.run_at(s.servers, schema, "INSERT INTO hot VALUES (3, 'base'), (4, 'base')")
    s.base = s.rows(a)
    s.lutra.start()
    for pipeline in ("a->c", "c->b", "b->c"):
        s.lutra.command("pause", pipeline)
    steps.transaction(a, schema, "INSERT INTO hot VALUES (1, 'a'), (2, 'a')")
    wait_until(lambda: len(s.rows(b)) == 4, steps.PATIENCE_S, "b to have the rows")
    steps.transaction(c, schema, "UPDATE hot SET v='c' WHERE id=3")
    steps.transaction(b, schema, "DELETE FROM hot WHERE id IN (1, 3, 4)", "UPDATE hot SET v='b' WHERE id=2")
    steps.transaction(c, schema, "UPDATE hot SET v='c' WHERE id=4")
    s.lutra.command("resume", "b->c")
    wait_until(lambda: ("hot", 2) in s.rows(c), steps.PATIENCE_S, "what b made of a row to come to c first")
    for pipeline in ("a->c", "c->b"):
        s.lutra.command("resume", pipeline)
    lines = s.ends_well()
    assert [key for key in s.rows(c) if key[1] in (1, 2)] == [("hot", 2)] and s.rows(c)["hot", 2]["v"] == "b"
    assert {line.key[1] for line in lines} == {1, 2, 3, 4}
