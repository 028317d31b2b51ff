"""Users' functions as the rule of a column and of a table: what they make is what every site holds, and what the logs ask for."""

import contextlib
import random
import subprocess

import pytest
import steps
from lutralab import lutra as lutra_lab
from lutralab.lutra import Keeper
from storm import QUICK, Storm

UNION = """
-- All tags that any of the writes has.
return function(writes)
  local have, tags = {}, {}
  for _, w in ipairs(writes) do
    for _, tag in ipairs(w.after:split(",")) do
      if not have[tag] then have[tag] = true; tags[#tags + 1] = tag end
    end
  end
  return table.concat(tags, ",")
end
"""
HIGHEST = """
return function(writes)
  local best = 1
  for i, w in ipairs(writes) do
    if w.after and (not writes[best].after or w.after.amount > writes[best].after.amount) then best = i end
  end
  return best
end
"""
CHARSET = "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
BAG = (f"CREATE TABLE bag (id INT PRIMARY KEY, tags TEXT NOT NULL, v VARCHAR(30) NOT NULL) {CHARSET}",
       "INSERT INTO bag VALUES (1, 'first', ''), (2, 'first', '')")
BID = (f"CREATE TABLE bid (id INT PRIMARY KEY, amount INT NOT NULL, who VARCHAR(30) NOT NULL) {CHARSET}",
       "INSERT INTO bid VALUES (1, 0, ''), (2, 0, '')")


def rules(schema, **tables):
    """Conflicts by entries of tables."""
    return {**QUICK, "tables": [{"table": f"{schema}.{table}", **rule} for table, rule in tables.items()]}


def bags_and_bids(rnd, value):
    key = rnd.randint(1, 2)
    return rnd.choice((("UPDATE bag SET tags=CONCAT(tags, ',', %s) WHERE id=%s", (value, key)),
                       ("UPDATE bag SET tags=CONCAT(tags, ',', %s), v=%s WHERE id=%s", (value, value, key)),
                       ("UPDATE bid SET amount=amount+%s, who=%s WHERE id=%s", (rnd.randint(1, 9), value, key))))


def test_what_functions_make_is_what_the_logs_ask_for_though_lutra_is_killed(site, channel, schema):
    """No tag is lost and none is there twice; of the bids the highest one stands, with who made it."""
    s = Storm(channel, {"a": site("mariadb", 1), "b": site("mysql", 2)}, schema, tables=(*BAG, *BID),
              conflicts=rules(schema, bag={"columns": {"tags": {"function-file": "union.lua"}}}, bid={"policy": {"function": HIGHEST}}))
    (s.lutra.file.parent / "union.lua").write_text(UNION)
    s.lutra.start()
    with apart(s):  # whatever else chance brings, there is something to decide in each table
        for server, name in zip(s.servers, "ab"):
            steps.transaction(server, schema, f"UPDATE bag SET tags=CONCAT(tags, ',{name}') WHERE id=1",
                              f"UPDATE bid SET amount=amount+1, who='{name}' WHERE id=1")
    with s.clients(bags_and_bids, limit=60) as clients, Keeper(s.lutra, random.Random(5), kills=2, longest_s=0.8) as keeper:
        clients.join()
        keeper.finish()
    s.settle()
    s.is_equal()
    s.is_silent()
    tags, bids = {1: {"first"}, 2: {"first"}}, {1: [], 2: []}
    for log in s.logs({"bag": "id", "bid": "id"}).values():
        for (table, key), (_, after) in (change for t in log if not t.own for change in t.changes.items()):
            if table == "bag":
                tags[key] |= set(after["tags"].split(","))
            else:
                bids[key].append((after["amount"], after["who"]))
    for key, text in s.servers[0].sql("SELECT id, tags FROM bag", db=schema):
        assert sorted(text.split(",")) == sorted(tags[key])
    for key, amount, who in s.servers[0].sql("SELECT id, amount, who FROM bid", db=schema):
        assert amount == max(amount for amount, _ in bids[key]) and (amount, who) in bids[key]
    told = {rule for server in s.servers for rule, in server.sql("SELECT DISTINCT rule FROM lutra.conflict")}
    assert told == {"column-last-writer-wins", "function"}
    assert all(its["functions_failed"] == 0 for its in s.lutra.status()["channels"][0]["sites"])
    assert "a function names the one that wins" in s.lutra.command("explain", f"{schema}.bid", "1")
    assert "each column by its own rule (tags: function)" in s.lutra.command("explain", f"{schema}.bag", "1")


