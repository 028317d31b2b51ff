"""Rules R6 to R9 of the core: which row a change is for, and what of it is known. See test_rules.py."""

import pytest
import steps
from conftest import ledger_is, same, whole
from lutralab.servers import wait_until
from lutralab.workload import Workload
from steps import column, run_at, stopped, transaction
from test_rules import ONE_WAY, PAIRS, with_base

# -- R6 and R7: images that lack columns ----------------------------------------------------------------------------------

@pytest.mark.parametrize("image", ["MINIMAL", "NOBLOB"])
@pytest.mark.parametrize("pair", [("mariadb", "mysql"), ("mysql", "mariadb")], ids=["mariadb-to-mysql", "mysql-to-mariadb"])
def test_r06_r07_images_without_all_columns(pair, image, site, channel, schema):
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, "CREATE TABLE d (id INT PRIMARY KEY, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)"
           " ON UPDATE CURRENT_TIMESTAMP(3), n INT DEFAULT 7, w VARCHAR(40) DEFAULT (concat('a', id)), b TEXT)")
    lutra.start()
    with whole(schema, target), steps.server_globals(source, binlog_row_image=image):
        load = Workload(source, schema, clients=3, seed=6, limit=120).start().join()
        transaction(source, schema, "INSERT INTO d (id) VALUES (1), (2)", "INSERT INTO d (id, b) VALUES (3, 'x')",
                    "UPDATE d SET n = 8 WHERE id = 1", "UPDATE d SET b = NULL WHERE id = 3", before=["SET timestamp=1700000000.123"])
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


def test_r06_r07_minimal_images_both_ways(site, channel, schema):
    """The mark of origin must be read from a minimal image, too."""
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us")
    with whole(schema, hz, us), steps.server_globals(hz, binlog_row_image="MINIMAL"), steps.server_globals(us, binlog_row_image="MINIMAL"):
        lutra.start()
        loads = [Workload(s, schema, site=i, clients=2, seed=60 + i, limit=80).start() for i, s in ((1, hz), (2, us))]
        for load in loads:
            load.join()
        lutra.wait()
    same(hz, us, schema)
    ledger_is(us, schema, loads[0].expected_ledger() | loads[1].expected_ledger())


# What a statement for a row also touches, where the log does not say so: the table, what is written before, and what then comes in
# one transaction, whose rows of one kind are gathered where they touch nothing in common. With a unique index a wrong order is refused
# by the target (and the log's order taken); a cascade takes rows with it in silence.
UNTOLD = {
    "unique": ("CREATE TABLE w (id INT PRIMARY KEY, u INT, UNIQUE KEY (u))", "INSERT INTO w VALUES (1, 10), (2, 20)",
               ("INSERT INTO w VALUES (3, 30)", "DELETE FROM w WHERE id = 1", "INSERT INTO w VALUES (4, 10)",
                "UPDATE w SET u = NULL WHERE id = 2", "INSERT INTO w VALUES (5, 20)")),
    "functional": ("CREATE TABLE w (id INT PRIMARY KEY, s VARCHAR(20), UNIQUE KEY ((reverse(s))))", "INSERT INTO w VALUES (1, 'ab')",
                   ("INSERT INTO w VALUES (2, 'xy')", "DELETE FROM w WHERE id = 1", "INSERT INTO w VALUES (3, 'ab')")),
    "multi-valued": ("CREATE TABLE w (id INT PRIMARY KEY, j JSON, UNIQUE KEY ((CAST(j->'$.k' AS UNSIGNED ARRAY))))",
                     "INSERT INTO w VALUES (1, '{\"k\": [1, 2]}')",
                     ("INSERT INTO w VALUES (2, '{\"k\": [5]}')", "DELETE FROM w WHERE id = 1", "INSERT INTO w VALUES (3, '{\"k\": [2, 3]}')")),
    "hidden hash": ("CREATE TABLE w (id INT PRIMARY KEY, b TEXT, UNIQUE KEY (b))", "INSERT INTO w VALUES (1, 'long')",
                    ("INSERT INTO w VALUES (2, 'else')", "DELETE FROM w WHERE id = 1", "INSERT INTO w VALUES (3, 'LONG ')")),
    "cascade": ("CREATE TABLE w (id INT PRIMARY KEY); CREATE TABLE c (id INT PRIMARY KEY, w INT, FOREIGN KEY (w) REFERENCES w (id) ON DELETE CASCADE)",
                "INSERT INTO w VALUES (1), (2); INSERT INTO c VALUES (11, 1)",
                ("INSERT INTO c VALUES (12, 2)", "DELETE FROM w WHERE id = 1", "INSERT INTO w VALUES (1)", "INSERT INTO c VALUES (13, 1)")),
}
ENGINES_OF = {"functional": ("mysql",), "multi-valued": ("mysql",), "hidden hash": ("mariadb",), "cascade": ("mariadb",)}


