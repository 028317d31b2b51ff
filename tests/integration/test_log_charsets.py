"""Text of every character set, bit for bit to the target, and to columns of another one: converted whole, or a coded stop; never `?`."""

import contextlib
import itertools
import shutil

import pytest
import steps
from lutralab.lutra import LutraFailed
from steps import column, stopped

BARE = True

# What each must carry, in Python's name for it (None: not the same mapping; bytes are given).
TEXTS = {
    "gbk": [b"\xd6\xd0\xce\xc4", b"\xfd\x9b", b"\x81\x5c", b"\xa1\xa4"],
    "sjis": [b"\x83\x65\x83\x58\x83\x67", b"\xb1\xb2\xdf", b"\x95\x5c", b"\x81\x5f"],
    "cp932": [b"\x87\x40\xed\x40", b"\xfa\x40", b"\x83\x5c", b"\x81\x60"],
    "eucjpms": [b"\xa4\xa2\xad\xa1", b"\x8e\xb1", b"\x8f\xb0\xa1"],
    "ujis": [b"\xa4\xa2\xb0\xa1", b"\x8e\xb1", b"\x8f\xb0\xa1"],
    "gb2312": [b"\xd6\xd0\xce\xc4"],
    "big5": [b"\xa4\xa4\xa4\xe5", b"\xa5\x5c", b"\xf9\xd5"],
    "euckr": [b"\xb0\xa1\xc7\xd1"],
    "tis620": [b"\xa1\xd2\xc3", b"\xdf\xfb"],
    "ucs2": [b"\x4e\x2d\x65\x87", b"\x00\x41\xff\xfd"],
    "utf16": [b"\x4e\x2d", b"\xd8\x3e\xdd\xa6"],
    "utf16le": [b"\x2d\x4e", b"\x3e\xd8\xa6\xdd"],
    "utf32": [b"\x00\x00\x4e\x2d", b"\x00\x01\xf9\xa6"],
    "latin1": [bytes(range(0x20, 0x100)), b"\x80\x81\x8d\x8f\x90\x9d"],
    "latin2": [b"\xa1\xb1\xe6"],
    "latin5": [b"\xdd\xfd\xfe"],
    "cp1250": [b"\x8a\x9a\xa5"],
    "cp1251": [b"\xcf\xf0\xe8", b"\x98"],
    "koi8r": [b"\xf0\xd2\xc9"],
    "greek": [b"\xc1\xe2\xe3"],
    "hebrew": [b"\xe0\xf9"],
    "cp866": [b"\x8f\xe0\xa8"],
    "utf8mb3": [b"\xe4\xb8\xad\xc3\xbc"],
    "utf8mb4": [b"\xf0\x9f\xa6\xa6"],
    "gb18030": [b"\xd6\xd0", b"\x81\x30\x81\x30", b"\x94\x39\xda\x33", b"\xfe\x39\xfe\x39"],
}
ONLY_MYSQL = {"gb18030"}
NO_CHARACTER = ("cp1251", b"\x98")  # which a column holds all the same
PAIRS = [("mysql", "mysql"), *itertools.permutations(("mysql", "mariadb", "mariadb-11.8"), 2)]


def fill(server, schema, columns):
    """One row for each text; a text that this server's character set has not is left out."""
    with contextlib.closing(server.connect(schema)) as c, c.cursor() as cursor:
        cursor.execute("SET sql_mode = 'STRICT_ALL_TABLES'")
        n = 0
        for charset in columns:
            for text in TEXTS[charset]:
                n += 1
                for table in ("t", "k"):
                    cursor.execute(f"INSERT INTO {table} (id, c_{charset}, v_{charset}, x_{charset}) VALUES"
                                   f" ({n}, x'{text.hex()}', x'{text.hex()}', x'{text.hex()}')")
        cursor.execute("UPDATE t SET n = 1")
        cursor.execute("DELETE FROM k WHERE id % 3 = 0")


def held(server, schema, columns):
    names = [f"{p}_{c}" for c in columns for p in "cvx"]
    return {t: server.sql(f"SELECT id, n, {', '.join(f'HEX({x})' for x in names)} FROM {t} ORDER BY id", db=schema) for t in "tk"}


