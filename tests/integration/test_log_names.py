"""Names that need quotes, and servers that fold the case of names, at either end."""

import contextlib
import json
import shutil
import subprocess

import pytest
from lutralab.lutra import PASSWORD, USER
from lutralab.servers import Unavailable, spawn, wait_until
from steps import stopped

PAIRS = [("mysql", "mariadb-11.8"), ("mariadb", "mysql")]
# Characters beyond U+FFFF are in no name: both engines refuse them.
ODD = ["per%cent_and_line", "dots.in.it", "back`quote``s", "blank s", "\u263a \u4e2d\u6587 \u00fc", "select", "it's \"quoted\" \\n", "%", "1e5", "a,b;c--d/*e*/",
       "\u6f22" * 40]


def q(name):
    return "`" + name.replace("`", "``") + "`"


def execute(server, *statements):
    with contextlib.closing(server.connect()) as c, c.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            rows = cursor.fetchall()
    return rows


def account_without_grants(server):
    execute(server, f"DROP USER IF EXISTS '{USER}'@'%'", f"CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'")


def mend(lutra, servers):
    """Run what `lutra check` says about privileges until it says no more."""
    for _ in range(4):
        status, lines = lutra.check()
        wanted = [line for line in lines if line.startswith("fail") and "; mend: GRANT" in line]
        if not wanted:
            return status, lines
        for line in wanted:
            server = servers[line.split(":")[0].split()[-1]]
            execute(server, line.split("; mend: ", 1)[1])
    raise AssertionError(lines)


@pytest.mark.parametrize("pair", PAIRS, ids="-to-".join)
def test_names_that_need_quotes(pair, site, channel, schema):
    """Each odd name as a schema, as a table and as a column, with the grants that `lutra check` prints and no others."""
    sites = {"hz": site(pair[0], 1), "us": site(pair[1], 2)}
    schemas = [f"{schema} {name}" for name in ODD]
    columns = ", ".join(f"{q(name)} INT" for name in ODD)
    lutra = channel(sites, "hz -> us", [{"from": f"{q(s)}.*"} for s in schemas])
    for server in sites.values():
        for s in schemas:
            execute(server, f"DROP DATABASE IF EXISTS {q(s)}", f"CREATE DATABASE {q(s)}")
            execute(server, *(f"CREATE TABLE {q(s)}.{q(t)} ({q(t + ' key')} INT PRIMARY KEY, {columns})" for t in ODD[:3]))
        execute(server, *(f"CREATE TABLE {q(schemas[0])}.{q(t)} ({q(t)} INT PRIMARY KEY, n INT)" for t in ODD[3:]))
        account_without_grants(server)
    status, lines = mend(lutra, sites)
    assert status == 0, lines
    lutra.start()
    for s in schemas:
        for t in ODD[:3]:
            execute(sites["hz"], f"INSERT INTO {q(s)}.{q(t)} VALUES ({', '.join(map(str, range(len(ODD) + 1)))}), ({', '.join(map(str, range(9, len(ODD) + 10)))})",
                    f"UPDATE {q(s)}.{q(t)} SET {', '.join(f'{q(n)} = {q(n)} + 1' for n in ODD)} WHERE {q(t + ' key')} = 0",
                    f"DELETE FROM {q(s)}.{q(t)} WHERE {q(t + ' key')} = 9")
    for t in ODD[3:]:
        execute(sites["hz"], f"INSERT INTO {q(schemas[0])}.{q(t)} VALUES (1, 1)")

    lutra.wait()

    for s in schemas:
        for t in (ODD if s == schemas[0] else ODD[:3]):
            found = [execute(server, f"SELECT * FROM {q(s)}.{q(t)}") for server in sites.values()]
            assert found[0] == found[1] and len(found[0]) == 1, (s, t)
    execute(sites["hz"], f"ALTER TABLE {q(schemas[2])}.{q(ODD[2])} ADD more INT")
    error = stopped(lutra, "hz->us", "E4000")
    assert ODD[2].replace("`", "``") in json.dumps(error, ensure_ascii=False)


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_statement_in_its_clients_character_set_names_the_table(engine, site, channel, schema):
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", [f"{schema}.`\u4e2d\u6587`"])
    for server in (source, target):
        execute(server, f"CREATE TABLE {schema}.`\u4e2d\u6587` (id INT PRIMARY KEY)")
    lutra.start()
    with contextlib.closing(source.connect(schema)) as c, c.cursor() as cursor:
        cursor.execute("SET NAMES gbk")
        cursor.execute("ALTER TABLE `\u4e2d\u6587` ADD n INT".encode("gbk"))

    error = stopped(lutra, "hz->us", "E4000")
    assert "`\u4e2d\u6587`" in error["message"], error


