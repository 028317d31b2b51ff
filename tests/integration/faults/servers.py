"""Faults of the servers: locks, sessions, accounts, disks, restarts, logs."""

import contextlib

import steps
from lutralab.lutra import PASSWORD
from lutralab.servers import wait_until

from .data import UPDATE_2
from .fault import BOTH, Fault, setting
from .world import ACCOUNT, PIPELINE, World

UPDATE_ALL = tuple(f"UPDATE hit SET n = n + 10 WHERE id = {i}" for i in range(1, 6))


def held(*statements):
    """A session at the target holds what they take."""
    return lambda w: w.holding(*statements)


# -- locks ------------------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def deadlock(w):
    before = w.lutra.pipelines()[PIPELINE]["retries"]
    with steps.deadlock(w.lutra, w.target, w.schema, "hit", lambda: w.write(*UPDATE_ALL)):
        steps.retrying(w.lutra, PIPELINE, steps.LOCK_WAIT)
        yield
    assert w.lutra.pipelines()[PIPELINE]["retries"] > before


@contextlib.contextmanager
def reader_and_alter(w):
    """A long reader, an ALTER that waits for it, and Lutra behind both."""
    with w.holding("BEGIN", "SELECT * FROM hit") as reader:
        alter = w.target.connect(w.schema, read_timeout=60)
        alter._execute_command(3, "ALTER TABLE hit COMMENT = 'waits'")  # COM_QUERY; the answer comes when the reader is done
        wait_until(lambda: steps.sessions_where(w.target, "state LIKE '%metadata lock%'"), 60, "the ALTER to wait")
        yield
        reader.execute("COMMIT")
        alter._read_query_result()
        alter.close()


# -- sessions and accounts -------------------------------------------------------------------------------------------------------

def kills(what, where="target"):
    @contextlib.contextmanager
    def fault(w):
        for _ in range(3):
            w.kill_sessions(getattr(w, where), what)
        yield
    return fault


@contextlib.contextmanager
def killed_statement(w):
    with w.holding("BEGIN", "SELECT * FROM hit WHERE id = 2 FOR UPDATE"):
        w.write(*UPDATE_2)
        w.kill_sessions(what="KILL QUERY", like="UPDATE%hit%")
        yield


def account(make, undo, reconnect=True):
    """Statements about Lutra's account at the target."""
    @contextlib.contextmanager
    def fault(w):
        w.target.sql(make.format(account=ACCOUNT, schema=w.schema))
        if reconnect:
            w.kill_sessions()
        yield
        if callable(undo):
            undo(w)
        else:
            w.target.sql(undo.format(account=ACCOUNT, schema=w.schema))
    return fault


@contextlib.contextmanager
def revoked_on_a_table(w):
    w.grant([t for t in w.tables() if t != "hit"])
    w.target.sql(f"REVOKE SELECT, INSERT, UPDATE, DELETE ON `{w.schema}`.* FROM {ACCOUNT}")
    yield
    w.grant()


@contextlib.contextmanager
def too_many(w):
    """All that the server takes, so that Lutra's next session is one too many."""
    connections = [w.target.connect() for _ in range(20)]
    with w.holding() as root:
        root.execute("SELECT @@GLOBAL.max_connections")
        ((before,),) = root.fetchall()
        root.execute("SELECT id FROM information_schema.processlist WHERE user = 'lutra'")
        sessions = [session for (session,) in root.fetchall()]
        try:
            root.execute(f"SET GLOBAL max_connections = {len(connections)}")
            for session in sessions:
                with contextlib.suppress(Exception):  # gone by itself
                    root.execute(f"KILL {session}")
            yield
        finally:
            root.execute(f"SET GLOBAL max_connections = {before}")
            for connection in connections:
                connection.close()


def certificate(name):
    @contextlib.contextmanager
    def fault(w):
        w.certificate(name)
        w.kill_sessions()
        yield
        w.certificate("good")
    return fault


# -- the servers themselves ------------------------------------------------------------------------------------------------------------

def restarted(where, kill):
    @contextlib.contextmanager
    def fault(w):
        server = getattr(w, where)
        with w.holding("BEGIN", "INSERT INTO hit VALUES (7, 'abc', 7, 7)", at=w.source):
            server.restart(kill=kill)
        yield
    return fault


def hangs(where):
    @contextlib.contextmanager
    def fault(w):
        server = getattr(w, where)
        server.pause()
        try:
            yield
        finally:
            server.resume()
    return fault


@contextlib.contextmanager
def table_disk_full(w):
    """The tablespace cannot grow."""
    with w.disks["table"].full():
        w.write("INSERT INTO wide VALUES (2, REPEAT('x', 8000000))")
        yield
    w.write("DELETE FROM wide")


@contextlib.contextmanager
def target_log_disk_full(w):
    """Writers hang at COMMIT, for a minute after there is room again; a restart ends that."""
    with w.disks["target-log"].full():
        w.write("INSERT INTO wide VALUES (3, REPEAT('x', 3000000))")
        wait_until(lambda: stuck(w.target), steps.PATIENCE_S, "the target to wait for room")
        yield
    w.target.restart(kill=True)
    w.write("DELETE FROM wide")


