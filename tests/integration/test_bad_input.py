"""Bad input of every kind: its own code, its exit status, and on it goes after the mend."""

import http.server
import re
import socketserver
import struct
import subprocess
import threading
import zlib

import pymysql
import pytest
import steps
from conftest import ledger_is
from lutralab.lutra import PASSWORD, ROLES, USER, LutraFailed, create_user
from lutralab.servers import free_port, wait_until
from steps import column, run_at, stopped, transaction

ONE_WAY = "hz->us"


def run_fails(lutra, code, status):
    """`lutra run` ends at once; its message."""
    argv = [str(lutra.program), "run", str(lutra.file), "--data", str(lutra.data)]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    assert run.returncode == status, run
    assert run.stderr.startswith(f"lutra: {code} "), run.stderr
    assert run.stdout == ""
    return run.stderr


def edit(lutra, old, new):
    text = lutra.file.read_text()
    assert old in text
    lutra.file.write_text(text.replace(old, new))


def goes_on(lutra, source, target, schema, retry=True):
    if retry:
        lutra.retry(ONE_WAY)
    lutra.wait_ready()
    transaction(source, schema, "INSERT INTO ledger VALUES (99)")
    lutra.wait()
    assert 99 in column(target, schema, "SELECT txn_id FROM ledger")