@pytest.mark.parametrize("pair", PAIRS, ids=["-to-".join(p) for p in PAIRS])
def test_every_character_set_arrives_bit_for_bit(pair, site, channel, schema):
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    columns = [c for c in TEXTS if c not in ONLY_MYSQL or {*pair} == {"mysql"}]

    def three(c):
        size = 250 if c == "latin1" else 8
        return f"c_{c} CHAR({size}) CHARACTER SET {c}, v_{c} VARCHAR({size}) CHARACTER SET {c}, x_{c} TEXT CHARACTER SET {c}"

    shape = ", ".join(map(three, columns))
    for server in (source, target):
        server.script([f"CREATE TABLE t (id INT PRIMARY KEY, n INT, {shape}) CHARACTER SET utf8mb4", f"CREATE TABLE k (id INT, n INT, {shape}) CHARACTER SET utf8mb4"],
                      db=schema)
    lutra.start()
    fill(source, schema, columns)

    lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None
    assert held(source, schema, columns) == held(target, schema, columns)


@pytest.mark.parametrize("charset", [c for c in TEXTS if c not in ONLY_MYSQL])
def test_a_key_in_every_character_set_finds_its_row(charset, site, channel, schema):
    source, target = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for server in (source, target):
        server.sql(f"CREATE TABLE k (v VARCHAR(250) CHARACTER SET {charset} COLLATE {charset}_bin PRIMARY KEY, n INT)", db=schema)
    lutra.start()
    with contextlib.closing(source.connect(schema)) as c, c.cursor() as cursor:
        for n, text in enumerate(TEXTS[charset]):
            cursor.execute(f"INSERT INTO k VALUES (x'{text.hex()}', {n})")
        cursor.execute("UPDATE k SET n = n + 10")
        cursor.execute("DELETE FROM k WHERE n = 10")

    lutra.wait()

    def rows(server):
        return server.sql("SELECT HEX(v), n FROM k ORDER BY n", db=schema)
    assert rows(source) == rows(target)


