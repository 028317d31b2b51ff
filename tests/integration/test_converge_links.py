"""Sites that write the same rows, while links are cut, logs rotate and go, and both links are full: they end equal."""

import contextlib
import shutil
import threading

import pytest
import steps
from faults.disk import Net
from lutralab.relay import Relay
from lutralab.servers import Unavailable, wait_until
from storm import HOT, QUICK, Storm

ENGINES = ("mariadb", "mysql")
CUT = ("E3015", "E2001", "E2000")


def two(site):
    return {name: site(engine, number) for number, (name, engine) in enumerate(zip("ab", ENGINES), 1)}


# -- links -----------------------------------------------------------------------------------------------------------------------------

@pytest.fixture
def linked(site, channel, schema):
    """(storm, {site: its link}): Lutra in a network namespace of its own, a link to each site."""
    with contextlib.ExitStack() as stack:
        sites, nets = two(site), {}
        try:
            for name in sites:
                nets[name] = Net(of=nets.get("a"))
                stack.callback(nets[name].close)
        except Unavailable as e:
            pytest.skip(str(e))
        relays = {name: stack.enter_context(Relay("127.0.0.1", server.port, nets[name].here)) for name, server in sites.items()}
        s = Storm(channel, sites, schema, urls={name: f"{r.host}:{r.port}/?connect-timeout=2&ssl-mode=DISABLED" for name, r in relays.items()},
                  prefix=nets["a"].prefix)
        yield s, nets
        s.lutra.kill()


@pytest.mark.parametrize("how", ["both ways", "from Lutra", "to Lutra"])
def test_link_to_one_site_cut(how, linked):
    s, nets = linked
    s.lutra.start()
    with s.clients(pause_s=0.01) as clients:
        clients.go_on()
        begin = steps.log_size(s.lutra)
        with nets["b"].cut() if how == "both ways" else nets["b"].deaf(how == "to Lutra"):
            steps.met(s.lutra, begin, CUT)
        clients.go_on()
        clients.stop()
    s.ends_well()


# -- logs ------------------------------------------------------------------------------------------------------------------------------

def needed(server, channel):
    """The oldest file that a checkpoint stands in."""
    return server.sql("SELECT MIN(file) FROM lutra.checkpoint WHERE channel=%s", (channel,))[0][0]


def test_logs_rotate(site, channel, schema):
    s = Storm(channel, two(site), schema)
    s.lutra.start()
    with s.clients(pause_s=0.005) as clients:
        for i in range(12):
            clients.go_on(5)
            for server in s.servers:
                server.sql("FLUSH BINARY LOGS")
            if i % 4 == 3:
                s.lutra.kill()
                s.lutra.start()
        clients.stop()
    s.ends_well()


def test_logs_are_purged_up_to_what_checkpoints_need(site, channel, schema):
    """The oracle keeps what goes."""
    s = Storm(channel, two(site), schema, conflicts=QUICK)
    s.lutra.start()
    first = [steps.log_end(server)[0] for server in s.servers]

    def purge():
        for server in s.servers:
            server.sql("FLUSH BINARY LOGS")
        to = [needed(server, schema) for server in s.servers]
        if any(server.sql("SHOW BINARY LOGS")[0][0] < file for server, file in zip(s.servers, to)):
            s.keep_logs()
        for server, file in zip(s.servers, to):
            server.sql("PURGE BINARY LOGS TO %s", (file,))
        return all(server.sql("SHOW BINARY LOGS")[0][0] > file for server, file in zip(s.servers, first))
    with s.clients(pause_s=0.01) as clients:
        wait_until(purge, steps.PATIENCE_S, "logs that were needed to be so no longer", poll_s=0.2)
        s.lutra.kill()
        s.lutra.start()
        clients.go_on()
        clients.stop()
    s.ends_well()


def test_a_log_that_is_gone_is_told(site, channel, schema):
    """And the way on, as the guide has it: one site is copied over the others, and the channel begins anew."""
    s = Storm(channel, two(site), schema)
    a, b = s.servers
    s.lutra.start()
    with s.clients(limit=20) as clients:
        clients.join()
    s.lutra.wait()
    s.lutra.kill()
    steps.transaction(a, schema, "REPLACE INTO hot VALUES (1, 'gone')")
    steps.purge_all(a)
    s.lutra.start(wait=False)
    assert "A long outage" in steps.stopped(s.lutra, "a->b", ("E3010", "E6030"))["hint"]
    assert s.lutra.stop() == 0
    copy = ", ".join(f"({key}, '{v}')" for key, v in a.sql("SELECT id, v FROM hot", db=schema))
    steps.run_at((b,), schema, "DELETE FROM hot", f"INSERT INTO hot VALUES {copy}")
    for server in s.servers:
        server.sql("DROP DATABASE lutra")
    shutil.rmtree(s.lutra.data)
    s.lutra.start()
    with s.clients(limit=20) as clients:
        clients.join()
    s.settle()
    s.is_equal()
    s.is_silent()


# -- both links full -------------------------------------------------------------------------------------------------------------------

WIDE = "CREATE TABLE wide (id INT PRIMARY KEY, b MEDIUMTEXT) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"


def test_r21_links_that_are_full_in_both_directions_drain(site, channel, schema):
    """Ten times what the queues hold lies at each site. Each fence waits for the site's own log to be read to its end, behind all of that: were it
    read by who also sends it, through a queue that is full because the peer's loader waits at its own fence, both would wait for ever."""
    s = Storm(channel, two(site), schema, tables=(HOT, WIDE), extra=["memory: 3M"])
    s.lutra.start()
    s.lutra.wait()
    assert s.lutra.stop() == 0

    def fill(server, name):
        for i in range(60):
            steps.transaction(server, schema, f"REPLACE INTO wide VALUES ({i % 20}, REPEAT('{name}', 300000))",
                              f"REPLACE INTO hot VALUES ({i % 6}, '{name}{i}')")
    threads = [threading.Thread(target=fill, args=(server, name)) for name, server in s.sites.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    s.lutra.start()
    s.settle()
    s.is_equal()
    s.is_silent()
