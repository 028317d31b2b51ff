"""The tables of the workload: every common type and shape, and values for them.

Keys are disjoint by construction: each client has a number, and every key and unique value it writes carries it."""

import datetime

CLIENT_KEYS = 300  # keys of one client in a table; few enough that rows are hit again and again


def kinds_columns():
    """(name, type, kind of value) of the table with all types."""
    columns = []
    for bits, name in ((8, "TINYINT"), (16, "SMALLINT"), (24, "MEDIUMINT"), (32, "INT"), (64, "BIGINT")):
        columns.append((f"i{bits}", name, ("int", -(1 << bits - 1), (1 << bits - 1) - 1)))
        columns.append((f"u{bits}", f"{name} UNSIGNED", ("int", 0, (1 << bits) - 1)))
    return columns + [
        ("f", "FLOAT", ("float",)),
        ("d", "DOUBLE", ("double",)),
        ("dec10", "DECIMAL(10,2)", ("decimal", 10, 2)),
        ("dec65", "DECIMAL(65,30)", ("decimal", 65, 30)),
        ("dec9", "DECIMAL(9,9)", ("decimal", 9, 9)),
        ("bit1", "BIT(1)", ("int", 0, 1)),
        ("bit37", "BIT(37)", ("int", 0, (1 << 37) - 1)),
        ("bit64", "BIT(64)", ("int", 0, (1 << 64) - 1)),
        ("e", "ENUM('a','b','sm\u00f8r','')", ("one", "a", "b", "sm\u00f8r", "")),
        ("s", "SET('r','w','x','\u00fc')", ("one", "", "r", "r,w", "w,x,\u00fc", "r,w,x,\u00fc")),
        ("da", "DATE", ("date",)),
        ("t0", "TIME", ("time", 0)),
        ("t6", "TIME(6)", ("time", 6)),
        ("dt0", "DATETIME", ("datetime", 0)),
        ("dt3", "DATETIME(3)", ("datetime", 3)),
        ("ts0", "TIMESTAMP NULL DEFAULT NULL", ("timestamp", 0)),
        ("ts6", "TIMESTAMP(6) NULL DEFAULT NULL", ("timestamp", 6)),
        ("y", "YEAR", ("one", 0, 1901, 2026, 2155)),
        ("c", "CHAR(12)", ("text", 12, "utf8mb4")),
        ("v", "VARCHAR(300)", ("text", 300, "utf8mb4")),
        ("vl", "VARCHAR(60) CHARACTER SET latin1", ("text", 60, "latin1")),
        ("vg", "VARCHAR(60) CHARACTER SET gbk", ("text", 60, "gbk")),
        ("tx", "TEXT", ("text", 2000, "utf8mb4")),
        ("bl", "BLOB", ("bytes", 4000)),
        ("lb", "LONGBLOB", ("bytes", 20000)),
        ("bn", "BINARY(8)", ("bytes", 8)),
        ("vb", "VARBINARY(300)", ("bytes", 300)),
        ("js", "JSON", ("json",)),
    ]


UTF8 = "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"


def tables():
    """CREATE TABLE statements that mean the same to MySQL and MariaDB."""
    kinds = ", ".join(f"{name} {sql_type}" for name, sql_type, _ in kinds_columns())
    return [
        f"CREATE TABLE kinds (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, {kinds}) {UTF8}",
        f"CREATE TABLE auto (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, owner INT NOT NULL, note VARCHAR(80), KEY (owner)) {UTF8}",
        f"CREATE TABLE pair (owner INT NOT NULL, k VARCHAR(20) NOT NULL, d DATE NOT NULL, n INT, PRIMARY KEY (owner, k, d)) {UTF8}",
        f"CREATE TABLE keyless (owner INT, a INT, b VARCHAR(50), c DOUBLE, d DATETIME(3), KEY (owner)) {UTF8}",
        f"CREATE TABLE word (name VARCHAR(100) NOT NULL PRIMARY KEY, n INT, t TEXT) {UTF8}",
        "CREATE TABLE code (id BIGINT NOT NULL PRIMARY KEY, code VARCHAR(40) COLLATE utf8mb4_bin, n INT, UNIQUE KEY (code))"
        f" {UTF8}",
        "CREATE TABLE made (id BIGINT NOT NULL PRIMARY KEY, a INT, v INT GENERATED ALWAYS AS (a + b) VIRTUAL, b INT,"
        " s VARCHAR(60) GENERATED ALWAYS AS (concat(a, '-', b)) STORED, hidden INT NOT NULL DEFAULT 7 INVISIBLE, z INT,"
        f" KEY (v), KEY (s)) {UTF8}",
        # The server's default charset: latin1 at one end, utf8mb4 at the other.
        "CREATE TABLE plain (id BIGINT NOT NULL PRIMARY KEY, t VARCHAR(200), c CHAR(20))",
        f"CREATE TABLE bulk (owner INT NOT NULL, n INT NOT NULL, v VARCHAR(60), PRIMARY KEY (owner, n)) {UTF8}",
        f"CREATE TABLE parent (id BIGINT NOT NULL PRIMARY KEY, counter INT NOT NULL, note VARCHAR(40)) {UTF8}",
        "CREATE TABLE child (id BIGINT NOT NULL PRIMARY KEY, parent_id BIGINT NOT NULL, note VARCHAR(40),"
        f" FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE) {UTF8}",
        "CREATE TABLE grandchild (id BIGINT NOT NULL PRIMARY KEY, child_id BIGINT NOT NULL,"
        f" FOREIGN KEY (child_id) REFERENCES child (id) ON DELETE CASCADE) {UTF8}",
        f"CREATE TABLE account (id BIGINT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL) {UTF8}",
        f"CREATE TABLE seq (client INT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (client, n)) {UTF8}",
        f"CREATE TABLE ledger (txn_id BIGINT NOT NULL) {UTF8}",
    ]


