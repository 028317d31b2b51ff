"""The schema folder (catalog, history, completion) against real servers and the logs that they write."""

import subprocess

import pytest
from lutralab import lutra as lutra_lab


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_catalog_history_and_completion(site, engine):
    program = lutra_lab.binary().parent / "tests/integration/schema/live"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    run = subprocess.run([str(program), site(engine, 1).socket, "root"], capture_output=True, text=True, timeout=120,
                         env={"CMOCKA_MESSAGE_OUTPUT": "TAP"}, stdin=subprocess.DEVNULL)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "\nok 14 " in run.stdout
