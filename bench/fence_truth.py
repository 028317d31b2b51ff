"""fence.truth: does a reader of the log that has passed P know exactly what was locked before P was asked for?

Each line is one way of locking on one server; `ours` counts what was wrong, and `ratio` is 1 where that is as it must be: none with a
fence, some in a control. BENCH_SECONDS=N for each cell (4) but controls, which end when they have shown it;
BENCH_ENGINES=mariadb,mysql and BENCH_CELLS=keys,values to choose."""

import json
import os
import subprocess

from common import Lab, binary, say
from lutralab.servers import DURABLE, ENGINES, Unavailable

SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
CHOSEN = os.environ.get("BENCH_CELLS", "").split(",")
SEEN = 5  # wrong ones in a control are enough
PATIENCE_S = 120  # for those
ROTATE = "max-binlog-size=262144"
COMPRESS = "binlog-transaction-compression=ON"
UNORDERED = "binlog-order-commits=OFF"
STALL = {"stall_us": 3000}
MANY = {"lanes": 32, "writers": 2, "rows": 20, "keys": 1500, **STALL}  # large groups of commits: where MySQL's gtid_executed is late

# What was wrong: known otherwise than it was locked; changed behind the knowledge and before the lane's own transaction; not to be put back.
WRONG = ("wrong", "between_keys", "between_values", "slipped")


def program():
    build = binary().parent
    subprocess.run(["ninja", "-C", build, "bench/truth"], check=True, stdout=subprocess.DEVNULL)
    return build / "bench/truth"


def measure(truth, server, ms, **keys):
    """One run of the program `truth`."""
    argv = [truth, f"socket={server.socket}", f"ms={int(ms)}", *(f"{k}={v}" for k, v in keys.items())]
    run = subprocess.run(argv, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, timeout=ms / 1000 + 60, check=True)
    return json.loads(run.stdout)


def wrong(found):
    return sum(found[k] for k in WRONG)


class Cells:
    """The cells of one server, one after the other."""

    def __init__(self, truth, server):
        self.truth, self.server = truth, server

    def look(self, name, setting, control=False, **keys):
        if not any(chosen in name for chosen in CHOSEN):
            return
        found = measure(self.truth, self.server, 1000 * (PATIENCE_S if control else SECONDS), **keys, **({"until": SEEN} if control else {}))
        count = wrong(found)
        line = {"bench": f"fence.truth.{self.server.name}.{name}", "ours": count, "peer": int(control), "ratio": int((count > 0) == control), "goal": 1,
                "unit": "wrong", "peer_is": "at least one: a control" if control else "none", "runs": 1, "setting": setting, **found}
        print(json.dumps(line), flush=True)

    def fences(self, setting, end="file", **keys):
        self.look(f"present.{end}", setting, work="present", lock="select", end=end, **keys)
        self.look(f"keys.insert.{end}", setting, work="keys", lock="insert", end=end, **keys)
        for lock in ("values-again", "values-null"):
            self.look(f"{lock}.{end}", setting, work="values", lock=lock, end=end, **{**keys, "rows": 2})

    def controls(self, setting):
        self.look("present.none", setting, True, work="present", lock="select", end="none")
        self.look("keys.insert.none", setting, True, work="keys", lock="insert", end="none")
        self.look("values-again.none", setting, True, work="values", lock="values-again", end="none", rows=2)
        self.look("keys.select.file", setting, True, work="keys", lock="select", end="file")
        self.look("values-once.file", setting, True, work="values", lock="values-once", end="file", rows=2, writers=12)


def of_mysql(server, cells):
    server.restart()
    cells.look("present.gtid", "relaxed", True, work="present", lock="select", end="gtid", **MANY)
    cells.look("present.many.file", "relaxed", work="present", lock="select", end="file", **MANY)
    server.restart(ROTATE, COMPRESS)
    cells.fences("relaxed rotation compression", **STALL)
    server.restart(UNORDERED)
    cells.fences("relaxed order_commits=OFF", **STALL)


def run():
    engines = os.environ.get("BENCH_ENGINES", ",".join(ENGINES)).split(",")
    truth = program()
    with Lab() as lab:
        for number, engine in enumerate(engines, 1):
            try:
                server = lab.server(engine, number, name=engine)
            except Unavailable as e:
                say(f"{engine}: {e}")
                continue
            cells = Cells(truth, server)
            server.start(ROTATE)
            say(f"{engine}: {server.version}")
            cells.controls("relaxed rotation")
            cells.fences("relaxed rotation", **STALL)
            if server.engine == "mariadb":
                cells.fences("relaxed rotation", end="gtid", **STALL)
            server.restart(*DURABLE)
            cells.fences("durable")
            if server.engine == "mysql":
                of_mysql(server, cells)
            server.stop()
