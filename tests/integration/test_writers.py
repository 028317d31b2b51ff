"""Several connections at the target (`writers`): groups run beside each other, and all that holds for one connection holds."""

import contextlib
import functools
import random

import pymysql
import pytest
import steps
import test_rules as rules
from conftest import ledger_is, same, whole
from lutralab.compare import INVARIANTS, IN_ANY_ORDER
from lutralab.link import late
from lutralab.lutra import USER, Keeper
from lutralab.servers import wait_until
from lutralab.workload import Workload
from steps import column, run_at, transaction
from test_steps import binary

ONE_WAY = "hz->us"


def writers(rows, count=4):
    return ["writers: %d" % count, "group: { rows: %d }" % rows]


def moved_lanes(target):
    """Lanes that carried a group, beside that of the loader's own connection."""
    return [lane for (lane,) in target.sql("SELECT lane FROM lutra.lane WHERE seq > 0 AND lane > 0 ORDER BY lane")]


def commit_each(server, schema, batches, *before):
    """Each batch of statements, some with their values, as one transaction of one session."""
    with contextlib.closing(server.connect(schema, autocommit=False)) as c, c.cursor() as cursor:
        for statement in before:
            cursor.execute(statement)
        for statements in batches:
            for statement in statements:
                cursor.execute(*((statement,) if isinstance(statement, str) else statement))
            c.commit()


def applied_beside(lutra, source, target, schema, count):
    """That backlog is applied by several writers, without one that failed beside others and was done again."""
    lutra.start()
    lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, set(range(1, count + 1)))
    assert len(moved_lanes(target)) > 1
    assert "failed beside others" not in lutra.log.read_text()


def start_in_flight(lutra, target, waits):
    """Start, until a session that waits(target) tells of has others beside it. Where the head was read alone it was sent alone, on the loader's own
    connection, and all wait behind it: then once more."""
    for _ in range(20):
        before = set(steps.lutra_sessions(target))
        lutra.start()
        wait_until(lambda: waits(target), steps.PATIENCE_S, "the head to wait")
        if len(set(steps.lutra_sessions(target)) - before) > 1:
            return
        lutra.kill()
    raise AssertionError("nothing ever flew")


def all_read(lutra, source):
    """What is read as it is applied would not be grouped."""
    end = steps.log_end(source)

    def is_read():
        place = lutra.pipelines()[ONE_WAY]["read_position"]
        return (place["file"], place["pos"]) >= end
    wait_until(is_read, steps.PATIENCE_S, "all to be read")


def waits_for_a_row(target):
    return steps.lutra_sessions(target, "UPDATE%base%")


def waits_for_a_table(target):
    return steps.sessions_where(target, "user = 'lutra' AND state LIKE '%metadata lock%'")


def backlog_of_everything(site, channel, schema, pair):
    """What the workload writes while Lutra is away is applied by several connections, whole in each snapshot."""
    source, target = site(pair[0], 1), site(pair[1], 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=writers(40)).start()
    assert lutra.stop() == 0
    load = Workload(source, schema, clients=4, seed=71, limit=150).start().join()
    with whole(schema, target):
        lutra.start()
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())
    assert len(moved_lanes(target)) > 1
    assert lutra.stop() == 0


@pytest.mark.parametrize("pair", [("mariadb", "mariadb"), ("mysql", "mysql")], ids=["mariadb", "mysql"])
def test_a_backlog_of_every_shape_flies(pair, site, channel, schema):
    backlog_of_everything(site, channel, schema, pair)


