"""A site of a conflict channel fails over to a replica: file names and places are others, versions stay what they were."""

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal

import conflict_oracle
import pytest
import steps
from lutralab.lutra import LutraFailed
from lutralab.servers import wait_until
from storm import EVERY_KIND, HOT, Storm, any_decided, by_kind
from test_failover import executed, pair, unfollow
from test_steps import binary


class Standing:
    """The server that stands for a site now: clients come to it, whichever it is."""

    def __init__(self, server):
        self.now = server

    def connect(self, *args, **more):
        return self.now.connect(*args, **more)


@contextlib.contextmanager
def stalled(server):
    """No COMMIT passes meanwhile."""
    with contextlib.closing(server.connect()) as c, c.cursor() as cursor:
        cursor.execute("FLUSH TABLES WITH READ LOCK")
        yield


def is_log(file):
    return re.fullmatch(r"binlog\.[0-9]+", file.name)


def logs_in(folder):
    return sorted(filter(is_log, folder.iterdir()))


def hand_over(first, second):
    """The first server dies with writes at its door, and the second, which has all that it let in, is free to be written."""
    with stalled(first):
        wait_until(lambda: executed(second) == executed(first), steps.PATIENCE_S, "the replica to have all", poll_s=0.02)
        first.kill()
    unfollow(second)


class Failover(Storm):
    """Site a is `first`, until hand_over(): then `second`, its replica."""

    def __init__(self, channel, first, second, other, schema, tables=(HOT,), **more):
        wait_until(lambda: executed(second) == executed(first), steps.PATIENCE_S, "the replica to have all", poll_s=0.02)
        super().__init__(channel, {"a": first, "b": other}, schema, tables, **more)
        wait_until(lambda: executed(second) == executed(first), steps.PATIENCE_S, "the replica to have all", poll_s=0.02)
        steps.run_at((second,), schema, *tables)
        self.first, self.second = first, second
        self.sites = {"a": Standing(first), "b": other}

    def stands_in(self):
        self.sites["a"].now = self.servers[0] = self.second

    def is_reached_at(self, *servers):
        """What the channel file says of site a."""
        text = self.lutra.file.read_text()
        self.lutra.file.write_text(text.replace(f"127.0.0.1:{self.first.port}", ",".join(f"127.0.0.1:{server.port}" for server in servers)))

    def logs(self, tables=None):
        """The replica's log has all, too; where the channel began it tells by GTIDs."""
        return {number: conflict_oracle.read_log(self.lutra.program, server, self.schema, self.lutra.name, tables or self.policies,
                                                 by_gtid=server is self.second)
                for number, server in enumerate(self.servers, 1)}

    def old_log(self):
        return conflict_oracle.read_log(self.lutra.program, logs_in(self.first.data), self.schema, self.lutra.name, self.policies, by_gtid=True)


@pytest.fixture
def failover(lab, site, channel, schema):
    @contextlib.contextmanager
    def make(engine, **more):
        with pair(lab, engine, "binlog-row-metadata=FULL") as (first, second):
            yield Failover(channel, first, second, site("mysql" if engine == "mariadb" else "mariadb", 2), schema, **more)
    return make


def each_kind(schema):
    """Of a storm on tables of every policy."""
    return {"tables": EVERY_KIND, "conflicts": by_kind(schema)}


def stamps(f, server):
    return {t.at: t.stamp_us for t in conflict_oracle.read_log(f.lutra.program, server, f.schema, f.lutra.name, f.policies, by_gtid=True)}


def tell_alike(f):
    """Also of a transaction that is committed in a later second than it was written: MariaDB's replica says another one of its COMMIT."""
    before = stamps(f, f.first)
    with contextlib.closing(f.first.connect(f.schema)) as c, c.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO hot VALUES (99, 'slow')")
        second = f.first.sql("SELECT UNIX_TIMESTAMP()")
        wait_until(lambda: f.first.sql("SELECT UNIX_TIMESTAMP()") > second, steps.PATIENCE_S, "another second")
        cursor.execute("COMMIT")
    written = stamps(f, f.first).keys() - before.keys()
    wait_until(lambda: written <= stamps(f, f.second).keys(), steps.PATIENCE_S, "the replica to have it", poll_s=0.1)
    first, second = stamps(f, f.first), stamps(f, f.second)
    assert {gtid: second[gtid] for gtid in written} == {gtid: first[gtid] for gtid in written}


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_a_replica_that_has_all_stands_in(engine, failover):
    """In the midst of a storm, and Lutra runs on: the url names both servers."""
    with failover(engine) as f:
        f.is_reached_at(f.first, f.second)
        f.lutra.start()
        tell_alike(f)
        with f.clients(pause_s=0.005) as clients:
            clients.go_on()
            hand_over(f.first, f.second)
            f.stands_in()
            clients.go_on()
            f.second.sql("FLUSH BINARY LOGS")
            clients.go_on()
            f.lutra.kill()
            f.lutra.start()
            clients.go_on()
            clients.stop()
        f.ends_well()


def test_the_address_of_a_replica_is_given(failover):
    """While Lutra is away; it comes back with much that was neither sent nor applied."""
    with failover("mysql") as f:
        f.lutra.start()
        with f.clients(pause_s=0.005) as clients:
            clients.go_on()
            f.lutra.kill()
            clients.go_on()
            hand_over(f.first, f.second)
            f.stands_in()
            clients.go_on()
            f.is_reached_at(f.second)
            f.lutra.start()
            clients.go_on()
            clients.stop()
        f.ends_well()