@contextlib.contextmanager
def apart(s):
    """What the sites write meanwhile they write not knowing of each other; then all has come, and is equal."""
    with steps.apart(s.lutra):
        yield
    s.settle()
    s.is_equal()
    s.is_silent()


def test_the_write_that_a_function_names_has_won_whatever_its_time(site, channel, schema):
    s = Storm(channel, {"a": site("mariadb", 1), "b": site("mysql", 2)}, schema, tables=BID, conflicts=rules(schema, bid={"policy": {"function": HIGHEST}}))
    s.lutra.start()
    s.lutra.wait()
    with apart(s):
        for server, name, amounts in zip(s.servers, "ab", ((7, 3), (5, 9))):
            steps.transaction(server, schema, *(f"UPDATE bid SET amount={amount}, who='{name}' WHERE id={i}" for i, amount in enumerate(amounts, 1)))
    assert s.servers[1].sql("SELECT * FROM bid ORDER BY id", db=schema) == ((1, 7, "a"), (2, 9, "b"))
    for server, others in zip(s.servers, ((0, 1), (1, 0))):
        assert tuple(won for won, in server.sql("SELECT won FROM lutra.conflict ORDER BY row_key")) == others


FAILING = {"steps": ("while true do end", "out of steps"), "wide": ("return ('x'):rep(31)", "does not fit"), "none": ("", "no value"),
           "wrong": ("return writes[9].after", "error"), "big": ("local s = 'x' while true do s = s .. s end", "out of memory")}


def test_a_function_that_fails_leaves_the_newest_write_at_all_sites_and_is_told(site, channel, schema):
    columns = ", ".join(f"{name} VARCHAR(30)" for name in FAILING)
    s = Storm(channel, {"a": site("mariadb", 1), "b": site("mysql", 2)}, schema,
              tables=(f"CREATE TABLE odd (id INT PRIMARY KEY, {columns}) {CHARSET}",
                      f"INSERT INTO odd (id) VALUES {', '.join(f'({i})' for i in range(len(FAILING)))}"),
              conflicts=rules(schema, odd={"columns": {name: {"function": f"return function(writes) {body} end"} for name, (body, _) in FAILING.items()}}))
    s.lutra.start()
    s.lutra.wait()
    with apart(s):
        for server, value in zip(s.servers, "ab"):
            steps.transaction(server, schema, *(f"UPDATE odd SET {name}='{value}' WHERE id={i}" for i, name in enumerate(FAILING)))
    for i, (name, (_, why)) in enumerate(FAILING.items()):
        newest = max((clock, origin) for server in s.servers for clock, origin in
                     server.sql("SELECT clock_us, origin FROM lutra.conflict WHERE row_key=%s", (f'{{"id":{i}}}',)))
        assert s.servers[0].sql(f"SELECT {name} FROM odd WHERE id={i}", db=schema) == (("ab"[newest[1] - 1],),)
        for server in s.servers:
            assert server.sql("SELECT rule FROM lutra.conflict WHERE row_key=%s", (f'{{"id":{i}}}',)) == ((f"function failed: {why}",),)
    assert [its["functions_failed"] for its in s.lutra.status()["channels"][0]["sites"]] == [len(FAILING)] * 2
    assert "failed (" in s.lutra.log.read_text()


@pytest.mark.parametrize("command", ("check", "run"))
def test_a_function_that_is_none_is_refused_with_table_column_and_line(command, tmp_path):
    (tmp_path / "merge.lua").write_text("-- of tags\nreturn function(writes)\n  return writes[1] after\nend\n")
    file = tmp_path / "shop.yaml"
    file.write_text("""channel: shop
sites:
  a: { id: 1, url: "mysql://lutra@127.0.0.1:1" }
  b: { id: 2, url: "mysql://lutra@127.0.0.1:2" }
direction: a <-> b
tables: [shop.*]
conflicts:
  policy: last-writer-wins
  tables:
    - { table: shop.bag, columns: { tags: { function-file: merge.lua } } }
""")
    more = ("--data", str(tmp_path / "data")) if command == "run" else ()
    done = subprocess.run([str(lutra_lab.binary()), command, str(file), *more], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "E1008 function of shop.bag, column tags, merge.lua: line 3 of the function: " in done.stderr
    assert "shop.yaml:10:" in done.stderr
