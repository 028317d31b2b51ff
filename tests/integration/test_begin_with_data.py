"""docs/guide/begin-with-data.md: its commands as they stand there, while the source is written to."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import ledger_is, whole
from lutralab.compare import compare
from lutralab.servers import CHECKOUT, wait_until
from lutralab.workload import Workload

GUIDE = (CHECKOUT / "docs/guide/begin-with-data.md").read_text()
DUMP = {"mysql": "mysqldump", "mariadb": "mariadb-dump"}
# What the guide's `grep` finds, and the start that it makes of it.
PLACE = {"mysql": (r"SOURCE_LOG_FILE='(.+)', SOURCE_LOG_POS=(\d+)", '{{ file: "{}", pos: {} }}'),
         "mariadb": (r"gtid_slave_pos='(.+)'", '{{ gtid: "{}" }}')}


def commands(word):
    """The block of commands that begins so."""
    block, = re.findall(rf"^```sh\n({word} .*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return "\n".join(line for line in block.splitlines() if not line.startswith("#"))


def run(text, site, server, schema, folder):
    """At that site, here a server with a socket and a root without password; `shop` has the test's name."""
    login = f"--host={site} --user=root --password"
    assert text.count(login) == 1
    text = text.replace(login, f"--user=root --socket={server.socket}").replace("--databases shop ", f"--databases {schema} ")
    path = f"{pathlib.Path(shutil.which(server.client)).parent}:{os.environ['PATH']}"
    ran = subprocess.run(["sh", "-ec", text], cwd=folder, env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("engine", DUMP)
def test_a_dump_and_its_position(engine, site, channel, schema, tmp_path):
    source, target = site(engine, 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    target.sql(f"DROP DATABASE {schema}")
    source.sql("INSERT INTO kinds (id, f) VALUES (1, 123456.789)", db=schema)  # no client's key: nobody writes it again
    with Workload(source, schema, clients=3, seed=8, pause_s=0.01) as load:
        wait_until(lambda: load.committed > 60, 60, "rows to dump")
        said = run(commands(DUMP[engine]), "hz", source, schema, tmp_path)
        before = load.committed
        pattern, start = PLACE[engine]
        with open(lutra.file, "a") as file:
            file.write(f"start: {{ hz: {start.format(*re.search(pattern, said).groups())} }}\n")
        subprocess.run(["sh", "-ec", commands("sed")], cwd=tmp_path, check=True)
        run(commands("mysql"), "us", target, schema, tmp_path)
        held = {i for (i,) in target.sql("SELECT txn_id FROM ledger", db=schema)}
        assert held and held <= load.expected_ledger()
        assert lutra.check()[0] == 0, lutra.check()
        with whole(schema, target):
            lutra.start()
            wait_until(lambda: load.committed > before + 60, 60, "rows behind the dump")
            load.stop()
            lutra.wait()
    found = compare(source, target, schema, keep=10**6)
    bent = [d for d in found.differences if re.match(r"kinds key '\d+' column f: ", d)]  # FLOAT, as the guide says
    assert bent and found.differences == bent, found
    assert found.rows > 0
    ledger_is(target, schema, load.expected_ledger())
