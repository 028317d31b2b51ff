"""fence: a two-way channel that decides conflicts against one that only stops at them, without crossover; and what is remembered of rows."""

import os
import time

from catchup import DURABLE, ENGINES
from common import RUNS, Lab, create, figure, fill, say
from latency import measure, percentile
from lutralab.lutra import Lutra, create_user, let_see_triggers
from lutralab.servers import wait_until

TRANSACTIONS = int(os.environ.get("BENCH_TRANSACTIONS", "60000"))
WRITERS = int(os.environ.get("BENCH_WRITERS", "16"))
DURABILITIES = os.environ.get("BENCH_DURABILITIES", "relaxed,durable").split(",")
POLICIES = {"without": "none", "with": "last-writer-wins"}
KEYS = int(os.environ.get("BENCH_KEYS", "1000000"))
STEP = 10000
MEMORY = 96 << 20


class Pair:
    """Two sites whose backlogs, of rows that do not meet, lie ready; each run begins with both as they were."""

    def __init__(self, lab, options):
        self.lab, self.runs = lab, 0
        self.sites = {name: lab.start("mariadb", number, *ENGINES["mariadb"].options, *options, "binlog-row-metadata=FULL", "binlog-row-image=FULL",
                                      "sync-binlog=" + ("1" if options else "0"), "auto-increment-increment=2", f"auto-increment-offset={number}")
                      for number, name in enumerate("ab", 1)}

    def lay(self):
        """Both with the same backlog to come, and the place where it begins."""
        start = {}
        for number, (name, server) in enumerate(self.sites.items()):
            server.sql("DROP DATABASE IF EXISTS lutra")
            create(server)
            create_user(server, ["bench"], decided=True)
            let_see_triggers(server, "bench")
            server.sql("CREATE TABLE bench.done (id INT PRIMARY KEY)")
            server.sql("FLUSH BINARY LOGS")
            start[name] = server.sql("SHOW MASTER STATUS")[0][:2]
            fill(server, TRANSACTIONS, first=1 + number * TRANSACTIONS)
            server.sql("INSERT INTO bench.done VALUES (%s)", (number,))
        return start

    def lutra(self, conflicts, start, extra=()):
        self.runs += 1
        places = ", ".join(f"{name}: {{ file: {file}, pos: {pos} }}" for name, (file, pos) in start.items())
        return Lutra(self.lab.folder / f"lutra-{self.runs}", self.sites, "a <-> b", ["bench.*"], conflicts=conflicts,
                     extra=[*([f"start: {{ {places} }}"] if places else []), *extra])

    def drain(self, conflicts):
        """Transactions a second, both ways together, from the start on."""
        lutra = self.lutra(conflicts, self.lay(), [f"writers: {WRITERS}"])
        began = time.monotonic()
        lutra.start()
        for server in self.sites.values():
            wait_until(lambda: len(server.sql("SELECT 1 FROM bench.done")) == 2, 3600, "the backlog", poll_s=0.05)
        took = time.monotonic() - began
        lutra.stop()
        return 2 * TRANSACTIONS / took

    def latencies(self, conflicts):
        start = self.lay()
        lutra = self.lutra(conflicts, start).start()
        lutra.wait()
        took = measure(self.sites["a"], self.sites["b"], 3 * (2 * TRANSACTIONS + 2))
        lutra.stop()
        return took


def compare(pair, durability):
    rates, took = {k: [] for k in POLICIES}, {k: [] for k in POLICIES}
    for i in range(RUNS):
        for name, conflicts in POLICIES.items():
            rates[name].append(pair.drain(conflicts))
            took[name].append(pair.latencies(conflicts))
        say(f"fence.{durability} run {i + 1} of {RUNS}: without {rates['without'][-1]:.0f}, with {rates['with'][-1]:.0f} trx/s")
    peer = "the same channel with `conflicts: none`"
    figure(f"fence.throughput.{durability}", rates["with"], rates["without"], 0.8, "transactions/s", peer)
    for q, label in ((0.5, "p50"), (0.99, "p99")):
        ours, theirs = ([percentile(run, q) for run in took[name]] for name in ("with", "without"))
        figure(f"fence.latency.{durability}.{label}", ours, theirs, 0.5, "ms", peer, better="less")
        if label == "p50":
            figure(f"fence.wait.{durability}.p50", [max(o - t, 0.01) for o, t in zip(ours, theirs)], [2] * RUNS, 1, "ms", "a limit of 2 ms",
                   better="less")


def site_a(lutra):
    return next(site for site in lutra.status()["channels"][0]["sites"] if site["name"] == "a")


def remember(pair):
    """Site b is not heard at a: of each row that is written there a version is kept, beyond a third of `memory` on the disk. Then b is heard."""
    for server in pair.sites.values():
        server.sql("DROP DATABASE IF EXISTS lutra")
        create(server)
        create_user(server, ["bench"], decided=True)
        server.sql("CREATE TABLE many (id BIGINT PRIMARY KEY)", db="bench")
    a, b = pair.sites.values()
    lutra = pair.lutra("last-writer-wins", {}, [f"memory: {MEMORY}"]).start()
    lutra.wait()
    lutra.command("pause", "b->a")
    for first in range(0, KEYS, STEP):
        a.sql(f"INSERT INTO many SELECT seq FROM seq_{first}_to_{first + STEP - 1}", db="bench")
    wait_until(lambda: b.sql("SELECT COUNT(*) FROM many", db="bench")[0][0] == KEYS, 3600, "the rows to come to b", poll_s=0.2)
    full = wait_until(lambda: (its := site_a(lutra))["keys"] >= KEYS and its, 600, "all to be remembered", poll_s=0.2)
    say(f"fence.memory: {full['keys']} keys in {full['key_bytes']} bytes, {full['spilled_bytes']} of them on the disk")
    figure("fence.memory.key", [full["key_bytes"] / full["keys"]], [100], 1, "bytes", "a limit of 100 bytes", better="less")
    figure("fence.memory.held", [max(full["key_bytes"] - full["spilled_bytes"], 1) + full["over_bytes"]], [MEMORY // 3], 1, "bytes",
           f"a third of `memory` of {MEMORY >> 20} MiB: the rest lies on the disk", better="less")
    lutra.command("resume", "b->a")
    began = time.monotonic()
    wait_until(lambda: site_a(lutra)["keys"] < KEYS // 1000, 600, "what b has seen to be forgotten", poll_s=0.1)
    figure("fence.memory.forgotten", [time.monotonic() - began], [30], 1, "s", "a limit of 30 s from b's first word until its rows are forgotten",
           better="less")
    lutra.stop()


def run():
    with Lab() as lab:
        remember(Pair(lab, ()))
    for durability, options in (("relaxed", ()), ("durable", DURABLE)):
        if durability in DURABILITIES:
            with Lab() as lab:
                compare(Pair(lab, options), durability)
