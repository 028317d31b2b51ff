"""Killed at every step of load, in turn: each source transaction is at the target exactly once afterwards."""

import os
import pathlib
import re

import pytest
from conftest import ledger_is, same, whole
from lutralab.compare import INVARIANTS, IN_ANY_ORDER
from lutralab.lutra import USER, LutraFailed, let_see_triggers
from lutralab.servers import CHECKOUT, wait_until
from lutralab.workload import Workload
from steps import DUPLICATE, run_at, stopped, transaction
from test_otter import RETL

# Where the process ends, and the how many-th time it comes by.
STEPS = [("lane.claim", 1), ("load.lane", 1), ("load.lane", 3), ("load.row", 1), ("load.row", 40), ("load.replied", 1),
         ("load.replied", 2), ("load.commit", 1), ("load.commit", 2), ("load.commit.sent", 1), ("load.commit.sent", 2),
         ("load.plan", 1), ("load.commit.left", 1), ("load.commit.left", 2), ("load.committed", 1), ("load.committed", 2), ("load.reply", 2), ("load.reply", 40)]
# The same with groups on four connections: which of them comes by is the moment's.
FLYING = [("load.lane", 3), ("load.row", 40), ("load.replied", 3), ("flight.ready", 2), ("flight.turn", 2), ("load.commit", 3),
          ("load.commit.sent", 3), ("load.committed", 2), ("flight.passed", 3), ("load.reply", 60), ("lane.claim", 1)]


def test_each_step_is_the_end_of_some_test():
    steps = {name for file in (CHECKOUT / "src").rglob("*.c") for name in re.findall(r'lt_step\("([a-z.]+)"\)', file.read_text())}
    tests = "".join(file.read_text() for file in pathlib.Path(__file__).parent.rglob("*.py"))
    assert len(steps) > 25 and not [step for step in steps if not re.search(rf'["\'={{]{step}\b', tests)]


def binary():
    return pathlib.Path(os.environ.get("LUTRA_FAULTS_BIN", CHECKOUT / "build-faults/lutra"))


@pytest.fixture
def lutra_to(site, channel):
    """lutra_to(engine): source, target, and a Lutra that can be told where to end."""
    if not binary().exists():
        pytest.skip(f"{binary()} is not built (`make faults`)")

    def make(engine):
        source, target = site("mariadb", 1), site(engine, 2)
        channel.more = {"program": binary()}
        return source, target, channel({"hz": source, "us": target}, "hz -> us")

    return make


def start_and_end_at(lutra, step, times):
    lutra.env["LUTRA_KILL_AT"] = f"{step}:{times}"
    lutra.start(wait=False)
    wait_until(lambda: not lutra.alive, 60, f"the end at {step}")
    del lutra.env["LUTRA_KILL_AT"]


def catch_up_over(lutra, source, target, schema, step, times, invariants=INVARIANTS):
    lutra.start()
    lutra.kill()
    load = Workload(source, schema, site=1, clients=2, seed=times, limit=100).start().join()
    with whole(schema, target, invariants=invariants):
        start_and_end_at(lutra, step, times)
        lutra.start()
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


@pytest.mark.parametrize("step, times", STEPS, ids=[f"{s}-{n}" for s, n in STEPS])
def test_killed_at_a_step(step, times, lutra_to, schema):
    source, target, lutra = lutra_to("mariadb")
    lutra.file.write_text(lutra.file.read_text() + "group: { rows: 300 }\n")  # several groups, so that each step comes again
    catch_up_over(lutra, source, target, schema, step, times)


@pytest.mark.parametrize("step, times", FLYING, ids=[f"{s}-{n}" for s, n in FLYING])
def test_killed_at_a_step_on_four_connections(step, times, lutra_to, schema):
    source, target, lutra = lutra_to("mariadb")
    lutra.file.write_text(lutra.file.read_text() + "writers: 4\ngroup: { rows: 40 }\n")
    catch_up_over(lutra, source, target, schema, step, times)


@pytest.mark.parametrize("engine, step", [("mariadb", "load.bulk"), ("mysql", "load.many"), ("mysql", "load.row"), ("mysql", "load.commit.sent")])
def test_killed_while_rows_share_statements(engine, step, lutra_to, schema):
    source, target, lutra = lutra_to(engine)
    catch_up_over(lutra, source, target, schema, step, 1)


