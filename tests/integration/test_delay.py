"""`delay`: transactions are applied so long after their commit. `until`: a pipeline ends at a place, and is whole there."""

import datetime

import pytest
from conftest import ledger_is, same, whole
from lutralab.lutra import LutraFailed
from lutralab.workload import Workload
from steps import column, log_end, run_at, stopped, transaction, wait_for

ONE_WAY = "hz->us"
TABLES = ["CREATE TABLE t (id INT PRIMARY KEY, txn INT)"]


@pytest.fixture(params=["mariadb", "mysql"])
def pair(request, site, channel, schema):
    """(source, target, lutra one way), the tables at both ends."""
    source, target = site(request.param, 1), site(request.param, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, *TABLES)
    return source, target, lutra


def configure(lutra, *lines):
    """The channel file with these lines at its end, and none that an earlier call put there."""
    text = lutra.file.read_text().split("# more\n")[0]
    lutra.file.write_text(text + "# more\n" + "".join(f"{line}\n" for line in lines))


def three_rows(server, schema, number, before=()):
    transaction(server, schema, *(f"INSERT INTO t VALUES ({number * 10 + i}, {number})" for i in range(3)), before=before)


def holds(target, schema, *numbers):
    """Whole transactions, these and no others."""
    assert sorted(column(target, schema, "SELECT txn FROM t")) == sorted([*numbers] * 3)


def gtid(server):
    """What was committed so far."""
    name = "@@gtid_binlog_pos" if server.engine == "mariadb" else "@@gtid_executed"
    return server.sql(f"SELECT {name}")[0][0].replace("\n", "")


# -- delay ----------------------------------------------------------------------------------------------------------------

def test_delay_holds_back_and_ends_at_once(pair, schema):
    source, target, lutra = pair
    configure(lutra, "delay: 1h")
    lutra.start()
    three_rows(source, schema, 1)
    three_rows(source, schema, 2)
    status = wait_for(lutra, ONE_WAY, lambda s: s if s["lag_ms"] > 100 else None, "to hold it back")
    assert (status["state"], status["delay_ms"], status["transactions"]) == ("running", 3600000, 0)
    with pytest.raises(LutraFailed, match="with a delay of 3600000 ms"):
        lutra.wait(timeout_s=3)
    holds(target, schema)
    assert lutra.stop() == 0

    configure(lutra)
    lutra.start()
    lutra.wait()
    same(source, target, schema)


def test_delayed_transactions_come_whole_and_once(site, channel, schema):
    source, target = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=["delay: 1s", "writers: 2"]).start()
    with whole(schema, target):
        load = Workload(source, schema, clients=2, seed=92, limit=80).start().join()
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


@pytest.mark.parametrize("pair", ["mysql"], indirect=True)
def test_delay_is_never_shorter(pair, schema):
    source, target, lutra = pair
    configure(lutra, 'delay: { "hz->us": 1500ms }')
    lutra.start()
    began = source.sql("SELECT SYSDATE(6)")[0][0]
    three_rows(source, schema, 1)
    three_rows(source, schema, 2)
    lutra.wait()
    assert target.sql("SELECT SYSDATE(6)")[0][0] - began >= datetime.timedelta(milliseconds=1500)
    same(source, target, schema)
    wait_for(lutra, ONE_WAY, lambda p: p["lag_ms"] == 0, "to be in time")  # it says so once nothing more came for a moment


