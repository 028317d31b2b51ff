"""Many rows in one statement: every common type and shape comes out bit for bit, at both engines."""

import random

import pytest

from conftest import same
from lutralab.lutra import LutraFailed, let_see_triggers
from lutralab.shapes import kinds_columns, value

ROWS = 100

# Keys of one and several columns, of text under several collations, of bytes and dates; other unique keys; columns that the target makes
# or keeps itself; one that is not mapped. Each has a number of the row i, and a number n that updates change.
SHAPES = {
    "pairs": "i INT NOT NULL, k VARCHAR(40) COLLATE utf8mb4_general_ci NOT NULL, n INT, PRIMARY KEY (i, k)",
    "words": "k VARCHAR(40) COLLATE utf8mb4_unicode_ci NOT NULL PRIMARY KEY, i INT, n INT",
    "german": "k VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL PRIMARY KEY, i INT, n INT",
    "octets": "k BINARY(16) NOT NULL PRIMARY KEY, i INT, n INT",
    "dates": "k DATE NOT NULL, i INT NOT NULL, n INT, PRIMARY KEY (k, i)",
    "codes": "i INT PRIMARY KEY, k VARCHAR(40) COLLATE utf8mb4_bin UNIQUE, n INT",
    "kept": "i INT PRIMARY KEY, k VARCHAR(40), n INT, twice INT GENERATED ALWAYS AS (n * 2) STORED, hidden INT NOT NULL DEFAULT 7 INVISIBLE,"
            " at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), KEY (twice)",
    "partly": "i INT PRIMARY KEY, k VARCHAR(40), n INT, own INT",
}
NAMES = ("Otter", "stra\u00dfe", "caf\u00e9", "\u00fcber")


def key(name, i):
    if name == "dates":
        return "0000-00-00" if i % 3 == 0 else f"20{i % 90 + 10}-02-28"
    return i.to_bytes(16, "little") if name == "octets" else f"{NAMES[i % 4]}-{i}"


def insert(name, i, n):
    return f"INSERT INTO {name} (i, k, n) VALUES (%s, %s, %s)", i, key(name, i), n


def shapes_step(step):
    """One step over all rows: insert; change; move keys of some; delete half; bring some back; change what is not mapped."""
    for name in SHAPES:
        for i in range(ROWS):
            if step == 0:
                yield insert(name, i, i)
            elif step in (1, 2):
                yield f"UPDATE {name} SET n = n + 1000 WHERE i = %s", i
            elif step == 3 and i % 10 == 0:
                yield f"UPDATE {name} SET i = i + 1000, n = 5 WHERE i = %s", i
            elif step == 4 and i % 2 == 0:
                yield f"DELETE FROM {name} WHERE i %% 1000 = %s", i
            elif step == 5 and i % 10 == 0:
                yield insert(name, i, -1)
            elif step == 6 and name == "partly":
                yield "UPDATE partly SET own = %s WHERE i = %s", i, i


def kinds_step(rng, step):
    columns = kinds_columns()
    names = [name for name, _, _ in columns]
    for i in range(ROWS if step < 2 else 0):
        row = [value(rng, kind) for _, _, kind in columns]
        if step == 0:
            yield f"INSERT INTO kinds ({', '.join(names)}, id) VALUES ({', '.join(['%s'] * len(row))}, %s)", *row, i
        else:
            yield f"UPDATE kinds SET {', '.join(f'{name} = %s' for name in names)} WHERE id = %s", *row, i


def write(server, schema, statements, image):
    with server.connect(schema) as c, c.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode='STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone='+00:00',"
                       f" binlog_row_image='{image}'")
        for statement, *args in statements:
            cursor.execute(statement, args)


def ran(server):
    return {name[4:]: int(n) for name, n in server.sql("SHOW GLOBAL STATUS LIKE 'Com\\_%'")}


@pytest.mark.parametrize("verify", ["off", "on"])
@pytest.mark.parametrize("source, target", [("mariadb", "mysql"), ("mysql", "mariadb")])
def test_every_type_and_shape_shares_statements(source, target, verify, site, channel, schema):
    hz, us = site(source, 1), site(target, 2)
    partly = {"from": f"{schema}.partly", "to": f"{schema}.partly", "exclude": ["own"]}
    lutra = channel({"hz": hz, "us": us}, "hz -> us", tables=[partly, f"{schema}.*"], extra=[f"verify: {verify}"])
    let_see_triggers(us, schema)
    for server in (hz, us):
        server.script([f"CREATE TABLE {name} ({columns}) DEFAULT CHARSET=utf8mb4" for name, columns in SHAPES.items()], db=schema)
    us.sql("ALTER TABLE partly DROP COLUMN own", db=schema)
    lutra.start()
    lutra.kill()

    rng = random.Random(source)
    for step in range(7):
        write(hz, schema, [*shapes_step(step), *kinds_step(rng, step)], "MINIMAL" if step == 2 else "FULL")
    before = ran(us)
    lutra.start()
    lutra.wait()
    commands = {name: n - before[name] for name, n in ran(us).items()}

    # Nothing fell back, and the forms were there.
    assert commands["rollback"] == 0, commands
    if target == "mysql":
        assert commands["update_multi"] >= 10, commands
    elif verify == "off":
        assert commands["insert"] > 0 and commands["update"] < 17 * ROWS, commands
    assert hz.sql("SELECT i, k, n FROM partly ORDER BY i", db=schema) == us.sql("SELECT i, k, n FROM partly ORDER BY i", db=schema)
    for server in (hz, us):
        server.sql("DROP TABLE partly", db=schema)
    same(hz, us, schema)


