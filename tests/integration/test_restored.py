"""A target that is put back to an older state: its progress is in it, so what came since is applied anew."""

import contextlib

import pymysql
import pytest
import steps
from conftest import ledger_is
from lutralab.lutra import LutraFailed
from lutralab.servers import wait_until
from steps import stopped, transaction

ONE_WAY, BACK = "hz->us", "us->hz"


def backup(server):
    server.stop()
    copy = server.folder / "copy"
    steps.copy_data(server, copy)
    server.start()
    return copy


def put_back(server, copy):
    server.kill()
    steps.restore_data(server, copy)
    server.start()


def write(server, schema, ids):
    for i in ids:
        transaction(server, schema, f"INSERT INTO ledger VALUES ({i})")


def gone_back(target):
    return target.sql("SELECT COUNT(*) FROM lutra.audit WHERE action = 'gone back'")[0][0]


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_target_from_a_backup_goes_on_where_it_stands(engine, lab, site, channel, schema):
    source = site("mariadb", 1)
    with steps.own_server(lab, engine, schema, server_id=8) as target:
        lutra = channel({"hz": source, "us": target}, "hz -> us").start()
        write(source, schema, range(3))
        lutra.wait()
        copy = backup(target)
        write(source, schema, range(3, 8))
        lutra.wait()
        put_back(target, copy)
        write(source, schema, [8])
        lutra.wait()
        ledger_is(target, schema, set(range(9)))
        assert gone_back(target) == 1


def test_no_order_passes_over_what_a_restored_target_lacks(lab, site, channel, schema):
    source = site("mariadb", 1)
    with steps.own_server(lab, "mariadb", schema, server_id=8) as target:
        lutra = channel({"hz": source, "us": target}, "hz -> us")
        for server in (source, target):
            server.sql("CREATE TABLE once (id INT PRIMARY KEY)", db=schema)
        target.sql("INSERT INTO once VALUES (99)", db=schema)
        lutra.start()
        write(source, schema, range(3))
        lutra.wait()
        copy = backup(target)
        write(source, schema, range(3, 6))
        transaction(source, schema, "INSERT INTO once VALUES (99)")
        stopped(lutra, ONE_WAY, ("E5002",))
        put_back(target, copy)
        for order in (("skip", ONE_WAY), ("replace", ONE_WAY, "--sql", "SELECT 1")):
            with pytest.raises(LutraFailed, match="E1028"):
                lutra.command(*order)
        ledger_is(target, schema, {0, 1, 2})
        lutra.retry(ONE_WAY)

        def skipped():
            with contextlib.suppress(LutraFailed, pymysql.err.Error):
                lutra.skip(ONE_WAY)
                return True
        wait_until(skipped, 60, "the stop to be met again")
        lutra.wait()
        ledger_is(target, schema, set(range(6)))
        assert gone_back(target) == 1


def test_progress_that_is_gone_is_not_begun_anew(site, channel, schema):
    """What came since would be passed over. The process knows that it had begun; another one knows by its data folder, or by what else is there."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    write(source, schema, range(3))
    lutra.wait()
    trace, kept = lutra.data / "begun.1", (lutra.data / "begun.1").read_bytes()

    def is_told():
        assert "lost the progress" in stopped(lutra, ONE_WAY, "E6001")["message"]
    lutra.command("pause", ONE_WAY)
    target.sql("DELETE FROM lutra.lane WHERE channel = %s", (schema,))
    target.sql("UPDATE lutra.schema_version SET channel = 'aside' WHERE channel = %s", (schema,))
    trace.unlink()
    write(source, schema, [3])
    lutra.command("resume", ONE_WAY)
    is_told()
    lutra.kill()
    trace.write_bytes(kept)
    lutra.start(wait=False)
    is_told()
    lutra.kill()
    trace.unlink()
    target.sql("UPDATE lutra.schema_version SET channel = %s WHERE channel = 'aside'", (schema,))
    lutra.start(wait=False)
    is_told()


def test_site_from_a_backup_stops_its_own_way_back(lab, site, channel, schema):
    """Two ways: what it wrote itself since the backup is at the peer only, and its log is not the one that was read."""
    hz = site("mariadb", 1)
    with steps.own_server(lab, "mariadb", schema, server_id=8) as us:
        lutra = channel({"hz": hz, "us": us}, "hz <-> us").start()
        write(hz, schema, range(3))
        write(us, schema, range(100, 103))
        lutra.wait()
        copy = backup(us)
        write(hz, schema, range(3, 6))
        write(us, schema, range(103, 106))
        lutra.wait()
        put_back(us, copy)
        write(us, schema, range(200, 212))
        stopped(lutra, BACK, ("E3014", "E3011"))
        wait_until(lambda: us.sql("SELECT COUNT(*) FROM ledger WHERE txn_id BETWEEN 3 AND 5", db=schema)[0][0] == 3, 90,
                   "the way to the restored site to go on")
        ledger_is(hz, schema, set(range(6)) | set(range(100, 106)))
