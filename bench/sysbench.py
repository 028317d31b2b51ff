"""sysbench: a backlog of sysbench's oltp_read_write (two updates, a delete and an insert a transaction) against the own replica."""

import itertools
import os
import shutil
import subprocess

from apply import DURABILITIES, TRANSACTIONS, WRITERS, rates
from catchup import DURABLE, Backlog, compare, peer_is
from common import RUNS, Lab, figure, say

EVENTS = int(os.environ.get("BENCH_EVENTS", str(TRANSACTIONS * 3 // 5)))
ROWS = int(os.environ.get("BENCH_ROWS", "25000"))


def sysbench(server, *words):
    argv = ["sysbench", "oltp_read_write", "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={server.port}", "--mysql-user=root",
            "--mysql-db=bench", "--tables=4", f"--table-size={ROWS}", "--threads=4", "--rand-type=uniform", "--time=0", f"--events={EVENTS}",
            "--point-selects=0", "--simple-ranges=0", "--sum-ranges=0", "--order-ranges=0", "--distinct-ranges=0", *words]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


class Tables:
    """Made by sysbench once; a target gets a copy."""

    def __init__(self):
        self.dump = None

    def lay(self, server):
        server.sql("DROP DATABASE IF EXISTS bench")
        server.sql("CREATE DATABASE bench")
        client = ["--protocol=tcp", "-h127.0.0.1", f"-P{server.port}", "-uroot", "bench"]
        if self.dump is None:
            sysbench(server, "prepare")
            self.dump = subprocess.run(["mariadb-dump", *client], check=True, capture_output=True).stdout
        else:
            subprocess.run(["mariadb", *client], check=True, input=self.dump)


def run():
    if not shutil.which("sysbench"):
        raise SystemExit("bench: sysbench is missing: tools/install.sh bench")
    for name, options, goal in (("relaxed", (), 1.5), ("durable", DURABLE, 2.5)):
        if name not in DURABILITIES:
            continue
        with Lab() as lab:
            say(f"sysbench.{name}: {EVENTS} transactions")
            backlog = Backlog(lab, Tables().lay, lambda source: sysbench(source, "run"))
            target = backlog.target(*options)
            for mode, writers in itertools.product(("", "merge."), WRITERS):
                bench = f"apply.sysbench.{mode}{f'writers{writers}.' if writers else ''}{name}"
                extra = [*(["mode: merge"] if mode else []), *([f"writers: {writers}"] if writers else [])]
                peer, mine, _ = compare(backlog, target, RUNS, extra, bench)
                figure(bench, rates(mine, EVENTS), rates(peer, EVENTS), goal, "transactions/s", peer_is("mariadb"))
