"""An oracle that shares no code with Lutra: the server's own tool applies the same log to an empty server of the same engine.

What stands there is compared with the source, and row by row with what Lutra made at a target of each engine."""

import shutil
import subprocess

import pytest
from conftest import ledger_is, same, whole
from lutralab.servers import Unavailable, fetched
from lutralab.workload import Workload, create_schema
from steps import log_end

TOOLS = {"mariadb": ("mariadb-binlog", "mariadb"), "mysql": ("mysqlbinlog", "mysql")}
PAIRS = [("mariadb", "mariadb"), ("mysql", "mysql"), ("mysql", "mariadb"), ("mariadb", "mysql"), ("mariadb-11.8", "mysql")]


def tools(engine):
    """(log reader, client) of the engine's vendor."""
    reader, client = TOOLS[engine]
    if engine == "mariadb":
        found = shutil.which(reader), shutil.which(client)
    else:
        try:
            found = fetched("mysql") / "bin" / reader, fetched("mysql") / "bin" / client
        except Unavailable as e:
            pytest.skip(str(e))
    if not all(found):
        pytest.skip(f"{reader} or {client} is not installed")
    return found


def create_oracle(server, schema):
    create_schema(server, schema)
    if server.engine == "mysql":
        # Since 9.6 cascades are in the log. Of REPLACE, which leaves the children where they are, the log's DELETE would cascade when the
        # vendor's own tool applies it.
        for table, name in server.sql("SELECT table_name, constraint_name FROM information_schema.referential_constraints"
                                      " WHERE constraint_schema = %s", schema):
            server.sql(f"ALTER TABLE `{schema}`.`{table}` DROP FOREIGN KEY `{name}`")


def log_files(server, begin, end):
    """The log's files from `begin` to `end`, both (file, position)."""
    names = [row[0] for row in server.sql("SHOW BINARY LOGS")]
    return [server.data / name for name in names[names.index(begin[0]):names.index(end[0]) + 1]]


def apply_by_vendor(source, target, begin, end):
    """What `mysqlbinlog LOGS | mysql` does, from one place in the source's log to another."""
    reader, client = tools(source.engine)
    options = ["--no-defaults", f"--start-position={begin[1]}", f"--stop-position={end[1]}"]
    if source.engine == "mysql":
        # The same GTIDs may have been executed there by an earlier test.
        options.append("--skip-gtids")
    text = subprocess.run([reader, *options, *log_files(source, begin, end)], capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    assert text.returncode == 0, text.stderr.decode(errors="replace")
    run = subprocess.run([client, "--no-defaults", "--binary-mode", f"--socket={target.socket}", "--user=root"], input=text.stdout,
                         capture_output=True, timeout=300)
    assert run.returncode == 0, run.stderr.decode(errors="replace")[:2000]


@pytest.mark.parametrize("pair", PAIRS, ids=["-to-".join(p) for p in PAIRS])
def test_vendors_tool_and_lutra_make_the_same_of_a_log(pair, site, channel, schema):
    source, target, oracle = site(pair[0], 1), site(pair[1], 2), site(pair[0], 3)
    tools(source.engine)
    create_oracle(oracle, schema)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    begin = log_end(source)

    with whole(schema, target):
        with Workload(source, schema, clients=2, seed=31, limit=150, large_share=0.02) as load:
            load.join()
        source.sql("FLUSH BINARY LOGS")
        with Workload(source, schema, clients=2, seed=32, limit=300, large_share=0.02) as load:
            load.join()
        lutra.wait()
    apply_by_vendor(source, oracle, begin, log_end(source))

    ledger_is(oracle, schema, load.expected_ledger())
    same(source, oracle, schema)
    same(oracle, target, schema)


@pytest.mark.parametrize("image", ["FULL", "MINIMAL", "NOBLOB"])
@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_row_images_and_metadata(engine, image, site, channel, schema):
    """Whatever the source leaves out of its log, both find the same rows and values."""
    source, target, oracle = site(engine, 1), site(engine, 2), site(engine, 3)
    tools(engine)
    metadata = "MINIMAL" if image == "NOBLOB" else "FULL"
    (before,), = source.sql("SELECT @@GLOBAL.binlog_row_image")
    create_oracle(oracle, schema)
    source.sql(f"SET GLOBAL binlog_row_image = {image}")
    source.sql(f"SET GLOBAL binlog_row_metadata = {metadata}")
    try:
        lutra = channel({"hz": source, "us": target}, "hz -> us").start()
        begin = log_end(source)
        with whole(schema, target):
            load = Workload(source, schema, clients=2, seed=33, limit=150).start().join()
            lutra.wait()
        apply_by_vendor(source, oracle, begin, log_end(source))
    finally:
        source.sql(f"SET GLOBAL binlog_row_image = {before}")
        source.sql("SET GLOBAL binlog_row_metadata = FULL")

    ledger_is(oracle, schema, load.expected_ledger())
    same(source, oracle, schema)
    same(oracle, target, schema)

