"""The conflict log: what leaves a line in it, what is told of it, and who wins, one worked case after the other.

Both directions are paused while both sites write, so that neither has seen the other's write; then they go on."""

import contextlib
import itertools
import json
import subprocess
import time

import pytest
from conftest import Channels
from lutralab.compare import compare
from lutralab.lutra import LutraFailed
from lutralab.servers import wait_until
from steps import run_at

NAMES = ("hz", "us")
WAYS = ("hz->us", "us->hz")
TRIMMED_S = 150  # the conflict log is at once or, where somebody is in the way, with the first heartbeat after a minute
BEAT_S = 30  # a stamp counts as long as it is no more than two of them ahead of the last one (R20)
TABLES = ["CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), n INT NOT NULL DEFAULT 0)",
          "CREATE TABLE u (id INT PRIMARY KEY, v VARCHAR(20) UNIQUE, note VARCHAR(20))",
          "CREATE TABLE s (id INT PRIMARY KEY)",
          "CREATE TABLE c (id INT PRIMARY KEY, v VARCHAR(20), w VARCHAR(20), n INT NOT NULL DEFAULT 0)"]


def log(lutra, *more):
    return json.loads(lutra.command("conflicts", "--json", "--limit", 1000, *more))["conflicts"]


def show(lutra, name):
    return json.loads(lutra.command("conflicts", "show", name, "--json"))


class Pair:
    """Two sites and the channel between them, which stays for all cases of a pair of engines."""

    def __init__(self, channels, schema, hz, us):
        self.schema = schema
        self.sites = {"hz": hz, "us": us}
        self.lutra = channels(self.sites, "hz <-> us", conflicts={
            "policy": "last-writer-wins", "heartbeat": f"{BEAT_S}s", "max-skew": "10m",
            "tables": [{"table": f"{schema}.c", "policy": "column-last-writer-wins", "columns": {"n": "counter"}},
                       {"table": f"{schema}.s", "policy": "none"}]})
        run_at((hz, us), schema, *TABLES)
        self.lutra.start()
        self._keys = itertools.count(1, 10)
        self._second = self._ahead = 0

    def key(self):
        """Ten keys that no other case uses begin here."""
        return next(self._keys)

    def base(self, *statements):
        """What both sites have when a case begins; no writes that are remembered stand against it."""
        self.sites["hz"].script(["BEGIN", *statements, "COMMIT"], db=self.schema)
        self.lutra.wait()

    def instant(self):
        """A second, behind all that were given out, that MariaDB's log may hold as a time of writing."""
        self._second = max(self._second, int(time.time())) + 1
        wait_until(lambda: time.time() > self._second - BEAT_S, 60, "the clock to come near")
        return self._second

    def write(self, site, *statements, second=None):
        """A transaction, later than all that were written before at either site."""
        server = self.sites[site]
        stamp = []
        if server.engine == "mariadb":  # its log tells seconds only
            stamp = [f"SET timestamp={self.instant() if second is None else second}"]
        else:
            wait_until(lambda: time.time() > self._ahead, 60, "the sites' clocks to be reached")
        server.script([*stamp, "BEGIN", *statements, "COMMIT"], db=self.schema)

    @contextlib.contextmanager
    def apart(self):
        """Meanwhile neither site sees what the other writes; afterwards all of it is applied."""
        for way in WAYS:
            self.lutra.command("pause", way)
        try:
            yield
        finally:
            for way in WAYS:
                self.lutra.command("resume", way)
        self.lutra.wait()

    def beyond(self):
        """A second that is a little ahead of the sites' clocks."""
        given = self._second if self.sites["hz"].engine == "mariadb" else self._ahead
        return max(given, int(time.time())) + 2

    def passed(self, second):
        """The sites' clocks stand there: what is written from now on is later."""
        self._second, self._ahead = max(self._second, second + 1), second + 1

    def lines(self, table, key):
        """(site, operation, met, won) of each line about a row of the case that began at `key`."""
        found = []
        for line in log(self.lutra):
            if line["table"] != f"{self.schema}.{table}" or not key <= line["key"]["id"] < key + 10:
                continue
            assert line["version"]["site"] != line["site"] and line["other"]["site"] == line["site"]
            order = [(v["time"], v["origin"]) for v in (line["other"], line["version"])]
            assert line["won"] == (order == sorted(order)), line
            found.append((line["site"], line["operation"], line["met"], line["won"]))
        return sorted(found)

    def rows(self, table, key):
        """The rows of the case that began at `key`, which both sites must have alike."""
        found = compare(*self.sites.values(), self.schema)
        assert not found, str(found)
        return [row[1:] if row[0] == key else row for row in
                self.sites["hz"].sql(f"SELECT * FROM {table} WHERE id >= %s AND id < %s ORDER BY id", (key, key + 10), db=self.schema)]


