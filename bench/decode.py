"""decode: `lutra binlog dump` against mariadb-binlog on the same files in the page cache, and against reading a server's
log without looking at it."""

import functools
import os
import statistics
import subprocess

from common import RUNS, Lab, binary, child, create, figure, fill, say

TRANSACTIONS = int(os.environ.get("BENCH_TRANSACTIONS", "250000"))
MULTI_FACTOR = 250  # a transaction of fill_multi() changes so many times the rows
LIMIT = 16 << 20


def make_log(server, count, procedure):
    """A closed log file of its own: name, path, size."""
    server.sql("FLUSH BINARY LOGS")
    name = server.sql("SHOW MASTER STATUS")[0][0]
    fill(server, count, procedure=procedure)
    server.sql("FLUSH BINARY LOGS")  # closes the file: no in-use flag
    path = server.data / name if (server.data / name).exists() else next(server.folder.rglob(name))
    return name, path, path.stat().st_size


@functools.cache
def single_log(server):
    say(f"filling {TRANSACTIONS} transactions")
    return make_log(server, TRANSACTIONS, "fill")


def rawread():
    """The program that reads packets only, built beside the lutra that is measured."""
    build = binary().parent
    subprocess.run(["ninja", "-C", build, "bench/rawread"], check=True, stdout=subprocess.DEVNULL)
    return build / "bench/rawread"


class Series:
    """Runs of one command: what they took, and the most memory any needed."""

    peak = 0  # of all of ours

    def __init__(self, amount, argv, ours=True):
        self.amount, self.argv, self.ours = amount, argv, ours
        self.rates, self.cpu = [], []

    def run(self):
        wall, cpu, peak = child(self.argv)
        self.rates.append(self.amount / wall)
        self.cpu.append(cpu)
        if self.ours:
            Series.peak = max(Series.peak, peak)


def in_turn(series):
    """RUNS rounds; who begins changes, so that nobody always follows the same one."""
    for i in range(RUNS):
        say(f"run {i + 1} of {RUNS}")
        for one in (series, series[::-1])[i % 2]:
            one.run()


def from_files(server):
    vv = "mariadb-binlog -vv"
    _, single, _ = single_log(server)
    server.sql("TRUNCATE TABLE item", db="bench")
    _, multi, _ = make_log(server, TRANSACTIONS // MULTI_FACTOR, "fill_multi")
    rows, rows_multi = 4 * TRANSACTIONS, TRANSACTIONS // MULTI_FACTOR * 1000
    count = [binary(), "binlog", "dump", "--count"]
    peer = ["mariadb-binlog", "-vv", "--base64-output=decode-rows"]
    s = {
        "peer single": Series(rows, [*peer, single], ours=False),
        "values single": Series(rows, [*count, single]),
        "dump single": Series(rows, [binary(), "binlog", "dump", single]),
        "peer multi": Series(rows_multi, [*peer, multi], ours=False),
        "values multi": Series(rows_multi, [*count, multi]),
    }
    in_turn(list(s.values()))
    figure("decode.values.single", s["values single"].rates, s["peer single"].rates, 25, "rows/s", vv)
    figure("decode.values.multi", s["values multi"].rates, s["peer multi"].rates, 12, "rows/s", vv)
    figure("decode.dump", s["dump single"].rates, s["peer single"].rates, 8, "rows/s", vv)


def from_server(server):
    name, _, size = single_log(server)
    server.sql("CREATE USER reader@'127.0.0.1'")
    server.sql("GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO reader@'127.0.0.1'")
    live = [binary(), "binlog", "dump", "--count", f"mysql://reader@127.0.0.1:{server.port}/", "--from", f"{name}:4", "--to", f"{name}:{size}"]
    raw = Series(size, [rawread(), "127.0.0.1", str(server.port), "reader", name, str(size - 4)], ours=False)
    alone, ahead = Series(size, live), Series(size, [*live, "--read-ahead"])
    child(raw.argv)  # the file's pages are in memory from now on
    in_turn([raw, alone, ahead])
    took = {"raw": raw, "one thread": alone, "--read-ahead": ahead}
    say("CPU: " + ", ".join(f"{what} {statistics.median(one.cpu):.2f} s" for what, one in took.items()))
    packets = "the same log's packets, read by one thread, not looked at"
    figure("decode.server", alone.rates, raw.rates, 0.85, "bytes/s", packets)
    figure("decode.server.ahead", ahead.rates, raw.rates, 0.95, "bytes/s", packets)


def run(*parts):
    with Lab() as lab:
        server = lab.start("mariadb", 1, "binlog-annotate-row-events=OFF", "max-binlog-size=1G", "innodb-flush-log-at-trx-commit=2", "sync-binlog=0")
        create(server)
        for part in parts or (from_files, from_server):
            part(server)
        figure("decode.memory", [Series.peak], [LIMIT], 1, "bytes", "a limit of 16 MiB", better="less")
