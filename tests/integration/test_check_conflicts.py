"""`lutra check` of channels whose conflicts are decided: what would keep sites from ending equal is refused, with the table and the way out."""

import contextlib
import pathlib

import pytest
import steps
from conftest import Channels
from lutralab.lutra import grants, without_sanitizer
from test_check import Report, setting

DURABLE = (("sync_binlog", 1), ("innodb_flush_log_at_trx_commit", 1))
LWW = "last-writer-wins"

# Of every kind that both engines have.
TYPES = """id INT NOT NULL, part VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, a TINYINT UNSIGNED ZEROFILL, b BIGINT UNSIGNED,
    c DECIMAL(30,6), d FLOAT, e DOUBLE, f BIT(9), g ENUM('x','y') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, h SET('p','q') CHARACTER SET latin1,
    i DATE, j TIME(3), k DATETIME(6), l TIMESTAMP(2) NULL, m YEAR, n CHAR(5) CHARACTER SET latin1, o VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    p TEXT CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci, q BINARY(4), r VARBINARY(20), s MEDIUMBLOB, t POINT, u INT AS (id + 1) STORED,
    UNIQUE KEY o_key (o), PRIMARY KEY (part, id)"""
FULL = ("7, 'ä', 5, 18446744073709551615, -1.000001, 0.1, 1e22/3, b'100000001', 'y', 'p,q', '2020-02-29', '-838:59:58.999', '2020-02-29 12:00:00.000001',"
        " '2001-01-01 00:00:00.25', 1999, 'a ', 'ö ', 'txt', X'00ff', X'', REPEAT('blob', 20000), POINT(1, 2)")
NAMES = "id, part, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t"


@pytest.fixture(scope="module")
def durable(site):
    """durable("mariadb", 1): a server as conflict channels want it."""
    with contextlib.ExitStack() as stack:
        set_up = set()

        def get(engine, number):
            server = site(engine, number)
            if server not in set_up:
                for name, value in DURABLE:
                    stack.enter_context(setting(server, name, value))
                set_up.add(server)
            return server

        yield get


@pytest.fixture
def check(durable, channel, schema):
    """check([statements], {"us": [statements there alone]}, conflicts, tables): the report of a channel with these tables."""

    def make(everywhere=(), only=None, conflicts=LWW, tables=None, sites=(("hz", "mariadb", 1), ("us", "mysql", 2)), direction="hz <-> us"):
        servers = {name: durable(engine, number) for name, engine, number in sites}
        lutra = channel(servers, direction, [f"{schema}.{t}" for t in (tables or ["t"])], conflicts=conflicts)
        for name, server in servers.items():
            server.script([*everywhere, *(only or {}).get(name, ())], db=schema)
        return Report(lutra)

    return make


MESH = (("hz", "mariadb", 1), ("us", "mysql", 2), ("eu", "mariadb", 2))


def test_a_sound_mesh_has_no_failure_and_writes_nothing(check, durable, channel, schema):
    report = check([f"CREATE TABLE t ({TYPES})", f"INSERT INTO t ({NAMES}) VALUES ({FULL})", "INSERT INTO t (id, part) VALUES (8, '')"],
                   sites=MESH, direction="mesh")
    assert report.status == 0, report.text
    ends = [steps.settled_end(durable(engine, number)) for _, engine, number in MESH]
    assert Report(channel.made[0]).status == 0
    assert ends == [steps.log_end(durable(engine, number)) for _, engine, number in MESH]
    for other in ("us", "eu"):
        assert report.of(f"equal at the start hz->{other}") == [("ok", "1 tables with 2 rows are the same", None)]
    for pair in ("hz->us", "hz->eu", "us->eu"):
        assert report.verdict(f"tables alike {pair}") == "ok"
        assert report.verdict(f"two servers {pair}") == "ok"
    for name, engine, _ in MESH:
        needed = [g.format(schema=schema.replace("_", "\\_"), user="'lutra'@'%'").replace(".* TO", ".`t` TO").replace("\\_", "_")
                  if "TRIGGER" in g else g.format(user="'lutra'@'%'") for g in grants(engine, decided=True)]
        assert sorted(detail for _, detail, _ in report.of(f"grants {name}")) == sorted(needed)


SETTINGS = [("sync_binlog", "0"), ("innodb_flush_log_at_trx_commit", "2"), ("binlog_row_image", "MINIMAL"), ("binlog_row_metadata", "MINIMAL")]