@pytest.fixture(scope="module", params=["mysql", "mariadb"])
def pair(request, lab, site):
    channels = Channels(lab, f"conflicts_{request.param}")
    pair = Pair(channels, f"conflicts_{request.param}", site(request.param, 1), site(request.param, 2))
    yield pair
    assert pair.lutra.status()["channels"][0]["divergence"] == 0
    channels.close()


def other(site):
    return NAMES[1 - NAMES.index(site)]


# -- worked cases -----------------------------------------------------------------------------------------------

CASES = {}


def case(table):
    """A case on rows of `table`: what both sites have before, who writes what in which order, which lines that leaves, and the rows."""
    return lambda made: CASES.setdefault(made.__name__, (table, made))


def both(operation, met, first, last):
    """Of two writes, each meets the other."""
    return [(last, operation, met, False), (first, met, operation, True)]


@case("t")
def insert_and_insert(key, first, last):
    return ([], [(first, [f"INSERT INTO t VALUES ({key}, 'first', 1)"]), (last, [f"INSERT INTO t VALUES ({key}, 'last', 2)"])],
            both("insert", "insert", first, last), [("last", 2)])


@case("t")
def update_and_update(key, first, last):
    return ([f"INSERT INTO t VALUES ({key}, 'base', 0)"],
            [(first, [f"UPDATE t SET v = 'first' WHERE id = {key}"]), (last, [f"UPDATE t SET n = 2 WHERE id = {key}"])],
            both("update", "update", first, last), [("base", 2)])


@case("t")
def update_and_then_delete(key, first, last):
    return ([f"INSERT INTO t VALUES ({key}, 'base', 0)"],
            [(first, [f"UPDATE t SET v = 'first' WHERE id = {key}"]), (last, [f"DELETE FROM t WHERE id = {key}"])],
            both("update", "delete", first, last), [])


@case("t")
def delete_and_then_update(key, first, last):
    return ([f"INSERT INTO t VALUES ({key}, 'base', 0)"],
            [(first, [f"DELETE FROM t WHERE id = {key}"]), (last, [f"UPDATE t SET v = 'last' WHERE id = {key}"])],
            both("delete", "update", first, last), [("last", 0)])


@case("t")
def delete_and_then_insert(key, first, last):
    """One deletes what the other deletes and puts there anew."""
    return ([f"INSERT INTO t VALUES ({key}, 'base', 0)"],
            [(first, [f"DELETE FROM t WHERE id = {key}"]), (last, [f"DELETE FROM t WHERE id = {key}"]),
             (last, [f"INSERT INTO t VALUES ({key}, 'last', 0)"])],
            [(last, "delete", "update", False), (first, "delete", "delete", True)], [("last", 0)])


@case("t")
def insert_that_a_later_delete_of_the_same_key_ends(key, first, last):
    """Both insert; one of them deletes its own again, last of all."""
    return ([], [(first, [f"INSERT INTO t VALUES ({key}, 'first', 0)"]), (last, [f"INSERT INTO t VALUES ({key}, 'last', 0)"]),
                 (last, [f"DELETE FROM t WHERE id = {key}"])],
            [(last, "insert", "delete", False), (first, "insert", "insert", True)], [])


@case("t")
def delete_and_delete(key, first, last):
    return ([f"INSERT INTO t VALUES ({key}, 'base', 0)"],
            [(first, [f"DELETE FROM t WHERE id = {key}"]), (last, [f"DELETE FROM t WHERE id = {key}"])],
            both("delete", "delete", first, last), [])


@case("t")
def a_key_that_moves_onto_one_that_the_other_site_inserts(key, first, last):
    return ([f"INSERT INTO t VALUES ({key}, 'base', 0)"],
            [(first, [f"UPDATE t SET id = {key + 1} WHERE id = {key}"]), (last, [f"INSERT INTO t VALUES ({key + 1}, 'last', 7)"])],
            both("insert", "insert", first, last), [(key + 1, "last", 7)])


