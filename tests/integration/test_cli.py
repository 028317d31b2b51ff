"""The command line: help, wrong use, exit status, and the data folder of a run. Needs no server."""

import itertools
import json
import os
import re
import signal
import stat
import subprocess
import urllib.error
import urllib.request

import pytest
from lutralab import lutra as lutra_lab
from lutralab.servers import CHECKOUT, free_port, wait_until

COMMANDS = ["run", "check", "status", "wait", "retry", "skip", "replace", "pause", "resume", "log", "conflicts", "explain", "position", "ddl", "stop", "binlog", "version"]


def cli(*words, **more):
    assert lutra_lab.binary().exists(), f"{lutra_lab.binary()} is not built"
    return subprocess.run([str(lutra_lab.binary()), *map(str, words)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, **more)


@pytest.fixture
def channel_file(tmp_path):
    """A channel between two servers that are not there."""
    port = free_port()
    (tmp_path / "pw").touch(mode=0o600)
    (tmp_path / "pw").write_text("secret\n")
    file = tmp_path / "shop.yaml"
    file.write_text(f"""channel: shop
sites:
  hz: {{ id: 1, url: "mysql://lutra@127.0.0.1:{port}", password_file: pw }}
  us: {{ id: 2, url: "mysql://lutra@127.0.0.1:{port}", password_file: pw }}
direction: hz -> us
tables: [ "shop.*" ]
""")
    return file


class Run:
    def __init__(self, file, data, *more):
        self.data = data
        self.log = file.parent / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([str(lutra_lab.binary()), "run", str(file), "--data", str(data), *more],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        wait_until(lambda: self.process.poll() is not None or cli("status", "--data", data).returncode == 0, 60, "lutra to answer")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@pytest.fixture
def run(channel_file, tmp_path):
    one = Run(channel_file, tmp_path / "data", "--listen", "127.0.0.1:0")
    yield one
    if one.process.poll() is None:
        one.process.kill()
        one.process.wait()


def test_help_of_all_commands():
    whole = cli("--help")
    assert whole.returncode == 0 and not whole.stderr
    for command in COMMANDS:
        assert f"\n  {command}" in whole.stdout
        one = cli(command, "--help")
        assert one.returncode == 0 and f"usage: lutra {command}" in one.stdout, command


@pytest.mark.parametrize("words", [
    [], ["dance"], ["run"], ["run", "a"], ["run", "--data", "d"], ["run", "a", "b", "--data", "d"], ["status"], ["status", "--data"],
    ["status", "--data", "d", "--raw"], ["wait", "--data", "d", "--timeout", "soon"], ["ddl", "--data", "d", "p"], ["binlog", "dump"],
    ["binlog", "dump", "f", "--from", "x"], ["position", "--data", "d", "p"], ["position", "--data", "d", "p", "--file", "f"],
    ["position", "--data", "d", "p", "--now", "--gtid", "0-1-2"], ["position", "--data", "d", "p", "--time", "yesterday"],
    ["position", "--data", "d", "p", "--gtid", "0-1"],
    ["replace", "--data", "d", "p"], ["replace", "--data", "d", "p", "--sql", "x", "--row", "{}"], ["log", "--data", "d", "p", "q"],
    ["conflicts"], ["conflicts", "--data", "d", "f"], ["conflicts", "--data", "d", "--since", "soon"], ["conflicts", "show", "--data", "d"],
    ["conflicts", "count", "--data", "d", "--lost"],
    ["explain", "--data", "d"], ["explain", "--data", "d", "shop.t"], ["explain", "f", "shop.t"], ["conflicts", "replay", "1@hz"], ["replace", "--data", "d", "p", *["--sql", "x"] * 13], ["binlog", "dump", "f", "mysql://u@h/"], ["version", "now"],
], ids=" ".join)
def test_wrong_use_ends_with_2_and_a_hint(words):
    said = cli(*words)
    assert said.returncode == 2
    assert said.stderr.startswith("lutra: E1000 ") and "--help" in said.stderr and said.stderr.count("\n") == 1
    assert not said.stdout

    as_json = json.loads(cli(*words[:1], "--json", *words[1:]).stderr)
    assert as_json["code"] == "E1000" and as_json["hint"]


HINTED = sorted(set(re.findall(r"`(lutra [^`]* [A-Z][^`]*)`", (CHECKOUT / "src/base/codes.def").read_text())))


@pytest.mark.parametrize("command", HINTED)
def test_a_command_in_a_hint_is_understood(command, tmp_path):
    assert len(HINTED) > 5
    more = ["--sql", "DELETE FROM shop.t"] if command.startswith("lutra replace") else ["--now"]
    words = {"DIR": [tmp_path], "PIPELINE": ["p"], "FILE": [tmp_path / "none.yaml"], "...": more}
    said = cli(*itertools.chain.from_iterable(words.get(word, [word]) for word in command.split()[1:]))
    assert said.returncode in (2, 3) and "lutra: E1" in said.stderr and "E1000" not in said.stderr, said.stderr


def test_nothing_runs_on_the_data_folder(tmp_path):
    for words in (["status"], ["wait"], ["retry", "p"], ["skip", "p"], ["position", "p", "--now"], ["ddl", "done", "p"], ["stop"]):
        for data in (tmp_path, tmp_path / "missing"):
            said = cli(words[0], "--data", data, *words[1:])
            assert (said.returncode, said.stderr[:13]) == (3, "lutra: E1021 "), words


def test_bad_channel_files_end_with_2(tmp_path):
    assert cli("run", tmp_path / "none.yaml", "--data", tmp_path / "d").returncode == 2
    (tmp_path / "bad.yaml").write_text("channel: shop\nchanel: shop\n")
    for command in (["check"], ["run", "--data", tmp_path / "d"]):
        said = cli(*command, tmp_path / "bad.yaml")
        assert said.returncode == 2 and "bad.yaml:2:" in said.stderr, said.stderr
    assert not (tmp_path / "d").exists()


def test_check_of_servers_that_are_away_fails(channel_file):
    said = cli("check", channel_file)
    assert said.returncode == 1
    assert any(line.startswith("fail  ") for line in said.stdout.splitlines())


def test_version():
    assert cli("version").stdout.startswith("lutra ")
    assert cli("--version").stdout == cli("version").stdout
    told = json.loads(cli("version", "--json").stdout)
    assert {"version", "commit", "build", "libraries"} <= told.keys()
    assert {"openssl", "zlib", "zstd"} <= told["libraries"].keys()


def test_output_that_does_not_arrive_is_an_error():
    with open("/dev/full", "w") as full:
        said = subprocess.run([str(lutra_lab.binary()), "version"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert said.returncode == 2 and "E1010" in said.stderr


def test_password_in_url_is_refused_and_not_repeated():
    said = cli("binlog", "dump", "mysql://me:hush@127.0.0.1/")
    assert said.returncode == 2 and "E1006" in said.stderr and "hush" not in said.stderr


def test_run_stays_up_while_servers_are_away(run, channel_file):
    state, = json.loads(cli("status", "--data", run.data, "--json").stdout)["channels"]
    assert (state["name"], state["state"]) == ("shop", "retrying")
    assert [p["name"] for p in state["pipelines"]] == ["hz->us"]
    wait_until(lambda: "E2000" in run.log.read_text(), 60, "the reason in the log")
    assert run.process.poll() is None

    late = cli("wait", "--data", run.data, "--timeout", "0.2")
    assert late.returncode == 1 and "E1031" in late.stderr
    assert run.end() == 0
    assert run.process.stdout.read() == b"", "not ready without servers"


def test_data_folder_is_private_and_has_one_user(run, channel_file):
    assert stat.S_IMODE(os.stat(run.data).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(run.data / "control.sock").st_mode) == 0o600
    second = cli("run", channel_file, "--data", run.data)
    assert second.returncode == 2 and "E1020" in second.stderr
    assert cli("status", "--data", run.data).returncode == 0, "the first goes on"

    assert cli("stop", "--data", run.data).stdout == "ended\n"
    assert run.process.wait(10) == 0


def test_data_folder_open_to_others_is_refused(channel_file, tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    said = cli("run", channel_file, "--data", tmp_path / "open")
    assert said.returncode == 2 and "E1010" in said.stderr


def test_orders_name_their_pipeline(run):
    said = cli("retry", "--data", run.data, "us->hz")
    assert said.returncode == 2 and "E1022" in said.stderr and "'hz->us'" in said.stderr


def test_metrics_and_health(run):
    url = re.search(r"http://\S+", run.log.read_text())[0]
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert 'lutra_state{channel="shop",pipeline="hz->us",state="retrying"} 1\n' in text
    with pytest.raises(urllib.error.HTTPError) as health:
        urllib.request.urlopen(f"{url}/health", timeout=10)
    assert health.value.code == 503 and json.loads(health.value.read())["status"] == "failing"


def test_listens_on_loopback_only(channel_file, tmp_path):
    for address in ("0.0.0.0:0", "[::]:0", "9100"):
        said = cli("run", channel_file, "--data", tmp_path / "data", "--listen", address)
        assert said.returncode == 2 and "E1000" in said.stderr