@pytest.mark.parametrize("name,value", SETTINGS)
def test_a_setting_that_is_a_warning_elsewhere_fails(name, value, check, durable, channel):
    report = check(["CREATE TABLE t (id INT PRIMARY KEY)"])
    assert report.status == 0, report.text
    for number, (site, engine) in enumerate((("hz", "mariadb"), ("us", "mysql")), 1):
        with setting(durable(engine, number), name, value):
            (verdict, detail, mend), = Report(channel.made[0]).of(f"{name} {site}")
        assert (verdict, detail.split(":")[0]) == ("fail", value)
        assert name in mend


def test_edits_of_json_values_fail(check, durable, channel):
    check(["CREATE TABLE t (id INT PRIMARY KEY)"])
    with setting(durable("mysql", 2), "binlog_row_value_options", "PARTIAL_JSON"):
        assert Report(channel.made[0]).verdict("binlog_row_value_options us") == "fail"


def test_mysql_without_gtids_is_fine(check, durable, channel):
    check(["CREATE TABLE t (id INT PRIMARY KEY)"])
    with setting(durable("mysql", 2), "gtid_mode", "ON_PERMISSIVE"):
        assert Report(channel.made[0]).status == 0


def test_a_clock_that_is_too_far_off(check, channel):
    """It is this machine's that is set wrong; more than half of max-skew is too far."""
    check(["CREATE TABLE t (id INT PRIMARY KEY)"], conflicts={"policy": LWW, "max-skew": "2m"})
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is not installed (tools/install.sh test)")
    if not without_sanitizer():
        pytest.skip("a sanitizer wants to be the first library that is loaded")
    for ahead, verdict in ((50, "warn"), (70, "fail")):
        channel.made[0].env.update(LD_PRELOAD=str(library), FAKETIME=f"+{ahead}s", FAKETIME_DONT_FAKE_MONOTONIC="1")
        (found, detail, mend), = Report(channel.made[0]).of("clock hz")
        assert (found, f"-{ahead}." in detail or f"-{ahead - 1}." in detail, bool(mend)) == (verdict, True, True), detail


KEY = "id INT PRIMARY KEY"
TABLES = {  # name: (everywhere, at hz alone, at us alone, the check, in what it says)
    "nokey": ([], ["CREATE TABLE nokey (id INT NOT NULL UNIQUE)"], ["CREATE TABLE nokey (id INT NOT NULL UNIQUE)"],
              "conflict tables hz->us", "it has no primary key"),
    "mother": ([f"CREATE TABLE mother ({KEY})", f"CREATE TABLE daughter ({KEY}, p INT, FOREIGN KEY (p) REFERENCES mother (id) ON DELETE CASCADE)"], [], [],
               "cascades hz->us", "hz does not log that"),
    "daughter": ([], [], [], "cascades hz->us", "are changed by foreign keys to other tables"),
    "fired": ([f"CREATE TABLE fired ({KEY})"], ["CREATE TRIGGER doubles BEFORE INSERT ON fired FOR EACH ROW SET NEW.id = NEW.id"], [],
              "triggers at target us->hz", "has triggers"),
    "narrow": ([], [f"CREATE TABLE narrow ({KEY}, v BIGINT)"], [f"CREATE TABLE narrow ({KEY}, v INT)"], "tables alike hz->us", "column v is bigint"),
    "nullable": ([], [f"CREATE TABLE nullable ({KEY}, v INT NOT NULL)"], [f"CREATE TABLE nullable ({KEY}, v INT)"], "tables alike hz->us", "NOT NULL"),
    "turned": ([], [f"CREATE TABLE turned ({KEY}, v INT, w INT)"], [f"CREATE TABLE turned ({KEY}, w INT, v INT)"], "tables alike hz->us",
               "column 2 is v and w"),
    "longer": ([], [f"CREATE TABLE longer ({KEY})"], [f"CREATE TABLE longer ({KEY}, v INT)"], "tables alike hz->us", "1 columns and 2"),
    "charset": ([], [f"CREATE TABLE charset ({KEY}, v TEXT CHARACTER SET latin1)"], [f"CREATE TABLE charset ({KEY}, v TEXT CHARACTER SET utf8mb4)"],
                "tables alike hz->us", "column v is in latin1 and in utf8mb4"),
    "json": ([f"CREATE TABLE json ({KEY}, v JSON)"], [], [], "tables alike hz->us", "column v is longtext and json"),
    "unique": ([], [f"CREATE TABLE `unique` ({KEY}, v INT, UNIQUE v_key (v))"], [f"CREATE TABLE `unique` ({KEY}, v INT)"], "tables alike hz->us",
               "unique key v_key is at hz only"),
    "sorted": ([], ["CREATE TABLE sorted (id VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY)"],
               ["CREATE TABLE sorted (id VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY)"], "collations of keys hz->us", "column id"),
    "versioned": ([], [f"CREATE TABLE versioned ({KEY}) WITH SYSTEM VERSIONING"], [f"CREATE TABLE versioned ({KEY})"],
                  "conflict tables us->hz", "it is system-versioned"),
    "summed": ([f"CREATE TABLE summed ({KEY}, n INT, v INT UNIQUE)"], [], [], "conflict tables us->hz", "which only `last-writer-wins` can decide"),
    "home": ([f"CREATE TABLE home ({KEY}, v INT UNIQUE)"], [], [], "conflict tables us->hz", "which only `last-writer-wins` can decide"),
    "weighed": (["CREATE TABLE weighed (id VARCHAR(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_czech_ci PRIMARY KEY)"], [], [],
                "conflict tables us->hz", "give the column a _bin collation"),
    "misspelt": ([f"CREATE TABLE misspelt ({KEY}, n INT)"], [], [], "conflict tables us->hz", "it has no column m"),
}