@case("t")
def an_insert_onto_which_the_other_site_moves_a_key(key, first, last):
    return ([f"INSERT INTO t VALUES ({key}, 'base', 0)"],
            [(first, [f"INSERT INTO t VALUES ({key + 1}, 'first', 7)"]), (last, [f"UPDATE t SET id = {key + 1} WHERE id = {key}"])],
            both("insert", "insert", first, last), [(key + 1, "base", 0)])


@case("t")
def the_same_value_written_at_both_sites(key, first, last):
    """Nothing is to be changed, and yet the later write is whose the row is."""
    return ([f"INSERT INTO t VALUES ({key}, 'base', 0)"], [(site, [f"UPDATE t SET v = 'same' WHERE id = {key}"]) for site in (first, last)],
            both("update", "update", first, last), [("same", 0)])


@case("t")
def an_update_that_changes_nothing_is_no_write(key, first, last):
    return ([f"INSERT INTO t VALUES ({key}, 'base', 0)"],
            [(first, [f"UPDATE t SET v = 'first' WHERE id = {key}"]), (last, [f"UPDATE t SET v = 'base' WHERE id = {key}"])],
            [], [("first", 0)])


@case("t")
def a_value_that_came_back(key, first, last):
    """A, B, A: who writes the old value again has written last."""
    return ([f"INSERT INTO t VALUES ({key}, 'a', 0)"],
            [(site, [f"UPDATE t SET v = '{v}' WHERE id = {key}"]) for site, v in ((first, "b"), (last, "c"), (first, "a"))],
            [(last, "update", "update", False), (last, "update", "update", True), (first, "update", "update", False)], [("a", 0)])


@case("u")
def unique_values_that_change_hands(key, first, last):
    """One site swaps the values of two rows while the other writes one of these: its last write has the value that the other row took
    before, so that one is parked."""
    return ([f"INSERT INTO u VALUES ({key}, 'a{key}', 'base'), ({key + 1}, 'b{key}', 'base')"],
            [(first, [f"UPDATE u SET v = NULL WHERE id = {key}", f"UPDATE u SET v = 'a{key}' WHERE id = {key + 1}",
                      f"UPDATE u SET v = 'b{key}' WHERE id = {key}"]),
             (last, [f"UPDATE u SET note = 'last' WHERE id = {key}"])],
            both("update", "update", first, last), [(f"a{key}", "last")])


@case("u")
def a_replace_over_another_rows_unique_value(key, first, last):
    """REPLACE deletes the row that has the value; the other site writes that row, later."""
    return ([f"INSERT INTO u VALUES ({key}, 'a{key}', 'base')"],
            [(first, [f"REPLACE INTO u VALUES ({key + 1}, 'a{key}', 'first')"]), (last, [f"UPDATE u SET note = 'last' WHERE id = {key}"])],
            both("delete", "update", first, last), [(f"a{key}", "last")])


@case("u")
def unique_values_swapped_at_both_sites(key, first, last):
    swap = [f"UPDATE u SET v = NULL WHERE id = {key}", f"UPDATE u SET v = 'a{key}' WHERE id = {key + 1}", f"UPDATE u SET v = 'b{key}' WHERE id = {key}"]
    return ([f"INSERT INTO u VALUES ({key}, 'a{key}', 'base'), ({key + 1}, 'b{key}', 'base')"],
            [(site, [*swap, f"UPDATE u SET note = '{note}' WHERE id IN ({key}, {key + 1})"]) for site, note in ((first, "first"), (last, "last"))],
            both("update", "update", first, last) * 2, [(f"b{key}", "last"), (key + 1, f"a{key}", "last")])


@case("u")
def a_replace_after_the_row_that_it_takes_away_was_written(key, first, last):
    return ([f"INSERT INTO u VALUES ({key}, 'a{key}', 'base')"],
            [(first, [f"UPDATE u SET note = 'first' WHERE id = {key}"]), (last, [f"REPLACE INTO u VALUES ({key + 1}, 'a{key}', 'last')"])],
            both("update", "delete", first, last), [(key + 1, f"a{key}", "last")])


