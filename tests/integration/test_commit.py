"""R2: an error in reply to COMMIT, or none, says nothing of the transaction; whether it was committed is asked of the target. What is shown meanwhile."""

import contextlib

import pytest
from conftest import ledger_is, same
from faults.disk import Net
from lutralab.relay import Relay
from lutralab.servers import Unavailable, wait_until
from steps import PATIENCE_S, column, retrying, stopped, transaction, wait_for

COMMIT = b"\x07\x00\x00\x00\x03COMMIT"
REFUSAL = b"\xff" + (4012).to_bytes(2, "little") + b"#HY000Timeout, query has reached the maximum query timeout"
DEADLOCK = b"\xff" + (1213).to_bytes(2, "little") + b"#40001Deadlock found when trying to get lock"
MARK = b"the row to wait for"


class AtCommit(Relay):
    """Knows each COMMIT behind a row that holds MARK."""

    def __init__(self, *where):
        super().__init__(*where)
        self.told = 0  # such commits that were not answered as the server would
        self._marked = set()

    def is_commit(self, piece, pair, to_server):
        """It begins a piece, which may go on with what was sent behind it."""
        told = to_server and piece.startswith(COMMIT) and pair in self._marked
        if to_server and MARK in piece:
            self._marked.add(pair)
        return told


def packet(payload):
    return len(payload).to_bytes(3, "little") + b"\x01" + payload


class Liar(AtCommit):
    """Answers the first one with an error; with `passes_on` it is carried out all the same."""

    def __init__(self, *where, passes_on, refusal=REFUSAL):
        super().__init__(*where)
        self.passes_on = passes_on
        self.refusal = refusal
        self.lied_to = None

    def edit(self, piece, pair, to_server):
        if self.is_commit(piece, pair, to_server) and self.told == 0:
            self.told = 1
            if self.passes_on:
                self.lied_to = pair
                return piece
            pair.near.sendall(packet(self.refusal))
            return piece[len(COMMIT):]
        if not to_server and pair is self.lied_to:
            self.lied_to = None
            return packet(self.refusal)
        return piece


def lie_once(liar, lutra, hz, us, schema, transactions, marked):
    """A backlog of transactions, the last `marked` of them with the row that the liar waits for."""
    for server in (hz, us):
        server.sql("CREATE TABLE doubted (id INT PRIMARY KEY, note VARCHAR(40))", db=schema)
        server.sql("CREATE TABLE doubted_too (id INT, note VARCHAR(40))", db=schema)
    lutra.start()
    lutra.kill()
    for i in range(transactions):
        note = MARK.decode() if i >= transactions - marked else "-"
        transaction(hz, schema, f"INSERT INTO doubted VALUES ({i}, '{note}')", f"INSERT INTO doubted_too VALUES ({i}, '-')")
    lutra.start()
    lutra.wait()
    assert liar.told == 1
    same(hz, us, schema)
    assert us.sql("SELECT COUNT(*) FROM doubted_too", db=schema) == ((transactions,),)


# In small groups there is one behind the one in doubt, whose rows are sent before the reply is there.
@pytest.mark.parametrize("transactions, marked, more", [(1, 1, []), (20, 20, []), (60, 40, ["group: { rows: 12 }"])], ids=["single", "group", "groups"])
@pytest.mark.parametrize("passes_on", [False, True], ids=["lost", "committed"])
def test_r02_an_error_in_reply_to_commit_is_a_doubt(passes_on, transactions, marked, more, site, channel, schema):
    hz, us = site("mariadb", 1), site("mariadb", 2)
    with Liar("127.0.0.1", us.port, passes_on=passes_on) as liar:
        lutra = channel({"hz": hz, "us": us}, "hz -> us", urls={"us": f"127.0.0.1:{liar.port}/?ssl-mode=DISABLED"}, extra=more)
        lie_once(liar, lutra, hz, us, schema, transactions, marked)
        assert "E5013" in lutra.log.read_text()


def test_r05_a_commit_that_deadlocks_takes_what_was_sent_behind_it_with_it(site, channel, schema):
    """Some clusters decide at COMMIT. The liar passes nothing on: the group behind it stands in the same transaction, whose lane it moves again."""
    hz, us = site("mariadb", 1), site("mariadb", 2)
    with Liar("127.0.0.1", us.port, passes_on=False, refusal=DEADLOCK) as liar:
        lutra = channel({"hz": hz, "us": us}, "hz -> us", urls={"us": f"127.0.0.1:{liar.port}/?ssl-mode=DISABLED"}, extra=["group: { rows: 12 }"])
        lie_once(liar, lutra, hz, us, schema, 60, 40)
        assert "E2061" in lutra.log.read_text()


