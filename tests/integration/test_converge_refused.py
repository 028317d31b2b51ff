"""`lutra run` of a conflict channel that nobody checked: what would leave rows unequal with no error does not run, and says which table and why."""

import contextlib

import pytest
import steps
from conftest import same
from lutralab.lutra import LutraFailed
from lutralab.servers import wait_until
from storm import QUICK

TEXT = "VARCHAR(9) CHARACTER SET utf8mb4 COLLATE"
BOTH, HZ, US = ("hz", "us"), ("hz",), ("us",)
# In the order in which they are found: the table, where it is made wrong and how, what is said, the mend.
FAULTS = [
    (("CREATE TABLE mother (id INT PRIMARY KEY)",
      "CREATE TABLE daughter (id INT PRIMARY KEY, p INT, CONSTRAINT f FOREIGN KEY (p) REFERENCES mother (id) ON DELETE CASCADE)"), (), None,
     "foreign keys change rows below {}.mother", BOTH, "ALTER TABLE daughter DROP FOREIGN KEY f"),
    (("CREATE TABLE fired (id INT PRIMARY KEY)",), US, "CREATE TRIGGER nothing BEFORE INSERT ON fired FOR EACH ROW SET @n = NEW.id",
     "{}.fired has triggers", US, "DROP TRIGGER nothing"),
    (("CREATE TABLE nokey (id INT NOT NULL UNIQUE)",), (), None, "{}.nokey cannot be in a conflict channel as it is: it has no primary key", BOTH,
     "ALTER TABLE nokey ADD PRIMARY KEY (id)"),
    (("CREATE TABLE rival (id INT PRIMARY KEY, n INT)",), HZ, "ALTER TABLE rival ADD UNIQUE KEY n_key (n)", "unique key n_key is at hz only", HZ,
     "ALTER TABLE rival DROP KEY n_key"),
    ((f"CREATE TABLE sorted (id {TEXT} utf8mb4_bin PRIMARY KEY)",), US, f"ALTER TABLE sorted MODIFY id {TEXT} utf8mb4_general_ci",
     "{}.sorted: column id is in utf8mb4", US, f"ALTER TABLE sorted MODIFY id {TEXT} utf8mb4_bin"),
]


def sites(lutra):
    return {its["name"]: its for its in lutra.status()["channels"][0]["sites"]}


def fails(its, code):
    """In one look: it tries again now and then."""
    return its["state"] == "failing" and its["error"]["code"] == code


def test_each_fault_stops_it_until_it_is_mended(site, channel, schema):
    servers = {"hz": site("mariadb", 1), "us": site("mysql", 2)}
    lutra = channel(servers, "hz <-> us", conflicts="last-writer-wins")
    for create, where, spoil, *_ in FAULTS:
        steps.run_at(servers.values(), schema, *create)
        steps.run_at([servers[name] for name in where], schema, spoil)
    lutra.start(wait=False)
    # Where users of the target would make such changes, no log of which tells others.
    assert f"{schema}.mother cannot be in a conflict channel as it is: foreign keys" in steps.stopped(lutra, "us->hz", "E5021")["message"]
    for *_, said, where, mend in FAULTS:
        error = steps.stopped(lutra, "hz->us", "E5021")
        assert said.format(schema) in error["message"] and "; mend: " in error["message"] and "lutra retry" in error["hint"], error
        steps.run_at([servers[name] for name in where], schema, mend)
        lutra.retry("hz->us")
    steps.wait_for(lutra, "hz->us", lambda p: p["state"] == "running", "to run")
    with contextlib.suppress(LutraFailed):  # it may have been stopped by something that is mended, or not
        lutra.retry("us->hz")
    lutra.wait_ready()

    # Nobody looks again because of tables beside the mapped ones.
    hz, us = servers.values()
    us.script([f"CREATE DATABASE {schema}_aside", f"CREATE TABLE {schema}_aside.work (id INT PRIMARY KEY)", f"DROP DATABASE {schema}_aside"])
    steps.transaction(hz, schema, "INSERT INTO rival VALUES (2, 20)")
    lutra.wait()
    assert "E5024" not in lutra.log.read_text()

    # What comes later is met by the row that would have met it.
    us.sql("CREATE TRIGGER later BEFORE INSERT ON rival FOR EACH ROW SET NEW.n = NEW.n * 2", db=schema)
    steps.transaction(hz, schema, "INSERT INTO rival VALUES (1, 10)")
    assert "rival has triggers" in steps.stopped(lutra, "hz->us", "E5021")["message"]
    us.sql("DROP TRIGGER later", db=schema)
    lutra.retry("hz->us")
    lutra.wait()

    # Of a statement that one site has run, and the other one not yet, other tables know nothing.
    begin = steps.log_size(lutra)
    us.sql("ALTER TABLE fired ADD COLUMN c INT", db=schema)
    steps.transaction(hz, schema, "INSERT INTO rival VALUES (3, 30)")
    wait_until(lambda: us.sql("SELECT 1 FROM rival WHERE id = 3", db=schema), steps.PATIENCE_S, "the row to arrive")
    assert b"E5024" in lutra.log.read_bytes()[begin:]
    hz.sql("ALTER TABLE fired ADD COLUMN c INT", db=schema)
    steps.acknowledged(lutra, "us->hz", "hz->us")
    lutra.wait()
    same(hz, us, schema)


# What nobody can decide: by whom it was written so, and what it stops with.
ODD = (("binlog_format='STATEMENT'", "E3006"), ("binlog_row_image='MINIMAL'", "E5022"))


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_what_is_skipped_keeps_nobody_from_reading_on(engine, site, channel, schema):
    """The site's own reader meets it, too, and all who begin at a checkpoint before it. It goes on once everybody who sends it was ordered to."""
    a, b = site(engine, 1), site("mysql" if engine == "mariadb" else "mariadb", 2)
    lutra = channel({"a": a, "b": b}, "a <-> b", conflicts=QUICK)
    steps.run_at((a, b), schema, f"CREATE TABLE t (id INT PRIMARY KEY, v {TEXT} utf8mb4_bin, w INT)", "INSERT INTO t VALUES (1, 'one', 1)")
    lutra.start()
    for n, (setting, code) in enumerate(ODD):
        odd = f"UPDATE t SET v = 'odd {n}' WHERE id = 1"
        steps.transaction(a, schema, odd, before=[f"SET SESSION {setting}"])
        steps.transaction(a, schema, f"INSERT INTO t VALUES ({10 + n}, 'a', 0)")
        error = steps.stopped(lutra, "a->b", code)
        assert "do at the target what the" in error["hint"] and "lutra skip" in error["hint"]
        wait_until(lambda: fails(sites(lutra)["a"], code), steps.PATIENCE_S, "the site's reader to meet it")
        steps.transaction(b, schema, f"INSERT INTO t VALUES ({20 + n}, 'b', 0)")
        steps.run_at((b,), schema, odd)
        lutra.skip("a->b", "--why", "done by hand")
        lutra.wait()
        lutra.kill()
        lutra.start()
    told = len(ODD) + sum(range(1, len(ODD) + 1))  # by each run once what it meets; the last one may begin before all of it
    assert lutra.log.read_text().count("its log cannot be read for conflicts") <= told
    for server in (a, b):
        steps.transaction(server, schema, f"UPDATE t SET w = w + 1, v = 'after' WHERE id IN (1, 10, {20 + (server is b)})")
        lutra.wait()
    same(a, b, schema)
    assert a.sql("SELECT COUNT(*) FROM t", db=schema) == ((5,),)
    assert lutra.status()["channels"][0]["divergence"] == 0
