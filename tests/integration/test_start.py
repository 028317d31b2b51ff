"""Where a log is begun: a byte, a time, and what cannot be begun at; and the log of a server as JSON lines."""

import json
import os
import subprocess

import pytest
from conftest import ledger_is
from lutralab import lutra as lutra_lab
from lutralab.servers import wait_until
from steps import own_server, purge_all, purge_to, run_at, stopped, transaction

ENGINES = ["mariadb", "mysql"]


def run_dump(server, *words):
    return subprocess.run([str(lutra_lab.binary()), "binlog", "dump", f"mysql://{lutra_lab.USER}@127.0.0.1:{server.port}", "--password-env",
                           "LUTRA_PW", *words], env={**os.environ, "LUTRA_PW": lutra_lab.PASSWORD}, capture_output=True, text=True,
                          timeout=60)


def dump(server, *words):
    run = run_dump(server, *words)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def ids(lines, schema):
    return [e["after"]["id"] for e in lines if e["kind"] == "insert" and (e["schema"], e["table"]) == (schema, "numbers")]


def second(server):
    (now,), = server.sql("SELECT UNIX_TIMESTAMP()")
    return now


@pytest.fixture(params=ENGINES)
def written(request, site, channel, schema):
    """A source whose log has numbers in three files, and a channel from it: (lutra, source, target, begins, commits, time)."""
    source, target = site(request.param, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", [f"{schema}.numbers"])
    for server in (source, target):
        server.sql(f"CREATE TABLE {schema}.numbers (id INT PRIMARY KEY)")
    source.sql("FLUSH BINARY LOGS")
    (first, *_), = source.sql("SHOW MASTER STATUS" if request.param == "mariadb" else "SHOW BINARY LOG STATUS")
    for i in range(5):
        source.sql(f"INSERT INTO {schema}.numbers VALUES ({i})")
    source.sql("FLUSH BINARY LOGS")
    before = second(source)
    wait_until(lambda: second(source) > before, 5, "the next second")
    time = second(source)
    for i in range(5, 8):
        source.sql(f"INSERT INTO {schema}.numbers VALUES ({i})")
    lines = dump(source, "--from", f"{first}:4")
    assert ids(lines, schema) == list(range(8))
    return lutra, source, target, [e for e in lines if e["kind"] == "begin"], [e for e in lines if e["kind"] == "commit"], time


def begin_at(lutra, start):
    with open(lutra.file, "a") as f:
        f.write(f"start: {{ hz: {start} }}\n")


def arrived(lutra, target, schema):
    lutra.start()
    lutra.wait()
    return [i for (i,) in target.sql(f"SELECT id FROM {schema}.numbers ORDER BY id")]


def test_begins_behind_a_byte(written, schema):
    lutra, _, target, begins, commits, _ = written
    begin_at(lutra, f'{{ file: "{begins[2]["file"]}", pos: {commits[2]["end_pos"]} }}')
    assert arrived(lutra, target, schema) == [3, 4, 5, 6, 7]


def test_begins_at_a_time(written, schema):
    lutra, source, target, begins, _, time = written
    purge_to(source, begins[0]["file"])  # other tests stamp what they write as they like
    (text,), = source.sql(f"SELECT DATE_FORMAT(CONVERT_TZ(FROM_UNIXTIME({time}), @@session.time_zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ')")
    begin_at(lutra, f'{{ time: "{text}" }}')
    assert arrived(lutra, target, schema) == [5, 6, 7]


def test_stamps_may_come_in_any_order(written, schema):
    """Any session may set them (MariaDB), and a replica's are its source's: a file that opens with an old one says nothing of those before it."""
    lutra, source, target, begins, _, time = written
    purge_to(source, begins[0]["file"])
    source.sql("FLUSH BINARY LOGS")
    source.script([f"SET timestamp = {time - 86400}", f"INSERT INTO {schema}.numbers VALUES (8)", "SET timestamp = DEFAULT",
                   f"INSERT INTO {schema}.numbers VALUES (9)", "FLUSH BINARY LOGS"])
    source.script([f"SET timestamp = {time - 86400}", f"INSERT INTO {schema}.numbers VALUES (10)"])
    (text,), = source.sql(f"SELECT DATE_FORMAT(CONVERT_TZ(FROM_UNIXTIME({time}), @@session.time_zone, '+00:00'), '%Y-%m-%dT%H:%i:%sZ')")
    begin_at(lutra, f'{{ time: "{text}" }}')
    assert arrived(lutra, target, schema) == [5, 6, 7, 8, 9, 10]


def test_begins_behind_what_mixes_rows_and_statements(written, schema):
    """Of tables that are not mapped; a place inside of such a transaction is none."""
    lutra, source, target, *_ = written
    (file, before, *_), = source.sql("SHOW MASTER STATUS" if source.engine == "mariadb" else "SHOW BINARY LOG STATUS")
    source.script(["CREATE TABLE other (id INT PRIMARY KEY, v VARCHAR(40))", "SET SESSION binlog_format = 'MIXED'", "BEGIN",
                   "INSERT INTO other VALUES (1, UUID())", "INSERT INTO other VALUES (2, 'a')", "INSERT INTO other VALUES (3, UUID())",
                   "COMMIT"], db=schema)
    (file, pos, *_), = source.sql("SHOW MASTER STATUS" if source.engine == "mariadb" else "SHOW BINARY LOG STATUS")
    events = [(name, end) for _, at, name, _, end, info in source.sql(f"SHOW BINLOG EVENTS IN '{file}' FROM {before}")]
    assert any("rows" in name.lower() for name, _ in events)
    source.sql(f"INSERT INTO {schema}.numbers VALUES (100)")
    begin_at(lutra, f'{{ file: "{file}", pos: {pos} }}')
    assert arrived(lutra, target, schema) == [100]


def test_a_time_to_come_is_the_end_of_the_log(written, schema):
    lutra, source, target, *_ = written
    begin_at(lutra, '{ time: "2100-01-01T00:00:00Z" }')
    assert arrived(lutra, target, schema) == []
    source.sql(f"INSERT INTO {schema}.numbers VALUES (100)")
    lutra.wait()
    assert target.sql(f"SELECT id FROM {schema}.numbers") == ((100,),)


@pytest.mark.parametrize("start, code", [
    ('{ file: "none.000001", pos: 4 }', "E3011"), ('{ time: "2001-01-01T00:00:00Z" }', "E3010"), ("inside", "E3011")])
def test_a_start_that_is_not_there_stops_with_its_code(written, start, code):
    lutra, _, _, begins, *_ = written
    if start == "inside":
        start = f'{{ file: "{begins[2]["file"]}", pos: {begins[2]["pos"] + 3} }}'
    begin_at(lutra, start)
    lutra.start(wait=False)
    wait_until(lambda: code in lutra.log.read_text(), 60, code)
    assert lutra.stop() == 0


def test_a_byte_inside_an_event_of_a_server_is_refused(written):
    """MySQL sends a piece of it first, as if it were an event, and says so only then."""
    _, source, _, begins, *_ = written
    where = begins[2]
    for more in (3, 20):
        run = run_dump(source, "--from", f'{where["file"]}:{where["pos"] + more}')
        assert run.returncode == 4 and run.stdout == "" and run.stderr.startswith("lutra: E3011 "), run


@pytest.mark.parametrize("engine", ENGINES)
def test_files_are_numbered_on_past_999999(engine, lab, site, channel, schema):
    """Their names do not come in the order of text then."""
    with own_server(lab, engine, schema) as source:
        target = site("mariadb", 2)
        source.sql("RESET MASTER TO 999999" if engine == "mariadb" else "RESET BINARY LOGS AND GTIDS TO 999999")
        lutra = channel({"hz": source, "us": target}, "hz -> us").start()
        for i in range(6):
            transaction(source, schema, f"INSERT INTO ledger VALUES ({i})")
            if i % 2 == 0:
                source.sql("FLUSH BINARY LOGS")
            if i == 3:
                lutra.wait()
                lutra.kill()
        assert [name.split(".")[1] for name, *_ in source.sql("SHOW BINARY LOGS")] == ["999999", "1000000", "1000001", "1000002"]
        lutra.start()
        lutra.wait()
        ledger_is(target, schema, set(range(6)))
        lutra.kill()


def test_a_domain_that_the_start_lacks_is_read_from_the_oldest_file_or_was_purged(lab, site, channel, schema):
    with own_server(lab, "mariadb", schema) as source:
        target = site("mariadb", 2)
        lutra = channel({"hz": source, "us": target}, "hz -> us")
        source.script(["SET gtid_domain_id = 5", "INSERT INTO ledger VALUES (5)"], db=schema)
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
        run_at((target,), schema, "INSERT INTO ledger VALUES (1)")
        start = ",".join(gtid for gtid in source.sql("SELECT @@gtid_binlog_pos")[0][0].split(",") if not gtid.startswith("5-"))
        transaction(source, schema, "INSERT INTO ledger VALUES (2)")
        begin_at(lutra, f'{{ gtid: "{start}" }}')
        lutra.start()
        lutra.wait()
        ledger_is(target, schema, {1, 2, 5})
        lutra.kill()

        target.sql("DROP DATABASE lutra")
        purge_all(source)
        lutra = channel.again(lutra)
        lutra.start(wait=False)
        stopped(lutra, "hz->us", "E3010")
        lutra.kill()


def test_a_servers_log_ends_where_it_is_told(written, schema):
    _, source, _, begins, commits, _ = written
    place = f'{begins[2]["file"]}:{commits[2]["end_pos"]}'
    assert ids(dump(source, "--from", f'{begins[0]["file"]}:{begins[0]["pos"]}', "--to", place), schema) == [0, 1, 2]
    assert ids(dump(source, "--from", place), schema) == [3, 4, 5, 6, 7]
    sums, = dump(source, "--from", place, "--count")
    assert (sums["transactions"], sums["rows"]) == (5, 5)
    purge_to(source, begins[0]["file"])  # what other tests wrote
    oldest = dump(source)
    assert ids(oldest, schema) == list(range(8))


def test_begins_at_the_beginning(written, schema):
    """Of the oldest log there is: what an earlier file held is not read, everything behind it is."""
    lutra, source, target, begins, *_ = written
    purge_to(source, begins[0]["file"])
    begin_at(lutra, "beginning")
    assert arrived(lutra, target, schema) == list(range(8))


def test_begins_now(written, schema):
    lutra, source, target, *_ = written
    begin_at(lutra, "now")
    assert arrived(lutra, target, schema) == []
    source.sql(f"INSERT INTO {schema}.numbers VALUES (100)")
    lutra.wait()
    assert target.sql(f"SELECT id FROM {schema}.numbers") == ((100,),)
