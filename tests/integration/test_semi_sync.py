"""R23: a semi-synchronous source is acknowledged once its log is durable in the relay log, and never on apply."""

import concurrent.futures
import contextlib
import os
import pathlib
import shutil

import pymysql
import pytest
import steps
import test_failover as failover
from conftest import ledger_is, same, whole
from lutralab.servers import CHECKOUT, wait_until
from lutralab.workload import Workload
from steps import column, run_at, stopped, wait_for

ONE_WAY = "hz->us"
ENGINES = ("mariadb", "mysql")
ACKED, WAITED_IN_VAIN, CLIENTS = 0, 1, 2
STATUS = {
    "mariadb": ("Rpl_semi_sync_master_yes_tx", "Rpl_semi_sync_master_no_tx", "Rpl_semi_sync_master_clients"),
    "mysql": ("Rpl_semi_sync_source_yes_tx", "Rpl_semi_sync_source_no_tx", "Rpl_semi_sync_source_clients"),
}
FOR_EVER_S = 120  # longer than any of it takes


def status(server, what):
    return int(server.sql("SHOW GLOBAL STATUS LIKE %s", (STATUS[server.engine][what],))[0][1])


def switch(server, on, timeout_ms=1000 * FOR_EVER_S):
    """Commits at the server wait for an acknowledgement, also while no replica is there, or for nobody."""
    if server.engine == "mysql" and not server.sql("SELECT 1 FROM information_schema.plugins WHERE plugin_name = 'rpl_semi_sync_source'"):
        server.sql("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'")
    name, none = ("source", "replica") if server.engine == "mysql" else ("master", "slave")
    server.script([f"SET GLOBAL rpl_semi_sync_{name}_timeout = {timeout_ms}", f"SET GLOBAL rpl_semi_sync_{name}_wait_no_{none} = 1",
                   f"SET GLOBAL rpl_semi_sync_{name}_wait_point = 'AFTER_SYNC'", f"SET GLOBAL rpl_semi_sync_{name}_enabled = {int(on)}"])


def faults_binary():
    found = pathlib.Path(os.environ.get("LUTRA_FAULTS_BIN", CHECKOUT / "build-faults/lutra"))
    if not found.exists():
        pytest.skip(f"{found} is not built (`make faults`)")
    return found


@contextlib.contextmanager
def own_source(lab, engine, schema):
    """A server that can wait for acknowledgements, and that no other test needs."""
    with steps.own_server(lab, engine, schema, "innodb-flush-log-at-trx-commit=1", "sync-binlog=1") as server:
        switch(server, False)
        yield server


@contextlib.contextmanager
def semi_sync(server):
    try:
        switch(server, True)
        yield
    finally:
        if server.alive:
            switch(server, False)


def semi_channel(channel, source, target, *extra, **more):
    return channel({"hz": source, "us": target}, "hz -> us", semi_sync=("hz",), extra=extra, **more)


def semi(lutra):
    return lutra.pipelines()[ONE_WAY]["semi_sync"]


def insert(server, schema, *ids):
    steps.transaction(server, schema, *(f"INSERT INTO ledger VALUES ({i})" for i in ids))


def waits_for_ack(server):
    """A commit does; who receives acknowledgements reads them."""
    return column(server, None, "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for semi-sync ACK%'") == [1]


@pytest.mark.parametrize("engine", ENGINES)
def test_r23_a_commit_waits_until_its_log_is_kept_here(engine, site, channel, schema):
    source, target = site(engine, 1), site("mariadb", 2)
    switch(source, False)
    lutra = semi_channel(channel, source, target).start()
    assert semi(lutra)["source"] == "off"
    vain = status(source, WAITED_IN_VAIN)
    with semi_sync(source), concurrent.futures.ThreadPoolExecutor() as pool:
        acked = status(source, ACKED)
        insert(source, schema, 1)
        assert status(source, ACKED) == acked + 1

        lutra.hold()
        waiting = pool.submit(insert, source, schema, 2)
        wait_until(lambda: waits_for_ack(source), 60, "the commit to wait")
        assert status(source, ACKED) == acked + 1 and not waiting.done()
        lutra.go_on()
        waiting.result(FOR_EVER_S)
        assert status(source, ACKED) == acked + 2

        many = [pool.submit(insert, source, schema, i) for i in range(3, 60)]
        for one in many:
            one.result(FOR_EVER_S)
        assert status(source, ACKED) > acked + 2  # MySQL counts what was committed together once
        lutra.wait()
    assert status(source, WAITED_IN_VAIN) == vain
    ledger_is(target, schema, set(range(1, 60)))
    same(source, target, schema)
    assert 2 <= semi(lutra)["acks"] and semi(lutra)["source"] == "on" and semi(lutra)["error"] is None


