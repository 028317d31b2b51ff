"""Conflict channels that remember much, and sites that are away for long."""

import re
import urllib.error
import urllib.request

import steps
from lutralab.servers import CHECKOUT, wait_until
from storm import EVERY_KIND, FIRST, QUICK, Storm, by_kind

RIVAL = "CREATE TABLE rival (id INT PRIMARY KEY, u INT NULL, v VARCHAR(30), UNIQUE (u)) CHARSET utf8mb4"
MANY = "CREATE TABLE many (id INT PRIMARY KEY)"

OLD_LINE = ("INSERT INTO lutra.conflict (at, channel, pipeline, table_schema, table_name, row_key, digest, operation, met, clock_us, origin, seq,"
            " met_clock_us, met_origin, met_seq, rule, won) VALUES (NOW(6) - INTERVAL 31 DAY, %s, '', '', '', '', '', '', '', 0, 0, 0, 0, 0, 0, '', 1)")


def pair(site, channel, schema, **more):
    return Storm(channel, {name: site(engine, number) for number, (name, engine) in enumerate((("a", "mariadb"), ("b", "mysql")), 1)}, schema, **more)


def sites(s):
    return {its["name"]: its for its in s.lutra.status()["channels"][0]["sites"]}


class Checkpoints:
    """Those that are stored at a site whose channel has the name of the schema."""

    COLUMNS = "channel, server, file, pos, last_pos, last_crc, gtids, state"

    def __init__(self, server, schema):
        self.server, self.schema = server, schema

    def stored(self):
        return steps.column(self.server, None, f"SELECT id FROM lutra.checkpoint WHERE channel='{self.schema}' ORDER BY id")

    def one_more(self):
        newest = self.stored()[-1]
        wait_until(lambda: self.stored()[-1] > newest, steps.PATIENCE_S, "a checkpoint")

    def copy(self, which):
        self.server.sql(f"INSERT INTO lutra.checkpoint ({self.COLUMNS}) SELECT {self.COLUMNS} FROM lutra.checkpoint WHERE channel='{self.schema}' AND {which}")


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


def test_r18_no_checkpoint_goes_before_it_is_known_where_every_sender_stands(site, channel, schema):
    """A pipeline stands still, and after a start it cannot say how far its target is: somebody holds its lane. By all else that is known many a
    checkpoint could go. Once it is known most of them do."""
    s = pair(site, channel, schema, conflicts=QUICK)
    a, b = s.servers
    checkpoints = Checkpoints(b, schema)
    s.lutra.start()
    s.lutra.command("pause", "b->a")
    checkpoints.one_more()
    checkpoints.one_more()
    s.lutra.kill()
    newest = checkpoints.stored()[-1]
    for _ in range(8):
        checkpoints.copy(f"id >= {newest}")
    all_before = checkpoints.stored()
    with steps.session(a, None, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN",
                       f"SELECT lane FROM lutra.lane WHERE channel='{schema}' AND pipeline='b->a' FOR UPDATE"):
        s.lutra.start(wait=False)
        steps.wait_for(s.lutra, "b->a", lambda now: now["state"] == "retrying", "the lane to be waited for")
        checkpoints.one_more()
        assert checkpoints.stored()[:len(all_before)] == all_before
    s.lutra.wait_ready()
    wait_until(lambda: len(checkpoints.stored()) < len(all_before) / 2, steps.PATIENCE_S, "every second one to go")
    s.lutra.command("resume", "b->a")
    steps.transaction(b, schema, "INSERT INTO hot VALUES (1, 'b')")
    s.settle()
    s.is_equal()
    s.is_silent()


