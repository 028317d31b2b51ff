"""A handle on the lutra binary: one channel, one data folder, run and killed as the test wants."""

import copy
import functools
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

from .servers import CHECKOUT, spawn, tail, wait_until

USER, PASSWORD = "lutra", "Otter-5-pw"
READY_S, WAIT_S = 60, 60  # only one that never is ready, or never is done, takes so long
SLOWER = 4  # at most, with a sanitizer

ROLES = ("source", "target")
_REPLICATION = {"mariadb": "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO {user}",
                "mysql": "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {user}"}


def roles(site, direction):
    """What a site is in a channel of that direction ("hz -> us", "mesh")."""
    if direction == "mesh":
        return ROLES
    left, way, right = direction.split()
    return ROLES if way == "<->" else tuple(role for role, its in zip(ROLES, (left, right)) if its == site)


def grants(engine, roles=ROLES, decided=False):
    """What `lutra check` prints for a site with those roles, where conflicts are decided or not. {schema} is each mapped schema."""
    source, target = (role in roles for role in ROLES)
    return [*([_REPLICATION[engine]] if source else []),
            f"GRANT SELECT{', INSERT, UPDATE, DELETE' if target else ''}{', TRIGGER' if target and decided else ''} ON `{{schema}}`.* TO {{user}}",
            *(["GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX ON `lutra`.* TO {user}"] if target else [])]


def binary():
    return pathlib.Path(os.environ.get("LUTRA_BIN", CHECKOUT / "build/lutra")).absolute()


@functools.cache
def without_sanitizer():
    return not binary().exists() or "sanitize=none" in subprocess.run([binary(), "version"], capture_output=True, text=True).stdout


def patience_s(seconds):
    """Of one who would wait so long for a program without a sanitizer."""
    return seconds if without_sanitizer() else SLOWER * seconds


def create_user(server, schemas, user=USER, password=PASSWORD, roles=ROLES, decided=False):
    """The account Lutra uses, with the grants it asks for where the server has those roles, and no more."""
    account = f"'{user}'@'%'"
    server.script([
        f"DROP USER IF EXISTS {account}",
        f"CREATE USER {account} IDENTIFIED BY '{password}'",
        *dict.fromkeys(g.format(user=account, schema=s) for s in schemas for g in grants(server.engine, roles, decided)),
    ])


def let_see_triggers(server, schema, user=USER):
    """What `lutra check` says is worth its while at a target: forms of statements that triggers would tell apart are used then."""
    server.sql(f"GRANT TRIGGER ON `{schema}`.* TO '{user}'@'%'")


class LutraFailed(Exception):
    """A lutra command ended with another status than it should; holds what it said."""

    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