# -- a replica that lacks the end ------------------------------------------------------------------------------------------------------

# A row of each other policy, what is lost of it, what is written to it since, and what it is made of then. No other site writes `diary`.
OTHERS = {"parts": ("old, old", "v='lost'", "w='new'", ("lost", "new")),
          "stock": ("old, 100", "n=n+7", "n=n+30", ("old", 137)),
          "tally": ("old, 100, 5, 5", "n=n+7, top=9, low=4", "n=n-1, top=7, low=2", ("old", 106, 9, 2)),
          "price": ("old, old", "v='lost'", "w='new'", ("old", "new"))}
BEFORE = {100: "old", 101: "old", 102: "old", 103: "old", 104: "old"}
TAIL = ["UPDATE hot SET v='lost' WHERE id=100", "UPDATE hot SET v='lost' WHERE id=101", "UPDATE hot SET v='lost' WHERE id=102",
        "DELETE FROM hot WHERE id=103", "INSERT INTO hot VALUES (105, 'lost')", "INSERT INTO diary VALUES (100, 'lost')",
        *[f"UPDATE {table} SET {lost} WHERE id=100" for table, (_, lost, *_) in OTHERS.items()], "INSERT INTO hot VALUES (106, 'lost')"]
SEEN = "UPDATE hot SET v='later' WHERE id=102"  # at b, which has the tail
NEW = ["UPDATE hot SET v='new' WHERE id=101", "UPDATE hot SET v='new' WHERE id=104", "INSERT INTO hot VALUES (106, 'new')",
       *[f"UPDATE {table} SET {new} WHERE id=100" for table, (_, _, new, _) in OTHERS.items()], "INSERT INTO hot VALUES (107, 'new')"]
# The same of a server whose clock went back: they are newer than all that was lost, and no newer than what b wrote then.
LONG_AGO = ["SET timestamp = UNIX_TIMESTAMP() - 3600", *NEW, "UPDATE hot SET v='new' WHERE id=102"]
AFTER = {100: "lost", 101: "new", 102: "later", 104: "new", 105: "lost", 106: "new", 107: "new"}


def marked(server, schema):
    return dict(server.sql("SELECT id, v FROM hot WHERE id >= 100", db=schema))


def begin(f):
    """Rows of b's, which come to whoever is to stand for a."""
    old = {table: values.replace("old", "'old'") for table, (values, *_) in OTHERS.items()}
    steps.transaction(f.servers[1], f.schema, *[f"INSERT INTO {table} VALUES (100, {values})" for table, values in old.items()],
                      "INSERT INTO parts VALUES (103, 'old', NULL)", "INSERT INTO hot VALUES " + ", ".join(f"({k}, '{v}')" for k, v in BEFORE.items()))
    wait_until(lambda: marked(f.second, f.schema) == BEFORE, steps.PATIENCE_S, "the rows to come to a", poll_s=0.05)


def write_tail(f, clients=None):
    """What a is to lose, and all of it comes to b."""
    f.first.script(TAIL, db=f.schema)
    if clients:
        clients.go_on()
    wait_until(lambda: (106, "lost") in marked(f.servers[1], f.schema).items(), steps.PATIENCE_S, "the tail to come to b", poll_s=0.05)
    f.servers[1].sql(SEEN, db=f.schema)


def await_beats(f, server, count=3):
    beats = "SELECT beats FROM lutra.site WHERE channel=%s"
    goal = server.sql(beats, (f.lutra.name,))[0][0] + count
    wait_until(lambda: server.sql(beats, (f.lutra.name,))[0][0] >= goal, steps.PATIENCE_S, "some heartbeats", poll_s=0.02)


@contextlib.contextmanager
def unseen(f, *pipelines):
    """What comes by them comes later than what is written meanwhile."""
    for pipeline in pipelines:
        f.lutra.command("pause", pipeline)
    yield
    for pipeline in pipelines:
        f.lutra.command("resume", pipeline)


def lose_around_another(f):
    """Of two transactions that come to b at once one is older than what b wrote meanwhile, and the other one newer."""
    a, b = f.servers
    with unseen(f, "a->b"):
        a.sql("INSERT INTO parts VALUES (104, 'lost', NULL)", db=f.schema)
        await_beats(f, b)
        b.sql("UPDATE parts SET v='meanwhile' WHERE id=103", db=f.schema)
        await_beats(f, a)
        a.sql("UPDATE parts SET v='lost' WHERE id=103", db=f.schema)


def lose(f, clients):
    """The replica lacks what b has by now; then it stands for the first."""
    begin(f)
    unfollow(f.second)
    lose_around_another(f)
    write_tail(f, clients)
    f.first.kill()
    f.stands_in()
    f.second.script(NEW, db=f.schema)


def goes_on(f, clients):
    """After the order, also in a run that knows of it by the databases alone."""
    clients.go_on()
    f.lutra.kill()
    f.lutra.start()
    clients.go_on()
    clients.stop()


