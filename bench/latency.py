"""latency: from the commit's return at the source to the row's being visible at the target, at 50 transactions a second."""

import os
import statistics
import time

from common import RUNS, Lab, create, figure, say
from lutralab.lutra import Lutra, create_user
from lutralab.servers import wait_until

COUNT = int(os.environ.get("BENCH_COMMITS", "500"))
PERIOD_S = 0.02
DURABLE = ("sync-binlog=1", "innodb-flush-log-at-trx-commit=1")
ROW = "INSERT INTO item VALUES (%s, 1, 1, 1, NOW(3), NOW(), 'c', 'n', 'x')"


def measure(source, target, first):
    """Milliseconds for each of COUNT commits; polls the target without a pause in between."""
    took = []
    with source.connect("bench") as a, target.connect("bench") as b, a.cursor() as write, b.cursor() as read:
        due = time.monotonic()
        for i in range(first, first + COUNT):
            due += PERIOD_S
            time.sleep(max(0, due - time.monotonic()))
            write.execute(ROW, (i,))
            committed = time.monotonic()
            while not read.execute("SELECT 1 FROM item WHERE id=%s", (i,)):
                if time.monotonic() - committed > 30:
                    raise RuntimeError("a row did not arrive within 30 s")
            took.append((time.monotonic() - committed) * 1000)
    return took


def percentile(values, q):
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


def run():
    for name, options in (("relaxed", ()), ("durable", DURABLE)):
        with Lab() as lab:
            source = lab.start("mariadb", 1, *options)
            replica = lab.start("mariadb", 2, *options, "gtid-strict-mode=OFF")
            target = lab.start("mariadb", 3, *options)
            for server in (source, replica, target):
                create(server)
            source.script(["CREATE USER repl@'%' IDENTIFIED BY 'r'", "GRANT REPLICATION SLAVE ON *.* TO repl@'%'"])
            create_user(source, ["bench"])
            create_user(target, ["bench"])
            file, pos = source.sql("SHOW MASTER STATUS")[0][:2]
            replica.script([f"CHANGE MASTER TO master_host='127.0.0.1', master_port={source.port}, master_user='repl',"
                            f" master_password='r', master_log_file='{file}', master_log_pos={pos}", "START SLAVE"])
            wait_until(lambda: replica.sql("SHOW SLAVE STATUS")[0][10] == "Yes", 30, "the replica to connect")
            lutra = Lutra(lab.folder / "lutra", {"a": source, "b": target}, "a -> b", ["bench.item"]).start()
            first, peer, ours = 1, [], []
            for i in range(RUNS):
                peer.append(measure(source, replica, first))
                first += COUNT
                lutra.wait()
                ours.append(measure(source, target, first))
                first += COUNT
                say(f"{name} run {i + 1}: native p50 {statistics.median(peer[-1]):.2f} ms, lutra {statistics.median(ours[-1]):.2f} ms")
            for q, label, goal in ((0.5, "p50", 0.67), (0.99, "p99", 0.5)):
                figure(f"latency.{name}.{label}", [percentile(o, q) for o in ours], [percentile(p, q) for p in peer], goal, "ms",
                       "the server's own replica", better="less")
            lutra.stop()
