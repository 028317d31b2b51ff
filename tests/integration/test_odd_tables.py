"""Keys, statements and tables that somebody has somewhere: they arrive as they are, one way and both ways."""

import itertools

import pytest
from conftest import same

BARE = True

SERVERS = ("mariadb", "mysql", "mariadb-11.8")
# Each pair with a backlog, whose rows share statements; two of them also row by row, the rows before compared.
CASES = [(pair, "off", True) for pair in itertools.product(SERVERS, SERVERS)] + [(pair, "on", False) for pair in (("mariadb", "mysql"), ("mysql", "mariadb"))]

# name, column definitions, statements that change rows by that key
KEYS = {
    "float": ("k FLOAT NOT NULL PRIMARY KEY, n INT", [
        "INSERT INTO {t} VALUES (0.1, 1), (1e30, 2), (16777216, 3), (-0.5, 4), (3.3333333, 5), (0, 6)", "UPDATE {t} SET n = n + 1",
        "UPDATE {t} SET k = k * 3 WHERE k < 1", "DELETE FROM {t} WHERE n = 3"]),
    "double": ("k DOUBLE NOT NULL PRIMARY KEY, n INT", [
        "INSERT INTO {t} VALUES (0.1, 1), (1e300, 2), (5e-324, 3), (0.30000000000000004, 4)", "UPDATE {t} SET n = n + 1",
        "UPDATE {t} SET k = k / 3", "DELETE FROM {t} WHERE n = 3"]),
    "decimal": ("k DECIMAL(30,10) NOT NULL PRIMARY KEY, n INT", [
        "INSERT INTO {t} VALUES (0.1, 1), (-12345678901234567890.0123456789, 2), (0, 3)", "UPDATE {t} SET n = n + 1",
        "UPDATE {t} SET k = -k WHERE n < 4", "DELETE FROM {t} WHERE n = 4"]),
    "case": ("k VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY, n INT", [
        "INSERT INTO {t} VALUES ('abc', 1), ('Straße', 2), ('e\u0301', 3), ('x ', 4)", "UPDATE {t} SET k = UPPER(k)", "UPDATE {t} SET n = n + 1",
        "UPDATE {t} SET k = 'x' WHERE k = 'X'", "DELETE FROM {t} WHERE k = 'ABC'"]),
    "char": ("k CHAR(10) NOT NULL PRIMARY KEY, n INT", [
        "INSERT INTO {t} VALUES ('a', 1), ('', 2), ('b  ', 3)", "UPDATE {t} SET n = n + 1", "DELETE FROM {t} WHERE k = ''"]),
    "binary": ("k BINARY(6) NOT NULL PRIMARY KEY, n INT", [
        "INSERT INTO {t} VALUES ('a', 1), ('', 2), (x'0102000000', 3), (x'ff00ff00ff00', 4)", "UPDATE {t} SET n = n + 1",
        "UPDATE {t} SET k = x'aa00' WHERE n = 3", "DELETE FROM {t} WHERE n = 4"]),
    "varbinary": ("k VARBINARY(40) NOT NULL PRIMARY KEY, n INT", [
        "INSERT INTO {t} VALUES ('a', 1), ('', 2), (x'6100', 3), ('a ', 4), ('A', 5)", "UPDATE {t} SET n = n + 1", "DELETE FROM {t} WHERE k = 'a'"]),
    "timestamp": ("k TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6) PRIMARY KEY, n INT", [
        "INSERT INTO {t} VALUES ('2026-03-29 01:30:00.5', 1), ('1970-01-02 00:00:01', 2), (NOW(6), 3)", "UPDATE {t} SET n = n + 10 WHERE n = 1",
        "DELETE FROM {t} WHERE n = 3"]),
    "date": ("k DATE NOT NULL, k2 TIME(3) NOT NULL, n INT, PRIMARY KEY (k, k2)", [
        "INSERT INTO {t} VALUES ('0000-00-00', '-838:59:59', 1), ('2024-02-00', '00:00:00.123', 2)", "UPDATE {t} SET n = n + 1",
        "UPDATE {t} SET k2 = '-00:00:00.001' WHERE n = 3"]),
    "bit": ("k BIT(64) NOT NULL PRIMARY KEY, n INT", [
        "INSERT INTO {t} VALUES (0, 1), (18446744073709551615, 2), (b'1010', 3)", "UPDATE {t} SET n = n + 1", "DELETE FROM {t} WHERE k = b'1010'"]),
    "enum": ("k ENUM('b','a','') NOT NULL, k2 SET('x','y') NOT NULL, n INT, PRIMARY KEY (k, k2)", [
        "INSERT INTO {t} VALUES ('a', '', 1), ('b', 'x,y', 2), ('', 'y', 3)", "UPDATE {t} SET n = n + 1", "UPDATE {t} SET k2 = 'x' WHERE n = 2",
        "DELETE FROM {t} WHERE k = 'b'"]),
    "prefix": ("k TEXT NOT NULL, n INT, PRIMARY KEY (k(4))", [
        "INSERT INTO {t} VALUES ('abcdef', 1), ('abc', 2), ('zzzz long text', 3)", "UPDATE {t} SET n = n + 1", "UPDATE {t} SET k = 'abcdeX' WHERE n = 2",
        "DELETE FROM {t} WHERE n = 3"]),
    "unique not null": ("a INT NULL, k BIGINT UNSIGNED NOT NULL, n INT, UNIQUE KEY (a), UNIQUE KEY (k)", [
        "INSERT INTO {t} VALUES (NULL, 18446744073709551615, 1), (NULL, 0, 2), (7, 1, 3)", "UPDATE {t} SET n = n + 1",
        "UPDATE {t} SET a = n WHERE a IS NULL", "DELETE FROM {t} WHERE k = 0"]),
    "unique null": ("k INT NULL, n INT, UNIQUE KEY (k)", [
        "INSERT INTO {t} VALUES (NULL, 1), (NULL, 1), (NULL, 2), (1, 1), (2, NULL)", "UPDATE {t} SET n = 5 WHERE k IS NULL AND n = 1 LIMIT 1",
        "DELETE FROM {t} WHERE k IS NULL AND n = 1", "UPDATE {t} SET k = NULL WHERE k = 2"]),
    "shift": ("k INT NOT NULL PRIMARY KEY, u INT NOT NULL, n INT, UNIQUE KEY (u)", [
        "INSERT INTO {t} VALUES (1, 10, 1), (2, 20, 2), (3, 30, 3), (4, 40, 4)", "UPDATE {t} SET k = k + 1 ORDER BY k DESC",
        "UPDATE {t} SET u = u + 10 ORDER BY u DESC", "UPDATE {t} SET k = k - 1, u = u - 10 ORDER BY k"]),
    "swap": ("k INT NOT NULL PRIMARY KEY, u VARCHAR(9) UNIQUE, n INT", [
        "INSERT INTO {t} VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4), (5, 'e', 5), (6, 'f', 6)",
        "REPLACE INTO {t} VALUES (1, 'b', 1), (2, 'a', 2)", "REPLACE INTO {t} VALUES (3, 'd', 3), (4, 'e', 4), (5, 'c', 5)",
        "INSERT INTO {t} VALUES (1, 'f', 0), (7, 'a', 7) ON DUPLICATE KEY UPDATE u = CONCAT(n, 'x'), n = n + 10",
        "REPLACE INTO {t} SELECT 9 - k, u, n FROM {t} WHERE k IN (3, 6)"]),
    "generated": ("k INT NOT NULL, g INT GENERATED ALWAYS AS (k * 2) STORED, n INT, PRIMARY KEY (k), UNIQUE KEY (g)", [
        "INSERT INTO {t} (k, n) VALUES (1, 1), (2, 2), (4, 3)", "UPDATE {t} SET k = k + 10, n = n + 1", "DELETE FROM {t} WHERE g = 22"]),
    "no columns but the key": ("k INT NOT NULL PRIMARY KEY", [
        "INSERT INTO {t} VALUES (1), (2), (3)", "UPDATE {t} SET k = 20 WHERE k = 2", "DELETE FROM {t} WHERE k = 3"]),
    "partitioned": ("k INT NOT NULL, n INT, PRIMARY KEY (k)) PARTITION BY RANGE (k) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE", [
        "INSERT INTO {t} VALUES (1, 1), (9, 2), (10, 3), (11, 4)", "UPDATE {t} SET k = k + 5 ORDER BY k DESC", "DELETE FROM {t} WHERE n = 4"]),
    "wide": (", ".join(f"c{i} INT" for i in range(400)) + ", k INT NOT NULL PRIMARY KEY", [
        "INSERT INTO {t} (k, c0, c399) VALUES (1, 5, 6), (2, 7, NULL)", "UPDATE {t} SET c200 = k, c399 = c0", "DELETE FROM {t} WHERE k = 2"]),
}