def test_a_server_that_takes_few_connections_gets_few_writers(site, channel, schema):
    """They are opened all at a time: which of them it refuses is the moment's."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=writers(40)).start()
    assert lutra.stop() == 0
    load = Workload(source, schema, clients=4, seed=72, limit=60).start().join()
    target.sql(f"ALTER USER '{USER}'@'%' WITH MAX_USER_CONNECTIONS 3")
    try:
        lutra.start()
        lutra.wait()
        assert lutra.stop() == 0
    finally:
        target.sql(f"ALTER USER '{USER}'@'%' WITH MAX_USER_CONNECTIONS 0")
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())
    assert "only 2 of 4 writers" in lutra.log.read_text()
    assert 1 <= len(moved_lanes(target)) <= 2


def test_a_backlog_for_a_target_that_is_far_flies_unasked(site, channel, schema):
    """Near by one connection applies; over a link of 20 ms several do, though nothing in the channel file says so."""
    source, target = site("mariadb", 1), site("mysql", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    run_at((source, target), schema, "CREATE TABLE far (id INT PRIMARY KEY, v INT NOT NULL)", "INSERT INTO far VALUES (0, 0)")
    lutra.start()
    assert lutra.stop() == 0
    assert column(target, schema, "SELECT lane FROM lutra.lane") == [0]
    commit_each(source, schema, [["UPDATE far SET v = 1 WHERE id = 0"],
                                 *([f"INSERT INTO ledger VALUES ({i})", f"INSERT INTO far SELECT seq, {i} FROM seq_{i * 30}_to_{i * 30 + 29}"]
                                   for i in range(1, 401))])
    with late(target, 10) as link:
        lutra.file.write_text(lutra.file.read_text().replace(f":{target.port}\"", f":{link.port}\""))
        with steps.session(target, schema, "SELECT * FROM far WHERE id = 0 FOR UPDATE", autocommit=False):
            lutra.start()
            all_read(lutra, source)
        wait_until(lambda: moved_lanes(target), steps.PATIENCE_S, "a group beside another")
        lutra.kill()
        lutra.start()
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, set(range(1, 401)))
    assert len(moved_lanes(target)) > 1
    assert lutra.stop() == 0


@pytest.mark.parametrize("order", ["source", "free"])
def test_two_ways_killed_at_8_instants(order, site, channel, schema):
    """Each start finds a backlog of both sites."""
    sites = site("mariadb", 1), site("mysql", 2)
    lutra = channel(dict(zip(("hz", "us"), sites)), "hz <-> us", extra=[*writers(6, 3), f"commit-order: {order}"]).start()
    loads = [Workload(s, schema, site=i, clients=2, seed=80 + i, pause_s=0.01, large_share=0) for i, s in enumerate(sites, 1)]
    with whole(schema, *sites, invariants=INVARIANTS if order == "source" else IN_ANY_ORDER), loads[0], loads[1]:
        with Keeper(lutra, random.Random(80), kills=8, longest_s=0.6) as keeper:
            keeper.finish()
        for load in loads:
            load.stop()
        lutra.wait(120)
    for server in sites:
        ledger_is(server, schema, set().union(*(load.expected_ledger() for load in loads)))
    same(*sites, schema)
    assert all(moved_lanes(server) for server in sites)


# -- R4: those behind the head of the order give way ---------------------------------------------------------------------

def cycle_through_a_local_transaction(site, channel, schema):
    """The head of the order waits for a user's transaction, and that one for a group behind the head: no server can see the
    cycle. Each source transaction is a group of its own here; each touches one row of base."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=writers(1))
    rules.with_base((source, target), schema)
    rules.backlog(lutra, source, schema)

    with steps.session(target, schema, "SET SESSION innodb_lock_wait_timeout=3", "BEGIN",
                       "SELECT * FROM base WHERE id IN (1, 3) FOR UPDATE") as local:
        start_in_flight(lutra, target, waits_for_a_row)
        # By the count: one session alone may also be that the third group has not begun yet.
        wait_until(lambda: lutra.pipelines()[ONE_WAY]["retries"] > 0 and len(waits_for_a_row(target)) == 1,
                   steps.PATIENCE_S, "the third group to give way")
        for i in range(2, rules.COUNT + 1):
            try:
                local.execute("SELECT * FROM base WHERE id = %s FOR UPDATE", (i,))
            except pymysql.err.OperationalError as e:
                raise AssertionError(f"group {i} does not give way: {e}") from None
        rules.holds_exactly(target, schema, [])
        local.execute("COMMIT")
    rules.all_there(lutra, source, target, schema)