def ends_whole(f):
    """All that any site still had is in the rows, each once: by the logs, that of the server that is gone among them."""
    f.settle()
    f.is_equal()
    f.is_silent()
    assert marked(f.second, f.schema) == AFTER
    for table, values in {**{table: values for table, (*_, values) in OTHERS.items()}, "diary": ("lost",)}.items():
        assert list(f.second.sql(f"SELECT * FROM {table} WHERE id=100", db=f.schema)) == [(100, *values)]
    oracle = conflict_oracle.Healed(1, f.old_log(), f.logs(), f.policies, f.base, f.interval_us)
    assert oracle.tail
    f.is_made_of(oracle)
    for number in range(2, len(f.servers) + 1):
        f.told(oracle, number)
    lines = f.servers[1].sql("SELECT row_key, won FROM lutra.conflict WHERE channel=%s AND table_name='hot' ORDER BY id", (f.lutra.name,))
    lost = {json.loads(key)["id"]: won for key, won in lines}
    assert lost[101] == lost[106] == 1  # what is new met what was lost, at b, and won


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_what_a_replica_lacks_is_given_back(engine, failover, schema):
    """Nothing is sent to it before it is said; writes go on at both sites all the while."""
    with failover(engine, **each_kind(schema)) as f:
        f.is_reached_at(f.first, f.second)
        f.lutra.start()
        with f.clients(any_decided, pause_s=0.02) as clients:
            clients.go_on()
            lose(f, clients)
            clients.go_on()
            steps.stopped(f.lutra, "a->b", "E3014")
            steps.stopped(f.lutra, "b->a", "E6032")
            assert 105 not in marked(f.second, f.schema)
            clients.go_on()
            f.lutra.command("site", "heal", "a", "--why", "the first is gone")
            goes_on(f, clients)
        ends_whole(f)


def copied(server):
    """What the server holds."""
    copy = server.folder / "then"
    server.kill()
    shutil.copytree(server.data, copy, symlinks=True, ignore=shutil.ignore_patterns("*.sock*"))
    server.start()
    return copy


def test_a_server_that_knows_nothing_of_an_order_before_does_not_stand_in(failover, schema):
    """Users wrote at another one since; what they write now would count as the same."""
    with failover("mariadb") as f:
        f.is_reached_at(f.first, f.second)
        f.lutra.start()
        b = f.servers[1]
        b.sql("INSERT INTO hot VALUES (100, 'old')", db=schema)
        wait_until(lambda: marked(f.second, schema) == {100: "old"}, steps.PATIENCE_S, "the row to come to a", poll_s=0.05)
        await_beats(f, f.servers[0])
        unfollow(f.second)
        f.second.sql("RESET SLAVE ALL")
        third = copied(f.second)
        f.first.sql("UPDATE hot SET v='lost' WHERE id=100", db=schema)
        f.lutra.wait()
        f.first.kill()
        f.stands_in()
        steps.stopped(f.lutra, "a->b", "E3014")
        steps.stopped(f.lutra, "b->a", "E6032")
        f.lutra.command("site", "heal", "a", "--why", "the first is gone")
        f.second.script(["INSERT INTO hot VALUES (101, 'second')", "INSERT INTO hot VALUES (102, 'second')"], db=schema)
        f.lutra.wait()
        f.second.kill()
        steps.restore_data(f.second, third)
        f.second.start()
        f.second.script(["SET GLOBAL server_id=43", "INSERT INTO hot VALUES (103, 'third')"], db=schema)
        steps.stopped(f.lutra, "a->b", "E3014")
        steps.stopped(f.lutra, "b->a", "E6032")
        with pytest.raises(LutraFailed, match="\nlutra: E6033 .*this server knows nothing of that"):
            f.lutra.command("site", "heal", "a", "--why", "the second is gone, too")


STEPS = ("heal.lower", "heal.turn", "heal.turned")
GIVING = ("settle.locked", "settle.written", "load.commit.sent", "load.committed")


def starts_to_end_at(f, step):
    f.lutra.env["LUTRA_KILL_AT"] = f"{step}:1"
    f.lutra.start(wait=False)


def ends_at(f, step):
    wait_until(lambda: not f.lutra.alive, steps.PATIENCE_S, f"the end at {step}")
    del f.lutra.env["LUTRA_KILL_AT"]


def killed_at_each_step(f):
    for step in STEPS:
        starts_to_end_at(f, step)
        steps.stopped(f.lutra, "a->b", "E3014")
        with pytest.raises(LutraFailed, match="E1021"):
            f.lutra.command("site", "heal", "a", "--why", "the first is gone")
        ends_at(f, step)


def killed_while_giving(f):
    """The order is given in the first of these runs; it may be told or not that it was carried out."""
    for step in GIVING:
        starts_to_end_at(f, step)
        if step == GIVING[0]:
            steps.stopped(f.lutra, "a->b", "E3014")
            with contextlib.suppress(LutraFailed):
                f.lutra.command("site", "heal", "a", "--why", "the first is gone")
        ends_at(f, step)


