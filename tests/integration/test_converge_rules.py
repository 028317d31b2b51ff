"""Rules of sites that write the same rows, each by itself, and what the oracle of the storms is worth."""

import contextlib
import random
import subprocess

import pytest
import steps
from lutralab.clock import FakeClock
from lutralab.lutra import USER, Keeper, LutraFailed, without_sanitizer
from lutralab.servers import Unavailable, wait_until
from storm import EVERY_KIND, HOT, LWW, QUICK, Storm, any_kind, by_kind
from test_conflict_log import log, show
from test_converge_scale import ask

BASE = "REPLACE INTO hot VALUES (1, 'base'), (2, 'base')"
PIPELINES = ("a->b", "b->a")


def pair(site, channel, schema, engines=("mariadb", "mysql"), **more):
    return Storm(channel, {name: site(engine, number) for number, (name, engine) in enumerate(zip("ab", engines), 1)}, schema, **more)


# -- the oracle ------------------------------------------------------------------------------------------------------------------------

def alone(log):
    """The rows that a site would have by itself."""
    rows = {}
    for t in log:
        if not t.own:
            rows.update({key: after for (_, key), (_, after) in t.changes.items()})
    return {key: row["v"] for key, row in rows.items() if row}


def test_one_site_copied_over_the_other_is_noticed(site, channel, schema):
    """Equal is not enough: the rows must be those that the logs ask for."""
    s = pair(site, channel, schema)
    s.lutra.start()
    with s.clients(limit=60) as clients:
        clients.join()
    s.ends_well()
    logs = s.logs()
    rows = next(rows for rows in map(alone, logs.values()) if rows != dict(s.servers[0].sql("SELECT id, v FROM hot", db=schema)))
    steps.run_at(s.servers, schema, "DELETE FROM hot", *(f"INSERT INTO hot VALUES ({key}, '{v}')" for key, v in rows.items()))
    s.is_equal()
    with pytest.raises(AssertionError):
        s.is_explained(logs)


def test_a_line_that_the_conflict_log_lacks_is_noticed(site, channel, schema):
    s = pair(site, channel, schema)
    s.lutra.start()
    with s.clients(limit=60) as clients:
        clients.join()
    s.ends_well()
    server = next(server for server in s.servers if server.sql("SELECT * FROM lutra.conflict WHERE won=0"))
    server.sql("DELETE FROM lutra.conflict WHERE won=0 LIMIT 1")
    with pytest.raises(AssertionError):
        s.is_explained()
    logs = s.logs()
    logs[1] = [t for t in logs[1] if t.own]
    with pytest.raises(AssertionError, match="acknowledged"):
        s.has_acknowledged(logs)