def test_r04_cycle_through_a_local_transaction(site, channel, schema):
    cycle_through_a_local_transaction(site, channel, schema)


# -- the rules of test_rules.py, with groups of two transactions on four connections --------------------------------------

RULES = {
    "faulty-in-the-middle": functools.partial(rules.damaged_group, damage="duplicate", places=(7,)),
    "faulty-first-and-last": functools.partial(rules.damaged_group, damage="missing", places=(1, 12)),
    "lock-wait": rules.test_r01_lock_wait_commits_nothing,
    "deadlock": rules.deadlock,
    "two-owners": rules.two_owners,
}


@pytest.mark.parametrize("rule", RULES)
def test_rule_holds_on_several_connections(rule, site, channel, schema):
    channel.more = {"extra": writers(6)}
    RULES[rule](site, channel, schema)


def test_r02_commit_of_a_writer_in_doubt(site, channel, schema):
    """The writers' COMMITs wait at the server, Lutra is killed: its successor waits for what becomes of them."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=writers(6))
    rules.with_base((source, target), schema)
    rules.backlog(lutra, source, schema)
    with steps.unacknowledged(target):
        lutra.start(wait=False)
        wait_until(lambda: steps.lutra_sessions(target, "COMMIT%"), steps.PATIENCE_S, "a COMMIT to wait")
        lutra.kill()
        lutra.start(wait=False)
        wait_until(lambda: steps.lutra_sessions(target, "%lutra.lane%"), steps.PATIENCE_S, "the successor to look at the lanes")
    rules.all_there(lutra, source, target, schema)


def newest_lane_counts(site, channel, schema):
    """The progress is that of the newest move, whichever lane holds it: with fewer writers afterwards too, and each time."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=writers(6))
    rules.with_base((source, target), schema)
    rules.backlog(lutra, source, schema)
    with steps.session(target, schema, f"SELECT * FROM base WHERE id = {rules.COUNT} FOR UPDATE", autocommit=False):
        with steps.session(target, schema, "SELECT * FROM base WHERE id = 1 FOR UPDATE", autocommit=False):
            lutra.start()
            all_read(lutra, source)
        # The last group is not full: it is for lane 0, and waits.
        others = set(range(1, rules.COUNT - 1))
        wait_until(lambda: others <= set(column(target, schema, "SELECT txn_id FROM ledger")), steps.PATIENCE_S, "all groups but the last")
        lutra.kill()
    assert moved_lanes(target)
    lutra.file.write_text(lutra.file.read_text().replace("writers: 4", "writers: 1"))
    lutra.start()
    rules.all_there(lutra, source, target, schema)
    lutra.kill()
    lutra.file.write_text(lutra.file.read_text().replace("writers: 1", "writers: 3"))
    lutra.start()
    rules.all_there(lutra, source, target, schema)


def test_r02_newest_lane_counts(site, channel, schema):
    newest_lane_counts(site, channel, schema)


