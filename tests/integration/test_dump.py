"""`lutra binlog dump`: a file and its server tell the same, values are what SELECT prints, a cut file ends as it must."""

import contextlib
import decimal
import json
import random
import struct
import subprocess

import pymysql
import pymysql.converters
import pytest
from lutralab import lutra as lutra_lab
from lutralab import shapes
from lutralab.workload import SQL_MODE, Workload, create_schema
from steps import log_end, purge_to

# What the tables of the workload do not have.
MORE = (
    ("gb", "VARCHAR(40) CHARACTER SET {gb}", "text", ("", "\u4e2d\u6587", "a\u8aa0")),
    ("sj", "VARCHAR(40) CHARACTER SET sjis", "text", ("", "\u8868\u30bd\u80fd", "\uff76\uff85")),
    ("cp", "VARCHAR(40) CHARACTER SET cp932", "text", ("", "\u2460\u8868")),
    ("b5", "CHAR(20) CHARACTER SET big5", "text", ("", "\u529f\u8a31", "\u4e2d\u6587")),
    ("ek", "VARCHAR(40) CHARACTER SET euckr", "text", ("", "\ud55c\uad6d\uc5b4")),
    ("u2", "VARCHAR(40) CHARACTER SET ucs2", "text", ("", "\u00e9\u4e2d")),
    ("u6", "VARCHAR(40) CHARACTER SET utf16", "text", ("", "\U0001f9a6 otter")),
    ("ul", "VARCHAR(40) CHARACTER SET utf16le", "text", ("", "\U0001f9a6 otter")),
    ("u3", "TEXT CHARACTER SET utf32", "text", ("", "\U0001f9a6 otter")),
    ("th", "VARCHAR(40) CHARACTER SET tis620", "text", ("", "\u0e44\u0e17\u0e22")),
    ("ge", "GEOMETRY", "geometry", ("POINT(1 2)", "LINESTRING(0 0,1 1.5)")),
)
BY_ENGINE = {
    "mariadb": (("uu", "UUID", "fixed", ("00112233-4455-6677-8899-aabbccddeeff", "00000000-0000-0000-0000-000000000000")),
                ("ip", "INET6", "fixed", ("2001:db8::ff00:42:8329", "::"))),
    "mysql": (("ve", "VECTOR(3)", "vector", ("[1,2.5,-3]", "[0,0,0]")),),
}
JSON_OF = {
    "mysql": ("JSON_OBJECT('date', CAST('2024-02-29' AS DATE), 'time', CAST('-12:34:56.789' AS TIME(3)), 'at', TIMESTAMP'2026-11-22 01:02:03.000004',"
              " 'dec', 12.50, 'bits', b'101', 'bytes', CAST(x'00ff' AS BINARY), 'place', ST_GeomFromText('POINT(1 2)'), 'null', NULL)",
              "'{\"one\": 1.0, \"e\": 1e20, \"tiny\": 1e-7, \"tenth\": 0.1, \"big\": 123456789012345678901234567890, \"max\": 18446744073709551615}'",
              "JSON_ARRAY(REPEAT('x', 70000), JSON_OBJECT('k', 1), TRUE, 65536, -32769)", "'\"\\\\u0000\\\\u001f\\\\\"\\\\\\\\\\u00fc\\U0001f9a6\"'"),
    "mariadb": ("'{\"one\": 1.0,   \"spaces\": [1,2 ,3]}'",),
}