def compared(lutra):
    """What the check says of all rows of a channel that has begun: the guide's way, by a copy of its file under another name."""
    copy = lutra.file.with_name("compared.yaml")
    copy.write_text(lutra.file.read_text().replace(f"channel: {lutra.name}", "channel: compared"))
    done = subprocess.run([lutra.program, "check", copy], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return [line for line in done.stdout.splitlines() if "equal at the start" in line]


def test_a_row_that_was_changed_past_the_log_is_an_alarm(site, channel, schema):
    """With its key, in the conflict log; the status, /health and the metrics tell of it, too."""
    s = pair(site, channel, schema, tables=(HOT, BASE), conflicts=QUICK)
    a, b = s.servers
    s.lutra.options = ["--listen", "127.0.0.1:0"]
    s.lutra.start()
    s.lutra.wait()
    assert ask(s.lutra, "/health")[0] == 200
    assert [line.split()[0] for line in compared(s.lutra)] == ["ok"]
    steps.run_at((b,), schema, "UPDATE hot SET v='by hand' WHERE id=2")
    line, = compared(s.lutra)
    assert line.startswith("fail") and f"{schema}.hot differs in 1 of 1 pieces" in line
    steps.transaction(a, schema, "UPDATE hot SET v='a'")
    s.lutra.wait()
    s.is_equal()
    told = s.lutra.status()["channels"][0]
    assert (told["divergence"], [its["drift"] for its in told["sites"]]) == (1, [0, 1])
    text = s.lutra.command("status", ok=(1,))
    assert "DIVERGED" in text and "DIVERGENCE at site b: 1 rows were not as they had to be" in text
    line, = log(s.lutra)
    assert (line["site"], line["table"], line["key"], line["rule"]) == ("b", f"{schema}.hot", {"id": 2}, "drift")
    images = show(s.lutra, line["id"])
    assert [images[image]["v"] for image in ("before", "after", "found", "now")] == ["base", "a", "by hand", "a"]
    status, health = ask(s.lutra, "/health")
    assert status == 503 and "diverge" in health
    assert f'lutra_site_drift_total{{channel="{schema}",site="b"}} 1' in ask(s.lutra, "/metrics")[1]
    steps.run_at((b,), schema, "UPDATE hot SET v='again' WHERE id=2")  # mended as the guide has it
    steps.transaction(a, schema, "DELETE FROM hot WHERE id=2")
    steps.transaction(a, schema, "INSERT INTO hot VALUES (2, 'a')")
    s.lutra.wait()
    s.is_equal()


ODD = ("CREATE TRIGGER fires BEFORE UPDATE ON hot FOR EACH ROW SET NEW.v = CONCAT('by ', NEW.v)", "CREATE TABLE mother (id INT PRIMARY KEY)",
       "CREATE TABLE daughter (id INT PRIMARY KEY, m INT, CONSTRAINT of_mother FOREIGN KEY (m) REFERENCES mother (id) ON DELETE CASCADE)",
       "INSERT INTO mother VALUES (1), (2)")


def test_tables_that_change_rows_by_themselves_stop_what_comes_to_them(site, channel, schema):
    """Also where nobody looked at `lutra check`; nothing of it is applied before it is mended."""
    s = pair(site, channel, schema, engines=("mariadb", "mariadb"), tables=(HOT, BASE, *ODD), conflicts=QUICK)
    a, b = s.servers
    s.lutra.start(wait=False)
    for table, change, said, mend in (("mother", "DELETE FROM mother WHERE id=1", "foreign keys change rows below",
                                       "ALTER TABLE daughter DROP FOREIGN KEY of_mother"),
                                      ("hot", "UPDATE hot SET v='a' WHERE id=1", "has triggers", "DROP TRIGGER fires")):
        before = b.sql(f"SELECT * FROM {table}", db=schema)
        for pipeline in PIPELINES:
            error = steps.stopped(s.lutra, pipeline, "E5021")
            assert f"{schema}.{table} " in error["message"] and said in error["message"], error
        steps.transaction(a, schema, change)
        assert b.sql(f"SELECT * FROM {table}", db=schema) == before
        steps.run_at(s.servers, schema, mend)
        for pipeline in PIPELINES:
            s.lutra.retry(pipeline)
    s.settle()
    s.is_equal()


def test_a_table_gets_another_primary_key(site, channel, schema):
    """Changed as the guide has it: from then on its rows are told apart by that, also by who reads the site's log and had met the table before."""
    table = "CREATE TABLE moved (id INT PRIMARY KEY, k INT NOT NULL, v CHAR(9)) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    s = pair(site, channel, schema, tables=(table, "INSERT INTO moved VALUES (1, 10, 'base')"), conflicts=QUICK)
    s.lutra.start()
    for server in s.servers:
        steps.transaction(server, schema, "UPDATE moved SET v = CONCAT(v, '+')")
        s.lutra.wait()
    for server in s.servers:
        server.sql("ALTER TABLE moved DROP PRIMARY KEY, ADD PRIMARY KEY (k)", db=schema)
    steps.acknowledged(s.lutra, *PIPELINES)
    with steps.apart(s.lutra):
        for server, v in zip(s.servers, "ab"):
            steps.transaction(server, schema, f"UPDATE moved SET v = '{v}'")
    s.settle()
    s.is_equal()
    s.is_silent()


def test_a_table_that_was_dropped_keeps_nobody_from_reading_on(site, channel, schema):
    """Whoever begins before that finds rows of it in the site's log, and no table."""
    s = pair(site, channel, schema, tables=(HOT, BASE, "CREATE TABLE gone (id INT PRIMARY KEY)"), conflicts=LWW)  # checkpoints are 10 s apart
    s.lutra.start()
    for number, server in enumerate(s.servers):
        steps.transaction(server, schema, f"INSERT INTO gone VALUES ({number})")
    s.lutra.wait()
    for server in s.servers:
        server.sql("DROP TABLE gone", db=schema)
    steps.acknowledged(s.lutra, *PIPELINES)
    s.lutra.kill()
    s.lutra.start()
    for server in s.servers:
        steps.transaction(server, schema, "UPDATE hot SET v = CONCAT(v, '+')")
        s.lutra.wait()
    s.is_equal()
    s.is_silent()

    # One that is not to be seen is not gone.
    held = f"SELECT, INSERT, UPDATE, DELETE, TRIGGER ON `{schema}`.*"
    s.lutra.kill()
    a = s.servers[0]
    steps.transaction(a, schema, "UPDATE hot SET v = 'unseen' WHERE id = 1")
    a.sql(f"REVOKE {held} FROM '{USER}'@'%'")
    s.lutra.start(wait=False)
    steps.answers(s.lutra)
    wait_until(lambda: (site_status(s.lutra, "a")["error"] or {}).get("code") == "E4002", steps.PATIENCE_S, "the site's reader to miss it", poll_s=0.05)
    a.sql(f"GRANT {held} TO '{USER}'@'%'")
    for pipeline in PIPELINES:
        with contextlib.suppress(LutraFailed):  # it may have been stopped by that, or not
            s.lutra.retry(pipeline)
    s.settle()
    s.is_equal()


# -- clocks ----------------------------------------------------------------------------------------------------------------------------

def site_status(lutra, name):
    return next(s for s in lutra.status()["channels"][0]["sites"] if s["name"] == name)


def beats(server, channel):
    return server.sql("SELECT beats FROM lutra.site WHERE channel=%s", (channel,))[0][0]


def test_r20_a_timestamp_that_was_set_does_not_decide_for_years(site, channel, schema):
    """Neither site sees the other's; the heartbeats go on."""
    s = pair(site, channel, schema, conflicts=QUICK)
    s.lutra.start()
    steps.transaction(s.servers[0], schema, BASE)
    s.lutra.wait()
    with steps.apart(s.lutra):
        steps.transaction(s.servers[0], schema, "UPDATE hot SET v='a' WHERE id=1", before=("SET timestamp=2000000000",))
        goal = beats(s.servers[1], schema) + 5
        wait_until(lambda: beats(s.servers[1], schema) >= goal, steps.PATIENCE_S, "some heartbeats")
        steps.transaction(s.servers[1], schema, "UPDATE hot SET v='b' WHERE id=1")
    s.ends_well()
    assert s.servers[0].sql("SELECT v FROM hot WHERE id=1", db=schema) == (("b",),)


def test_r20_what_comes_from_the_future_is_held_and_told(site, channel, schema):
    """Our own clock falls back: the site's counts no longer, and what it wrote is from the future, until ours is right again."""
    if not without_sanitizer():
        pytest.skip("a sanitizer wants to be the first library that is loaded")
    s = pair(site, channel, schema, tables=(HOT, BASE), conflicts={**QUICK, "max-skew": "4s"})
    try:
        clock = FakeClock(s.lutra.folder / "clock")
    except Unavailable as e:
        pytest.skip(str(e))
    s.lutra.env.update(clock.env)
    s.lutra.start()
    s.lutra.wait()
    clock.is_off_by(-3600)
    wait_until(lambda: not site_status(s.lutra, "a")["clock_believed"], steps.PATIENCE_S, "the clock of a to be doubted")
    steps.transaction(s.servers[0], schema, "UPDATE hot SET v='a' WHERE id=1")
    # Where the machine is busy a fence that is late (E5020) may be met first.
    error = steps.wait_for(s.lutra, PIPELINES[0], lambda p: p["error"] if (p["error"] or {}).get("code") == "E5023" else None, "to hold it")
    assert error["hint"]
    assert s.servers[1].sql("SELECT v FROM hot WHERE id=1", db=schema) == (("base",),)
    assert site_status(s.lutra, "b")["held"] > 0
    clock.is_off_by(0)
    s.settle()
    s.is_equal()
    s.is_silent()
    assert s.servers[1].sql("SELECT v FROM hot WHERE id=1", db=schema) == (("a",),)
    wait_until(lambda: site_status(s.lutra, "a")["clock_believed"], steps.PATIENCE_S, "the clock of a to count again")


@pytest.mark.parametrize("engine, off_s", [("mariadb", 3600), ("mysql", 3600), ("mariadb", -10 * 365 * 86400)],
                         ids=["mariadb an hour ahead", "mysql an hour ahead", "mariadb ten years behind"])
def test_r20_sites_end_equal_though_a_clock_jumps(engine, off_s, lab, site, channel, schema):
    server = lab.server(engine, 7, name=f"jumps-{schema}")
    try:
        clock = FakeClock(lab.folder / f"clock-{schema}", new_libc=engine == "mysql")
    except Unavailable as e:
        pytest.skip(str(e))
    server.env = clock.env
    server.start()
    try:
        s = Storm(channel, {"a": server, "b": site("mysql", 2)}, schema, conflicts={**QUICK, "keep": {"age": "30m"}})
        s.lutra.start()
        with s.clients(pause_s=0.005) as clients:
            clients.go_on()
            clock.is_off_by(off_s)
            s.lutra.kill()
            s.lutra.start()  # the conflict log is trimmed at once: no line of it is half an hour old
            wait_until(lambda: not site_status(s.lutra, "a")["clock_believed"], steps.PATIENCE_S, "the clock to be doubted")
            clients.go_on()
            clock.is_off_by(0)
            wait_until(lambda: site_status(s.lutra, "a")["clock_believed"], steps.PATIENCE_S, "the clock to count again")
            clients.go_on()
            clients.stop()
        s.ends_well()
    finally:
        server.kill()


# -- versions --------------------------------------------------------------------------------------------------------------------------

def test_r18_versions_are_the_same_though_lutra_is_killed_behind_every_transaction(site, channel, schema):
    """Lutra is killed behind each transaction: the oracle knows the versions of an undisturbed reader, and each is applied once."""
    s = pair(site, channel, schema, conflicts=QUICK)
    for i in range(15):
        if i != 1:  # once neither site can have seen what the other wrote
            s.lutra.start()
        for server in s.servers:
            steps.transaction(server, schema, f"REPLACE INTO hot VALUES (1, '{server.server_id}.{i}')")
        if i == 1:
            s.lutra.start()
        s.lutra.wait()
        s.lutra.kill()
    s.lutra.start()
    s.ends_well()


def every_write_is_explained(site, channel, schema):
    """R17, R21: who decides knows what is locked, rows that are not there among it."""
    s = pair(site, channel, schema, engines=("mariadb", "mariadb"))
    s.lutra.start()
    with s.clients(limit=150) as clients:
        clients.join()
    s.ends_well()


# -- policies --------------------------------------------------------------------------------------------------------------------------

def test_each_table_by_its_policy_though_lutra_is_killed(site, channel, schema):
    s = pair(site, channel, schema, tables=EVERY_KIND, conflicts=by_kind(schema))
    s.lutra.start()
    with s.clients(any_kind, pause_s=0.005) as clients, Keeper(s.lutra, random.Random(3), kills=4, longest_s=0.8) as keeper:
        keeper.finish()
        clients.go_on()
        clients.stop()
    s.ends_well()


def test_the_trusted_sites_row_stands(site, channel, schema):
    """Whoever wrote it first, and whether it is deleted or written."""
    price = (HOT.replace("hot", "price"), BASE.replace("hot", "price"))
    s = pair(site, channel, schema, tables=price, conflicts={"policy": {"trusted": "a"}, "heartbeat": "100ms"})
    s.lutra.start()
    s.lutra.wait()
    with steps.apart(s.lutra):
        steps.transaction(s.servers[0], schema, "UPDATE price SET v='a' WHERE id=1", "DELETE FROM price WHERE id=2")
        steps.transaction(s.servers[1], schema, "UPDATE price SET v='b' WHERE id IN (1, 2)", "INSERT INTO price VALUES (3, 'b')")
    s.settle()
    s.is_equal()
    s.is_silent()
    assert s.servers[1].sql("SELECT * FROM price ORDER BY id", db=schema) == ((1, "a"), (3, "b"))
    assert [steps.column(server, None, "SELECT won FROM lutra.conflict") for server in s.servers] == [[0, 0], [1, 1]]


def test_r24_what_every_site_has_seen_is_forgotten(site, channel, schema):
    """Also deletions; and nothing while one site is not heard."""
    s = pair(site, channel, schema, tables=(HOT, BASE), conflicts=QUICK)

    def remembered():
        return [its["keys"] for its in s.lutra.status()["channels"][0]["sites"]]

    s.lutra.start()
    s.lutra.command("pause", "b->a")
    for n in range(10, 30):
        steps.transaction(s.servers[0], schema, f"INSERT INTO hot VALUES ({n}, 'a')", f"DELETE FROM hot WHERE id={n - 1}")
    wait_until(lambda: s.servers[1].sql("SELECT 1 FROM hot WHERE id=29", db=schema), steps.PATIENCE_S, "all to arrive at b")
    beats, = s.servers[0].sql("SELECT beats FROM lutra.site")[0]
    wait_until(lambda: s.servers[0].sql("SELECT beats FROM lutra.site")[0][0] > beats + 15, steps.PATIENCE_S, "a checkpoint")
    assert remembered()[0] >= 20  # what b has seen it could not say
    s.lutra.command("resume", "b->a")
    wait_until(lambda: remembered() == [0, 0], steps.PATIENCE_S, "all to be forgotten")
    steps.transaction(s.servers[1], schema, "UPDATE hot SET v='b' WHERE id=29")
    s.settle()
    s.is_equal()
    s.is_silent()