@pytest.mark.parametrize("end", ["connection", "term"])
def test_a_writer_ends_in_the_middle(end, site, channel, schema):
    """Its connection is lost, or all are to end, while the head of the order waits for a row: what has begun ends or is undone."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=writers(6))
    rules.with_base((source, target), schema)
    rules.backlog(lutra, source, schema)
    with steps.session(target, schema, "SELECT * FROM base WHERE id = 1 FOR UPDATE", autocommit=False):
        start_in_flight(lutra, target, waits_for_a_row)
        waiting = wait_until(lambda: waits_for_a_row(target), steps.PATIENCE_S, "the head to wait")
        if end == "connection":
            target.sql(f"KILL {waiting[0]}")
            wait_until(lambda: any(i not in waiting for i in waits_for_a_row(target)), steps.PATIENCE_S, "another one to wait")
        else:
            assert lutra.stop() == 0
        rules.holds_exactly(target, schema, [])
    if end == "term":
        lutra.start()
    rules.all_there(lutra, source, target, schema)


# -- what touches what ---------------------------------------------------------------------------------------------------

COLLATIONS = {
    "mariadb": (("utf8mb4", "utf8mb4_general_ci"), ("utf8mb4", "utf8mb4_bin"), ("latin1", "latin1_swedish_ci"), ("utf8mb4", "utf8mb4_nopad_bin"),
                ("utf8mb4", "utf8mb4_turkish_ci"), ("latin1", "latin1_german2_ci"), ("utf8mb4", "utf8mb4_unicode_ci")),
    "mysql": (("utf8mb4", "utf8mb4_0900_ai_ci"), ("utf8mb4", "utf8mb4_general_ci"), ("utf8mb4", "utf8mb4_bin"), ("latin1", "latin1_swedish_ci"),
              ("utf8mb4", "utf8mb4_0900_bin"), ("utf8mb4", "utf8mb4_tr_0900_ai_ci"), ("utf8mb4", "utf8mb4_de_pb_0900_ai_ci")),
}
# Equal to each other under one collation or another: case, accents, sharp s, dotted and dotless i, spaces at the end.
WORDS = ("otter", "OTTER", "Otter ", "otter  ", "\u00f6tter", "stra\u00dfe", "strasse", "STRASSE", "istanbul", "ISTANBUL", "\u00e4pfel", "aepfel", "Apfel",
         "z", "Z ", "", " ")


def hot_words(schema, collations, rng, count):
    """Transactions that move few unique words between few rows: what is equal is for the server to say."""
    for n in range(1, count + 1):
        number = rng.randrange(len(collations))
        statements = [f"INSERT INTO ledger VALUES ({n})", ("UPDATE loose SET v = v + %s WHERE id = %s", (rng.randrange(2), rng.randrange(3)))]
        for _ in range(rng.randrange(1, 4)):
            row, word = rng.randrange(12), rng.choice(WORDS + (None,))
            statements.append((f"REPLACE INTO hot{number} VALUES (%s, %s, %s)", (row, word, n)) if rng.random() < 0.6
                              else (f"DELETE FROM hot{number} WHERE w = %s", (word,)))
        yield statements


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_groups_that_the_server_takes_for_touching_never_meet(engine, site, channel, schema):
    source, target = site(engine, 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=writers(1))
    for number, (charset, collation) in enumerate(COLLATIONS[engine]):
        run_at((source, target), schema, f"CREATE TABLE hot{number} (id INT PRIMARY KEY, w VARCHAR(30) CHARACTER SET {charset} COLLATE {collation},"
               " n INT, UNIQUE KEY (w))")
    run_at((source, target), schema, "CREATE TABLE loose (id INT, v INT)", "INSERT INTO loose VALUES (0, 0), (1, 0), (2, 0)")
    lutra.start()
    assert lutra.stop() == 0
    commit_each(source, schema, hot_words(schema, COLLATIONS[engine], random.Random(5), 400))
    applied_beside(lutra, source, target, schema, 400)


# -- commit-order: free --------------------------------------------------------------------------------------------------

def dies_behind_the_head(lutra, target, schema):
    """Applied alone, by who knows of those behind it only what the lane says, and says it again."""
    lutra.file.write_text(lutra.file.read_text().replace("writers: 4", "writers: 1").replace("commit-order: free", "commit-order: source"))
    lutra.env["LUTRA_KILL_AT"] = "load.committed:1"
    lutra.start(wait=False)
    wait_until(lambda: not lutra.alive, steps.PATIENCE_S, "the end behind the head")
    del lutra.env["LUTRA_KILL_AT"]
    assert 100 in column(target, schema, "SELECT txn_id FROM ledger")


def done_ahead_of_the_head(site, channel, schema, starts=2, dies=False):
    """The first group waits for a user's table; those behind it are committed. Killed, and killed again: none of them is lost or done
    twice."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=[*writers(1), "commit-order: free"])
    rules.with_base((source, target), schema)
    run_at((source, target), schema, "CREATE TABLE held (id INT PRIMARY KEY)")
    lutra.start()
    assert lutra.stop() == 0
    transaction(source, schema, "INSERT INTO held VALUES (1)", "INSERT INTO ledger VALUES (100)")
    rules.write_numbered(source, schema, range(1, rules.COUNT + 1))

    with steps.session(target, schema) as local:
        for again in range(starts):
            local.execute("LOCK TABLES held WRITE")
            if again:  # there may be nothing left beside the head
                lutra.start()
            else:
                start_in_flight(lutra, target, waits_for_a_table)
            wait_until(lambda: len(column(target, schema, "SELECT txn_id FROM ledger")) >= 3, steps.PATIENCE_S, "groups to overtake")
            wait_until(lambda: waits_for_a_table(target), steps.PATIENCE_S, "the head to wait")
            lutra.kill()
            assert 100 not in column(target, schema, "SELECT txn_id FROM ledger")
            local.execute("UNLOCK TABLES")
    if dies:
        dies_behind_the_head(lutra, target, schema)
    lutra.start()
    lutra.wait()
    lutra.kill()
    lutra.file.write_text(lutra.file.read_text().replace("commit-order: free", "commit-order: source"))
    transaction(source, schema, "INSERT INTO ledger VALUES (101)")
    lutra.start()
    lutra.wait()
    ledger_is(target, schema, {*range(1, rules.COUNT + 1), 100, 101})
    same(source, target, schema)


