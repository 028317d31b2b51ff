"""Merge mode: the changes that one target transaction makes to a row become one, and the outcome is the source's state."""

import random

import pytest

from conftest import ledger_is, same, whole
from lutralab.lutra import LutraFailed, let_see_triggers
from lutralab.workload import Workload
from steps import run_at
from test_writers import FAMILY, commit_each, families

MEMBER = ("CREATE TABLE member (id INT NOT NULL PRIMARY KEY, name VARCHAR(40) COLLATE utf8mb4_general_ci UNIQUE, n INT)"
          " DEFAULT CHARSET=utf8mb4")

# Each is a history of a few keys that a fold by primary key alone gets wrong, and how many rows it ends with. {0}, {1}, {2} are ids.
HISTORIES = {
    "a key change after an update": (["INSERT INTO member VALUES ({0}, 'a{0}', 0)", "#", "UPDATE member SET n = 1 WHERE id = {0}",
                                      "UPDATE member SET id = {1} WHERE id = {0}"], 1),
    "a key change onto a deleted key": (["INSERT INTO member VALUES ({0}, 'a{0}', 0), ({1}, 'b{0}', 0)", "#",
                                         "DELETE FROM member WHERE id = {1}", "UPDATE member SET id = {1} WHERE id = {0}"], 1),
    "a key that is used again": (["INSERT INTO member VALUES ({0}, 'a{0}', 0)", "#", "UPDATE member SET id = {1} WHERE id = {0}",
                                  "INSERT INTO member VALUES ({0}, 'b{0}', 5)"], 2),
    "keys that change round": (["INSERT INTO member VALUES ({0}, 'a{0}', 0), ({1}, 'b{0}', 1)", "#",
                                "UPDATE member SET id = {2} WHERE id = {0}", "UPDATE member SET id = {0} WHERE id = {1}",
                                "UPDATE member SET id = {1} WHERE id = {2}"], 2),
    "unique values that change places": (["INSERT INTO member VALUES ({0}, 'a{0}', 0), ({1}, 'b{0}', 1)", "#",
                                          "UPDATE member SET name = NULL WHERE id = {0}", "UPDATE member SET name = 'a{0}' WHERE id = {1}",
                                          "UPDATE member SET name = 'b{0}' WHERE id = {0}"], 2),
    "unique values that change places in one statement": (["INSERT INTO member VALUES ({0}, 'a{0}', 0), ({1}, 'b{0}', 1), ({2}, 'c{0}', 2)", "#",
                                                           "REPLACE INTO member VALUES ({0}, 'b{0}', 5), ({1}, 'a{0}', 6)",
                                                           "REPLACE INTO member VALUES ({0}, 'c{0}', 7), ({1}, 'b{0}', 8), ({2}, 'a{0}', 9)"], 3),
    "a unique value taken over by a new row": (["INSERT INTO member VALUES ({0}, 'a{0}', 0)", "#",
                                                "UPDATE member SET name = 'c{0}' WHERE id = {0}", "INSERT INTO member VALUES ({1}, 'A{0} ', 1)"], 2),
    "a row that comes and goes": (["#", "INSERT INTO member VALUES ({0}, 'a{0}', 0)", "UPDATE member SET n = 9 WHERE id = {0}",
                                   "DELETE FROM member WHERE id = {0}"], 0),
    "a row that goes and comes": (["INSERT INTO member VALUES ({0}, 'a{0}', 0)", "#", "DELETE FROM member WHERE id = {0}",
                                   "INSERT INTO member VALUES ({0}, 'a{0}', 7)"], 1),
    "a row that comes back as it was": (["INSERT INTO member VALUES ({0}, 'a{0}', 0)", "#", "DELETE FROM member WHERE id = {0}",
                                         "INSERT INTO member VALUES ({0}, 'a{0}', 0)"], 1),
}


def run(server, schema, statements, image="FULL"):
    with server.connect(schema) as c, c.cursor() as cursor:
        cursor.execute(f"SET SESSION binlog_row_image='{image}'")
        for statement in statements:
            cursor.execute(statement)