@pytest.mark.parametrize("to", ["utf8mb4", "utf16", "gbk"])
def test_another_character_set_at_the_target_is_converted(to, site, channel, schema):
    source, target = site("mysql", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    source.sql("CREATE TABLE t (id INT PRIMARY KEY, g VARCHAR(20) CHARACTER SET gbk, j TEXT CHARACTER SET sjis, u VARCHAR(20) CHARACTER SET utf8mb4)", db=schema)
    target.sql(f"CREATE TABLE t (id INT PRIMARY KEY, g VARCHAR(20) CHARACTER SET {to}, j TEXT CHARACTER SET {to}, u VARCHAR(20) CHARACTER SET {to})", db=schema)
    lutra.start()
    source.sql("INSERT INTO t VALUES (1, '\u4e2d\u6587', '\u30c6\u30b9\u30c8', '\u4e2d\u56fd a'), (2, '', '', ''), (3, NULL, NULL, NULL)", db=schema)
    source.sql("UPDATE t SET g = '\u6570' WHERE id = 1", db=schema)

    lutra.wait()

    assert source.sql("SELECT * FROM t ORDER BY id", db=schema) == target.sql("SELECT * FROM t ORDER BY id", db=schema)


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
@pytest.mark.parametrize("origin,text", [("utf8mb4", "\U0001f9a6"), ("gbk", "\u4e2d"), ("utf16", "\u0416")])
def test_a_character_that_does_not_fit_is_a_coded_stop(engine, origin, text, site, channel, schema):
    source, target = site("mariadb", 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    source.sql(f"CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET {origin})", db=schema)
    target.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET latin1)", db=schema)
    lutra.start()
    source.sql("INSERT INTO t VALUES (1, 'fits')", db=schema)
    source.sql("INSERT INTO t VALUES (2, %s)", (text,), db=schema)

    with pytest.raises(LutraFailed, match="E5005"):
        lutra.wait()

    assert target.sql("SELECT * FROM t", db=schema) == ((1, "fits"),)


@pytest.mark.parametrize("pair", [("mariadb", "mysql")], ids="-to-".join)
def test_every_character_set_becomes_the_same_utf8mb4(pair, site, channel, schema):
    """As the source's own server would make of it, and never `?`. A byte that is no character is a coded stop."""
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    charsets = [c for c in TEXTS if c not in ONLY_MYSQL]
    for server in (source, target):
        shape = ", ".join(f"v_{c} VARCHAR(250) CHARACTER SET {c if server is source else 'utf8mb4'}" for c in charsets)
        server.sql(f"CREATE TABLE t (id INT PRIMARY KEY, {shape})", db=schema)
    lutra.start()
    with contextlib.closing(source.connect(schema)) as c, c.cursor() as cursor:
        for charset in charsets:
            for text in TEXTS[charset]:
                cursor.execute(f"INSERT INTO t (id, v_{charset}) SELECT COALESCE(MAX(id), 0) + 1, x'{text.hex()}' FROM t")
                if (charset, text) == NO_CHARACTER:
                    assert f"v_{charset}" in stopped(lutra, "hz->us", "E5005")["message"]
                    lutra.skip("hz->us")
                    cursor.execute("SET sql_log_bin = 0")
                    cursor.execute(f"DELETE FROM t WHERE HEX(v_{charset}) = '{text.hex()}'")
                    cursor.execute("SET sql_log_bin = 1")

    lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None
    for charset in charsets:
        query = f"SELECT id, HEX(CONVERT(v_{charset} USING utf8mb4)), v_{charset} LIKE '%?%' FROM t WHERE v_{charset} IS NOT NULL ORDER BY id"
        was, became = source.sql(query, db=schema), target.sql(query, db=schema)
        assert was == became and len(was) == len(TEXTS[charset]) - (charset == NO_CHARACTER[0]), charset


# Of utf8mb4, what each character set of a target takes, and what it has no place for.
FITS = {
    "latin1": ("caf\u00e9 \u20ac", "\u4e2d"),
    "ascii": ("plain", "caf\u00e9"),
    "utf8mb3": ("\u4e2d\u6587 \u00fc", "\U0001f9a6"),
    "gbk": ("\u4e2d\u6587", "\U0001f9a6"),
    "sjis": ("\u30c6\u30b9\u30c8", "\u00fc"),
    "cp1251": ("\u0416", "\u4e2d"),
    "ucs2": ("\u4e2d\u00fc", "\U0001f9a6"),
}


@pytest.mark.parametrize("pair", [("mysql", "mariadb-11.8"), ("mariadb", "mysql")], ids="-to-".join)
def test_utf8mb4_into_every_narrower_column_fits_or_stops_by_name(pair, site, channel, schema):
    """The error says which column of which table, at which place of the log, and does not repeat the value."""
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for charset in FITS:
        source.sql(f"CREATE TABLE t_{charset} (id INT PRIMARY KEY, the_text VARCHAR(20) CHARACTER SET utf8mb4)", db=schema)
        target.sql(f"CREATE TABLE t_{charset} (id INT PRIMARY KEY, the_text VARCHAR(20) CHARACTER SET {charset})", db=schema)
    lutra.start()
    for charset, (fits, does_not) in FITS.items():
        source.sql(f"INSERT INTO t_{charset} VALUES (1, %s)", (fits,), db=schema)
        source.sql(f"INSERT INTO t_{charset} VALUES (2, %s)", (does_not,), db=schema)

        error = stopped(lutra, "hz->us", "E5005")

        assert error["where"]["table"] == f"{schema}.t_{charset}"
        assert error["where"]["file"] and error["where"]["pos"] and "the_text" in error["message"]
        assert does_not not in error["message"] and "\\x" not in error["message"], error["message"]
        lutra.skip("hz->us")

    lutra.wait()
    for charset, (fits, _) in FITS.items():
        assert target.sql(f"SELECT * FROM t_{charset}", db=schema) == ((1, fits),), charset


@pytest.mark.parametrize("pair", [("mysql", "mariadb-11.8"), ("mariadb", "mysql")], ids="-to-".join)
def test_every_byte_of_latin1_goes_into_utf8mb4_and_back(pair, site, channel, schema):
    """Its holes too: the five bytes that cp1252 leaves out are characters to the servers."""
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for server, charset in ((source, "latin1"), (target, "utf8mb4")):
        server.script([f"CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(4) CHARACTER SET {charset})",
                       f"CREATE TABLE k (v VARCHAR(4) CHARACTER SET {charset} COLLATE {charset}_bin PRIMARY KEY, n INT)"], db=schema)
    lutra.start()
    values = [f"({n}, x'{n:02x}')" for n in range(1, 256)]
    keys = [f"(x'{n:02x}', {n})" for n in range(0x21, 256)]
    source.sql(f"INSERT INTO t VALUES {', '.join(values)}", db=schema)
    source.sql(f"INSERT INTO k VALUES {', '.join(keys)}", db=schema)
    source.sql("UPDATE k SET n = n + 1000", db=schema)

    lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None
    assert source.sql("SELECT id, HEX(v) FROM t ORDER BY id", db=schema) == target.sql("SELECT id, HEX(CONVERT(v USING latin1)) FROM t ORDER BY id", db=schema)
    assert source.sql("SELECT n, HEX(v) FROM k ORDER BY n", db=schema) == target.sql("SELECT n, HEX(CONVERT(v USING latin1)) FROM k ORDER BY n", db=schema)


@pytest.mark.parametrize("metadata", ["FULL", "MINIMAL"])
@pytest.mark.parametrize("pair", [("mysql", "mariadb"), ("mariadb", "mysql")], ids="-to-".join)
def test_members_go_by_name_where_the_lists_differ(pair, metadata, site, channel, schema):
    """In whatever character set the log has the names, and whether it has them or not."""
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    there = "e ENUM('\u4e2d', '\u6587', 'a') CHARACTER SET gbk, s SET('x', '\u6587', 'o''k', '\u4e2d') CHARACTER SET gbk, l ENUM('\u00e9', '\u00fc') CHARACTER SET latin1"
    here = ("e ENUM('a', 'new', '\u6587', '\u4e2d') CHARACTER SET utf8mb4, s SET('\u4e2d', 'o''k', 'new', 'x', '\u6587') CHARACTER SET utf8mb4,"
            " l ENUM('z', '\u00fc', '\u00e9') CHARACTER SET utf8mb4")
    for server, columns in ((source, there), (target, here)):
        server.script([f"CREATE TABLE t (id INT PRIMARY KEY, {columns})", f"CREATE TABLE k (id INT, {columns})"], db=schema)
    source.sql("SET GLOBAL binlog_row_metadata = %s", (metadata,))
    try:
        lutra.start()
        for table in "tk":
            source.script([f"INSERT INTO {table} VALUES (1, '\u4e2d', 'x,\u4e2d', '\u00fc'), (2, '\u6587', '', '\u00e9'), (3, 'a', 'o''k,x,\u6587,\u4e2d', NULL)",
                           f"UPDATE {table} SET e = '\u6587', s = 'o''k' WHERE id = 1", f"DELETE FROM {table} WHERE id = 2"], db=schema)
        lutra.wait()
    finally:
        source.sql("SET GLOBAL binlog_row_metadata = 'FULL'")

    assert lutra.pipelines()["hz->us"]["error"] is None
    for table in "tk":
        def rows(server):
            return [(i, e, set(s.split(",")), l) for i, e, s, l in server.sql(f"SELECT * FROM {table} ORDER BY id", db=schema)]
        assert rows(source) == rows(target) and len(rows(target)) == 2


def test_a_value_that_is_no_member_goes_beside_text_of_a_deprecated_character_set(site, channel, schema):
    """Of such a character set's name MySQL warns when a statement is read: with its values in it, as JSON wants that keeps its types, or anew
    because the table changed. How many values were bent is told by the number of warnings."""
    source, target = site("mysql", 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    tables = {"t": "id INT PRIMARY KEY", "k": "id INT"}
    for server, narrow in ((source, "ucs2"), (target, "latin1")):
        server.script([f"CREATE TABLE {t} ({key}, e ENUM('a', 'b'), f ENUM('c'), u VARCHAR(9) CHARACTER SET ucs2, n VARCHAR(9) CHARACTER SET {narrow}, j JSON)"
                       for t, key in tables.items()], db=schema)
    lutra.start()

    def write(*statements):
        source.script(["SET sql_mode = ''", *statements], db=schema)

    def rows(server):
        return [server.sql("SELECT id, CAST(e AS UNSIGNED), CAST(f AS UNSIGNED), HEX(u), CONVERT(n USING utf8mb4), j, JSON_TYPE(JSON_EXTRACT(j, '$[0]'))"
                           f" FROM {t} ORDER BY id", db=schema) for t in tables]
    typed = "JSON_ARRAY(CAST('2024-02-29' AS DATE))"
    for t, fourth in (("t", 4), ("k", 3)):
        write(f"INSERT INTO {t} VALUES (1, 'none', 'none', '\u4e2d', '\u00fc', {typed}), (2, 'a', 'c', '\u6587', 'x', {typed})",
              f"INSERT INTO {t} VALUES (3, 'none', 'c', '', NULL, {typed}), ({fourth}, 'none', 'c', '', NULL, {typed}), (5, 'none', 'c', '\u4e2d', 'x', '1')",
              f"UPDATE {t} SET e = 'none', u = '\u4e2d\u6587' WHERE id = 2", f"UPDATE {t} SET n = 'z' WHERE id = 1", f"UPDATE {t} SET f = 'none' WHERE id = 3")
    lutra.wait()
    for t in tables:
        target.sql(f"ALTER TABLE {t} COMMENT 'another'", db=schema)
        write(f"INSERT INTO {t} VALUES (6, 'none', 'c', '\u6587', 'y', '2')", f"UPDATE {t} SET n = 'w' WHERE id = 5")

    lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None
    assert rows(source) == rows(target)
    held = rows(target)
    for t in tables:
        for i, (e, j) in enumerate([("none", typed), ("none", "'1'"), ("a", typed), ("a", "'1'")], 20):
            write(f"INSERT INTO {t} VALUES ({i}, '{e}', 'c', '\u4e2d', '\u4e2d', {j})")
            assert stopped(lutra, "hz->us", "E5005")["where"]["table"] == f"{schema}.{t}"
            lutra.skip("hz->us")
    write("INSERT INTO t VALUES (30, 'none', 'c', '\u4e2d', 'end', NULL)")
    lutra.wait()
    assert column(target, schema, "SELECT id FROM t WHERE id >= 20") == [30] and rows(target)[1] == held[1]


# Bytes that are no text of their character set, beside some that are.
NO_TEXT = {"gbk": (b"\xd6\xd0", b"\xd6"), "sjis": (b"\x83\x65", b"\x83"), "ujis": (b"\xa4\xa2", b"\x8f\xb0"), "utf16": (b"\x4e\x2d", b"\xd8\x3e\x00\x41")}


def smuggle(server, schema, charset, values):
    """A table `raw` of MyISAM, out of the log, whose rows hold these bytes as text: no statement lets them in."""
    bare = f"{schema}_raw"
    server.script(["SET SESSION sql_log_bin = 0", f"CREATE DATABASE {bare}",
                   f"CREATE TABLE {bare}.bytes (id INT PRIMARY KEY, v VARBINARY(24)) ENGINE=MyISAM",
                   f"CREATE TABLE {bare}.raw (id INT PRIMARY KEY, v VARCHAR({24 // WIDTHS[charset]}) CHARACTER SET {charset}) ENGINE=MyISAM",
                   *(f"INSERT INTO {bare}.bytes VALUES ({n}, x'{value.hex()}')" for n, value in enumerate(values, 1)),
                   f"FLUSH TABLES {bare}.bytes, {bare}.raw"])
    for kind in ("MYD", "MYI"):
        shutil.copyfile(server.data / bare / f"bytes.{kind}", server.data / bare / f"raw.{kind}")
    server.sql(f"FLUSH TABLES {bare}.raw")
    return f"{bare}.raw"


WIDTHS = {"gbk": 2, "sjis": 2, "ujis": 3, "utf16": 4}


@pytest.mark.parametrize("pair", [("mariadb", "mariadb-11.8"), ("mariadb", "mysql"), ("mariadb-11.8", "mariadb")], ids="-to-".join)
def test_bytes_that_are_no_text_are_a_coded_stop(pair, site, channel, schema):
    """A server would store `?` or NULL for them, and only warn. One row or many. (A MySQL would look at them on their way into the log.)"""
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for charset in NO_TEXT:
        kind = f"the_text VARCHAR({24 // WIDTHS[charset]}) CHARACTER SET {charset}"
        for server in (source, target):
            server.script([f"CREATE TABLE t_{charset} (id INT PRIMARY KEY, n INT, also VARCHAR(9) CHARACTER SET {charset}, {kind})"], db=schema)
    lutra.start()
    for charset, (good, bad) in NO_TEXT.items():
        raw = smuggle(source, schema if charset == "gbk" else f"{schema}_{charset}", charset, [good] * 20 + [bad] + [good] * 20)
        source.script([f"INSERT INTO t_{charset} SELECT id, 1, 'x', v FROM {raw} WHERE id <= 20",
                       f"INSERT INTO t_{charset} SELECT id, 1, 'x', v FROM {raw} WHERE id > 20",
                       f"INSERT INTO t_{charset} SELECT id + 100, 1, 'x', v FROM {raw} WHERE id > 30"], db=schema)

        error = stopped(lutra, "hz->us", "E5005")

        assert error["where"]["table"] == f"{schema}.t_{charset}"
        assert error["where"]["file"] and error["where"]["pos"] and "column the_text" in error["message"] and "lutra skip" in error["hint"]
        assert column(target, schema, f"SELECT COUNT(*) FROM t_{charset}") == [20]
        lutra.skip("hz->us")
        lutra.wait()
        assert set(column(target, schema, f"SELECT HEX(the_text) FROM t_{charset}")) == {good.hex().upper()}
        assert column(target, schema, f"SELECT COUNT(*) FROM t_{charset}") == [31]


def refused(lutra, target, schema, table, unchanged):
    """Stopped, with nothing of the transaction at the target; passed over."""
    error = stopped(lutra, "hz->us", ("E5005", "E5000"))
    assert error["where"]["table"] == f"{schema}.{table}" and error["where"]["pos"] and "lutra skip" in error["hint"]
    held = target.sql(f"SELECT HEX(the_text), n FROM {table} ORDER BY 1, 2", db=schema)
    assert held == unchanged, (table, error)
    lutra.skip("hz->us")
    return error["code"]


@pytest.mark.parametrize("charset", ["gbk", "utf16"])
@pytest.mark.parametrize("pair", [("mariadb", "mariadb-11.8"), ("mariadb", "mysql"), ("mariadb-11.8", "mariadb")], ids="-to-".join)
def test_bytes_that_are_no_text_touch_no_other_row(pair, charset, site, channel, schema):
    """Among the values that an update sets, in a key, in a row without a key; alone and among many. A server may take them for `?`, which is there."""
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    good, bad = NO_TEXT[charset]
    text = f"the_text VARCHAR({24 // WIDTHS[charset]}) CHARACTER SET {charset}"
    raw = smuggle(source, schema, charset, [good] * 20 + [bad] + [good] * 20)
    steps.run_at((source, target), schema, f"CREATE TABLE t (id INT PRIMARY KEY, n INT, {text})", f"CREATE TABLE k ({text} PRIMARY KEY, n INT)", f"CREATE TABLE u ({text}, n INT)",
                 "INSERT INTO k VALUES ('?', 0), ('??', 0), ('a', 0), ('b', 0), ('c', 0), ('d', 0), ('e', 0), ('f', 0), ('g', 0), ('h', 0)", "INSERT INTO u SELECT * FROM k")
    steps.run_at((source, target), schema, *(f"INSERT INTO t VALUES ({i}, 0, '?')" for i in range(1, 42)))
    steps.run_at((source,), schema, f"INSERT INTO k SELECT v, 0 FROM {raw} WHERE id = 21", f"INSERT INTO u SELECT v, 0 FROM {raw} WHERE id = 21")
    before = {table: target.sql(f"SELECT HEX(the_text), n FROM {table} ORDER BY 1, 2", db=schema) for table in "tku"}
    lutra.start()

    source.sql(f"UPDATE t JOIN {raw} r USING (id) SET t.the_text = r.v, t.n = 1", db=schema)
    assert refused(lutra, target, schema, "t", before["t"]) == "E5005"
    source.sql(f"UPDATE t JOIN {raw} r USING (id) SET t.the_text = r.v, t.n = 2 WHERE id = 21", db=schema)
    assert refused(lutra, target, schema, "t", before["t"]) == "E5005"
    for table in "ku":
        for statement in (f"UPDATE {table} SET n = 1 WHERE HEX(the_text) = '{bad.hex()}'", f"UPDATE {table} SET n = 1", f"DELETE FROM {table}"):
            steps.run_at((source,), schema, f"UPDATE {table} SET n = 0")
            source.sql(statement, db=schema)
            refused(lutra, target, schema, table, before[table])
    source.sql("INSERT INTO t VALUES (100, 1, 'good')", db=schema)
    lutra.wait()
    assert target.sql("SELECT the_text FROM t WHERE id = 100", db=schema) == (("good",),)