def test_r02_what_is_done_ahead_of_the_head_is_known_after_a_kill(site, channel, schema):
    dies = binary().exists()
    channel.more = {"program": binary()} if dies else {}
    done_ahead_of_the_head(site, channel, schema, dies=dies)


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_free_order_ends_equal(engine, site, channel, schema):
    source, target = site(engine, 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=[*writers(40), "commit-order: free"]).start()
    assert lutra.stop() == 0
    load = Workload(source, schema, clients=4, seed=72, limit=100).start().join()
    with whole(schema, target, invariants=IN_ANY_ORDER):
        lutra.start()
        lutra.wait()
    same(source, target, schema)
    ledger_is(target, schema, load.expected_ledger())


# -- foreign keys ----------------------------------------------------------------------------------------------------------

FAMILY = ("CREATE TABLE elder (id INT PRIMARY KEY, name VARCHAR(20) COLLATE utf8mb4_general_ci UNIQUE, n INT NOT NULL DEFAULT 0)"
          " DEFAULT CHARSET=utf8mb4",
          "CREATE TABLE kid (id INT PRIMARY KEY, elder INT, named VARCHAR(30) COLLATE utf8mb4_general_ci, FOREIGN KEY (elder) REFERENCES elder (id),"
          " FOREIGN KEY (named) REFERENCES elder (name) ON DELETE CASCADE ON UPDATE CASCADE) DEFAULT CHARSET=utf8mb4")


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_r06_children_of_other_parents_do_not_wait(engine, site, channel, schema):
    """The first group waits for a user who holds its parent; children of other parents are committed meanwhile, and nothing that comes
    behind a parent that goes."""
    source, target = site("mariadb", 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=[*writers(1), "commit-order: free"])
    run_at((source, target), schema, *FAMILY, f"INSERT INTO elder (id, name) VALUES {', '.join(f'({i}, {i!r})' for i in map(str, range(1, 9)))}")
    lutra.start()
    assert lutra.stop() == 0
    written = [f"INSERT INTO kid VALUES ({i}, {i}, '{i}')" for i in range(1, 5)]
    written += ["DELETE FROM elder WHERE id = 8", "INSERT INTO kid VALUES (5, 5, '5')", "INSERT INTO kid VALUES (6, 6, '6')"]
    with steps.session(target, schema) as local:
        for start in range(5):
            local.execute("BEGIN")
            local.execute("SELECT * FROM elder WHERE id = 1 FOR UPDATE")
            for statement in written if start == 0 else []:
                transaction(source, schema, statement)
            lutra.start()
            with contextlib.suppress(TimeoutError):  # a head that was read alone was sent alone, and all wait behind it
                wait_until(lambda: column(target, schema, "SELECT id FROM kid ORDER BY id") == [2, 3, 4], 10, "children of others")
                break
            lutra.kill()
            local.execute("ROLLBACK")
        assert column(target, schema, "SELECT id FROM kid ORDER BY id") == [2, 3, 4]
        assert column(target, schema, "SELECT COUNT(*) FROM elder") == [8]
        local.execute("ROLLBACK")
    lutra.wait()
    same(source, target, schema)
    assert column(target, schema, "SELECT COUNT(*) FROM kid") == [6]


