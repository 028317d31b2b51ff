"""`lutra check`: each check fails on what is planted for it, names what mends it, and is content again when that is done."""

import contextlib
import re
import socket
import types

import pytest
import steps
from lutralab.lutra import PASSWORD, USER, grants, roles
from lutralab.servers import free_port

LINE = re.compile(r"(ok|warn|fail) +(.+?): (.*?)(?:; mend: (.*))?$")
ENGINES = ("mariadb", "mysql")


class Report:
    """What one run of `lutra check` said."""

    def __init__(self, lutra):
        self.status, self.lines = lutra.check()
        self.checks = []
        for line in self.lines:
            found = LINE.fullmatch(line)
            assert found, f"not in the contract's form: {line!r}"
            self.checks.append(found.groups())
        assert self.status == (1 if any(c[0] == "fail" for c in self.checks) else 0), self.text

    @property
    def text(self):
        return "\n".join(self.lines)

    def of(self, what):
        """[(verdict, detail, mend)] of one check."""
        found = [(verdict, detail, mend) for verdict, w, detail, mend in self.checks if w == what]
        assert found, f"no line about {what!r}\n{self.text}"
        return found

    def verdict(self, what):
        """The worst that is said about it."""
        return max((c[0] for c in self.of(what)), key=("ok", "warn", "fail").index)


@contextlib.contextmanager
def setting(server, name, value):
    (_, before), = server.sql(f"SHOW GLOBAL VARIABLES LIKE '{name}'")
    literal = "{}" if re.fullmatch(r"[0-9]+", before) else "'{}'"
    server.sql(f"SET GLOBAL {name} = {literal.format(value)}")
    try:
        yield
    finally:
        server.sql(f"SET GLOBAL {name} = {literal.format(before)}")


@pytest.fixture
def pair(site):
    """pair("mysql"): a source of that engine, and a MariaDB target."""
    return lambda engine="mariadb": (site(engine, 1), site("mariadb", 2))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("direction", ["hz -> us", "hz <-> us"])
def test_a_sound_channel_has_no_failure_and_writes_nothing(engine, direction, pair, channel):
    source, target = pair(engine)
    lutra = channel({"hz": source, "us": target}, direction)

    def ends():
        return [steps.log_end(s) for s in (source, target)]

    before = [steps.settled_end(s) for s in (source, target)]

    report = Report(lutra)

    assert report.status == 0, report.text
    assert before == ends()
    for site, server in (("hz", source), ("us", target)):
        given = [g.format(schema=lutra.name.replace("_", "\\_"), user=f"'{USER}'@'%'") for g in grants(server.engine, roles(site, direction))]
        assert sorted(given) == sorted(detail for _, detail, _ in report.of(f"grants {site}"))
    assert report.verdict("existing data hz->us") == "ok"
    assert PASSWORD not in report.text


SETTINGS = [
    ("mariadb", "binlog_format", "STATEMENT", "fail"),
    ("mariadb", "binlog_format", "MIXED", "fail"),
    ("mariadb", "binlog_row_image", "MINIMAL", "warn"),
    ("mariadb", "binlog_row_metadata", "MINIMAL", "warn"),
    ("mariadb", "binlog_checksum", "NONE", "warn"),
    ("mariadb", "gtid_strict_mode", "OFF", "warn"),
    ("mysql", "binlog_format", "STATEMENT", "fail"),
    ("mysql", "binlog_row_image", "NOBLOB", "warn"),
    ("mysql", "binlog_row_metadata", "MINIMAL", "warn"),
    ("mysql", "binlog_checksum", "NONE", "warn"),
    ("mysql", "gtid_mode", "ON_PERMISSIVE", "warn"),
    ("mysql", "server_id", "0", "fail"),
]


@pytest.mark.parametrize("engine,name,value,verdict", SETTINGS, ids=[f"{e}-{n}-{v}" for e, n, v, _ in SETTINGS])
def test_a_wrong_setting_of_the_source(engine, name, value, verdict, pair, channel):
    source, target = pair(engine)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    what = f"{name} hz"
    assert Report(lutra).verdict(what) == "ok"

    with setting(source, name, value):
        (found, detail, mend), = Report(lutra).of(what)

    assert found == verdict
    assert detail.startswith(value)
    assert name in mend


def test_edits_of_json_values_are_taken_with_every_image(pair, channel):
    source, target = pair("mysql")
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    what = "binlog_row_value_options hz"
    assert Report(lutra).verdict(what) == "ok"

    with setting(source, "binlog_row_value_options", "PARTIAL_JSON"):
        assert Report(lutra).verdict(what) == "ok"
        with setting(source, "binlog_row_image", "MINIMAL"):
            (found, detail, _), = Report(lutra).of(what)

    assert found == "ok"
    assert "read at the target" in detail


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name,good,bad", [("sync_binlog", 1, 0), ("innodb_flush_log_at_trx_commit", 1, 2)])
def test_a_log_that_a_crash_can_shorten(engine, name, good, bad, pair, channel):
    source, target = pair(engine)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for value, verdict in ((good, "ok"), (bad, "warn")):
        with setting(source, name, value):
            assert Report(lutra).verdict(f"{name} hz") == verdict