@case("c")
def columns_that_are_decided_one_by_one(key, first, last):
    return ([f"INSERT INTO c VALUES ({key}, 'base', 'base', 10)"],
            [(first, [f"UPDATE c SET v = 'first', n = n + 5 WHERE id = {key}"]), (last, [f"UPDATE c SET w = 'last', n = n - 1 WHERE id = {key}"])],
            both("update", "update", first, last), [("first", "last", 14)])


@pytest.fixture(scope="module")
def worked(pair):
    """All cases in both orders, while the sites are apart once: {(case, first): the key at which its rows begin}."""
    begun = {(name, first): pair.key() for name in CASES for first in NAMES}
    made = [CASES[name][1](key, first, other(first)) for (name, first), key in begun.items()]
    pair.base(*(statement for before, *_ in made for statement in before))
    with pair.apart():
        for step in range(max(len(steps) for _, steps, *_ in made)):
            second = pair.instant()
            for _, steps, *_ in made:
                if step < len(steps):
                    site, statements = steps[step]
                    pair.write(site, *statements, second=second)
    return begun


@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("name", CASES)
def test_case(pair, worked, name, first):
    key = worked[name, first]
    table, made = CASES[name]
    *_, lines, rows = made(key, first, other(first))
    assert pair.rows(table, key) == rows
    assert pair.lines(table, key) == sorted(lines)


@pytest.mark.parametrize("first", NAMES)
def test_the_same_microsecond_at_both_sites(pair, first):
    """Then the site with the greater id wins, whoever came first. Each has a heartbeat that is a little ahead of its clock: what follows counts as one
    microsecond later."""
    key = pair.key()
    with pair.apart():
        ahead = pair.beyond()
        for site in (first, other(first)):
            pair.sites[site].sql("UPDATE lutra.site SET beats = beats + 1, beat = %s WHERE channel = %s", (ahead * 1000000, pair.schema))
            pair.sites[site].script(["BEGIN", f"INSERT INTO t VALUES ({key}, '{site}', 0)", "COMMIT"], db=pair.schema)
    pair.passed(ahead)
    assert pair.lines("t", key) == sorted([("us", "insert", "insert", False), ("hz", "insert", "insert", True)])
    line = next(line for line in log(pair.lutra) if line["key"] == {"id": key})
    assert line["version"]["time"] == line["other"]["time"]
    assert pair.rows("t", key) == [("us", 0)]


# -- what is told -----------------------------------------------------------------------------------------------


def contested(pair, table="t", first="hz"):
    """A row that both sites wrote; `first` lost. Its key."""
    key = pair.key()
    pair.base(f"INSERT INTO {table} (id, v) VALUES ({key}, 'base')")
    with pair.apart():
        pair.write(first, f"UPDATE {table} SET v = 'first' WHERE id = {key}")
        pair.write(other(first), f"UPDATE {table} SET v = 'last' WHERE id = {key}")
    return key


def line_of(pair, key, site):
    return next(line for line in log(pair.lutra, "--site", site) if line["key"] == {"id": key})


