"""Statements in the log that change tables: what stops, what passes, and how one goes on."""

import pytest
import steps
from conftest import ledger_is, same
from lutralab.lutra import ROLES, LutraFailed, create_user
from lutralab.servers import wait_until
from steps import column, run_at, stopped, transaction

ONE_WAY, BACK = "hz->us", "us->hz"
ITEM = "CREATE TABLE item (id INT NOT NULL PRIMARY KEY, v INT, w VARCHAR(20)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"


@pytest.fixture(params=["mariadb", "mysql"])
def one_way(request, site, channel, schema):
    """(source, target, lutra): one way, running, with a table `item` at both."""
    source, target = site(request.param, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, ITEM, "CREATE TABLE keyed (id INT PRIMARY KEY, v INT, KEY v_key (v))")
    return source, target, lutra.start()


def done(lutra, pipeline=ONE_WAY):
    lutra.command("ddl", "done", pipeline, "--why", "ran it there")


def refused(lutra, pipeline=ONE_WAY):
    with pytest.raises(LutraFailed) as failure:
        done(lutra, pipeline)
    assert failure.value.status == 1
    assert "E4004" in str(failure.value)
    return str(failure.value)


STOPPING = {
    "add column": ("ALTER TABLE item ADD COLUMN x INT DEFAULT 3", "INSERT INTO item VALUES (2, 2, 'b', 5)"),
    "drop column": ("ALTER TABLE item DROP COLUMN w", "INSERT INTO item VALUES (2, 2)"),
    "modify": ("ALTER TABLE item MODIFY v BIGINT NOT NULL", "INSERT INTO item VALUES (2, 5000000000, 'b')"),
    "rename column": ("ALTER TABLE item RENAME COLUMN w TO word", "INSERT INTO item VALUES (2, 2, 'b')"),
    "index": ("CREATE UNIQUE INDEX v_key ON item (v)", "INSERT INTO item VALUES (2, 2, 'b')"),
    "drop index": ("DROP INDEX v_key ON keyed", "INSERT INTO keyed VALUES (1, 1)"),
    "create": (ITEM.replace("item", "thing"), "INSERT INTO thing VALUES (1, 1, 'a')"),
    "drop": ("DROP TABLE word", "INSERT INTO item VALUES (2, 2, 'b')"),
    "rename": ("RENAME TABLE word TO words", "INSERT INTO words VALUES ('w', 1, 't')"),
}


@pytest.mark.parametrize("what", STOPPING)
def test_mapped_name_stops(what, one_way):
    source, target, lutra = one_way
    schema = lutra.name
    statement, then = STOPPING[what]
    transaction(source, schema, "INSERT INTO item VALUES (1, 1, 'a')", "INSERT INTO ledger VALUES (1)")
    source.sql(statement, db=schema)
    transaction(source, schema, then, "INSERT INTO ledger VALUES (2)")

    error = stopped(lutra, ONE_WAY, "E4000")

    assert statement.split()[0] in error["message"] and "lutra ddl done" in error["hint"] and error["where"]["file"]
    ledger_is(target, schema, {1})
    if what != "drop column":  # one way, the target may have more columns
        refused(lutra)
    assert lutra.pipelines()[ONE_WAY]["state"] == "stopped"
    target.sql(statement, db=schema)
    done(lutra)
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, {1, 2})
    assert target.sql("SELECT action, why FROM lutra.audit") == (("ddl done", "ran it there"),)