@pytest.mark.parametrize("engine", ENGINES)
def test_logs_that_are_purged_too_soon(engine, pair, channel):
    source, target = pair(engine)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    for seconds, verdict in ((3600, "warn"), (2 * 86400, "ok"), (0, "ok")):
        with setting(source, "binlog_expire_logs_seconds", seconds):
            assert Report(lutra).verdict("log retention hz") == verdict


@pytest.mark.parametrize("engine", ENGINES)
def test_a_target_that_is_read_only(engine, site, channel):
    source, target = site("mariadb", 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    assert Report(lutra).verdict("read_only us") == "ok"

    with setting(target, "read_only", "ON"):
        assert Report(lutra).verdict("read_only us") == "fail"


def test_a_mysql_target_that_is_super_read_only(site, channel):
    source, target = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with setting(target, "read_only", "ON"), setting(target, "super_read_only", "ON"):
        assert Report(lutra).verdict("super_read_only us") == "fail"


def test_settings_that_only_a_start_can_change(lab, site, channel):
    silent = lab.start("mariadb", 11, "skip-log-bin", "lower-case-table-names=1")
    lutra = channel({"hz": silent, "us": site("mariadb", 2)}, "hz -> us")
    report = Report(lutra)
    assert report.verdict("log_bin hz") == "fail"
    assert report.verdict("lower_case_table_names hz->us") == "warn"
    silent.stop()


@pytest.mark.parametrize("direction,verdict", [("hz -> us", "warn"), ("hz <-> us", "fail")])
def test_a_filter_of_the_log(direction, verdict, lab, site, channel):
    """In a two-way channel it could hide the mark that keeps changes from going round in circles."""
    filtered = lab.start("mariadb", 12, "binlog-ignore-db=lutra", name=f"filtered-{verdict}")
    report = Report(channel({"hz": filtered, "us": site("mariadb", 2)}, direction))
    (found, detail, mend), = report.of("log filters hz")
    assert (found, "lutra" in detail) == (verdict, True)
    assert mend
    filtered.stop()


def test_rows_that_foreign_keys_change_unlogged(lab, site, channel):
    source = lab.start("mysql", 13, "innodb-native-foreign-keys=ON") if site("mysql", 1) else None
    report = Report(channel({"hz": source, "us": site("mariadb", 2)}, "hz -> us"))
    assert report.verdict("innodb_native_foreign_keys hz") == "warn"
    source.stop()


def test_one_server_id_at_both_sites(lab, site, channel):
    twin = lab.start("mariadb", 2, name="twin")
    report = Report(channel({"hz": twin, "us": site("mariadb", 2)}, "hz -> us"))
    assert report.verdict("different server_id hz->us") == "warn"
    twin.stop()


def test_a_target_that_takes_smaller_packets(pair, channel):
    source, target = pair()
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    assert Report(lutra).verdict("max_allowed_packet hz->us") == "ok"
    with setting(target, "max_allowed_packet", 1 << 20):
        assert Report(lutra).verdict("max_allowed_packet hz->us") == "warn"


def test_both_sites_give_the_same_numbers(pair, channel, schema):
    hz, us = pair()
    lutra = channel({"hz": hz, "us": us}, "hz <-> us")
    for server in (hz, us):
        server.sql("CREATE TABLE counted (id INT AUTO_INCREMENT PRIMARY KEY)", db=schema)
    assert Report(lutra).verdict("auto_increment hz->us") == "warn"

    with contextlib.ExitStack() as stack:
        for server, offset in ((hz, 1), (us, 2)):
            stack.enter_context(setting(server, "auto_increment_increment", 2))
            stack.enter_context(setting(server, "auto_increment_offset", offset))
        assert Report(lutra).verdict("auto_increment hz->us") == "ok"


# -- privileges


PRIVILEGES = [
    ("mariadb", "hz", "REPLICATION SLAVE", "*.*"),
    ("mariadb", "hz", "BINLOG MONITOR", "*.*"),
    ("mysql", "hz", "REPLICATION SLAVE", "*.*"),
    ("mysql", "hz", "REPLICATION CLIENT", "*.*"),
    ("mysql", "hz", "SELECT", "shop"),
    ("mariadb", "us", "SELECT", "shop"),
    ("mariadb", "us", "INSERT", "shop"),
    ("mariadb", "us", "UPDATE", "shop"),
    ("mariadb", "us", "DELETE", "shop"),
    ("mariadb", "us", "CREATE", "lutra"),
    ("mariadb", "us", "DELETE", "lutra"),
]


@pytest.mark.parametrize("engine,where,privilege,scope", PRIVILEGES, ids=["-".join(p) for p in PRIVILEGES])
def test_the_grant_that_is_named_mends_it(engine, where, privilege, scope, pair, channel, schema):
    source, target = pair(engine)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    server = {"hz": source, "us": target}[where]
    on = {"shop": f"`{schema}`.*", "lutra": "`lutra`.*"}.get(scope, scope)
    server.sql(f"REVOKE {privilege} ON {on} FROM '{USER}'@'%'")

    report = Report(lutra)

    (verdict, detail, mend), = report.of(f"privileges {where}")
    assert (verdict, detail) == ("fail", f"{privilege} missing")
    server.sql(mend)
    assert Report(lutra).status == 0


def test_privileges_on_single_tables_are_enough(pair, channel, schema):
    source, target = pair()
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    source.sql(f"REVOKE SELECT, INSERT, UPDATE, DELETE ON `{schema}`.* FROM '{USER}'@'%'")
    assert Report(lutra).verdict("privileges hz") == "fail"

    for (table,) in source.sql("SHOW TABLES", db=schema):
        source.sql(f"GRANT SELECT ON `{schema}`.`{table}` TO '{USER}'@'%'")

    assert Report(lutra).status == 0


# -- tables


@pytest.fixture
def tables(pair, channel, schema):
    """tables("CREATE ... at source", "CREATE ... at target"): the report of a channel with these beside the usual ones."""

    def make(at_source=(), at_target=(), engine="mariadb", direction="hz -> us", more=()):
        source, target = pair(engine)
        lutra = channel({"hz": source, "us": target}, direction, [f"{schema}.*", *(f"{schema}.{name}" for name in more)])
        source.script(at_source, db=schema)
        target.script(at_target, db=schema)
        return Report(lutra)

    return make


def test_a_table_that_is_not_at_the_target(tables, schema):
    report = tables(["CREATE TABLE alone (id INT PRIMARY KEY)"])
    (verdict, detail, mend), = report.of("table at target hz->us")
    assert (verdict, f"{schema}.alone" in detail, "SHOW CREATE TABLE" in mend) == ("fail", True, True)


def test_a_table_that_is_nowhere(tables, schema):
    (verdict, detail, _), = tables(more=["misspelt"]).of("table at source hz->us")
    assert (verdict, f"{schema}.misspelt" in detail) == ("fail", True)


def test_a_column_that_is_not_at_the_target(tables):
    report = tables(["CREATE TABLE t (id INT PRIMARY KEY, extra INT)"], ["CREATE TABLE t (id INT PRIMARY KEY)"])
    (verdict, detail, _), = report.of("columns hz->us")
    assert (verdict, "extra" in detail) == ("fail", True)


@pytest.mark.parametrize("direction,at_source", [("hz -> us", "warn"), ("hz <-> us", "fail")])
def test_an_engine_without_transactions(direction, at_source, tables, schema):
    myisam = ["CREATE TABLE t (id INT PRIMARY KEY) ENGINE=MyISAM"]
    report = tables(myisam, myisam, direction=direction)
    assert report.verdict("engine at source hz->us") == at_source
    (verdict, _, mend), = report.of("engine at target hz->us")
    assert (verdict, mend) == ("fail", f"ALTER TABLE `{schema}`.`t` ENGINE=InnoDB")


def test_a_table_without_a_key(tables):
    keyless = ["CREATE TABLE t (id INT, other INT NULL UNIQUE)"]
    assert any("`t`" in mend for verdict, _, mend in tables(keyless, keyless).of("key hz->us") if verdict == "warn")


FLOATS = [("hz <-> us", "id INT PRIMARY KEY, f FLOAT", "E5001"), ("hz -> us", "id INT, f FLOAT", "E5000"),
          ("hz -> us", "id INT PRIMARY KEY, f FLOAT", None), ("hz <-> us", "id INT PRIMARY KEY, f DOUBLE", None)]


@pytest.mark.parametrize("direction, columns, code", FLOATS)
def test_a_float_that_rows_are_found_by(direction, columns, code, tables, schema):
    """A dump brings over six of its digits."""
    table = [f"CREATE TABLE measured ({columns})"]
    said = [(verdict, code in detail) for verdict, detail, mend in tables(table, table, direction=direction).of("FLOAT columns hz->us")
            if f"{schema}.measured: " in detail and "f * 1E0" in mend] if code else []
    assert said == ([("warn", True)] if code else [])


def test_triggers_at_the_target(tables, schema):
    plain = "CREATE TABLE t (id INT PRIMARY KEY)"
    report = tables([plain], [
        plain,
        "CREATE TRIGGER doubles BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id",
        f"GRANT TRIGGER ON `{schema}`.t TO '{USER}'@'%'"])
    assert report.verdict("triggers at target hz->us") == "warn"
    (verdict, detail, mend), = tables([plain], [plain]).of("triggers at target hz->us")
    assert verdict == "warn" and "without TRIGGER" in detail and mend.startswith(f"GRANT TRIGGER ON `{schema}`.* TO '{USER}'@")
    report = tables([plain], [plain, f"GRANT TRIGGER ON `{schema}`.* TO '{USER}'@'%'"])
    assert report.of("triggers at target hz->us") == [("ok", "none", None)]


def test_a_system_versioned_table(tables):
    versioned = ["CREATE TABLE t (id INT PRIMARY KEY) WITH SYSTEM VERSIONING"]
    assert tables(versioned, versioned).verdict("system versioning hz->us") == "warn"


@pytest.mark.parametrize("engine,verdict", [("mariadb", "warn"), ("mysql", "ok")])
def test_cascades_by_what_the_engine_logs(engine, verdict, tables, schema):
    family = ["CREATE TABLE mother (id INT PRIMARY KEY)",
              "CREATE TABLE daughter (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES mother (id) ON DELETE CASCADE)"]
    report = tables(family, family, engine=engine)
    found = [v for v, detail, _ in report.of("cascades hz->us") if f"{schema}.mother" in detail or v == "ok"]
    assert found == [verdict]


# -- rows


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rows,said", [
    ("(1, 'ä', 1.50, X'00ff', '2020-02-29 12:00:00.123')", None),
    ("(1, 'Ä', 1.50, X'00ff', '2020-02-29 12:00:00.123')", "of 1 rows sampled at hz 0 are missing at us and 1 differ"),
    ("(1, 'ä', 1.50, X'00fe', '2020-02-29 12:00:00.123')", "of 1 rows sampled at hz 0 are missing at us and 1 differ"),
    ("(2, 'ä', 1.50, X'00ff', '2020-02-29 12:00:00.123')", "of 1 rows sampled at hz 1 are missing at us and 0 differ"),
    ("(1, 'ä', 1.50, X'00ff', '2020-02-29 12:00:00.123'), (2, '', 0, '', NULL)", "1 rows at hz and 2 at us"),
], ids=["same", "text", "bytes", "key", "count"])
def test_ends_that_differ(engine, rows, said, tables):
    create = ("CREATE TABLE t (id BIGINT {} PRIMARY KEY, a VARCHAR(20) CHARACTER SET {}, b DECIMAL(9,2),"
              " c VARBINARY(9), d DATETIME(3))")
    report = tables(
        [create.format("", "latin1"), "INSERT INTO t VALUES (1, 'ä', 1.50, X'00ff', '2020-02-29 12:00:00.123')"],
        [create.format("ZEROFILL", "utf8mb4"), f"INSERT INTO t VALUES {rows}"], engine=engine)
    (verdict, detail, mend), = report.of("existing data hz->us")
    if said is None:
        assert verdict == "ok"
    else:
        assert verdict == "warn"
        assert said in detail and detail.startswith("ends differ: ")
        assert "docs/guide/begin-with-data.md" in mend