@pytest.fixture
def pair(site, channel):
    """(source, target, lutra): one way, not started."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    return source, target, channel({"hz": source, "us": target}, "hz -> us")


# -- the channel file and the command line: status 2, nothing is begun ---------------------------------------------------------

@pytest.mark.parametrize("old, new, code, says", [
    ("channel:", "chanel:", "E1002", ":1:1"),
    ("direction:", "verify: on\ndirektion:", "E1002", "did you mean `direction`"),
    ("direction: \"hz -> us\"\n", "", "E1004", "direction"),
    ("hz -> us", "hz <-> us", "E1004", "conflicts"),
    ("hz -> us", "hz -> moon", "E1003", ":5:12"),
    ("tables:", "start: { hz: { gtid: '0-1-2, 7-x-9' } }\ntables:", "E1003", ":6:22"),
    ("id: 2", "id: 1", "E1003", "id"),
    ("tables:", "tables: [", "E1001", ""),
    ("mysql://lutra@", "mysql://lutra:secret@", "E1006", ""),
    ("password_file: site.pw", "password_file: no.pw", "E1010", "no.pw"),
])
def test_channel_file(old, new, code, says, pair):
    _, _, lutra = pair
    edit(lutra, old, new)
    text = run_fails(lutra, code, 2)
    assert says in text
    checked = subprocess.run([str(lutra.program), "check", str(lutra.file)], capture_output=True, text=True, timeout=30)
    assert (checked.returncode, checked.stdout, checked.stderr) == (2, "", text)
    assert str(lutra.file.name) in text or code in ("E1006", "E1010")
    assert "secret" not in text.replace("password_file", "")


def test_password_file_that_others_read(pair):
    _, _, lutra = pair
    (lutra.folder / "site.pw").chmod(0o644)
    run_fails(lutra, "E1006", 2)


@pytest.mark.parametrize("words", [[], ["fly"], ["run"], ["run", "a.yaml"], ["status"], ["skip", "--data", "x"],
                                   ["wait", "--data", "x", "--timeout", "soon"]])
def test_wrong_use(words, pair):
    _, _, lutra = pair
    run = subprocess.run([str(lutra.program), *words], capture_output=True, text=True, timeout=30)
    assert run.returncode == 2
    assert run.stderr.startswith("lutra: E1000 "), run.stderr


def test_second_run_on_a_data_folder(pair):
    _, _, lutra = pair
    lutra.start()
    run_fails(lutra, "E1020", 2)
    assert lutra.pipelines()[ONE_WAY]["state"] == "running"


def test_nobody_runs(pair):
    _, _, lutra = pair
    with pytest.raises(Exception) as failure:
        lutra.command("status")
    assert failure.value.status == 3
    assert "E1021" in str(failure.value)


def test_order_for_no_such_pipeline(pair):
    _, _, lutra = pair
    lutra.start()
    for words, status, code in ((("retry", "moon->us"), 2, "E1022"), (("retry", ONE_WAY), 2, "E1023"), (("skip", ONE_WAY), 2, "E1024")):
        with pytest.raises(Exception) as failure:
            lutra.command(*words)
        assert failure.value.status == status and (code in str(failure.value) or "E1023" in str(failure.value))


# -- servers that refuse: the pipeline stops, says why, and goes on after the mend ------------------------------------------------

@pytest.mark.parametrize("which", [0, 1], ids=["source", "target"])
def test_wrong_password(which, pair):
    schema = pair[2].name
    pair[which].sql(f"ALTER USER '{USER}'@'%' IDENTIFIED BY 'another'")
    lutra = pair[2].start(wait=False)
    error = stopped(lutra, ONE_WAY, "E2020")
    assert ("hz", "us")[which] in error["message"]
    assert PASSWORD not in lutra.log.read_text()
    with pytest.raises(Exception) as failure:
        lutra.wait()
    assert failure.value.status == 1 and ONE_WAY in str(failure.value)
    status, lines = lutra.check()
    assert status == 1
    refused, = [line for line in lines if line.startswith("fail  connection ")]
    made = refused.partition("make the account: ")[2].replace("'...'", f"'{PASSWORD}'")
    pair[which].script([f"DROP USER '{USER}'@'%'", *filter(None, (s.strip() for s in made.split(";")))])
    assert lutra.check()[0] == 0, lutra.check()
    pair[which].sql(f"ALTER USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'")
    goes_on(lutra, *pair[:2], schema)


REVOKED = {
    "replication": (0, "REVOKE REPLICATION SLAVE ON *.* FROM {user}"),
    "monitor": (0, "REVOKE BINLOG MONITOR ON *.* FROM {user}"),
    "tables": (1, "REVOKE INSERT ON `{schema}`.* FROM {user}"),
    "state": (1, "REVOKE ALL ON `lutra`.* FROM {user}"),
}


@pytest.mark.parametrize("what", REVOKED)
def test_no_grant(what, pair):
    source, target, lutra = pair
    which, revoke = REVOKED[what]
    schema = lutra.name
    pair[which].sql(revoke.format(user=f"'{USER}'@'%'", schema=schema))
    lutra.start(wait=False)
    steps.answers(lutra)
    if what == "tables":
        lutra.wait_ready()
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    error = stopped(lutra, ONE_WAY, "E2041")
    assert "lutra check" in error["hint"]
    status, lines = lutra.check()
    assert status == 1 and any(line.startswith("fail") and "GRANT" in line for line in lines), lines
    create_user(pair[which], [schema], roles=(ROLES[which],))
    goes_on(lutra, source, target, schema)


class Banner(socketserver.BaseRequestHandler):
    """Speaks first, as SSH and mail servers do."""

    def handle(self):
        self.request.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        self.request.recv(1)


@pytest.mark.parametrize("handler, code", [(Banner, "E2011"), (http.server.BaseHTTPRequestHandler, "E2000")], ids=["speaks", "listens"])
def test_port_of_something_else(handler, code, pair):
    source, target, lutra = pair
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as other:
        other.daemon_threads = True
        threading.Thread(target=other.serve_forever, daemon=True).start()
        edit(lutra, f"127.0.0.1:{target.port}", f"127.0.0.1:{other.server_address[1]}/?connect-timeout=1")
        lutra.start(wait=False)
        if code == "E2011":
            stopped(lutra, ONE_WAY, code)
        else:
            steps.retrying(lutra, ONE_WAY, code)
        lutra.kill()
        other.shutdown()


@pytest.mark.parametrize("engine, direction", [("mariadb", "hz -> us"), ("mysql", "hz <-> us")], ids=["one-way", "two-way"])
def test_two_urls_of_one_server(engine, direction, site, channel, schema):
    one, other = site(engine, 1), site(engine, 2)
    lutra = channel({"hz": one, "us": other}, direction)
    create_user(one, [schema])  # what either end needs
    edit(lutra, f"127.0.0.1:{other.port}", f"localhost/?socket={one.socket}")
    lutra.start(wait=False)
    error = stopped(lutra, ONE_WAY, "E1007")
    assert "hz" in error["message"] and "us" in error["message"]
    transaction(one, schema, "INSERT INTO ledger VALUES (1)")
    assert column(one, "lutra", "SELECT COUNT(*) FROM lane WHERE pipeline NOT LIKE '~probe%'") == [0]
    status, lines = lutra.check()
    found = [line for line in lines if line.startswith("fail  two servers hz->us: E1007 ")]
    assert status == 1 and len(found) == 1 and "; mend: " in found[0], lines
    assert lutra.stop() == 0

    edit(lutra, f"localhost/?socket={one.socket}", f"127.0.0.1:{other.port}")
    assert any(line.startswith("ok  two servers hz->us: ") for line in lutra.check()[1])
    lutra.start()
    goes_on(lutra, one, other, schema, retry=False)


def test_port_of_nobody_is_tried_again(pair):
    source, target, lutra = pair
    edit(lutra, f"127.0.0.1:{target.port}", f"127.0.0.1:{free_port()}")
    lutra.start(wait=False)
    steps.retrying(lutra, ONE_WAY, "E2000")
    assert lutra.stop() == 0


def test_socket_that_is_not_there(pair):
    source, target, lutra = pair
    edit(lutra, f"127.0.0.1:{target.port}", f"localhost/?socket={lutra.folder}/no.sock")
    lutra.start(wait=False)
    steps.retrying(lutra, ONE_WAY, "E2000")
    assert lutra.stop() == 0


def test_binary_log_is_off(site, pair):
    source, target, lutra = pair
    source.restart("skip-log-bin")
    try:
        lutra.start(wait=False)
        stopped(lutra, ONE_WAY, "E3013")
        assert lutra.check()[0] == 1
    finally:
        source.restart()
    goes_on(lutra, source, target, lutra.name)


# -- a start that is not there -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
@pytest.mark.parametrize("start, codes", [
    ('{ file: "binlog.999999", pos: 4 }', ("E3011",)),
    ('{ file: "{file}", pos: {inside} }', ("E3011",)),
    ('{ file: "{file}", pos: 999999999 }', ("E3011",)),
    ('{ gtid: "{future}" }', ("E3014", "E3011")),
    ('{ gtid: "0-1" }', ("E1003",)),
    ('{ time: "yesterday" }', ("E1003",)),
], ids=["file", "inside", "behind", "gtid", "no-gtid", "no-time"])
def test_start_that_is_not_there(engine, start, codes, site, channel, schema):
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with steps.session(source, schema) as c:  # which no search for a place may stumble over
        for statement in ("XA START 'x'", "INSERT INTO seq VALUES (1, 1)", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'"):
            c.execute(statement)
    file, pos = steps.log_end(source)
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    future = "1-1-99999999" if engine == "mariadb" else source.sql("SELECT @@server_uuid")[0][0] + ":1-99999999"
    for name, value in (("file", file), ("inside", pos + 90), ("future", future)):
        start = start.replace("{" + name + "}", str(value))
    lutra.file.write_text(lutra.file.read_text() + f"start: {{ hz: {start} }}\n")
    if codes == ("E1003",):
        run_fails(lutra, "E1003", 2)
        return
    lutra.start(wait=False)
    stopped(lutra, ONE_WAY, codes)
    lutra.command("position", ONE_WAY, "--file", file, "--pos", pos, "--why", "the right one")
    lutra.wait_ready()
    lutra.wait()
    ledger_is(target, schema, {1})


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_purged_log(engine, site, channel, schema):
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    lutra.wait()
    assert lutra.stop() == 0
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    steps.purge_all(source)

    lutra.start(wait=False)
    stopped(lutra, ONE_WAY, "E3010")

    run_at((target,), schema, "INSERT INTO ledger VALUES (1)")
    lutra.command("position", ONE_WAY, "--now", "--why", "loaded by hand")
    goes_on(lutra, source, target, schema, retry=False)


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_log_that_the_server_finds_damaged(engine, site, channel, schema):
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    lutra.wait()
    assert lutra.stop() == 0
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    file, pos = steps.log_end(source)
    source.sql("FLUSH BINARY LOGS")
    flip(source.data / file, pos - 10)

    with steps.server_globals(source, **{"master_verify_checksum" if engine == "mariadb" else "source_verify_checksum": 1}):
        lutra.start(wait=False)
        assert "did not pass crc check" in stopped(lutra, ONE_WAY, "E3002")["message"]

    run_at((target,), schema, "INSERT INTO ledger VALUES (1)")
    lutra.command("position", ONE_WAY, "--now", "--why", "done by hand")
    goes_on(lutra, source, target, schema, retry=False)
    assert lutra.stop() == 0
    steps.purge_all(source)


def test_server_that_cannot_tell_what_it_executed(lab, site, channel, schema):
    """MariaDB answers NULL where an event, here the list of domains, is larger than it may read: no sign that nothing was executed."""
    source, target = lab.start("mariadb", 9, name="mariadb-of-many-domains"), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    source.script([s for d in range(1, 700) for s in (f"SET gtid_domain_id = {d}", f"INSERT INTO {schema}.ledger VALUES ({d})")])
    source.sql("FLUSH BINARY LOGS")
    file, _ = steps.log_end(source)
    lutra.file.write_text(lutra.file.read_text() + f'start: {{ hz: {{ file: "{file}", pos: 4 }} }}\n')
    with steps.server_globals(source, max_allowed_packet=1024):
        lutra.start(wait=False)
        wait_until(lambda: "cannot tell the GTIDs" in lutra.log.read_text(), 60, "the refusal")
    lutra.wait_ready()
    transaction(source, schema, "INSERT INTO ledger VALUES (1000)")
    lutra.wait()
    ledger_is(target, schema, {1000})
    source.stop()


# -- what the log holds -----------------------------------------------------------------------------------------------------------------

def behind(lutra, error):
    """Go on behind the transaction that stopped: its place is known from the error, its end is told."""
    where = error["where"]
    with pytest.raises(LutraFailed, match="E3011") as refused:
        lutra.command("position", ONE_WAY, "--file", where["file"], "--pos", where["pos"] + 1, "--why", "seen to")
    file, pos = re.search(r"ends at (\S+):(\d+)", str(refused.value)).groups()
    lutra.command("position", ONE_WAY, "--file", file, "--pos", pos, "--why", "seen to")


@pytest.mark.parametrize("engine, way", [("mariadb", "position"), ("mysql", "skip")])
def test_incident(engine, way, lab, site, channel, schema):
    """What is too large for the cache of a table without transactions is in the table, and not in the log."""
    with steps.own_server(lab, engine, schema) as source:  # its log would be in the way of others
        target = site("mariadb", 2)
        lutra = channel({"hz": source, "us": target}, "hz -> us").start()
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
        source.script([f"XA START '{schema}'", "INSERT INTO ledger VALUES (3)", f"XA END '{schema}'", f"XA PREPARE '{schema}'"], db=schema)
        with steps.server_globals(source, max_binlog_stmt_cache_size=4096, binlog_stmt_cache_size=4096):
            source.script([f"CREATE DATABASE {schema}_lost", f"CREATE TABLE {schema}_lost.lost (v LONGBLOB) ENGINE=MyISAM"])
            with pytest.raises(pymysql.err.Error):
                source.sql(f"INSERT INTO {schema}_lost.lost VALUES (REPEAT('x', 100000))")
        source.sql(f"DROP DATABASE {schema}_lost")
        transaction(source, schema, "INSERT INTO ledger VALUES (2)")

        error = stopped(lutra, ONE_WAY, "E3007")
        assert "lutra skip" in error["hint"]
        if way == "skip":
            lutra.skip(ONE_WAY)
        else:
            behind(lutra, error)
        goes_on(lutra, source, target, schema, retry=False)
        ledger_is(target, schema, {1, 2, 99})

        # The rows of what was prepared in front of it are read from the log once more, past it.
        lutra.kill()
        lutra.start()
        source.sql(f"XA COMMIT '{schema}'")
        lutra.wait()
        ledger_is(target, schema, {1, 2, 3, 99})

        # By GTID the same file is looked through from its start.
        gtid = source.sql("SELECT @@gtid_binlog_pos" if engine == "mariadb" else "SELECT @@gtid_executed")[0][0]
        lutra.command("pause", ONE_WAY)
        lutra.command("position", ONE_WAY, "--gtid", gtid.replace("\n", ""))
        lutra.command("resume", ONE_WAY)
        transaction(source, schema, "INSERT INTO ledger VALUES (4)")
        lutra.wait()
        ledger_is(target, schema, {1, 2, 3, 4, 99})


def change_bytes(path, at, change):
    """In a log file, behind its server's back: the event at `at`, by a function of its bytes; its checksum is made right."""
    with open(path, "r+b") as f:
        f.seek(at)
        size, = struct.unpack("<9xI6x", f.read(19))
        f.seek(at)
        event = bytearray(f.read(size))
        change(event)
        event[-4:] = struct.pack("<I", zlib.crc32(event[:-4]))
        f.seek(at)
        f.write(event)


