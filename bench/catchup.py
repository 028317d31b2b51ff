"""A backlog that lies at a source is caught up by the server's own replica and by Lutra; a row written last says when all is there."""

import pathlib
import time

from common import say
from lutralab.lutra import Lutra, create_user, let_see_triggers
from lutralab.servers import wait_until

DURABLE = ("sync-binlog=1", "innodb-flush-log-at-trx-commit=1")
COMMON = ("innodb-buffer-pool-size=1G", "max-binlog-size=1G")


class Mariadb:
    """How this engine's own replica is driven."""

    options = (*COMMON, "innodb-log-file-size=512M", "binlog-annotate-row-events=OFF", "slave-parallel-mode=optimistic", "gtid-strict-mode=OFF")
    threads = (0, 4, 8)
    log_place = "SHOW MASTER STATUS"
    status, status_file, status_pos = "SHOW SLAVE STATUS", "Master_Log_File", "Read_Master_Log_Pos"
    stop = ["STOP SLAVE", "RESET SLAVE ALL"]
    start = "START SLAVE SQL_THREAD"

    @staticmethod
    def follow(port, place, threads):
        return ["RESET MASTER", "SET GLOBAL gtid_slave_pos=''", f"SET GLOBAL slave_parallel_threads={threads}",
                f"CHANGE MASTER TO master_host='127.0.0.1', master_port={port}, master_user='repl', master_password='r',"
                f" master_log_file='{place[0]}', master_log_pos={place[1]}", "START SLAVE IO_THREAD"]


class Mysql:
    options = (*COMMON, "innodb-redo-log-capacity=1G")
    threads = (1, 4, 8)
    log_place = "SHOW BINARY LOG STATUS"
    status, status_file, status_pos = "SHOW REPLICA STATUS", "Source_Log_File", "Read_Source_Log_Pos"
    stop = ["STOP REPLICA", "RESET REPLICA ALL"]
    start = "START REPLICA SQL_THREAD"

    @staticmethod
    def follow(port, place, threads):
        return ["RESET BINARY LOGS AND GTIDS", f"SET GLOBAL replica_parallel_workers={threads}",
                f"CHANGE REPLICATION SOURCE TO source_host='127.0.0.1', source_port={port}, source_user='repl', source_password='r',"
                f" source_log_file='{place[0]}', source_log_pos={place[1]}, source_auto_position=0, get_source_public_key=1",
                "START REPLICA IO_THREAD"]


ENGINES = {"mariadb": Mariadb, "mysql": Mysql}


def peer_is(engine):
    return f"best of the server's own replica with {', '.join(map(str, ENGINES[engine].threads))} threads"


class Backlog:
    """`lay(source)` makes schema bench as it is before the backlog; `write(source)` writes the backlog; `lay(target)` puts a target back."""

    def __init__(self, lab, lay, write, engine="mariadb"):
        self.lab, self.lay, self.engine, self.how = lab, lay, engine, ENGINES[engine]
        self.source = lab.start(engine, 1, *self.how.options)
        self._lutras = 0
        lay(self.source)
        self.source.script(["CREATE TABLE bench.done (id INT PRIMARY KEY)", "CREATE USER repl@'%' IDENTIFIED BY 'r'",
                            "GRANT REPLICATION SLAVE ON *.* TO repl@'%'"])
        create_user(self.source, ["bench"])
        self.source.sql("FLUSH BINARY LOGS")
        self.start = self.source.sql(self.how.log_place)[0][:2]
        write(self.source)
        self.source.sql("INSERT INTO bench.done VALUES (1)")

    def target(self, *options):
        return self.lab.start(self.engine, 2, *self.how.options, *options)

    def _reset(self, target):
        target.sql("DROP DATABASE IF EXISTS lutra")
        self.lay(target)
        target.sql("CREATE TABLE bench.done (id INT PRIMARY KEY)")
        create_user(target, ["bench"])
        let_see_triggers(target, "bench")

    @staticmethod
    def _arrived(target):
        return target.sql("SELECT 1 FROM bench.done")

    def native(self, replica, threads):
        """Seconds the server's own replica takes, its relay log already there."""
        replica.script(self.how.stop)
        self._reset(replica)
        replica.script(self.how.follow(self.source.port, self.start, threads))
        end = self.source.sql(self.how.log_place)[0][:2]

        def fetched():
            with replica.connect() as c, c.cursor() as cursor:
                cursor.execute(self.how.status)
                status = dict(zip((d[0] for d in cursor.description), cursor.fetchone()))
            return status[self.how.status_file] == end[0] and status[self.how.status_pos] >= end[1]

        wait_until(fetched, 600, "the relay log")
        began = time.monotonic()
        replica.sql(self.how.start)
        wait_until(lambda: self._arrived(replica), 3600, "the replica", poll_s=0.05)
        took = time.monotonic() - began
        replica.script(self.how.stop)
        return took

    def best_native(self, replica):
        return min(self.native(replica, threads) for threads in self.how.threads)

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