def test_differences_in_the_middle_of_a_long_table_are_seen(tables):
    create = "CREATE TABLE t (id INT PRIMARY KEY, v INT)"
    fill = "INSERT INTO t SELECT seq, 1 FROM seq_1_to_5000"
    report = tables([create, fill], [create, fill, "UPDATE t SET v = 2 WHERE id BETWEEN 1000 AND 4000"])
    (verdict, detail, _), = report.of("existing data hz->us")
    assert verdict == "warn", report.text
    assert "0 are missing at us" in detail


# -- sites that cannot be reached


def test_goes_on_after_a_site_that_is_away(site, channel):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    nobody = types.SimpleNamespace(port=free_port())
    lutra.file.write_text(lutra.file.read_text().replace(str(source.port), str(nobody.port)))

    report = Report(lutra)

    assert report.verdict("connection hz") == "fail"
    assert report.verdict("connection us") == "ok"
    assert report.verdict("read_only us") == "ok"


def test_does_not_hang_at_a_server_that_says_nothing(site, channel):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        lutra.file.write_text(lutra.file.read_text().replace(f"{source.port}", f"{port}/?connect-timeout=1"))
        assert Report(lutra).verdict("connection hz") == "fail"


def test_says_no_password_when_it_is_wrong(site, channel):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    (lutra.folder / "site.pw").write_text("wr0ng-s3cret\n")
    report = Report(lutra)
    assert report.verdict("connection hz") == "fail"
    assert "E2020" in report.text
    assert "wr0ng-s3cret" not in report.text
