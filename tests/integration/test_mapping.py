"""Entries of `tables` beyond names: several targets, several sources, constants, weights, precedence, expressions."""

import pytest
from conftest import ledger_is, same, whole
from lutralab.compare import INVARIANTS
from lutralab.workload import Workload
from steps import column, run_at, server_globals, stopped, transaction

ONE_WAY = "hz->us"
PAIRS = [("mariadb", "mysql"), ("mysql", "mariadb")]


@pytest.fixture(params=PAIRS, ids="-".join)
def start(request, site, channel, schema):
    """start(tables at the source, tables at the target, entries, lines of the channel file...): (source, target, lutra)."""
    source, target = site(request.param[0], 1), site(request.param[1], 2)

    def begin(there, here, entries, *extra):
        lutra = channel({"hz": source, "us": target}, "hz -> us", entries, extra=extra)
        run_at((source,), schema, *there)
        run_at((target,), schema, *here)
        return source, target, lutra
    return begin


def rows(server, schema, table):
    return sorted(server.sql(f"SELECT * FROM {table}", db=schema))


@pytest.mark.parametrize("how", ["writers: 1", "writers: 3", "mode: merge"])
def test_one_table_to_several(how, start, schema):
    """Whole rows to one, some columns to another, a marked copy to a third; every operation reaches all of them."""
    source, target, lutra = start(
        ["CREATE TABLE t (id INT PRIMARY KEY, v INT, note VARCHAR(20))", "CREATE TABLE k (v INT)"],
        ["CREATE TABLE t (id INT PRIMARY KEY, v INT, note VARCHAR(20))", "CREATE TABLE slim (id INT PRIMARY KEY, v INT)",
         "CREATE TABLE copy (site VARCHAR(10) NOT NULL, id INT NOT NULL, v INT, note VARCHAR(20), n BIGINT, PRIMARY KEY (id, site))",
         "CREATE TABLE k (v INT)", "CREATE TABLE k2 (w INT)"],
        [{"from": f"{schema}.t"}, {"from": f"{schema}.t", "to": f"{schema}.slim", "include": ["id", "v"]},
         {"from": f"{schema}.t", "to": f"{schema}.copy", "set": {"site": "hz", "n": -7}},
         {"from": f"{schema}.k"}, {"from": f"{schema}.k", "to": f"{schema}.k2", "rename": {"v": "w"}}], how)
    lutra.start()
    transaction(source, schema, *(f"INSERT INTO t VALUES ({i}, {i}, 'n{i}')" for i in range(30)), "INSERT INTO k VALUES (1), (1), (1), (2)")
    transaction(source, schema, "UPDATE t SET v = v + 100 WHERE id < 20", "UPDATE t SET id = 99 WHERE id = 5", "DELETE FROM t WHERE id = 6",
                "UPDATE k SET v = 3 WHERE v = 1 LIMIT 2", "DELETE FROM k WHERE v = 2")
    lutra.wait()
    expected = rows(source, schema, "t")
    assert len(expected) == 29
    assert rows(target, schema, "t") == expected
    assert rows(target, schema, "slim") == [(i, v) for i, v, _ in expected]
    assert rows(target, schema, "copy") == [("hz", i, v, note, -7) for i, v, note in expected]
    assert rows(target, schema, "k") == rows(target, schema, "k2") == [(1,), (3,), (3,)]


@pytest.mark.parametrize("how", ["writers: 1", "writers: 3", "mode: merge"])
def test_shards_into_one_table_told_apart(how, start, schema):
    """The same keys in every shard: a constant in the target's key keeps them apart, also where rows share statements."""
    shards = [f"o_0{i}" for i in range(3)]
    source, target, lutra = start(
        [f"CREATE TABLE {s} (id INT PRIMARY KEY, v INT, UNIQUE (v))" for s in shards],
        ["CREATE TABLE o (shard VARCHAR(10) NOT NULL, id INT NOT NULL, v INT, PRIMARY KEY (shard, id), UNIQUE (shard, v))"],
        [{"from": f"{schema}.o_[00-02]", "to": f"{schema}.o", "set": {"shard": "$table"}}], how, "group: { rows: 10 }")
    status, lines = lutra.check()
    assert status == 0 and any(line.startswith("ok") and "several tables into one" in line for line in lines), lines
    lutra.start()
    lutra.stop()  # what follows is a backlog, and so is gathered
    for i in range(40):
        transaction(source, schema, *(f"INSERT INTO {s} VALUES ({i}, {i * 10})" for s in shards))
    transaction(source, schema, *(f"UPDATE {s} SET v = v + 1" for s in shards))
    transaction(source, schema, "DELETE FROM o_00 WHERE id < 10", "UPDATE o_01 SET id = id + 1000 WHERE id > 30",
                "UPDATE o_02 SET v = 5000 WHERE id = 1", "UPDATE o_02 SET v = 11 WHERE id = 2")
    lutra.start()
    lutra.wait()
    expected = sorted((s, *row) for s in shards for row in rows(source, schema, s))
    assert len(expected) == 110
    assert rows(target, schema, "o") == expected


