"""A backlog that lies at a source is caught up by the server's own replica and by Lutra; a row written last says when all is there."""

import collections
import pathlib
import time

from common import say
from lutralab.lutra import Lutra, create_user
from lutralab.servers import wait_until

DURABLE = ("sync-binlog=1", "innodb-flush-log-at-trx-commit=1")
BIG = {
    "mariadb": ("innodb-buffer-pool-size=1G", "innodb-log-file-size=512M", "binlog-annotate-row-events=OFF", "max-binlog-size=1G"),
    "mysql": ("innodb-buffer-pool-size=1G", "innodb-redo-log-capacity=1G", "max-binlog-size=1G"),
}
REPLICA = {"mariadb": ("slave-parallel-mode=optimistic", "gtid-strict-mode=OFF"), "mysql": ()}
THREADS = {"mariadb": (0, 4, 8), "mysql": (1, 4, 8)}
PEER = "best of the server's own replica with one thread, 4 and 8"


# What each engine calls its replication.
Words = collections.namedtuple("Words", "replica source end forget threads follow")
WORDS = {
    "mariadb": Words("SLAVE", "Master", "SHOW MASTER STATUS", ("RESET MASTER", "SET GLOBAL gtid_slave_pos=''"),
                     "SET GLOBAL slave_parallel_threads={}",
                     "CHANGE MASTER TO master_host='127.0.0.1', master_port={port}, master_user='repl', master_password='r',"
                     " master_log_file='{file}', master_log_pos={pos}"),
    "mysql": Words("REPLICA", "Source", "SHOW BINARY LOG STATUS", ("RESET BINARY LOGS AND GTIDS",),
                   "SET GLOBAL replica_parallel_workers={}",
                   "CHANGE REPLICATION SOURCE TO source_host='127.0.0.1', source_port={port}, source_user='repl', source_password='r',"
                   " source_log_file='{file}', source_log_pos={pos}, get_source_public_key=1"),
}


class Backlog:
    """`lay(source)` makes schema bench as it is before the backlog; `write(source)` writes the backlog; `lay(target)` puts a target back."""

    def __init__(self, lab, lay, write, engine="mariadb"):
        self.lab, self.lay, self.engine = lab, lay, engine
        self.source = lab.start(engine, 1, *BIG[engine])
        self._lutras = 0
        lay(self.source)
        self.source.script(["CREATE TABLE bench.done (id INT PRIMARY KEY)", "CREATE USER repl@'%' IDENTIFIED BY 'r'",
                            "GRANT REPLICATION SLAVE ON *.* TO repl@'%'", "FLUSH BINARY LOGS"])
        create_user(self.source, ["bench"])
        self.start = self.source.sql(WORDS[engine].end)[0][:2]
        write(self.source)
        self.source.sql("INSERT INTO bench.done VALUES (1)")

    def target(self, *options):
        return self.lab.start(self.engine, 2, *BIG[self.engine], *options, *REPLICA[self.engine])

    def _reset(self, target):
        target.sql("DROP DATABASE IF EXISTS lutra")
        self.lay(target)
        target.sql("CREATE TABLE bench.done (id INT PRIMARY KEY)")
        create_user(target, ["bench"])

    @staticmethod
    def _arrived(target):
        return target.sql("SELECT 1 FROM bench.done")

    def native(self, replica, threads):
        """Seconds the server's own replica takes, its relay log already there."""
        words = WORDS[self.engine]
        replica.script([f"STOP {words.replica}", f"RESET {words.replica} ALL"])
        self._reset(replica)
        file, pos = self.start
        replica.script([*words.forget, words.threads.format(threads),
                        words.follow.format(port=self.source.port, file=file, pos=pos), f"START {words.replica} IO_THREAD"])
        end_file, end_pos = self.source.sql(words.end)[0][:2]

        def fetched():
            with replica.connect() as c, c.cursor() as cursor:
                cursor.execute(f"SHOW {words.replica} STATUS")
                status = dict(zip((d[0] for d in cursor.description), cursor.fetchone()))
            return status[f"{words.source}_Log_File"] == end_file and status[f"Read_{words.source}_Log_Pos"] >= int(end_pos)

        wait_until(fetched, 600, "the relay log")
        began = time.monotonic()
        replica.sql(f"START {words.replica} SQL_THREAD")
        wait_until(lambda: self._arrived(replica), 3600, "the replica", poll_s=0.05)
        took = time.monotonic() - began
        replica.script([f"STOP {words.replica}", f"RESET {words.replica} ALL"])
        return took

    def best_native(self, replica):
        return min(self.native(replica, threads) for threads in THREADS[self.engine])

    def ours(self, target, extra=(), through=None):
        """Seconds Lutra takes from its start, and its peak memory. `through`: what it connects to in the target's place."""
        self._reset(target)
        file, pos = self.start
        lutra = Lutra(self.lab.folder / f"lutra-{self._lutras}", {"a": self.source, "b": through or target}, "a -> b", ["bench.*"],
                      extra=[f"start: {{ a: {{ file: {file}, pos: {pos} }} }}", *extra])
        self._lutras += 1
        began = time.monotonic()
        lutra.start()
        wait_until(lambda: self._arrived(target), 3600, "Lutra", poll_s=0.05)
        took = time.monotonic() - began
        lutra.wait()
        peak = next(int(line.split()[1]) * 1024 for line in pathlib.Path(f"/proc/{lutra.pid}/status").read_text().splitlines()
                    if line.startswith("VmHWM"))
        lutra.stop()
        return took, peak


def compare(backlog, target, runs, extra=(), name=""):
    """Seconds of both sides, and our peak memory, run by run."""
    peer, mine, memory = [], [], []
    for i in range(runs):
        peer.append(backlog.best_native(target))
        took, peak = backlog.ours(target, extra)
        say(f"{name} run {i + 1} of {runs}: native {peer[-1]:.1f} s, lutra {took:.1f} s, {peak >> 20} MB")
        mine.append(took)
        memory.append(peak)
    return peer, mine, memory
