"""Servers and sessions that go away, hang, refuse or are slow; memory; how Lutra ends."""

import contextlib
import pathlib
import re
import socket
import threading

import pytest
import steps
from conftest import ledger_is, same, whole
from lutralab import lutra as lutra_lab
from lutralab.servers import wait_until
from lutralab.workload import Workload
from steps import column, run_at, stopped, transaction

ONE_WAY = "hz->us"


@pytest.fixture
def pair(site, channel):
    """(source, target, lutra): one way, not started."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    return source, target, channel({"hz": source, "us": target}, "hz -> us")


def runs_again(lutra):
    steps.wait_for(lutra, ONE_WAY, lambda p: p["state"] == "running", "to run again")


@pytest.mark.parametrize("which", [0, 1], ids=["source", "target"])
def test_server_away_at_start_and_later(which, pair):
    source, target, lutra = pair
    schema = lutra.name
    try:
        pair[which].stop()
        lutra.start(wait=False)
        error = steps.retrying(lutra, ONE_WAY, "E2000")
        assert ("hz", "us")[which] in error["message"]
        pair[which].start()
        lutra.wait_ready()
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
        lutra.wait()
        pair[which].stop()
        if which == 1:
            transaction(source, schema, "INSERT INTO ledger VALUES (2)")
        steps.wait_for(lutra, ONE_WAY, lambda p: p["state"] == "retrying", "to miss the server")
    finally:
        pair[which].start()
    if which == 0:
        transaction(source, schema, "INSERT INTO ledger VALUES (2)")
    lutra.wait()
    ledger_is(target, schema, {1, 2})


def test_both_away_and_restarted_under_load(pair):
    source, target, lutra = pair
    schema = lutra.name
    lutra.start()
    with whole(schema, target), Workload(source, schema, clients=2, seed=31, pause_s=0.01) as load:
        for server in (source, target, source):
            goal = load.committed + 20
            wait_until(lambda: load.committed >= goal, 60, "traffic")
            server.restart()
        load.stop()
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
@pytest.mark.parametrize("when", ["at start", "later"])
def test_read_only_target(when, engine, site, channel, schema):
    source, target = site("mariadb", 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    if when == "later":
        lutra.start()
        lutra.wait()
    with steps.server_globals(target, read_only=1):
        if when == "at start":
            lutra.start(wait=False)
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
        steps.retrying(lutra, ONE_WAY, "E2043")
        assert column(target, schema, "SELECT COUNT(*) FROM ledger") == [0]
    if when == "at start":
        lutra.wait_ready()
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    lutra.wait()
    ledger_is(target, schema, {1})


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_read_only_source_is_read(engine, site, channel, schema):
    """One way, nothing is written there."""
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with steps.server_globals(source, read_only=1):
        lutra.start()
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")  # root may
        lutra.wait()
        assert lutra.stop() == 0
        lutra.start()
        lutra.wait()
    ledger_is(target, schema, {1})
    assert not source.sql("SHOW DATABASES LIKE 'lutra'")


@pytest.mark.parametrize("which", [0, 1], ids=["source", "target"])
def test_ends_in_time_while_a_server_hangs(which, pair):
    source, target, lutra = pair
    schema = lutra.name
    lutra.start()
    lutra.wait()
    pair[which].pause()
    try:
        if which == 1:
            transaction(source, schema, "INSERT INTO ledger VALUES (1)")
            steps.wait_for(lutra, ONE_WAY, lambda p: p["memory_bytes"] > 0, "to hold the transaction")
        assert lutra.stop(timeout_s=10) == 0
    finally:
        pair[which].resume()
    if which == 0:
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    lutra.start()
    lutra.wait()
    ledger_is(target, schema, {1})


def test_end_finishes_what_is_in_hand_not_the_backlog(pair):
    source, target, lutra = pair
    schema = lutra.name
    lutra.start()
    lutra.wait()
    with whole(schema, target):
        load = Workload(source, schema, clients=2, seed=33, limit=150).start().join()
        assert lutra.stop() == 0
        held = set(column(target, schema, "SELECT txn_id FROM ledger"))
        assert held <= load.expected_ledger()
        lutra.start()
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


def test_one_way_writes_nothing_at_its_source(pair):
    source, target, lutra = pair
    schema = lutra.name
    target.sql("CREATE DATABASE IF NOT EXISTS elsewhere")
    lutra.start()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    lutra.wait()
    end = steps.settled_end(source)
    lutra.check()
    assert lutra.stop() == 0
    lutra.start()
    lutra.wait()
    assert steps.log_end(source) == end
    assert not source.sql("SHOW DATABASES LIKE 'lutra'")


def peak_kb(pid):
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def test_memory_is_bounded_with_a_slow_target(site, channel, schema):
    """The target stands still while a backlog of several times the memory is read."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=["memory: 6M"])
    run_at((source, target), schema, "CREATE TABLE big (id INT PRIMARY KEY, b LONGBLOB)")
    lutra.start()
    lutra.wait()
    idle = peak_kb(lutra.pid)
    with steps.session(target, schema, "LOCK TABLES big WRITE"):
        for i in range(80):
            transaction(source, schema, f"INSERT INTO big VALUES ({i}, REPEAT('x', 500000))", f"INSERT INTO ledger VALUES ({i})")
        steps.wait_for(lutra, ONE_WAY, lambda p: p["memory_bytes"] > 1_500_000, "to hold what it may")
        assert lutra.pipelines()[ONE_WAY]["memory_bytes"] <= 6 << 20
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, set(range(80)))
    if lutra_lab.without_sanitizer():  # else its own memory would be measured
        # What is written to the socket and the allocator's remains stand beside what `memory` counts.
        assert peak_kb(lutra.pid) - idle < 16 * 1024


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_event_larger_than_the_memory(engine, site, channel, schema):
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=["memory: 3M"])
    run_at((source, target), schema, "CREATE TABLE big (id INT PRIMARY KEY, b LONGBLOB)")
    lutra.start()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    transaction(source, schema, "INSERT INTO big VALUES (1, REPEAT('x', 2500000))", "INSERT INTO ledger VALUES (2)")
    transaction(source, schema, "INSERT INTO ledger VALUES (3)")

    error = stopped(lutra, ONE_WAY, "E3020")

    assert error["where"]["file"] and "memory" in error["hint"]
    ledger_is(target, schema, {1})
    assert lutra.stop() == 0
    lutra.file.write_text(lutra.file.read_text().replace("memory: 3M", "memory: 64M"))
    lutra.start()
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, {1, 2, 3})


