"""Transactions larger than `memory`: they spill to disk, and arrive whole and once all the same."""

import collections
import contextlib
import json
import os
import pathlib
import re
import subprocess

import pytest
import steps
from conftest import ledger_is, same, whole
from lutralab import lutra as lutra_lab
from lutralab.servers import CHECKOUT, wait_until
from steps import log_end, run_at, stopped, transaction

ONE_WAY, BACK = "hz->us", "us->hz"
TABLES = ("CREATE TABLE big (id INT PRIMARY KEY, v INT, b LONGTEXT)", "CREATE TABLE loose (a INT, b VARCHAR(100))",
          "CREATE TABLE digits (d INT PRIMARY KEY)", "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
BASE = "SELECT {0} + a.d * 1000 + b.d * 100 + c.d * 10 + d.d AS n FROM digits a, digits b, digits c, digits d"


def rows(base, size, count=10000):
    """One statement: rows base, base + 1, ... of `big`, of `size` bytes each."""
    return (f"INSERT INTO big SELECT n, 0, REPEAT(CHAR(97 + n % 26), {size}) FROM ({BASE.format(base)}) s"
            f" WHERE n < {base + count}")


def large(size, ledger):
    """Every operation, several tables, twins without a key, a savepoint; about 30000 rows."""
    return [f"INSERT INTO ledger VALUES ({ledger})", rows(0, size), "UPDATE big SET v = 1 WHERE id % 7 = 0", "SAVEPOINT here",
            rows(500000, size, 100), "ROLLBACK TO here", "DELETE FROM big WHERE id % 11 = 0", rows(10000, size),
            f"INSERT INTO loose SELECT n % 50, 'twin' FROM ({BASE.format(0)}) s WHERE n < 500", "DELETE FROM loose WHERE a < 5",
            "UPDATE loose SET b = 'other' WHERE a % 9 = 0", "UPDATE big SET id = id + 50000 WHERE id < 30"]


def noise(base):
    """One statement of MySQL: 10000 rows that do not pack well, 36 MB of them, 18 MB packed."""
    return f"INSERT INTO big SELECT n, 0, CONCAT(HEX(RANDOM_BYTES(1000)), HEX(RANDOM_BYTES(800))) FROM ({BASE.format(base)}) s"


HELD = 20000 - 910  # rows of `big` that large() leaves
WHOLE = {"large() is there or not": f"SELECT COUNT(*) FROM big HAVING COUNT(*) NOT IN (0, {HELD})"}


@pytest.fixture
def make(site, channel, schema):
    """make(engines, memory, direction): both servers and a Lutra with the tables there, not started."""

    def build(engines=("mariadb", "mariadb"), memory="3M", direction="hz -> us", extra=(), **more):
        ends = [site(engine, i + 1) for i, engine in enumerate(engines)]
        lutra = channel(dict(zip(("hz", "us"), ends)), direction, extra=[f"memory: {memory}", *extra], **more)
        run_at(ends, schema, *TABLES)
        return *ends, lutra

    return build


def peak_kb(pid):
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


@pytest.mark.parametrize("engines", [("mariadb", "mysql"), ("mysql", "mariadb")], ids="->".join)
def test_many_times_the_memory(engines, make, schema):
    source, target, lutra = make(engines, memory="4M")
    lutra.start()
    lutra.wait()
    idle = peak_kb(lutra.pid)
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    with whole(schema, target, invariants=WHOLE, pause_s=0.02):
        transaction(source, schema, *large(1000, 2))  # 35 MB
        transaction(source, schema, "INSERT INTO ledger VALUES (3)", "UPDATE big SET v = 5 WHERE id = 50001")
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, {1, 2, 3})
    assert target.sql("SELECT COUNT(*) FROM big", db=schema)[0][0] == HELD
    status = lutra.pipelines()[ONE_WAY]
    assert status["transactions"] == 3 and status["rows"] > 22000, status
    assert not list((lutra.data / "spill").iterdir())
    if lutra_lab.without_sanitizer():
        assert peak_kb(lutra.pid) - idle < 16 * 1024


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
def test_a_prepared_one_and_its_decision(packed, make, schema):
    """XA: prepared ones go to disk too, whether one is larger than memory or many together are; MySQL's payload is unpacked as a stream."""
    source, target, lutra = make(("mysql", "mariadb"))
    lutra.start()

    def prepare(xid, *statements):
        with contextlib.closing(source.connect(schema)) as c, c.cursor() as cursor:
            for s in (*["SET binlog_transaction_compression = ON"][:packed], f"XA START '{xid}'", *statements, f"XA END '{xid}'", f"XA PREPARE '{xid}'"):
                cursor.execute(s)
    prepare("kept", rows(0, 1000), "INSERT INTO ledger VALUES (1)")
    prepare("lost", rows(10000, 1000))
    for i in range(6):
        prepare(f"small{i}", rows(20000 + 1000 * i, 400, 800))
    source.sql("INSERT INTO ledger VALUES (2)", db=schema)
    lutra.wait()
    ledger_is(target, schema, {2})
    source.sql("XA ROLLBACK 'lost'")
    for i in range(6):
        source.sql(f"XA {'COMMIT' if i % 2 else 'ROLLBACK'} 'small{i}'")
    source.sql("XA COMMIT 'kept'")
    lutra.wait()
    ledger_is(target, schema, {1, 2})
    assert target.sql("SELECT COUNT(*) FROM big", db=schema)[0][0] == 10000 + 3 * 800
    same(source, target, schema)