@pytest.mark.parametrize("step, times", [("load.many", 2), ("load.commit.sent", 1)])
def test_killed_while_rows_are_folded(step, times, lutra_to, schema):
    source, target, lutra = lutra_to("mysql")
    let_see_triggers(target, schema)
    lutra.file.write_text(lutra.file.read_text() + "mode: merge\n")
    catch_up_over(lutra, source, target, schema, step, times)


@pytest.mark.parametrize("step, times", [("load.reply", 60), ("load.commit.sent", 3), ("load.committed", 2), ("flight.passed", 3)])
def test_killed_while_groups_commit_as_they_come(step, times, lutra_to, schema):
    source, target, lutra = lutra_to("mariadb")
    lutra.file.write_text(lutra.file.read_text() + "writers: 4\ncommit-order: free\ngroup: { rows: 40 }\n")
    catch_up_over(lutra, source, target, schema, step, times, IN_ANY_ORDER)


def test_killed_behind_otters_mark(lutra_to, schema):
    source, target, lutra = lutra_to("mariadb")
    run_at((target,), None, *RETL)
    target.sql(f"GRANT SELECT, INSERT, UPDATE ON retl.retl_mark TO '{USER}'@'%'")
    lutra.file.write_text(lutra.file.read_text() + "otter: { channel: 7, write: on }\n")
    catch_up_over(lutra, source, target, schema, "load.otter", 2)


def stop_at_duplicate(lutra, source, target, schema):
    """Stopped before a transaction whose second row is at the target already."""
    run_at((source, target), schema, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    lutra.start()
    run_at((target,), schema, "INSERT INTO t VALUES (3, -3)")
    transaction(source, schema, "INSERT INTO t VALUES (2, 2)", "INSERT INTO t VALUES (3, 3)", "INSERT INTO t VALUES (4, 4)")
    transaction(source, schema, "INSERT INTO t VALUES (5, 5)")
    stopped(lutra, "hz->us", DUPLICATE)
    lutra.kill()


def test_killed_at_a_rollback(lutra_to, schema):
    source, target, lutra = lutra_to("mariadb")
    stop_at_duplicate(lutra, source, target, schema)
    start_and_end_at(lutra, "load.rollback", 1)
    lutra.start()
    stopped(lutra, "hz->us", DUPLICATE)
    assert target.sql("SELECT id FROM t", db=schema) == ((3,),)
    lutra.skip("hz->us")
    lutra.wait()
    assert target.sql("SELECT id, v FROM t ORDER BY id", db=schema) == ((3, -3), (5, 5))


@pytest.mark.parametrize("step", ["load.hand", "load.commit", "load.commit.sent", "load.committed"])
def test_killed_inside_a_replace(step, lutra_to, schema):
    """It is there whole, with its line of the audit, or not at all; then it can be ordered again."""
    source, target, lutra = lutra_to("mariadb")
    stop_at_duplicate(lutra, source, target, schema)
    replace = ("replace", "hz->us", "--row", '{"id": 3, "v": 3}')
    lutra.env["LUTRA_KILL_AT"] = f"{step}:1"
    lutra.start()
    stopped(lutra, "hz->us", DUPLICATE)
    with pytest.raises(LutraFailed):
        lutra.command(*replace)
    wait_until(lambda: not lutra.alive, 60, f"the end at {step}")
    del lutra.env["LUTRA_KILL_AT"]
    lutra.start()
    done = target.sql("SELECT COUNT(*) FROM lutra.audit WHERE action = 'replace'")[0][0]
    assert target.sql("SELECT COUNT(*) FROM t WHERE v > 0 AND id < 5", db=schema)[0][0] == 3 * done
    if not done:
        stopped(lutra, "hz->us", DUPLICATE)
        lutra.command(*replace)
    assert not done or step.startswith("load.commit")
    lutra.wait()
    same(source, target, schema)
    assert target.sql("SELECT COUNT(*) FROM lutra.audit WHERE action = 'replace'") == ((1,),)


def test_killed_before_the_first_start_is_durable(lutra_to, schema):
    source, target, lutra = lutra_to("mariadb")
    start_and_end_at(lutra, "lane.create", 1)
    assert not target.sql("SELECT * FROM lutra.lane")
    lutra.start()
    with whole(schema, target):
        load = Workload(source, schema, site=1, clients=2, seed=1, limit=50).start().join()
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())