class Refuser(AtCommit):
    """Answers each with an error, and does not pass it on."""

    def __init__(self, *where, refusal=b"\xff" + (1180).to_bytes(2, "little") + b"#HY000Got error 5 during COMMIT"):
        super().__init__(*where)
        self.refusal = refusal
        self.refuses = True

    def edit(self, piece, pair, to_server):
        if self.is_commit(piece, pair, to_server) and self.refuses:
            self.told += 1
            pair.near.sendall(packet(self.refusal))
            return piece[len(COMMIT):]
        return piece


@pytest.mark.parametrize("order, more", [("retry", []), ("skip", ["writers: 3", "group: { rows: 4 }"]), ("replace", [])],
                         ids=["retry", "skip", "replace"])
def test_r02_a_commit_that_is_refused_each_time_stops_at_its_transaction(order, more, site, channel, schema):
    hz, us = site("mariadb", 1), site("mysql", 2)
    with Refuser("127.0.0.1", us.port) as refuser:
        lutra = channel({"hz": hz, "us": us}, "hz -> us", urls={"us": f"127.0.0.1:{refuser.port}/?ssl-mode=DISABLED"}, extra=more)
        for server in (hz, us):
            server.sql("CREATE TABLE refused (id INT PRIMARY KEY, note VARCHAR(40))", db=schema)
        lutra.start()
        lutra.kill()
        for i in range(20):
            transaction(hz, schema, f"INSERT INTO refused VALUES ({i}, '{MARK.decode() if i == 12 else '-'}')", f"INSERT INTO ledger VALUES ({i})")
        lutra.start()
        error = stopped(lutra, "hz->us", "E5014")
        assert "1180" in error["message"] and error["where"]["gtid"] and f"`lutra {order} --data DIR 'hz->us'" in error["hint"], error
        assert refuser.told > 2 and "E5013" in lutra.log.read_text()
        assert sorted(column(us, schema, "SELECT id FROM refused")) == list(range(12))
        refuser.refuses = False
        lutra.command(order, "hz->us", *(["--sql", f"INSERT INTO {schema}.refused VALUES (-12, '')", "--sql", f"INSERT INTO {schema}.ledger VALUES (-12)"]
                                         if order == "replace" else []))
        lutra.wait()
        expected = sorted({"retry": {12}, "skip": set(), "replace": {-12}}[order] | set(range(20)) - {12})
        assert sorted(column(us, schema, "SELECT id FROM refused")) == sorted(column(us, schema, "SELECT txn_id FROM ledger")) == expected


LATER = {
    "E2043": b"\xff" + (1290).to_bytes(2, "little") + b"#HY000The server is running with the --read-only option so it cannot execute this statement",
    "E2045": b"\xff" + (1030).to_bytes(2, "little") + b"#HY000Got error 28 \"No space left on device\" from storage engine InnoDB",
}


@pytest.mark.parametrize("code, more", [("E2043", []), ("E2045", ["writers: 3", "group: { rows: 4 }"]), ("E2045", ["group: { rows: 12 }"])],
                         ids=["read-only", "disk full", "behind which the next group is sent"])
def test_a_commit_that_fails_for_now_is_tried_again_and_shown(code, more, site, channel, schema):
    """All but COMMIT succeeds at each try; nobody sees it running meanwhile, and since when is kept."""
    hz, us = site("mariadb", 1), site("mariadb", 2)
    with Refuser("127.0.0.1", us.port, refusal=LATER[code]) as refuser:
        lutra = channel({"hz": hz, "us": us}, "hz -> us", urls={"us": f"127.0.0.1:{refuser.port}/?ssl-mode=DISABLED"}, extra=more)
        for server in (hz, us):
            server.sql("CREATE TABLE later (id INT PRIMARY KEY, note VARCHAR(40))", db=schema)
        lutra.start()
        lutra.kill()
        for i in range(20):
            transaction(hz, schema, f"INSERT INTO later VALUES ({i}, '{MARK.decode()}')", f"INSERT INTO ledger VALUES ({i})")
        lutra.start()
        first = retrying(lutra, "hz->us", code)
        begun = lutra.pipelines()["hz->us"]["since"]

        def look(p):
            assert (p["state"], p["since"], p["error"]["code"]) == ("retrying", begun, code), p
            return p["tries"] > 4
        wait_for(lutra, "hz->us", look, "to try again")
        assert first["message"].startswith("COMMIT: ") and column(us, schema, "SELECT COUNT(*) FROM later") == [0]
        assert f"hz->us: retrying since {begun}, " in lutra.command("status")
        assert lutra.log.read_text().count(" is retrying: ") == 1
        refuser.refuses = False
        lutra.wait()
    assert (p := lutra.pipelines()["hz->us"])["state"] == "running" and (p["tries"], p["error"]) == (0, None)
    same(hz, us, schema)
    ledger_is(us, schema, set(range(20)))