def test_password_in_a_statement_is_not_shown(one_way):
    """Both engines take the option for any table."""
    source, target, lutra = one_way
    schema = lutra.name
    statement = "ALTER TABLE item ADD COLUMN x INT, CONNECTION='mysql://reader:Hidden-7@far/shop/item'"
    source.sql(statement, db=schema)
    error = stopped(lutra, ONE_WAY, "E4000")
    wait_until(lambda: "E4000" in lutra.log.read_text(), steps.PATIENCE_S, "the log to say so")
    target.sql(statement, db=schema)
    done(lutra)
    lutra.wait()
    kept = [*column(target, None, "SELECT statement FROM lutra.ddl"), *column(target, None, "SELECT detail FROM lutra.audit")]
    assert len(kept) == 2
    for text in (error["message"], lutra.log.read_text(), *kept):
        assert "CONNECTION='...'" in text and "Hidden-7" not in text, text


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_a_mapped_schema_stops(engine, site, channel, schema):
    source, target, more = site(engine, 1), site("mariadb", 2), f"{schema}_more"
    lutra = channel({"hz": source, "us": target}, "hz -> us", [f"{schema}.*", f"{more}.*"])
    for role, server in zip(ROLES, (source, target)):
        create_user(server, [schema, more], roles=(role,))
        run_at((server,), schema, f"CREATE DATABASE {more}", f"CREATE TABLE {more}.t (id INT PRIMARY KEY, v INT)")
    run_at((target,), more, "DROP TABLE t")
    lutra.start()

    source.sql(f"ALTER DATABASE {more} CHARACTER SET latin1")
    stopped(lutra, ONE_WAY, "E4000")
    assert f"no table {more}.t" in refused(lutra)
    run_at((target,), more, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    done(lutra)
    transaction(source, more, "INSERT INTO t VALUES (1, 1)")
    lutra.wait()
    assert column(target, more, "SELECT v FROM t") == [1]

    for statement in (f"DROP DATABASE {more}", f"CREATE DATABASE {more}", f"CREATE TABLE {more}.t (id INT PRIMARY KEY, w INT)"):
        source.sql(statement)
        stopped(lutra, ONE_WAY, "E4000")
        if not statement.startswith("CREATE DATABASE"):  # the schema alone is nothing to compare
            assert f"{more}.t" in refused(lutra)
        target.sql(statement)
        done(lutra)
    transaction(source, more, "INSERT INTO t VALUES (1, 2)")
    lutra.wait()
    assert column(target, more, "SELECT w FROM t") == [2]


def test_an_index_that_is_not_wanted_at_the_target(one_way):
    """`skip` leaves the ends different, and no later statement is refused for it."""
    source, target, lutra = one_way
    schema = lutra.name
    source.sql("CREATE INDEX v_key ON item (v)", db=schema)
    stopped(lutra, ONE_WAY, "E4000")
    assert "key v_key (v) is new" in refused(lutra)
    lutra.skip(ONE_WAY, "--why", "not there")
    both = "ALTER TABLE item ADD COLUMN x INT"
    source.sql(both, db=schema)
    transaction(source, schema, "INSERT INTO item VALUES (1, 1, 'a', 1)")
    stopped(lutra, ONE_WAY, "E4000")
    target.sql(both, db=schema)
    done(lutra)
    lutra.wait()
    same(source, target, schema)


def test_lag_of_a_pipeline_that_stands_still_grows(one_way):
    source, target, lutra = one_way
    schema = lutra.name
    statement = "ALTER TABLE item ADD COLUMN x INT"
    source.sql(statement, db=schema)
    stopped(lutra, ONE_WAY, "E4000")
    for lag_ms in (1500, 2500):
        steps.wait_for(lutra, ONE_WAY, lambda p: p["lag_ms"] > lag_ms, "to be late")
    target.sql(statement, db=schema)
    done(lutra)
    lutra.wait()
    steps.wait_for(lutra, ONE_WAY, lambda p: p["lag_ms"] == 0, "to be in time")


def test_truncate_stops(one_way):
    """Nothing to compare: whether the rows are gone is for a person to say."""
    source, target, lutra = one_way
    schema = lutra.name
    transaction(source, schema, "INSERT INTO item VALUES (1, 1, 'a')")
    source.sql("TRUNCATE TABLE item", db=schema)
    transaction(source, schema, "INSERT INTO item VALUES (1, 2, 'b')")
    stopped(lutra, ONE_WAY, "E4000")
    target.sql("TRUNCATE TABLE item", db=schema)
    done(lutra)
    lutra.wait()
    same(source, target, schema)


def test_kill_while_stopped(one_way):
    source, target, lutra = one_way
    schema = lutra.name
    source.sql("ALTER TABLE item ADD COLUMN x INT", db=schema)
    transaction(source, schema, "INSERT INTO item VALUES (1, 1, 'a', 1)")
    stopped(lutra, ONE_WAY, "E4000")
    lutra.kill()
    lutra.start(wait=False)
    stopped(lutra, ONE_WAY, "E4000")
    target.sql("ALTER TABLE item ADD COLUMN x INT", db=schema)
    done(lutra)
    lutra.wait()
    lutra.kill()
    transaction(source, schema, "INSERT INTO item VALUES (2, 1, 'a', 1)")
    lutra.start()
    lutra.wait()
    same(source, target, schema)


def test_two_statements_while_stopped(one_way):
    """Both were run at the target before the first is acknowledged; rows logged between them have fewer columns."""
    source, target, lutra = one_way
    schema = lutra.name
    first, second = "ALTER TABLE item ADD COLUMN x INT", "ALTER TABLE item ADD COLUMN y INT DEFAULT 4 AFTER id"
    source.sql(first, db=schema)
    transaction(source, schema, "INSERT INTO item VALUES (1, 1, 'a', 1)")
    transaction(source, schema, "UPDATE item SET x = 2 WHERE id = 1", "INSERT INTO ledger VALUES (1)")
    source.sql(second, db=schema)
    transaction(source, schema, "INSERT INTO item VALUES (2, 9, 2, 'b', 1)", "INSERT INTO ledger VALUES (2)")
    stopped(lutra, ONE_WAY, "E4000")
    for statement in (first, second):
        target.sql(statement, db=schema)
    done(lutra)
    error = stopped(lutra, ONE_WAY, "E4000")
    assert second in error["message"]
    ledger_is(target, schema, {1})
    done(lutra)
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, {1, 2})