WAYS_OUT = {"conflict tables": "exclude it", "cascades": "make them RESTRICT", "triggers at target": "drop it there", "tables alike": "make the table alike",
            "collations of keys": "give the column the same collation"}


@pytest.fixture(scope="module")
def refused(lab, durable):
    """What is said of a channel with all of these tables, beside some that are fine."""
    schema = "refused"
    channels = Channels(lab, schema)
    fine = [f"CREATE TABLE simple ({KEY}, v INT)", "CREATE TABLE logged (id INT NOT NULL UNIQUE)"]
    here = {"hz": [s for t in TABLES.values() for s in t[1]] + [f"CREATE TABLE text ({KEY}, v TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)"],
            "us": [s for t in TABLES.values() for s in t[2]] + [f"CREATE TABLE text ({KEY}, v TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci)"]}
    policies = [{"table": f"{schema}.{name}", **more} for name, more in (
        ("summed", {"columns": {"n": "counter"}}), ("home", {"policy": {"trusted": "hz"}}), ("misspelt", {"columns": {"m": "least"}}),
        ("logged", {"policy": "none"}))]
    servers = {"hz": durable("mariadb", 1), "us": durable("mysql", 2)}
    lutra = channels(servers, "hz <-> us", [f"{schema}.{t}" for t in (*TABLES, "simple", "logged", "text")],
                     conflicts={"policy": LWW, "tables": policies})
    for name, server in servers.items():
        server.script([*fine, *(s for t in TABLES.values() for s in t[0]), *here[name]], db=schema)
    report = Report(lutra)
    channels.close()
    return report


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_cannot_be_is_named_with_the_way_out(refused, name):
    *_, what, said = TABLES[name]
    (verdict, mend), = [(verdict, mend) for verdict, detail, mend in refused.of(what) if f"refused.{name}" in detail and said in detail]
    assert verdict == "fail" and refused.status == 1
    assert WAYS_OUT[what.rsplit(" ", 1)[0]] in mend, mend


def test_tables_that_can_be_are_not_refused(refused):
    (verdict, detail, _), = refused.of("collations hz->us")
    assert (verdict, "refused.text: column v" in detail) == ("warn", True)
    assert "refused.daughter" in refused.of("foreign keys hz->us")[0][1] and refused.verdict("foreign keys hz->us") == "warn"
    failed = [detail for verdict, _, detail, _ in refused.checks if verdict == "fail"]
    assert not any(f"refused.{name} " in detail or f"refused.{name}:" in detail for name in ("simple", "logged", "text") for detail in failed)


def test_a_trigger_that_cannot_be_seen(check, durable, channel, schema):
    check([f"CREATE TABLE t ({KEY})"])
    durable("mysql", 2).sql(f"REVOKE TRIGGER ON `{schema}`.* FROM 'lutra'@'%'")
    report = Report(channel.made[0])
    (verdict, detail, mend), = report.of("privileges us")
    assert (verdict, detail) == ("fail", "TRIGGER missing")
    durable("mysql", 2).sql(mend)
    assert Report(channel.made[0]).status == 0


def test_sites_that_give_the_same_numbers(check, durable, channel):
    counted = ["CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY)"]
    pairs = ("hz->us", "hz->eu", "us->eu")
    report = check(counted, sites=MESH, direction="mesh")
    assert [report.verdict(f"auto_increment {pair}") for pair in pairs] == ["fail"] * 3
    assert "auto_increment_increment = 3, GLOBAL auto_increment_offset = 1 at hz, and offset = 2 at us" in report.of("auto_increment hz->us")[0][2]
    with contextlib.ExitStack() as stack:
        for offset, (_, engine, number) in enumerate(MESH, 1):
            stack.enter_context(setting(durable(engine, number), "auto_increment_increment", 3))
            stack.enter_context(setting(durable(engine, number), "auto_increment_offset", offset))
        report = Report(channel.made[0])
    assert [report.verdict(f"auto_increment {pair}") for pair in pairs] == ["ok"] * 3
    assert report.status == 0, report.text