def families(rng, count):
    """Transactions on few parents and their children; most meet a row, some break a key."""
    for n in range(1, count + 1):
        statements = [f"INSERT INTO ledger VALUES ({n})"]
        for _ in range(rng.randrange(1, 4)):
            parent, kid = rng.randrange(6), rng.randrange(20)
            name = rng.choice(("otter", "OTTER ", "\u00f6tter", "strasse", "stra\u00dfe", None)) if rng.random() < 0.5 else f"n{parent}"
            statements.append(rng.choice((
                ("INSERT IGNORE INTO elder VALUES (%s, %s, %s)", (parent, name, n)),
                ("UPDATE elder SET n = n + 1 WHERE id = %s", (parent,)),
                ("UPDATE IGNORE elder SET name = %s WHERE id = %s", (name, parent)),
                ("DELETE IGNORE FROM elder WHERE id = %s", (parent,)),
                ("INSERT IGNORE INTO kid SELECT %s, id, name FROM elder WHERE id = %s", (kid, parent)),
                ("INSERT IGNORE INTO kid VALUES (%s, NULL, %s)", (kid, name)),
                ("UPDATE IGNORE kid SET elder = %s WHERE id = %s", (rng.choice((parent, None)), kid)),
                ("DELETE FROM kid WHERE id = %s", (kid,)))))
        yield statements


@pytest.mark.parametrize("order", ["source", "free"])
@pytest.mark.parametrize("engine, image", [("mariadb", "FULL"), ("mysql", "MINIMAL")])
def test_r06_families_are_never_broken(engine, image, order, site, channel, schema):
    """Whatever of them goes beside each other, no foreign key is ever in the way, and cascades meet what they met at the source."""
    source, target = site("mariadb", 1), site(engine, 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=[*writers(1), f"commit-order: {order}"])
    run_at((source, target), schema, *FAMILY)
    lutra.start()
    assert lutra.stop() == 0
    commit_each(source, schema, families(random.Random(6), 400), f"SET SESSION binlog_row_image = {image}")
    assert source.sql("SELECT COUNT(*) > 3 FROM kid", db=schema) == ((1,),)
    applied_beside(lutra, source, target, schema, 400)


# -- state of older versions ---------------------------------------------------------------------------------------------

