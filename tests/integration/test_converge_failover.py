"""A site of a conflict channel fails over to a replica: file names and places are others, versions stay what they were."""

import contextlib

import conflict_oracle
import pytest
import steps
from lutralab.servers import wait_until
from storm import HOT, Storm
from test_failover import executed, pair


class Standing:
    """The server that stands for a site now: clients come to it, whichever it is."""

    def __init__(self, server):
        self.now = server

    def connect(self, *args, **more):
        return self.now.connect(*args, **more)


@contextlib.contextmanager
def stalled(server):
    """No COMMIT passes meanwhile."""
    with contextlib.closing(server.connect()) as c, c.cursor() as cursor:
        cursor.execute("FLUSH TABLES WITH READ LOCK")
        yield


def hand_over(first, second):
    """The first server dies with writes at its door, and the second, which has all that it let in, is free to be written."""
    with stalled(first):
        wait_until(lambda: executed(second) == executed(first), steps.PATIENCE_S, "the replica to have all", poll_s=0.02)
        first.kill()
    second.sql("STOP SLAVE" if second.engine == "mariadb" else "STOP REPLICA")


class Failover(Storm):
    """Site a is `first`, until hand_over(): then `second`, its replica."""

    def __init__(self, channel, first, second, other, schema, **more):
        wait_until(lambda: executed(second) == executed(first), steps.PATIENCE_S, "the replica to have all", poll_s=0.02)
        super().__init__(channel, {"a": first, "b": other}, schema, **more)
        wait_until(lambda: executed(second) == executed(first), steps.PATIENCE_S, "the replica to have all", poll_s=0.02)
        steps.run_at((second,), schema, HOT)
        self.first, self.second = first, second
        self.sites = {"a": Standing(first), "b": other}

    def stands_in(self):
        self.sites["a"].now = self.servers[0] = self.second

    def logs(self, keys=None):
        """The replica's log has all, too; where the channel began it tells by GTIDs."""
        return {number: conflict_oracle.read_log(self.lutra.program, server, self.schema, self.lutra.name, {"hot": "id"}, by_gtid=server is self.second)
                for number, server in enumerate(self.servers, 1)}


@pytest.fixture
def failover(lab, site, channel, schema):
    @contextlib.contextmanager
    def make(engine, **more):
        with pair(lab, engine, "binlog-row-metadata=FULL") as (first, second):
            yield Failover(channel, first, second, site("mysql" if engine == "mariadb" else "mariadb", 2), schema, **more)
    return make


def both(first, second):
    return {"a": f"127.0.0.1:{first.port},127.0.0.1:{second.port}"}


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_a_replica_that_has_all_stands_in(engine, failover):
    """In the midst of a storm, and Lutra runs on: the url names both servers."""
    with failover(engine) as f:
        text = f.lutra.file.read_text()
        f.lutra.file.write_text(text.replace(f"127.0.0.1:{f.first.port}", both(f.first, f.second)["a"]))
        f.lutra.start()
        with f.clients(pause_s=0.005) as clients:
            clients.go_on()
            hand_over(f.first, f.second)
            f.stands_in()
            clients.go_on()
            f.second.sql("FLUSH BINARY LOGS")
            clients.go_on()
            f.lutra.kill()
            f.lutra.start()
            clients.go_on()
            clients.stop()
        f.ends_well()


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_the_address_of_a_replica_is_given(engine, failover):
    """While Lutra is away; it comes back with much that was neither sent nor applied."""
    with failover(engine) as f:
        f.lutra.start()
        with f.clients(pause_s=0.005) as clients:
            clients.go_on()
            f.lutra.kill()
            clients.go_on()
            hand_over(f.first, f.second)
            f.stands_in()
            clients.go_on()
            f.lutra.file.write_text(f.lutra.file.read_text().replace(f"127.0.0.1:{f.first.port}", f"127.0.0.1:{f.second.port}"))
            f.lutra.start()
            clients.go_on()
            clients.stop()
        f.ends_well()
