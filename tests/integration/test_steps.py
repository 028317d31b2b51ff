"""Killed at every step of load, in turn: each source transaction is at the target exactly once afterwards."""

import os
import pathlib

import pytest
from conftest import ledger_is, same
from lutralab.servers import CHECKOUT, wait_until
from lutralab.workload import Workload

# Where the process ends, and the how many-th time it comes by.
STEPS = [("lane.claim", 1), ("load.lane", 1), ("load.lane", 3), ("load.row", 1), ("load.row", 40), ("load.replied", 1),
         ("load.replied", 2), ("load.commit", 1), ("load.commit", 2), ("load.commit.sent", 1), ("load.commit.sent", 2),
         ("load.committed", 1), ("load.committed", 2)]
# The same with groups on four connections: which of them comes by is the moment's.
FLYING = [("load.lane", 3), ("load.row", 40), ("load.replied", 3), ("flight.ready", 2), ("flight.turn", 2), ("load.commit.sent", 3),
          ("load.committed", 2), ("flight.passed", 3)]


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
    wait_until(lambda: not lutra.alive, 30, f"the end at {step}")
    del lutra.env["LUTRA_KILL_AT"]


def catch_up_over(lutra, source, target, schema, step, times):
    lutra.start()
    lutra.kill()
    load = Workload(source, schema, site=1, clients=2, seed=times, limit=100).start().join()
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


@pytest.mark.parametrize("engine, step", [("mariadb", "load.bulk"), ("mysql", "load.row"), ("mysql", "load.commit.sent")])
def test_killed_while_rows_share_statements(engine, step, lutra_to, schema):
    source, target, lutra = lutra_to(engine)
    catch_up_over(lutra, source, target, schema, step, 1)


def test_killed_before_the_first_start_is_durable(lutra_to, schema):
    source, target, lutra = lutra_to("mariadb")
    start_and_end_at(lutra, "lane.create", 1)
    assert not target.sql("SELECT * FROM lutra.lane")
    lutra.start()
    load = Workload(source, schema, site=1, clients=2, seed=1, limit=50).start().join()
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())
