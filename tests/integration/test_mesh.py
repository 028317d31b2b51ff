"""Three sites, each joined with each other: rows written at one go to both others, once; DDL is acknowledged along one site's pipelines."""

import pytest
import steps
from lutralab.lutra import LutraFailed
from lutralab.servers import wait_until
from steps import column, run_at, transaction

BARE = True

PIPELINES = ["hz->us", "hz->eu", "us->hz", "us->eu", "eu->hz", "eu->us"]
ITEM = "CREATE TABLE item (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"


@pytest.fixture
def mesh(site, channel, schema):
    """(servers by site, lutra): running, with a table `item`."""
    servers = {"hz": site("mariadb", 1), "us": site("mysql", 2), "eu": site("mariadb", 2)}
    lutra = channel(servers, "mesh", [f"{schema}.item"], conflicts="last-writer-wins")
    run_at(servers.values(), schema, ITEM)
    return servers, lutra.start()


def rows(server, schema):
    return sorted(server.sql("SELECT * FROM item", db=schema))


def all_same(servers, schema, expected):
    assert {name: rows(server, schema) for name, server in servers.items()} == {name: expected for name in servers}


def states(lutra):
    return {name: p["state"] for name, p in lutra.pipelines().items()}


def wait_stopped(lutra, *names):
    """These and no others are stopped, by a statement."""
    def look():
        pipelines = lutra.pipelines()
        found = {name for name, p in pipelines.items() if p["state"] == "stopped"}
        assert all(p["error"]["code"] == "E4000" for p in pipelines.values() if p["state"] == "stopped"), pipelines
        return found == set(names)
    wait_until(look, steps.PATIENCE_S, f"{names} to be stopped, and no others")


def test_what_one_site_writes_comes_to_all_others_once(mesh, schema):
    servers, lutra = mesh
    assert list(states(lutra)) == PIPELINES and set(states(lutra).values()) == {"running"}
    for number, server in enumerate(servers.values(), 1):
        for n in range(20):
            transaction(server, schema, f"INSERT INTO item VALUES ({n * 10 + number}, {number})")
    lutra.wait()
    all_same(servers, schema, sorted((n * 10 + number, number) for n in range(20) for number in (1, 2, 3)))
    transaction(servers["us"], schema, "UPDATE item SET v = v + 10", "DELETE FROM item WHERE id > 100")
    lutra.wait()
    all_same(servers, schema, sorted((n * 10 + number, number + 10) for n in range(10) for number in (1, 2, 3)))
    assert all(p["own"] > 0 and p["transactions"] in (20, 21) for p in lutra.pipelines().values()), lutra.pipelines()
    lutra.kill()
    transaction(servers["eu"], schema, "INSERT INTO item VALUES (1000, 1)")
    lutra.start()
    lutra.wait()
    assert column(servers["hz"], schema, "SELECT v FROM item WHERE id = 1000") == [1]
    assert lutra.stop() == 0


def test_a_statement_is_acknowledged_along_one_site(mesh, schema):
    servers, lutra = mesh
    transaction(servers["hz"], schema, "INSERT INTO item VALUES (1, 1)")
    lutra.wait()
    for server in servers.values():
        server.sql("ALTER TABLE item ADD COLUMN w INT", db=schema)
    wait_stopped(lutra, *PIPELINES)
    lutra.command("ddl", "done", "hz->us")
    wait_stopped(lutra, "hz->eu", "us->eu", "eu->hz", "eu->us")
    lutra.command("ddl", "done", "hz->eu")
    wait_stopped(lutra)
    transaction(servers["eu"], schema, "INSERT INTO item VALUES (2, 2, 2)")
    lutra.wait()
    all_same(servers, schema, [(1, 1, None), (2, 2, 2)])