def by_file(pair, *words):
    run = subprocess.run([str(pair.lutra.program), *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    return run.returncode, run.stdout, run.stderr


def test_a_line_tells_both_sides(pair):
    key = contested(pair)
    lost = show(pair.lutra, line_of(pair, key, "us")["id"])
    row = {"id": key, "v": "base", "n": 0}
    assert (lost["before"], lost["after"]) == (row, {**row, "v": "first"})
    assert (lost["found"], lost["now"]) == ({**row, "v": "last"},) * 2
    assert lost["rule"] == "last-writer-wins" and lost["pipeline"] == "hz->us" and not lost["won"]
    won = show(pair.lutra, line_of(pair, key, "hz")["id"])
    assert (won["found"], won["now"]) == ({**row, "v": "first"}, {**row, "v": "last"})
    assert won["won"] and won["version"] == lost["other"] and won["other"] == lost["version"]

    text = pair.lutra.command("conflicts", "show", lost["id"])
    assert f"{lost['id']}  {pair.schema}.t" in text and " and lost (last-writer-wins)" in text and '"v":"first"' in text


def test_lines_are_chosen_and_counted(pair):
    key = contested(pair)
    newest = log(pair.lutra)
    assert newest == sorted(newest, key=lambda line: line["at"], reverse=True)
    ids = {line["id"] for line in newest if line["key"] == {"id": key}}
    assert len(ids) == 2
    lost = line_of(pair, key, "us")
    assert ids & {line["id"] for line in log(pair.lutra, "--lost")} == {lost["id"]}
    assert len(json.loads(pair.lutra.command("conflicts", "--json", "--limit", 1))["conflicts"]) == 1
    assert {line["id"] for line in log(pair.lutra, "--since", lost["at"])} >= {lost["id"]}
    assert log(pair.lutra, "--since", "2100-01-01T00:00:00Z") == []
    assert log(pair.lutra, "--table", f"{pair.schema}.nothing") == []
    assert ids <= {line["id"] for line in log(pair.lutra, "--table", f"{pair.schema}.t")}

    counts = json.loads(pair.lutra.command("conflicts", "count", "--json"))["counts"]
    for site in NAMES:
        of_site = log(pair.lutra, "--site", site)
        assert sum(c["won"] + c["lost"] for c in counts if c["site"] == site) == len(of_site)
        assert sum(c["lost"] for c in counts if c["site"] == site) == sum(not line["won"] for line in of_site)
    assert " update/update " in pair.lutra.command("conflicts", "count")

    # The same without asking the run.
    status, out, _ = by_file(pair, "conflicts", pair.lutra.file, "--json", "--limit", 1000)
    assert status == 0 and json.loads(out)["conflicts"] == log(pair.lutra)
    status, out, _ = by_file(pair, "conflicts", "show", lost["id"], pair.lutra.file, "--json")
    assert status == 0 and json.loads(out) == show(pair.lutra, lost["id"])


def test_what_is_not_there_is_said(pair):
    for words, code in ((["show", "999999999@hz"], "E1035"), (["show", "1@nowhere"], "E1000"), (["show", "1"], "E1000"),
                        (["--site", "nowhere"], "E1000"), (["--table", "t"], "E1000"), (["--limit", "5000"], "E1000")):
        with pytest.raises(LutraFailed) as failed:
            pair.lutra.command("conflicts", *words)
        assert failed.value.status == 2 and code in str(failed.value), words


def test_status_counts_conflicts_and_no_divergence(pair):
    def sites():
        channel, = pair.lutra.status()["channels"]
        assert channel["divergence"] == 0
        return {s["name"]: s for s in channel["sites"]}
    before = sites()
    contested(pair)
    after = sites()
    assert {name: after[name]["conflicts"] - before[name]["conflicts"] for name in NAMES} == {"hz": 1, "us": 1}
    assert {name: after[name]["lost"] - before[name]["lost"] for name in NAMES} == {"hz": 0, "us": 1}
    assert all(s["clock_believed"] and s["error"] is None and s["read_position"]["file"] for s in after.values())
    assert "DIVERGE" not in pair.lutra.command("status")


# -- giving what lost another chance ----------------------------------------------------------------------------


def row_at(pair, site, key, table="t"):
    return pair.sites[site].sql(f"SELECT * FROM {table} WHERE id = %s", (key,), db=pair.schema)


def test_what_lost_is_written_once_more(pair):
    key = contested(pair)
    name = line_of(pair, key, "us")["id"]
    told = pair.lutra.command("conflicts", "replay", name)
    assert '"v":"last"' in told and '"v":"first"' in told and "--why" in told
    pair.lutra.wait()
    assert pair.rows("t", key) == [("last", 0)], "told, and done all the same"

    before = pair.lines("t", key)
    assert "written" in pair.lutra.command("conflicts", "replay", name, "--why", "the first one was right")
    pair.lutra.wait()
    assert pair.lines("t", key) == before, "a replay has seen all that is there"
    assert pair.rows("t", key) == [("first", 0)]
    entry = json.loads(pair.lutra.command("log", "--json"))["log"][-1]
    assert entry["action"] == "conflicts replay" and entry["pipeline"] == "hz->us" and entry["why"] == "the first one was right"
    assert name in entry["detail"]
    assert "it is so already" in pair.lutra.command("conflicts", "replay", name, "--why", "again")


def test_what_the_winner_met_is_written_once_more(pair):
    """The line where the operation won: what lost is the row that was there."""
    key = contested(pair)
    pair.lutra.command("conflicts", "replay", line_of(pair, key, "hz")["id"], "--why", "ours")
    pair.lutra.wait()
    assert pair.rows("t", key) == [("first", 0)]


@pytest.mark.parametrize("lost", ["delete", "update"])
def test_a_deletion_and_a_deleted_row_are_written_once_more(pair, lost):
    key = pair.key()
    pair.base(f"INSERT INTO t VALUES ({key}, 'base', 0)")
    with pair.apart():
        for site, what in (("hz", lost), ("us", "update" if lost == "delete" else "delete")):
            pair.write(site, f"DELETE FROM t WHERE id = {key}" if what == "delete" else f"UPDATE t SET v = 'kept' WHERE id = {key}")
    assert pair.rows("t", key) == ([("kept", 0)] if lost == "delete" else [])
    pair.lutra.command("conflicts", "replay", line_of(pair, key, "us")["id"], "--why", "another chance")
    pair.lutra.wait()
    assert pair.rows("t", key) == ([] if lost == "delete" else [("kept", 0)])


def test_a_row_that_changed_since_is_left_alone(pair):
    key = contested(pair)
    name = line_of(pair, key, "us")["id"]
    pair.base(f"UPDATE t SET n = 5 WHERE id = {key}")
    assert "it has changed since" in pair.lutra.command("conflicts", "replay", name)
    with pytest.raises(LutraFailed) as failed:
        pair.lutra.command("conflicts", "replay", name, "--why", "x")
    assert failed.value.status == 1 and "E1036" in str(failed.value)
    pair.lutra.wait()
    assert pair.rows("t", key) == [("last", 5)]
    pair.lutra.command("conflicts", "replay", name, "--why", "x", "--force")
    pair.lutra.wait()
    assert pair.rows("t", key) == [("first", 0)]


def test_of_columns_only_those_come_back_that_were_lost(pair):
    key = pair.key()
    pair.base(f"INSERT INTO c VALUES ({key}, 'base', 'base', 10)")
    with pair.apart():
        pair.write("hz", f"UPDATE c SET v = 'first', n = n + 5 WHERE id = {key}")
        pair.write("us", f"UPDATE c SET v = 'last', w = 'last' WHERE id = {key}")
    assert pair.rows("c", key) == [("last", "last", 15)]
    lost = line_of(pair, key, "us")
    pair.lutra.command("conflicts", "replay", lost["id"], "--why", "x")
    pair.lutra.wait()
    assert pair.rows("c", key) == [("first", "last", 15)]


# -- what made a row what it is ---------------------------------------------------------------------------------


def explain(pair, table, *key):
    told = json.loads(pair.lutra.command("explain", f"{pair.schema}.{table}", *key, "--json"))
    return {site["name"]: site for site in told["sites"]}


def test_a_row_is_explained(pair):
    key = contested(pair)
    told = explain(pair, "t", key)
    for name, site in told.items():
        assert site["error"] is None and site["row"] == {"id": key, "v": "last", "n": 0}
        assert site["conflicts"] == [line_of(pair, key, name)]
        assert site["remembers"] and site["write"]["state"] == "visible"
        assert site["write"]["version"] == line_of(pair, key, "hz")["version"]
    text = pair.lutra.command("explain", f"{pair.schema}.t", key)
    assert "written by us " in text and " met update by " in text

    status, out, _ = by_file(pair, "explain", pair.lutra.file, f"{pair.schema}.t", key, "--json")
    assert status == 0
    for site in json.loads(out)["sites"]:
        assert not site["remembers"] and site["write"] is None and site["row"] == told[site["name"]]["row"]
        assert site["conflicts"] == told[site["name"]]["conflicts"]


def test_operations_of_a_row_that_is_merged_are_told_in_order(pair):
    key = pair.key()
    pair.base(f"INSERT INTO c VALUES ({key}, 'base', 'base', 10)")
    with pair.apart():
        pair.write("hz", f"UPDATE c SET n = n + 5 WHERE id = {key}")
        pair.write("us", f"UPDATE c SET n = n - 1 WHERE id = {key}")
    for site in explain(pair, "c", key).values():
        assert site["row"]["n"] == 14
        operations = site["write"]["operations"]
        assert [(o["version"]["site"], o["after"]["n"] - o["before"]["n"]) for o in operations[-2:]] == [("hz", 5), ("us", -1)]


def test_a_row_that_is_not_there_is_explained_too(pair):
    key = pair.key()
    pair.base(f"INSERT INTO t VALUES ({key}, 'base', 0)")
    with pair.apart():
        pair.write("hz", f"UPDATE t SET v = 'first' WHERE id = {key}")
        pair.write("us", f"DELETE FROM t WHERE id = {key}")
    for name, site in explain(pair, "t", key).items():
        assert site["row"] is None and site["write"]["state"] == "absent" and len(site["conflicts"]) == 1, name
    assert all(site["row"] is None and site["conflicts"] == [] for site in explain(pair, "t", key + 1).values())


def test_a_parked_row_is_explained(pair):
    key = pair.key()
    pair.base(f"INSERT INTO u VALUES ({key}, NULL, 'base')")
    with pair.apart():
        pair.write("hz", f"INSERT INTO u VALUES ({key + 1}, 'v{key}', 'first')")
        pair.write("us", f"INSERT INTO u VALUES ({key + 2}, 'v{key}', 'last')")
    assert pair.rows("u", key) == [(None, "base"), (key + 2, f"v{key}", "last")]
    for site in explain(pair, "u", key + 1).values():
        assert site["row"] is None and site["write"]["state"] == "parked"
        assert site["parked"] == {"id": key + 1, "v": f"v{key}", "note": "first"} and site["behind"] == [{"id": key + 2}]
    assert f'waits for a unique value that is in {{"id":{key + 2}}}' in pair.lutra.command("explain", f"{pair.schema}.u", key + 1)
    pair.base(f"DELETE FROM u WHERE id = {key + 2}")
    for server in pair.sites.values():
        wait_until(lambda: server.sql("SELECT 1 FROM u WHERE id = %s", (key + 1,), db=pair.schema), 60, "the parked row to come back")
    assert pair.rows("u", key) == [(None, "base"), (key + 1, f"v{key}", "first")]
    assert all(site["parked"] is None for site in explain(pair, "u", key + 1).values())


def test_what_cannot_be_explained_is_said(pair):
    for words, code in (([f"{pair.schema}.nothing", 1], "E4002"), ([f"{pair.schema}.s", 1], "E1000"), ([f"{pair.schema}.t", 1, 2], "E1000"),
                        (["t", 1], "E1000")):
        with pytest.raises(LutraFailed) as failed:
            pair.lutra.command("explain", *words)
        assert code in str(failed.value), words


# -- its bounds -------------------------------------------------------------------------------------------------


def test_the_log_is_kept_as_long_as_the_channel_says(pair):
    """What is older goes, and of the newer lines those that are more than `rows`."""
    hz = pair.sites["hz"]
    columns = ("channel, pipeline, table_schema, table_name, row_key, digest, operation, met, clock_us, origin, seq, met_clock_us, met_origin,"
               " met_seq, rule, won")
    copied = f"SELECT {columns}, NOW(6) - INTERVAL %s DAY FROM lutra.conflict ORDER BY id LIMIT 1"
    for _ in range(3):
        contested(pair)
    before = {line["id"] for line in log(pair.lutra)}
    pair.lutra.stop()  # which would trim each minute
    for age in (31, 29):
        hz.sql(f"INSERT INTO lutra.conflict ({columns}, at) {copied}", (age,))
    pair.lutra.start()

    def is_gone():
        return hz.sql("SELECT COUNT(*) FROM lutra.conflict WHERE at < NOW(6) - INTERVAL 30 DAY")[0][0] == 0
    wait_until(is_gone, TRIMMED_S, "the old line to go", poll_s=0.1)
    left = {line["id"] for line in log(pair.lutra)}
    assert before < left and len(left - before) == 1

    newest = [line["id"] for line in log(pair.lutra, "--site", "hz")][:3]
    assert len(newest) == 3
    pair.lutra.stop()
    pair.lutra.file.write_text(pair.lutra.file.read_text().replace('"policy": "last', '"keep": {"rows": 3}, "policy": "last', 1))
    pair.lutra.start()
    wait_until(lambda: hz.sql("SELECT COUNT(*) FROM lutra.conflict")[0][0] <= 3, TRIMMED_S, "all but three lines to go", poll_s=0.1)
    assert [line["id"] for line in log(pair.lutra, "--site", "hz")] == newest