# -- rows

DIFFERENT = {
    "a value": "UPDATE t SET p = 'TXT' WHERE id = 7",
    "bytes": "UPDATE t SET s = CONCAT(s, 'x') WHERE id = 7",
    "digits of a FLOAT": "UPDATE t SET d = 0.10000001 WHERE id = 7",
    "null": "UPDATE t SET r = NULL WHERE id = 7",
    "missing": "DELETE FROM t WHERE id = 8",
    "more": "INSERT INTO t (id, part) VALUES (9, 'zz')",
}


def test_ends_that_differ_at_the_start(check, durable, channel, schema):
    check([f"CREATE TABLE t ({TYPES})", f"INSERT INTO t ({NAMES}) VALUES ({FULL})", "INSERT INTO t (id, part) VALUES (8, '')"])
    us = durable("mysql", 2)
    for what, statement in DIFFERENT.items():
        with us.connect(db=schema) as c, c.cursor() as cursor:
            us.sql("CREATE TABLE kept AS SELECT * FROM t", db=schema)
            cursor.execute(statement)
            c.commit()
            (verdict, detail, mend), = Report(channel.made[0]).of("equal at the start hz->us")
            assert verdict == "fail" and f"{schema}.t differs in 1 of 1 pieces" in detail and "load a dump of hz at us" in mend, what
            us.script(["DELETE FROM t", f"INSERT INTO t ({NAMES}) SELECT {NAMES} FROM kept", "DROP TABLE kept"], db=schema)
    assert Report(channel.made[0]).status == 0


def test_ends_of_many_rows_are_compared_in_pieces(check, durable, channel, schema):
    create = ["CREATE TABLE t (a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, b INT, v INT, PRIMARY KEY (a, b))",
              "CREATE TABLE ten (n INT PRIMARY KEY)", "INSERT INTO ten VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
              "INSERT INTO t SELECT CONCAT('it''s\\\\', w.n), x.n * 1000 + y.n * 100 + z.n * 10 + u.n, 1 FROM ten u, ten w, ten x, ten y, ten z WHERE w.n < 2"]
    report = check(create, sites=(("hz", "mariadb", 1), ("us", "mariadb", 2)))
    assert report.of("equal at the start hz->us") == [("ok", "1 tables with 20000 rows are the same", None)]
    durable("mariadb", 2).script(["UPDATE t SET v = 2 WHERE b = 7000", "INSERT INTO t VALUES ('zz', 1, 1)"], db=schema)
    (verdict, detail, _), = Report(channel.made[0]).of("equal at the start hz->us")
    assert (verdict, "in 3 of 5 pieces: 20000 rows at hz and 20001 at us" in detail) == ("fail", True), detail


def test_a_channel_that_has_begun_is_not_compared_whole(check, durable, channel, schema):
    check([f"CREATE TABLE t ({KEY})"], {"us": ["INSERT INTO t VALUES (1)"]})
    assert Report(channel.made[0]).verdict("equal at the start hz->us") == "fail"
    durable("mysql", 2).script(["CREATE DATABASE lutra", "CREATE TABLE lutra.lane (channel VARCHAR(64), pipeline VARCHAR(132))",
                                f"INSERT INTO lutra.lane VALUES ('{schema}', 'hz->us')",
                                "CREATE TABLE lutra.site (channel VARCHAR(64), id INT)", f"INSERT INTO lutra.site VALUES ('{schema}', 3)"])
    report = Report(channel.made[0])
    assert [(verdict, "E6031" in detail) for verdict, detail, _ in report.of("site us")] == [("fail", True)]
    assert report.verdict("site hz") == "ok"
    assert report.verdict("existing data hz->us") == "warn"
    assert not any(what.startswith("equal at the start") for _, what, *_ in report.checks)


def test_a_shadow_is_only_warned_of(check, durable, channel, schema):
    """It decides nothing: what two ways would refuse is worth knowing, no more."""
    report = check(["CREATE TABLE t (id INT NOT NULL UNIQUE)"], {"us": ["INSERT INTO t VALUES (1)"]}, {"policy": LWW, "shadow": True},
                   sites=(("hz", "mariadb", 1), ("us", "mariadb", 2)), direction="hz -> us")
    for verdict, _, mend in report.of("privileges us"):  # its log is read, too
        assert verdict == "fail"
        durable("mariadb", 2).sql(mend)
    report = Report(channel.made[0])
    assert report.status == 0, report.text
    (verdict, detail, _), = report.of("conflict tables hz->us")
    assert verdict == "warn" and f"{schema}.t" in detail
    assert report.verdict("log_bin us") == "ok" and report.verdict("existing data hz->us") == "warn"
