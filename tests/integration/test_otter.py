"""Beside Otter: its marks of origin, and the marks by which programs keep their own writes from being sent."""

import concurrent.futures

import pytest
from conftest import Channels, same
from lutralab.lutra import USER, create_user
from steps import column, run_at, stopped, transaction

ONE_WAY = "hz->us"
# Otter's own script for its system schema.
RETL = ["CREATE DATABASE IF NOT EXISTS retl", "DROP TABLE IF EXISTS retl.retl_mark",
        "CREATE TABLE retl.retl_mark (ID BIGINT AUTO_INCREMENT, CHANNEL_ID INT(11), CHANNEL_INFO VARCHAR(128), PRIMARY KEY (ID))"]
TABLE = "CREATE TABLE t (id INT PRIMARY KEY, v INT)"


def marked(channel_id, info="NULL", row=1):
    """What Otter's node writes around the rows of a transaction."""
    return ([f"INSERT INTO retl.retl_mark (id, channel_id, channel_info) VALUES ({row}, {channel_id}, {info})"
             " ON DUPLICATE KEY UPDATE channel_id=VALUES(channel_id), channel_info=VALUES(channel_info)"],
            [f"UPDATE retl.retl_mark SET channel_id=0, channel_info=NULL WHERE id={row} AND channel_id={channel_id}"])


@pytest.fixture(params=["mariadb", "mysql"])
def pair(request, site, schema):
    source, target = site(request.param, 1), site(request.param, 2)
    run_at((source, target), None, *RETL)
    return source, target


def test_marked_transactions_are_not_sent(pair, channel, schema):
    source, target = pair
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=["otter: { channel: 7 }"])
    run_at((source, target), schema, TABLE)
    status, lines = lutra.check()
    assert status == 0 and any("retl_mark" in line for line in lines), lines
    lutra.start()
    transaction(source, schema, "INSERT INTO t VALUES (1, 0)")
    for number, (channel_id, info) in enumerate([(7, "NULL"), (8, "NULL"), (0, "'job_SYNC'"), (8, "'job_sync'"), (0, "'job'")], 2):
        begin, end = marked(channel_id, info)
        transaction(source, schema, *begin, f"INSERT INTO t VALUES ({number}, 0)", f"UPDATE t SET v = 1 WHERE id = {number}", *end)
    # A program may set its mark anywhere in its transaction.
    transaction(source, schema, "INSERT INTO t VALUES (20, 0)", "INSERT INTO retl.retl_mark (channel_id, channel_info) VALUES (0, 'x_SYNC')")
    transaction(source, schema, "INSERT INTO t VALUES (21, 0)")
    lutra.wait()
    assert column(target, schema, "SELECT id FROM t ORDER BY id") == [1, 3, 6, 21]
    pipeline = lutra.pipelines()[ONE_WAY]
    assert (pipeline["own"], pipeline["opted_out"], pipeline["transactions"]) == (1, 3, 4)


def test_without_the_key_marks_mean_nothing(pair, channel, schema):
    source, target = pair
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, TABLE)
    lutra.start()
    begin, end = marked(7, "'job_SYNC'")
    transaction(source, schema, *begin, "INSERT INTO t VALUES (1, 0)", *end)
    lutra.wait()
    same(source, target, schema)


@pytest.fixture
def there_and_back(pair, lab, channel, schema):
    """there_and_back(write, write back): Lutra there, and as Otter on the way back another channel that knows Otter's marks, and Lutra's no
    more than Otter does."""
    source, target = pair
    made = []

    def make(write, write_back):
        there = channel({"hz": source, "us": target}, "hz -> us", extra=[f"otter: {{ channel: 7, write: {write} }}"])
        run_at((source, target), schema, TABLE)
        back = Channels(lab, f"{schema}_b")({"us": target, "hz": source}, "us -> hz", [f"{schema}.*"],
                                            extra=[f"otter: {{ channel: 7, write: {write_back} }}"])
        made.append(back)
        for server in pair:
            create_user(server, [schema])
            server.sql(f"GRANT SELECT, INSERT, UPDATE ON retl.retl_mark TO '{USER}'@'%'")
        return there.start(), back.start()
    yield make
    for one in made:
        one.kill()


def test_marks_both_ways_while_both_run(there_and_back, pair, schema):
    """Rows go each way at the same time, and none comes back."""
    source, target = pair
    there, back = there_and_back("on", "on")

    def write(number):
        for i in range(number, 120, 2):
            transaction(pair[number], schema, f"INSERT INTO t VALUES ({i}, 0)", f"UPDATE t SET v = v + 1 WHERE id = {i}")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    for _ in range(2):  # what was written there could come back
        there.wait()
        back.wait()
    same(source, target, schema)
    assert source.sql("SELECT id, v FROM t ORDER BY id", db=schema) == tuple((i, 1) for i in range(120))
    for lutra, name in ((there, ONE_WAY), (back, "us->hz")):
        p = lutra.pipelines()[name]
        assert (p["state"], p["transactions"], p["rows"], p["own"] > 0) == ("running", 60, 120, True), p


@pytest.mark.parametrize("write", ["on", "off"])
def test_marks_are_written_for_an_otter_that_reads_the_target(write, there_and_back, pair, schema):
    source, target = pair
    there, back = there_and_back(write, "off")
    for i in range(5):
        transaction(source, schema, f"INSERT INTO t VALUES ({i}, 0)", f"UPDATE t SET v = {i} WHERE id = {i}")
    there.wait()
    if write == "off":
        stopped(back, "us->hz", "E5002")
        return
    transaction(target, schema, "INSERT INTO t VALUES (9, 9)")
    back.wait()
    assert (back.pipelines()["us->hz"]["own"] > 0, back.pipelines()["us->hz"]["transactions"]) == (True, 1)
    same(source, target, schema)
    assert column(source, schema, "SELECT id FROM t WHERE id = 9") == [9]
