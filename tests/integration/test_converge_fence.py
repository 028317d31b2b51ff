"""The fence of a conflict channel, with a log that is late: it is waited for, but not for long."""

import threading
import time

import pytest
import steps
from lutralab.relay import Relay
from lutralab.servers import wait_until
from storm import HOT, KINDS, QUICK, Storm
from test_converge_rules import BASE, beats
from test_steps import binary

COM_BINLOG_DUMP, COM_BINLOG_DUMP_GTID = 0x12, 0x1e
FENCE_LATE = "E5020"


class LateLog(Relay):
    """What reads a log through it gets nothing more once it is `late`; all else goes through."""

    def __init__(self, server):
        self.late = threading.Event()
        self.readers = set()
        super().__init__("127.0.0.1", server.port)

    def edit(self, piece, pair, to_server):
        if to_server and len(piece) > 4 and piece[4] in (COM_BINLOG_DUMP, COM_BINLOG_DUMP_GTID):
            self.readers.add(pair)
        while not to_server and pair in self.readers and self.late.is_set() and not pair.over:
            time.sleep(0.01)
        return piece


def late_at_b(relay, sites, channel, schema):
    """Not started. Of the table `diary` a is the only writer."""
    return Storm(channel, sites, schema, tables=(HOT, KINDS["diary"].create), urls={"b": f"{relay.host}:{relay.port}/?ssl-mode=DISABLED"},
                 conflicts={**QUICK, "tables": [{"table": f"{schema}.diary", **KINDS["diary"].file}]})


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_r21_a_log_that_is_not_read_holds_no_lock_for_long(engine, site, channel, schema):
    """The group is rolled back when the fence is not passed in time: users of the site write the row meanwhile. When the log is read again, all goes on.
    What one site alone writes asks for no fence."""
    sites = {"a": site("mariadb", 1), "b": site(engine, 2)}
    with LateLog(sites["b"]) as relay:
        s = late_at_b(relay, sites, channel, schema)
        s.lutra.start()
        steps.transaction(sites["a"], schema, BASE)
        s.lutra.wait()
        relay.late.set()
        goal = beats(sites["b"], schema) + 2  # the log goes on, unread
        wait_until(lambda: beats(sites["b"], schema) >= goal, steps.PATIENCE_S, "heartbeats")
        sites["a"].sql("INSERT INTO diary (v) VALUES ('a')", db=schema)
        wait_until(lambda: sites["b"].sql("SELECT 1 FROM diary", db=schema), steps.PATIENCE_S, "what a alone writes to come")
        begin = steps.log_size(s.lutra)
        sites["a"].sql("UPDATE hot SET v='a' WHERE id=1", db=schema)
        steps.met(s.lutra, begin, FENCE_LATE)
        sites["b"].sql("UPDATE hot SET v='b' WHERE id=1", db=schema)
        relay.late.clear()
        s.ends_well()


def test_the_audit_tells_that_a_version_went_back(site, channel, schema):
    """With the fence switched off what is applied is decided by what is not known yet: an older write goes over a newer one. The log shows it."""
    if not binary().exists():
        pytest.skip(f"{binary()} is not built (`make faults`)")
    channel.more = {"program": binary(), "env": {"LUTRA_FAULTS": "r21_fence"}}
    sites = {"a": site("mariadb", 1), "b": site("mysql", 2)}
    with LateLog(sites["b"]) as relay:
        s = late_at_b(relay, sites, channel, schema)
        s.lutra.start()
        steps.transaction(sites["a"], schema, BASE)
        s.lutra.wait()
        s.lutra.command("pause", "a->b")
        steps.transaction(sites["a"], schema, "UPDATE hot SET v='older' WHERE id=1")
        (written,), = sites["a"].sql("SELECT UNIX_TIMESTAMP()")
        wait_until(lambda: sites["b"].sql("SELECT UNIX_TIMESTAMP()")[0][0] > written + 1, steps.PATIENCE_S, "a later second")
        relay.late.set()
        steps.transaction(sites["b"], schema, "UPDATE hot SET v='newer' WHERE id=1")
        s.lutra.command("resume", "a->b")
        wait_until(lambda: sites["b"].sql("SELECT 1 FROM hot WHERE v='older'", db=schema), steps.PATIENCE_S, "the older write to be applied")
        relay.late.clear()
        its = wait_until(lambda: next((its for its in s.lutra.status()["channels"][0]["sites"] if its["went_back"] > 0), None), steps.PATIENCE_S, "the alarm")
        assert its["name"] == "b"
        s.lutra.wait()
        assert sites["a"].sql("SELECT v FROM hot WHERE id=1", db=schema) == (("newer",),)  # they do differ
        assert "DIVERGENCE at site b: 1 times a row's version went back" in s.lutra.command("status", ok=(1,))
