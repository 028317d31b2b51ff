"""Types and columns of MySQL that need more than their bytes, from a real server through a channel."""

import contextlib

import pytest
from conftest import same

BARE = True

PAIRS = ["mysql", "mariadb-11.8"]


def run(server, schema, *statements, **settings):
    with contextlib.closing(server.connect(schema)) as c, c.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute(f"SET SESSION {name} = %s", (value,))
        for statement in statements:
            cursor.execute(statement)


def arrives(source, target, channel, schema, tables, target_tables, *statements, **settings):
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run(source, schema, *tables, **settings)
    run(target, schema, *target_tables)
    lutra.start()
    run(source, schema, *statements)
    lutra.wait()
    assert lutra.pipelines()["hz->us"]["error"] is None
    return lutra


# MariaDB refuses a vector whose length a float cannot hold: E5005.
VECTORS = ("INSERT INTO t VALUES (1, {f}('[1,-2.5,3e10]')), (2, {f}('[0,0,0]')), (3, NULL)", "UPDATE t SET v = {f}('[7,8,9]') WHERE id = 2",
           "DELETE FROM t WHERE id = 3")


@pytest.mark.parametrize("pair", [("mysql", "mysql"), ("mariadb-11.8", "mariadb-11.8"), ("mysql", "mariadb-11.8"), ("mariadb-11.8", "mysql")],
                         ids="-to-".join)
def test_vectors(pair, site, channel, schema):
    source, target = site(pair[0], 1), site(pair[1], 2)
    table = ["CREATE TABLE t (id INT PRIMARY KEY, v VECTOR(3))"]
    function = "VEC_FromText" if source.engine == "mariadb" else "STRING_TO_VECTOR"
    arrives(source, target, channel, schema, table, table, *(s.format(f=function) for s in VECTORS))

    def rows(server):
        return server.sql("SELECT id, HEX(v) FROM t ORDER BY id", db=schema)
    assert rows(source) == rows(target) and len(rows(source)) == 2


@pytest.mark.parametrize("target", PAIRS)
def test_geometry_keeps_its_srid(target, site, channel, schema):
    source, target = site("mysql", 1), site(target, 2)
    table = ["CREATE TABLE t (id INT PRIMARY KEY, g GEOMETRY, p POINT, m MULTIPOLYGON)"]
    arrives(source, target, channel, schema, table, table,
            "INSERT INTO t VALUES (1, ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('POINT(10 20)', 4326), NULL)",
            "INSERT INTO t VALUES (2, ST_GeomFromText('LINESTRING(1 2, 3 4)', 3857), NULL,"
            " ST_GeomFromText('MULTIPOLYGON(((0 0, 0 3, 3 3, 3 0, 0 0)))'))",
            "INSERT INTO t VALUES (3, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 1 1))', 4326), NULL, NULL)",
            "UPDATE t SET g = ST_GeomFromText('POINT(-1.5 2.25)', 4326) WHERE id = 1")

    def rows(server):
        return server.sql("SELECT id, HEX(g), HEX(p), HEX(m), ST_SRID(g) FROM t ORDER BY id", db=schema)
    assert rows(source) == rows(target)
    assert [r[4] for r in rows(target)] == [4326, 3857, 4326]


def test_a_column_of_one_srid(site, channel, schema):
    source, target = site("mysql", 1), site("mysql", 2)
    table = ["CREATE TABLE t (id INT PRIMARY KEY, p POINT NOT NULL SRID 4326, SPATIAL INDEX (p))"]
    arrives(source, target, channel, schema, table, table, "INSERT INTO t VALUES (1, ST_GeomFromText('POINT(10 20)', 4326))",
            "UPDATE t SET p = ST_GeomFromText('POINT(11 20)', 4326)")
    same(source, target, schema)


CHANGES = ("INSERT INTO t (a, b) VALUES (1, 'x'), (1, 'x'), (2, 'y')", "UPDATE t SET b = 'z' WHERE a = 2", "DELETE FROM t WHERE a = 1 LIMIT 1")


@pytest.mark.parametrize("shown", ["ON", "OFF"])
@pytest.mark.parametrize("target", PAIRS)
def test_rows_of_a_generated_invisible_primary_key(target, shown, site, channel, schema):
    source, target = site("mysql", 1), site(target, 2)
    plain = "CREATE TABLE t (a INT, b VARCHAR(10))"
    keyed = "CREATE TABLE t (my_row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY, a INT, b VARCHAR(10))"
    source.sql("SET GLOBAL show_gipk_in_create_table_and_information_schema = %s", (shown,))
    try:
        arrives(source, target, channel, schema, [plain], [keyed], *CHANGES, sql_generate_invisible_primary_key="ON")
    finally:
        source.sql("SET GLOBAL show_gipk_in_create_table_and_information_schema = ON")

    def rows(server):
        return server.sql("SELECT my_row_id, a, b FROM t ORDER BY 1", db=schema)
    assert rows(source) == rows(target) and len(rows(source)) == 2


@pytest.mark.parametrize("metadata", ["FULL", "MINIMAL"])
@pytest.mark.parametrize("target", PAIRS)
def test_instant_columns_and_invisible_ones(target, metadata, site, channel, schema):
    source, target = site("mysql", 1), site(target, 2)
    now = "CREATE TABLE t (z INT DEFAULT 9, id INT PRIMARY KEY, c VARCHAR(20) DEFAULT 'new', h INT DEFAULT 5 INVISIBLE, g INT AS (id * 2) STORED)"
    was = ["CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)", "INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3)",
           "ALTER TABLE t DROP COLUMN a, ALGORITHM=INSTANT", "ALTER TABLE t ADD COLUMN z INT DEFAULT 9 FIRST, ALGORITHM=INSTANT",
           "ALTER TABLE t ADD COLUMN c VARCHAR(20) DEFAULT 'new', DROP COLUMN b, ALGORITHM=INSTANT",
           "ALTER TABLE t ADD COLUMN h INT DEFAULT 5 INVISIBLE", "ALTER TABLE t ADD COLUMN g INT AS (id * 2) STORED"]
    source.sql("SET GLOBAL binlog_row_metadata = %s", (metadata,))
    try:
        arrives(source, target, channel, schema, was, [now, "INSERT INTO t (id) VALUES (1), (2), (3)"],
                "UPDATE t SET c = 'changed' WHERE id = 1", "INSERT INTO t (id, h) VALUES (4, 7)", "DELETE FROM t WHERE id = 2", "UPDATE t SET h = 8 WHERE id = 3")
    finally:
        source.sql("SET GLOBAL binlog_row_metadata = 'FULL'")

    def rows(server):
        return server.sql("SELECT id, z, c, h, g FROM t ORDER BY id", db=schema)
    assert rows(source) == rows(target) and len(rows(source)) == 3