@pytest.fixture(scope="module")
def caseless(lab):
    """caseless(folder): the folder, made on a file system that finds files by names in any letter case, as a Mac's does."""
    mounted = []

    def program(name):
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        if not found:
            pytest.skip(f"{name} (ntfs-3g) is not installed")
        return found

    def mount(folder):
        image = folder.with_name(f"{folder.name}.ntfs")
        with open(image, "wb") as f:
            f.truncate(1 << 30)
        folder.mkdir()
        subprocess.run([program("mkntfs"), "-F", "-Q", "-q", image], check=True, capture_output=True)
        driver = spawn([program("lowntfs-3g"), "-o", "ignore_case,permissions,no_detach", image, folder], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wait_until(lambda: folder.is_mount() or driver.poll() is not None, 60, f"{folder} to be mounted")
        if not folder.is_mount():
            pytest.skip(f"nothing may be mounted here: {driver.stdout.read().strip()}")
        mounted.append((folder, driver))
        return folder

    yield mount
    while mounted:
        folder, driver = mounted.pop()
        subprocess.run(["umount", folder], check=True)
        driver.wait()


@pytest.fixture(scope="module")
def folding(lab, caseless):
    """folding(engine, number, how): a server that compares names in any case; with 1 it keeps them in lower case, with 2 as they were given."""
    made = {}

    def get(engine, number, how=1):
        if (engine, number, how) not in made:
            try:
                server = lab.server(engine, number, f"lower-case-table-names={how}", name=f"{engine}-folding-{number}-{how}")
            except Unavailable as e:
                pytest.skip(str(e))
            if how == 2:
                caseless(server.folder)
                server.socket = str(server.folder) + ".s"
                server.init()
            made[engine, number, how] = server
        return made[engine, number, how].start()

    yield get
    for server in made.values():
        server.stop()


def fold(which, tables, source, target, channel, schema):
    lutra = channel({"hz": source, "us": target}, "hz -> us", [t.format(s=schema) for t in tables])
    # Where the target does not fold, its tables have the names of the file.
    names = [(f"{schema}_{s}", t) for s, t in (
        (("Shop", "Orders"), ("shop", "7items"), ("shop", "notes")) if which == "source" else
        (("Shop", "Orders"), ("Shop", "7Items"), ("Shop", "Notes")))]
    for server in (source, target):
        execute(server, *dict.fromkeys(f"CREATE DATABASE IF NOT EXISTS {q(s)}" for s, _ in names), f"GRANT ALL ON *.* TO '{USER}'@'%'",
                *(f"CREATE TABLE {q(s)}.{q(t)} (Id INT PRIMARY KEY, n INT)" for s, t in names), f"CREATE TABLE {q(names[0][0])}.other (id INT)")
    status, lines = lutra.check()
    assert not [line for line in lines if line.startswith("fail") and "at_source" in line.replace(" ", "_")], lines
    lutra.start()
    for s, t in names:
        execute(source, f"INSERT INTO {q(s)}.{q(t)} VALUES (1, 1), (2, 2)", f"UPDATE {q(s)}.{q(t)} SET n = 7 WHERE id = 1", f"DELETE FROM {q(s)}.{q(t)} WHERE id = 2")
    execute(source, f"ALTER TABLE {q(names[0][0])}.other ADD m INT")

    lutra.wait()

    for s, t in names:
        assert execute(target, f"SELECT * FROM {q(s)}.{q(t)}") == ((1, 7),), (s, t)
    s, t = names[0]
    execute(source, f"ALTER TABLE {q(s)}.{q(t if which == 'target' else t.upper())} ADD m INT", f"INSERT INTO {q(s)}.{q(t)} VALUES (3, 3, 3)")
    stopped(lutra, "hz->us", "E4000")
    execute(target, f"ALTER TABLE {q(s)}.{q(t)} ADD m INT")
    lutra.command("ddl", "done", "hz->us")
    lutra.wait()
    assert execute(target, f"SELECT * FROM {q(s)}.{q(t)}") == ((1, 7, None), (3, 3, 3))


BOTH_ENGINES = ["mysql", "mariadb"]
# (which end folds, where the tables are, what the channel file says of them)
FOLDS = [
    ("source", "Shop.Orders", ["{s}_Shop.Orders", "{s}_shop.[0-9]items", "/{s}_SHOP/.notes"]),
    ("target", "Shop.Orders", ["{s}_Shop.Orders", "{s}_Shop.[0-9]Items", "/{s}_Shop/./N.*/"]),
    ("both", "shop.orders", ["{s}_SHOP.orders", "{s}_sHop.[0-9]ITEMS", "{s}_shop.n*"]),
]


@pytest.mark.parametrize("engine", BOTH_ENGINES)
@pytest.mark.parametrize("which,written,tables", FOLDS, ids=[f[0] for f in FOLDS])
def test_servers_that_fold_the_case_of_names(which, written, tables, engine, folding, site, channel, schema):
    fold(which, tables, folding(engine, 5) if which != "target" else site(engine, 1),
         folding("mariadb" if which == "both" else engine, 6) if which != "source" else site(engine, 2), channel, schema)


@pytest.mark.parametrize("which,written,tables", FOLDS[:2], ids=[f[0] for f in FOLDS[:2]])
def test_servers_that_keep_the_case_of_names_and_compare_them_in_any(which, written, tables, folding, site, channel, schema):
    """MySQL alone: MariaDB goes by the names of files, which this file system shows in lower case, as no Mac does."""
    server = folding("mysql", 5, 2)
    (held,), = execute(server, "SELECT @@lower_case_table_names")
    assert held == 2
    source, target = (server, site("mysql", 2)) if which == "source" else (site("mysql", 1), server)
    fold(which, tables, source, target, channel, schema)
    execute(server, f"DROP DATABASE {schema}_Shop")


def test_a_two_way_channel_between_a_server_that_folds_and_one_that_does_not(folding, site, channel, schema):
    hz, us = site("mysql", 1), folding("mariadb", 6)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us", [f"{schema}_Shop.Orders"])
    for server in (hz, us):
        execute(server, f"CREATE DATABASE {schema}_Shop", f"CREATE TABLE {schema}_Shop.Orders (id INT PRIMARY KEY, n INT)", f"GRANT ALL ON *.* TO '{USER}'@'%'")
    lutra.start()
    for i, server in enumerate((hz, us)):
        execute(server, f"INSERT INTO {schema}_Shop.Orders VALUES ({i}, 1), ({i + 10}, 1)", f"DELETE FROM {schema}_Shop.Orders WHERE id = {i}")

    lutra.wait()

    for server in (hz, us):
        assert execute(server, f"SELECT id FROM {schema}_Shop.Orders ORDER BY id") == ((10,), (11,))
