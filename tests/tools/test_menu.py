"""What scripts rely on in the Makefile, and the check of layers."""

import os
import pathlib
import shutil
import subprocess

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


def test_bench_writes_figures_alone_to_stdout():
    """Not what the build says, which runs before."""
    binary = pathlib.Path(os.environ.get("LUTRA_BIN", CHECKOUT / "build/lutra"))
    if not (binary.parent / "build.ninja").exists() or not pathlib.Path("/usr/bin/time").exists():
        pytest.skip("needs a build folder and what the benchmarks are made of")
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}  # of the make that runs us
    run = subprocess.run(["make", "bench", f"BUILD={binary.parent}", "NAME=nothing"], cwd=CHECKOUT, env=env, capture_output=True, text=True)
    assert run.stdout == "" and "ninja" in run.stderr and "nothing" in run.stderr
    assert run.returncode != 0


@pytest.mark.parametrize("line, status", [("base/err.h", 0), ("pipeline/load.h", 1), ("base/own_priv.h", 1)])
def test_layers(line, status, tmp_path):
    """An include that src/LAYERS does not grant is found; in this tree there is none."""
    for name in ("tools/layers", "src/LAYERS"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(CHECKOUT / name, tmp_path / name)
    (tmp_path / "src/mysql").mkdir()
    (tmp_path / "src/mysql/new.c").write_text(f'#include "{line}"\n')
    run = subprocess.run([tmp_path / "tools/layers"], capture_output=True, text=True)
    assert run.returncode == status and ("mysql/new.c:1" in run.stdout) == (status != 0), run.stdout
    tree = subprocess.run([CHECKOUT / "tools/layers"], capture_output=True, text=True)
    assert tree.returncode == 0, tree.stdout
