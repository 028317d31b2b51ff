"""Sites that write the same rows, while Lutra or a server is killed or stands still: they end equal, the audit is silent, and the conflict log is what
the logs ask for. LUTRA_ALL_PAIRS=1 runs more of them on a mesh."""

import contextlib
import os
import random
import time

import pytest
import steps
from lutralab.lutra import Keeper, LutraFailed
from lutralab.servers import DURABLE, wait_until
from storm import QUICK, Storm
from test_conflict_log import log
from test_steps import binary, start_and_end_at

PAIRS = [("mariadb", "mysql"), ("mysql", "mysql"), ("mariadb", "mariadb")]
MESH = ("mariadb", "mysql", "mariadb")
EVERY = "LUTRA_ALL_PAIRS" in os.environ
SHORT = [PAIRS[0], MESH] if EVERY else PAIRS[:1]
BEYOND_S = 0.8  # the fence is waited for 0.5 s at most
KEPT_MORE = 10  # checkpoints: beyond these the oldest go


@pytest.fixture
def storm(site, channel, schema):
    """storm(engines): not started."""
    def make(engines, **more):
        sites = {name: site(engine, number) for number, (name, engine) in enumerate(zip("abc", engines), 1)}
        return Storm(channel, sites, schema, **more)
    return make


@pytest.fixture
def faulty(storm, channel):
    """storm(engines) with the program that can be told where to end."""
    if not binary().exists():
        pytest.skip(f"{binary()} is not built (`make faults`)")
    channel.more = {"program": binary()}
    return storm


# -- kill -9 of Lutra ------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("engines, extra", [(PAIRS[0], []), (PAIRS[1], ["writers: 4", "group: { rows: 40 }"]), (MESH, [])],
                         ids=["mariadb-mysql", "mysql-mysql, four writers", "mesh"])
def test_lutra_killed_at_random(engines, extra, storm):
    s = storm(engines, extra=extra)
    s.lutra.start()
    with s.clients(pause_s=0.005) as clients, Keeper(s.lutra, random.Random(engines[0]), kills=5, longest_s=0.6) as keeper:
        keeper.finish()
        clients.go_on()
        clients.stop()
    s.ends_well()


# Each is come by in the midst of a storm; what comes before a group settles and after it is there, too.
STEPS = [("load.lane", 2), ("settle.locked", 1), ("settle.locked", 3), ("settle.fenced", 2), ("settle.decided", 2), ("settle.written", 1),
         ("settle.written", 3), ("load.row", 3), ("load.replied", 2), ("load.commit", 2), ("load.commit.sent", 1), ("load.commit.sent", 3),
         ("load.committed", 2), ("load.rollback", 1), ("lane.claim", 1)]


@pytest.mark.parametrize("engines", SHORT, ids="-".join)
def test_lutra_killed_at_each_step(engines, faulty):
    s = faulty(engines, extra=["group: { rows: 20 }"])
    s.lutra.start()
    s.lutra.kill()
    with s.clients(pause_s=0.01) as clients:
        for step, times in STEPS:
            start_and_end_at(s.lutra, step, times)
        s.lutra.start()
        clients.go_on()
        clients.stop()
    s.ends_well()


def test_of_a_replay_that_is_killed_nothing_is_left(faulty):
    """And it may be ordered again."""
    s = faulty(PAIRS[0])
    s.lutra.env["LUTRA_KILL_AT"] = "replay.written:1"
    s.lutra.start()
    ways = list(s.lutra.pipelines())
    for way in ways:
        s.lutra.command("pause", way)
    for server, value in zip(s.servers, "ab"):
        steps.transaction(server, s.schema, f"INSERT INTO hot VALUES (1, '{value}')")
    for way in ways:
        s.lutra.command("resume", way)
    s.settle()
    before, order = s.rows(s.servers[0]), ("conflicts", "replay", log(s.lutra)[0]["id"], "--why", "the other one")
    with pytest.raises(LutraFailed):
        s.lutra.command(*order)
    wait_until(lambda: not s.lutra.alive, steps.PATIENCE_S, "the end in the midst of it")
    for server in s.servers:
        assert s.rows(server) == before and not server.sql("SELECT 1 FROM lutra.audit WHERE action = 'conflicts replay'")
    del s.lutra.env["LUTRA_KILL_AT"]
    s.lutra.start()
    assert "written" in s.lutra.command(*order)
    s.settle()
    s.is_equal()
    assert s.rows(s.servers[0]) != before


