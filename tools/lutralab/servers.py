"""Private MariaDB and MySQL instances: own folder, free loopback port, full row log, ended with the process.

    with Lab() as lab:
        hz = lab.start("mariadb", 1)
        us = lab.start("mysql", 2, "innodb-lock-wait-timeout=1")
"""

import atexit
import contextlib
import fcntl
import hashlib
import os
import pathlib
import queue
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pymysql
import pymysql.converters

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
ENGINES = ("mariadb", "mysql", "mariadb-11.8")

# Relaxed is safe for kill -9 of a server (not of the machine): all is handed to the system at commit.
RELAXED = ("innodb-flush-log-at-trx-commit=2", "sync-binlog=0")
DURABLE = ("innodb-flush-log-at-trx-commit=1", "sync-binlog=1")

COMMON = (
    "bind-address=127.0.0.1",
    "skip-name-resolve",
    "log-bin=binlog",
    "binlog-format=ROW",
    "binlog-row-image=FULL",
    "binlog-row-metadata=FULL",
    "performance-schema=OFF",
    "innodb-buffer-pool-size=128M",
    "max-connections=200",
)
MARIADB = ("gtid-strict-mode=ON", "log-slave-updates=ON", "binlog-annotate-row-events=ON", "innodb-log-file-size=64M")
# What a server must be told when its data folder is made, too.
AT_INIT = "lower-case-table-names="
# Names the folder where labs, also of other processes, keep what servers begin with; without it each lab has its own.
FRESH = "LUTRA_FRESH"
MYSQL = ("gtid-mode=ON", "enforce-gtid-consistency=ON", "mysqlx=OFF", "innodb-redo-log-capacity=64M")


class Unavailable(Exception):
    """A server cannot be had on this machine; the text says why. Tests skip with it."""


class ServerFailed(Exception):
    """A server did not start or stop; the text holds the end of its log."""


