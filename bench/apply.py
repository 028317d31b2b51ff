"""apply: catching up a backlog against the same server's own replica; peak memory in the same run."""

import os
import pathlib
import time

from common import RUNS, Lab, create, figure, fill, say
from lutralab.lutra import Lutra, create_user
from lutralab.servers import wait_until

TRANSACTIONS = int(os.environ.get("BENCH_TRANSACTIONS", "500000"))
DURABLE = ("sync-binlog=1", "innodb-flush-log-at-trx-commit=1")
BIG = ("innodb-buffer-pool-size=1G", "innodb-log-file-size=512M", "binlog-annotate-row-events=OFF", "max-binlog-size=1G")


def executed(server):
    return server.sql("SELECT COUNT(*) FROM bench.item")[0][0]


def native(source, replica, rows, threads):
    """Seconds the server's own replica takes, its relay log already there."""
    create(replica)
    replica.script(["STOP SLAVE", "RESET SLAVE ALL", "RESET MASTER", "SET GLOBAL gtid_slave_pos=''",
                    f"SET GLOBAL slave_parallel_threads={threads}"])
    file, pos = source.bench_start
    replica.script([f"CHANGE MASTER TO master_host='127.0.0.1', master_port={source.port}, master_user='repl', master_password='r',"
                    f" master_log_file='{file}', master_log_pos={pos}", "START SLAVE IO_THREAD"])
    end_file, end_pos = source.sql("SHOW MASTER STATUS")[0][:2]

    def fetched():
        with replica.connect() as c, c.cursor() as cursor:
            cursor.execute("SHOW SLAVE STATUS")
            names = [d[0] for d in cursor.description]
            status = dict(zip(names, cursor.fetchone()))
        return status["Master_Log_File"] == end_file and status["Read_Master_Log_Pos"] >= end_pos

    wait_until(fetched, 600, "the relay log")
    began = time.monotonic()
    replica.sql("START SLAVE SQL_THREAD")
    wait_until(lambda: executed(replica) == rows, 3600, "the replica", poll_s=0.2)
    took = time.monotonic() - began
    replica.script(["STOP SLAVE", "RESET SLAVE ALL"])
    return took


def ours(lab, source, target, rows, number):
    """Seconds Lutra takes from its start, and its peak memory."""
    target.sql("DROP DATABASE IF EXISTS lutra")
    create(target)
    create_user(source, ["bench"])
    create_user(target, ["bench"])
    file, pos = source.bench_start
    lutra = Lutra(lab.folder / f"lutra-{number}", {"a": source, "b": target}, "a -> b", ["bench.item"],
                  extra=[f"start: {{ a: {{ file: {file}, pos: {pos} }} }}"])
    began = time.monotonic()
    lutra.start()
    wait_until(lambda: executed(target) == rows, 3600, "Lutra", poll_s=0.2)
    took = time.monotonic() - began
    lutra.wait()
    peak = next(int(line.split()[1]) * 1024 for line in pathlib.Path(f"/proc/{lutra.pid}/status").read_text().splitlines()
                if line.startswith("VmHWM"))
    lutra.stop()
    return took, peak


def run():
    rows = 3 * TRANSACTIONS
    number = 0
    for name, options, goal in (("relaxed", (), 2), ("durable", DURABLE, 3.5)):
        with Lab() as lab:
            source = lab.start("mariadb", 1, *BIG)
            create(source)
            source.sql("FLUSH BINARY LOGS")
            source.bench_start = source.sql("SHOW MASTER STATUS")[0][:2]
            source.script(["CREATE USER repl@'%' IDENTIFIED BY 'r'", "GRANT REPLICATION SLAVE ON *.* TO repl@'%'"])
            source.bench_start = source.sql("SHOW MASTER STATUS")[0][:2]
            say(f"{name}: filling {TRANSACTIONS} transactions")
            fill(source, TRANSACTIONS)
            target = lab.start("mariadb", 2, *BIG, *options, "slave-parallel-mode=optimistic", "gtid-strict-mode=OFF")
            peer, mine, memory = [], [], []
            for i in range(RUNS):
                best = min(native(source, target, rows, threads) for threads in (0, 4, 8))
                took, peak = ours(lab, source, target, rows, number)
                number += 1
                say(f"{name} run {i + 1} of {RUNS}: native {best:.1f} s, lutra {took:.1f} s, {peak >> 20} MB")
                peer.append(TRANSACTIONS / best)
                mine.append(TRANSACTIONS / took)
                memory.append(peak)
            figure(f"apply.{name}", mine, peer, goal, "transactions/s", "best of the server's own replica with 0, 4, 8 threads")
            figure(f"memory.apply.{name}", memory, [64 << 20] * RUNS, 1, "bytes", "a limit of 64 MiB", better="less")
