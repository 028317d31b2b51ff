"""Work by hand beside skip and retry: replace, pause and resume, log."""

import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest
from conftest import same
from lutralab.lutra import LutraFailed
from lutralab.servers import wait_until
from steps import DUPLICATE, ROW_DIFFERS, ROW_MISSING, column, run_at, session, stopped, transaction, wait_for

ONE_WAY = "hz->us"
TABLES = ["CREATE TABLE t (id INT PRIMARY KEY, v INT, note VARCHAR(40))", "CREATE TABLE k (v INT)"]


@pytest.fixture(params=["mariadb", "mysql"])
def pair(request, site, channel, schema):
    """(source, target, lutra one way), the tables at both ends."""
    source, target = site(request.param, 1), site(request.param, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, *TABLES)
    return source, target, lutra


def rows(server, schema, table="t"):
    return sorted(server.sql(f"SELECT * FROM {table}", db=schema))


def log(lutra, *more):
    return json.loads(lutra.command("log", "--json", *more))["log"]


def refused(lutra, status, *words):
    with pytest.raises(LutraFailed) as failed:
        lutra.command(*words)
    assert failed.value.status == status, failed.value
    return str(failed.value)


@contextlib.contextmanager
def ordered(lutra, others, *words):
    """The command, begun; its order waits for the pipeline, beside so many others."""
    def waiting():
        """Threads of the run that wait for the answer to an order."""
        found = 0
        for task in pathlib.Path(f"/proc/{lutra.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it ended meanwhile
                name, state = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
                found += name == "control" and state.split()[0] == "S"
        return found
    wait_until(lambda: waiting() == others, 60, "those of commands that are over to end", poll_s=0.05)
    with subprocess.Popen([lutra.program, words[0], "--data", lutra.data, *words[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as run:
        try:
            wait_until(lambda: waiting() > others, 60, "the order to wait", poll_s=0.05)
            yield run
        finally:
            run.kill()
            wait_until(lambda: waiting() <= others, 60, "the order to be over", poll_s=0.05)


def stop_at_duplicate(source, target, lutra, schema):
    """Stopped before a transaction whose second row is at the target already."""
    lutra.start()
    transaction(source, schema, "INSERT INTO t VALUES (1, 1, 'one')")
    lutra.wait()
    run_at((target,), schema, "INSERT INTO t VALUES (3, -3, 'here first')")
    transaction(source, schema, "INSERT INTO t VALUES (2, 2, 'two')", "INSERT INTO t VALUES (3, 3, 'three')", "INSERT INTO t VALUES (4, 4, 'four')")
    transaction(source, schema, "INSERT INTO t VALUES (5, 5, 'five')")
    return stopped(lutra, ONE_WAY, DUPLICATE)


def test_replace_by_statements(pair, schema):
    source, target, lutra = pair
    stop_at_duplicate(source, target, lutra, schema)
    lutra.command("retry", ONE_WAY, "--why", "perhaps it went away")
    stopped(lutra, ONE_WAY, DUPLICATE)
    for bad in ("COMMIT", "TRUNCATE TABLE t", "SET autocommit=1", "/*!50000 COMMIT */", "SELECT 1", "CALL p()"):
        assert "E1000" in refused(lutra, 2, "replace", ONE_WAY, "--sql", bad)
    refused(lutra, 4, "replace", ONE_WAY, "--sql", f"UPDATE {schema}.t SET v = 0", "--sql", f"INSERT INTO {schema}.t VALUES (3, 0, '')")
    assert rows(target, schema) == [(1, 1, "one"), (3, -3, "here first")]

    lutra.command("replace", ONE_WAY, "--sql", f"UPDATE {schema}.t SET v = 3, note = 'three' WHERE id = 3",
                  "--sql", f"INSERT INTO {schema}.t VALUES (2, 2, 'two'), (4, 4, 'four')", "--why", "row 3 came by mail")
    lutra.wait()
    same(source, target, schema)
    first, entry = log(lutra)
    assert (first["action"], first["why"]) == ("retry", "perhaps it went away")
    assert (entry["pipeline"], entry["action"], entry["why"]) == (ONE_WAY, "replace", "row 3 came by mail") and entry["who"]
    assert DUPLICATE in entry["detail"] and "UPDATE" in entry["detail"] and entry["at"].endswith("Z")


@pytest.mark.parametrize("by_file", [True, False], ids=["file", "text"])
def test_replace_by_a_row(by_file, pair, schema):
    source, target, lutra = pair
    stop_at_duplicate(source, target, lutra, schema)
    refused(lutra, 2, "replace", ONE_WAY)
    refused(lutra, 2, "replace", ONE_WAY, "--row", '{"v": 3}')
    refused(lutra, 2, "replace", ONE_WAY, "--row", '{"id": 3, "nothing": 3}')
    refused(lutra, 2, "replace", ONE_WAY, "--row", '{"id": [3]}')
    row = '{"id": 3, "v": 33, "note": "it\'s \\"both\\""}'
    if by_file:
        (lutra.folder / "row.json").write_text(row)
        row = lutra.folder / "row.json"
    lutra.command("replace", ONE_WAY, "--row", row)
    lutra.wait()
    assert rows(target, schema) == [(1, 1, "one"), (2, 2, "two"), (3, 33, 'it\'s "both"'), (4, 4, "four"), (5, 5, "five")]


@pytest.mark.parametrize("pair", ["mariadb"], indirect=True)
def test_replace_of_a_row_that_is_missing(pair, schema):
    """The row that an UPDATE does not find is made; what stands around it in the transaction stays."""
    source, target, lutra = pair
    run_at((source,), schema, "INSERT INTO t VALUES (1, 1, NULL)")
    lutra.start()
    transaction(source, schema, "INSERT INTO k VALUES (7), (7)", "UPDATE t SET v = 2 WHERE id = 1", "DELETE FROM k LIMIT 1")
    stopped(lutra, ONE_WAY, ROW_MISSING)
    lutra.command("replace", ONE_WAY, "--row", '{"id": 1, "v": 2, "note": null}')
    lutra.wait()
    same(source, target, schema)
    assert rows(target, schema, "k") == [(7,)]


@pytest.mark.parametrize("pair", ["mariadb"], indirect=True)
def test_replace_by_a_row_leaves_none_under_an_old_key(pair, schema):
    source, target, lutra = pair
    lutra.start()
    transaction(source, schema, "INSERT INTO t VALUES (1, 1, 'one')")
    lutra.wait()
    run_at((target,), schema, "INSERT INTO t VALUES (2, -2, 'here first')")
    transaction(source, schema, "UPDATE t SET id = 2 WHERE id = 1")
    stopped(lutra, ONE_WAY, DUPLICATE)
    assert "changes the key" in refused(lutra, 2, "replace", ONE_WAY, "--row", '{"id": 2, "v": 1, "note": "one"}')
    lutra.command("replace", ONE_WAY, "--sql", f"DELETE FROM {schema}.t WHERE id = 2", "--sql", f"UPDATE {schema}.t SET id = 2 WHERE id = 1")
    lutra.wait()
    same(source, target, schema)


# Of each code: what is wrong at the target with row i, what the source does then, and the mend.
STOPS = {
    ROW_MISSING: (["DELETE FROM t WHERE id = {i}"], "UPDATE t SET v = {i} WHERE id = {i}", ["INSERT INTO t VALUES ({i}, 0, 'abc')"]),
    ROW_DIFFERS: (["UPDATE t SET note = 'other' WHERE id = {i}"], "UPDATE t SET v = {i} WHERE id = {i}", ["UPDATE t SET note = 'abc' WHERE id = {i}"]),
    DUPLICATE: (["INSERT INTO t VALUES (1{i}, -1, '')"], "INSERT INTO t VALUES (1{i}, 1, '')", ["DELETE FROM t WHERE id = 1{i}"]),
    "E5003": (["ALTER TABLE t ADD CONSTRAINT none CHECK (v >= 0)"], "UPDATE t SET v = -{i} WHERE id = {i}", ["ALTER TABLE t DROP CONSTRAINT none"]),
    "E5004": (["ALTER TABLE t DROP PRIMARY KEY", "INSERT INTO t SELECT * FROM t WHERE id = {i}"], "UPDATE t SET v = {i} WHERE id = {i}",
              ["DELETE FROM t WHERE id = {i} LIMIT 1", "ALTER TABLE t ADD PRIMARY KEY (id)"]),
    "E5005": (["ALTER TABLE t MODIFY note VARCHAR(3)"], "UPDATE t SET note = 'longer' WHERE id = {i}", ["ALTER TABLE t MODIFY note VARCHAR(40)"]),
}


def carry_out(lutra, command, more):
    """What stands in a hint, with a folder and words of one's own."""
    words = {"DIR": [lutra.data], "...": more}
    argv = [word for written in shlex.split(command)[1:] for word in words.get(written, [written])]
    subprocess.run([lutra.program, *argv], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60)


@pytest.mark.parametrize("pair", ["mariadb"], indirect=True)
@pytest.mark.parametrize("code", STOPS)
def test_each_command_in_a_hint_goes_on(code, pair, schema):
    source, target, lutra = pair
    spoil, write, mend = STOPS[code]
    run_at((source, target), schema, "INSERT INTO t VALUES (1, 0, 'abc'), (2, 0, 'abc'), (3, 0, 'abc')")
    if code == ROW_DIFFERS:
        lutra.file.write_text(lutra.file.read_text() + "verify: on\n")
    lutra.start()
    orders = ("skip", "replace", "retry")
    for i, order in enumerate(orders, 1):
        mended = [s.format(i=i) for s in mend]
        run_at((target,), schema, *(s.format(i=i) for s in spoil))
        transaction(source, schema, write.format(i=i), f"INSERT INTO ledger VALUES ({i})")
        hint = stopped(lutra, ONE_WAY, code)["hint"]
        commands = {shlex.split(command)[1]: command for command in re.findall(r"`(lutra [^`]*)`", hint)}
        assert sorted(commands) == sorted(orders), hint
        first = order == "retry" or code == "E5004"  # the run that follows learns how the table is
        if first:
            run_at((target,), schema, *mended)
        carry_out(lutra, commands[order], ["--sql", f"INSERT INTO {schema}.ledger VALUES ({-i})"])
        lutra.wait()
        if not first:
            run_at((target,), schema, *mended)
    assert sorted(column(target, schema, "SELECT txn_id FROM ledger")) == [-2, 3]
    assert [e["action"] for e in log(lutra)] == list(orders)


@pytest.mark.parametrize("pair", ["mariadb"], indirect=True)
def test_replace_needs_a_transaction_that_stops(pair, schema):
    source, target, lutra = pair
    lutra.start()
    refused(lutra, 2, "replace", ONE_WAY, "--sql", "DELETE FROM shop.t")
    transaction(source, schema, "ALTER TABLE t ADD w INT")
    stopped(lutra, ONE_WAY, "E4000")
    assert "E1024" in refused(lutra, 2, "replace", ONE_WAY, "--sql", "DELETE FROM shop.t")


def test_pause_holds_over_a_restart(pair, schema):
    source, target, lutra = pair
    lutra.start()
    transaction(source, schema, "INSERT INTO t VALUES (1, 1, NULL)")
    lutra.wait()
    lutra.command("pause", ONE_WAY, "--why", "they move house")
    assert lutra.pipelines()[ONE_WAY]["state"] == "paused"
    transaction(source, schema, "INSERT INTO t VALUES (2, 2, NULL)")
    assert "E1033" in refused(lutra, 1, "wait", "--timeout", 60)
    assert "E1033" in refused(lutra, 1, "retry", ONE_WAY)
    lutra.command("pause", ONE_WAY)  # once more changes nothing

    assert lutra.stop() == 0
    lutra.start()
    assert lutra.pipelines()[ONE_WAY]["state"] == "paused"
    assert json.loads(lutra.command("status", "--json"))["channels"][0]["state"] == "paused"
    assert column(target, schema, "SELECT id FROM t") == [1]

    lutra.command("resume", ONE_WAY)
    lutra.wait()
    same(source, target, schema)
    assert "E1027" in refused(lutra, 2, "resume", ONE_WAY)
    assert [e["action"] for e in log(lutra)] == ["pause", "resume"]


@pytest.mark.parametrize("pair", ["mariadb"], indirect=True)
def test_pause_while_a_lock_is_waited_for(pair, schema):
    """Between two tries: nothing of the transaction is there, and the place is kept."""
    source, target, lutra = pair
    lutra.start()
    with session(target, "lutra", "BEGIN", "SELECT * FROM lane FOR UPDATE"):
        transaction(source, schema, "INSERT INTO t VALUES (1, 1, NULL)")
        wait_for(lutra, ONE_WAY, lambda s: s["state"] == "retrying", "to wait for the lock")
        lutra.command("pause", ONE_WAY)
        assert lutra.pipelines()[ONE_WAY]["state"] == "paused"
    assert rows(target, schema) == []
    lutra.command("resume", ONE_WAY)
    lutra.wait()
    same(source, target, schema)


@pytest.mark.parametrize("pair", ["mariadb"], indirect=True)
def test_pause_of_a_stopped_pipeline_and_position(pair, schema):
    source, target, lutra = pair
    stop_at_duplicate(source, target, lutra, schema)
    lutra.command("pause", ONE_WAY)
    assert lutra.pipelines()[ONE_WAY]["state"] == "paused"
    refused(lutra, 2, "skip", ONE_WAY)
    lutra.command("position", ONE_WAY, "--now")
    assert lutra.pipelines()[ONE_WAY]["state"] == "paused"
    lutra.command("resume", ONE_WAY)
    transaction(source, schema, "INSERT INTO t VALUES (6, 6, NULL)")
    lutra.wait()
    assert column(target, schema, "SELECT id FROM t ORDER BY id") == [1, 3, 6]


def test_log_of_both_directions(site, channel, schema):
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us")
    run_at((hz, us), schema, *TABLES)
    lutra.start()
    lutra.command("pause", "us->hz", "--why", "line\none")
    lutra.command("pause", "hz->us")
    lutra.command("resume", "us->hz")
    assert [(e["pipeline"], e["action"]) for e in log(lutra)] == [("us->hz", "pause"), ("hz->us", "pause"), ("us->hz", "resume")]
    assert [(e["pipeline"], e["action"]) for e in log(lutra, "us->hz")] == [("us->hz", "pause"), ("us->hz", "resume")]
    assert [e["pipeline"] for e in log(lutra, "--limit", 2)] == ["hz->us", "us->hz"]
    lines = lutra.command("log").splitlines()
    assert len(lines) == 3 and "line one" in lines[0] and "resume" in lines[2]
    refused(lutra, 2, "log", "--limit", "many")
    refused(lutra, 2, "log", "nobody")
    # The other direction goes on beside it.
    transaction(us, schema, "INSERT INTO t VALUES (1, 1, NULL)")
    wait_until(lambda: rows(hz, schema), 60, "the row at hz")
    lutra.command("resume", "hz->us")
    lutra.wait()
    same(hz, us, schema)


@pytest.mark.parametrize("pair", ["mariadb"], indirect=True)
@pytest.mark.parametrize("words", [("skip", ONE_WAY), ("replace", ONE_WAY, "--sql", "DELETE FROM {schema}.k")], ids=["skip", "replace"])
def test_an_order_is_for_the_stop_that_it_saw(words, pair, schema):
    """Ordered twice, since the target was slow to answer: the next transaction that stops is looked at first."""
    source, target, lutra = pair
    words = [w.format(schema=schema) for w in words]
    numbers = range(1, 6)
    lutra.file.write_text(lutra.file.read_text().replace(f":{target.port}\"", f":{target.port}/?connect-timeout=60\""))  # it will hang for a while
    run_at((target,), schema, *(f"INSERT INTO t VALUES ({i}, {-i}, NULL)" for i in numbers))
    lutra.start()
    for i in numbers:
        transaction(source, schema, f"INSERT INTO t VALUES ({i}, {i}, NULL)")
    for done in numbers:
        first = stopped(lutra, ONE_WAY, DUPLICATE)
        target.pause()
        try:
            with ordered(lutra, 0, *words) as begun:
                with ordered(lutra, 1, *words):
                    pass  # given up before its turn came: it never happens
                with ordered(lutra, 1, *words) as again:
                    target.resume()
                    assert begun.wait(60) == 0, begun.stderr.read()
                    said = again.communicate(timeout=60)[1]
                    # Its turn came at the next stop, or (E1023) before the next transaction was read: then once more.
                    assert again.returncode == 2 and ("E1028" in said or "E1023" in said), said
        finally:
            target.resume()
        assert [e["action"] for e in log(lutra)] == [words[0]] * done
        if "E1028" in said or done == numbers[-2]:
            break
    assert first["where"]["pos"] < stopped(lutra, ONE_WAY, DUPLICATE)["where"]["pos"]


@pytest.mark.parametrize("pair", ["mariadb"], indirect=True)
def test_an_order_behind_another_lutra(pair, schema, channel):
    """Who stands before a transaction that was passed elsewhere meanwhile does not go back to it."""
    source, target, lutra = pair
    stop_at_duplicate(source, target, lutra, schema)
    other = channel.again(lutra).start(wait=False)
    stopped(other, ONE_WAY, DUPLICATE)
    other.skip(ONE_WAY)
    other.wait()
    assert other.stop() == 0
    assert "E1028" in refused(lutra, 2, "skip", ONE_WAY)
    lutra.retry(ONE_WAY)
    lutra.wait()
    assert rows(target, schema) == [(1, 1, "one"), (3, -3, "here first"), (5, 5, "five")]


@pytest.mark.parametrize("pair", ["mariadb"], indirect=True)
def test_log_tells_who_ordered(pair, schema):
    """Of another login than the run's own: here one that may pass over the folder's mode."""
    lutra = pair[2]
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv")
    lutra.start()
    lutra.command("pause", ONE_WAY)
    subprocess.run(["setpriv", "--reuid=nobody", "--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override",
                    lutra.program, "resume", "--data", lutra.data, ONE_WAY], check=True, stdout=subprocess.DEVNULL)
    assert [(e["action"], e["who"]) for e in log(lutra)] == [("pause", "root"), ("resume", "nobody")]
