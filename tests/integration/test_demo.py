"""The demo's verdict is its status, and nothing is left of it."""

import json
import os
import pathlib
import signal
import subprocess

import pytest
from lutralab.lutra import binary
from lutralab.servers import CHECKOUT, wait_until

DEMO = CHECKOUT / "tools/demo"

# It answers as lutra does, and copies nothing.
IDLE = """#!/usr/bin/python3
import sys, time
if sys.argv[1] == "run":
    print("ready", flush=True)
    time.sleep(600)
if sys.argv[1] == "status":
    print('%s')
"""


def processes_of(folder):
    """Command lines of all processes that work below the folder."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words:
            found.append(words)
    return found


@pytest.fixture
def demo(tmp_path):
    """demo(seconds, lutra): the running demo; at the end nothing of it may be left."""
    def start(seconds, lutra):
        env = {**os.environ, "DEMO_SECONDS": str(seconds), "LUTRA_BIN": str(lutra), "TMPDIR": str(tmp_path)}
        return subprocess.Popen([DEMO], env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)

    yield start
    wait_until(lambda: not processes_of(tmp_path), 60, "the demo's processes to be gone")
    assert list(tmp_path.glob("lutra-*")) == []


@pytest.fixture
def idle_lutra(tmp_path):
    pipelines = [{"name": n, "state": "running", "rows_per_s": 0, "lag_ms": None, "error": None} for n in ("hz->us", "us->hz")]
    program = tmp_path / "idle"
    program.write_text(IDLE % json.dumps({"channels": [{"name": "shop", "state": "running", "pipelines": pipelines}]}))
    program.chmod(0o755)
    return program


def test_sites_that_differ_are_called_different(demo, idle_lutra):
    run = demo(3, idle_lutra)
    out, _ = run.communicate(timeout=90)
    assert out.splitlines()[-1].startswith("DIFFERENT: ")
    assert run.returncode == 1
    assert "kill -9 lutra" in out and "runs again" in out


def test_ctrl_c_gives_the_verdict(demo, idle_lutra):
    run = demo(0, idle_lutra)
    seen = []
    while not seen or "written" not in seen[-1]:
        seen.append(run.stdout.readline())
        assert seen[-1], f"the demo ended: {seen}"
    os.killpg(run.pid, signal.SIGINT)
    out, _ = run.communicate(timeout=90)
    assert "writers stopped" in out
    assert run.returncode in (0, 1)


def test_terminated_it_leaves_nothing(demo, idle_lutra):
    run = demo(0, idle_lutra)
    run.stdout.readline()
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert run.returncode == 130


def test_two_sites_end_equal(demo):
    if not binary().exists():
        pytest.skip(f"{binary()} is not built")
    run = demo(8, binary())
    out, _ = run.communicate(timeout=120)
    assert out.splitlines()[-1].startswith("equal: 5 tables, "), out
    assert run.returncode == 0
