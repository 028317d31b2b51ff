"""R14: rows of an XA transaction arrive with XA COMMIT, never before, and not at all with XA ROLLBACK; whatever happens to Lutra between."""

import contextlib

import pytest
from conftest import same
from lutralab.lutra import LutraFailed
from lutralab.servers import wait_until

BARE = True

TABLE = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))"


def prepare(server, schema, xid, *statements, packed=False):
    """Prepared, and the session is gone."""
    with contextlib.closing(server.connect(schema)) as c, c.cursor() as cursor:
        for s in (*["SET binlog_transaction_compression = ON"][:packed], f"XA START '{xid}'", *statements, f"XA END '{xid}'", f"XA PREPARE '{xid}'"):
            cursor.execute(s)


def ids(server, schema):
    return [i for (i,) in server.sql("SELECT id FROM t ORDER BY id", db=schema)]


@pytest.fixture(params=["mysql", "mariadb", "mariadb-11.8"])
def ends(request, site):
    return site(request.param, 1), site("mariadb" if request.param == "mysql" else "mysql", 2)


def begin(ends, channel, schema):
    lutra = channel({"hz": ends[0], "us": ends[1]}, "hz -> us")
    for server in ends:
        server.sql(TABLE, db=schema)
    return lutra


def test_r14_rows_come_with_the_commit_and_not_with_a_rollback(ends, channel, schema):
    lutra = begin(ends, channel, schema).start()
    prepare(ends[0], schema, "a", "INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    prepare(ends[0], schema, "b", "INSERT INTO t VALUES (3, 'no')")
    prepare(ends[0], schema, "p", "INSERT INTO t VALUES (5, 'packed')", packed=ends[0].engine == "mysql")
    ends[0].sql("INSERT INTO t VALUES (10, 'between')", db=schema)
    lutra.wait()
    assert ids(ends[1], schema) == [10]

    ends[0].sql("XA ROLLBACK 'b'")
    ends[0].sql("XA COMMIT 'a'")
    ends[0].sql("XA COMMIT 'p'")
    with contextlib.closing(ends[0].connect(schema)) as c, c.cursor() as cursor:
        for s in ("XA START 'c'", "INSERT INTO t VALUES (4, 'one phase')", "XA END 'c'", "XA COMMIT 'c' ONE PHASE"):
            cursor.execute(s)
    lutra.wait()

    assert ids(ends[1], schema) == [1, 2, 4, 5, 10]
    same(*ends, schema)


@pytest.mark.parametrize("how", ["restart", "kill", "new data folder"])
def test_r14_a_restart_between_prepare_and_commit(how, ends, channel, schema):
    lutra = begin(ends, channel, schema).start()
    prepare(ends[0], schema, "a", "INSERT INTO t VALUES (1, 'x')", "INSERT INTO t VALUES (2, 'y')")
    prepare(ends[0], schema, "b", "INSERT INTO t VALUES (3, 'no')")
    ends[0].sql("INSERT INTO t VALUES (10, 'between')", db=schema)
    lutra.wait()

    if how == "restart":
        assert lutra.stop() == 0
    else:
        lutra.kill()
    ends[0].sql("FLUSH BINARY LOGS")
    ends[0].sql("INSERT INTO t VALUES (11, 'while away')", db=schema)
    lutra = channel.again(lutra).start() if how == "new data folder" else lutra.start()
    lutra.wait()
    assert ids(ends[1], schema) == [10, 11]
    ends[0].sql("XA ROLLBACK 'b'")
    ends[0].sql("XA COMMIT 'a'")
    ends[0].sql("INSERT INTO t VALUES (12, 'behind')", db=schema)
    lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None
    assert ids(ends[1], schema) == [1, 2, 10, 11, 12]
    same(*ends, schema)


def test_r14_a_prepare_before_the_start_and_one_that_was_purged(ends, channel, schema):
    lutra = begin(ends, channel, schema)
    prepare(ends[0], schema, "a", "INSERT INTO t VALUES (1, 'x')")
    prepare(ends[0], schema, "b", "INSERT INTO t VALUES (2, 'x')")
    lutra.start()
    ends[0].sql("XA COMMIT 'a'")
    lutra.wait()
    assert ids(ends[1], schema) == [1]

    assert lutra.stop() == 0
    ends[0].sql("FLUSH BINARY LOGS")
    ends[0].sql("INSERT INTO t VALUES (10, 'x')", db=schema)
    lutra.start()
    lutra.wait()
    newest = ends[0].sql("SHOW BINARY LOGS")[-1][0]

    def purged():
        ends[0].sql("FLUSH STATUS")  # an event, at which readers that have gone are noticed
        ends[0].sql(f"PURGE BINARY LOGS TO '{newest}'")
        return len(ends[0].sql("SHOW BINARY LOGS")) == 1
    wait_until(purged, 60, "the old logs to be purged")  # not while a reader or a commit still uses one
    ends[0].sql("XA COMMIT 'b'")
    with pytest.raises(LutraFailed, match="E3010"):
        lutra.wait()
    assert ids(ends[1], schema) == [1, 10]