def flip(path, at):
    """One bit of the byte there."""
    with open(path, "r+b") as f:
        f.seek(at)
        byte, = f.read(1)
        f.seek(at)
        f.write(bytes([byte ^ 1]))


def events_between(server, file, begin, end):
    """(position, type) of each event there."""
    return [(pos, kind) for _, pos, kind, *_ in server.sql(f"SHOW BINLOG EVENTS IN '{file}' FROM {begin}") if pos < end]


def begun(engine, site, channel):
    """A channel that has run and was ended, with nothing left to read."""
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    lutra.wait()
    assert lutra.stop() == 0
    steps.settled_end(source)  # no note of the server's own may come between
    return source, target, lutra


@pytest.mark.parametrize("engine, damaged", [("mariadb", "rows"), ("mysql", "rows"), ("mysql", "end")])
def test_a_damaged_event_is_skipped_with_its_transaction(engine, damaged, site, channel, schema):
    """Also the one that ends it: what comes next tells. The other way on, by file and position, has to pass it too."""
    source, target, lutra = begun(engine, site, channel)
    for n in (1, 2, 3, 4):
        transaction(source, schema, f"INSERT INTO ledger VALUES ({n})")
        if n == 2:
            file, pos = steps.log_end(source)
    source.sql("FLUSH BINARY LOGS")
    flip(source.data / file, pos - 6 if damaged == "end" else pos - 31 - 6)  # behind the last event, an XID of 31 bytes
    lutra.start(wait=False)
    error = stopped(lutra, ONE_WAY, "E3002")
    assert "lutra skip" in error["hint"] and error["where"]["file"] == file

    lutra.skip(ONE_WAY, "--why", "done by hand")
    goes_on(lutra, source, target, schema, retry=False)
    ledger_is(target, schema, {1, 3, 4, 99})

    run_at((target,), schema, "DELETE FROM ledger")
    lutra.command("pause", ONE_WAY)
    lutra.command("position", ONE_WAY, "--file", file, "--pos", pos, "--why", "once more")
    lutra.command("resume", ONE_WAY)
    lutra.wait()
    ledger_is(target, schema, {3, 4, 99})
    assert lutra.stop() == 0
    steps.purge_all(source)


