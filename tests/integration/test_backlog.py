"""A backlog is caught up in groups whose rows share statements: the outcome is that of the log's order."""

import pytest

from conftest import ledger_is, same, whole
from lutralab.lutra import LutraFailed
from lutralab.workload import Workload
from steps import column, retrying, transaction


@pytest.mark.parametrize("source, target", [("mariadb", "mariadb"), ("mysql", "mysql"), ("mysql", "mariadb"), ("mariadb", "mysql")])
def test_a_backlog_of_every_shape_ends_equal(source, target, site, channel, schema):
    hz, us = site(source, 1), site(target, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us").start()
    lutra.kill()
    load = Workload(hz, schema, site=1, clients=3, seed=77, limit=400).start().join()
    with whole(schema, us):
        lutra.start()
        lutra.wait()

    same(hz, us, schema)
    ledger_is(us, schema, load.expected_ledger())
    assert lutra.pipelines()["hz->us"]["state"] == "running"


@pytest.mark.parametrize("target", ["mariadb", "mysql"])
def test_rows_that_touch_keep_their_order(target, site, channel, schema):
    """Unique values that move, keys that come back, text equal by collation only, all inside one group."""
    hz, us = site("mariadb", 1), site(target, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us")
    for server in (hz, us):
        server.sql("CREATE TABLE member (id INT PRIMARY KEY, name VARCHAR(40) COLLATE utf8mb4_general_ci UNIQUE, n INT)"
                   " DEFAULT CHARSET=utf8mb4", db=schema)
    lutra.start()
    lutra.kill()
    with hz.connect(schema) as c, c.cursor() as cursor:
        for i in range(60):
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO member VALUES (%s, %s, 0), (%s, 'moves', 0)", (3 * i, f"Name{i}", 3 * i + 1))
            cursor.execute("UPDATE member SET name=%s WHERE id=%s", (f"was{i}", 3 * i + 1))
            cursor.execute("DELETE FROM member WHERE id=%s", (3 * i,))
            cursor.execute("INSERT INTO member VALUES (%s, %s, 1), (%s, %s, 2)", (3 * i, f"nAME{i} ", 3 * i + 2, f"gr\u00fc\u00df{i}"))
            cursor.execute("COMMIT")
            cursor.execute("UPDATE member SET n = n + 1 WHERE id % 3 = 1")
    lutra.start()
    lutra.wait()
    same(hz, us, schema)
    assert us.sql("SELECT COUNT(*) FROM member", db=schema)[0][0] == 180


@pytest.mark.parametrize("target", ["mariadb", "mysql"])
def test_a_row_in_the_way_is_named_though_rows_were_gathered(target, site, channel, schema):
    hz, us = site("mariadb", 1), site(target, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us")
    for server in (hz, us):
        server.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)", db=schema)
    lutra.start()
    lutra.kill()
    us.sql("INSERT INTO t VALUES (40, -1)", db=schema)
    with hz.connect(schema) as c, c.cursor() as cursor:
        for i in range(60):
            cursor.execute("INSERT INTO t VALUES (%s, %s)", (i, i))
    lutra.start()
    with pytest.raises(LutraFailed, match="E5002"):
        lutra.wait()
    assert [i for (i,) in us.sql("SELECT id FROM t ORDER BY id", db=schema)] == list(range(41))
    error = lutra.pipelines()["hz->us"]["error"]
    assert error["code"] == "E5002" and error["where"]["table"] == f"{schema}.t"
    assert "40" not in error["message"]  # no row values

    us.sql("DELETE FROM t WHERE id=40", db=schema)
    lutra.retry("hz->us")
    lutra.wait()
    same(hz, us, schema)


@pytest.mark.parametrize("more", [[], ["mode: merge"]], ids=["exact", "merge"])
def test_r05_of_a_group_that_waits_in_vain_no_plan_is_left(more, site, channel, schema):
    """For as long as it waits for a lock, the group behind it, of the same rows, is planned."""
    hz, us = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us", extra=["group: { rows: 12 }", *more])
    for server in (hz, us):
        server.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)", db=schema)
    lutra.start()
    hz.sql("INSERT INTO t VALUES " + ", ".join(f"({i}, 0)" for i in range(10)), db=schema)
    lutra.wait()
    lutra.kill()
    for i in range(60):
        transaction(hz, schema, f"UPDATE t SET n = n + 1 WHERE id = {i % 10}", f"INSERT INTO ledger VALUES ({i})")
    with us.connect(schema) as local, local.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT n FROM t WHERE id = 7 FOR UPDATE")
        lutra.start()
        retrying(lutra, "hz->us", "E2060")
        assert sorted(column(us, schema, "SELECT txn_id FROM ledger")) == list(range(7))
        cursor.execute("ROLLBACK")
    lutra.wait()
    same(hz, us, schema)
    ledger_is(us, schema, set(range(60)))
