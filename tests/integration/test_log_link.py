"""The link to a source: a twin that takes it away, and a network that swallows what is sent."""

import contextlib
import re
import socket
import struct
import threading
import time

import pytest
from conftest import ledger_is, same
from lutralab.relay import Relay
from lutralab.servers import free_port, wait_until
from steps import PATIENCE_S, column, log_end, log_size, met, own_server, run_at, transaction

COM_BINLOG_DUMP, COM_REGISTER_SLAVE = 0x12, 0x15
ONE_WAY = "hz->us"


def registered(server):
    """(server id, uuid or None) of the one replica that the server knows."""
    rows = server.sql("SHOW SLAVE HOSTS" if server.engine == "mariadb" else "SHOW REPLICAS")
    return (rows[0][0], rows[0][-1] if server.engine == "mysql" else None) if len(rows) == 1 else None


def read_as(server, server_id, uuid):
    """A connection that reads the server's log under this name from its end on."""
    c = server.connect()
    with c.cursor() as cursor:
        for name in ("master_binlog_checksum", "source_binlog_checksum"):
            cursor.execute(f"SET @{name} = 'CRC32'")
        if server.engine == "mariadb":
            cursor.execute("SET @mariadb_slave_capability = 4")
        else:
            cursor.execute(f"SET @replica_uuid = '{uuid}', @slave_uuid = '{uuid}'")
    c._execute_command(COM_REGISTER_SLAVE, struct.pack("<I3xHII", server_id, 0, 0, 0))
    c._read_packet()
    file, pos = log_end(server)
    c._execute_command(COM_BINLOG_DUMP, struct.pack("<IHI", pos, 0, server_id) + file.encode())
    return c


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_twin_is_named_and_reading_goes_on(engine, site, channel, schema):
    """MySQL goes by the uuid, whatever the server id; MariaDB by that."""
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us").start()
    transaction(source, schema, "INSERT INTO ledger VALUES (1)")
    lutra.wait()
    server_id, uuid = wait_until(lambda: registered(source), 60, "one replica")

    def is_named():
        with contextlib.closing(read_as(source, server_id + (engine == "mysql"), uuid)), contextlib.suppress(TimeoutError):
            return wait_until(lambda: "E3012" in lutra.log.read_text(), 5, "E3012")
    wait_until(is_named, PATIENCE_S, "E3012")
    transaction(source, schema, "INSERT INTO ledger VALUES (2)")

    lutra.wait()
    ledger_is(target, schema, {1, 2})