def test_r16_state_of_version_1_is_migrated(site, channel, schema):
    """What the first release wrote: one lane, without what later versions know."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    lutra.wait()
    assert lutra.stop() == 0
    target.script(["ALTER TABLE lutra.lane DROP COLUMN ahead", "DELETE FROM lutra.lane WHERE lane > 0",
                   "ALTER TABLE lutra.schema_version DROP COLUMN read_file, DROP COLUMN read_pos", "ALTER TABLE lutra.schema_key DROP COLUMN is_hash",
                   "ALTER TABLE lutra.ddl DROP COLUMN reader, DROP COLUMN from_file, DROP COLUMN from_pos", "DROP TABLE lutra.pause",
                   "UPDATE lutra.meta SET value = 1 WHERE name = 'version'"])
    transaction(source, schema, "INSERT INTO ledger VALUES (2)")
    lutra.file.write_text(lutra.file.read_text() + "writers: 2\n")
    lutra.start()
    lutra.wait()
    ledger_is(target, schema, {1, 2})
    assert [n for (n,) in target.sql("SELECT lane FROM lutra.lane WHERE channel = %s ORDER BY lane", (schema,))] == [0, 1, 2]


def test_each_session_speaks_though_there_is_nothing_to_write(site, channel, schema):
    """For the server ends one that does not (ADR 49)."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us", extra=writers(1)).start()
    assert lutra.stop() == 0
    commit_each(source, schema, [[f"INSERT INTO ledger VALUES ({i})"] for i in range(1, 101)])
    applied_beside(lutra, source, target, schema, 100)
    silent_ms, heard = {}, set()

    def all_heard():
        for session, ms in target.sql("SELECT id, time_ms FROM information_schema.processlist WHERE user = 'lutra'"):
            if ms < silent_ms.get(session, 0):
                heard.add(session)
            silent_ms[session] = ms
        return heard == silent_ms.keys()
    wait_until(all_heard, steps.PATIENCE_S, "each of them to say something", poll_s=0.1)
    assert len(heard) > 4 and lutra.pipelines()[ONE_WAY]["state"] == "running"


LATER_COLUMNS = {"lane": ["ahead"], "schema_version": ["read_file", "read_pos"], "schema_key": ["is_hash"], "ddl": ["reader", "from_file", "from_pos"]}


def test_r16_each_later_column_is_added_though_all_others_are_there(site, channel, schema):
    source, target = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    for table, names in LATER_COLUMNS.items():
        assert lutra.stop() == 0
        drop = ", ".join(f"DROP COLUMN {name}" for name in names)
        target.script([f"ALTER TABLE lutra.{table} {drop}", "UPDATE lutra.meta SET value = 1 WHERE name = 'version'"])
        lutra.start()
        target.sql(f"SELECT {', '.join(names)} FROM lutra.{table}")


def test_a_position_given_by_hand_forgets_what_was_done_ahead(site, channel, schema):
    hz, us = site("mariadb", 1), site("mariadb", 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us", extra=["writers: 4", "commit-order: free", "group: { rows: 100 }"])
    run_at((hz, us), schema, "CREATE TABLE held (id INT PRIMARY KEY)")
    lutra.start()
    lutra.wait()
    assert lutra.stop() == 0
    file, pos = steps.log_end(hz)
    transaction(hz, schema, "INSERT INTO held VALUES (1)")
    for i in range(300):
        transaction(hz, schema, f"INSERT INTO ledger VALUES {', '.join(f'({i * 20 + n})' for n in range(20))}")

    def ahead():
        return us.sql("SELECT COUNT(*) FROM lutra.lane WHERE ahead <> ''")[0][0]
    with steps.session(us, schema, "LOCK TABLES held WRITE"):
        start_in_flight(lutra, us, waits_for_a_table)
        wait_until(ahead, steps.PATIENCE_S, "groups to overtake")
    lutra.wait()
    transaction(hz, schema, "INSERT INTO ledger VALUES (6000)")  # by the loader itself, behind all that was done ahead
    hz.sql("ALTER TABLE word ADD COLUMN x INT", db=schema)
    steps.stopped(lutra, "hz->us", "E4000")
    assert ahead(), "nothing was done ahead"
    run_at((us,), schema, "DELETE FROM ledger", "DELETE FROM held")
    lutra.command("position", "hz->us", "--file", file, "--pos", pos)
    steps.stopped(lutra, "hz->us", "E4000")
    ledger_is(us, schema, set(range(6001)))