def test_r18_a_pipeline_that_was_ordered_back_keeps_its_checkpoint(site, channel, schema):
    """Though it stays paused, and its target has all up to many a later one: it reads from there once it goes on. What was applied is not applied twice."""
    s = pair(site, channel, schema, tables=EVERY_KIND, conflicts=by_kind(schema))
    a, b = s.servers
    checkpoints = Checkpoints(b, schema)

    def write(server, to, key):
        steps.transaction(server, schema, f"INSERT INTO hot VALUES ({key}, 'one')", "UPDATE stock SET n=n+1 WHERE id=1")
        wait_until(lambda: to.sql(f"SELECT 1 FROM hot WHERE id={key}", db=schema), steps.PATIENCE_S, "the row to arrive")
    s.lutra.start()
    (first, file, pos), = b.sql("SELECT id, file, pos FROM lutra.checkpoint WHERE channel=%s ORDER BY id LIMIT 1", (schema,))
    s.lutra.command("pause", "a->b")  # so b does not hear that a has all this
    write(b, a, 1)
    checkpoints.one_more()
    checkpoints.one_more()
    later = checkpoints.stored()[-1]
    write(b, a, 2)
    s.lutra.command("pause", "b->a")
    s.lutra.kill()
    for _ in range(12):
        checkpoints.copy(f"id = {later}")
    s.lutra.start()
    s.lutra.command("position", "b->a", "--file", file, "--pos", pos, "--why", "once more")
    s.lutra.command("resume", "a->b")
    write(a, b, 3)
    checkpoints.one_more()
    checkpoints.one_more()
    assert checkpoints.stored()[0] == first
    s.lutra.command("resume", "b->a")
    s.settle()
    s.is_equal()
    s.is_silent()
    assert a.sql("SELECT n FROM stock WHERE id=1", db=schema) == ((FIRST + 3,),)


def test_r24_what_has_no_room_on_the_disk_waits_and_goes_on(site, channel, schema):
    """Site b is not heard at a, whose users write more keys than may be remembered: a reads its own log no further, its users go on, and b gets all.
    So it is after a crash, too. With more room all is well."""
    s = pair(site, channel, schema, tables=(MANY,), conflicts=QUICK, extra=["memory: 1M", "spill: 1M"])
    a, b = s.servers
    s.lutra.options = ["--listen", "127.0.0.1:0"]
    s.lutra.start()
    s.lutra.command("pause", "b->a")

    def beats():
        return a.sql("SELECT beats FROM lutra.site WHERE channel=%s", (schema,))[0][0]
    for first in range(0, 60000, 1000):
        if first % 5000 == 0:  # what comes between two heartbeats has room at b
            goal = beats() + 2
            wait_until(lambda: beats() >= goal, steps.PATIENCE_S, "heartbeats of a", poll_s=0.02)
        steps.transaction(a, schema, f"INSERT INTO many VALUES {','.join(f'({n})' for n in range(first, first + 1000))}")

    def full():
        its = sites(s)["a"]
        return its if (its["error"] or {}).get("code") == "E6014" else None

    def is_ill():  # it tries again now and then
        status, health = ask(s.lutra, "/health")
        return status == 503 and '{"name":"a","state":"failing"}' in health
    for _ in range(2):
        its = wait_until(full, steps.PATIENCE_S, "what a remembers to have no room")
        assert its["state"] == "failing" and its["error"]["hint"]
        wait_until(is_ill, steps.PATIENCE_S, "/health to tell it")
        assert 0 < its["keys"] < 60000 and 0 < its["over_bytes"] <= 4 << 20 and its["left_bytes"] >= 0
        s.lutra.kill()
        s.lutra.start(wait=False)
        steps.answers(s.lutra)
    wait_until(lambda: b.sql("SELECT COUNT(*) FROM many", db=schema)[0][0] == 60000, steps.PATIENCE_S, "all to arrive at b")
    wait_until(full, steps.PATIENCE_S, "it to have no room still")
    assert sites(s)["a"]["left_bytes"] > 0
    assert s.lutra.stop() == 0
    s.lutra.file.write_text(s.lutra.file.read_text().replace("spill: 1M", "spill: 1G"))
    s.lutra.start()
    s.lutra.command("resume", "b->a")
    wait_until(lambda: sites(s)["a"]["state"] == "reading", steps.PATIENCE_S, "a to go on")
    steps.transaction(b, schema, "DELETE FROM many WHERE id < 10")
    s.settle()
    s.is_equal()
    s.is_silent()
    assert ask(s.lutra, "/health")[0] == 200