def test_a_compressed_transaction_larger_than_memory(make, schema):
    """MySQL's payload is one event, larger even when packed: it goes through a file, and is unpacked from there."""
    source, target, lutra = make(("mysql", "mariadb"))
    lutra.start()
    file, pos = log_end(source)
    transaction(source, schema, "INSERT INTO ledger VALUES (1)", noise(0), before=["SET binlog_transaction_compression = ON"])
    transaction(source, schema, "INSERT INTO ledger VALUES (2)")
    sizes = [end - begin for _, begin, kind, _, end, _ in source.sql(f"SHOW BINLOG EVENTS IN '{file}' FROM {pos}") if kind == "Transaction_payload"]
    assert sizes and max(sizes) > 1 << 24
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, {1, 2})
    assert not list((lutra.data / "spill").iterdir())


def test_two_ways_nothing_comes_back(make, schema):
    left, right, lutra = make(("mariadb", "mysql"), direction="hz <-> us")
    lutra.start()
    for number, server in enumerate((left, right)):
        transaction(server, schema, f"INSERT INTO ledger VALUES ({number})", rows(10000 * number, 1000))
    lutra.wait()
    lutra.wait()  # what followed from it at the targets too
    same(left, right, schema)
    for server in (left, right):
        ledger_is(server, schema, {0, 1})
    for name in (ONE_WAY, BACK):
        status = lutra.pipelines()[name]
        assert status["state"] == "running" and status["transactions"] == 1 and status["own"] >= 1, status


def faults_binary():
    path = pathlib.Path(os.environ.get("LUTRA_FAULTS_BIN", CHECKOUT / "build-faults/lutra"))
    if not path.exists():
        pytest.skip(f"{path} is not built (`make faults`)")
    return path


@pytest.mark.parametrize("engine, step", [("mariadb", "load.part:3"), ("mysql", "load.part:9"), ("mariadb", "load.commit:2")])
def test_killed_inside(engine, step, make, schema):
    source, target, lutra = make(("mariadb", engine), program=faults_binary())
    lutra.start()
    lutra.wait()
    lutra.kill()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    transaction(source, schema, *large(500, 2))
    transaction(source, schema, "INSERT INTO ledger VALUES (3)")
    with whole(schema, target, invariants=WHOLE, pause_s=0.02):
        lutra.env["LUTRA_KILL_AT"] = step
        lutra.start(wait=False)
        wait_until(lambda: not lutra.alive, 60, f"the end at {step}")
        del lutra.env["LUTRA_KILL_AT"]
        ledger_is(target, schema, {1})
        lutra.start()
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, {1, 2, 3})


def test_ends_in_time_inside(make, schema):
    source, target, lutra = make(memory="1M")
    lutra.start()
    run_at((target,), schema, "CREATE TRIGGER slow BEFORE INSERT ON big FOR EACH ROW SET @s = SLEEP(0.01)")
    transaction(source, schema, *large(500, 2))
    # The view shows something new only when nobody looked for a tenth of a second.
    wait_until(lambda: target.sql("SELECT 1 FROM information_schema.innodb_trx WHERE trx_rows_modified > 100"), 60, "rows to be written", poll_s=0.3)
    assert lutra.stop(timeout_s=10) == 0
    assert "keeps a pipeline waiting" not in lutra.log.read_text()
    assert target.sql("SELECT COUNT(*) FROM big", db=schema)[0][0] == 0
    run_at((target,), schema, "DROP TRIGGER slow")
    lutra.start()
    lutra.wait()
    same(source, target, schema)


def test_a_lock_begins_it_again_from_its_start(make, schema):
    source, target, lutra = make()
    run_at((source, target), schema, "INSERT INTO big VALUES (-1, 0, '')")
    lutra.start()
    with steps.session(target, schema, "BEGIN", "UPDATE big SET v = v WHERE id = -1"):
        transaction(source, schema, *large(500, 1), "UPDATE big SET v = 7 WHERE id = -1")
        steps.retrying(lutra, ONE_WAY, steps.LOCK_WAIT)
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, {1})