def test_the_order_may_be_killed_and_given_again(failover, channel, schema):
    if not binary().exists():
        pytest.skip(f"{binary()} is not built (`make faults`)")
    channel.more = {"program": binary()}
    with failover("mariadb", **each_kind(schema)) as f:
        f.lutra.start()
        with f.clients(any_decided, pause_s=0.02) as clients:
            clients.go_on()
            lose(f, clients)
            f.lutra.kill()
            f.is_reached_at(f.second)
            killed_at_each_step(f)
            killed_while_giving(f)
            f.lutra.start(wait=False)
            steps.answers(f.lutra)
            clients.go_on()
            clients.stop()
        ends_whole(f)


# -- the same server without the end -----------------------------------------------------------------------------------------------------

def newest_number(server):
    """Of its own GTIDs."""
    return int(re.split("[-:]", executed(server))[-1])


class Crash(Storm):
    """Site a is to come back as it was at a moment before: with the log of that moment, and the tables of it."""

    def __init__(self, channel, own, others, schema, **more):
        super().__init__(channel, {"a": own, **dict(zip("bc", others))}, schema, **each_kind(schema), **more)
        self.first = self.second = own
        self.copies = {}
        self.lost = own.folder / "lost"  # the log that it had, end and all

    def copy(self, name):
        """What kill -9 would leave in a moment when nobody commits; the server writes on to the same file."""
        with stalled(self.first):
            os.kill(self.first.pid, signal.SIGSTOP)
            self.copies[name] = self.first.folder / name
            shutil.copytree(self.first.data, self.copies[name], symlinks=True, ignore=shutil.ignore_patterns("*.sock*"))
            os.kill(self.first.pid, signal.SIGCONT)

    def come_back(self, log, tables=None):
        """With the log of one moment, and the tables of it or of another one."""
        self.first.kill()
        if not self.lost.exists():
            shutil.copytree(self.first.data, self.lost, ignore=lambda _, names: [name for name in names if not name.startswith("binlog.")])
        steps.restore_data(self.first, self.copies[tables or log])
        for folder, put in ((self.first.data, False), (self.copies[log], True)):
            for file in [file for file in folder.iterdir() if file.name.startswith("binlog.")]:
                if put:
                    shutil.copy(file, self.first.data / file.name)
                else:
                    file.unlink()
        self.first.start()

    def old_log(self):
        return conflict_oracle.read_log(self.lutra.program, logs_in(self.lost), self.schema, self.lutra.name, self.policies)

    def await_beat(self):
        beats = "SELECT beats FROM lutra.site"
        before = self.first.sql(beats)
        wait_until(lambda: self.first.sql(beats) != before, steps.PATIENCE_S, "a heartbeat", poll_s=0.05)

    @staticmethod
    def await_checkpoints(server):
        newest = server.sql("SELECT MAX(id) FROM lutra.checkpoint")[0][0]
        wait_until(lambda: server.sql("SELECT COUNT(*) FROM lutra.checkpoint WHERE id > %s", (newest,))[0][0] > 1, steps.PATIENCE_S, "checkpoints",
                   poll_s=0.05)

    def read_to_its_end(self):
        """With checkpoints there, as one who reads the log again leaves them behind; nobody writes."""
        self.await_checkpoints(self.first)
        self.lutra.kill()
        newest = "FROM lutra.checkpoint ORDER BY id DESC LIMIT 1"
        file, pos, state = self.first.sql(f"SELECT file, pos, CAST(state AS BINARY) {newest}")[0]
        at = 2 + state[1] + 21  # the count, below 251
        state = state[:at] + bytes([state[at] + self.counted_behind(f"{file}:{pos}")]) + state[at + 1:]
        file, pos = steps.log_end(self.first)
        more = "INSERT INTO lutra.checkpoint (channel, server, file, pos, last_pos, last_crc, gtids, state) " \
               f"SELECT channel, server, '{file}', {pos}, 0, 0, gtids, X'{state.hex()}' {newest}"
        steps.run_at((self.first,), None, more, more)

    def counted_behind(self, place):
        """How many transactions are neither heartbeats nor groups of Lutra's."""
        dump = conflict_oracle.dump_of(self.lutra.program, self.first, "--from", place).split('"kind":"begin"')[1:]
        return sum('"schema":"lutra","table":"site"' not in txn and '"schema":"lutra","table":"lane"' not in txn for txn in dump)

    def lane(self):
        """Where what comes from b stands, by the tables."""
        return self.first.sql("SELECT file, pos, last_pos, last_crc FROM lutra.lane WHERE pipeline='b->a'")[0]

    def put_lane(self, place):
        steps.run_at((self.first,), None, "UPDATE lutra.lane SET file='{}', pos={}, last_pos={}, last_crc={} WHERE pipeline='b->a'".format(*place))

    def insert(self, count):
        with contextlib.closing(self.first.connect(self.schema)) as c, c.cursor() as cursor:
            for _ in range(count):
                cursor.execute("INSERT INTO hot SELECT MAX(id) + 1, 'more' FROM hot")

    def stands(self):
        for peer in self.sites.keys() - "a":
            steps.stopped(self.lutra, f"a->{peer}", "E3014")
            steps.stopped(self.lutra, f"{peer}->a", "E6032")

    def heal(self):
        return self.lutra.command("site", "heal", "a", "--why", "it crashed")