def write_sets(engine, what, site, channel, schema):
    source, target = site(engine, 1), site(engine, 2)
    tables, before, then = UNTOLD[what]
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, *tables.split("; "), *before.split("; "))
    lutra.start()
    many = range(1, 41)  # enough rows for gathering to be worth it
    with steps.server_globals(source, binlog_row_image="MINIMAL"):
        transaction(source, schema, *then, *(f"INSERT INTO ledger VALUES ({i})" for i in many))
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, set(many))


@pytest.mark.parametrize("engine, what", [(e, w) for w in UNTOLD for e in ENGINES_OF.get(w, ("mariadb", "mysql"))])
def test_r06_what_an_image_does_not_tell(engine, what, site, channel, schema):
    write_sets(engine, what, site, channel, schema)


# -- R8 and R9: finding rows ------------------------------------------------------------------------------------------------

def crossover(site, channel, schema):
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us")
    with_base((hz, us), schema)
    lutra.start()
    run_at((us,), schema, "UPDATE base SET v = 77 WHERE id = 2")
    transaction(hz, schema, "UPDATE base SET v = 5 WHERE id = 1", "INSERT INTO ledger VALUES (1)")
    transaction(hz, schema, "UPDATE base SET v = 5 WHERE id = 2", "INSERT INTO ledger VALUES (2)")
    transaction(hz, schema, "INSERT INTO ledger VALUES (3)")
    transaction(us, schema, "INSERT INTO ledger VALUES (4)")

    error = stopped(lutra, ONE_WAY, steps.ROW_DIFFERS)

    assert error["where"]["table"] == f"{schema}.base"
    assert sorted(column(us, schema, "SELECT txn_id FROM ledger")) == [1, 4]
    assert column(us, schema, "SELECT v FROM base WHERE id = 2") == [77]
    wait_until(lambda: 4 in column(hz, schema, "SELECT txn_id FROM ledger"), 60, "the other direction to go on")
    run_at((us,), schema, "UPDATE base SET v = 0 WHERE id = 2")
    lutra.retry(ONE_WAY)
    lutra.wait()
    same(hz, us, schema)
    ledger_is(us, schema, {1, 2, 3, 4})


def test_r08_row_that_differs_stops_a_two_way_channel(site, channel, schema):
    crossover(site, channel, schema)


def test_r08_one_way_goes_by_the_key_alone(site, channel, schema):
    source, target = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with_base((source, target), schema)
    lutra.start()
    run_at((target,), schema, "UPDATE base SET v = 77 WHERE id = 2")
    transaction(source, schema, "UPDATE base SET v = 5 WHERE id = 2")
    lutra.wait()
    same(source, target, schema)


@pytest.mark.parametrize("pair", PAIRS, ids=["-to-".join(p) for p in PAIRS])
def test_r09_keyless_tables(pair, site, channel, schema):
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema,
           "CREATE TABLE k (a INT, b VARCHAR(20) COLLATE utf8mb4_general_ci, f FLOAT, d DOUBLE, x DECIMAL(20,5), c CHAR(5),"
           " t TIMESTAMP(3) NULL, j JSON, e ENUM('x', 'y'), bl BLOB)")
    lutra.start()
    rows = [
        "(1, 'a', 0.1, 0.1, 1.5, 'x ', '2024-01-01 00:00:00.123', '{\"a\": 1}', 'y', X'00FF')",
        "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "(2, 'A', 16777217, 1e300, -1.00001, '', NULL, '[1, 2.5]', 'x', '')",
        "(1, 'a ', -0.1, 0.30000000000000004, 0, 'y', NULL, 'null', NULL, 'q')",
    ]
    transaction(source, schema, f"INSERT INTO k VALUES {', '.join(rows * 3)}")
    transaction(source, schema, "UPDATE k SET a = 5 WHERE b = 'a' AND f > 0 LIMIT 2")
    transaction(source, schema, "DELETE FROM k WHERE a IS NULL LIMIT 2")
    transaction(source, schema, "UPDATE k SET a = a + 1, b = 'A'")
    transaction(source, schema, "UPDATE k SET b = 'a'")
    transaction(source, schema, "DELETE FROM k WHERE a = 3 LIMIT 1", "UPDATE k SET d = d * 2, f = f * 3")
    lutra.wait()
    same(source, target, schema)
    transaction(source, schema, "DELETE FROM k WHERE a IS NOT NULL")
    lutra.wait()
    assert target.sql("SELECT COUNT(*) FROM k", db=schema) == source.sql("SELECT COUNT(*) FROM k", db=schema) == ((1,),)
    assert lutra.pipelines()[ONE_WAY]["error"] is None
