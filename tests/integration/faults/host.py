"""Faults of the network, of Lutra's host, and of its state at the target."""

import contextlib
import os
import pathlib
import shutil
import subprocess

import pytest
import steps
from lutralab import lutra as lutra_lab
from lutralab.clock import FakeClock
from lutralab.servers import CHECKOUT, Unavailable, wait_until

from .data import UPDATE_2
from .fault import BOTH, Fault, sql
from .world import PIPELINE, World

# Where Lutra is held while the target is restarted: one after the other.
STEPS = ("load.lane", "load.row:2", "load.replied", "load.commit", "load.commit.sent", "load.committed", "lane.claim")
FAULTS_BIN = pathlib.Path(os.environ.get("LUTRA_FAULTS_BIN", CHECKOUT / "build-faults/lutra"))
TEN_YEARS_S = 10 * 365 * 86400


# -- the network ----------------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def cut(w):
    with w.net.cut():
        yield


def deaf(inside):
    @contextlib.contextmanager
    def fault(w):
        with w.net.deaf(inside):
            yield
    return fault


@contextlib.contextmanager
def half_open(w):
    """Sessions end while nothing comes through: only one end knows."""
    with w.net.cut():
        for relay in w.relays:
            relay.reset(lose=True)
        yield


@contextlib.contextmanager
def slow(w):
    relay = w.relays[1]
    relay.pause_s, relay.bytes_per_s = 0.02, 300_000
    yield
    relay.pause_s, relay.bytes_per_s = 0.0, None


# -- Lutra's host -------------------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def faults_program(w, **env):
    """A program that does as it is told at named steps; afterwards the other one again, killed and started."""
    if not FAULTS_BIN.exists():
        pytest.skip(f"{FAULTS_BIN} is not built (`make faults`)")
    program, w.lutra.program = w.lutra.program, FAULTS_BIN
    try:
        w.restart_lutra(wait=False, **env)
        yield
    finally:
        w.lutra.program = program
        w.restart_lutra(wait=False, **dict.fromkeys(env))


@contextlib.contextmanager
def restarted_at_each_step(w):
    with faults_program(w, LUTRA_HOLD_AT=",".join(STEPS)):
        for step in STEPS:
            wait_until(lambda: w.lutra.held, steps.PATIENCE_S, f"Lutra to be held at {step}")
            w.target.restart(kill=True)
            w.lutra.go_on()
        yield


@contextlib.contextmanager
def vanished(w):
    """Its host is gone in the middle of a transaction, and the target does not hear of it: the successor waits for what that holds. (Held when the
    target has answered all but COMMIT: earlier its statements may still lie in Lutra.)"""
    with faults_program(w, LUTRA_HOLD_AT="load.replied"):
        wait_until(lambda: w.lutra.held, steps.PATIENCE_S, "Lutra to be held")
        w.relays[1].reset(forget=True)
    yield


def clock_of_lutra(offset_s):
    @contextlib.contextmanager
    def fault(w):
        if not lutra_lab.without_sanitizer():
            pytest.skip("a sanitizer wants to be the first library that is loaded")
        try:
            clock = FakeClock(w.folder / "clock")
        except Unavailable as e:
            pytest.skip(str(e))
        w.restart_lutra(**clock.env)
        try:
            clock.is_off_by(offset_s)
            yield
            w.write(*UPDATE_2)
            w.lutra.wait()
            clock.is_off_by(0)
            w.write(*UPDATE_2)
            w.lutra.wait()
        finally:
            w.restart_lutra(**dict.fromkeys(clock.env))
    return fault


def limit(w, **what):
    for name, value in what.items():
        subprocess.run(["prlimit", "--pid", str(w.lutra.pid), f"--{name}={value}"], check=True)


@contextlib.contextmanager
def no_files(w):
    """No file or socket more; the control socket's too, so the log must tell."""
    begin = w.lutra.log.stat().st_size
    limit(w, nofile="3:1024")
    w.kill_sessions()
    wait_until(lambda: "Too many open files" in w.lutra.log.read_text()[begin:], steps.PATIENCE_S, "Lutra to say so")
    yield
    limit(w, nofile="1024:1024")


@contextlib.contextmanager
def no_folder(w):
    def gone():
        shutil.rmtree(w.lutra.data, ignore_errors=True)  # something may be written there meanwhile
        return not w.lutra.data.exists()
    wait_until(gone, steps.PATIENCE_S, "the folder to be gone")
    yield
    assert w.lutra.stop() == 0
    w.lutra.start()


@contextlib.contextmanager
def full_folder(w):
    """The data folder's disk is full, at the start and later."""
    assert w.lutra.stop() == 0
    before, w.lutra.data = w.lutra.data, w.disks["data"].folder / "data"
    with w.disks["data"].full():
        w.lutra.start()
        yield
    assert w.lutra.stop() == 0
    w.lutra.data = before
    w.lutra.start()


# -- schema lutra ------------------------------------------------------------------------------------------------------------------------

def lane(change, undo):
    """The progress is changed by hand, and put back after the stop."""
    def one(statement):
        return statement.format(where=f"WHERE pipeline = '{PIPELINE}'")
    return sql([one(s) for s in change], [one(s) for s in undo])


def lost_progress(*statements, again=False):
    """It is gone; where the pipeline was is known from its status alone."""
    @contextlib.contextmanager
    def fault(w):
        if again:
            assert w.lutra.stop() == 0
        w.at_target(*(s.format(channel=w.schema) for s in statements))
        if again:
            w.lutra.start(wait=False)
        yield
        if again:
            w.copy()
    return fault


HOST = [
    Fault("network cut for a moment", cut, busy=True, needs=("net",)),
    Fault("network cut until it is noticed", cut, shows="E3015", needs=("net",)),
    Fault("network cut one way, to Lutra", deaf(True), shows="E3015", needs=("net",)),
    Fault("network cut one way, from Lutra", deaf(False), busy=True, needs=("net",)),
    Fault("half-open connections", half_open, busy=True, needs=("net",)),
    Fault("slow target", slow, busy=True, engines=BOTH),
    Fault("target killed at each step of load", restarted_at_each_step, engines=BOTH),
    Fault("Lutra's host gone in mid transaction", vanished, shows="E2060"),
    Fault("clock of Lutra's host far ahead", clock_of_lutra(TEN_YEARS_S), busy=True),
    Fault("clock of Lutra's host far behind", clock_of_lutra(-TEN_YEARS_S), busy=True),
    Fault("no file may be opened", no_files),
    Fault("data folder removed", no_folder, busy=True),
    Fault("disk full at the data folder", full_folder, busy=True, needs=("data",)),
    Fault("lane changed by hand", lane(["UPDATE lutra.lane SET seq = seq + 5 {where}"], []), stops="E5010"),
    Fault("lane claimed by another", lane(["UPDATE lutra.lane SET epoch = epoch + 1 {where}"], []), stops="E5010", engines=BOTH),
    Fault("lane deleted", lost_progress("DELETE FROM lutra.lane"), stops="E6001", then="position {place}", place=World.applied, engines=BOTH),
    Fault("lane deleted while stopped", lost_progress("DELETE FROM lutra.lane", again=True), stops="E6001", then="position --now", quiet=True),
    Fault("schema lutra dropped while stopped", lost_progress("DROP DATABASE lutra", again=True), stops="E6001", then="position --now", quiet=True),
    Fault("schema lutra dropped", lost_progress("DROP DATABASE lutra"), stops="E6001", then="position {place}", place=World.applied, engines=BOTH),
]
