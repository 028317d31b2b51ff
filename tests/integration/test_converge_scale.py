"""Conflict channels that remember much, and sites that are away for long."""

import re
import urllib.error
import urllib.request

import steps
from lutralab.servers import CHECKOUT, wait_until
from storm import QUICK, Storm

RIVAL = "CREATE TABLE rival (id INT PRIMARY KEY, u INT NULL, v VARCHAR(30), UNIQUE (u)) CHARSET utf8mb4"


OLD_LINE = ("INSERT INTO lutra.conflict (at, channel, pipeline, table_schema, table_name, row_key, digest, operation, met, clock_us, origin, seq,"
            " met_clock_us, met_origin, met_seq, rule, won) VALUES (NOW(6) - INTERVAL 31 DAY, %s, '', '', '', '', '', '', '', 0, 0, 0, 0, 0, 0, '', 1)")


def pair(site, channel, schema, **more):
    return Storm(channel, {name: site(engine, number) for number, (name, engine) in enumerate((("a", "mariadb"), ("b", "mysql")), 1)}, schema, **more)


def sites(s):
    return {its["name"]: its for its in s.lutra.status()["channels"][0]["sites"]}


def ask(lutra, path):
    """(status, text) of what a running Lutra with --listen answers."""
    port = re.findall(r"listening on http://127\.0\.0\.1:(\d+)", lutra.log.read_text())[-1]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def test_r24_a_parked_row_keeps_what_is_in_its_way_and_no_more(site, channel, schema):
    """Of its table all else is forgotten. What is in its way is remembered over a crash: else the older row would come back over the newer."""
    s = pair(site, channel, schema, tables=(RIVAL,), conflicts=QUICK)
    s.lutra.options = ["--listen", "127.0.0.1:0"]
    s.lutra.start()
    assert s.lutra.stop() == 0
    for number, server in enumerate(s.servers, 1):
        steps.transaction(server, schema, f"INSERT INTO rival VALUES ({number}, 5, 'first')")
    s.lutra.start()
    s.settle()
    (shown,), = s.servers[0].sql("SELECT id FROM rival", db=schema)
    for n in range(10, 40):
        steps.transaction(s.servers[n % 2], schema, f"INSERT INTO rival VALUES ({n}, {n}, 'other')", f"DELETE FROM rival WHERE id={n - 4}")
    s.lutra.wait()

    def only_two():
        wait_until(lambda: all(its["keys"] == 2 for its in sites(s).values()), steps.PATIENCE_S, "all to be forgotten but two rows")
        assert all(its["parked_rows"] == 1 for its in sites(s).values())
    only_two()
    s.lutra.kill()
    s.servers[0].sql(OLD_LINE, (schema,))
    # Somebody holds a line that is to go from the conflict log: nothing but that waits for it.
    with steps.session(s.servers[0], None, "BEGIN", "SELECT id FROM lutra.conflict FOR UPDATE"):
        s.lutra.start()
        only_two()
    steps.transaction(s.servers[1], schema, "UPDATE rival SET v='touched' WHERE id=39")
    s.settle()
    for server in s.servers:
        assert shown in steps.column(server, schema, "SELECT id FROM rival") and 3 - shown not in steps.column(server, schema, "SELECT id FROM rival")
    steps.transaction(s.servers[0], schema, f"DELETE FROM rival WHERE id={shown}")
    s.lutra.wait()
    assert all(3 - shown in steps.column(server, schema, "SELECT id FROM rival") for server in s.servers)
    s.is_equal()
    s.is_silent()
    metrics, named = ask(s.lutra, "/metrics")[1], re.findall(r"lutra_\w+\w(?!\*)\b", (CHECKOUT / "docs/guide/conflicts.md").read_text())
    assert len(named) > 10 and not [name for name in named if f"# TYPE {name} " not in metrics]
    assert ask(s.lutra, "/health")[0] == 200
