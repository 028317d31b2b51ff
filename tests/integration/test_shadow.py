"""A shadow: one way, and what two ways would have met is told. Not beside test_conflict_log.py, whose channel lives on at these servers to that file's end."""

import pytest
from lutralab import lutra as lutra_lab
from lutralab.servers import wait_until
from steps import run_at
from test_conflict_log import TABLES, log, show


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_shadow_tells_and_leaves_all_as_ever(site, channel, schema, engine):
    hz, us = site(engine, 1), site(engine, 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us",
                    extra=["conflicts: { policy: last-writer-wins, shadow: yes, heartbeat: 30s, max-skew: 10m }"])
    lutra_lab.create_user(us, [schema])  # its log is read, too
    run_at((hz, us), schema, *TABLES)
    lutra.start()
    hz.sql("INSERT INTO t (id, v) VALUES (1, 'base'), (2, 'base'), (3, 'base')", db=schema)
    lutra.wait()

    def observed():
        return lutra.status()["channels"][0]["sites"][0]
    wait_until(lambda: observed()["read_position"]["file"] and observed()["error"] is None, 60, "the target's log to be read")
    before = observed()["local"]
    lutra.command("pause", "hz->us")
    us.sql("UPDATE t SET v = 'theirs' WHERE id = 1", db=schema)
    us.sql("DELETE FROM t WHERE id = 3", db=schema)
    wait_until(lambda: observed()["local"] == before + 2, 60, "the target's writes to be read")
    hz.sql("UPDATE t SET v = 'ours' WHERE id IN (1, 2)", db=schema)
    lutra.command("resume", "hz->us")
    lutra.wait()
    hz.sql("UPDATE t SET n = 1 WHERE id = 1", db=schema)  # meets what the source wrote itself
    lutra.wait()

    assert sorted(us.sql("SELECT * FROM t", db=schema)) == [(1, "ours", 1), (2, "ours", 0)], "the target is as without a shadow"
    line, = log(lutra)
    assert (line["site"], line["key"], line["operation"], line["met"]) == ("us", {"id": 1}, "update", "update")
    assert line["version"]["site"] == "hz" and line["other"]["site"] == "us"
    assert line["won"] == (line["version"]["time"] > line["other"]["time"])
    told = show(lutra, line["id"])
    assert (told["before"]["v"], told["after"]["v"], told["found"]["v"], told["now"]["v"]) == ("base", "ours", "theirs", "ours")
    assert observed()["conflicts"] == 1
    assert not hz.sql("SHOW DATABASES LIKE 'lutra'"), "something was written at the source"