def ran(server):
    return {name[4:]: int(n) for name, n in server.sql("SHOW GLOBAL STATUS LIKE 'Com\\_%'")}


@pytest.mark.parametrize("target", ["mariadb", "mysql"])
def test_histories_that_folding_by_key_gets_wrong(target, site, channel, schema):
    hz, us = site("mariadb", 1), site(target, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us", extra=["mode: merge"])
    let_see_triggers(us, schema)
    for server in (hz, us):
        server.sql(MEMBER, db=schema)
    lutra.start()
    first, then, rows = [], [], 0
    for number, (statements, left) in enumerate(HISTORIES.values()):
        for copy in range(4):
            ids = [1000 * number + 10 * copy + i for i in range(3)]
            at = statements.index("#")
            first += [s.format(*ids) for s in statements[:at]]
            then += [s.format(*ids) for s in statements[at + 1:]]
            rows += left
    run(hz, schema, first)
    lutra.wait()
    lutra.kill()
    run(hz, schema, then)
    before = ran(us)
    lutra.start()
    lutra.wait()
    commands = {name: n - before[name] for name, n in ran(us).items()}
    same(hz, us, schema)
    assert us.sql("SELECT COUNT(*) FROM member", db=schema)[0][0] == rows
    assert commands["rollback"] == 0, commands  # nothing had to be done again in the log's order

    lutra.kill()
    run(hz, schema, [f"UPDATE member SET n = n + {i} WHERE id % 3 = {i % 3}" for i in range(30)], image="MINIMAL")
    lutra.start()
    lutra.wait()
    same(hz, us, schema)


@pytest.mark.parametrize("engine, image", [("mariadb", "FULL"), ("mysql", "MINIMAL")])
def test_families_are_never_broken(engine, image, site, channel, schema):
    """Parents and children that come and go: no foreign key is in the way of what is left of them."""
    source, target = site("mariadb", 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=["mode: merge"])
    let_see_triggers(target, schema)
    run_at((source, target), schema, *FAMILY)
    lutra.start()
    assert lutra.stop() == 0
    commit_each(source, schema, families(random.Random(61), 400), f"SET SESSION binlog_row_image = {image}")
    before = ran(target)
    lutra.start()
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, set(range(1, 401)))
    assert ran(target)["rollback"] == before["rollback"]


@pytest.mark.parametrize("source, target, writers", [("mysql", "mariadb", 1), ("mariadb", "mysql", 3)])
def test_a_backlog_of_every_shape_ends_equal(source, target, writers, site, channel, schema):
    hz, us = site(source, 1), site(target, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us", extra=["mode: merge", f"writers: {writers}"])
    let_see_triggers(us, schema)
    lutra.start()
    lutra.kill()
    load = Workload(hz, schema, site=1, clients=3, seed=78, limit=300).start().join()
    with whole(schema, us):
        lutra.start()
        lutra.wait()
    same(hz, us, schema)
    ledger_is(us, schema, load.expected_ledger())


@pytest.mark.parametrize("target", ["mariadb", "mysql"])
def test_a_row_in_the_way_is_named_though_rows_were_folded(target, site, channel, schema):
    hz, us = site("mariadb", 1), site(target, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us", extra=["mode: merge"])
    let_see_triggers(us, schema)
    for server in (hz, us):
        server.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)", db=schema)
    lutra.start()
    lutra.kill()
    us.sql("INSERT INTO t VALUES (40, -1)", db=schema)
    run(hz, schema, [s for i in range(60) for s in (f"INSERT INTO t VALUES ({i}, 0)", f"UPDATE t SET n = {i} WHERE id = {i}")])
    lutra.start()
    with pytest.raises(LutraFailed, match="E5002"):
        lutra.wait()
    assert us.sql("SELECT id, n FROM t ORDER BY id", db=schema) == tuple((i, i if i < 40 else -1) for i in range(41))
    us.sql("DELETE FROM t WHERE id=40", db=schema)
    lutra.retry("hz->us")
    lutra.wait()
    same(hz, us, schema)