def park_one(f):
    """A row that a shows is parked at b. What survives of a table that a alone writes stands behind where b->a does."""
    a, b = f.servers
    with unseen(f, "a->b"):
        a.sql("INSERT INTO rival VALUES (103, 'older', 60, 60)", db=f.schema)
        await_beats(f, b)
        f.lutra.command("pause", "b->a")
        if a.engine == "mysql":  # long before the crash: where it stood is in front of the last two checkpoints
            f.await_checkpoints(a)
            f.await_checkpoints(a)
        b.sql("INSERT INTO rival VALUES (104, 'newer', 60, 61)", db=f.schema)
        a.sql("INSERT INTO diary VALUES (101, 'survived')", db=f.schema)
    wait_until(lambda: ("rival", 103) in f.parked(b), steps.PATIENCE_S, "the row to be parked", poll_s=0.05)


def lose_to_newer(f):
    """What a is to lose comes to b behind a heartbeat that tells of newer writes, and is parked there; and one that was parked is deleted."""
    a, b = f.servers
    a.sql("DELETE FROM rival WHERE id=103", db=f.schema)
    wait_until(lambda: ("rival", 103) not in f.parked(b), steps.PATIENCE_S, "the row to be parked no more", poll_s=0.05)
    with unseen(f, "a->b"):
        steps.transaction(a, f.schema, "INSERT INTO parts VALUES (101, 'lost', NULL)", "INSERT INTO price VALUES (108, 'lost', NULL)",
                          "INSERT INTO rival VALUES (101, 'lost', 50, 50)")
        await_beats(f, b)
        steps.transaction(b, f.schema, "INSERT INTO parts VALUES (101, 'newer', NULL)", "INSERT INTO rival VALUES (102, 'newer', 50, 51)")
        await_beats(f, b)
    wait_until(lambda: ("rival", 101) in f.parked(b), steps.PATIENCE_S, "the row to be parked", poll_s=0.05)
    f.lutra.command("resume", "b->a")


@contextlib.contextmanager
def newer_first(f):
    """Meanwhile the newer writes come to a, and would be forgotten, while what was lost cannot."""
    a = f.servers[0]
    with steps.session(a, f.schema, "BEGIN", "INSERT INTO price VALUES (108, 'mine', NULL)"):
        yield
        wait_until(lambda: a.sql("SELECT v FROM parts WHERE id=101", db=f.schema) == (("newer",),), steps.PATIENCE_S, "what is newer", poll_s=0.05)
        f.await_checkpoints(a)


def delete_for_two(f):
    """What a is to lose deletes rows that b has deleted before, and c has made again, before either knew: at c it does something, at b nothing."""
    a, b, c = f.servers
    rows = "SELECT id FROM hot WHERE id BETWEEN 50 AND 52 ORDER BY id"
    delete = [f"DELETE FROM {table} WHERE id=50" for table in ("hot", "rival")]
    with unseen(f, "b->a", "c->a", "c->b"):
        steps.transaction(b, f.schema, *delete)
        wait_until(lambda: steps.column(c, f.schema, rows) == [], steps.PATIENCE_S, "the deletion to come to c", poll_s=0.05)
        steps.transaction(c, f.schema, "INSERT INTO hot VALUES (50, 'again'), (51, 'c')", "INSERT INTO rival VALUES (50, 'again', 71, 71)")
        await_beats(f, a)
        steps.transaction(a, f.schema, *delete, "INSERT INTO hot VALUES (52, 'a')")
        for peer, there in ((b, [52]), (c, [51, 52])):
            wait_until(lambda: steps.column(peer, f.schema, rows) == there, steps.PATIENCE_S, f"a's deletion to come to {peer}", poll_s=0.05)


def lose_overtaken(f):
    """What a is to lose comes to b behind what c wrote on top of it, and changes nothing there."""
    a, b, c = f.servers

    def comes_to(server, v):
        wait_until(lambda: steps.column(server, f.schema, "SELECT v FROM hot WHERE id=54") == [v], steps.PATIENCE_S, f"{v} to come to {server}", poll_s=0.05)
    with unseen(f, "a->b"):
        a.sql("UPDATE hot SET v='lost' WHERE id=54", db=f.schema)
        comes_to(c, "lost")
        c.sql("UPDATE hot SET v='on top' WHERE id=54", db=f.schema)
        comes_to(b, "on top")


LANE = "SELECT server, file, pos, last_pos, last_crc, gtids FROM lutra.lane WHERE pipeline='{}'"


def put_lane(server, pipeline, server_id, file, pos, last_pos, last_crc, gtids):
    """As if it had come to there in the source's log. It does not run."""
    steps.run_at((server,), None, f"UPDATE lutra.lane SET server='{server_id}', file='{file}', pos={pos}, last_pos={last_pos}, last_crc={last_crc}, "
                                  f"gtids='{gtids}' WHERE pipeline='{pipeline}'")