def test_delay_counts_from_reading_for_a_stamp_in_the_future(site, channel, schema):
    """A session may stamp its commits as it likes: that must not hold the channel back for years."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=["delay: 500ms"])
    run_at((source, target), schema, *TABLES)
    lutra.start()
    three_rows(source, schema, 1, before=["SET timestamp=2000000000"])
    three_rows(source, schema, 2)
    lutra.wait()
    same(source, target, schema)


def test_delay_follows_a_source_whose_clock_is_set_back(lab, site, channel, schema):
    """An hour back: stamps of then are no old ones."""
    source, target = lab.start("mariadb", 9, "sysdate-is-now", name="set-back"), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=["delay: 3s"])
    run_at((source, target), schema, *TABLES)
    lutra.start()
    three_rows(source, schema, 1)
    lutra.wait()
    source.sql("SET GLOBAL init_connect='SET timestamp=UNIX_TIMESTAMP() - 3600'")
    for number, command in source.sql("SELECT id, command FROM information_schema.processlist WHERE user = 'lutra'"):
        if command == "Sleep":  # what asks the clock, and asks it anew on a new connection
            source.sql(f"KILL {number}")
    began = target.sql("SELECT SYSDATE(6)")[0][0]
    three_rows(source, schema, 2, before=["SET timestamp=UNIX_TIMESTAMP() - 3600"])
    lutra.wait()
    assert target.sql("SELECT SYSDATE(6)")[0][0] - began >= datetime.timedelta(seconds=2)
    same(source, target, schema)
    source.stop()


def test_until_a_time_is_not_met_by_a_stamp_in_the_future(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    tomorrow = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=[f'until: {{ hz: {{ time: "{tomorrow}" }} }}'])
    run_at((source, target), schema, *TABLES)
    lutra.start()
    three_rows(source, schema, 1, before=["SET timestamp=2000000000"])
    three_rows(source, schema, 2)
    lutra.wait()
    holds(target, schema, 1, 2)
    assert lutra.pipelines()[ONE_WAY]["state"] == "running"


def test_delayed_source_keeps_the_connection(site, channel, schema):
    """More than the sockets hold, left alone for longer than the source's own patience."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=["delay: 4s"])
    run_at((source, target), schema, "CREATE TABLE b (id INT PRIMARY KEY, v LONGBLOB)")
    before = source.sql("SELECT @@GLOBAL.net_write_timeout")[0][0]
    source.sql("SET GLOBAL net_write_timeout=2")  # in 1 s a busy machine may not get to read at all
    try:
        lutra.start()
        for i in range(12):
            transaction(source, schema, f"INSERT INTO b VALUES ({i}, REPEAT('x', 4000000))")
        lutra.wait()
        assert lutra.pipelines()[ONE_WAY]["retries"] == 0
    finally:
        source.sql(f"SET GLOBAL net_write_timeout={before}")
    same(source, target, schema)


# -- until ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("pair, by", [("mariadb", "gtid"), ("mysql", "gtid"), ("mariadb", "place"), ("mariadb", "inside")], indirect=["pair"])
def test_until_a_place(by, pair, schema):
    """Ends behind the transaction named, or before the one that a position lies in; stays there; goes on without `until`."""
    source, target, lutra = pair
    lutra.start()
    three_rows(source, schema, 1)
    lutra.stop()
    three_rows(source, schema, 2)
    (file, pos), ids = log_end(source), gtid(source)
    for number in (3, 4):
        three_rows(source, schema, number)
    until = {"gtid": f'gtid: "{ids}"', "place": f"file: {file}, pos: {pos}", "inside": f"file: {file}, pos: {pos + 200}"}[by]
    configure(lutra, f"until: {{ hz: {{ {until} }} }}")

    for _ in range(2):
        lutra.start()
        error = stopped(lutra, ONE_WAY, "E1034")
        assert "until" in error["message"] and "until" in error["hint"]
        holds(target, schema, 1, 2)
        lutra.wait()
        assert "until" in lutra.command("wait")
        lutra.stop()
    configure(lutra)
    lutra.start()
    lutra.wait()
    same(source, target, schema)


def test_until_a_time(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=['until: { hz: { time: "2026-01-01T00:00:10Z" } }'])
    run_at((source, target), schema, *TABLES)
    lutra.start()
    for number, second in ((1, 8), (2, 9), (3, 10), (4, 11)):
        three_rows(source, schema, number, before=[f"SET timestamp=UNIX_TIMESTAMP('2026-01-01 00:00:00') + {second}"])
    stopped(lutra, ONE_WAY, "E1034")
    holds(target, schema, 1, 2)
    lutra.command("retry", ONE_WAY)
    stopped(lutra, ONE_WAY, "E1034")
    holds(target, schema, 1, 2)
