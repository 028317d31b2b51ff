"""Every column type at its ends, between each pair of servers as source and target."""

import contextlib
import itertools
import json

import pytest
from conftest import same
from lutralab.lutra import LutraFailed
from steps import server_globals, stopped

BARE = True

SERVERS = ("mariadb", "mariadb-11.8", "mysql")
PAIRS = list(itertools.product(SERVERS, SERVERS))
SET64 = ",".join(f"'m{i}'" for i in range(64))
COLUMNS = {
    "dec": ("DECIMAL(65,30)", ["'" + s + "9" * 35 + "." + "9" * 30 + "'" for s in ("", "-")] + ["'0'", "'-0.000000000000000000000000000001'"]),
    "ud": ("DECIMAL(9,0) UNSIGNED", ["999999999", "0"]),
    "b64": ("BIT(64)", ["b'" + "1" * 64 + "'", "b'0'", "b'1" + "0" * 63 + "'"]),
    "b9": ("BIT(9)", ["b'101010101'", "b'0'"]),
    "e": ("ENUM('a', 'b', '')", ["'a'", "''", "'none of them'"]),
    "s": (f"SET({SET64})", ["''", f"'{','.join(f'm{i}' for i in range(64))}'", "'m63'", "'m0,m31,m32'"]),
    "da": ("DATE", ["'0000-00-00'", "'2024-00-15'", "'2024-02-30'", "'0001-01-01'", "'9999-12-31'", "'2024-12-00'"]),
    "t0": ("TIME", ["'-838:59:59'", "'838:59:59'", "'-00:00:01'"]),
    "t1": ("TIME(1)", ["'-00:00:00.1'", "'-838:59:58.9'", "'00:00:00.9'"]),
    "t3": ("TIME(3)", ["'-00:00:00.001'", "'-00:00:01.999'", "'838:59:58.999'"]),
    "t6": ("TIME(6)", ["'-00:00:00.000001'", "'-838:59:58.999999'", "'-01:00:00.000000'"]),
    "dt": ("DATETIME(6)", ["'0000-00-00 00:00:00'", "'2024-00-00 01:02:03.000001'", "'9999-12-31 23:59:59.999999'", "'2024-02-31 00:00:00'"]),
    "d2": ("DATETIME(2)", ["'1000-01-01 00:00:00.99'"]),
    "ts": ("TIMESTAMP(6) NULL DEFAULT NULL", ["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07.999999'"]),
    "y": ("YEAR", ["0", "1901", "2155"]),
    "i1": ("TINYINT", ["-128", "127"]),
    "i3": ("MEDIUMINT UNSIGNED", ["16777215", "0"]),
    "i8": ("BIGINT", ["-9223372036854775808", "9223372036854775807"]),
    "u8": ("BIGINT UNSIGNED", ["18446744073709551615"]),
    "f": ("FLOAT", ["3.4028234e38", "1.17549435e-38", "-0.1"]),
    "d": ("DOUBLE", ["1.7976931348623157e308", "5e-324", "-0.1", "123456789.123456789"]),
    "bi": ("BINARY(5)", ["x'0100000000'", "x''", "x'0000000001'"]),
    "c0": ("CHAR(0)", ["''"]),
    "v0": ("VARBINARY(0)", ["''"]),
    "fd": ("FLOAT(7,4)", ["-999.9999", "0.0001"]),
    "dd": ("DOUBLE(20,6)", ["12345678901234.123456", "-0.000001"]),
    "z": ("INT(6) ZEROFILL", ["42", "4294967295"]),
    "tt": ("TINYTEXT", ["REPEAT('ü', 127)", "''"]),
    "mb": ("MEDIUMBLOB", ["REPEAT(x'00ff', 40000)", "''"]),
    "vc": ("VARCHAR(300)", ["REPEAT('中', 300)", "REPEAT('a', 255)", "REPEAT('a', 256)", "'trailing  '"]),
    "ch": ("CHAR(255)", ["REPEAT('🦦', 255)", "'trailing  '", "''"]),
    "g": ("GEOMETRY", ["ST_GeomFromText('POINT(1 -2.5)')", "ST_GeomFromText('POLYGON((0 0, 0 3, 3 3, 0 0))')",
                       "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 1 1))')"]),
    "j": ("JSON", ["'{\"a\": [1, 2.5, -3e30, null, true, \"\u00fc\\\\n\"], \"\": {}}'", "'[]'", "'18446744073709551615'", "'-9223372036854775808'", "'\"\"'"]),
}
# What the log has of them is the same for each kind of key.
TABLES = [f"CREATE TABLE {t} ({key}, {', '.join(f'`{n}` {c[0]}' for n, c in COLUMNS.items())}) CHARACTER SET utf8mb4"
          for t, key in (("x", "id INT PRIMARY KEY"), ("k", "id INT"))]