@pytest.mark.parametrize("start", PAIRS[:1], ids=["mariadb-mysql"], indirect=True)
def test_shards_without_a_key_are_kept_apart(start, schema):
    """A keyless row is found by all of its columns, the constant among them."""
    source, target, lutra = start(
        ["CREATE TABLE a (v INT)", "CREATE TABLE b (v INT)"], ["CREATE TABLE k (v INT, c VARCHAR(5), d DATE)"],
        [{"from": f"{schema}.{name}", "to": f"{schema}.k", "set": {"c": name, "d": "2026-11-22"}} for name in "ab"])
    lutra.start()
    transaction(source, schema, "INSERT INTO a VALUES (1), (1)", "INSERT INTO b VALUES (1), (1)")
    transaction(source, schema, "DELETE FROM b LIMIT 1", "UPDATE b SET v = 2")
    lutra.wait()
    assert sorted(target.sql("SELECT v, c FROM k", db=schema)) == [(1, "a"), (1, "a"), (2, "b")]


@pytest.mark.parametrize("start", PAIRS[:1], ids=["mariadb-mysql"], indirect=True)
def test_check_tells_constants_that_do_not_fit_and_keys_that_meet(start, schema):
    source, target, lutra = start(
        ["CREATE TABLE a (id INT PRIMARY KEY)", "CREATE TABLE b (id INT PRIMARY KEY)"],
        ["CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, s VARCHAR(2), e ENUM('x'), g INT AS (n + 1))"],
        [{"from": f"{schema}.a", "to": f"{schema}.t", "set": {"n": "many", "s": "long", "e": "y", "g": 1, "gone": 1}},
         {"from": f"{schema}.b", "to": f"{schema}.t", "set": {"n": None}}])
    status, lines = lutra.check()
    assert status == 1
    failed = [line for line in lines if line.startswith("fail  set ")]
    for what in ("column n wants a number", "column s is too short", "column e has no such member", "column g is made by the target",
                 "column gone is not there", "column n may not be NULL"):
        assert any(what in line for line in failed), (what, lines)
    assert any(line.startswith("warn  several tables into one") and "PRIMARY" in line for line in lines), lines


@pytest.mark.parametrize("start", PAIRS[:1], ids=["mariadb-mysql"], indirect=True)
def test_constant_column_missing_at_run_time_stops(start, schema):
    source, target, lutra = start(["CREATE TABLE t (id INT PRIMARY KEY)"], ["CREATE TABLE t (id INT PRIMARY KEY)"],
                                  [{"from": f"{schema}.t", "set": {"region": "hz"}}])
    lutra.start()
    transaction(source, schema, "INSERT INTO t VALUES (1)")
    error = stopped(lutra, ONE_WAY, "E4003")
    assert "region" in error["message"]
    run_at((target,), schema, "ALTER TABLE t ADD region VARCHAR(5) NOT NULL")
    lutra.command("ddl", "done", ONE_WAY)
    lutra.wait()
    assert rows(target, schema, "t") == [(1, "hz")]