def test_an_event_that_is_slow_to_come_is_no_silence(site, channel, schema):
    """No part of it is late by as much as is borne, all of them together are; and no heartbeat comes in between."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    with Relay("127.0.0.1", source.port) as link:
        lutra = channel({"hz": source, "us": target}, "hz -> us", urls={"hz": f"127.0.0.1:{link.port}/?ssl-mode=DISABLED"})
        for server in (source, target):
            server.script(["SET sql_log_bin=0", "CREATE TABLE b (id INT PRIMARY KEY, v LONGBLOB)"], db=schema)
        lutra.start()
        lutra.wait()
        link.pause_s = 0.8
        transaction(source, schema, "INSERT INTO b VALUES (1, REPEAT('x', 600000))")
        wait_until(lambda: column(target, schema, "SELECT id FROM b"), PATIENCE_S, "the row")
        assert "E3015" not in lutra.log.read_text()


class Seeker(Relay):
    """The server says nothing for a while when it is asked for its log, as one does that looks for a GTID in a large file."""

    seeks = None

    def edit(self, piece, pair, to_server):
        if to_server and piece[4] == COM_BINLOG_DUMP:
            self.seeks = pair
        elif not to_server and pair is self.seeks:
            self.seeks = None
            time.sleep(5)
        return piece


def test_a_server_that_looks_for_a_gtid_is_waited_for(site, channel, schema):
    """MariaDB sends no heartbeats meanwhile."""
    source, target = site("mariadb", 1), site("mariadb", 2)
    with Seeker("127.0.0.1", source.port) as link:
        lutra = channel({"hz": source, "us": target}, "hz -> us", urls={"hz": f"127.0.0.1:{link.port}/?ssl-mode=DISABLED"})
        (gtid,), = source.sql("SELECT @@gtid_binlog_pos")
        lutra.file.write_text(lutra.file.read_text() + f'start: {{ hz: {{ gtid: "{gtid}" }} }}\n')
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
        lutra.start()
        lutra.wait()
        assert "E3015" not in lutra.log.read_text()
    ledger_is(target, schema, {1})


class Swallower:
    """A TCP proxy to a server. Once it is told to, what comes from there on goes nowhere, on connections that are open and on new ones."""

    def __init__(self, port):
        self.port, self._to = free_port(), port
        self.swallow = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                for a, b in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    def _carry(self, a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                if not self.swallow.is_set():
                    b.sendall(data)
        for end in (a, b):  # else a server goes on writing to nobody, and keeps its old logs for that reader
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_link_that_swallows_everything_is_noticed_by_missing_heartbeats(engine, site, channel, schema):
    source, target = site(engine, 1), site("mariadb", 2)
    lutra = channel({"hz": source, "us": target}, "hz -> us")
    with contextlib.closing(Swallower(source.port)) as link:
        lutra.file.write_text(lutra.file.read_text().replace(f":{source.port}\"", f":{link.port}/?connect-timeout=2\""))
        lutra.start()
        transaction(source, schema, "INSERT INTO ledger VALUES (1)")
        lutra.wait()

        begin = log_size(lutra)
        link.swallow.set()
        transaction(source, schema, "INSERT INTO ledger VALUES (2)")
        met(lutra, begin, "E3015")
        link.swallow.clear()

        lutra.wait()
    ledger_is(target, schema, {1, 2})


def test_once_the_start_was_met_mariadb_is_waited_for_no_longer_than_others(lab, site, channel, schema):
    """A source that is never idle sends no heartbeat that could say so; and one domain of the start has not been written to since."""
    with own_server(lab, "mariadb", schema) as source:
        target = site("mariadb", 2)
        lutra = channel({"hz": source, "us": target}, "hz -> us")
        source.script(["SET gtid_domain_id = 9", "INSERT INTO ledger VALUES (-2)"], db=schema)
        source.sql("FLUSH BINARY LOGS")
        source.sql("INSERT INTO ledger VALUES (-1)", db=schema)
        run_at((target,), schema, "INSERT INTO ledger VALUES (-2), (-1)")
        (start,), = source.sql("SELECT @@gtid_binlog_pos")
        assert len(start.split(",")) > 1, start
        over = threading.Event()

        def write():
            with contextlib.closing(source.connect(schema)) as c, c.cursor() as cursor:
                for i in range(1, 1 << 20):
                    cursor.execute("INSERT INTO ledger VALUES (%s)", (i,))
                    c.commit()
                    if over.wait(0.2):
                        return
        writer = threading.Thread(target=write, daemon=True)
        with contextlib.closing(Swallower(source.port)) as link:
            text = lutra.file.read_text().replace(f":{source.port}\"", f":{link.port}/?connect-timeout=2\"")
            lutra.file.write_text(text + f'start: {{ hz: {{ gtid: "{start}" }} }}\n')
            writer.start()
            try:
                lutra.start()
                wait_until(lambda: column(target, schema, "SELECT txn_id FROM ledger WHERE txn_id > 0"), PATIENCE_S, "a row")
                begin = log_size(lutra)
                link.swallow.set()
                met(lutra, begin, "E3015", patience_s=2 * PATIENCE_S)
            finally:
                over.set()
                writer.join()
                link.swallow.clear()
            lutra.wait()
        silent_ms = int(re.search(r"the source sent nothing for (\d+) ms", lutra.log.read_bytes()[begin:].decode())[1])
        assert silent_ms < 30000
        same(source, target, schema)
        lutra.kill()