def b_first(f):
    """The order, one of two at once, comes to b alone, since c's lane is locked; b gives back what was lost. In a run that begins then c stands still."""
    a, b, c = f.servers
    with steps.session(c, None, "BEGIN", LANE.format("a->c") + " FOR UPDATE"), concurrent.futures.ThreadPoolExecutor() as pool:
        c.pause()  # either order would ask it, so that one of them is at work for as long as that
        try:
            orders = [pool.submit(f.heal) for _ in range(2)]
            (second,), (first,) = concurrent.futures.wait(orders, steps.PATIENCE_S, concurrent.futures.FIRST_COMPLETED)
        finally:
            c.resume()
        with pytest.raises(LutraFailed, match="\nlutra: E2042 an order to heal is being carried out"):
            second.result()
        with pytest.raises(LutraFailed, match="\nlutra: .*a->c does not go on: give the order again"):
            first.result()
    f.lutra.kill()
    f.lutra.start(wait=False)
    wait_until(lambda: (105, "lost") in marked(a, f.schema).items(), steps.PATIENCE_S, "what b has", poll_s=0.05)
    steps.stopped(f.lutra, "a->c", "E3014")
    steps.stopped(f.lutra, "c->a", "E6032")
    a.sql("INSERT INTO hot VALUES (53, 'between')", db=f.schema)
    wait_until(lambda: steps.column(b, f.schema, "SELECT v FROM hot WHERE id=53") == ["between"], steps.PATIENCE_S, "what is new", poll_s=0.05)


def lost_again(f, peer):
    """Nothing is done where the peer that goes on has read what the log lacks by now."""
    pipeline, server = f"a->{peer}", f.sites[peer]
    f.lutra.command("pause", pipeline)
    *place, crc, gtids = server.sql(LANE.format(pipeline))[0]
    put_lane(server, pipeline, *place, crc ^ 1, gtids)
    with pytest.raises(LutraFailed, match="(?s)E6033.*once more"):
        f.heal()
    put_lane(server, pipeline, *place, crc, gtids)
    f.lutra.command("resume", pipeline)


def given_again(f):
    """To whom is left; then to nobody, which changes nothing. But for one who has met what is new and stands where the log ends no more."""
    c = f.servers[2]
    stood = c.sql(LANE.format("a->c"))[0]
    lost_again(f, "b")
    for is_left in (("a->b",), ("a->b", "a->c")):
        for pipeline in is_left:
            steps.wait_for(f.lutra, pipeline, lambda status: status["state"] == "running", "it to go on")
        said = f.heal()
        assert "healed by an order before" in said
        assert tuple(re.findall(r"(?m)^(\S+) is left as it is: running$", said)) == is_left, said
    wait_until(lambda: steps.column(c, f.schema, "SELECT v FROM hot WHERE id=53") == ["between"], steps.PATIENCE_S, "what is new", poll_s=0.05)
    f.lutra.command("pause", "a->c")
    goes = c.sql(LANE.format("a->c"))[0]
    put_lane(c, "a->c", *stood)
    f.lutra.command("resume", "a->c")
    steps.stopped(f.lutra, "a->c", "E3014")
    with pytest.raises(LutraFailed, match="(?s)E6033.*once more"):
        f.heal()
    put_lane(c, "a->c", *goes)
    f.lutra.retry("a->c")


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_what_a_server_lost_in_a_crash_is_given_back(engine, lab, site, channel, schema):
    """It gives the same GTIDs a second time, to what is written then. Where that can be had, the order is killed at each step."""
    kills = engine == "mariadb" and binary().exists()
    channel.more = {"program": binary()} if kills else {}
    other = site("mysql" if engine == "mariadb" else "mariadb", 2)
    with steps.own_server(lab, engine, schema, "binlog-row-metadata=FULL") as own:
        f = Crash(channel, own, [other], schema, extra=["group: { rows: 1 }"])
        f.lutra.start()
        with f.clients(any_decided, pause_s=0.02) as clients:
            clients.go_on()
            begin(f)
            park_one(f)
            f.copy("then")
            lose_to_newer(f)
            write_tail(f, clients)
            f.lutra.kill()
            given = newest_number(own)
            f.come_back("then")
            assert newest_number(own) < given
            own.script(NEW, db=schema)
            wait_until(lambda: newest_number(own) > given, steps.PATIENCE_S, "all those numbers to be given again", poll_s=0.05)
            f.lutra.start(wait=False)
            f.await_beat()
            f.lutra.command("resume", "b->a")  # as it was in the tables that came back
            f.stands()
            assert 105 not in marked(own, schema)
            clients.go_on()
            if kills:
                f.lutra.kill()
                killed_at_each_step(f)
                f.lutra.start(wait=False)
                f.stands()
            with newer_first(f):
                assert "compare" in f.heal()
            goes_on(f, clients)
        ends_whole(f)


