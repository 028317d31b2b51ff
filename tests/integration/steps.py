"""Steps that the tests of rules, faults, bad input and DDL share."""

import contextlib
import shutil

import pymysql
import pytest

from lutralab import lutra as lutra_lab
from lutralab.servers import Unavailable, wait_until

PATIENCE_S = lutra_lab.patience_s(60)  # only what never comes takes so long
DUPLICATE, ROW_MISSING, ROW_DIFFERS, LOCK_WAIT = "E5002", "E5000", "E5001", "E2060"


def run_at(servers, schema, *statements):
    """The same statements at each server, kept out of the log: what lies there before a channel begins."""
    for server in servers:
        server.script(["SET SESSION sql_log_bin=0", *statements], db=schema)


def transaction(server, schema, *statements, before=()):
    server.script([*before, "BEGIN", *statements, "COMMIT"], db=schema)


def log_end(server):
    """(file, position) where the server's log ends."""
    statement = "SHOW MASTER STATUS" if server.engine == "mariadb" else "SHOW BINARY LOG STATUS"
    file, pos = server.sql(statement)[0][:2]
    return file, int(pos)


def settled_end(server):
    """log_end() at which it stays while nobody writes: MariaDB notes in the log, sometime later, that what it wrote to the file before is
    safe. So a new file is begun, and the note of that awaited."""
    if server.engine != "mariadb":
        return log_end(server)
    server.sql("FLUSH BINARY LOGS")
    file = log_end(server)[0]

    def noted():
        events = server.sql(f"SHOW BINLOG EVENTS IN '{file}'")
        return any(kind == "Binlog_checkpoint" and info == file for _, _, kind, _, _, info in events)
    wait_until(noted, PATIENCE_S, f"{server} to be done with the log before {file}", poll_s=0.05)
    return log_end(server)


def log_bytes(server):
    return sum(int(row[1]) for row in server.sql("SHOW BINARY LOGS"))


def column(server, schema, query):
    return [row[0] for row in server.sql(query, db=schema)]


def answers(lutra):
    """Wait until a Lutra that may never be ready answers commands; its pipelines."""
    def look():
        assert lutra.alive, lutra.log.read_text()
        with contextlib.suppress(Exception):
            return lutra.pipelines()
    return wait_until(look, PATIENCE_S, "lutra to answer", poll_s=0.05)


def wait_for(lutra, pipeline, look, what="it"):
    """The first true value of look(status of the pipeline)."""
    answers(lutra)
    return wait_until(lambda: look(lutra.pipelines()[pipeline]), PATIENCE_S, f"{pipeline}: {what}", poll_s=0.05)


def stopped(lutra, pipeline, code, patience_s=None):
    """Wait until the pipeline is stopped; its error, which must have that code (or one of them)."""
    answers(lutra)

    def look():
        status = lutra.pipelines()[pipeline]
        return status["error"] if status["state"] == "stopped" else None
    error = wait_until(look, patience_s or PATIENCE_S, f"{pipeline} to stop", poll_s=0.05)
    assert error["code"] in ((code,) if isinstance(code, str) else code), error
    assert error["hint"]
    return error


def acknowledged(lutra, *pipelines):
    """Each of them has stopped at a statement, or will; acknowledged along the first one it lets all go on."""
    for pipeline in pipelines:
        stopped(lutra, pipeline, "E4000")
    lutra.command("ddl", "done", pipelines[0])
    for pipeline in pipelines:
        wait_for(lutra, pipeline, lambda p: p["state"] == "running", "to go on")


@contextlib.contextmanager
def apart(lutra):
    """No site gets what another one writes meanwhile."""
    pipelines = list(lutra.pipelines())
    for pipeline in pipelines:
        lutra.command("pause", pipeline)
    yield
    for pipeline in pipelines:
        lutra.command("resume", pipeline)


def log_size(lutra):
    return lutra.log.stat().st_size


def met(lutra, begin, code, patience_s=None):
    """Wait until the log, from byte `begin` on, says that a pipeline tries again because of `code` (or one of them): for what is so for a
    moment only, which a look at the status may miss."""
    codes = (code,) if isinstance(code, str) else code

    def look():
        text = lutra.log.read_bytes()[begin:].decode(errors="replace")
        assert " is stopped: " not in text, text
        return any(f" is retrying: {c} " in text for c in codes)
    wait_until(look, patience_s or PATIENCE_S, f"{' or '.join(codes)} in the log", poll_s=0.05)


def retrying(lutra, pipeline, code, patience_s=None):
    """Wait until the pipeline tries again because of `code` (or one of them), for as long as that lasts (else met()); its error."""
    codes = (code,) if isinstance(code, str) else code
    answers(lutra)

    def look():
        status = lutra.pipelines()[pipeline]
        assert status["state"] != "stopped", status
        return status["error"] if status["state"] == "retrying" and (status["error"] or {}).get("code") in codes else None
    return wait_until(look, patience_s or PATIENCE_S, f"{pipeline} to meet {code}", poll_s=0.05)


@contextlib.contextmanager
def server_globals(server, **values):
    """SET GLOBAL for a while; sessions opened meanwhile keep the values."""
    before = {}
    try:
        for name, value in values.items():
            before[name] = server.sql(f"SELECT @@GLOBAL.{name}")[0][0]
            server.sql(f"SET GLOBAL {name} = %s", (value,))
        yield
    finally:
        with contextlib.closing(server.connect()) as c, c.cursor() as cursor:
            for name, value in before.items():
                cursor.execute(f"SET GLOBAL {name} = %s", (value,))