@pytest.mark.parametrize("start", PAIRS[:1], ids=["mariadb-mysql"], indirect=True)
def test_ddl_done_compares_every_target(start, schema):
    """A column that only a constant fills is no difference; a target that lacks the new column is one."""
    source, target, lutra = start(
        ["CREATE TABLE t (id INT PRIMARY KEY)"],
        ["CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT, region VARCHAR(5) NOT NULL, PRIMARY KEY (id, region))"],
        [{"from": f"{schema}.t"}, {"from": f"{schema}.t", "to": f"{schema}.u", "set": {"region": "hz"}}])
    lutra.start()
    source.script(["ALTER TABLE t ADD v INT"], db=schema)
    transaction(source, schema, "INSERT INTO t VALUES (1, 2)")
    stopped(lutra, ONE_WAY, "E4000")
    run_at((target,), schema, "ALTER TABLE t ADD v INT")
    with pytest.raises(Exception, match="E4004.*column v"):
        lutra.command("ddl", "done", ONE_WAY)
    run_at((target,), schema, "ALTER TABLE u ADD v INT")
    lutra.command("ddl", "done", ONE_WAY)
    lutra.wait()
    assert rows(target, schema, "t") == [(1, 2)] and rows(target, schema, "u") == [(1, "hz", 2)]


def test_weights_order_tables_inside_a_transaction(start, schema):
    """The light table's rows come first whatever the log says, and the transaction stays one."""
    log_it = "CREATE TRIGGER {0}_seen AFTER INSERT ON {0} FOR EACH ROW INSERT INTO seen (what) VALUES ('{0}')"
    source, target, lutra = start(
        [f"CREATE TABLE {t} (id INT PRIMARY KEY)" for t in ("first", "middle", "last")],
        [*(f"CREATE TABLE {t} (id INT PRIMARY KEY)" for t in ("first", "middle", "last")),
         "CREATE TABLE seen (n INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(10))", *(log_it.format(t) for t in ("first", "middle", "last"))],
        [{"from": f"{schema}.last", "weight": 9}, f"{schema}.middle", {"from": f"{schema}.first", "weight": 1}])
    lutra.start()
    transaction(source, schema, *(f"INSERT INTO {t} VALUES ({i})" for i in range(4) for t in ("last", "middle", "first")))
    lutra.wait()
    assert column(target, schema, "SELECT what FROM seen ORDER BY n") == ["first"] * 4 + ["middle"] * 4 + ["last"] * 4


def test_weights_stand_foreign_keys_and_rows_that_move_between_shards(start, schema):
    family = ["CREATE TABLE mum (id INT PRIMARY KEY)", "CREATE TABLE kid (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES mum (id))"]
    shards = [f"CREATE TABLE {t} (id INT PRIMARY KEY)" for t in ("s_a", "s_b")]
    source, target, lutra = start(
        [*family, *shards], [*family, "CREATE TABLE s (id INT PRIMARY KEY)"],
        [{"from": f"{schema}.mum", "weight": 1}, {"from": f"{schema}.kid", "weight": 2},
         {"from": f"{schema}.s_a", "to": f"{schema}.s", "weight": 3}, {"from": f"{schema}.s_b", "to": f"{schema}.s", "weight": 7}])
    lutra.start()
    transaction(source, schema, "INSERT INTO mum VALUES (1), (2), (3)", "INSERT INTO kid VALUES (1, 1), (2, 2)", "INSERT INTO s_b VALUES (5)")
    transaction(source, schema, "DELETE FROM kid WHERE id = 1", "DELETE FROM mum WHERE id = 1")
    transaction(source, schema, "UPDATE kid SET p = 3 WHERE id = 2", "DELETE FROM mum WHERE id = 2")
    transaction(source, schema, "DELETE FROM s_b", "INSERT INTO s_a VALUES (5)")
    lutra.wait()
    assert [rows(target, schema, t) for t in ("mum", "kid", "s")] == [[(3,)], [(2, 3)], [(5,)]]


@pytest.mark.parametrize("start", PAIRS[:1], ids=["mariadb-mysql"], indirect=True)
def test_precedence_and_back_references(start, schema):
    """Literal before range before expression, each whole: what one entry takes, no other gets."""
    source, target, lutra = start(
        [f"CREATE TABLE {t} (id INT PRIMARY KEY)" for t in ("x_1", "x_2", "x_a7", "other")],
        [f"CREATE TABLE {t} (id INT PRIMARY KEY)" for t in ("one", "y_2", "z_7_a", "other")],
        [{"from": f"`{schema}`./x_([a-z]*)(\\d+)/", "to": f"`{schema}`.z_$2_$1"}, {"from": f"{schema}.x_[1-9]", "to": f"{schema}.y_[1-9]"},
         {"from": f"{schema}.x_1", "to": f"{schema}.one"}, f"{schema}.*"])
    lutra.start()
    transaction(source, schema, *(f"INSERT INTO {t} VALUES ({i})" for i, t in enumerate(("x_1", "x_2", "x_a7", "other"))))
    lutra.wait()
    assert [rows(target, schema, t) for t in ("one", "y_2", "z_7_a", "other")] == [[(0,)], [(1,)], [(2,)], [(3,)]]


