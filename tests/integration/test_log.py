"""What logs hold beside plain rows: each shape from a real server, through a channel."""

import contextlib
import json
import random
import subprocess

import pytest
from conftest import same
from lutralab.lutra import LutraFailed

BARE = True

PATHS = ("$.a", "$.b", "$.c", "$.a.x", '$."odd key\\n"', "$.list[0]", "$.list[2]", "$.list[last]", "$.deep.er[1].k", "$.n")
VALUES = ("'s'", "''", "1", "-7", "18446744073709551615", "1.5", "true", "CAST('null' AS JSON)", "CAST('{\"k\": [1, {\"l\": \"\u00fc\"}]}' AS JSON)",
          "CAST('[]' AS JSON)", "CAST('2026-11-22 01:02:03.5' AS DATETIME(6))", "CAST(1.25 AS DECIMAL(10,2))", "REPEAT('long', 200)",
          "CAST('\"quoted\\\\\"\"' AS JSON)", "JSON_ARRAY(1, 2, JSON_OBJECT('k', 'v'))")
BEGIN = ('{"a": {"x": 1}, "list": [1, 2, 3], "deep": {"er": [0, {"k": "v"}]}, "n": 12345, "pad": "' + "p" * 300 + '"}',
         '{"a": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "b": 70000, "list": ["x", "y", "z", [1]], "pad": "' + "q" * 300 + '"}')


@contextlib.contextmanager
def session(server, schema, **settings):
    with contextlib.closing(server.connect(schema)) as c, c.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute(f"SET SESSION {name} = %s", value)
        yield cursor


def edit(rng, column):
    """An expression that MySQL logs as edits, where the value can be edited in place."""
    for _ in range(rng.randint(1, 4)):
        path = rng.choice(PATHS)
        quoted = "'" + path.replace("\\", "\\\\") + "'"
        column = rng.choice((f"JSON_SET({column}, {quoted}, {rng.choice(VALUES)})", f"JSON_REPLACE({column}, {quoted}, {rng.choice(VALUES)})",
                             f"JSON_REMOVE({column}, {quoted})"))
    return column


def edit_json(server, schema, seed, rounds, **settings):
    rng = random.Random(seed)
    with session(server, schema, binlog_row_value_options="PARTIAL_JSON", **settings) as cursor:
        for i in range(rounds):
            if i % 10 == 0:
                cursor.execute("REPLACE INTO docs VALUES (%s, %s, 1, %s)", (i % 40, rng.choice(BEGIN), rng.choice(BEGIN)))
            sets = [f"{c} = {edit(rng, c)}" for c in rng.sample(("j", "k"), rng.randint(1, 2))] + ["n = n + 1"][:rng.randrange(2)]
            where = rng.choice(("id % 4 = 1", f"id = {i % 40 // 10 * 10}", "true"))
            cursor.execute(f"UPDATE docs SET {', '.join(sets)} WHERE {where}")


