"""The fence of a conflict channel, with a log that is late: it is waited for, but not for long."""

import threading
import time

import pytest
import steps
from lutralab.relay import Relay
from lutralab.servers import wait_until
from storm import QUICK, Storm
from test_converge_rules import BASE, beats

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


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_r21_a_log_that_is_not_read_holds_no_lock_for_long(engine, site, channel, schema):
    """The group is rolled back when the fence is not passed in time: users of the site write the row meanwhile. When the log is read again, all goes on."""
    sites = {"a": site("mariadb", 1), "b": site(engine, 2)}
    with LateLog(sites["b"]) as relay:
        s = Storm(channel, sites, schema, conflicts=QUICK, urls={"b": f"{relay.host}:{relay.port}/?ssl-mode=DISABLED"})
        s.lutra.start()
        steps.transaction(sites["a"], schema, BASE)
        s.lutra.wait()
        relay.late.set()
        goal = beats(sites["b"], schema) + 2  # the log goes on, unread
        wait_until(lambda: beats(sites["b"], schema) >= goal, steps.PATIENCE_S, "heartbeats")
        begin = steps.log_size(s.lutra)
        sites["a"].sql("UPDATE hot SET v='a' WHERE id=1", db=schema)
        steps.met(s.lutra, begin, FENCE_LATE)
        sites["b"].sql("UPDATE hot SET v='b' WHERE id=1", db=schema)
        relay.late.clear()
        s.ends_well()
