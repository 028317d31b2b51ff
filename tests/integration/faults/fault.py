"""One row of the table, and how a row is run."""

import contextlib
import dataclasses
import itertools
import typing

import steps
from conftest import ledger_is, same, whole
from lutralab.servers import wait_until
from lutralab.workload import Workload

from .world import PIPELINE, to_base

BOTH = ("mariadb", "mysql")
OF_A_TABLE = ("E4002", "E4003", "E5000", "E5001", "E5002", "E5003", "E5005")
# A target that falls silent in the middle of a group is given a minute.
SILENT_S = 90

_seeds = itertools.count(500)


@dataclasses.dataclass(frozen=True)
class Fault:
    """What must come out: equality in the end, and until then one of
    stops  the pipeline stops with this code; its hint names the command `then`, which is given after the mend
    shows  it tries again because of this code (or one of these), and goes on by itself after the mend
    waits  a session of Lutra at the target is in a state like this
    busy   the writers at the source get on, and nothing is to be seen"""

    name: str
    make: typing.Callable  # of the world, a context manager: the fault lasts as long; leaving it is the mend
    write: tuple = ()      # a transaction at the source that meets the fault
    stops: str = ""
    then: str = "retry"
    place: typing.Callable = None  # what to give `position`, of the world
    shows: str | tuple[str, ...] = ""
    waits: str = ""
    busy: bool = False
    quiet: bool = False    # writers rest before the mend, as for a first copy
    engines: tuple = ("mariadb",)  # of the target
    needs: tuple = ()      # of the world


def sql(make, undo):
    """A fault that statements at the target make and undo."""
    @contextlib.contextmanager
    def fault(w):
        w.at_target(*([make] if isinstance(make, str) else make))
        try:
            yield
        finally:
            w.at_target(*([undo] if isinstance(undo, str) else undo))
    return fault


def setting(where="target", reconnect=False, **values):
    """A fault that lies in a server's global settings, as sessions made from then on have them."""
    @contextlib.contextmanager
    def fault(w):
        server = getattr(w, where)
        with steps.server_globals(server, **values):
            if reconnect:
                w.kill_sessions(server)
            yield
        if reconnect:
            w.kill_sessions(server)
    return fault


def traffic(load, count):
    wait_until(lambda: all(c.committed for c in load.clients), 60, "each client's first transaction")
    goal = load.committed + count
    wait_until(lambda: load.committed >= goal, 60, "traffic")


def come_out(fault, w, load, begin):
    """What must be seen while the fault lasts; the log from byte `begin` on is of that time."""
    if fault.write:
        w.write(*fault.write)
    if fault.stops:
        error = steps.stopped(w.lutra, PIPELINE, fault.stops)
        assert f"`lutra {fault.then.split()[0]}" in error["hint"], error
        if error["code"] in OF_A_TABLE:
            assert error["where"]["table"] in (f"{w.schema}.hit", f"{w.schema}.wide") and error["where"]["file"], error
    if fault.shows:
        steps.met(w.lutra, begin, fault.shows, SILENT_S)
    if fault.waits:
        w.waits(fault.waits)
    if fault.busy:
        traffic(load, 10)
    if fault.quiet:
        load.stop()


def run(fault, w):
    for part in fault.needs:
        w.need(part)
    with whole(w.schema, w.target, pause_s=0.2), Workload(w.source, w.schema, clients=2, seed=next(_seeds), pause_s=0.02, large_share=0) as w.load:
        load = w.load
        traffic(load, 4)
        begin = steps.log_size(w.lutra)
        with fault.make(w):
            come_out(fault, w, load, begin)
        if fault.stops:
            w.order(fault.then.format(place=fault.place(w) if fault.place else ""))
        traffic(load, 0 if fault.quiet else 4)
        load.stop()
        w.write(*to_base())
        w.lutra.wait(timeout_s=2 * SILENT_S)
    same(w.source, w.target, w.schema)
    ledger_is(w.target, w.schema, load.expected_ledger())
    steps.wait_for(w.lutra, PIPELINE, lambda p: (p["state"], p["error"]) == ("running", None), "to run as if nothing had been")