DOCS = "CREATE TABLE docs (id INT PRIMARY KEY, j JSON, n INT, k JSON)"


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
@pytest.mark.parametrize("packed,image", [("OFF", "FULL"), ("ON", "FULL"), ("ON", "NOBLOB"), ("ON", "MINIMAL")])
def test_edits_of_json_values_arrive_as_values(target, packed, image, site, channel, schema):
    source, target = site("mysql", 1), site(target, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for server in (source, target):
        server.sql(DOCS, db=schema)
    lutra.start()

    edit_json(source, schema, 5, 150, binlog_transaction_compression=packed, binlog_row_image=image)
    lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None
    same(source, target, schema)


def dumped_rows(lutra, server):
    """The row lines of `lutra binlog dump` of a server's newest file."""
    newest = server.data / server.sql("SHOW BINARY LOGS")[-1][0]
    run = subprocess.run([str(lutra.program), "binlog", "dump", str(newest)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    return [line for line in lines if "table" in line], run


def test_an_edited_json_value_is_the_text_that_the_server_has(site, channel, schema):
    """Each before image is the server's own text of what the edits before it made."""
    source = site("mysql", 1)
    lutra = channel({"hz": source, "us": site("mysql", 2)}, "hz -> us")
    source.sql("FLUSH BINARY LOGS")
    source.sql(DOCS, db=schema)
    edit_json(source, schema, 6, 200)

    rows, run = dumped_rows(lutra, source)

    assert run.returncode == 0, run.stderr
    held, compared = {}, 0
    for row in (r for r in rows if r["schema"] == schema):
        if "before" in row:
            was = held.get(row["before"]["id"])
            assert was is None or was == row["before"]
            compared += was is not None
        if "after" in row:
            held[row["after"]["id"]] = row["after"]
    assert compared > 100


def edit_without_values(source, target, channel, schema):
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for server in (source, target):
        server.sql(DOCS, db=schema)
    source.sql("FLUSH BINARY LOGS")
    lutra.start()
    with session(source, schema, binlog_row_value_options="PARTIAL_JSON", binlog_row_image="MINIMAL") as cursor:
        cursor.execute("INSERT INTO docs VALUES (1, %s, 1, %s)", BEGIN)
        lutra.wait()
        yield lutra
        cursor.execute("UPDATE docs SET j = JSON_REMOVE(JSON_SET(j, '$.a', 1), '$.list[0]')")
        yield lutra


@pytest.mark.parametrize("target,damage,code", [("mysql", "j = JSON_REMOVE(j, '$.a')", "E5001"), ("mariadb", "j = NULL", "E5001"), ("mysql", "id = 2", "E5000"),
                                                ("mariadb", "j = '[1]'", "E5001")])
def test_r07_an_edit_that_does_not_fit_the_targets_value_is_a_coded_stop(damage, code, target, site, channel, schema):
    """And is carried out once the value is what it was."""
    source, target = site("mysql", 1), site(target, 2)
    steps = edit_without_values(source, target, channel, schema)
    lutra = next(steps)
    target.sql(f"UPDATE docs SET {damage}", db=schema)
    next(steps)

    with pytest.raises(LutraFailed, match=f"{code}.*{schema}.docs"):
        lutra.wait()

    target.sql("UPDATE docs SET id = 1, j = %s", (BEGIN[0],), db=schema)
    lutra.retry("hz->us")
    lutra.wait()
    same(source, target, schema)


TYPED = ("JSON_OBJECT('date', CAST('2024-02-29' AS DATE), 'dec', 12.50, 'at', TIMESTAMP'2026-11-22 01:02:03.000004',"
         " 'bytes', CAST(x'00ff' AS BINARY), 'n', 12345, 'list', JSON_ARRAY(CAST('12:34:56' AS TIME), 7, JSON_OBJECT('d', CAST('2020-01-01' AS DATE))), 'pad', REPEAT('p', 400))")
TYPED_EDITS = ("JSON_REPLACE(j, '$.n', 7)", "JSON_REPLACE(j, '$.date', CAST('2026-12-01' AS DATE))",
               "JSON_SET(j, '$.dec', CAST('99.90' AS DECIMAL(6,2)), '$.n', 1.50)",
               "JSON_REMOVE(JSON_SET(j, '$.more', JSON_ARRAY(CAST('2021-01-01' AS DATE), 2.50)), '$.list[1]')",
               "JSON_ARRAY_INSERT(j, '$.list[1]', CAST(x'0102' AS BINARY))",
               "JSON_REPLACE(j, '$.list[last].d', CAST('10:00:00' AS TIME), '$.bytes', 'text')")


def test_types_inside_of_edited_json_values_stay(site, channel, schema):
    """Of what is edited, and of what stands beside it, where the log has neither the value before nor the one after."""
    source, target = site("mysql", 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for server in (source, target):
        server.sql("CREATE TABLE docs (id INT PRIMARY KEY, j JSON, n INT, k JSON)", db=schema)
    lutra.start()
    with session(source, schema, binlog_row_value_options="PARTIAL_JSON", binlog_row_image="MINIMAL") as cursor:
        for i in range(len(TYPED_EDITS)):
            cursor.execute(f"INSERT INTO docs SELECT {i}, {TYPED}, 1, {TYPED}")
        for i, edit in enumerate(TYPED_EDITS):
            cursor.execute(f"UPDATE docs SET j = {edit}, k = {TYPED_EDITS[-1 - i].replace('(j,', '(k,')} WHERE id >= {i}")
    lutra.wait()

    def typed(server):
        paths = ("date", "dec", "at", "bytes", "n", "list[0]", "list[1]", "list[2]", "list[last].d", "more[0]", "more[1]")
        types = ", ".join(f"JSON_TYPE({c}->'$.{p}'), {c}->'$.{p}'" for c in "jk" for p in paths)
        return server.sql(f"SELECT id, j, k, {types} FROM docs ORDER BY id", db=schema)
    assert lutra.pipelines()["hz->us"]["error"] is None
    assert typed(source) == typed(target)


def test_a_backlog_of_json_values_with_types_of_their_own(site, channel, schema):
    source, target = site("mysql", 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for server in (source, target):
        server.sql("CREATE TABLE docs (id INT PRIMARY KEY, j JSON, `) VALUES (?` VARCHAR(40))", db=schema)
    lutra.start()
    lutra.kill()
    with session(source, schema) as cursor:
        for i in range(300):
            cursor.execute(f"INSERT INTO docs VALUES ({i}, {TYPED if i % 3 else 'NULL'}, %s)", (f"'), (?, `{i}",))
        for i in range(0, 300, 2):
            cursor.execute(f"DELETE FROM docs WHERE id = {i}")

    def ran():
        return {name: int(n) for name, n in target.sql("SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_delete', 'Com_rollback')")}
    before = ran()
    lutra.start()
    lutra.wait()
    commands = {name: n - before[name] for name, n in ran().items()}
    same(source, target, schema)
    types = ", ".join(f"JSON_TYPE(j->'$.{path}')" for path in ("date", "dec", "at", "bytes", "list[0]", "list[2].d"))
    query = f"SELECT id, {types} FROM docs ORDER BY id"
    assert source.sql(query, db=schema) == target.sql(query, db=schema)
    assert commands["Com_rollback"] == 0 and commands["Com_delete"] < 100, commands  # their deletes share statements


def test_edits_of_json_values_without_the_value_are_told_as_edits(site, channel, schema):
    source = site("mysql", 1)
    *_, lutra = edit_without_values(source, site("mysql", 2), channel, schema)

    rows, run = dumped_rows(lutra, source)
    assert run.returncode == 0, run.stderr
    edits = json.loads([r for r in rows if r["schema"] == schema][-1]["after"]["j"]["json_diff"])
    assert edits == [{"op": "replace", "path": "$.a", "value": 1}, {"op": "remove", "path": "$.list[0]"}]