@pytest.mark.parametrize("engine, damaged", [("mariadb", "Gtid"), ("mysql", "Gtid"), ("mysql", "Query")])
def test_behind_a_damaged_begin_the_next_file_is_the_way_on(engine, damaged, site, channel, schema):
    """Where the transaction ends cannot be told. The refusal names the place that can."""
    source, target, lutra = begun(engine, site, channel)
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    file, begin = steps.log_end(source)
    transaction(source, schema, "INSERT INTO ledger VALUES (2)")
    event = next(pos for pos, kind in events_between(source, file, begin, begin + 1000) if kind == damaged)
    source.sql("FLUSH BINARY LOGS")
    transaction(source, schema, "INSERT INTO ledger VALUES (3)")
    flip(source.data / file, event + 24)
    lutra.start(wait=False)
    error = stopped(lutra, ONE_WAY, "E3002")
    assert f"`lutra position --data DIR '{ONE_WAY}' ...` at the next file" in error["hint"]

    with pytest.raises(LutraFailed, match="E3002") as refused:
        lutra.skip(ONE_WAY)
    place = re.search(r"the next file is `(--file \S+ --pos \d+)`", str(refused.value))[1].split()
    assert place[1] != file
    lutra.command("position", ONE_WAY, *place, "--why", "done by hand")
    goes_on(lutra, source, target, schema, retry=False)
    ledger_is(target, schema, {1, 3, 99})
    assert lutra.stop() == 0
    steps.purge_all(source)