def test_of_a_mesh_what_all_peers_have_is_given_back(lab, site, channel, schema):
    """Though peers need not remember any more what they wrote before, the server's clock went back, and the order comes to one of them alone, so that it
    is given again. And nothing where one of them has more than another: nobody would hand that on."""
    with steps.own_server(lab, "mariadb", schema, "binlog-row-metadata=FULL") as own:
        f = Crash(channel, own, [site("mysql", 2), site("mariadb", 1)], schema)
        f.lutra.start()
        with f.clients(any_decided, pause_s=0.02) as clients:
            clients.go_on()
            steps.transaction(f.servers[1], schema, "INSERT INTO hot VALUES (50, 'old'), (54, 'old')", "INSERT INTO rival VALUES (50, 'old', 70, 70)")
            begin(f)
            f.copy("then")
            clients.go_on()
            clients.stop()
        f.lutra.wait()
        delete_for_two(f)
        lose_overtaken(f)
        write_tail(f)
        f.lutra.wait()
        for peer in f.servers[1:]:
            f.await_checkpoints(peer)
        f.lutra.kill()
        f.come_back("then")
        own.script(LONG_AGO, db=schema)
        f.lutra.start(wait=False)
        f.await_beat()
        f.stands()
        b_first(f)
        given_again(f)
        ends_whole(f)

        f.await_checkpoints(own)
        f.insert(1)  # peers have read up to just before the crash: of quiet times they note that rarely
        f.lutra.wait()
        f.copy("again")
        f.insert(1)
        f.lutra.wait()
        f.lutra.command("pause", "a->c")
        f.insert(1)
        wait_until(lambda: marked(f.servers[1], schema) == marked(own, schema), steps.PATIENCE_S, "b to have more than c", poll_s=0.05)
        f.come_back("again")
        f.lutra.command("resume", "a->c")
        f.await_beat()
        refused(f, "its peers do not have the same")
        steps.run_at(f.servers[2:], None, "UPDATE lutra.lane SET file=CONCAT(file, '0') WHERE pipeline='a->c'")
        refused(f, "up to different files")


def refused(f, why):
    f.stands()
    with pytest.raises(LutraFailed, match=f"\nlutra: E6033 .*(?:{why})"):  # the log stands behind it
        f.heal()


def test_what_is_not_known_of_a_crash_is_refused(lab, site, channel, schema):
    """Tables of another moment than the log, and a file of the same name that is another one."""
    with steps.own_server(lab, "mariadb", schema, "binlog-row-metadata=FULL") as own:
        f = Crash(channel, own, [site("mysql", 2)], schema)
        f.lutra.start()
        with f.clients(any_decided, pause_s=0.02) as clients:
            clients.go_on()
            begin(f)
            f.copy("then")
            then = f.lane()
            clients.go_on()
            wait_until(lambda: f.lane() != then, steps.PATIENCE_S, "more of b's to come to a", poll_s=0.05)
            f.await_beat()
            f.copy("later")
            write_tail(f, clients)
            clients.stop()
        own.kill()
        # With two checkpoints between those moments the one that is begun at stands behind the end of that log, or with no heartbeat between.
        unlike = "another moment.*heartbeat|where its checkpoint stands|no heartbeat is in its log"
        for log, tables, why in (("later", "then", "another moment.*heartbeat"), ("then", "later", unlike)):
            f.come_back(log, tables)
            f.await_beat()
            refused(f, why)
        f.come_back("later")
        f.await_beat()
        later = f.lane()
        f.put_lane(then)  # as if no heartbeat had been written between those two moments
        refused(f, "another moment.*pipeline b->a")
        f.put_lane(later)
        own.script(NEW, db=schema)
        f.stands()
        f.heal()
        ends_whole(f)

        f.await_checkpoints(own)
        f.copy("again")
        own.sql("FLUSH BINARY LOGS")
        for count in (1, 300):  # b has been at a place near the file's begin, too
            f.insert(count)
            f.lutra.wait()
        before = steps.log_end(own)
        f.come_back("again")
        assert steps.log_end(own)[0] == before[0]
        f.insert(10)
        own.sql("FLUSH BINARY LOGS")
        f.await_beat()
        refused(f, "not the one that its peers have read")
        assert len(marked(own, schema)) == len(AFTER) + 10


# -- a table that was changed meanwhile --------------------------------------------------------------------------------------------------

def comes_back_changed(f, name, statement, *new):
    """To before the statement: it is run once more, as the error asks, before pipelines meet the loss."""
    f.lutra.kill()
    f.come_back(name)
    f.first.script(new, db=f.schema)
    f.lutra.start(wait=False)
    for pipeline in ("a->b", "b->a"):
        assert "make the table alike" in steps.stopped(f.lutra, pipeline, "E5021")["message"]
    f.first.sql(statement, db=f.schema)
    f.await_beat()
    for pipeline in ("a->b", "b->a"):
        f.lutra.retry(pipeline)
    f.stands()


def changed(f, statement):
    """As the guide has it."""
    f.lutra.wait()
    for server in f.servers:
        server.sql(statement, db=f.schema)
    steps.acknowledged(f.lutra, "a->b", "b->a")


def written_behind(f, place):
    """The rows of the test's tables that a's log tells of from there on."""
    dump = conflict_oracle.dump_of(f.lutra.program, f.first, "--from", place)
    return [line for line in map(json.loads, dump.splitlines()) if line.get("schema") == f.schema and line["kind"] in ("insert", "update")]


def write_by_hand(server, schema, line):
    """What a user did elsewhere: to a counter the change of it."""
    if line["table"] == "stock":
        server.sql("UPDATE stock SET n = n + %s WHERE id = %s", (line["after"]["n"] - line["before"]["n"], line["after"]["id"]), db=schema)
    else:
        server.sql("REPLACE INTO hot VALUES (%s, %s)", (line["after"]["id"], line["after"]["v"]), db=schema)


def load_anew(f):
    """All of b's rows at a, and the channel begins anew."""
    a, b = f.servers
    assert f.lutra.stop() == 0
    for table in [*f.policies, "diary"]:
        rows = b.sql(f"SELECT * FROM {table}", db=f.schema)
        with steps.session(a, f.schema, "SET SESSION sql_log_bin=0", "BEGIN", f"DELETE FROM {table}") as cursor:
            for row in rows:
                cursor.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)
            cursor.execute("COMMIT")
    for server in f.servers:
        server.sql("DROP DATABASE lutra")
    shutil.rmtree(f.lutra.data)
    f.lutra.start()


