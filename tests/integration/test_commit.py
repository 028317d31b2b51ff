"""R2: an error in reply to COMMIT says nothing of the transaction; whether it was committed is asked of the target."""

import pytest
from conftest import same
from lutralab.relay import Relay

COMMIT = b"\x07\x00\x00\x00\x03COMMIT"
REFUSAL = b"\xff" + (1105).to_bytes(2, "little") + b"#HY000Unknown error"
MARK = b"the row to wait for"


class Liar(Relay):
    """Answers the first COMMIT behind a row that holds MARK with an error; with `passes_on` it is carried out all the same."""

    def __init__(self, *where, passes_on):
        super().__init__(*where)
        self.passes_on = passes_on
        self.marked = self.lied_to = None
        self.told = 0

    def edit(self, piece, pair, to_server):
        refusal = len(REFUSAL).to_bytes(3, "little") + b"\x01" + REFUSAL
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


@pytest.mark.parametrize("transactions", [1, 20])
@pytest.mark.parametrize("passes_on", [False, True], ids=["lost", "committed"])
def test_r02_an_error_in_reply_to_commit_is_a_doubt(passes_on, transactions, site, channel, schema):
    hz, us = site("mariadb", 1), site("mariadb", 2)
    with Liar("127.0.0.1", us.port, passes_on=passes_on) as liar:
        lutra = channel({"hz": hz, "us": us}, "hz -> us", urls={"us": f"127.0.0.1:{liar.port}/?ssl-mode=DISABLED"})
        for server in (hz, us):
            server.sql("CREATE TABLE doubted (id INT PRIMARY KEY, note VARCHAR(40))", db=schema)
            server.sql("CREATE TABLE doubted_too (id INT, note VARCHAR(40))", db=schema)
        lutra.start()
        lutra.kill()
        for i in range(transactions):
            hz.script(["BEGIN", f"INSERT INTO doubted VALUES ({i}, '{MARK.decode()}')", f"INSERT INTO doubted_too VALUES ({i}, '-')", "COMMIT"], db=schema)
        lutra.start()
        lutra.wait()
        assert liar.told == 1 and "E5013" in lutra.log.read_text()
    same(hz, us, schema)
    assert us.sql("SELECT COUNT(*) FROM doubted_too", db=schema) == ((transactions,),)
