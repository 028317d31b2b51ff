"""R2: an error in reply to COMMIT says nothing of the transaction; whether it was committed is asked of the target."""

import pytest
from conftest import same
from lutralab.relay import Relay
from steps import column, stopped, transaction

COMMIT = b"\x07\x00\x00\x00\x03COMMIT"
REFUSAL = b"\xff" + (1105).to_bytes(2, "little") + b"#HY000Unknown error"
DEADLOCK = b"\xff" + (1213).to_bytes(2, "little") + b"#40001Deadlock found when trying to get lock"
MARK = b"the row to wait for"


class Liar(Relay):
    """Answers the first COMMIT behind a row that holds MARK with an error; with `passes_on` it is carried out all the same."""

    def __init__(self, *where, passes_on, refusal=REFUSAL):
        super().__init__(*where)
        self.passes_on = passes_on
        self.refusal = refusal
        self.marked = self.lied_to = None
        self.told = 0

    def edit(self, piece, pair, to_server):
        refusal = len(self.refusal).to_bytes(3, "little") + b"\x01" + self.refusal
        if to_server and MARK in piece and self.marked is None:
            self.marked = pair
        if to_server and piece == COMMIT and pair is self.marked and self.told == 0:
            self.told = 1
            if self.passes_on:
                self.lied_to = pair
                return piece
            pair.near.sendall(refusal)
            return b""
        if not to_server and pair is self.lied_to:
            self.lied_to = None
            return refusal
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


class Refuser(Relay):
    """Answers each COMMIT behind a row that holds MARK with an error, and does not pass it on."""

    refusal = b"\xff" + (1180).to_bytes(2, "little") + b"#HY000Got error 5 during COMMIT"

    def __init__(self, *where):
        super().__init__(*where)
        self.refuses = True
        self.told = 0
        self._marked = set()

    def edit(self, piece, pair, to_server):
        if to_server and MARK in piece:
            self._marked.add(pair)
        if to_server and piece == COMMIT and pair in self._marked and self.refuses:
            self.told += 1
            pair.near.sendall(len(self.refusal).to_bytes(3, "little") + b"\x01" + self.refusal)
            return b""
        return piece


@pytest.mark.parametrize("order, more", [("retry", []), ("skip", ["writers: 3", "group: { rows: 4 }"])], ids=["retry", "skip"])
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
        assert "1180" in error["message"] and error["where"]["gtid"], error
        assert refuser.told > 2 and "E5013" in lutra.log.read_text()
        assert sorted(column(us, schema, "SELECT id FROM refused")) == list(range(12))
        refuser.refuses = False
        lutra.command(order, "hz->us")
        lutra.wait()
        expected = [i for i in range(20) if order == "retry" or i != 12]
        assert sorted(column(us, schema, "SELECT id FROM refused")) == sorted(column(us, schema, "SELECT txn_id FROM ledger")) == expected