def test_what_was_lost_of_a_table_that_was_changed_is_carried_over_by_hand(lab, site, channel, schema):
    """Of another table a statement is in nobody's way. The error names the statement, the table and both places, and what it says is enough."""
    with steps.own_server(lab, "mariadb", schema, "binlog-row-metadata=FULL") as own:
        f = Crash(channel, own, [site("mysql", 2)], schema)
        b = f.servers[1]
        f.lutra.start()
        begin(f)
        f.insert(1)
        f.lutra.wait()
        f.read_to_its_end()
        f.copy("then")
        f.lutra.start()
        own.script(["UPDATE hot SET v='lost' WHERE id=100", "UPDATE stock SET n=n+7 WHERE id=100"], db=schema)
        other = "ALTER TABLE rival ADD COLUMN z INT NULL"
        changed(f, other)
        own.script(["INSERT INTO rival VALUES (105, 'lost', 80, 80, 9)", "UPDATE stock SET n=n+7 WHERE id=100"], db=schema)
        f.lutra.wait()
        comes_back_changed(f, "then", other, "UPDATE hot SET v='new' WHERE id=104", "UPDATE stock SET n=n+30 WHERE id=100")
        f.heal()
        steps.acknowledged(f.lutra, "a->b")
        steps.wait_for(f.lutra, "b->a", lambda status: status["state"] == "running", "to pass its site's own run of the statement")
        f.settle()
        f.is_equal()
        f.is_silent()
        assert [marked(b, schema)[key] for key in (100, 104)] == ["lost", "new"]
        assert steps.column(b, schema, "SELECT n FROM stock WHERE id=100") == [144]
        assert steps.column(own, schema, "SELECT z FROM rival WHERE id=105") == [9]

        f.await_checkpoints(own)
        f.insert(1)
        f.lutra.wait()
        f.await_beat()
        f.copy("again")
        own.script(["UPDATE hot SET v='lost' WHERE id=102", "UPDATE stock SET n=n+1 WHERE id=100"], db=schema)
        statement = "ALTER TABLE stock ADD COLUMN z INT NULL FIRST"
        changed(f, statement)
        own.sql("UPDATE stock SET z=5 WHERE id=100", db=schema)
        f.lutra.wait()
        comes_back_changed(f, "again", statement, "UPDATE hot SET v='newer' WHERE id=104", "UPDATE stock SET n=n+30 WHERE id=100")
        with pytest.raises(LutraFailed, match="E6033") as failed:
            f.heal()
        said = re.search(rf"site b ran: {statement}: what was lost of {schema}\.stock .*behind (\S+:\d+).*\(\S+:\d+, .*{schema}\.stock\)", str(failed.value))
        for line in written_behind(f, said[1]):
            write_by_hand(b, schema, line)
        load_anew(f)
        for server, value in zip(f.servers, "ab"):
            server.sql("UPDATE hot SET v=CONCAT(v, %s) WHERE id=104", (value,), db=schema)
            f.lutra.wait()
        f.is_equal()
        assert [marked(own, schema)[key] for key in (102, 104)] == ["lost", "newerab"]
        assert own.sql("SELECT z, n FROM stock WHERE id=100", db=schema) == ((5, 175),)


def test_rows_of_before_a_statement_are_not_given_to_a_table_that_is_changed_by_now(lab, site, channel, schema):
    """Nor is a log begun at again that has such rows in front of the statement: that site would stand still for good. Nothing is done then: with the
    server that has all it goes on."""
    with steps.own_server(lab, "mariadb", schema, "binlog-row-metadata=FULL") as own:
        f = Crash(channel, own, [site("mysql", 2)], schema)
        f.lutra.start()
        begin(f)
        own.sql("UPDATE hot SET v='kept' WHERE id=104", db=schema)
        f.lutra.wait()
        f.await_beat()
        f.copy("then")
        own.sql("UPDATE stock SET n=n+7 WHERE id=100", db=schema)
        statement = "ALTER TABLE hot ADD COLUMN z INT NULL"
        changed(f, statement)
        f.lutra.wait()
        f.copy("all")
        comes_back_changed(f, "then", statement, "UPDATE stock SET n=n+30 WHERE id=100")
        refused(f, rf"would have to read its log again from \S+:\d+ on, where rows were written to {schema}\.hot .*since: its log has that behind \S+:\d+")

        f.lutra.kill()
        f.come_back("all")
        f.lutra.start()
        own.sql("INSERT INTO hot VALUES (106, 'more', 1)", db=schema)
        f.lutra.wait()
        for server in f.servers:
            f.await_checkpoints(server)
        f.copy("again")
        own.sql("UPDATE hot SET v='lost' WHERE id=100", db=schema)
        statement = "ALTER TABLE hot ADD COLUMN y INT NULL"
        changed(f, statement)
        f.lutra.wait()
        comes_back_changed(f, "again", statement, "UPDATE stock SET n=n+30 WHERE id=100")
        refused(f, rf"site b ran: {statement}: what was lost of {schema}\.hot is of the table as it was")
