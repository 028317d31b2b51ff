"""Write sets of text: the target says what characters weigh, and texts that it calls equal keep their order."""

import pathlib
import random
import re

import pymysql
import pytest

from conftest import same

BARE = True

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "src/pipeline/weights.c"
RANGES = [(int(a, 16), int(b, 16)) for a, b in re.findall(r"\{ (0x[0-9a-f]+), (0x[0-9a-f]+) \}, +/\*", SOURCE.read_text())]

ENGINES = {
    "mysql": ("utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci", "utf8mb4_0900_ai_ci"),
    "mariadb": ("utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci"),
    "mariadb-11.8": ("utf8mb4_uca1400_ai_ci",),
}
TEXTS = ("strasse", "STRASSE", "stra\u00dfe", "Stra\u00dfe", "caf\u00e9", "CAFE", "cafe ", "\u00fcber", "UBER", "\u00c4rger", "arger", "na\u00efve", "")
MORE = ("\u043f\u0440\u0438\u0432\u0435\u0442", "\u041f\u0420\u0418\u0412\u0415\u0422", "\u0435\u0436", "\u0451\u0436",
        "\u4e2d\u6587", "\u4e2d \u6587", "\u304b", "\u30ab")


def pairs(server, schema, collation, chars):
    """How many pairs do not weigh what their two characters weigh; how many characters are equal but not of one weight, or the reverse."""
    server.script(["DROP TABLE IF EXISTS c", f"CREATE TABLE c (id INT AUTO_INCREMENT PRIMARY KEY, c VARCHAR(2) COLLATE {collation}, w VARBINARY(60))"
                   " DEFAULT CHARSET=utf8mb4", f"INSERT INTO c (c) VALUES {', '.join(f'(_utf8mb4 0x{c.encode().hex()})' for c in chars)}",
                   "UPDATE c SET w = WEIGHT_STRING(c)"], db=schema)
    return server.sql("SELECT SUM(NOT (WEIGHT_STRING(CONCAT(a.c, b.c)) <=> CONCAT(a.w, b.w))), SUM((a.c = b.c) <> (a.w = b.w)) FROM c a JOIN c b",
                      db=schema)[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_characters_of_the_ranges_weigh_alone(engine, site, schema):
    server = site(engine, 1)
    server.sql(f"CREATE DATABASE {schema}")
    rng = random.Random(1)
    chars = [chr(c) for first, last in RANGES for c in (range(first, last + 1) if last - first < 1000 else rng.sample(range(first, last), 40))]
    assert len(RANGES) > 10
    for collation in ENGINES[engine]:
        assert pairs(server, schema, collation, chars) == (0, 0), collation
    assert pairs(server, schema, "utf8mb4_danish_ci", ["a", "b"])[0] > 0  # a contraction is seen


def ran(server):
    return {name[4:]: int(n) for name, n in server.sql("SHOW GLOBAL STATUS LIKE 'Com\\_%'")}


@pytest.mark.parametrize("engine, collation", [("mysql", "utf8mb4_0900_ai_ci"), ("mysql", "latin1_german1_ci"), ("mariadb", "utf8mb4_general_ci"),
                                               ("mariadb", "utf8mb4_unicode_ci"), ("mariadb", "latin1_swedish_ci")])
def test_texts_that_are_equal_to_the_server_keep_their_order(engine, collation, site, channel, schema):
    hz, us = site(engine, 1), site(engine, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us")
    charset = collation.split("_")[0]
    for server in (hz, us):
        server.sql(f"CREATE TABLE w (id INT PRIMARY KEY, t VARCHAR(30) CHARACTER SET {charset} COLLATE {collation}, n INT, UNIQUE (t))", db=schema)
    lutra.start()
    lutra.kill()
    rng = random.Random(collation)
    texts = TEXTS if charset == "latin1" else TEXTS + MORE
    with hz.connect(schema) as c, c.cursor() as cursor:
        for i in range(500):
            text = rng.choice(texts) + rng.choice(("", " ", str(i)))
            how = rng.random()
            try:
                if how < 0.5:
                    cursor.execute("INSERT INTO w VALUES (%s, %s, 0)", (i, text))
                elif how < 0.8:
                    cursor.execute("UPDATE w SET t = %s, n = n + 1 WHERE id = %s", (text, rng.randrange(max(i, 1))))
                else:
                    cursor.execute("DELETE FROM w WHERE t = %s", (text,))
            except pymysql.err.IntegrityError:
                pass
    before = ran(us)
    lutra.start()
    lutra.wait()
    commands = {name: n - before[name] for name, n in ran(us).items()}
    same(hz, us, schema)
    # Text finer than the server's would have met a duplicate and been done again; coarser would have gone row by row.
    assert commands["rollback"] == 0, commands
    if engine == "mysql":
        assert commands["insert"] < 150, commands