@pytest.mark.parametrize("verify", ["off", "on"])
@pytest.mark.parametrize("target", ["mariadb", "mysql"])
def test_a_row_that_is_missing_is_named_and_not_made(target, verify, site, channel, schema):
    hz, us = site("mariadb", 1), site(target, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us", extra=[f"verify: {verify}"])
    let_see_triggers(us, schema)
    for server in (hz, us):
        server.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)", db=schema)
        server.sql(f"INSERT INTO t VALUES {', '.join(f'({i}, 0)' for i in range(80))}", db=schema)
    lutra.start()
    lutra.kill()
    us.sql("DELETE FROM t WHERE id = 50", db=schema)
    write(hz, schema, [("UPDATE t SET n = %s WHERE id = %s", i + 1, i) for i in range(80)], "FULL")
    lutra.start()
    with pytest.raises(LutraFailed, match="E5000"):
        lutra.wait()
    rows = dict(us.sql("SELECT id, n FROM t", db=schema))
    assert rows == {i: i + 1 if i < 50 else 0 for i in range(80) if i != 50}
    us.sql("INSERT INTO t VALUES (50, 0)", db=schema)
    lutra.retry("hz->us")
    lutra.wait()
    same(hz, us, schema)


@pytest.mark.parametrize("target", ["mariadb", "mysql"])
def test_triggers_that_the_account_cannot_see_fire_as_for_updates(target, site, channel, schema):
    hz, us = site("mariadb", 1), site(target, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us", tables=[f"{schema}.noted"])
    for server in (hz, us):
        server.script(["SET sql_log_bin=0", "CREATE TABLE noted (id INT PRIMARY KEY, n INT, t BLOB)", "CREATE TABLE fired (what VARCHAR(20))",
                       f"INSERT INTO noted VALUES {', '.join(f'({i}, 0, NULL)' for i in range(1200))}"], db=schema)
    us.sql("CREATE TRIGGER before_insert BEFORE INSERT ON noted FOR EACH ROW INSERT INTO fired VALUES ('insert')", db=schema)
    lutra.start()
    lutra.wait()
    hz.script(["BEGIN", "UPDATE noted SET n = n + 1, t = 'x'", "COMMIT"], db=schema)
    lutra.wait()
    assert us.sql("SELECT COUNT(*), MIN(n), MAX(n) FROM noted", db=schema) == ((1200, 1, 1),)
    assert us.sql("SELECT COUNT(*) FROM fired", db=schema) == ((0,),)


@pytest.mark.parametrize("mode", ["exact", "merge"])
@pytest.mark.parametrize("target", ["mariadb", "mysql"])
def test_a_trigger_meets_what_it_would_meet_row_by_row(target, mode, site, channel, schema):
    """One that reads a table that gets rows too; and one at both ends, where what it writes arrives just behind."""
    hz, us = site("mariadb", 1), site(target, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us", extra=[f"mode: {mode}"])
    let_see_triggers(us, schema)
    for server in (hz, us):
        server.script(["SET sql_log_bin=0", "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE c (id INT PRIMARY KEY)",
                       "CREATE TABLE x (id INT PRIMARY KEY, cnt INT)", "INSERT INTO x VALUES (1, 0), (2, 0), (3, 0)",
                       "CREATE TRIGGER counts AFTER INSERT ON c FOR EACH ROW UPDATE x SET cnt = cnt + 1 WHERE id = 3"], db=schema)
    us.script(["CREATE TABLE seen (id INT, cnt INT)",
               "CREATE TRIGGER sees AFTER INSERT ON t FOR EACH ROW INSERT INTO seen SELECT NEW.id, cnt FROM x WHERE id = 1"], db=schema)
    lutra.start()
    lutra.wait()
    lutra.kill()
    write(hz, schema, [("BEGIN",), ("UPDATE x SET cnt = 5 WHERE id = 2",), ("INSERT INTO c VALUES (1)",),
                       *((statement,) for i in range(1, 6) for statement in (f"INSERT INTO t VALUES ({i})", f"UPDATE x SET cnt = {i} WHERE id = 1")),
                       ("COMMIT",)], "FULL")
    lutra.start()
    lutra.wait()
    assert us.sql("SELECT id, cnt FROM seen ORDER BY id", db=schema) == tuple((i, i - 1) for i in range(1, 6))
    assert us.sql("SELECT id, cnt FROM x ORDER BY id", db=schema) == ((1, 5), (2, 5), (3, 1))


@pytest.mark.parametrize("mode", ["exact", "merge"])
def test_names_that_the_target_does_not_tell_apart_are_one_table(mode, lab, site, channel, schema):
    hz, us = site("mariadb", 1), lab.server("mariadb", 7, "lower-case-table-names=1", name=f"lower-{mode}").start()
    lutra = channel({"hz": hz, "us": us}, "hz -> us", extra=[f"mode: {mode}"])
    let_see_triggers(us, schema)
    for server in (hz, us):
        server.script([f"CREATE TABLE IF NOT EXISTS {t} (id INT PRIMARY KEY, n INT)" for t in ("T", "t", "z")], db=schema)
    hz.script(["SET sql_log_bin=0", "INSERT INTO T VALUES (1, 0)", "INSERT INTO t VALUES (1, 0)"], db=schema)
    us.sql("INSERT INTO t VALUES (1, 0)", db=schema)
    lutra.start()
    lutra.kill()
    write(hz, schema, [("BEGIN",), *((f"UPDATE {t} SET n = {n} WHERE id = 1",) for n, t in enumerate("tTt", 1)),
                       *((f"INSERT INTO z VALUES ({i}, 0)",) for i in range(8)), ("COMMIT",)], "FULL")
    lutra.start()
    lutra.wait()
    assert us.sql("SELECT n FROM t", db=schema) == ((3,),)
    us.stop()


@pytest.mark.parametrize("target", ["mariadb", "mysql"])
def test_rows_behind_a_single_one_are_strict_again(target, site, channel, schema):
    """An ENUM's value 0 goes without strict mode, alone; what comes behind it in one statement must not be cut to fit."""
    hz, us = site("mariadb", 1), site(target, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us")
    let_see_triggers(us, schema)
    for server, length in ((hz, 30), (us, 10)):
        server.sql(f"CREATE TABLE t (id INT PRIMARY KEY, e ENUM('x'), b LONGBLOB, note VARCHAR({length}))", db=schema)
    lutra.start()
    lutra.kill()
    hz.script(["SET sql_mode=''", "BEGIN", *(f"INSERT INTO t VALUES ({i}, 'none', REPEAT('b', 1048570), '')" for i in range(8)),
               *(f"INSERT INTO t VALUES ({i}, 'x', '', REPEAT('n', 20))" for i in range(8, 30)), "COMMIT"], db=schema)
    lutra.start()
    with pytest.raises(LutraFailed, match="E5005"):
        lutra.wait()
    assert us.sql("SELECT COUNT(*) FROM t", db=schema) == ((0,),)
    us.sql("ALTER TABLE t MODIFY note VARCHAR(30)", db=schema)
    lutra.retry("hz->us")
    lutra.wait()
    same(hz, us, schema)


@pytest.mark.parametrize("target", ["mariadb", "mysql"])
def test_a_float_becomes_the_same_text_by_every_form(target, site, channel, schema):
    hz, us = site("mariadb", 1), site(target, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us")
    let_see_triggers(us, schema)
    for server, kind in ((hz, "FLOAT"), (us, "VARCHAR(40)")):
        server.sql(f"CREATE TABLE t (id INT PRIMARY KEY, f {kind})", db=schema)
    lutra.start()
    some = "ELT(1 + MOD(id, 4), 0.1, 10 / 3, 16777217, 1e10 / 3)"
    write(hz, schema, [*((f"INSERT INTO t VALUES ({i}, 0)",) for i in range(4)), (f"UPDATE t SET f = {some}",)], "FULL")
    lutra.wait()
    lutra.kill()
    write(hz, schema, [("INSERT INTO t SELECT seq, 0 FROM seq_4_to_79",), (f"UPDATE t SET f = {some} WHERE id >= 4",)], "FULL")
    lutra.start()
    lutra.wait()
    assert us.sql("SELECT COUNT(DISTINCT f), COUNT(*) FROM t", db=schema) == ((4, 80),)


def test_r08_a_float_is_told_from_its_negative_zero(site, channel, schema):
    """MySQL keeps it; MariaDB does not show it."""
    hz, us = site("mysql", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us")
    for server in (hz, us):
        server.sql("CREATE TABLE t (f FLOAT, d DOUBLE, n INT)", db=schema)
    lutra.start()
    write(hz, schema, [("INSERT INTO t VALUES (0, 0, 1), (-0e0, 0, 1), (0, -0e0, 1), (0.1, 1e300, 1), (NULL, NULL, 1)",),
                       ("DELETE FROM t WHERE LEFT(f, 1) = '-'",), ("UPDATE t SET n = 2 WHERE LEFT(d, 1) = '-'",),
                       ("UPDATE t SET n = 3 WHERE f > 0",), ("DELETE FROM t WHERE f IS NULL",)], "FULL")
    lutra.wait()
    held = "SELECT CONCAT(f), CONCAT(d), n FROM t ORDER BY n, CONCAT(d)"
    assert us.sql(held, db=schema) == hz.sql(held, db=schema) == (("0", "0", 1), ("0", "-0", 2), ("0.1", "1e300", 3))