def arrives(target, schema, ids):
    wait_until(lambda: ids <= set(column(target, schema, "SELECT txn_id FROM ledger")), steps.PATIENCE_S, "what was acknowledged")


@pytest.mark.parametrize("engine", ENGINES)
def test_r23_what_was_acknowledged_arrives_without_its_source(engine, lab, site, channel, schema):
    """The machine of the source is gone with its disk. What it was acknowledged for is applied from the relay log."""
    target = site("mariadb", 2)
    with own_source(lab, engine, schema) as source:
        lutra = semi_channel(channel, source, target).start()
        switch(source, True)
        insert(source, schema, 1)
        lutra.wait()
        lutra.command("pause", ONE_WAY)
        for i in range(2, 30):
            insert(source, schema, i)  # returns: it was acknowledged
        steps.transaction(source, schema, "UPDATE ledger SET txn_id = 102 WHERE txn_id = 2", "INSERT INTO ledger VALUES (103)")
        assert column(target, schema, "SELECT txn_id FROM ledger") == [1]
        assert status(source, WAITED_IN_VAIN) == 0
        source.kill()
        shutil.rmtree(source.data)

        lutra.kill()
        lutra.start(wait=False)
        steps.answers(lutra)
        lutra.command("resume", ONE_WAY)
        expected = {1, *range(3, 30), 102, 103}
        arrives(target, schema, expected)
        ledger_is(target, schema, expected)
        steps.retrying(lutra, ONE_WAY, "E2000")

        lutra.kill()  # and nothing comes twice
        lutra.start(wait=False)
        steps.retrying(lutra, ONE_WAY, "E2000")
        ledger_is(target, schema, expected)


def acked_before_it_is_kept(lab, site, channel, schema, engine="mariadb"):
    """Killed right before a log that the source waits for is made durable: no acknowledgement may have gone out."""
    target = site("mariadb", 2)
    with own_source(lab, engine, schema) as source, concurrent.futures.ThreadPoolExecutor() as pool:
        lutra = semi_channel(channel, source, target, program=faults_binary())
        lutra.env["LUTRA_HOLD_AT"] = "relay.keep:2"
        lutra.start()
        switch(source, True)
        insert(source, schema, 1)
        second = pool.submit(insert, source, schema, 2)
        wait_until(lambda: lutra.held, 60, "Lutra to be held")
        wait_until(lambda: waits_for_ack(source) or second.done(), 60, "the commit to wait")
        lutra.kill()
        source.kill()
        acked = {1}
        with contextlib.suppress(pymysql.err.OperationalError):
            second.result(FOR_EVER_S)
            acked.add(2)
        shutil.rmtree(source.data)

        del lutra.env["LUTRA_HOLD_AT"]
        lutra.start(wait=False)
        arrives(target, schema, acked)
        ledger_is(target, schema, acked)


@pytest.mark.parametrize("engine", ENGINES)
def test_r23_no_acknowledgement_before_it_is_durable(engine, lab, site, channel, schema):
    acked_before_it_is_kept(lab, site, channel, schema, engine=engine)


STEPS = [("relay.write", 3), ("relay.keep", 2), ("relay.sync", 3), ("relay.ack", 1), ("relay.ack", 3), ("relay.trim", 5)]


@pytest.mark.parametrize("step, times", STEPS, ids=[f"{s}-{n}" for s, n in STEPS])
def test_r23_killed_at_a_step(step, times, site, channel, schema):
    source, target = site("mariadb" if times % 2 else "mysql", 1), site("mariadb", 2)
    switch(source, False)
    lutra = semi_channel(channel, source, target, "relay: 1M", program=faults_binary())
    lutra.start()
    lutra.kill()
    with whole(schema, target), semi_sync(source), Workload(source, schema, site=1, clients=2, seed=times, limit=100) as load:
        lutra.env["LUTRA_KILL_AT"] = f"{step}:{times}"
        lutra.start(wait=False)
        wait_until(lambda: not lutra.alive, 60, f"the end at {step}")
        del lutra.env["LUTRA_KILL_AT"]
        lutra.start()
        load.join()
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


