"""The disk of the data folder is full, or takes nothing more: what needs it says so, nothing is lost, and all goes on when there is room."""

import concurrent.futures
import contextlib

import pytest
import steps
from conftest import same
from faults.disk import Disk, Failing
from lutralab.servers import Unavailable, wait_until
from test_bad_input import run_fails
from test_semi_sync import ACKED, ONE_WAY, insert, semi, semi_channel, semi_sync, status, switch

BIG = "CREATE TABLE big (id INT PRIMARY KEY, b LONGBLOB)"


@pytest.fixture
def disk(tmp_path):
    """disk(kind, megabytes): one of its own, for this test."""
    with contextlib.ExitStack() as stack:
        def make(kind, megabytes):
            try:
                made = kind(tmp_path / "disk", megabytes)
            except Unavailable as e:
                pytest.skip(str(e))
            stack.callback(made.close)
            return made
        yield make


def test_r23_a_relay_log_without_room_acknowledges_nothing(disk, site, channel, schema):
    source, target, small = site("mariadb", 1), site("mariadb", 2), disk(Disk, 16)
    switch(source, False)
    lutra = semi_channel(channel, source, target)
    lutra.data = small.folder / "data"
    steps.run_at((source, target), schema, BIG)
    lutra.start()
    with semi_sync(source), concurrent.futures.ThreadPoolExecutor() as pool:
        insert(source, schema, 1)
        acked = status(source, ACKED)
        with small.full():
            waiting = pool.submit(source.sql, "INSERT INTO big VALUES (1, REPEAT('x', 3000000))", db=schema)
            alarm = wait_until(lambda: semi(lutra)["error"], steps.PATIENCE_S, "the alarm")
            assert alarm["code"] == "E6020" and "No space" in alarm["message"] and "space" in alarm["hint"], alarm
            assert status(source, ACKED) == acked and not waiting.done()
            assert lutra.stop() == 0
            lutra.start(wait=False)
            steps.answers(lutra)
            wait_until(lambda: semi(lutra)["error"], steps.PATIENCE_S, "the alarm of the next run")
            assert not waiting.done()
        waiting.result(steps.PATIENCE_S)
        insert(source, schema, 2)
        lutra.wait()
    wait_until(lambda: semi(lutra)["error"] is None, steps.PATIENCE_S, "the alarm to end")
    same(source, target, schema)
    assert lutra.stop() == 0


def test_a_data_folder_whose_disk_fails(disk, site, channel, schema):
    source, target, failing = site("mariadb", 1), site("mariadb", 2), disk(Failing, 32)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=["memory: 3M"])
    lutra.data = failing.folder / "data"
    steps.run_at((source, target), schema, BIG)
    lutra.start()
    failing.fails()
    steps.transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    lutra.wait()
    steps.transaction(source, schema, *(f"INSERT INTO big VALUES ({i}, REPEAT('x', 300000))" for i in range(20)))
    error = steps.retrying(lutra, ONE_WAY, "E6010")
    assert str(lutra.data) in error["message"] and "Read-only" in error["message"], error
    assert lutra.stop() == 0
    assert "Read-only" in run_fails(lutra, "E1010", 2)
    lutra.data = lutra.folder / "another"
    lutra.start()
    lutra.wait()
    same(source, target, schema)