class Mute(AtCommit):
    """Gives no answer to the first one; with `passes_on` it is carried out."""

    def __init__(self, *where, passes_on):
        super().__init__(*where)
        self.passes_on = passes_on
        self.silent = None

    def edit(self, piece, pair, to_server):
        if self.is_commit(piece, pair, to_server) and self.told == 0:
            self.told = 1
            self.silent = pair
            return piece if self.passes_on else piece[len(COMMIT):]
        return b"" if pair is self.silent and not to_server else piece


@pytest.mark.parametrize("passes_on", [False, True], ids=["lost", "committed"])
def test_r02_a_cut_in_mid_commit_is_shown_at_once(passes_on, site, channel, schema):
    """Both ends fall silent; the reader misses heartbeats while the answer to COMMIT is still awaited."""
    hz, us = site("mariadb", 1), site("mariadb", 2)
    with Mute("127.0.0.1", us.port, passes_on=passes_on) as mute:
        lutra = channel({"hz": hz, "us": us}, "hz -> us", urls={"us": f"127.0.0.1:{mute.port}/?ssl-mode=DISABLED"})
        for server in (hz, us):
            server.sql("CREATE TABLE cut (id INT PRIMARY KEY, note VARCHAR(40))", db=schema)
        lutra.start()
        transaction(hz, schema, f"INSERT INTO cut VALUES (1, '{MARK.decode()}')", "INSERT INTO ledger VALUES (1)")
        wait_until(lambda: mute.told, PATIENCE_S, "COMMIT to be sent")
        hz.pause()
        try:
            retrying(lutra, "hz->us", "E3015")
            since = lutra.pipelines()["hz->us"]["since"]
            assert not mute.silent.over, "the answer is not awaited any more"
        finally:
            hz.resume()
        mute.reset()
        lutra.wait()
        assert "is retrying: E3015 " in lutra.log.read_text() and since < lutra.pipelines()["hz->us"]["since"]
    same(hz, us, schema)
    ledger_is(us, schema, {1})


@contextlib.contextmanager
def two_links():
    """Of a namespace to ours."""
    with contextlib.ExitStack() as stack:
        nets = []
        for _ in range(2):
            try:
                nets.append(Net(of=nets[0] if nets else None))
            except Unavailable as e:
                pytest.skip(str(e))
            stack.callback(nets[-1].close)
        yield nets


def test_r02_a_cut_in_mid_commit_is_told_from_a_slow_server(site, channel, schema):
    """Two targets do not answer COMMIT; the way to the one is cut, and of that TCP hears. The way to the source stands."""
    hz, us, slow = (site("mariadb", number) for number in (1, 2, 3))
    with contextlib.ExitStack() as stack:
        near, far = stack.enter_context(two_links())
        source = stack.enter_context(Relay("127.0.0.1", hz.port, near.here))
        mutes = [stack.enter_context(Mute("127.0.0.1", server.port, net.here, passes_on=True)) for server, net in ((us, far), (slow, near))]
        cut, waits = lutras = [channel({"hz": hz, "us": server}, "hz -> us", prefix=near.prefix,
                                       urls={name: f"{relay.host}:{relay.port}/?ssl-mode=DISABLED" for name, relay in (("hz", source), ("us", mute))})
                               for server, mute in zip((us, slow), mutes)]
        for server in (hz, us, slow):
            server.sql("CREATE TABLE cut (id INT PRIMARY KEY, note VARCHAR(40))", db=schema)
        for lutra in lutras:
            lutra.start()
        transaction(hz, schema, f"INSERT INTO cut VALUES (1, '{MARK.decode()}')", "INSERT INTO ledger VALUES (1)")
        wait_until(lambda: all(mute.told for mute in mutes), PATIENCE_S, "COMMIT to be sent to both")
        with far.cut():
            retrying(cut, "hz->us", "E2002")
            assert (p := waits.pipelines()["hz->us"])["state"] == "running" and not p["error"], p
            assert not mutes[1].silent.over, "a server that takes its time was given up"
        for mute in mutes:
            mute.reset()
        for lutra in lutras:
            lutra.wait()
    for server in (us, slow):
        same(hz, server, schema)
        ledger_is(server, schema, {1})
