"""tests/chaos/run is for hours; one round of it shows that it runs, judges, and says so as it promises."""

import pathlib
import subprocess
import sys

import pytest
from lutralab import lutra as lutra_lab
from lutralab.servers import Unavailable, fetched

RUN = pathlib.Path(__file__).resolve().parents[1] / "chaos/run"


def test_one_round():
    try:
        fetched("mysql")
    except Unavailable as e:
        pytest.skip(str(e))
    assert lutra_lab.binary().exists(), f"{lutra_lab.binary()} is not built"
    run = subprocess.run([sys.executable, RUN, "--seconds", "1", "--seed", "5", "--kills", "5"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                         timeout=400)
    assert run.returncode == 0, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    assert lines[-1] == "1 passed, 0 failed"
    assert lines[-2].split(",")[0] == "5 kills of lutra" and lines[-2].endswith("4 writers")
    assert "seed 5 round 1  equal: " in lines[-3]