@contextlib.contextmanager
def source_log_disk_full(w):
    """Writers hang at COMMIT; after the crash the file ends inside an event for ever: where, the disk's pages say, so it is cut here."""
    with w.disks["source-log"].full():
        wait_until(lambda: len(stuck(w.source)) == len(w.load.clients), steps.PATIENCE_S, "the source to wait for room")
        whole = w.read_up_to()
    w.source.kill()
    with open(w.disks["source-log"].folder / whole["file"], "r+b") as log:
        log.seek(4)
        begin = log.read(60)  # of the event that each file begins with, which is longer
        log.truncate(whole["pos"])
        log.seek(whole["pos"])
        log.write(begin)
    w.source.start()
    yield


def stuck(server):
    return steps.sessions_where(server, "info = 'COMMIT' AND time > 0")


# -- logs ------------------------------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def purged(w):
    """What was not read yet is gone: a fresh copy, and on from its place."""
    assert w.lutra.stop() == 0
    w.write(*UPDATE_2)
    steps.purge_all(w.source)
    w.lutra.start(wait=False)
    yield
    w.copy()


@contextlib.contextmanager
def log_begun_anew(w):
    w.source.sql("RESET MASTER")
    yield
    w.copy()


@contextlib.contextmanager
def another_server(w):
    """At the source's address another one answers."""
    here = w.relays[0].to
    with w.third_server() as third:
        w.relays[0].to = ("127.0.0.1", third.port)
        w.relays[0].reset()
        yield
        w.relays[0].to = here
        w.relays[0].reset()


def clock_of_source(when):
    """The stamps in the log jump."""
    @contextlib.contextmanager
    def fault(w):
        w.write(*UPDATE_2, before=[f"SET timestamp = {when}"])
        yield
    return fault


SERVERS = [
    Fault("deadlock", deadlock, engines=BOTH),
    Fault("lock wait", held("BEGIN", "SELECT * FROM hit WHERE id = 2 FOR UPDATE"), UPDATE_2, shows="E2060", engines=BOTH),
    Fault("LOCK TABLES", held("LOCK TABLES hit WRITE"), UPDATE_2, waits="Waiting for%"),
    Fault("FLUSH TABLES WITH READ LOCK", held("FLUSH TABLES WITH READ LOCK"), waits="Waiting for%", engines=BOTH),
    Fault("a reader, an ALTER behind it", reader_and_alter, UPDATE_2, shows="E2060", engines=BOTH),
    Fault("killed statement", killed_statement, engines=BOTH),
    Fault("killed sessions at the target", kills("KILL"), busy=True),
    Fault("killed sessions at the source", kills("KILL", "source"), busy=True),
    Fault("read_only", setting(read_only=1), shows="E2043", engines=BOTH),
    Fault("super_read_only", setting(read_only=1, super_read_only=1), shows="E2043", engines=("mysql",)),
    Fault("too many connections", too_many, shows="E2042"),
    Fault("all grants revoked", account("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}", lambda w: w.grant()), stops="E2041"),
    Fault("a grant revoked", account("REVOKE UPDATE ON `{schema}`.* FROM {account}", lambda w: w.grant(), reconnect=False), stops="E2041", engines=BOTH),
    Fault("grants on one table revoked", revoked_on_a_table, UPDATE_2, stops="E2041"),
    Fault("grants on schema lutra revoked", account("REVOKE ALL ON `lutra`.* FROM {account}", lambda w: w.grant()), stops="E2041", engines=BOTH),
    Fault("password changed", account("ALTER USER {account} IDENTIFIED BY 'another'", f"ALTER USER {{account}} IDENTIFIED BY '{PASSWORD}'"),
          stops="E2020"),
    Fault("account locked", account("ALTER USER {account} ACCOUNT LOCK", "ALTER USER {account} ACCOUNT UNLOCK"), stops="E2020", engines=BOTH),
    Fault("certificate of another authority", certificate("strange"), stops="E2030"),  # MySQL would not load it
    Fault("certificate out of date", certificate("expired"), stops="E2030"),
    Fault("target restarted", restarted("target", kill=False), busy=True),
    Fault("target killed", restarted("target", kill=True), busy=True, engines=BOTH),
    Fault("source restarted in mid transaction", restarted("source", kill=False), busy=True),
    Fault("source killed in mid transaction", restarted("source", kill=True), busy=True),
    Fault("target hangs", hangs("target"), busy=True),
    Fault("source hangs", hangs("source"), shows="E3015"),
    # MariaDB's INSERT goes round and round until there is room; MySQL's fails.
    Fault("disk full at the target's table", table_disk_full, waits="Update", needs=("table",)),
    Fault("disk full at the table of a MySQL target", table_disk_full, shows="E2045", needs=("table",), engines=("mysql",)),
    Fault("disk full at the target's log", target_log_disk_full, busy=True, needs=("target-log",)),
    Fault("disk full at the source's log, then a crash", source_log_disk_full, stops="E3000", then="position {place}", place=World.next_file,
          needs=("source-log",)),
    Fault("log purged while stopped", purged, stops="E3010", then="position --now", quiet=True),
    Fault("log of the source begun anew", log_begun_anew, stops="E3014", then="position --now", quiet=True),
    Fault("another server at the source's address", another_server, stops="E3014"),
    Fault("clock of the source far ahead", clock_of_source(2000000000), busy=True),
    Fault("clock of the source far behind", clock_of_source(631152000), busy=True),
]