def test_r23_a_full_relay_log_is_not_acknowledged(site, channel, schema):
    """Nobody reads it (paused): at its bound the acknowledgements end, with an alarm. Nothing is lost, and all goes on by itself."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    switch(source, False)
    lutra = semi_channel(channel, source, target, "relay: 1M", "memory: 64M")
    run_at((source, target), schema, "CREATE TABLE big (id INT PRIMARY KEY, b LONGBLOB)")
    lutra.start()
    lutra.wait()
    lutra.command("pause", ONE_WAY)
    before = status(source, WAITED_IN_VAIN)
    with semi_sync(source):
        for i in range(8):
            insert(source, schema, 100 + i)
        switch(source, True, timeout_ms=300)
        for i in range(8):
            source.sql("INSERT INTO big VALUES (%s, REPEAT('x', 300000))", (i,), db=schema)
        alarm = wait_until(lambda: semi(lutra)["error"], 60, "the alarm")
        assert alarm["code"] == "E6021" and alarm["hint"]
        assert status(source, WAITED_IN_VAIN) > before
        assert semi(lutra)["relay_bytes"] < 3 << 20
        assert "lutra_semi_sync" not in lutra.command("status") and "E6021" in lutra.command("status")
        switch(source, True)

        lutra.command("resume", ONE_WAY)
        lutra.wait()
        wait_until(lambda: semi(lutra)["error"] is None, 60, "the alarm to end")
        # More than the bound in one transaction: it goes, and is acknowledged once the target has it.
        before = status(source, WAITED_IN_VAIN)
        source.sql("INSERT INTO big SELECT id + 100, REPEAT('y', 300000) FROM big", db=schema)
        insert(source, schema, 200)
        lutra.wait()
        wait_until(lambda: semi(lutra)["relay_bytes"] < 1 << 20, 60, "room")
        acked = status(source, ACKED)
        insert(source, schema, 201)
        assert status(source, ACKED) == acked + 1
        assert status(source, WAITED_IN_VAIN) == before
    lutra.wait()
    same(source, target, schema)


def test_r23_a_source_that_lost_its_tail_stops_behind_what_was_acknowledged(lab, site, channel, schema):
    """R13: it comes back as it was before transactions that it was acknowledged for, and writes others."""
    target = site("mariadb", 2)
    with own_source(lab, "mariadb", schema) as source:
        lutra = semi_channel(channel, source, target).start()
        insert(source, schema, 1)
        lutra.wait()
        source.stop()
        steps.copy_data(source, source.folder / "copy")
        source.start()
        lutra.command("pause", ONE_WAY)
        wait_until(lambda: semi(lutra)["connected"], 60, "the source to be read again")
        switch(source, True)
        insert(source, schema, 2)
        insert(source, schema, 3)
        source.kill()
        steps.restore_data(source, source.folder / "copy")
        source.start()
        insert(source, schema, 20)
        lutra.command("resume", ONE_WAY)
        stopped(lutra, ONE_WAY, ("E3014", "E3011"))
        ledger_is(target, schema, {1, 2, 3})

        # A person says where to go on: nothing of what was kept comes again.
        lutra.command("position", ONE_WAY, "--now", "--why", "compared by hand")
        insert(source, schema, 21)
        lutra.wait()
        ledger_is(target, schema, {1, 2, 3, 21})


def test_r23_a_torn_end_of_the_relay_log_is_read_again(site, channel, schema):
    source, target = site("mysql", 1), site("mariadb", 2)
    switch(source, False)
    lutra = semi_channel(channel, source, target).start()
    with semi_sync(source):
        insert(source, schema, 1)
        lutra.command("pause", ONE_WAY)
        insert(source, schema, 2)
        insert(source, schema, 3)
        lutra.kill()
        newest = max((lutra.data / "relay/hz").glob("*.relay"))
        os.truncate(newest, newest.stat().st_size - 7)
        lutra.start(wait=False)
        wait_for(lutra, ONE_WAY, lambda p: p["state"] == "paused", "to be paused")
        lutra.command("resume", ONE_WAY)
        lutra.wait()
        ledger_is(target, schema, {1, 2, 3})
        assert "cut off" in lutra.log.read_text()


def test_r23_check_says_whether_the_source_waits(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = semi_channel(channel, source, target)

    def line():
        return next(text for text in lutra.check()[1] if "semi-sync" in text)
    switch(source, False)
    assert line().startswith("warn") and "wait for nobody" in line()
    with semi_sync(source):
        assert line().startswith("ok")
        switch(source, True, timeout_ms=10)
        assert line().startswith("warn") and "10 ms" in line()


@pytest.mark.parametrize("has_all", [True, False], ids=["with-all", "behind"])
def test_r23_a_replica_takes_over(has_all, lab, site, channel, schema):
    """The source dies, and the second of its hosts is read on; but only if it has all that was acknowledged."""
    target = site("mariadb", 2)
    with failover.pair(lab, "mariadb") as (first, second):
        lutra = semi_channel(channel, first, target, urls={"hz": f"127.0.0.1:{first.port},127.0.0.1:{second.port}"}).start()
        switch(first, True)
        insert(first, schema, 1)
        lutra.wait()
        lutra.command("pause", ONE_WAY)
        if not has_all:
            wait_until(lambda: failover.executed(second) == failover.executed(first), 60, "the replica to have all")
            second.sql("STOP SLAVE")
        insert(first, schema, 2)
        if has_all:
            failover.promote(second, first)
        else:
            first.kill()
        insert(second, schema, 3)
        lutra.command("resume", ONE_WAY)
        if not has_all:
            stopped(lutra, ONE_WAY, "E3014")
            ledger_is(target, schema, {1, 2})
            return
        arrives(target, schema, {1, 2, 3})
        lutra.kill()
        insert(second, schema, 4)
        lutra.start()
        lutra.wait()
        ledger_is(target, schema, {1, 2, 3, 4})


def test_r14_rows_that_went_with_their_source_are_a_coded_stop(lab, site, channel, schema):
    """An XA transaction was prepared before Lutra began, and committed into the relay log; then the source's machine was gone."""
    target = site("mariadb", 2)
    with own_source(lab, "mysql", schema) as source:
        lutra = semi_channel(channel, source, target).start()
        source.script([f"XA START '{schema}'", "INSERT INTO ledger VALUES (2)", f"XA END '{schema}'", f"XA PREPARE '{schema}'"], db=schema)
        insert(source, schema, 1)
        lutra.wait()
        lutra.kill()
        lutra.start()
        lutra.command("pause", ONE_WAY)
        switch(source, True)
        source.sql(f"XA COMMIT '{schema}'")
        insert(source, schema, 3)
        source.kill()
        shutil.rmtree(source.data)

        lutra.command("resume", ONE_WAY)
        error = stopped(lutra, ONE_WAY, "E3016")
        assert error["where"]["file"] and error["where"]["pos"] and "lutra skip" in error["hint"]
        lutra.skip(ONE_WAY)
        arrives(target, schema, {1, 3})
        ledger_is(target, schema, {1, 3})


def test_r23_over_tls_and_with_a_payload_of_many_packets(lab, site, channel, schema):
    """More than 16 MB that do not compress are one event of several packets; it is acknowledged when all of it is durable."""
    target = site("mysql", 2)
    with own_source(lab, "mysql", schema) as source:
        lutra = semi_channel(channel, source, target, urls={"hz": f"127.0.0.1:{source.port}/?ssl-mode=REQUIRED"})
        run_at((source, target), schema, "CREATE TABLE large (id INT PRIMARY KEY, v MEDIUMBLOB)")
        lutra.start()
        switch(source, True)
        acked = status(source, ACKED)
        with steps.session(source, schema, "SET binlog_transaction_compression = ON", "BEGIN") as c:
            for i in range(18):
                c.execute("INSERT INTO large VALUES (%s, %s)", (i, os.urandom(1 << 20)))
            c.execute("COMMIT")
        assert status(source, ACKED) > acked and status(source, WAITED_IN_VAIN) == 0
        insert(source, schema, 1)
        lutra.wait()

        def sums(server):
            return server.sql("SELECT id, SHA2(v, 256) FROM large ORDER BY id", db=schema)
        assert sums(source) == sums(target) and len(sums(target)) == 18