PASSING = (
    "ANALYZE TABLE item",
    "OPTIMIZE TABLE item",
    "CREATE VIEW all_items AS SELECT * FROM item",
    "DROP VIEW all_items",
    "CREATE TRIGGER no_word BEFORE INSERT ON item FOR EACH ROW SET NEW.w = COALESCE(NEW.w, '-')",
    "CREATE PROCEDURE nothing() SELECT 1",
    "DROP TRIGGER no_word",
    "CREATE USER IF NOT EXISTS guest@localhost",
    "GRANT SELECT ON item TO guest@localhost",
    "DROP USER guest@localhost",
    "CREATE DATABASE IF NOT EXISTS elsewhere",
    "CREATE TABLE elsewhere.item (id INT PRIMARY KEY)",
    "INSERT INTO elsewhere.item VALUES (1)",
    "ALTER TABLE elsewhere.item ADD x INT",
    "DROP DATABASE elsewhere",
)


def test_what_concerns_nothing_mapped_passes(one_way):
    source, target, lutra = one_way
    schema = lutra.name
    lutra.wait()
    for statement in PASSING:
        source.sql(statement, db=schema)
    with steps.session(source, schema, "CREATE TEMPORARY TABLE tmp (id INT)", "INSERT INTO tmp VALUES (1), (2)",
                       "INSERT INTO item SELECT id, 1, 'tmp' FROM tmp", "DROP TEMPORARY TABLE tmp"):
        pass
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    lutra.wait()
    status = lutra.pipelines()[ONE_WAY]
    assert (status["state"], status["error"]) == ("running", None)
    assert column(target, schema, "SELECT id FROM item ORDER BY id") == [1, 2]
    ledger_is(target, schema, {1})
    assert status["passed"] >= 10


def test_two_way_passes_the_same_statement(site, channel, schema):
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us")
    run_at((hz, us), schema, ITEM)
    lutra.start()
    statement = "ALTER TABLE item ADD COLUMN x INT"
    hz.sql(statement, db=schema)
    transaction(hz, schema, "INSERT INTO item VALUES (1, 1, 'a', 1)")
    stopped(lutra, ONE_WAY, "E4000")
    us.sql("alter table  item add column x int -- by hand", db=schema)
    transaction(us, schema, "INSERT INTO item VALUES (101, 1, 'u', 2)")
    stopped(lutra, BACK, "E4000")
    done(lutra)
    wait_until(lambda: all(p["state"] == "running" for p in lutra.pipelines().values()), 60, "both directions to go on")
    lutra.wait()
    same(hz, us, schema)

    # A statement that ran at one site only stops, as the first did: the acknowledgement was for one.
    us.sql("ALTER TABLE item DROP COLUMN x", db=schema)
    stopped(lutra, BACK, "E4000")
    refused(lutra, BACK)
    hz.sql("ALTER TABLE item DROP COLUMN x", db=schema)
    done(lutra, BACK)
    lutra.wait()
    same(hz, us, schema)
