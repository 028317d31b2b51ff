"""What counts the tests must not lose one: a crash, a hang or a missing program is a failure."""

import importlib.machinery
import importlib.util
import json
import pathlib
import shutil
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools/run-tests"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_loader("run_tests", importlib.machinery.SourceFileLoader("run_tests", str(SCRIPT)))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OUTPUTS = {
    "all well": ("1..2\nok 1 - a\nok 2 - b\n# ok - tests\n", "OK", (2, 0, 0)),
    "one fails": ("1..2\nok 1 - a\nnot ok 2 - b\n# 1 != 2\n", "FAIL", (1, 1, 0)),
    "one skipped": ("1..2\nok 1 - a\nok 2 - b # SKIP no server\n", "OK", (1, 0, 1)),
    "crash in the second": ("1..2\nok 1 - a\n", "ERROR", (1, 1, 0)),
    "leak at the end": ("1..1\nok 1 - a\n", "ERROR", (1, 1, 0)),
    "hang": ("", "TIMEOUT", (0, 1, 0)),
    "no cases, well": ("", "OK", (1, 0, 0)),
    "no cases, bad": ("", "FAIL", (0, 1, 0)),
    "all skipped": ("1..0 # SKIP\n", "SKIP", (0, 0, 1)),
}


@pytest.mark.parametrize("what", OUTPUTS)
def test_each_end_of_a_unit_test_is_counted(what, tool):
    stdout, result, expected = OUTPUTS[what]
    total = tool.Sum()
    tool.count_test({"name": "x", "stdout": stdout, "result": result, "duration": 0.1, "returncode": 0}, "base", "unit base", total)
    assert (total.passed, len(total.failed), sum(map(len, total.skipped.values()))) == expected


def test_last_line_and_status(tool, capsys):
    total = tool.Sum()
    total.ran("base", 0.1, 3)
    assert total.report() == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 0 failed"
    total.skipped["no server"].append("x")
    total.fail("y")
    assert total.report() == 1
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "3 passed, 1 failed, 1 skipped"
    assert "no server" in out and "FAILED: y" in out


@pytest.fixture
def checkout(tmp_path):
    """A small checkout with run-tests and one pytest suite; its tests are the argument."""
    def make(tests):
        (tmp_path / "tools").mkdir()
        shutil.copy(SCRIPT, tmp_path / "tools/run-tests")
        (tmp_path / "tests/some").mkdir(parents=True)
        (tmp_path / "tests/some/test_it.py").write_text(tests)
        return subprocess.run([tmp_path / "tools/run-tests", "some/test_it.py"], capture_output=True, text=True)
    return make


PYTESTS = {
    "well": ("def test_a(): pass\n", "1 passed, 0 failed", 0),
    "fails": ("def test_a(): assert 0\ndef test_b(): pass\n", "1 passed, 1 failed", 1),
    "skips": ("import pytest\ndef test_a(): pytest.skip('why not')\n", "0 passed, 0 failed, 1 skipped", 0),
    "does not load": ("import nothing_like_this\n", "0 passed, 1 failed", 1),
    "late once": ("import pathlib\ndef test_a():\n    seen = pathlib.Path(__file__).with_suffix('.seen')\n    if not seen.exists():\n"
                  "        seen.touch()\n        raise TimeoutError('a thing: not within 1 s')\n", "1 passed, 0 failed", 0),
    "late twice": ("def test_a(): raise TimeoutError('a thing: not within 1 s')\ndef test_b(): pass\n", "1 passed, 1 failed", 1),
    "wrong once": ("import pathlib\ndef test_a():\n    seen = pathlib.Path(__file__).with_suffix('.seen')\n    if not seen.exists():\n"
                   "        seen.touch()\n        assert 'late' == 'TimeoutError'\n", "0 passed, 1 failed", 1),
    "dies": ("import os\ndef test_a(): os._exit(7)\n", "0 passed, 1 failed", 1),
}


@pytest.mark.parametrize("what", PYTESTS)
def test_each_end_of_a_pytest_suite_is_counted(what, checkout):
    tests, last, status = PYTESTS[what]
    run = checkout(tests)
    assert run.stdout.splitlines()[-1] == last
    assert run.returncode == status
    assert what != "skips" or "why not" in run.stdout
    assert (what == "late once") == ("run again by itself: some.test_it::test_a: TimeoutError: a thing" in run.stdout)


def test_a_program_that_did_not_run_is_a_failure(tool, tmp_path, monkeypatch):
    """Meson gave no result for it, as when it does not build."""
    monkeypatch.setattr(tool, "unit_suites", lambda build: {"base": ["x"]})
    monkeypatch.setattr(tool.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 1))
    (tmp_path / "meson-logs").mkdir()
    (tmp_path / "meson-logs/testlog.json").write_text(json.dumps({"name": "x", "stdout": "ok 1 - old\n", "result": "OK", "duration": 1}))
    total = tool.Sum()
    tool.run_unit(tmp_path, [], total)
    assert total.failed == ["base/x: did not run"]