def another_collation(event):
    """In a QUERY: of its client. It stands among the variables, those before it have lengths of their own."""
    at = 19 + 13
    while event[at] != 4:
        at += 1 + ({0: 4, 1: 8, 3: 4}.get(event[at]) or 1 + event[at + 1])
    event[at + 1:at + 3] = b"\xff\x1f"


def another_type(number):
    def change(event):
        event[4] = number
    return change


# What no server of today writes, made of what one wrote: an event of a type to come, one from before 5.1, a statement in a character set to come.
WRITES = ("Write_rows", "Write_rows_v1")
TO_COME = [("E3003", WRITES, another_type(99)), ("E3004", WRITES, another_type(20)), ("E4006", ("Query",), another_collation)]


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
@pytest.mark.parametrize("code, kinds, change", TO_COME, ids=[code for code, *_ in TO_COME])
def test_what_this_lutra_does_not_know_is_done_by_hand_and_skipped(code, kinds, change, engine, site, channel, schema):
    """As the hint says."""
    source, target, lutra = begun(engine, site, channel)
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    file, begin = steps.log_end(source)
    if code == "E4006":
        source.sql("CREATE TABLE more (id INT PRIMARY KEY)", db=schema)
    else:
        transaction(source, schema, "INSERT INTO ledger VALUES (2)")
    end = steps.log_end(source)[1]
    event = [pos for pos, kind in events_between(source, file, begin, end) if kind in kinds][-1]
    transaction(source, schema, "INSERT INTO ledger VALUES (3)")
    source.sql("FLUSH BINARY LOGS")
    change_bytes(source.data / file, event, change)
    lutra.start(wait=False)
    error = stopped(lutra, ONE_WAY, code)
    assert (error["where"]["file"], error["where"]["pos"]) == (file, event)
    assert "do at the target what the" in error["hint"] and f"`lutra skip --data DIR '{ONE_WAY}'`" in error["hint"]
    ledger_is(target, schema, {1})

    run_at((target,), schema, "CREATE TABLE more (id INT PRIMARY KEY)" if code == "E4006" else "INSERT INTO ledger VALUES (2)")
    lutra.skip(ONE_WAY, "--why", "done by hand")
    goes_on(lutra, source, target, schema, retry=False)
    ledger_is(target, schema, {1, 3, 99} | ({2} if code != "E4006" else set()))
    assert lutra.stop() == 0
    steps.purge_all(source)