def test_each_run_of_a_statement_is_acknowledged_by_itself(mesh, schema):
    """Nothing of it is to be seen in the tables' shapes, and it comes twice."""
    servers, lutra = mesh
    for _ in range(2):
        for server in (servers["hz"], servers["us"]):
            server.sql("TRUNCATE TABLE item", db=schema)
        wait_stopped(lutra, "hz->us", "hz->eu", "us->hz", "us->eu")
        lutra.command("ddl", "done", "hz->us")
        wait_stopped(lutra, "hz->eu", "us->eu")
        lutra.kill()
        lutra.start(wait=False)
        steps.answers(lutra)
        wait_stopped(lutra, "hz->eu", "us->eu")
        servers["eu"].sql("TRUNCATE TABLE item", db=schema)
        wait_stopped(lutra, "hz->eu", "us->eu", "eu->hz", "eu->us")
        lutra.command("ddl", "done", "hz->eu")
        wait_stopped(lutra)
    transaction(servers["us"], schema, "INSERT INTO item VALUES (1, 1)")
    lutra.wait()
    all_same(servers, schema, [(1, 1)])
    assert servers["us"].sql("SELECT pipeline, reader, passed_file IS NULL FROM lutra.ddl ORDER BY id") == (
        ("hz->us", "us->hz", 0), ("hz->us", "us->eu", 0)) * 2


def test_a_site_that_is_gone_for_good(mesh, schema):
    """Taken out of the file, it is kept for until somebody says that it never comes back."""
    servers, lutra = mesh
    transaction(servers["eu"], schema, "INSERT INTO item VALUES (1, 1)")
    lutra.wait()
    with pytest.raises(LutraFailed) as refusal:
        lutra.command("site", "remove", "3")
    assert refusal.value.status == 2 and "is in the channel file" in str(refusal.value)
    assert lutra.stop() == 0

    def peers():
        """How many each site keeps something for: the second byte of what it has written of them."""
        return [servers[name].sql("SELECT ORD(SUBSTRING(heard, 2, 1)) FROM lutra.site")[0][0] for name in ("hz", "us")]
    text = [line for line in lutra.file.read_text().splitlines() if not line.startswith("  eu:")]
    lutra.file.write_text("\n".join(text).replace('"mesh"', '"hz <-> us"') + "\n")
    lutra.start()
    transaction(servers["hz"], schema, "INSERT INTO item VALUES (2, 2)")
    lutra.wait()
    assert peers() == [2, 2]
    said = lutra.command("site", "remove", "3", "--why", "the house burnt down").splitlines()
    assert [line.split(",")[0] for line in said] == ["hz keeps nothing for site 3", "us keeps nothing for site 3"]
    assert peers() == [1, 1]
    assert [column(servers[name], None, "SELECT why FROM lutra.audit") for name in ("hz", "us")] == [["the house burnt down"]] * 2
    with pytest.raises(LutraFailed) as refusal:
        lutra.command("site", "remove", "3")
    assert refusal.value.status == 2 and "no site keeps anything" in str(refusal.value)
    transaction(servers["us"], schema, "INSERT INTO item VALUES (3, 3)")
    lutra.wait()
    assert rows(servers["hz"], schema) == rows(servers["us"], schema) == [(1, 1), (2, 2), (3, 3)]


def test_rows_of_the_old_shape_are_passed_over(site, channel, schema):
    """A sender reads its log from a checkpoint on, which lies before the statement: the rows between have another shape than its tables."""
    hz, us = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": hz, "us": us}, "hz <-> us", [f"{schema}.item"], conflicts="last-writer-wins")
    run_at((hz, us), schema, ITEM)
    lutra.start()
    transaction(hz, schema, "INSERT INTO item VALUES (1, 1)")
    transaction(us, schema, "INSERT INTO item VALUES (2, 2)")
    lutra.wait()
    for server in (hz, us):
        server.sql("ALTER TABLE item MODIFY v BIGINT", db=schema)
    wait_stopped(lutra, "hz->us", "us->hz")
    lutra.command("ddl", "done", "hz->us")
    wait_stopped(lutra)
    transaction(hz, schema, "INSERT INTO item VALUES (3, 1 << 40)")
    transaction(us, schema, "UPDATE item SET v = v + (1 << 41) WHERE id = 1")
    lutra.wait()
    lutra.wait()
    assert rows(hz, schema) == rows(us, schema) == [(1, 1 + (1 << 41)), (2, 2), (3, 1 << 40)]