class _Spawner:
    """Starts programs that die with this process, however it dies.

    The kernel's death signal follows the *thread* that forked, so one thread that lives as long as the process
    starts them all; setpriv sets the signal, because Python code between fork and exec is unsafe beside threads."""

    def __init__(self):
        self._jobs = queue.Queue()
        self._thread = None
        self._lock = threading.Lock()

    def popen(self, argv, **options):
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="spawner", daemon=True)
                self._thread.start()
        answer = queue.Queue()
        self._jobs.put((argv, options, answer))
        try:
            result = answer.get()
        except BaseException:  # Ctrl-C: whoever asked for it will not end it
            result = answer.get()
            if isinstance(result, subprocess.Popen):
                _end(result)
            raise
        if isinstance(result, BaseException):
            raise result
        return result

    def _run(self):
        while True:
            argv, options, answer = self._jobs.get()
            try:
                guarded = ["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)]
                answer.put(subprocess.Popen(guarded, start_new_session=True, **options))
            except BaseException as e:
                answer.put(e)


def _end(process):
    process.kill()
    process.wait()


_spawner = _Spawner()


def spawn(argv, **options):
    """subprocess.Popen in a session of its own (Ctrl-C is ours to handle), killed when this process ends."""
    return _spawner.popen(argv, **options)


def run_to_end(argv, log, text=None):
    """Run a program with `text` as its input and its output in the file `log`; its status. It does not outlive us, however we end."""
    with open(log, "w") as out:
        process = spawn(argv, stdin=subprocess.PIPE, stdout=out, stderr=out, text=True)
        try:
            process.communicate(text)
        except BaseException:
            _end(process)
            raise
    return process.returncode


def wait_until(condition, timeout_s, what, poll_s=0.02):
    """Return the first true value of condition(); TimeoutError naming `what` after timeout_s."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout_s} s")
        time.sleep(poll_s)


_reserved = []  # for as long as this process lives


def free_port():
    """A port below the range from which the system takes ports of outgoing connections: it stays free for a restart. What keeps other
    processes from taking it meanwhile is a name, not the port: a server that is down holds nothing."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        name = socket.socket(socket.AF_UNIX)
        with socket.socket() as s:
            try:
                name.bind(f"\0lutra-port-{port}")
                s.bind(("127.0.0.1", port))
            except OSError:
                name.close()
                continue
        _reserved.append(name)
        return port


def tail(path, lines=15):
    try:
        return "\n".join(pathlib.Path(path).read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def fetched(what):
    """The folder of tools/get-server.sh's WHAT, fetched if need be; Unavailable with its reason otherwise."""
    servers = pathlib.Path(os.environ.get("LUTRA_SERVERS", CHECKOUT / ".servers"))
    if not (servers / what / "VERSIONS").exists():
        run = subprocess.run([CHECKOUT / "tools/get-server.sh", what], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if run.returncode != 0:
            raise Unavailable((run.stderr.strip().splitlines() or [f"get-server.sh {what}: status {run.returncode}"])[-1])
    return (servers / what).resolve()


class _Mariadb:
    """Debian's own MariaDB, or one that get-server.sh unpacked."""

    name = "mariadb"
    options = MARIADB
    unsynced = ("innodb-flush-method=nosync", "sync-frm=OFF")

    def __init__(self, folder=None):
        if folder:
            self.program = folder / "bin/mariadbd"
            share = folder / "root/usr/share"
            self._share = share / "mariadb" if (share / "mariadb/mariadb_system_tables.sql").exists() else share / "mysql"
        else:
            found = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/bin")
            if not found:
                raise Unavailable("mariadbd is not installed (tools/install.sh test)")
            self.program = pathlib.Path(found)
            self._share = pathlib.Path("/usr/share/mysql")

    def init(self, data, log, *_):
        """What mariadb-install-db does, without what needs the system: root logs in without a password."""
        (data / "mysql").mkdir(parents=True)
        sql = ["CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n"]
        for part in ("system_tables", "performance_tables", "system_tables_data", "sys_schema"):
            for name in (f"mariadb_{part}.sql", f"mysql_{part}.sql"):
                if (self._share / name).exists():
                    sql.append((self._share / name).read_text() + "\n")
                    break
        argv = [self.program, "--no-defaults", "--bootstrap", *_as_user(), f"--datadir={data}", f"--tmpdir={_own_tmp(data)}", "--log-warnings=0",
                "--enforce-storage-engine=", "--innodb-log-file-size=64M"]
        status = run_to_end(argv, log, "".join(sql))
        if status != 0:
            raise ServerFailed(f"{self.program} --bootstrap: status {status}\n{tail(log)}")


class _Mysql:
    name = "mysql"
    options = MYSQL
    unsynced = ("innodb-flush-method=nosync",)

    def __init__(self, folder):
        self.program = folder / "bin/mysqld"

    def init(self, data, log, *options):
        argv = [self.program, "--no-defaults", "--initialize-insecure", *_as_user(), f"--datadir={data}", f"--tmpdir={_own_tmp(data)}",
                "--innodb-redo-log-capacity=64M", "--innodb-buffer-pool-size=128M", "--performance-schema=OFF", *(f"--{o}" for o in options)]
        status = run_to_end(argv, log)
        if status != 0:
            raise ServerFailed(f"{self.program} --initialize: status {status}\n{tail(log)}")
        # Its uuid must not be shared by the copies.
        (data / "auto.cnf").unlink(missing_ok=True)


def _own_tmp(data):
    """A tmpdir beside the data folder, for one server alone: one that starts deletes every #sql file it finds there."""
    tmp = data.with_name(f"{data.name}-tmp")
    tmp.mkdir(parents=True, exist_ok=True)
    return tmp


def _as_user():
    return ["--user=root"] if os.geteuid() == 0 else []


def engine_of(name):
    """The engine called `name`; Unavailable with the reason where it cannot be had."""
    if name == "mariadb":
        return _Mariadb()
    if name == "mysql":
        return _Mysql(fetched("mysql"))
    if name == "mariadb-11.8":
        return _Mariadb(fetched("mariadb-11.8"))
    raise ValueError(f"unknown engine {name!r}, one of {ENGINES}")


class Server:
    """One instance. Owned by the thread that made it; connect() may be called by any."""

    def __init__(self, lab, engine, name, server_id, options):
        self.engine = engine.name
        self.name = name
        self.server_id = server_id
        self.folder = lab.folder / name
        self.data = self.folder / "data"
        self.socket = str(self.folder / "s")
        self.port = free_port()
        self.log = self.folder / "server.log"
        self._lab = lab
        self._engine = engine
        self._options = list(options)
        self._process = None
        self.env = {}  # beside ours, from the next start on

    def __repr__(self):
        return f"<{self.name} {self.engine} 127.0.0.1:{self.port}>"

    @property
    def pid(self):
        return self._process.pid if self._process else None

    @property
    def alive(self):
        return self._process is not None and self._process.poll() is None

    def init(self):
        """Make the data folder where it is to stand, not as a copy."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self._engine.init(self.data, self.log, *self._at_init())

    def _at_init(self):
        return [o for o in self._options if o.startswith(AT_INIT)]

    def start(self, *options, timeout_s=60):
        """Start and wait until it answers. `options` are added for this start only."""
        if self.alive:
            return self
        if not self.data.exists():
            self._lab._fresh_copy(self._engine, self.data, *self._at_init())
        argv = [self._engine.program, "--no-defaults", *_as_user(), f"--datadir={self.data}", f"--port={self.port}",
                f"--socket={self.socket}", f"--pid-file={self.folder}/pid", f"--log-error={self.log}",
                f"--server-id={self.server_id}", f"--tmpdir={_own_tmp(self.data)}"]
        if self.engine == "mariadb":
            argv.append(f"--gtid-domain-id={self.server_id}")
        unsynced = self._engine.unsynced if self._lab.unsynced else ()
        argv += [f"--{o}" for o in (*COMMON, *self._engine.options, *RELAXED, *unsynced, *self._options, *options)]
        with open(self.folder / "output", "a") as out:
            self._process = spawn(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **self.env})
        try:
            wait_until(self._answers, timeout_s, f"{self} to answer", poll_s=0.05)
        except TimeoutError as e:
            raise ServerFailed(f"{e}\n{tail(self.log)}") from None
        return self

    def _answers(self):
        if not self.alive:
            raise ServerFailed(f"{self} ended with status {self._process.returncode}\n{tail(self.folder / 'output', 5)}\n{tail(self.log)}")
        try:
            self.connect().close()
            return True
        except pymysql.err.OperationalError:
            return False

    def stop(self, timeout_s=30):
        """End it in order; kill it where it does not end."""
        self._end(signal.SIGTERM, timeout_s)

    def kill(self):
        """kill -9."""
        self._end(signal.SIGKILL, 30)

    def _end(self, how, timeout_s):
        if not self.alive:
            return
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def restart(self, *options, kill=False):
        if kill:
            self.kill()
        else:
            self.stop()
        return self.start(*options)

    def pause(self):
        """It keeps its sockets and answers nothing (SIGSTOP), as a hung machine would."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def connect(self, db=None, user="root", password="", **more):
        """A pymysql connection over the unix socket, autocommit on, utf8mb4."""
        more = {"autocommit": True, "charset": "utf8mb4", "connect_timeout": 10, **more}
        where = {"host": "127.0.0.1", "port": self.port} if more.pop("tcp", False) else {"unix_socket": self.socket}
        return pymysql.connect(user=user, password=password, database=db, **where, **more)

    def sql(self, statement, args=None, db=None):
        """Run one statement and return its rows."""
        with contextlib.closing(self.connect(db)) as c, c.cursor() as cursor:
            cursor.execute(statement, args)
            return cursor.fetchall()

    def script(self, statements, db=None):
        """Run statements in one session."""
        with contextlib.closing(self.connect(db)) as c, c.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    @property
    def client(self):
        """The command line client to look at it with."""
        unpacked = self._engine.program.parent / self.engine
        return str(unpacked) if unpacked.exists() else self.engine

    @property
    def version(self):
        return self.sql("SELECT VERSION()")[0][0]


class Lab:
    """A temporary folder and the servers in it. Everything ends with close(), at the latest with the process.

    `unsynced`: its servers wait for no disk, not even for that of a new table. As safe as RELAXED, and not to measure with."""

    def __init__(self, keep=False, unsynced=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lutra-"))
        self.servers = []
        self.unsynced = unsynced
        self._keep = keep
        self._on_close = contextlib.ExitStack()
        atexit.register(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def on_close(self, callback):
        """Have callback() run before the servers end, last registered first."""
        self._on_close.callback(callback)

    def server(self, engine, server_id, *options, name=None):
        """A server that is not started yet. Unavailable where its engine cannot be had."""
        server = Server(self, engine_of(engine), name or f"{engine}-{server_id}", server_id, options)
        self.servers.append(server)
        return server

    def start(self, engine, server_id, *options, name=None):
        return self.server(engine, server_id, *options, name=name).start()

    def _fresh(self, engine, options):
        """The data folder that such servers begin with. Initializing takes seconds, copying a tenth: it is done once, for all labs that are told of
        one folder for it."""
        folder = pathlib.Path(os.environ.get(FRESH, self.folder))
        name = "-".join(("fresh", hashlib.sha256(repr((str(engine.program), options)).encode()).hexdigest()[:16]))
        fresh, made = folder / name, folder / f"{name}.new"
        with open(folder / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not fresh.exists():
                shutil.rmtree(made, ignore_errors=True)  # what an attempt that failed left
                engine.init(made, folder / f"{name}.log", *options)
                made.rename(fresh)
        return fresh

    def _fresh_copy(self, engine, data, *options):
        fresh = self._fresh(engine, options)
        data.parent.mkdir(parents=True, exist_ok=True)
        copy = data.with_name("copying")
        shutil.rmtree(copy, ignore_errors=True)
        run = subprocess.run(["cp", "-a", "--reflink=auto", str(fresh), str(copy)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if run.returncode != 0:
            raise ServerFailed(f"{run.stderr.strip()}\n{shutil.disk_usage(self.folder)}")
        copy.rename(data)

    def close(self, keep=False):
        """End all; `keep` leaves the folder, to be looked at."""
        atexit.unregister(self.close)
        try:
            self._on_close.close()
        finally:
            for server in self.servers:
                server.kill()
            if not (keep or self._keep):
                shutil.rmtree(self.folder, ignore_errors=True)