def alike(table, columns):
    return (f"SELECT {columns} FROM (SELECT {columns} FROM {table} UNION ALL SELECT {columns} FROM {table}_too) u"
            f" GROUP BY {columns} HAVING COUNT(*) <> 2")


def test_fan_out_comes_whole_and_once(start, schema):
    """No snapshot has a row in one target of a table and not in the other."""
    both = [entry for t in ("account", "ledger") for entry in ({"from": f"{schema}.{t}"}, {"from": f"{schema}.{t}", "to": f"{schema}.{t}_too"})]
    source, target, lutra = start([], [f"CREATE TABLE {t}_too LIKE {t}" for t in ("account", "ledger")], [*both, f"{schema}.*"],
                                  "writers: 3", "group: { rows: 40 }")
    lutra.start()
    assert lutra.stop() == 0
    load = Workload(source, schema, clients=3, seed=91, limit=80).start().join()
    with whole(schema, target, invariants={**INVARIANTS, "accounts": alike("account", "id, balance"), "ledgers": alike("ledger", "txn_id")}):
        lutra.start()
        lutra.wait()
    assert rows(target, schema, "account") == rows(target, schema, "account_too")
    assert rows(target, schema, "ledger") == rows(target, schema, "ledger_too")
    run_at((target,), schema, "DROP TABLE account_too, ledger_too")
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


def test_fan_out_killed_in_the_middle(site, channel, schema):
    """All targets of a transaction move together."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", [f"{schema}.t", {"from": f"{schema}.t", "to": f"{schema}.u"}])
    run_at((source, target), schema, "CREATE TABLE t (id INT PRIMARY KEY)")
    run_at((target,), schema, "CREATE TABLE u (id INT PRIMARY KEY)")
    lutra.start()
    lutra.stop()
    for i in range(300):
        transaction(source, schema, f"INSERT INTO t VALUES ({i})")
    for _ in range(4):
        lutra.start(wait=False)
        lutra.wait_ready()
        lutra.kill()
        # In one statement: a COMMIT that was sent may still come.
        assert column(target, schema, "SELECT COUNT(*) FROM t LEFT JOIN u USING (id) WHERE u.id IS NULL"
                      " UNION ALL SELECT COUNT(*) FROM u LEFT JOIN t USING (id) WHERE t.id IS NULL") == [0, 0]
    lutra.start()
    lutra.wait()
    assert len(rows(target, schema, "u")) == 300
    run_at((target,), schema, "DROP TABLE u")
    same(source, target, schema)


@pytest.mark.parametrize("image", ["MINIMAL", "NOBLOB"])
def test_r07_another_key_at_the_target_than_the_image_has(image, start, schema):
    """The log tells the source's key only; the target is keyed by another column, and found by what the image has."""
    source, target, lutra = start(
        ["CREATE TABLE t (id INT PRIMARY KEY, code VARCHAR(20) CHARACTER SET latin1 NOT NULL, v INT, b TEXT)"],
        ["CREATE TABLE t (site VARCHAR(5) NOT NULL, code VARCHAR(20) NOT NULL, id INT, v INT, b TEXT, PRIMARY KEY (site, code), KEY (id))"],
        [{"from": f"{schema}.t", "set": {"site": "hz"}}])
    lutra.start()
    with server_globals(source, binlog_row_image=image):
        transaction(source, schema, *(f"INSERT INTO t VALUES ({i}, 'c{i}', {i}, 'text')" for i in range(20)))
        transaction(source, schema, "UPDATE t SET v = -1 WHERE id < 5", "UPDATE t SET code = CONCAT(code, 'x') WHERE id IN (3, 7)",
                    "DELETE FROM t WHERE id > 15", "UPDATE t SET id = 100 WHERE id = 9", "INSERT INTO t VALUES (9, 'c9y', 9, NULL)")
        lutra.wait()
        run_at((target,), schema, "DELETE FROM t WHERE id = 1")
        transaction(source, schema, "UPDATE t SET v = 7 WHERE id = 1")
        stopped(lutra, ONE_WAY, "E5000")
    lutra.skip(ONE_WAY)
    lutra.wait()
    expected = sorted(("hz", code, i, v, b) for i, code, v, b in rows(source, schema, "t") if i != 1)
    assert len(expected) == 16 and rows(target, schema, "t") == expected


