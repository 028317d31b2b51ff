"""A backlog that lies at a source is caught up by the server's own replica and by Lutra; a row written last says when all is there."""

import pathlib
import time

from common import say
from lutralab.lutra import Lutra, create_user
from lutralab.servers import wait_until

DURABLE = ("sync-binlog=1", "innodb-flush-log-at-trx-commit=1")
BIG = ("innodb-buffer-pool-size=1G", "innodb-log-file-size=512M", "binlog-annotate-row-events=OFF", "max-binlog-size=1G")
REPLICA = ("slave-parallel-mode=optimistic", "gtid-strict-mode=OFF")
THREADS = (0, 4, 8)
PEER = "best of the server's own replica with 0, 4, 8 threads"


class Backlog:
    """`lay(source)` makes schema bench as it is before the backlog; `write(source)` writes the backlog; `lay(target)` puts a target back."""

    def __init__(self, lab, lay, write):
        self.lab, self.lay = lab, lay
        self.source = lab.start("mariadb", 1, *BIG)
        self._lutras = 0
        lay(self.source)
        self.source.script(["CREATE TABLE bench.done (id INT PRIMARY KEY)", "CREATE USER repl@'%' IDENTIFIED BY 'r'",
                            "GRANT REPLICATION SLAVE ON *.* TO repl@'%'", "FLUSH BINARY LOGS"])
        create_user(self.source, ["bench"])
        self.start = self.source.sql("SHOW MASTER STATUS")[0][:2]
        write(self.source)
        self.source.sql("INSERT INTO bench.done VALUES (1)")

    def target(self, *options):
        return self.lab.start("mariadb", 2, *BIG, *options, *REPLICA)

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
        replica.script(["STOP SLAVE", "RESET SLAVE ALL"])
        self._reset(replica)
        file, pos = self.start
        replica.script(["RESET MASTER", "SET GLOBAL gtid_slave_pos=''", f"SET GLOBAL slave_parallel_threads={threads}",
                        f"CHANGE MASTER TO master_host='127.0.0.1', master_port={self.source.port}, master_user='repl', master_password='r',"
                        f" master_log_file='{file}', master_log_pos={pos}", "START SLAVE IO_THREAD"])
        end_file, end_pos = self.source.sql("SHOW MASTER STATUS")[0][:2]

        def fetched():
            with replica.connect() as c, c.cursor() as cursor:
                cursor.execute("SHOW SLAVE STATUS")
                status = dict(zip((d[0] for d in cursor.description), cursor.fetchone()))
            return status["Master_Log_File"] == end_file and status["Read_Master_Log_Pos"] >= end_pos

        wait_until(fetched, 600, "the relay log")
        began = time.monotonic()
        replica.sql("START SLAVE SQL_THREAD")
        wait_until(lambda: self._arrived(replica), 3600, "the replica", poll_s=0.05)
        took = time.monotonic() - began
        replica.script(["STOP SLAVE", "RESET SLAVE ALL"])
        return took

    def best_native(self, replica):
        return min(self.native(replica, threads) for threads in THREADS)

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