# Statements over several tables, and what the server does by itself.
STATEMENTS = [
    "CREATE TABLE a (id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, v VARCHAR(40), n INT NOT NULL DEFAULT 0)",
    "CREATE TABLE b (id INT NOT NULL PRIMARY KEY, a_id INT, note VARCHAR(40), KEY (a_id)) CHARACTER SET utf8mb4",
    "CREATE TABLE log_of_a (id INT, what VARCHAR(20))",
    "CREATE TABLE tree (id INT NOT NULL PRIMARY KEY, up INT NULL, FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE)",
    "CREATE TABLE owner (id INT NOT NULL PRIMARY KEY)",
    "CREATE TABLE thing (id INT NOT NULL PRIMARY KEY, o INT NULL, FOREIGN KEY (o) REFERENCES owner (id) ON DELETE SET NULL ON UPDATE CASCADE)",
]
CHANGES = [
    "INSERT INTO a (v) VALUES ('one'), ('two'), ('three'), ('four')",
    "INSERT INTO b SELECT id, id, CONCAT('of ', v) FROM a",
    "UPDATE a JOIN b ON b.a_id = a.id SET a.n = a.n + 1, b.note = CONCAT(b.note, '!') WHERE a.id < 4",
    "DELETE a, b FROM a JOIN b ON b.a_id = a.id WHERE a.v = 'two'",
    "INSERT INTO a (id, v) VALUES (1, 'uno'), (9, 'nine') ON DUPLICATE KEY UPDATE v = VALUES(v), n = n + 10",
    "REPLACE INTO a (id, v) VALUES (3, 'drei'), (10, 'zehn')",
    "INSERT IGNORE INTO a (id, v) VALUES (3, 'ignored'), (11, 'elf')",
    "UPDATE a SET v = NULL ORDER BY id DESC LIMIT 2",
    "INSERT INTO a SET id = 0, v = 'zero is the next'",
    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')",
    "INSERT INTO a SET id = 0, v = 'zero is zero'",
    "UPDATE a SET id = -id",
    "INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, 1), (5, 5)",
    "UPDATE tree SET up = NULL WHERE id = 5",
    "DELETE FROM tree WHERE id = 2",
    "INSERT INTO owner VALUES (1), (2), (3)",
    "INSERT INTO thing VALUES (1, 1), (2, 1), (3, 2), (4, NULL)",
    "UPDATE owner SET id = id + 10",
    "DELETE FROM owner WHERE id = 11",
    "SET foreign_key_checks = 0",
    "INSERT INTO thing VALUES (7, 4711)",
    "DELETE FROM owner WHERE id = 12",
    "SET foreign_key_checks = 1",
    "BEGIN",
    "INSERT INTO a (v) VALUES ('undone')",
    "ROLLBACK",
    "BEGIN",
    "INSERT INTO a (v) VALUES ('kept')",
    "SAVEPOINT s",
    "DELETE FROM a",
    "ROLLBACK TO s",
    "UPDATE b SET note = REPEAT('\u6c34', 40) WHERE id = 1",
    "COMMIT",
    "INSERT INTO b VALUES (100, NULL, '')",
    "INSERT INTO log_of_a SELECT n, v FROM a",
    "DELETE FROM log_of_a WHERE what IS NULL",
]