def test_row_mode_passes_a_unique_value_that_has_moved_on(start, schema):
    """What the source has by then is taken at the target still: the log's own word is not."""
    table = "CREATE TABLE t (id INT PRIMARY KEY, u VARCHAR(5) UNIQUE)"
    source, target, lutra = start([table], [table], [f"{schema}.t"], "sync-mode: row")
    lutra.start()
    transaction(source, schema, "INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    lutra.wait()
    lutra.command("pause", ONE_WAY)
    for statement in ("UPDATE t SET u = 'z' WHERE id = 1", "UPDATE t SET u = 'x' WHERE id = 2", "UPDATE t SET u = 'y' WHERE id = 1"):
        transaction(source, schema, statement)
    lutra.command("resume", ONE_WAY)
    lutra.wait()
    assert rows(target, schema, "t") == [(1, "y"), (2, "x")]


def test_row_mode_reads_what_is_there_now(start, schema):
    """Also where sessions begin a transaction with their first SELECT."""
    table = "CREATE TABLE t (id INT PRIMARY KEY, v INT, w INT)"
    source, target, lutra = start([table], [table], [f"{schema}.t"], "sync-mode: row")
    with server_globals(source, autocommit=0, binlog_row_image="MINIMAL"):
        lutra.start()
        for i in range(3):
            transaction(source, schema, f"REPLACE INTO t VALUES (1, {i}, {i})")
            lutra.wait()
            assert rows(target, schema, "t") == [(1, i, i)]


def test_row_mode_reads_rows_again(start, schema):
    """Whole rows as they are at the source by then, whether the target has them or not; what is gone stays as the log has it."""
    kinds = ("id INT PRIMARY KEY, f FLOAT, d DOUBLE, n DECIMAL(10,3), b VARBINARY(8), t VARCHAR(20) CHARACTER SET latin1, s DATETIME(3), bits BIT(5),"
             " e ENUM('x', 'y'), g POINT, v INT")
    source, target, lutra = start(
        [f"CREATE TABLE t ({kinds})"], [f"CREATE TABLE t ({kinds}, region VARCHAR(5) NOT NULL)"],
        [{"from": f"{schema}.t", "set": {"region": "hz"}}], "sync-mode: row")
    row = "0.1, 1e-300, 3.140, X'00ff3f', 'caf\u00e9 ?', '2026-11-22 08:00:00.125', b'10101', 'y', POINT(1.5, 2)"
    run_at((source,), schema, *(f"INSERT INTO t VALUES ({i}, {row}, 0)" for i in (1, 2, 3)))  # the target has none of them
    status, lines = lutra.check()
    assert any(line.startswith("warn") and "inexact" in line for line in lines), lines
    lutra.start()
    with server_globals(source, binlog_row_image="MINIMAL"):
        lutra.command("pause", ONE_WAY)
        transaction(source, schema, "UPDATE t SET v = 1 WHERE id = 1", f"INSERT INTO t VALUES (4, {row}, 4)")
        transaction(source, schema, "UPDATE t SET v = 2 WHERE id = 1", "UPDATE t SET id = 20, v = 7 WHERE id = 2")
        run_at((source,), schema, "UPDATE t SET v = 99 WHERE id = 1")  # no transaction of the log has it
        lutra.command("resume", ONE_WAY)
        lutra.wait()
        expected = [(*r, "hz") for r in rows(source, schema, "t") if r[0] != 3]
        assert rows(target, schema, "t") == expected and expected[0][10] == 99
        # Gone at the source by then: the log's word, which finds the row.
        lutra.command("pause", ONE_WAY)
        transaction(source, schema, "UPDATE t SET v = 5 WHERE id = 20")
        transaction(source, schema, "DELETE FROM t WHERE id = 20")
        lutra.command("resume", ONE_WAY)
        lutra.wait()
    assert column(target, schema, "SELECT id FROM t ORDER BY id") == [1, 4]
