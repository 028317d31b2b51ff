"""The fence: who locks, asks for the end of the server's log, and waits until a reader of that log has passed it, knows what is locked."""

import json
import subprocess

import pymysql
import pytest
from lutralab import lutra as lutra_lab

ENGINES = ["mariadb", "mysql"]
WRONG = ("wrong", "between_keys", "between_values", "slipped")
DUPLICATE, LOCK_WAIT = 1062, 1205
LOCKS = {"present": "select", "keys": "insert", "values": "values-again"}


@pytest.fixture
def truth(site):
    """truth(engine, key=value, ...): what bench/truth counts on that server."""
    path = lutra_lab.binary().parent / "bench/truth"
    if not path.exists():
        pytest.skip(f"{path} is not built")
    used = set()

    def measure(engine, **keys):
        server = site(engine, 1)
        used.add(server)
        argv = [path, f"socket={server.socket}", *(f"{k}={v}" for k, v in keys.items())]
        run = subprocess.run(argv, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    yield measure
    for server in used:
        server.sql("DROP DATABASE fence")


@pytest.mark.parametrize("work", LOCKS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_log_end_as_fence_shows_what_is_locked(engine, work, truth):
    for ms in (250, 2500, 25000):  # until anything was tried
        found = truth(engine, work=work, lock=LOCKS[work], end="file", rows=2, ms=ms, stall_us=3000)
        assert {k: found[k] for k in WRONG} == dict.fromkeys(WRONG, 0), found
        if found["checked"] > 0 and found["writer_commits"] > 0:
            return
    pytest.fail(f"nothing was tried: {found}")


@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_fence_wrong_ones_are_seen(engine, truth):
    found = truth(engine, work="present", lock="select", end="none", keys=12, until=1, ms=60000)
    assert found["wrong"] > 0, found


@pytest.mark.parametrize("engine", ENGINES)
def test_r17_an_absent_key_that_was_only_selected_lets_others_in(engine, truth):
    found = truth(engine, work="keys", lock="select", end="file", keys=12, until=1, ms=60000)
    assert found["between_keys"] > 0 or found["wrong"] > 0, found


@pytest.fixture
def two(site, schema):
    """two(engine): sessions as an applier's and a user's, and a table with a unique column where row 9 has the value 5."""
    opened = []

    def get(engine):
        server = site(engine, 1)
        server.sql(f"CREATE DATABASE {schema}")
        server.script(["CREATE TABLE item (id INT PRIMARY KEY, u INT, UNIQUE KEY (u)) ENGINE = InnoDB", "INSERT INTO item VALUES (9, 5)"], db=schema)
        for _ in range(2):
            opened.append(server.connect(schema, autocommit=False))
            opened[-1].query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            opened[-1].query(f"SET innodb_lock_wait_timeout = {int(engine == 'mysql')}")  # its shortest
        return opened

    yield get
    for one in opened:
        one.close()


def meets(session, statement):
    """The server's error number, 0 for none."""
    try:
        session.query(statement)
        return 0
    except pymysql.err.MySQLError as e:
        return e.args[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_r17_an_image_that_was_inserted_and_deleted_locks_its_key_and_its_value(engine, two):
    applier, user = two(engine)
    applier.query("INSERT INTO item VALUES (1, 7)")
    applier.query("DELETE FROM item WHERE id = 1")
    assert meets(user, "INSERT INTO item VALUES (1, 8)") == LOCK_WAIT
    assert meets(user, "INSERT INTO item VALUES (2, 7)") == LOCK_WAIT


@pytest.mark.parametrize("engine", ENGINES)
def test_r17_an_insert_that_met_a_value_does_not_lock_its_key(engine, two):
    """Why the key must be inserted again once what has the value gave way, or without the value."""
    applier, user = two(engine)
    assert meets(applier, "INSERT INTO item VALUES (1, 5)") == DUPLICATE
    assert meets(applier, "SELECT * FROM item WHERE u = 5 FOR UPDATE") == 0
    assert meets(applier, "SELECT * FROM item WHERE id = 1 FOR UPDATE") == 0
    assert meets(user, "INSERT INTO item VALUES (1, 8)") == 0
    user.rollback()
    assert meets(applier, "INSERT INTO item VALUES (1, NULL)") == 0
    assert meets(user, "INSERT INTO item VALUES (1, 8)") == LOCK_WAIT


@pytest.mark.parametrize("engine", ENGINES)
def test_r17_a_rollback_to_a_savepoint_gives_up_what_an_image_locked(engine, two):
    """Why the image must be deleted."""
    applier, user = two(engine)
    for statement in ("SELECT * FROM item WHERE id = 9 FOR UPDATE", "SAVEPOINT s", "INSERT INTO item VALUES (1, 7)", "ROLLBACK TO SAVEPOINT s"):
        applier.query(statement)
    assert meets(user, "INSERT INTO item VALUES (1, 7)") == 0