class Lutra:
    """`lutra run` on a channel between servers: sites is {"hz": server, ...}, ids are their order.

    conflicts is a policy ("last-writer-wins") or all that the key may hold, as a dictionary; two-way without it: none.
    urls says where a site is reached in another way ("HOST:PORT/?OPTIONS"); prefix is what the program is started with; semi_sync
    names sites that are read so.
    Owned by one thread; status() may be called by any."""

    def __init__(self, folder, sites, direction, tables, name="shop", extra=(), user=USER, password=PASSWORD,
                 program=None, env=None, urls=None, prefix=(), semi_sync=(), conflicts=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.program = program or binary()
        self.env = {**os.environ, **(env or {})}
        self.prefix = list(prefix)
        self.options = []  # of `lutra run`
        self.file = self.folder / f"{name}.yaml"
        self.data = self.folder / "data"
        self.log = self.folder / "lutra.log"
        self._process = None
        self._out = None
        self._runs = 0
        secret = self.folder / "site.pw"
        secret.touch(mode=0o600)
        secret.write_text(password + "\n")
        lines = [f"channel: {name}", "sites:"]
        for number, (site, server) in enumerate(sites.items(), 1):
            where = (urls or {}).get(site) or f"127.0.0.1:{server.port}"
            more = ", semi-sync: true" if site in semi_sync else ""
            lines.append(f'  {site}: {{ id: {number}, url: "mysql://{user}@{where}", password_file: {secret.name}{more} }}')
        lines += [f'direction: "{direction}"', "tables:"]
        lines += [f'  - "{t}"' if isinstance(t, str) else f"  - {json.dumps(t)}" for t in tables]
        if conflicts or "<->" in direction:
            lines.append(f"conflicts: {json.dumps(conflicts or 'none')}")
        self.file.write_text("\n".join([*lines, *extra]) + "\n")

    def other(self, folder):
        """The same channel file, to be run with another data folder."""
        twin = copy.copy(self)
        twin.folder = pathlib.Path(folder)
        twin.folder.mkdir(parents=True)
        twin.data, twin.log = twin.folder / "data", twin.folder / "lutra.log"
        twin._process, twin._runs = None, 0
        return twin

    @property
    def alive(self):
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self):
        return self._process.pid if self._process else None

    def start(self, wait=True, timeout_s=None):
        """Run it; with `wait`, return once it wrote `ready`."""
        assert not self.alive
        self._runs += 1
        self._out = self.folder / f"out.{self._runs}"
        with open(self._out, "w") as out, open(self.log, "a") as log:
            self._process = spawn([*self.prefix, self.program, "run", self.file, "--data", self.data, *self.options], stdin=subprocess.DEVNULL,
                                  stdout=out, stderr=log, env=self.env)
        if wait:
            self.wait_ready(timeout_s)
        return self

    def wait_ready(self, timeout_s=None):
        def ready():
            if "ready" in self._out.read_text().splitlines():
                return True
            if not self.alive:
                raise LutraFailed(f"lutra run ended with status {self._process.returncode}\n{tail(self.log)}", self._process.returncode)
            return False
        try:
            wait_until(ready, timeout_s or patience_s(READY_S), "lutra to be ready")
        except TimeoutError as e:
            raise LutraFailed(f"{e}\n{tail(self.log)}", None) from None

    @property
    def held(self):
        """Whether all of its threads are stopped (SIGSTOP, or a step at which it holds itself)."""
        try:
            return all((task / "stat").read_text().rsplit(") ", 1)[1][0] == "T" for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir())
        except OSError:  # a thread has just ended
            return False

    def hold(self):
        """Stop it where it is; it does nothing more when this returns."""
        self._process.send_signal(signal.SIGSTOP)
        wait_until(lambda: self.held, 30, "lutra to be held")

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        """kill -9."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self, timeout_s=10):
        """SIGTERM; returns the status it ended with. Slower than the contract's 10 s is a failure."""
        if not self.alive:
            return self._process.returncode if self._process else None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LutraFailed(f"lutra did not end within {timeout_s} s of SIGTERM\n{tail(self.log)}", None) from None

    def command(self, *words, ok=(0,), timeout_s=120):
        """Run `lutra WORDS... --data DIR`; returns its stdout."""
        # In a session of its own: a Ctrl-C at the terminal is for us to judge.
        run = subprocess.run([str(self.program), words[0], "--data", str(self.data), *map(str, words[1:])], capture_output=True, text=True,
                             stdin=subprocess.DEVNULL, timeout=timeout_s, start_new_session=True)
        if run.returncode not in ok:
            raise LutraFailed(f"lutra {' '.join(map(str, words))}: status {run.returncode}\n{run.stderr}\n{run.stdout}\n{tail(self.log)}",
                              run.returncode)
        return run.stdout

    def status(self):
        return json.loads(self.command("status", "--json", ok=(0, 1)))

    def pipelines(self):
        """{"hz->us": its status}"""
        return {p["name"]: p for channel in self.status()["channels"] for p in channel["pipelines"]}

    def wait(self, timeout_s=None):
        """All that was committed at the sources is at the targets when this returns; LutraFailed with the reason otherwise."""
        timeout_s = timeout_s or patience_s(WAIT_S)
        self.command("wait", "--timeout", timeout_s, timeout_s=timeout_s + 30)

    def retry(self, pipeline):
        self.command("retry", pipeline)

    def skip(self, pipeline, *more):
        self.command("skip", pipeline, *more)

    def check(self):
        """`lutra check FILE`: (status, lines)."""
        run = subprocess.run([str(self.program), "check", str(self.file)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
                             env=self.env)
        return run.returncode, run.stdout.splitlines()


class Keeper:
    """Kills and starts a Lutra at random instants in a thread of its own, as an unkind supervisor would."""

    def __init__(self, lutra, rng, kills, longest_s):
        self.lutra, self.rng, self.kills, self.longest_s = lutra, rng, kills, longest_s
        self.done = 0
        self.failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.kills = 0
        self._thread.join(60)

    def _run(self):
        try:
            while self.done < self.kills:
                # The instant is the point here: before it is connected, before `ready`, or in full work.
                time.sleep(self.rng.uniform(0, self.longest_s))
                if not self.lutra.alive:
                    raise LutraFailed(f"lutra ended by itself after {self.done} kills\n{tail(self.lutra.log)}", None)
                self.lutra.kill()
                self.done += 1
                self.lutra.start(wait=False)
        except Exception as e:
            self.failure = e

    def finish(self, timeout_s=120):
        """Wait for the last kill; raises what went wrong."""
        self._thread.join(timeout_s)
        if self.failure:
            raise self.failure
        if self._thread.is_alive():
            raise TimeoutError(f"{self.done} of {self.kills} kills in {timeout_s} s")
        self.lutra.wait_ready()
