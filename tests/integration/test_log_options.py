"""Options of the log that a site may have, and MariaDB 11.8 at either end: random transactions arrive whole and once."""

import contextlib

import pytest
from conftest import ledger_is, same, whole
from lutralab.servers import Unavailable
from lutralab.workload import Workload


@contextlib.contextmanager
def settings(server, **values):
    """Global variables for the sessions that begin inside."""
    was = {name: server.sql(f"SELECT @@GLOBAL.{name}")[0][0] for name in values}
    try:
        for name, value in values.items():
            server.sql(f"SET GLOBAL {name} = %s", (value,))
        yield
    finally:
        for name, value in was.items():
            server.sql(f"SET GLOBAL {name} = %s", (value,))


def carry(source, target, channel, schema, seed, **values):
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with settings(source, **values):
        lutra.start()
        with whole(schema, target):
            load = Workload(source, schema, clients=3, seed=seed, limit=200).start().join()
            lutra.wait()

    pipeline = lutra.pipelines()["hz->us"]
    assert (pipeline["state"], pipeline["error"]) == ("running", None)
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())
    assert lutra.stop() == 0


PAIRS = [("mariadb-11.8", "mariadb-11.8"), ("mysql", "mariadb-11.8"), ("mariadb-11.8", "mysql"), ("mariadb-11.8", "mariadb")]


@pytest.mark.parametrize("pair", PAIRS, ids=["-to-".join(p) for p in PAIRS])
def test_mariadb_11_8_at_either_end(pair, site, channel, schema):
    carry(site(pair[0], 1), site(pair[1], 2), channel, schema, 21)


OPTIONS = [
    ("mariadb-11.8", "FULL_NODUP", "FULL"),
    ("mariadb-11.8", "FULL_NODUP", "NO_LOG"),
    ("mariadb-11.8", "MINIMAL", "MINIMAL"),
    ("mariadb-11.8", "NOBLOB", "NO_LOG"),
    ("mariadb", "MINIMAL", "NO_LOG"),
    ("mariadb", "NOBLOB", "MINIMAL"),
    ("mariadb", "FULL", "NO_LOG"),
    ("mysql", "MINIMAL", "MINIMAL"),
    ("mysql", "NOBLOB", "MINIMAL"),
    ("mysql", "MINIMAL", "FULL"),
]


@pytest.mark.parametrize("engine,image,metadata", OPTIONS, ids=["-".join(o) for o in OPTIONS])
def test_images_and_metadata_of_each_kind(engine, image, metadata, site, channel, schema):
    target = site("mysql" if engine != "mysql" else "mariadb", 2)
    carry(site(engine, 1), target, channel, schema, 22, binlog_row_image=image, binlog_row_metadata=metadata)


# What else a log may be written with.
SETTINGS = [
    ("mysql", {"binlog_checksum": "NONE"}),
    ("mariadb", {"binlog_checksum": "NONE"}),
    ("mariadb-11.8", {"log_bin_compress": "ON", "log_bin_compress_min_len": 10}),
    ("mysql", {"binlog_transaction_compression": "ON", "binlog_rows_query_log_events": "ON"}),
    ("mariadb", {"binlog_annotate_row_events": "OFF"}),
]


@pytest.mark.parametrize("engine,values", SETTINGS, ids=["-".join([e, *v]) for e, v in SETTINGS])
def test_logs_of_each_kind(engine, values, site, channel, schema):
    """Changed while it is read: what comes before and behind is of the other kind."""
    source, target = site(engine, 1), site("mysql" if engine != "mysql" else "mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    with whole(schema, target):
        loads = [Workload(source, schema, clients=2, seed=23, limit=40).start().join()]
        with settings(source, **values):
            loads.append(Workload(source, schema, clients=2, seed=24, limit=80).start().join())
            lutra.wait()
            assert lutra.stop() == 0
            loads.append(Workload(source, schema, clients=2, seed=25, limit=120).start().join())
            lutra.start()
        loads.append(Workload(source, schema, clients=2, seed=26, limit=160).start().join())
        lutra.wait()

    same(source, target, schema)
    ledger_is(target, schema, loads[-1].expected_ledger())


def tagged(source, schema, rng):
    """Transactions with GTIDs of several tags and none."""
    with contextlib.closing(source.connect(schema)) as c, c.cursor() as cursor:
        for i in rng:
            cursor.execute(f"SET gtid_next = 'AUTOMATIC{('', ':otter', ':_b2')[i % 3]}'")
            cursor.execute(f"INSERT INTO ledger VALUES ({i})")


def test_tagged_gtids(lab, site, channel, schema):
    """From the first of them on, every file begins with what was executed in another form; a start by such a set goes on behind it."""
    try:
        source = lab.start("mysql", 8, name="mysql-tagged")
    except Unavailable as e:
        pytest.skip(str(e))
    target = site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    tagged(source, schema, range(100, 109))
    (executed,), = source.sql("SELECT @@gtid_executed")
    assert ":otter:1-3" in executed
    lutra.file.write_text(lutra.file.read_text() + f'start: {{ hz: {{ gtid: "{executed.replace(chr(10), "")}" }} }}\n')
    tagged(source, schema, range(9))
    source.sql("FLUSH BINARY LOGS")
    lutra.start()
    tagged(source, schema, range(9, 18))
    lutra.wait()
    lutra.kill()
    tagged(source, schema, range(18, 27))
    lutra.start()
    lutra.wait()

    ledger_is(target, schema, set(range(27)))
    lutra.kill()
    source.stop()