def connecting(port):
    """Whether somebody tries to connect to the port and gets no answer."""
    state_syn_sent = "02"
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(line[2].endswith(f":{port:04X}") and line[3] == state_syn_sent for line in lines)


@pytest.mark.parametrize("which", [0, 1], ids=["source", "target"])
@pytest.mark.parametrize("how", ["no greeting", "no connection"])
def test_end_while_a_connection_is_waited_for(how, which, pair):
    """A server that answers nothing keeps no end waiting, however long it may take to connect."""
    lutra = pair[2]
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = deaf.getsockname()[1]
        lutra.file.write_text(lutra.file.read_text().replace(f"127.0.0.1:{pair[which].port}", f"127.0.0.1:{port}/?connect-timeout=3600"))
        if how == "no connection":
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))  # the one that waits; no more are let in
        lutra.start(wait=False)
        if how == "no connection":
            wait_until(lambda: connecting(port), 60, "Lutra to connect")
        else:
            deaf.settimeout(20)
            stack.enter_context(deaf.accept()[0])
        with pytest.raises(lutra_lab.LutraFailed, match="E1031"):
            lutra.wait(timeout_s=1)
        assert lutra.stop() == 0
    assert "ending" in lutra.log.read_text()
    assert "keeps a pipeline waiting" not in lutra.log.read_text()


def test_paused_pipeline_does_without_its_source(pair):
    source, target, lutra = pair
    lutra.start()
    lutra.wait()
    lutra.command("pause", ONE_WAY)
    assert lutra.stop() == 0
    source.stop()
    try:
        lutra.start(wait=False)
        steps.wait_for(lutra, ONE_WAY, lambda p: p["state"] == "paused", "to be paused")
    finally:
        source.start()
    transaction(source, lutra.name, "INSERT INTO ledger VALUES (1)")
    lutra.command("resume", ONE_WAY)
    lutra.wait()
    ledger_is(target, lutra.name, {1})


def test_source_that_hangs_is_noticed(pair):
    """Its connection stands, but not even a heartbeat comes."""
    source, target, lutra = pair
    schema = lutra.name
    lutra.start()
    lutra.wait()
    source.pause()
    resume = threading.Timer(60, source.resume)
    try:
        steps.wait_for(lutra, ONE_WAY, lambda p: p["state"] == "retrying" and p["error"], "to notice")
    finally:
        resume.cancel()
        source.resume()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    lutra.wait()
    ledger_is(target, schema, {1})