def test_a_row_that_is_in_the_way_is_named(make, schema):
    source, target, lutra = make()
    run_at((target,), schema, "INSERT INTO big VALUES (19000, 0, 'mine')")
    lutra.start()
    transaction(source, schema, *large(500, 1))
    transaction(source, schema, "INSERT INTO ledger VALUES (2)")
    error = stopped(lutra, ONE_WAY, steps.DUPLICATE)
    assert error["where"]["table"] == f"{schema}.big" and error["where"]["pos"], error
    ledger_is(target, schema, set())
    assert target.sql("SELECT id FROM big", db=schema) == ((19000,),)

    run_at((target,), schema, "DELETE FROM big")
    lutra.retry(ONE_WAY)
    lutra.wait()
    same(source, target, schema)

    run_at((target,), schema, "INSERT INTO big VALUES (45000, 0, 'mine')")
    transaction(source, schema, "INSERT INTO ledger VALUES (3)", rows(40000, 500))
    transaction(source, schema, "INSERT INTO ledger VALUES (4)")
    stopped(lutra, ONE_WAY, steps.DUPLICATE)
    lutra.skip(ONE_WAY)
    lutra.wait()
    ledger_is(target, schema, {1, 2, 4})

    run_at((target,), schema, "INSERT INTO big VALUES (65000, 0, 'mine')")
    transaction(source, schema, "INSERT INTO ledger VALUES (5)", rows(60000, 500), "INSERT INTO ledger VALUES (6)")
    stopped(lutra, ONE_WAY, steps.DUPLICATE)
    lutra.command("replace", ONE_WAY, "--row", '{"id": 65000, "v": 3, "b": "other"}')
    lutra.wait()
    ledger_is(target, schema, {1, 2, 4, 5, 6})
    assert target.sql("SELECT id, b FROM big WHERE v = 3", db=schema) == ((65000, "other"),)
    assert target.sql("SELECT COUNT(*) FROM big WHERE id >= 60000", db=schema) == ((10000,),)


def test_a_disk_that_is_full(make, schema):
    """Retried for as long as it takes, nothing lost; what was read before is applied."""
    source, target, lutra = make()
    lutra.data.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "lutra-test", str(lutra.data)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        lutra.start()
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
        transaction(source, schema, *large(500, 2))
        error = steps.retrying(lutra, ONE_WAY, "E6010")
        assert str(lutra.data) in error["message"] and "space" in error["hint"], error
        ledger_is(target, schema, {1})
        subprocess.run(["mount", "-o", "remount,size=100m", str(lutra.data)], check=True)
        lutra.wait()
        same(source, target, schema)
        ledger_is(target, schema, {1, 2})
        assert lutra.stop() == 0
    finally:
        lutra.kill()
        subprocess.run(["umount", "-l", str(lutra.data)], check=True)


def test_more_than_spill_allows(make, schema):
    source, target, lutra = make(extra=["spill: 2M"])
    lutra.start()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    transaction(source, schema, rows(0, 100, 9000), "INSERT INTO ledger VALUES (2)")  # spills, and fits
    transaction(source, schema, rows(10000, 1000), "INSERT INTO ledger VALUES (3)")
    error = stopped(lutra, ONE_WAY, "E6013")
    assert "`spill`" in error["hint"], error
    ledger_is(target, schema, {1, 2})
    assert lutra.stop() == 0
    lutra.file.write_text(lutra.file.read_text().replace("spill: 2M", "spill: 1G"))
    lutra.start()
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, {1, 2, 3})


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_dump_of_a_large_one(engine, make, schema, tmp_path):
    source, _, _ = make((engine, "mariadb"))
    source.sql("FLUSH BINARY LOGS")
    name = log_end(source)[0]
    transaction(source, schema, *large(3000, 1))
    if engine == "mysql":
        transaction(source, schema, noise(30000), before=["SET binlog_transaction_compression = ON"])
    source.sql("FLUSH BINARY LOGS")
    def run(*words):
        return subprocess.Popen([lutra_lab.binary(), "binlog", "dump", *words, source.data / name], stdout=subprocess.PIPE,
                                env={**os.environ, "TMPDIR": str(tmp_path)})

    kinds, peak = collections.Counter(), 0
    with run() as printing:
        for i, line in enumerate(printing.stdout):
            kinds[json.loads(line)["kind"]] += 1
            if i % 2000 == 0:  # it lives: much is still to be printed
                peak = max(peak, peak_kb(printing.pid))
    with run("--count") as counting:
        sums = json.loads(counting.stdout.read())
    assert printing.returncode == counting.returncode == 0
    assert sums["rows"] == kinds["insert"] + kinds["update"] + kinds["delete"] > 22000
    assert sums["transactions"] == kinds["commit"] == kinds["begin"]
    if lutra_lab.without_sanitizer():
        assert peak < 32 * 1024
    assert not list(tmp_path.iterdir())