def test_what_stands_between_transactions_is_skipped_without_the_next_one(site, channel, schema):
    source, target, lutra = begun("mariadb", site, channel)
    file, end = steps.log_end(source)
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    event = [pos for pos, kind in events_between(source, file, 4, end) if kind == "Binlog_checkpoint"][-1]
    source.sql("FLUSH BINARY LOGS")
    change_bytes(source.data / file, event, another_type(99))
    lutra.start(wait=False)
    error = stopped(lutra, ONE_WAY, "E3003")
    assert (error["where"]["file"], error["where"]["pos"]) == (file, event)
    lutra.skip(ONE_WAY, "--why", "nothing of ours")
    goes_on(lutra, source, target, schema, retry=False)
    ledger_is(target, schema, {1, 99})
    assert lutra.stop() == 0
    steps.purge_all(source)


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_statement_format(engine, site, channel, schema):
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    transaction(source, schema, "INSERT INTO ledger VALUES (2)", before=["SET SESSION binlog_format='STATEMENT'"])
    transaction(source, schema, "INSERT INTO ledger VALUES (3)")
    error = stopped(lutra, ONE_WAY, "E3006")
    assert error["where"]["file"] and error["where"]["pos"]
    assert error["where"]["table"] == f"{schema}.ledger" and "INSERT" in error["message"]
    ledger_is(target, schema, {1})

    if engine == "mysql":
        behind(lutra, error)
    else:
        assert "lutra skip" in error["hint"]
        lutra.skip(ONE_WAY)
    lutra.wait()
    ledger_is(target, schema, {1, 3})


