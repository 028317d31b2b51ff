"""Two servers of its own, a Lutra between them behind relays, a workload: what the faults are done to."""

import contextlib
import itertools
import shutil

import pytest
import steps
from lutralab import lutra as lutra_lab
from lutralab import workload
from lutralab.certs import Authority
from lutralab.copy import copy_schema
from lutralab.relay import Relay
from lutralab.servers import Unavailable, wait_until

from .disk import Disk, Net

PIPELINE = "hz->us"
ACCOUNT = f"'{lutra_lab.USER}'@'%'"
BASE = "(1, 'abc', 1, 1), (2, 'abc', 2, 2), (3, 'abc', 3, 3), (4, 'abc', 4, 4), (5, 'abc', 5, 5)"
HIT = ("CREATE TABLE hit (id INT NOT NULL PRIMARY KEY, v VARCHAR(20), n INT, u INT, UNIQUE KEY (u))"
       " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
_numbers = itertools.count(1)
WIDE = "CREATE TABLE wide (id INT NOT NULL PRIMARY KEY, b LONGBLOB)"


def to_base():
    return ("DELETE FROM hit", f"INSERT INTO hit (id, v, n, u) VALUES {BASE}")


class World:
    """One for each engine of the target; the source is MariaDB. Faults act on table hit, which is at its base before each."""

    def __init__(self, lab, engine):
        self.lab, self.engine = lab, engine
        self.schema = f"faults_{next(_numbers)}"
        self.folder = lab.folder / self.schema
        self.folder.mkdir()
        self._end = contextlib.ExitStack()
        self.absent = {}  # what could not be had, and why
        self.disks = {name: self._part(name, lambda n=name: Disk(self.folder / f"disk-{n}", 512))
                      for name in ("source-log", "target-log", "table", "data")}
        self.net = self._part("net", Net)
        self._certificates()
        self.source = self._server("mariadb", 11, "source-log")
        self.target = self._server(engine, 12, "target-log", *self._target_options())
        self._tables()
        listen = self.net.here if self.net else "127.0.0.1"
        self.relays = [self._end.enter_context(Relay("127.0.0.1", s.port, listen)) for s in (self.source, self.target)]
        urls = {name: f"{relay.host}:{relay.port}/?connect-timeout=2&ssl-mode={mode}"
                for name, relay, mode in zip(("hz", "us"), self.relays, ("DISABLED", f"VERIFY_CA&ssl-ca={self.keys}/ca.pem"))}
        self.lutra = lutra_lab.Lutra(self.folder / "lutra", {"hz": self.source, "us": self.target}, "hz -> us", [f"{self.schema}.*"],
                                     name=self.schema, urls=urls, prefix=self.net.prefix if self.net else ())
        self._end.callback(self.lutra.kill)
        self.lutra.start()

    def close(self):
        self._end.close()

    def _part(self, name, make):
        try:
            part = make()
        except Unavailable as e:
            self.absent[name] = str(e)
            return None
        self._end.callback(part.close)
        return part

    def need(self, name):
        if name in self.absent:
            pytest.skip(self.absent[name])

    def _certificates(self):
        self.keys = self.folder / "keys"
        self.keys.mkdir()
        names = "IP:127.0.0.1"
        authority = Authority(self.keys, "ca")
        authority.sign("good", names)
        authority.sign("expired", names, days=0)
        Authority(self.keys, "other").sign("strange", names)
        self.certificate("good", load=False)

    def certificate(self, name, load=True):
        """Have the target show another one to who connects from now on."""
        for kind in ("pem", "key"):
            shutil.copyfile(self.keys / f"{name}.{kind}", self.keys / f"server.{kind}")
        if load:
            self.target.sql("FLUSH SSL" if self.target.engine == "mariadb" else "ALTER INSTANCE RELOAD TLS")

    def _target_options(self):
        options = [f"ssl-ca={self.keys}/ca.pem", f"ssl-cert={self.keys}/server.pem", f"ssl-key={self.keys}/server.key"]
        if self.engine == "mysql" and self.disks["table"]:
            options.append(f"innodb-directories={self.disks['table'].folder}")
        return options

    def _server(self, engine, number, log_disk, *options):
        disk = self.disks[log_disk]
        log = [f"log-bin={disk.folder}/binlog"] if disk else []
        server = self.lab.server(engine, number, *log, *options, name=f"{self.schema}-{number}")
        self._end.callback(server.kill)
        return server.start()

    def _tables(self):
        for role, server in zip(lutra_lab.ROLES, (self.source, self.target)):
            workload.create_schema(server, self.schema)
            lutra_lab.create_user(server, [self.schema], roles=(role,))
        self.at_both(HIT, f"INSERT INTO hit VALUES {BASE}")
        where = f" DATA DIRECTORY = '{self.disks['table'].folder}'" if self.disks["table"] else ""
        steps.run_at((self.source,), self.schema, WIDE)
        self.at_target(WIDE + where)

    # -- what faults do -------------------------------------------------------------------------------------------------

    def at_target(self, *statements):
        steps.run_at((self.target,), self.schema, *statements)

    def at_both(self, *statements):
        steps.run_at((self.source, self.target), self.schema, *statements)

    def write(self, *statements, before=()):
        steps.transaction(self.source, self.schema, *statements, before=before)

    def holding(self, *statements, at=None):
        """A session that holds what the statements took."""
        return steps.session(at or self.target, self.schema, *statements)

    def kill_sessions(self, server=None, what="KILL", like="%"):
        server = server or self.target

        def sessions():
            found = steps.lutra_sessions(server, like)
            # It may have met the fault by itself, and be gone.
            return found or (["none"] if self.lutra.pipelines()[PIPELINE]["state"] == "stopped" else None)
        for session in wait_until(sessions, steps.PATIENCE_S, "a session of Lutra"):
            with contextlib.suppress(Exception):  # gone by itself
                server.sql(f"{what} {session}")

    def waits(self, state):
        """Wait until a session of Lutra at the target has been in such a state for a second or more."""
        wait_until(lambda: steps.sessions_where(self.target, f"user = '{lutra_lab.USER}' AND state LIKE '{state}' AND time > 0"), steps.PATIENCE_S,
                   f"Lutra to be {state}")

    def grant(self, tables=None):
        """What create_user() gave; with tables, on those of the schema alone."""
        for grant in lutra_lab.grants(self.target.engine, ("target",)):
            if tables is None or "{schema}" not in grant:
                self.target.sql(grant.format(user=ACCOUNT, schema=self.schema))
                continue
            for table in tables:
                self.target.sql(grant.replace("{schema}`.*", f"{self.schema}`.`{table}`").format(user=ACCOUNT))

    def tables(self):
        return [table for (table,) in self.target.sql("SHOW TABLES", db=self.schema)]

    def copy(self):
        copy_schema(self.source, self.target, self.schema)

    def read_up_to(self):
        """Wait until all that its clients know to be committed is at the target, and nothing is on its way; where the pipeline is then."""
        def look():
            p = self.lutra.pipelines()[PIPELINE]
            there = self.load.expected_ledger() <= set(steps.column(self.target, self.schema, "SELECT txn_id FROM ledger"))
            return p["read_position"] if there and p["read_position"]["pos"] == p["applied_position"]["pos"] else None
        return wait_until(look, steps.PATIENCE_S, "all that was read to be applied")

    def applied(self):
        """--file and --pos up to which all is at the target."""
        place = self.lutra.pipelines()[PIPELINE]["applied_position"]
        return f"--file {place['file']} --pos {place['pos']}"

    def next_file(self):
        """--file and --pos where the source's log goes on."""
        name, number = self.lutra.pipelines()[PIPELINE]["applied_position"]["file"].rsplit(".", 1)
        return f"--file {name}.{int(number) + 1:06d} --pos 4"

    @contextlib.contextmanager
    def third_server(self):
        """One that Lutra may log in to, with tables of the same names."""
        server = self.lab.server("mariadb", 13, name=f"{self.schema}-13").start()
        try:
            workload.create_schema(server, self.schema)
            lutra_lab.create_user(server, [self.schema], roles=("source",))
            yield server
        finally:
            server.kill()

    def order(self, words):
        command, *more = words.split()
        if command == "ddl":
            command, more = "ddl", [more[0], PIPELINE]
        else:
            more = [PIPELINE, *more]
        self.lutra.command(command, *more)

    def restart_lutra(self, wait=True, **env):
        """End it and start it again, with other variables; None takes one away."""
        self.lutra.kill()
        for name, value in env.items():
            self.lutra.env.pop(name, None)
            if value is not None:
                self.lutra.env[name] = value
        self.lutra.start(wait=wait)