def table(name):
    return "t_" + name.replace(" ", "_")


def make(servers, schema):
    for server in servers:
        server.script(["SET SESSION sql_log_bin=0", "SET sql_mode='ALLOW_INVALID_DATES'",
                       *(f"CREATE TABLE {table(name)} ({columns})" for name, (columns, _) in KEYS.items()), *STATEMENTS], db=schema)


def change_keys(server, schema):
    server.script(["SET sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00'",
                   *(s.format(t=table(name)) for name, (_, statements) in KEYS.items() for s in statements)], db=schema)


def change(server, schema):
    change_keys(server, schema)
    server.script(["SET sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00'", *CHANGES], db=schema)


@pytest.mark.parametrize("pair, verify, backlog", CASES, ids=[f"{'-to-'.join(pair)}-{'backlog' if backlog else 'verified'}" for pair, _, backlog in CASES])
def test_odd_keys_and_statements(pair, verify, backlog, site, channel, schema):
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=[f"verify: {verify}"])
    make((source, target), schema)
    lutra.start()
    if backlog:
        assert lutra.stop() == 0
    change(source, schema)
    if backlog:
        lutra.start()
    lutra.wait()
    same(source, target, schema)


def test_odd_keys_both_ways(site, channel, schema):
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us")
    make((hz, us), schema)
    lutra.start()
    change(hz, schema)
    lutra.wait()
    same(hz, us, schema)
    us.script(["SET sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00'", *(f"DELETE FROM {table(name)}" for name in KEYS)], db=schema)
    change_keys(us, schema)
    lutra.wait()
    same(hz, us, schema)
