"""Options of the log that a site may have, and MariaDB 11.8 at either end: random transactions arrive whole and once."""

import contextlib

import pytest
from conftest import ledger_is, same
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