# -- servers ---------------------------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def durable(servers):
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.enter_context(steps.server_globals(server, sync_binlog=1, innodb_flush_log_at_trx_commit=1))
        yield


@pytest.mark.parametrize("engines", [PAIRS[0], MESH], ids="-".join)
def test_server_killed(engines, storm):
    s = storm(engines)
    with durable(s.servers):
        s.lutra.start()
        with s.clients(pause_s=0.01) as clients:
            for server in s.servers:
                clients.go_on()
                server.restart(*DURABLE, kill=True)
            clients.go_on()
            clients.stop()
        s.ends_well()
    assert s.lutra.alive


def stands_still(thing):
    """For longer than a fence is waited for. That time passes is the point here."""
    time.sleep(BEYOND_S)
    assert thing


@pytest.mark.parametrize("engines", SHORT, ids="-".join)
def test_server_stands_still(engines, storm):
    s = storm(engines)
    s.lutra.start()
    with s.clients(pause_s=0.005) as clients:
        for server in s.servers:
            clients.go_on()
            server.pause()
            try:
                stands_still(server.alive)
            finally:
                server.resume()
        clients.go_on()
        clients.stop()
    s.ends_well()


def test_lutra_stands_still(storm):
    s = storm(PAIRS[0])
    s.lutra.start()
    with s.clients(pause_s=0.005) as clients:
        for _ in range(3):
            clients.go_on()
            s.lutra.hold()
            try:
                stands_still(s.lutra.held)
            finally:
                s.lutra.go_on()
        clients.stop()
    s.ends_well()


@pytest.mark.parametrize("step", ["settle.locked", "settle.fenced", "settle.written", "load.commit.sent"])
def test_lutra_stands_still_with_rows_locked(step, faulty):
    """At a step of each pipeline, for longer than users wait for a lock; then it goes on, and decides by what it knows."""
    s = faulty(PAIRS[0])
    s.lutra.env["LUTRA_HOLD_AT"] = f"{step}:5,{step}:20"
    s.lutra.start()
    with s.clients(pause_s=0.005) as clients:
        for _ in range(2):
            wait_until(lambda: s.lutra.held, steps.PATIENCE_S, f"Lutra to be held at {step}")
            stands_still(s.lutra.held)
            s.lutra.go_on()
        clients.go_on()
        clients.stop()
    s.ends_well()


def holds_locks(server):
    """Whether a session of Lutra's has locked rows there."""
    return server.sql("SELECT 1 FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id"
                      " WHERE p.user = 'lutra' AND t.trx_rows_locked > 0")


def test_what_was_locked_is_free_again_though_lutra_says_nothing_more(faulty):
    """As when its link is cut: MySQL, too, gives up a session that does not speak, and users go on. Lutra comes back later, to what they wrote."""
    s = faulty(PAIRS[0])
    s.lutra.env["LUTRA_HOLD_AT"] = "settle.locked"
    s.lutra.start()
    steps.transaction(s.servers[0], s.schema, "INSERT INTO hot VALUES (1, 'a')")
    wait_until(lambda: s.lutra.held, steps.PATIENCE_S, "Lutra to be held with the row locked")
    assert holds_locks(s.servers[1])
    wait_until(lambda: not holds_locks(s.servers[1]), steps.PATIENCE_S, "the row to be free", poll_s=0.2)
    steps.transaction(s.servers[1], s.schema, "INSERT INTO hot VALUES (1, 'b')")
    assert s.lutra.held
    s.lutra.go_on()
    s.ends_well()


# -- checkpoints -----------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["paused", "killed"] if EVERY else ["killed"])
def test_checkpoints_reach_back_to_where_each_pipeline_stands(how, site, channel, schema):
    """However long nothing but heartbeats comes: a pipeline that stood still, and one that is begun again, find where to begin."""
    s = Storm(channel, {"a": site("mariadb", 1), "b": site("mysql", 2)}, schema, conflicts=QUICK)
    s.lutra.start()
    with s.clients(limit=20) as clients:
        clients.join()
    s.settle()
    if how == "paused":
        s.lutra.command("pause", "a->b")
    last = s.servers[0].sql("SELECT MAX(id) FROM lutra.checkpoint")[0][0]
    wait_until(lambda: s.servers[0].sql("SELECT MAX(id) FROM lutra.checkpoint")[0][0] > last + KEPT_MORE, steps.PATIENCE_S, "more checkpoints")
    if how == "killed":
        s.lutra.kill()
        s.lutra.start()
    else:
        s.lutra.command("resume", "a->b")
    with s.clients(limit=20) as clients:
        clients.join()
    s.ends_well()
