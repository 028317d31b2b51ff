"""Rules R10 to R16 of the core: the mark, the source's history, Lutra's own state. See test_rules.py."""

import shutil
import time

import pytest
import steps
from conftest import ledger_is, same, whole
from lutralab.lutra import LutraFailed
from lutralab.servers import wait_until
from lutralab.workload import Workload
from steps import column, run_at, stopped, transaction
from test_rules import ONE_WAY, TABLES

# -- R10 and R11: the mark --------------------------------------------------------------------------------------------------

def hidden_mark(site, channel, schema):
    hz, us = site("mariadb", 1), site("mariadb", 2)
    us.restart("binlog-ignore-db=lutra")
    try:
        lutra = channel({"hz": hz, "us": us}, "hz <-> us").start(wait=False)
        steps.answers(lutra)

        def stops():
            state = lutra.pipelines()["us->hz"]["state"]
            assert "ready" not in (lutra.folder / "out.1").read_text()
            return state == "stopped"
        wait_until(stops, steps.PATIENCE_S, "us->hz to stop", poll_s=0.05)
        assert "us" in stopped(lutra, "us->hz", "E5011")["message"]
        status, lines = lutra.check()
        assert status == 1, lines
        lutra.kill()
    finally:
        us.restart()


def test_r10_log_that_hides_the_mark(site, channel, schema):
    hidden_mark(site, channel, schema)


def test_r10_table_without_transactions_is_refused(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source,), schema, *TABLES)
    run_at((target,), schema, *(f"{t} ENGINE=MyISAM" for t in TABLES))
    lutra.start()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    transaction(source, schema, "INSERT INTO t VALUES (1, 1, 1)", "INSERT INTO ledger VALUES (2)")

    error = stopped(lutra, ONE_WAY, "E4005")

    assert error["where"]["table"] == f"{schema}.t"
    assert column(target, schema, "SELECT txn_id FROM ledger") == [1]
    assert column(target, schema, "SELECT COUNT(*) FROM t") == [0]
    run_at((target,), schema, "ALTER TABLE t ENGINE=InnoDB")
    lutra.retry(ONE_WAY)
    lutra.wait()
    ledger_is(target, schema, {1, 2})


def test_r10_source_table_without_transactions_is_refused_both_ways(site, channel, schema):
    """Before anything is begun, behind a statement, and where a row of it comes all the same."""
    hz, us = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us")
    run_at((hz, us), schema, *TABLES)
    run_at((hz,), schema, "ALTER TABLE t ENGINE=MyISAM")
    lutra.start(wait=False)
    assert stopped(lutra, ONE_WAY, "E4005")["where"]["table"] == f"{schema}.t"
    assert column(us, "lutra", f"SELECT COUNT(*) FROM lane WHERE pipeline = '{ONE_WAY}'") == [0]
    run_at((hz,), schema, "ALTER TABLE t ENGINE=InnoDB")
    lutra.retry(ONE_WAY)
    lutra.wait_ready()

    hz.sql("ALTER TABLE t ENGINE=MyISAM", db=schema)
    stopped(lutra, ONE_WAY, "E4000")
    with pytest.raises(LutraFailed, match="not transactional"):
        lutra.command("ddl", "done", ONE_WAY)
    lutra.skip(ONE_WAY)
    hz.sql("INSERT INTO t VALUES (1, 1, 1)", db=schema)
    assert stopped(lutra, ONE_WAY, "E4005")["where"]["table"] == f"{schema}.t"
    run_at((hz,), schema, "ALTER TABLE t ENGINE=InnoDB")
    lutra.command("ddl", "done", ONE_WAY)
    lutra.wait()
    assert column(us, schema, "SELECT COUNT(*) FROM t") == [1]


def test_r11_idle_two_way_channel_writes_next_to_nothing(site, channel, schema):
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us").start()
    for server, first in ((hz, 1), (us, 100)):
        for i in range(first, first + 5):
            transaction(server, schema, f"INSERT INTO ledger VALUES ({i})")
    lutra.wait()
    # The progress of what was applied may be written once more.
    before = [steps.log_bytes(s) for s in (hz, us)]
    seconds = 21
    end = time.monotonic() + seconds
    while time.monotonic() < end:  # that time passes is the point here
        time.sleep(0.5)
        grown = [steps.log_bytes(s) - b for s, b in zip((hz, us), before)]
        assert max(grown) < 2048 * seconds / 60, grown
    assert lutra.pipelines()[ONE_WAY]["state"] == "running"


# -- R12 and R13: where it began, and whether the log is still the same ------------------------------------------------------

def begin_again(lutra):
    """Start, and all has come; what stops is not waited for until it were ready."""
    lutra.start(wait=False)
    steps.answers(lutra)
    lutra.wait()