def test_value_that_the_target_refuses(pair):
    source, target, lutra = pair
    schema = lutra.name
    lutra.start()
    run_at((target,), schema, "ALTER TABLE plain MODIFY c CHAR(3)")
    transaction(source, schema, "INSERT INTO plain VALUES (1, 't', 'a secret value')", "INSERT INTO ledger VALUES (2)")
    error = stopped(lutra, ONE_WAY, "E5005")
    assert error["where"]["table"] == f"{schema}.plain"
    assert "secret" not in lutra.log.read_text(), "logs hold no row values"
    run_at((target,), schema, "ALTER TABLE plain MODIFY c CHAR(20)")
    lutra.retry(ONE_WAY)
    lutra.wait()
    ledger_is(target, schema, {2})


SECRET = 770011
# What the target says of the row, and with it the row's value; the code that stands for it.
TELLING = {
    "no partition": ("E5005", "ALTER TABLE hit PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (1000))"),
    "trigger's words": ("E5003", "CREATE TRIGGER no BEFORE INSERT ON hit FOR EACH ROW BEGIN DECLARE said VARCHAR(99) DEFAULT CONCAT('not ', NEW.id);"
                        " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = said; END"),
    "text too odd": ("E5005", "ALTER TABLE hit MODIFY v VARCHAR(40) CHARACTER SET latin1"),
    "no date": ("E5005", "ALTER TABLE hit MODIFY v DATE"),
}


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
@pytest.mark.parametrize("what", TELLING)
def test_messages_of_the_target_hold_no_row_values(what, engine, site, channel, schema):
    """Neither in the log nor in the status nor in lutra.audit."""
    code, damage = TELLING[what]
    source, target = site("mariadb", 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, "CREATE TABLE hit (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET utf8mb4)")
    run_at((target,), schema, damage)
    lutra.start()
    transaction(source, schema, f"INSERT INTO hit VALUES ({SECRET}, '{SECRET} \U0001f600')")
    error = stopped(lutra, ONE_WAY, code)
    wait_until(lambda: code in lutra.log.read_text(), steps.PATIENCE_S, "the log to say so")
    lutra.skip(ONE_WAY, "--why", "not there")
    for text in (str(error), lutra.log.read_text(), *column(target, None, "SELECT detail FROM lutra.audit")):
        assert code in text and str(SECRET) not in text, text