def run(server, schema, *statements, **settings):
    with contextlib.closing(server.connect(schema)) as c, c.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES'")
        for name, value in settings.items():
            cursor.execute(f"SET SESSION {name} = %s", (value,))
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.parametrize("pair", PAIRS, ids="-to-".join)
def test_every_type_at_its_ends(pair, site, channel, schema):
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for server in (source, target):
        run(server, schema, *TABLES)
    lutra.start()
    rows = max(len(values) for _, values in COLUMNS.values())
    changes = ["INSERT INTO {t} (id) VALUES (100)"]
    for i in range(rows):
        values = ", ".join(values[i % len(values)] for _, values in COLUMNS.values())
        changes.append(f"INSERT INTO {{t}} VALUES ({i}, {values})")
    for name, (_, values) in COLUMNS.items():  # each value as what an update puts in another one's place
        changes.append(f"UPDATE {{t}} SET `{name}` = {values[0]} WHERE id = 100")
    changes += ["UPDATE {t} SET id = id + 50 WHERE id IN (0, 3)", "DELETE FROM {t} WHERE id = 1"]
    for table in "xk":
        run(source, schema, *(c.replace("{t}", table) for c in changes))

    lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None
    same(source, target, schema)

    def shown(server):
        columns = "id, CAST(e AS UNSIGNED), CAST(s AS UNSIGNED), HEX(b64), HEX(bi), da, t6, y + 0, HEX(vc), HEX(ch)"
        return [server.sql(f"SELECT {columns} FROM {t} ORDER BY 1", db=schema) for t in "xk"]
    assert shown(source) == shown(target)
    assert 0 in [row[1] for row in shown(target)[0]], "the enum value that is none"


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_a_value_that_is_no_member_opens_no_door(target, site, channel, schema):
    """The row that has one goes without strict mode; what else does not fit into it is a stop all the same."""
    source, target = site("mariadb", 1), site(target, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for server, small in ((source, "INT"), (target, "TINYINT")):
        run(server, schema, f"CREATE TABLE m (id INT PRIMARY KEY, e ENUM('a', 'b'), i {small}, v VARCHAR(5))")
    lutra.start()
    run(source, schema, "INSERT INTO m VALUES (1, 'none', 1, 'x'), (2, 'a', 2, 'y')", "UPDATE m SET e = 'none', i = 7 WHERE id = 2")
    lutra.wait()
    assert target.sql("SELECT id, CAST(e AS UNSIGNED), i FROM m ORDER BY id", db=schema) == ((1, 0, 1), (2, 0, 7))

    run(source, schema, "INSERT INTO m VALUES (3, 'none', 1000, 'x')")
    with pytest.raises(LutraFailed, match=f"E5005.*{schema}.m"):
        lutra.wait()
    lutra.skip("hz->us")
    run(source, schema, "INSERT INTO m VALUES (4, 'b', 1000, 'x')")
    with pytest.raises(LutraFailed, match=f"E5005.*{schema}.m"):
        lutra.wait()
    assert target.sql("SELECT COUNT(*) FROM m", db=schema) == ((2,),)


@pytest.mark.parametrize("target,fits", [("mariadb-11.8", True), ("mysql", False), ("mariadb", False)])
def test_timestamps_to_2106(target, fits, site, channel, schema):
    source, target = site("mariadb-11.8", 1), site(target, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for server in (source, target):
        run(server, schema, "CREATE TABLE t (id INT PRIMARY KEY, a TIMESTAMP NULL, b TIMESTAMP(6) NULL)")
    lutra.start()
    run(source, schema, "INSERT INTO t VALUES (1, '2038-01-19 03:14:08', '2038-01-19 03:14:08.000001'), (2, '2106-02-07 06:28:15', '2106-02-07 06:28:15.999999')")

    if fits:
        lutra.wait()
        same(source, target, schema)
        return
    with pytest.raises(LutraFailed, match=f"E5005.*{schema}.t"):
        lutra.wait()
    assert target.sql("SELECT COUNT(*) FROM t", db=schema) == ((0,),)


@pytest.mark.parametrize("metadata", ["FULL", "NO_LOG"])
@pytest.mark.parametrize("source", ["mariadb", "mariadb-11.8"])
def test_temporal_columns_of_the_old_format(source, metadata, site, channel, schema):
    """The log does not say how many digits of a second follow; the schema does."""
    source, target = site(source, 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    table = ("CREATE TABLE o (id INT PRIMARY KEY, a TIME, b TIME(3), c TIME(6), d DATETIME, e DATETIME(1), f DATETIME(6),"
             " g TIMESTAMP NULL, h TIMESTAMP(2) NULL, i TIMESTAMP(5) NULL, n INT)")
    with server_globals(source, mysql56_temporal_format="OFF", binlog_row_metadata=metadata):
        run(source, schema, table)
        run(target, schema, table)
        lutra.start()
        run(source, schema,
            "INSERT INTO o VALUES (1, '-838:59:59', '-00:00:00.001', '-838:59:58.999999', '0000-00-00 00:00:00', '2024-00-15 00:00:00.9',"
            " '9999-12-31 23:59:59.999999', '1970-01-01 00:00:01', '2038-01-19 03:14:07.99', '2000-01-01 00:00:00.00001', 7)",
            "INSERT INTO o VALUES (2, '838:59:59', '838:59:58.999', '-00:00:00.000001', '2024-02-30 01:02:03', '0000-00-00 00:00:00',"
            " '0000-00-00 00:00:00', '0000-00-00 00:00:00', NULL, '0000-00-00 00:00:00', 8)",
            "UPDATE o SET c = '-00:00:01', f = '2024-02-29 12:00:00.000001', n = 9 WHERE id = 1")
        lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None
    same(source, target, schema)


@pytest.mark.parametrize("source,target", [("mysql", "mariadb"), ("mariadb", "mysql"), ("mariadb-11.8", "mariadb-11.8")])
def test_values_and_events_over_16_mb(source, target, site, channel, schema):
    source, target = site(source, 1), site(target, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with server_globals(source, max_allowed_packet=128 << 20), server_globals(target, max_allowed_packet=128 << 20):
        for server in (source, target):
            run(server, schema, "CREATE TABLE b (id INT PRIMARY KEY, v LONGBLOB)")
        lutra.start()
        size = (1 << 24) - 1
        run(source, schema, f"INSERT INTO b VALUES (1, REPEAT('a', {size})), (2, REPEAT(x'00ff', {size}))", "UPDATE b SET v = CONCAT(v, 'z') WHERE id = 1")
        lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None

    def sums(server):
        return server.sql("SELECT id, LENGTH(v), SHA2(v, 256) FROM b ORDER BY id", db=schema)
    assert sums(source) == sums(target) and sums(target)[0][1] == size + 1


JSON_VALUES = {
    "decimal": "JSON_OBJECT('p', 19.90, 'q', CAST('12345678901234567890.123456789012345678' AS DECIMAL(40,18)))",
    "times": "JSON_ARRAY(CAST('2026-11-22' AS DATE), CAST('-12:34:56.789' AS TIME(3)), CAST('2026-11-22 01:02:03.5' AS DATETIME(6)))",
    "bytes": "JSON_ARRAY(x'00ff', b'101')",
    "numbers": "JSON_ARRAY(18446744073709551615, -9223372036854775808, 1e308, 5e-324, 1.0e0, -0.0e0)",
    "text": "JSON_OBJECT('\u00fc', '\U0001f9a6', '', CONCAT('q\"', CHAR(1 USING utf8mb4)))",
}


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_json_with_opaque_values_and_big_numbers(target, site, channel, schema):
    """What the source prints of them is what the target prints."""
    source, target = site("mysql", 1), site(target, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for server in (source, target):
        run(server, schema, "CREATE TABLE j (id VARCHAR(20) PRIMARY KEY, v JSON)", "CREATE TABLE k (id VARCHAR(20), v JSON)")
    lutra.start()
    for table in "jk":  # of the one without a key, rows are found by their values
        run(source, schema, *(f"INSERT INTO {table} VALUES ('{name}', {value})" for name, value in JSON_VALUES.items()),
            f"INSERT INTO {table} SELECT 'nested', JSON_OBJECT('a', JSON_ARRAY({', '.join(JSON_VALUES.values())}))",
            f"UPDATE {table} SET v = JSON_ARRAY(0.10) WHERE id = 'text'", f"UPDATE {table} SET v = JSON_ARRAY(v, 1.20) WHERE id IN ('decimal', 'nested')",
            f"INSERT INTO {table} SELECT CONCAT(id, n), v FROM {table}, (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3) AS numbers",
            f"DELETE FROM {table} WHERE id IN ('decimal1', 'times2', 'bytes')")

    lutra.wait()

    assert lutra.pipelines()["hz->us"]["error"] is None

    def printed(server):
        return [server.sql(f"SELECT id, CAST(v AS CHAR) FROM {table} ORDER BY id", db=schema) for table in "jk"]
    assert printed(source) == printed(target)
    if target.engine == "mysql":
        types = [*typed(source, schema, "j")]
        assert {"DATE", "TIME", "DATETIME", "DECIMAL", "BLOB"} <= {t for row in types for t in row} and types == [*typed(target, schema, "j")]
        assert [*typed(source, schema, "k")] == [*typed(target, schema, "k")]


def paths(value, at="$"):
    """Of all values in a document."""
    yield at
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(child, f"{at}[{key}]" if isinstance(value, list) else f"{at}.{json.dumps(key)}")


def typed(server, schema, table):
    """JSON_TYPE of every value in every document."""
    with contextlib.closing(server.connect(schema)) as c, c.cursor() as cursor:
        cursor.execute(f"SELECT id, CAST(v AS CHAR) FROM {table} ORDER BY id")
        for name, text in cursor.fetchall():
            every = list(paths(json.loads(text)))
            cursor.execute(f"SELECT {', '.join(['JSON_TYPE(JSON_EXTRACT(v, %s))'] * len(every))} FROM {table} WHERE id = %s LIMIT 1", (*every, name))
            yield from cursor.fetchall()


# Columns of the source, narrower ones of the target that a server fills without a word, a value that fits and one that does not.
NARROWER = {
    "fraction": ("DATETIME(6)", "DATETIME(3)", "'2026-11-22 01:02:03.123000'", "'2026-11-22 01:02:03.123456'"),
    "seconds": ("TIMESTAMP(2) NULL", "TIMESTAMP NULL", "'2026-11-22 01:02:03'", "'2026-11-22 01:02:03.99'"),
    "day": ("DATETIME", "DATE", "'2026-11-22'", "'2026-11-22 01:02:03'"),
    "clock": ("DATETIME", "TIMESTAMP NULL", "NULL", "'2026-11-22 01:02:03'"),
    "moment": ("TIMESTAMP NULL", "DATETIME", "NULL", "'2026-11-22 01:02:03'"),
    "hour": ("TIME", "DATETIME", "NULL", "'01:02:03'"),
    "cents": ("DECIMAL(20,4)", "DECIMAL(20,2)", "1.2500", "1.2501"),
    "whole": ("DOUBLE", "INT", "7", "7.5"),
    "single": ("DOUBLE", "FLOAT", "0.5", "0.1"),
    "huge": ("BIGINT", "DOUBLE", "9007199254740992", "9007199254740993"),
    "blank": ("VARCHAR(9)", "CHAR(9)", "'x'", "'x '"),
    "padded": ("VARBINARY(4)", "BINARY(4)", "'abcd'", "'abc'"),
}


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_a_value_that_the_target_would_bend_is_a_coded_stop(target, site, channel, schema):
    source, target = site("mariadb", 1), site(target, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for end, server in enumerate((source, target)):
        run(server, schema, *(f"CREATE TABLE n_{name} (id INT PRIMARY KEY, v {types[end]})" for name, types in NARROWER.items()))
    lutra.start()
    for name, (_, narrow, fits, bent) in NARROWER.items():
        run(source, schema, f"INSERT INTO n_{name} VALUES (1, {fits})", f"INSERT INTO n_{name} VALUES (2, {bent})")

        error = stopped(lutra, "hz->us", "E5005")

        assert error["where"]["table"] == f"{schema}.n_{name}" and "column v" in error["message"] and narrow.split()[0].lower() in error["message"], error
        lutra.skip("hz->us")
    lutra.wait()
    assert [target.sql(f"SELECT id FROM n_{name}", db=schema) for name in NARROWER] == [((1,),)] * len(NARROWER)


@pytest.mark.parametrize("target", ["mysql", "mariadb"])
def test_null_is_no_time_of_the_target(target, site, channel, schema):
    """With explicit_defaults_for_timestamp off a server makes the time as it is of it, and of a NULL in a counter the next number."""
    source, target = site("mariadb", 1), site(target, 2)
    with server_globals(target, explicit_defaults_for_timestamp=0):
        lutra = channel({"hz": source, "us": target}, "hz -> us")
        run(source, schema, "CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMP NULL)", "CREATE TABLE n (id INT PRIMARY KEY, c INT)")
        run(target, schema, "CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMP NOT NULL)",
            "CREATE TABLE n (id INT PRIMARY KEY, c INT NOT NULL AUTO_INCREMENT, UNIQUE (c))")
        lutra.start()
        for table, column in (("t", "at"), ("n", "c")):
            run(source, schema, f"INSERT INTO {table} VALUES (1, NULL)")
            error = stopped(lutra, "hz->us", "E5005")
            assert error["where"]["table"] == f"{schema}.{table}" and f"column {column} is NOT NULL" in error["message"]
            lutra.skip("hz->us")
            run(source, schema, f"INSERT INTO {table} VALUES (2, {'FROM_UNIXTIME(7)' if table == 't' else '7'})")
            lutra.wait()
            assert target.sql(f"SELECT id FROM {table}", db=schema) == ((2,),)
