"""Fixtures for tests on real servers. Servers live as long as the session; each test gets a fresh schema on them."""

import collections
import contextlib
import itertools
import os
import pathlib
import shutil
import sys
import tempfile

import pymysql
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import steps  # noqa: E402
from lutralab import lutra as lutra_lab  # noqa: E402
from lutralab import workload  # noqa: E402
from lutralab.compare import INVARIANTS, SnapshotReaders, compare  # noqa: E402
from lutralab.servers import FRESH, Lab, Server, Unavailable  # noqa: E402

KEPT = 64 << 20  # bytes of log, and of a test's tables, that a server keeps from one test to the next

_times = collections.Counter()
_schemas = itertools.count(1)


def pytest_configure(config):
    """What servers begin with is made once for all workers, and for the programs with servers of their own that tests start."""
    if FRESH not in os.environ:  # a worker is told
        os.environ[FRESH] = tempfile.mkdtemp(prefix="lutra-fresh-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(FRESH)))


def pytest_runtest_logreport(report):
    _times[report.nodeid.split("::")[0]] += report.duration


def pytest_terminal_summary(terminalreporter):
    for suite, seconds in _times.items():
        terminalreporter.write_line(f"suite {suite}: {seconds:.1f} s")


@pytest.fixture(scope="session")
def lab():
    with Lab(unsynced=True) as lab:
        yield lab


@pytest.fixture(scope="session")
def site(lab):
    """site(engine, number): the running server of that engine and id; skips where the engine cannot be had."""
    servers = {}

    def get(engine, number):
        if (engine, number) not in servers:
            try:
                servers[engine, number] = lab.server(engine, number)
            except Unavailable as e:
                pytest.skip(str(e))
        return servers[engine, number].start()

    return get


@pytest.fixture
def schema():
    """A name that no other test used."""
    return f"shop_{next(_schemas)}"


def size_of(folder):
    """Bytes of its files; servers may remove some meanwhile."""
    size = 0
    for file in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):
            size += file.stat().st_size
    return size


class Channels:
    """channel({"hz": server, ...}, "hz -> us"): a Lutra, not started, on fresh servers' schemas, with its own account."""

    def __init__(self, lab, schema):
        self._lab, self._schema = lab, schema
        self._servers = set()
        self.made = []
        self.more = {}  # for each Lutra, beside what the call says
        self.bare = False

    def __call__(self, sites, direction, tables=None, bare=False, **more):
        """`bare`: without the tables of the workload."""
        self._servers |= {server for server in sites.values() if isinstance(server, Server)}
        roles = {}
        for name, server in sites.items():
            roles[server] = (*roles.get(server, ()), *lutra_lab.roles(name, direction))
        decided = more.get("conflicts", "none") != "none"
        for server, its in roles.items():
            server.sql("DROP DATABASE IF EXISTS lutra")
            workload.create_schema(server, self._schema, tables=not (bare or self.bare or decided))  # some of them cannot be decided
            lutra_lab.create_user(server, [self._schema], roles=its, decided=decided)
        folder = self._lab.folder / f"{self._schema}-{len(self.made)}"
        made = lutra_lab.Lutra(folder, sites, direction, tables or [f"{self._schema}.*"], **{"name": self._schema, **self.more, **more})
        self.made.append(made)
        return made

    def close(self):
        """Lutra ends, and what takes much room at the servers goes."""
        for one in self.made:
            if one.alive and not lutra_lab.without_sanitizer():  # it tells what it leaks, if it may end by itself
                one.go_on()
                with contextlib.suppress(lutra_lab.LutraFailed):
                    one.stop()
            one.kill()
        for server in self._servers:
            if not server.alive:
                continue
            steps.end_sessions(server)
            if size_of(server.data / self._schema) > KEPT:
                with contextlib.suppress(pymysql.err.OperationalError):  # the test left something that holds it
                    server.script(["SET lock_wait_timeout=2", f"DROP DATABASE {self._schema}"])
            if sum(size for _, size, *_ in server.sql("SHOW BINARY LOGS")) > KEPT:
                server.sql("FLUSH BINARY LOGS")
                server.sql("PURGE BINARY LOGS TO %s", (server.sql("SHOW BINARY LOGS")[-1][0],))

    def again(self, lutra):
        """Another run of the same channel file, with a data folder of its own."""
        self.made.append(lutra.other(self._lab.folder / f"{self._schema}-{len(self.made)}"))
        return self.made[-1]


@pytest.fixture
def channel(lab, schema, request):
    """Channels(); a module that says BARE needs no table of the workload."""
    if not lutra_lab.binary().exists():
        pytest.skip(f"{lutra_lab.binary()} is not built")
    channels = Channels(lab, schema)
    channels.bare = getattr(request.module, "BARE", False)
    yield channels
    channels.close()


def same(left, right, schema):
    """Assert that the schema is the same at both sites, and holds something."""
    found = compare(left, right, schema)
    assert not found, str(found)
    assert found.rows > 0


@contextlib.contextmanager
def whole(schema, *servers, invariants=INVARIANTS, pause_s=0.05):
    """Meanwhile whoever reads these copies sees whole transactions only, in each of the snapshots taken of them."""
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(SnapshotReaders(server, schema, pause_s=pause_s, invariants=invariants)) for server in servers]
        yield
    for reader in readers:
        reader.check()


def ledger_is(server, schema, expected):
    """Assert that the ledger holds each of the expected ids once, and no other."""
    held = collections.Counter(i for (i,) in server.sql("SELECT txn_id FROM ledger", db=schema))
    wrong = {i: n for i, n in held.items() if n != 1}
    assert not wrong, f"not once: {dict(itertools.islice(wrong.items(), 5))}"
    missing, more = expected - held.keys(), held.keys() - expected
    assert not missing and not more, f"{len(missing)} missing {sorted(missing)[:5]}, {len(more)} too many {sorted(more)[:5]}"