_TEXTS = {
    "utf8mb4": ("", " ", "a", "plain words", "trailing  ", "caf\u00e9", "\u4e2d\u6587\u5b57", "\U0001f9a6 otter \U0001f30a", "o'q\"\\\n\t\0", "%_"),
    "latin1": ("", "abc", "caf\u00e9 \u00fc\u00df", "\u20ac 5", "na\u00efve"),
    "gbk": ("", "abc", "\u4e2d\u6587", "\u6570\u636e\u5e93\u540c\u6b65", "\u8aa0\\"),
}
_DATES = ("0000-00-00", "1000-01-01", "9999-12-31", "2024-02-29", "2023-00-00", "2026-11-22", "2023-02-31")
_DOUBLES = (0.0, -0.0, 1.5, -1e300, 1.7976931348623157e308, 5e-324, 0.1, 123456789.123456789, 1 / 3)
_FLOATS = (0.0, -0.0, 1.5, 3.4028234e38, -1.17549435e-38, 0.1, 16777217.0, 1 / 3)
_JSON = (
    "null", "true", "[]", "{}", '"text"', "-1", "18446744073709551615", "1.5", '{"a": [1, {"b": null}], "\u00fc": "\U0001f9a6"}',
    '{"deep": [[[[{"k": "v"}]]]], "n": -9223372036854775808, "e": ""}', '{"quote": "a\\"b\\\\c\\u0001"}',
)


def fraction(rng, digits):
    return f".{rng.randrange(10 ** digits):0{digits}d}" if digits else ""


def value(rng, kind):
    """A random value of the kind: NULL, an extreme, or something in between."""
    if rng.random() < 0.08:
        return None
    what = kind[0]
    if what == "int":
        return rng.choice((kind[1], kind[2], 0, 1, rng.randint(kind[1], kind[2])))
    if what == "float":
        return rng.choice(_FLOATS) if rng.random() < 0.3 else rng.uniform(-1e6, 1e6)
    if what == "double":
        return rng.choice(_DOUBLES) if rng.random() < 0.3 else rng.uniform(-1e12, 1e12)
    if what == "decimal":
        whole = kind[1] - kind[2]
        digits = rng.choice(("9" * kind[1], "0" * kind[1], "".join(rng.choice("0123456789") for _ in range(kind[1]))))
        return rng.choice(("", "-")) + (digits[:whole] or "0") + "." + digits[whole:]
    if what == "one":
        return rng.choice(kind[1:])
    if what == "date":
        return rng.choice(_DATES)
    if what == "time":
        return rng.choice(("-838:59:59", "838:59:59", "00:00:00", f"-{rng.randrange(24):02d}:01:02{fraction(rng, kind[1])}",
                           f"{rng.randrange(100):02d}:59:07{fraction(rng, kind[1])}"))
    if what == "datetime":
        return rng.choice(("0000-00-00 00:00:00", "9999-12-31 23:59:59", f"{rng.choice(_DATES)} 12:34:56{fraction(rng, kind[1])}"))
    if what == "timestamp":
        at = datetime.datetime(1970, 1, 2) + datetime.timedelta(seconds=rng.randrange(2_100_000_000))
        return rng.choice(("0000-00-00 00:00:00", "2038-01-19 03:14:07", f"{at:%Y-%m-%d %H:%M:%S}{fraction(rng, kind[1])}"))
    if what == "text":
        return text(rng, kind[1], kind[2])
    if what == "bytes":
        size = rng.choice((0, 1, kind[1], rng.randrange(kind[1]))) if rng.random() < 0.5 else min(kind[1], 30)
        return rng.randbytes(size)
    return rng.choice(_JSON)


def text(rng, size, charset):
    words = rng.choice(_TEXTS[charset]) + (f" {rng.getrandbits(60):x}" if rng.random() < 0.5 else "")
    if rng.random() < 0.03:
        words *= 50
    return words[:size]