def dump(*words, ok=0):
    """(parsed lines, stderr) of `lutra binlog dump WORDS`; numbers with a fraction stay text, and so does -0."""
    assert lutra_lab.binary().exists(), f"{lutra_lab.binary()} is not built"
    run = subprocess.run([lutra_lab.binary(), "binlog", "dump", *map(str, words)], capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    assert run.returncode == ok, run.stderr.decode(errors="replace")
    number = {"parse_float": str, "parse_int": lambda text: text if text == "-0" else int(text)}
    return [json.loads(line, **number) for line in run.stdout.decode().splitlines()], run.stderr.decode()


def closed_log(server):
    """(path, end) of the file that is written now, closed by going on to the next."""
    name, end = log_end(server)
    server.sql("FLUSH BINARY LOGS")
    return server.data / name, end


def begin_log(server):
    server.sql("FLUSH BINARY LOGS")
    return log_end(server)


@pytest.fixture
def source(site, request):
    return site(request.param, 1)


BOTH = pytest.mark.parametrize("source", ["mariadb", "mysql"], indirect=True)


# -- values ---------------------------------------------------------------------------------------------------------


def columns_of(engine):
    """(name, type, kind, how a value is written, values)"""
    rng = random.Random(7)
    for name, sql_type, kind in shapes.kinds_columns():
        yield name, sql_type, sql_type.split("(")[0].split(" ")[0].lower(), "%s", [shapes.value(rng, kind) for _ in range(60)]
    for name, sql_type, kind, values in MORE + BY_ENGINE[engine]:
        written = {"geometry": "ST_GeomFromText(%s)", "vector": "STRING_TO_VECTOR(%s)"}.get(kind, "%s")
        yield name, sql_type.format(gb="gb18030" if engine == "mysql" else "gbk"), kind, written, [*values, None]


def fill(server, schema, columns):
    """Rows of all values; each column runs through its own."""
    names = ", ".join(name for name, *_ in columns)
    written = ", ".join(how for _, _, _, how, _ in columns)
    with contextlib.closing(server.connect(schema)) as c, c.cursor() as cursor:
        cursor.execute(f"SET sql_mode='{SQL_MODE}', time_zone='+00:00'")
        cursor.execute(f"CREATE TABLE every (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, {', '.join(f'{n} {t}' for n, t, *_ in columns)})"
                       f" {shapes.UTF8}")
        for i in range(60):
            cursor.execute(f"INSERT INTO every ({names}) VALUES ({written})", [values[i % len(values)] for *_, values in columns])
        for text in JSON_OF[server.engine]:
            cursor.execute(f"INSERT INTO every (js) VALUES ({text})")


def selected(server, schema, columns):
    """{column: its values as the server prints them}; ENUM and SET with their numbers."""
    conv = dict(pymysql.converters.encoders)
    with contextlib.closing(server.connect(schema, conv=conv, init_command="SET time_zone='+00:00'")) as c, c.cursor() as cursor:
        for name, _, kind, *_ in columns:
            what = {"float": f"{name} * 1E0", "double": f"{name} * 1E0", "enum": f"CONCAT({name} + 0, ' ', {name})",
                    "set": f"CONCAT({name} + 0, ' ', {name})", "fixed": f"HEX(CAST({name} AS BINARY))", "geometry": f"HEX({name})",
                    "vector": f"HEX({name})", "bit": f"BIN({name})", "blob": f"HEX({name})", "longblob": f"HEX({name})",
                    "binary": f"HEX({name})", "varbinary": f"HEX({name})"}.get(kind, name)
            cursor.execute(f"SELECT {what} FROM every ORDER BY id")
            yield name, [v for (v,) in cursor.fetchall()]


def expected(kind, sql_type, printed, engine):
    """What the contract says the dump shows for what the server prints."""
    if printed is None:
        return None
    if kind in ("tinyint", "smallint", "mediumint", "int", "bigint", "year"):
        return int(printed)
    if kind in ("blob", "longblob", "binary", "varbinary", "fixed", "geometry", "vector"):
        return {"hex": printed.lower()}
    if kind == "bit":
        return {"bit": printed.zfill(int(sql_type[4:-1]))}
    if kind in ("enum", "set"):
        number, _, name = printed.partition(" ")
        if kind == "set":
            return {"set": int(number), "names": name.split(",") if name else []}
        return {"enum": int(number), "name": name} if int(number) else 0
    if kind == "json" and engine == "mysql":
        return {"json": printed}
    return printed


def same_number(kind, shown, printed):
    """FLOAT and DOUBLE: the shortest that reads back the same."""
    if shown is None or printed is None:
        return shown is printed
    value = float(printed)
    if kind == "double":
        return decimal.Decimal(shown) == decimal.Decimal(repr(value))
    digits = len(decimal.Decimal(shown).normalize().as_tuple().digits)
    if value == 0:
        return struct.pack("<f", float(shown)) == struct.pack("<f", value) and shown in (0, "-0")
    reads_back = struct.pack("<f", float(shown)) == struct.pack("<f", value)
    return reads_back and (digits == 1 or struct.pack("<f", float(f"{value:.{digits - 2}e}")) != struct.pack("<f", value))


@BOTH
def test_every_value_is_what_the_server_prints(source, schema):
    create_schema(source, schema, tables=False)
    columns = list(columns_of(source.engine))
    begin_log(source)
    fill(source, schema, columns)
    path, _ = closed_log(source)

    rows = [o["after"] for o in dump(path)[0] if o["kind"] == "insert" and o["schema"] == schema]

    assert len(rows) == 60 + len(JSON_OF[source.engine])
    assert all(list(row) == ["id", *(name for name, *_ in columns)] for row in rows), "columns in table order"
    kinds = {name: (kind, sql_type) for name, sql_type, kind, *_ in columns}
    for name, values in selected(source, schema, columns):
        kind, sql_type = kinds[name]
        for row, printed in zip(rows, values, strict=True):
            if kind in ("float", "double"):
                assert same_number(kind, row[name], printed), (name, row[name], printed)
            else:
                assert row[name] == expected(kind, sql_type, printed, source.engine), (name, row["id"])


@BOTH
def test_raw_shows_the_bytes_of_text(source, schema):
    create_schema(source, schema, tables=False)
    source.sql("CREATE TABLE t (id INT PRIMARY KEY, g VARCHAR(20) CHARACTER SET gbk, n INT, d DATE, b VARBINARY(4))", db=schema)
    begin_log(source)
    source.sql("INSERT INTO t VALUES (1, '\u4e2d', 5, '2024-02-29', x'00ff')", db=schema)
    path, _ = closed_log(source)

    raw, = [o["after"] for o in dump(path, "--raw")[0] if o["kind"] == "insert"]

    assert raw == {"id": 1, "g": {"hex": "\u4e2d".encode("gbk").hex()}, "n": 5, "d": "2024-02-29", "b": {"hex": "00ff"}}


# -- files and servers ------------------------------------------------------------------------------------------------


def url(server):
    return f"mysql://{lutra_lab.USER}@127.0.0.1:{server.port}"


@BOTH
def test_a_file_and_its_server_tell_the_same(source, schema, tmp_path):
    create_schema(source, schema)
    lutra_lab.create_user(source, [schema], roles=("source",))
    password = tmp_path / "pw"
    password.touch(mode=0o600)
    password.write_text(lutra_lab.PASSWORD)
    begin = begin_log(source)
    Workload(source, schema, clients=2, seed=41, limit=60).start().join()
    path, end = closed_log(source)
    where = ["--password-file", password, "--from", f"{begin[0]}:4", "--to", f"{path.name}:{end}"]

    from_file, _ = dump(path)
    from_server, _ = dump(url(source), *where)
    ahead, _ = dump(url(source), *where, "--read-ahead")
    sums = [dump(path, "--count")[0], dump(url(source), *where, "--count")[0], dump(url(source), *where, "--count", "--read-ahead")[0]]

    assert path.name == begin[0]
    assert from_file == from_server == ahead
    kinds = [o["kind"] for o in from_file]
    assert kinds.count("begin") == kinds.count("commit") >= 120
    for one, in sums:
        rows = kinds.count("insert") + kinds.count("update") + kinds.count("delete")
        assert (one["transactions"], one["rows"]) == (kinds.count("commit"), rows)


@pytest.fixture
def whole(site, schema):
    """(path of a closed file of MariaDB with many transactions, its parsed lines)"""
    source = site("mariadb", 1)
    create_schema(source, schema)
    begin_log(source)
    Workload(source, schema, clients=2, seed=42, limit=40).start().join()
    path, _ = closed_log(source)
    return path, dump(path)[0]


def until(lines, end):
    """The lines of all transactions that end at `end` or before."""
    last = max((i for i, o in enumerate(lines) if o.get("end_pos", end + 1) <= end), default=-1)
    return lines[:last + 1]


def test_from_and_to_choose_whole_transactions(whole):
    path, lines = whole
    begins = [i for i, o in enumerate(lines) if o["kind"] == "begin"]
    first, last = begins[10], begins[20]

    some, _ = dump(path, "--from", lines[first]["pos"], "--to", lines[last]["pos"])

    assert some == lines[first:last]
    _, error = dump(path, "--from", lines[first]["pos"] + 30, ok=4)
    assert error.startswith("lutra: E3011 ") and path.name in error
    _, error = dump(path, "--from", path.stat().st_size + 1, ok=4)
    assert error.startswith("lutra: E3011 ")


def test_a_cut_file_ends_with_4_after_all_whole_transactions(whole, tmp_path):
    path, lines = whole
    data = path.read_bytes()
    rng = random.Random(43)
    ends = [o["end_pos"] for o in lines if "end_pos" in o]
    for cut in rng.sample(range(ends[0], ends[-1]), 60):
        short = tmp_path / path.name
        short.write_bytes(data[:cut])
        if cut in ends:
            continue
        shown, error = dump(short, ok=4)
        assert shown == until(lines, cut)
        assert error.startswith("lutra: E3000 ") and f"({path.name}:" in error, error
        place = int(error.split(f"({path.name}:")[1].split(",")[0].split(")")[0])
        assert max(e for e in ends if e <= cut) <= place <= cut
    short.write_bytes(data[:ends[20]])
    assert dump(short)[0] == until(lines, ends[20])


def test_a_damaged_file_ends_with_4_at_the_damage(whole, tmp_path):
    path, lines = whole
    ends = [o["end_pos"] for o in lines if o["kind"] == "commit"]
    for at in random.Random(44).sample(range(ends[3], ends[-1]), 40):
        data = bytearray(path.read_bytes())
        data[at] ^= 0x10
        (tmp_path / path.name).write_bytes(data)
        shown, error = dump(tmp_path / path.name, ok=4)
        assert error.startswith(("lutra: E3000 ", "lutra: E3001 ", "lutra: E3002 ")), error
        assert shown == until(lines, at)


def test_what_is_no_log_is_refused(tmp_path):
    (tmp_path / "text").write_text("INSERT INTO t VALUES (1);\n" * 10)
    (tmp_path / "empty").write_bytes(b"")
    for name in ("text", "empty"):
        _, error = dump(tmp_path / name, ok=4)
        assert error.startswith("lutra: E3008 ") and name in error
    _, error = dump(tmp_path / "none", ok=2)
    assert error.startswith("lutra: E1010 ")


# -- logs of old servers, made by hand --------------------------------------------------------------------------------


def event(pos, kind, body):
    return struct.pack("<IBIIIH", 1, kind, 1, 19 + len(body), pos + 19 + len(body), 0) + body


def old_log(version, *events):
    lengths = bytearray(27)
    for kind, size in ((1, 56), (2, 13), (4, 8), (15, 84), (19, 8), (23, 8), (24, 8), (25, 8)):
        lengths[kind - 1] = size
    log = b"\xfebin"
    for kind, body in ((15, struct.pack("<H50sIB", 4, version, 1, 19) + bytes(lengths)), *events):
        log += event(len(log), kind, body)
    return log


TABLE_MAP = (19, struct.pack("<IHH", 7, 0, 1) + b"\x01d\0\x01t\0" + b"\x01\x03\x00\x01")


def inserts(*numbers, last=True):
    rows = b"".join(b"\xfe" + struct.pack("<i", n) for n in numbers)
    return 23, struct.pack("<IHH", 7, 0, last) + b"\x01\x01" + rows


def test_rows_of_mysql_5_1_without_begin_are_transactions(tmp_path):
    (tmp_path / "old").write_bytes(old_log(b"5.1.23-rc", TABLE_MAP, inserts(1, 2, last=False), inserts(3), TABLE_MAP, inserts(4)))

    lines, _ = dump(tmp_path / "old")

    kinds = ["begin", "insert", "insert", "insert", "commit", "begin", "insert", "commit"]
    assert [o["kind"] for o in lines] == kinds
    assert [o["after"]["@1"] for o in lines if o["kind"] == "insert"] == [1, 2, 3, 4]


def test_rows_without_begin_are_damage_in_newer_logs(tmp_path):
    tail = bytes([0]) + bytes(4)
    log = old_log(b"5.1.23", TABLE_MAP, inserts(1)).replace(b"5.1.23", b"5.7.30")
    fde = event(4, 15, log[4 + 19:4 + 19 + 84] + tail)
    (tmp_path / "new").write_bytes(log[:4] + fde + log[4 + 19 + 84:])

    lines, error = dump(tmp_path / "new", ok=4)

    assert not lines and error.startswith(("lutra: E3001 ", "lutra: E3011 ")), error


def test_trial_versions_are_refused_by_name(tmp_path):
    (tmp_path / "trial").write_bytes(old_log(b"5.2.2-a_drop6p13-alpha", TABLE_MAP, inserts(1)))
    lines, error = dump(tmp_path / "trial", ok=4)
    assert not lines and error.startswith("lutra: E3004 ") and "5.2.2-a_drop6p13-alpha" in error


def test_fields_that_do_not_fit_are_damage(tmp_path):
    """The event is whole: the log is damaged, not cut."""
    kind, body = TABLE_MAP
    (tmp_path / "bad").write_bytes(old_log(b"5.1.23", (kind, body[:12]), inserts(1)))
    lines, error = dump(tmp_path / "bad", ok=4)
    assert not lines and error.startswith("lutra: E3001 "), error


# -- where it begins --------------------------------------------------------------------------------------------------


def packed(path, folder, how):
    """The file as it is, or packed by that tool."""
    if how is None:
        return path
    out = folder / f"{path.name}.{how}"
    out.write_bytes(subprocess.run([{"gz": "gzip", "zst": "zstd"}[how], "-qc", path], check=True, capture_output=True).stdout)
    return out


@BOTH
def test_begins_behind_gtids_and_at_a_time(source, schema, tmp_path):
    """Of files, packed ones too, and of a server."""
    purge_to(source, begin_log(source)[0])  # other tests stamp what they write as they like
    create_schema(source, schema)
    lutra_lab.create_user(source, [schema], roles=("source",))
    password = tmp_path / "pw"
    password.touch(mode=0o600)
    password.write_text(lutra_lab.PASSWORD)
    begin_log(source)
    executed = "@@gtid_binlog_pos" if source.engine == "mariadb" else "@@gtid_executed"
    stamp = "SET timestamp = 1900000000 + %s"  # MySQL has a stamp of its own for each commit
    files, sets = [], []
    for n in range(1, 7):
        with contextlib.closing(source.connect(schema)) as c, c.cursor() as cursor:
            cursor.execute(stamp, (n,))
            cursor.execute("INSERT INTO ledger VALUES (%s)", (n,))
        sets.append(source.sql(f"SELECT {executed}")[0][0].replace("\n", ""))
        if n in (3, 6):
            files.append(closed_log(source)[0])

    def shown(*words):
        return [o["after"]["txn_id"] for o in dump(*words)[0] if o["kind"] == "insert"]
    for how in (None, "gz", "zst"):
        of = [packed(path, tmp_path, how) for path in files]
        assert shown(*of, "--gtid", sets[1]) == [3, 4, 5, 6] and shown(of[1], "--gtid", sets[4]) == [6]
        assert shown(*of, "--gtid", sets[5]) == []
        begins = [o["time"] for o in dump(*of)[0] if o["kind"] == "begin"]
        assert shown(*of, "--time", begins[4]) == [n for n in range(1, 7) if begins[n - 1] >= begins[4]]
    assert dump(*of, "--gtid", sets[3], "--count")[0][0]["rows"] == 2
    assert "E3010" in dump(files[1], "--gtid", sets[1], ok=4)[1]
    assert "E1000" in dump(files[1], "--gtid", sets[1], "--from", "4", ok=2)[1]
    assert "E1000" in dump(files[1], "--time", "soon", ok=2)[1]
    served = [url(source), "--password-file", password]
    assert shown(*served, "--gtid", sets[1]) == [3, 4, 5, 6] and shown(*served, "--gtid", sets[5]) == []
    assert shown(*served, "--time", begins[0]) == [n for n in range(1, 7) if begins[n - 1] >= begins[0]]
