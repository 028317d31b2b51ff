"""What `lutra status` calls saved is what a source may purge up to, whatever happens to Lutra next."""

import contextlib
import itertools

from conftest import ledger_is, same, whole
from lutralab.servers import wait_until
from lutralab.workload import Workload
from steps import log_end, purge_to


def saved_file(lutra, pipeline):
    return lutra.pipelines()[pipeline]["saved_position"]["file"]


def new_file(server):
    server.sql("FLUSH BINARY LOGS")
    return log_end(server)[0]


def purge_behind(lutra, server, pipeline, newest):
    """Purge all that is not needed once that file is reached."""
    # Progress without rows is written every 10 s at most.
    wait_until(lambda: saved_file(lutra, pipeline) == newest, 60, f"{pipeline} to save its place in {newest}", poll_s=0.1)
    purge_to(server, newest)


def test_a_site_without_writes_of_its_own_may_purge_its_log(site, channel, schema):
    """Its log holds nothing but what Lutra applied there, which is never worth a write; a new file is. Of each engine at once, for it takes long."""
    pairs = [(site("mariadb", 1), site("mysql", 2)), (site("mysql", 1), site("mariadb", 2))]
    lutras = [channel({"hz": hz, "us": us}, "hz <-> us").start() for hz, us in pairs]
    with whole(schema, *itertools.chain(*pairs)):
        for (hz, _), lutra in zip(pairs, lutras):
            Workload(hz, schema, site=1, clients=2, seed=51, limit=40).start().join()
            lutra.wait()
        with contextlib.ExitStack() as stack:
            loads = [stack.enter_context(Workload(hz, schema, site=1, clients=2, seed=52, pause_s=0.05)) for hz, _ in pairs]
            files = [new_file(us) for _, us in pairs]
            for (_, us), lutra, file in zip(pairs, lutras, files):
                purge_behind(lutra, us, "us->hz", file)
                lutra.kill()

        for lutra in lutras:
            lutra.start()
        for load in loads:
            load.stop()
        backs = [Workload(us, schema, site=2, clients=1, seed=53, limit=20).start().join() for _, us in pairs]
        for lutra in lutras:
            lutra.wait()
    for (hz, us), load, back in zip(pairs, loads, backs):
        same(hz, us, schema)
        ledger_is(hz, schema, load.expected_ledger() | back.expected_ledger())


def test_saved_is_never_ahead_of_what_is_durable(site, channel, schema):
    """Transactions that concern nothing mapped move the applied position; a kill right then must not lose what was purged."""
    hz, us = site("mysql", 1), site("mariadb", 2)
    lutra = channel({"hz": hz, "us": us}, "hz -> us", tables=[f"{schema}.ledger"]).start()
    for number in range(3):
        hz.sql("FLUSH BINARY LOGS")
        hz.sql(f"INSERT INTO account VALUES ({number}, 0)", db=schema)
        newest = log_end(hz)[0]
        wait_until(lambda: lutra.pipelines()["hz->us"]["applied_position"]["file"] == newest, 60, "the log to be read", poll_s=0.05)
        hz.sql(f"PURGE BINARY LOGS TO '{saved_file(lutra, 'hz->us')}'")
        lutra.kill()
        lutra.start()

    hz.sql("INSERT INTO ledger VALUES (7)", db=schema)
    lutra.wait()
    ledger_is(us, schema, {7})