def killed_when_ready(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    lutra.kill()
    for i in range(5):
        transaction(source, schema, f"INSERT INTO ledger VALUES ({i})")
    begin_again(lutra)
    ledger_is(target, schema, set(range(5)))


def test_r12_start_is_durable_when_ready(site, channel, schema):
    killed_when_ready(site, channel, schema)


def lost_tail(lab, site, channel, schema, engine="mariadb", others=12, again=False):
    """The source comes back as it was before transactions that are at the target already, and writes `others` instead."""
    target = site("mariadb", 2)
    with steps.own_server(lab, engine, schema) as source:
        lutra = channel({"hz": source, "us": target}, "hz -> us").start()
        for i in range(3):
            transaction(source, schema, f"INSERT INTO ledger VALUES ({i})")
        lutra.wait()
        source.stop()
        copy = source.folder / "copy"
        steps.copy_data(source, copy)
        source.start()
        for i in range(13, 16):
            transaction(source, schema, f"INSERT INTO ledger VALUES ({i})")
        written = int(time.time())
        lutra.wait()
        source.kill()
        steps.restore_data(source, copy)
        source.start()
        # The log counts seconds: in the same one, the same place and xid would make the very same event.
        wait_until(lambda: int(time.time()) > written, 5, "another second")
        for i in range(20, 20 + others):  # to the byte as long as what was lost
            transaction(source, schema, f"INSERT INTO ledger VALUES ({i})")

        if again:
            lutra.kill()
            lutra.start(wait=False)
        error = stopped(lutra, ONE_WAY, ("E3014", "E3011"))
        assert error["where"]["file"]
        ledger_is(target, schema, {0, 1, 2, 13, 14, 15})


# None: the log is shorter; as many: the same GTIDs at the same places; more: those are passed.
@pytest.mark.parametrize("others, again", [(0, False), (3, True), (12, False)])
def test_r13_lost_tail_of_the_source(others, again, lab, site, channel, schema):
    lost_tail(lab, site, channel, schema, "mariadb", others, again)


def test_r13_lost_tail_of_a_mysql_source(lab, site, channel, schema):
    lost_tail(lab, site, channel, schema, "mysql", others=12)


# -- R14: XA ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_r14_xa_of_tables_mapped_and_not(engine, site, channel, schema):
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", tables=[f"{schema}.ledger"])
    run_at((source, target), schema, *TABLES)
    lutra.start()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    with steps.session(source, schema) as c:
        for statement in ("XA START 'u'", "INSERT INTO t VALUES (1, 1, 1)", "XA END 'u'", "XA PREPARE 'u'", "XA COMMIT 'u'"):
            c.execute(statement)
    transaction(source, schema, "INSERT INTO ledger VALUES (2)")
    lutra.wait()
    ledger_is(target, schema, {1, 2})

    with steps.session(source, schema) as c:
        for statement in ("XA START 'm'", "INSERT INTO ledger VALUES (3)", "XA END 'm'", "XA PREPARE 'm'", "XA COMMIT 'm'"):
            c.execute(statement)
    transaction(source, schema, "INSERT INTO ledger VALUES (4)")
    lutra.wait()
    ledger_is(target, schema, {1, 2, 3, 4})


# -- R15 and R16: the data folder, the state's version -------------------------------------------------------------------------

def test_r15_data_folder_may_be_deleted(site, channel, schema):
    """At any moment, and what is written meanwhile comes too: where reading stands is recorded at the targets alone."""
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us").start()
    expected = set()
    with whole(schema, hz, us):
        for round in range(2):
            loads = [Workload(s, schema, site=i, clients=2, seed=15, limit=20 * (round + 1)).start() for i, s in ((1, hz), (2, us))]
            for load in loads:
                load.join()
                expected |= load.expected_ledger()
            assert lutra.stop() == 0 if round else (lutra.kill() or True)
            shutil.rmtree(lutra.data)
            for i, s in enumerate((hz, us), 1):
                transaction(s, schema, f"INSERT INTO ledger VALUES ({-10 * round - i})")
                expected.add(-10 * round - i)
            begin_again(lutra)
    same(hz, us, schema)
    ledger_is(hz, schema, expected)
    ledger_is(us, schema, expected)


def test_r16_newer_state_is_refused(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    assert lutra.stop() == 0
    target.sql("UPDATE lutra.meta SET value = value + 1000 WHERE name = 'version'")
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")

    lutra.start(wait=False)
    steps.answers(lutra)
    stopped(lutra, ONE_WAY, "E6000")

    assert column(target, schema, "SELECT COUNT(*) FROM ledger") == [0]
    target.sql("UPDATE lutra.meta SET value = value - 1000 WHERE name = 'version'")
    lutra.retry(ONE_WAY)
    lutra.wait()
    ledger_is(target, schema, {1})
