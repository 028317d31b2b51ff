"""apply: catching up a backlog against the same server's own replica; peak memory in the same run."""

import os

from catchup import DURABLE, Backlog, compare, peer_is
from common import RUNS, Lab, create, figure, fill, say

TRANSACTIONS = int(os.environ.get("BENCH_TRANSACTIONS", "500000"))
# What `writers` is in the channel file: several with commas, 0 for its default.
WRITERS = [int(n) for n in os.environ.get("BENCH_WRITERS", "0").split(",")]
# Of the target: which of the two.
DURABILITIES = os.environ.get("BENCH_DURABILITIES", "relaxed,durable").split(",")


def rates(seconds, count=TRANSACTIONS):
    return [count / s for s in seconds]


def catch_up(bench, goals, extra=(), engine="mariadb"):
    """Transactions of three inserts and one update, for both durabilities of the target."""
    for (name, goal), options in zip(goals.items(), ((), DURABLE)):
        if name not in DURABILITIES:
            continue
        with Lab() as lab:
            say(f"{bench}.{name}: filling {TRANSACTIONS} transactions")
            backlog = Backlog(lab, create, lambda source: fill(source, TRANSACTIONS), engine)
            peer, mine, memory = compare(backlog, backlog.target(*options), RUNS, extra, f"{bench}.{name}")
            figure(f"{bench}.{name}", rates(mine), rates(peer), goal, "transactions/s", peer_is(engine))
            figure(f"memory.{bench}.{name}", memory, [64 << 20] * RUNS, 1, "bytes", "a limit of 64 MiB", better="less")


def run():
    for writers in WRITERS:
        catch_up("apply" + (f".writers{writers}" if writers else ""), {"relaxed": 2, "durable": 3.5}, [f"writers: {writers}"] if writers else [])