@contextlib.contextmanager
def unacknowledged(server):
    """Each COMMIT at that MariaDB waits, behind its log, for an acknowledgement that does not come."""
    with server_globals(server, rpl_semi_sync_master_timeout=600000, rpl_semi_sync_master_wait_no_slave=1, rpl_semi_sync_master_wait_point="AFTER_SYNC"):
        server.sql("SET GLOBAL rpl_semi_sync_master_enabled = 1")
        try:
            yield
        finally:
            server.sql("SET GLOBAL rpl_semi_sync_master_enabled = 0")


@contextlib.contextmanager
def session(server, schema, *statements, **more):
    """A session at the server that holds what the statements took."""
    with contextlib.closing(server.connect(schema, **more)) as c, c.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        yield cursor


NOT_IN_UTF8MB3 = 3854  # MySQL's own list is utf8mb3, and fails while a statement with other characters runs


def sessions_where(server, condition):
    """Ids of sessions at the server; none while its list cannot be read."""
    try:
        return column(server, None, f"SELECT id FROM information_schema.processlist WHERE {condition}")
    except pymysql.err.OperationalError as e:
        if e.args[0] != NOT_IN_UTF8MB3:
            raise
        return []


def lutra_sessions(server, like="%"):
    """Ids of Lutra's sessions at the server whose statement in hand is like that."""
    return sessions_where(server, f"user = 'lutra' AND COALESCE(info, '') LIKE '{like}'")


def _waits_for_a_lock(server, schema):
    with contextlib.suppress(pymysql.err.OperationalError):  # MySQL cuts the statement's text, which may be inside a character
        return column(server, schema, "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")


def deadlocks(server):
    """How many InnoDB has found."""
    return int(server.sql("SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'")[0][0])


@contextlib.contextmanager
def deadlock(lutra, server, schema, table, write, held=range(2, 6), weight=300):
    """write() changes rows 1, 2, ... of the table in that order through Lutra, which InnoDB then rolls back: the other session has
    written more, `weight` rows, and holds those of `held`. From then on until the end it holds row 1 alone.

    Lutra is held meanwhile: the server, which has its statements already, gives up after a second for each row that is held, but what was
    changed before stays locked, so that the circle closes sooner or later."""
    before = deadlocks(server)
    first = f"SELECT * FROM {table} WHERE id = 1 FOR UPDATE"
    run_at((server,), schema, "CREATE TABLE weight (id INT PRIMARY KEY AUTO_INCREMENT, x CHAR(200))")
    with session(server, schema, "SET SESSION sql_log_bin=0, innodb_lock_wait_timeout=60", "BEGIN",
                 f"INSERT INTO weight (x) VALUES {', '.join(['(1)'] * weight)}", *(f"SELECT * FROM {table} WHERE id = {i} FOR UPDATE" for i in held)) as local:
        write()
        wait_until(lambda: _waits_for_a_lock(server, schema), PATIENCE_S,
                   f"Lutra to wait for row {held[0]}", poll_s=0.2)  # MariaDB renews that table only when it is left alone for 0.1 s
        lutra.hold()
        try:
            local.execute(first)
            assert deadlocks(server) > before
            for statement in ("ROLLBACK", "BEGIN", first):  # else each statement that Lutra has sent waits for its row
                local.execute(statement)
        finally:
            lutra.go_on()
        yield
        local.execute("ROLLBACK")
    run_at((server,), schema, "DROP TABLE weight")


def purge_to(server, file):
    """Purge a server's log up to that file. What a reader holds stays, and the server learns with its next heartbeat that one has gone; MariaDB
    keeps the files of its last checkpoint, too."""
    def purged():
        server.sql("PURGE BINARY LOGS TO %s", (file,))
        return server.sql("SHOW BINARY LOGS")[0][0] == file
    wait_until(purged, PATIENCE_S, f"the logs before {file} to be gone", poll_s=0.2)


def end_sessions(server):
    """What Lutras that have ended left there: a server finds with its next heartbeat that nobody reads its log any more, and keeps it until then."""
    for session in lutra_sessions(server):
        with contextlib.suppress(pymysql.err.MySQLError):  # gone by itself
            server.sql(f"KILL {session}")


def purge_all(server):
    """Purge all of a server's log but its newest, new file. No Lutra reads it."""
    end_sessions(server)
    wait_until(lambda: not lutra_sessions(server), PATIENCE_S, "the readers to be gone")
    server.sql("FLUSH BINARY LOGS")
    purge_to(server, log_end(server)[0])


@contextlib.contextmanager
def own_server(lab, engine, schema, *options, server_id=7):
    """A server for what no other test could go on with; skips where it cannot be had, ends with the block."""
    try:
        server = lab.server(engine, server_id, *options, name=f"{engine}-{schema}")
    except Unavailable as e:
        pytest.skip(str(e))
    try:
        yield server.start()
    finally:
        server.kill()


def copy_data(server, to):
    """The data folder of a server that is stopped."""
    assert not server.alive
    shutil.copytree(server.data, to, symlinks=True)


def restore_data(server, copy):
    assert not server.alive
    shutil.rmtree(server.data)
    shutil.copytree(copy, server.data, symlinks=True)
