"""Two sites that write the same rows end equal, and every write is accounted for: it stands, or a newer one had seen it, or the conflict
log has it. Against an oracle that knows the logs alone."""

import contextlib
import json
import random
import threading

import conflict_oracle
import pymysql
import pytest
from conftest import same

CLASHES = (1020, 1062, 1205, 1213)
ROWS, WRITES = 6, 150
HOT = "CREATE TABLE hot (id INT PRIMARY KEY, v VARCHAR(30) NOT NULL) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"


def write(server, schema, name, failed):
    """Transactions of one to three statements on the same few rows; each writes a value that nothing else writes."""
    rnd = random.Random(name)
    try:
        with contextlib.closing(server.connect(schema)) as c, c.cursor() as cursor:
            for i in range(WRITES):
                try:
                    cursor.execute("BEGIN")
                    for k in range(rnd.randint(1, 3)):
                        key, value = rnd.randrange(ROWS), f"{name}-{i}-{k}"
                        cursor.execute(*rnd.choice((("INSERT IGNORE INTO hot VALUES (%s, %s)", (key, value)),
                                                    ("REPLACE INTO hot VALUES (%s, %s)", (key, value)),
                                                    ("UPDATE hot SET v=%s WHERE id=%s", (value, key)),
                                                    ("UPDATE hot SET v=%s WHERE id=%s", (value, key)),
                                                    ("DELETE FROM hot WHERE id=%s", (key,)),
                                                    ("UPDATE IGNORE hot SET id=%s, v=%s WHERE id=%s", (rnd.randrange(ROWS), value, key)))))
                    cursor.execute("COMMIT")
                except pymysql.err.MySQLError as e:
                    if e.args[0] not in CLASHES:
                        raise
                    cursor.execute("ROLLBACK")
    except Exception as e:
        failed.append(e)


def lines(server, channel):
    return sorted(conflict_oracle.Met(conflict_oracle.Version(clock, origin, seq), ("hot", next(iter(json.loads(key).values()))),
                                      conflict_oracle.Version(met_clock, met_origin, met_seq), bool(won))
                  for clock, origin, seq, met_clock, met_origin, met_seq, key, won in server.sql(
                      "SELECT clock_us, origin, seq, met_clock_us, met_origin, met_seq, row_key, won FROM lutra.conflict WHERE channel=%s", (channel,)))


def settle(lutra, sites, schema):
    lutra.wait()
    lutra.wait()  # what was applied comes out of the other log, too
    for server in sites[1:]:
        same(sites[0], server, schema)


@pytest.mark.parametrize("engines", [("mariadb", "mariadb"), ("mysql", "mysql"), ("mariadb", "mysql"), ("mariadb", "mariadb", "mysql")],
                         ids="-".join)
def test_every_write_is_accounted_for(channel, site, schema, engines):
    names = "abc"[:len(engines)]
    sites = {name: site(engine, number) for number, (name, engine) in enumerate(zip(names, engines), 1)}
    lutra = channel(sites, "a <-> b" if len(engines) == 2 else "mesh", conflicts="last-writer-wins")
    failed = []
    for server in sites.values():
        server.sql(HOT, db=schema)
        server.sql("SET GLOBAL binlog_row_metadata=FULL")
        server.sql("FLUSH BINARY LOGS")
    lutra.start()
    crowd = [threading.Thread(target=write, args=(server, schema, f"{name}{i}", failed)) for name, server in sites.items() for i in range(2)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert not failed, failed[0]
    settle(lutra, list(sites.values()), schema)
    logs = {number: conflict_oracle.read_log(lutra.program, server, schema, lutra.name, {"hot": "id"})
            for number, server in enumerate(sites.values(), 1)}
    oracle = conflict_oracle.Oracle(logs)
    wanted = {key: row["v"] for key, row in oracle.rows().items()}
    met = 0
    for number, server in enumerate(sites.values(), 1):
        assert {("hot", key): v for key, v in server.sql("SELECT id, v FROM hot", db=schema)} == wanted
        assert lines(server, lutra.name) == sorted(oracle.met(number))
        met += len(oracle.met(number))
    assert met > 0  # else nothing was tried
