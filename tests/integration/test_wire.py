"""Our own client (src/mysql) against real servers: every login, TLS mode and transport, and the line under stress."""

import os
import socket
import subprocess
import threading

import pymysql
import pytest
from lutralab import lutra as lutra_lab
from lutralab.certs import Authority
from lutralab.servers import Unavailable, fetched, wait_until

ENGINES = ["mariadb", "mysql"]
MARIADBS = ["mariadb", "mariadb-11.8"]
EVERY = [*ENGINES, "mariadb-11.8"]
DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY = range(5)
PASSWORD = "ge heim'\"\\ü"


def program():
    path = lutra_lab.binary().parent / "tests/integration/client/wire"
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return str(path)


def argv(case, **keys):
    return [program(), case, *(f"{k}={v}" for k, v in keys.items())]


def wire(case, env=None, **keys):
    """Run one case; its output."""
    run = subprocess.run(argv(case, **keys), capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.strip()


@pytest.fixture(scope="module")
def keys(lab):
    """A CA, a server certificate for 127.0.0.1 and db.test, a client's, and another CA that signed none of them."""
    folder = lab.folder / "keys"
    folder.mkdir()
    ca = Authority(folder, "ca")
    Authority(folder, "other")
    ca.sign("server", "IP:127.0.0.1,DNS:db.test")
    ca.sign("client", "DNS:client.test")
    return folder


def methods(engine):
    """{user: how it is made}"""
    quoted = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    if engine == "mysql":
        return {
            "sha2": f"IDENTIFIED WITH caching_sha2_password BY '{quoted}'",
            "sha2_empty": "IDENTIFIED WITH caching_sha2_password BY ''",
            "sha2_x509": f"IDENTIFIED WITH caching_sha2_password BY '{quoted}' REQUIRE X509",
            "sha2_subject": f"IDENTIFIED WITH caching_sha2_password BY '{quoted}' REQUIRE SUBJECT '/CN=client'",
            "sha256": f"IDENTIFIED WITH sha256_password BY '{quoted}'",
            "sha256_empty": "IDENTIFIED WITH sha256_password BY ''",
        }
    made = {
        "native": f"IDENTIFIED VIA mysql_native_password USING PASSWORD('{quoted}')",
        "native_empty": "IDENTIFIED VIA mysql_native_password USING PASSWORD('')",
        "native_x509": f"IDENTIFIED VIA mysql_native_password USING PASSWORD('{quoted}') REQUIRE X509",
        "native_subject": f"IDENTIFIED VIA mysql_native_password USING PASSWORD('{quoted}') REQUIRE SUBJECT '/CN=client'",
        "ed25519": f"IDENTIFIED VIA ed25519 USING PASSWORD('{quoted}')",
    }
    if engine == "mariadb-11.8":
        return {"parsec": f"IDENTIFIED VIA parsec USING PASSWORD('{quoted}')"}
    return made


@pytest.fixture(scope="module")
def server(lab, keys):
    """server(engine): with our certificate, an account for each login method, and schema wire."""
    made = {}

    def get(engine):
        if engine not in made:
            one = _server(lab, keys, engine)
            made[engine] = one
        return made[engine].start()

    return get


def plugins(engine):
    """Options under which client_ed25519 and parsec can be had."""
    if engine == "mariadb-11.8":
        return [f"plugin-dir={fetched(engine)}/root/usr/lib/mysql/plugin"]
    try:
        return [f"plugin-dir={fetched('mariadb-plugins')}/plugin"] if engine == "mariadb" else []
    except Unavailable:
        return []


def _server(lab, keys, engine):
    try:
        one = lab.server(engine, 9, f"ssl-ca={keys}/ca.pem", f"ssl-cert={keys}/server.pem", f"ssl-key={keys}/server.key",
                         "max-allowed-packet=64M", *plugins(engine), name=f"wire-{engine}").start()
    except Unavailable as e:
        pytest.skip(str(e))
    users = methods(engine)
    if engine == "mariadb-11.8":
        one.sql("INSTALL SONAME 'auth_parsec'")
    if engine == "mariadb":
        try:
            one.sql("INSTALL SONAME 'auth_ed25519'")
        except pymysql.err.MySQLError:
            del users["ed25519"]
    for user, how in users.items():
        one.sql(f"CREATE USER {user} {how}")
    one.sql("CREATE USER wire IDENTIFIED BY ''")
    one.sql("GRANT ALL ON *.* TO wire")
    one.sql("CREATE DATABASE wire")
    one.users = users
    return one


def where(one, transport, keys):
    ssl = {"tcp": DISABLED, "tcp+preferred": PREFERRED, "tcp+required": REQUIRED, "tcp+ca": VERIFY_CA,
           "tcp+identity": VERIFY_IDENTITY, "socket": PREFERRED, "socket+required": REQUIRED}[transport]
    at = {"socket": one.socket} if transport.startswith("socket") else {"host": "127.0.0.1", "port": one.port}
    return {**at, "ssl": ssl, "ca": keys / "ca.pem", "cert": keys / "client.pem", "key": keys / "client.key"}


TRANSPORTS = {"tcp": False, "tcp+preferred": True, "tcp+required": True, "tcp+ca": True, "tcp+identity": True,
              "socket": False, "socket+required": True}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("user", [u for e in EVERY for u in methods(e)])
def test_login(user, transport, server, keys):
    engine = next(e for e in EVERY if user in methods(e))
    one = server(engine)
    if user not in one.users:
        pytest.skip(f"{engine} has no {user} plug-in (tools/get-server.sh mariadb-plugins)")
    if engine == "mysql":
        one.sql("FLUSH PRIVILEGES")  # empties the cache of caching_sha2: the first login takes the long way
    password = "" if user.endswith("_empty") else PASSWORD
    tls = TRANSPORTS[transport]
    for _ in range(2):
        said = wire("login", user=user, password=password, **where(one, transport, keys))
        if user.endswith(("_x509", "_subject")) and not tls:
            assert said.startswith("AUTH_DENIED 1045 ")
            continue
        words = said.split()
        assert words[:4] == ["ok", f"{user}@%", "utf8mb4", "utf8mb4"], said
        assert (words[4] != "tls=") == tls
        assert words[5] == f"flavor={int(engine != 'mysql')}"
    refused = wire("login", user=user, password="wr" + PASSWORD, **where(one, transport, keys))
    assert refused.startswith("AUTH_DENIED 1045 ")
    assert PASSWORD not in refused


@pytest.mark.parametrize("engine, user", [("mariadb", "native"), ("mysql", "sha2")])
def test_a_client_certificate_must_be_the_one_that_the_account_names(engine, user, server, keys):
    one = server(engine)
    here = {"password": PASSWORD, "host": "127.0.0.1", "port": one.port, "ssl": REQUIRED}
    other = {"cert": keys / "server.pem", "key": keys / "server.key"}
    assert wire("login", user=f"{user}_x509", **here, **other).startswith("ok ")
    assert wire("login", user=f"{user}_subject", **here, **other).startswith("AUTH_DENIED 1045 ")
    for kind in ("x509", "subject"):
        assert wire("login", user=f"{user}_{kind}", **here).startswith("AUTH_DENIED 1045 ")


def test_certificates_are_checked_as_the_mode_says(server, keys):
    one = server("mariadb")
    here = {"user": "native", "password": PASSWORD, "port": one.port}
    named = {**here, "host": "localhost", "ca": keys / "ca.pem"}
    other = {**here, "host": "127.0.0.1", "ca": keys / "other.pem"}
    assert wire("login", ssl=VERIFY_CA, **named).startswith("ok ")
    assert wire("login", ssl=VERIFY_IDENTITY, **named).startswith("TLS 0 the server's certificate is refused: hostname mismatch")
    assert wire("login", ssl=REQUIRED, **other).startswith("ok ")
    assert wire("login", ssl=VERIFY_CA, **other).startswith("TLS 0 the server's certificate is refused: ")
    assert wire("login", ssl=VERIFY_CA, host="127.0.0.1", **here).startswith("TLS 0 the server's certificate is refused: ")
    assert wire("login", ssl=REQUIRED, host="127.0.0.1", **here, ca=keys / "none.pem").startswith("TLS 0 cannot use ssl-ca")
    assert wire("login", ssl=REQUIRED, host="127.0.0.1", **here, cert=keys / "client.pem", key=keys / "server.key").startswith("TLS 0 cannot use ssl-key")


def test_tls_that_is_asked_for_is_never_left_out(site):
    one = site("mariadb", 1)
    assert wire("login", ssl=REQUIRED, socket=one.socket).startswith("TLS_UNAVAILABLE ")
    assert wire("login", ssl=PREFERRED, host="127.0.0.1", port=one.port).startswith("ok ")


CASES = ["pipeline", "flood", "large", "border", "types", "rows", "cancel", "timeout", "kill"]


@pytest.mark.parametrize("transport", ["socket", "tcp", "tcp+required"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ENGINES)
def test_case(engine, case, transport, server, keys):
    one = server(engine)
    assert wire(case, user="wire", **where(one, transport, keys)) == "ok"


@pytest.mark.parametrize("zip_", [0, 2])
@pytest.mark.parametrize("transport", ["socket", "tcp+required"])
@pytest.mark.parametrize("engine", MARIADBS)
def test_bulk(engine, transport, zip_, server, keys):
    one = server(engine)
    assert wire("bulk", user="wire", zip=zip_, **where(one, transport, keys)) == "ok"


@pytest.mark.parametrize("transport", ["socket", "tcp+required"])
@pytest.mark.parametrize("engine", EVERY)
def test_a_server_that_ends_the_connection_for_inactivity_is_a_lost_link(engine, transport, server, keys):
    one = server(engine)
    assert wire("inactive", user="wire", **where(one, transport, keys)) == "ok"


@pytest.mark.parametrize("transport", ["socket", "tcp+required"])
@pytest.mark.parametrize("engine", EVERY)
def test_a_server_that_ends_in_order_is_a_lost_link_or_a_busy_server(engine, transport, server, keys):
    one = server(engine)
    with subprocess.Popen(argv("shutdown", user="wire", **where(one, transport, keys)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "ready\n"
        wait_until(lambda: one.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(1000%%'")[0][0], 60, "the query")
        one.stop()
        out, _ = run.communicate("go\n", timeout=60)
    assert (run.returncode, out) == (0, "ok\n")
    one.start()


NONE, ZLIB, ZSTD = 1, 2, 4
ZIPS = [(e, "zlib", ZLIB) for e in EVERY] + [("mysql", "zstd", ZSTD)]


@pytest.mark.parametrize("transport", ["socket", "tcp+required"])
@pytest.mark.parametrize("case", [*CASES, "dump"])
@pytest.mark.parametrize("engine, name, zip_", ZIPS)
def test_case_compressed(engine, name, zip_, case, transport, server, keys):
    one = server(engine)
    assert wire(case, user="wire", zip=zip_, **where(one, transport, keys)) == "ok"


@pytest.mark.parametrize("engine", EVERY)
def test_compression_is_the_best_of_what_both_sides_allow(engine, server, keys):
    one = server(engine)
    zstd = engine == "mysql"

    def said(bits):
        return wire("login", user="wire", zip=bits, **where(one, "tcp", keys))

    assert " zip=0 " in said(0) and " zip=0 " in said(NONE)
    assert " zip=1 " in said(NONE | ZLIB) and " zip=1 " in said(ZLIB)
    assert (" zip=2 " if zstd else " zip=1 ") in said(ZSTD | ZLIB)
    assert (" zip=2 " if zstd else " zip=0 ") in said(ZSTD | NONE)
    assert said(ZSTD).startswith("ok " if zstd else "COMPRESSION 0 server ")


@pytest.mark.parametrize("transport", ["socket", "tcp", "tcp+required"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_killed_server_is_a_lost_link(engine, transport, server, keys):
    one = server(engine)
    with subprocess.Popen(argv("killed", user="wire", **where(one, transport, keys)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "ready\n"
        one.kill()
        out, _ = run.communicate("go\n", timeout=60)
    assert (run.returncode, out) == (0, "ok\n")
    one.start()


def test_too_many_connections_are_said_so(server, keys):
    one = server("mysql")
    one.sql("CREATE USER IF NOT EXISTS plain IDENTIFIED BY 'x'")
    before = one.sql("SELECT @@max_connections")[0][0]
    held = [one.connect(), one.connect()]  # before the limit, lest others that are just closing count
    try:
        # One more than the limit is let in, for the administrator.
        held[0].query("SET GLOBAL max_connections = 2")
        said = wire("login", user="plain", password="x", host="127.0.0.1", port=one.port)
    finally:
        held[0].query(f"SET GLOBAL max_connections = {before}")  # by one that is in: nobody knows when the others are gone
        for c in held:
            c.close()
    assert said.startswith("SERVER_BUSY 1040 "), said


@pytest.fixture
def peer():
    """peer(bytes): a port that says these bytes to whoever comes, and closes; None holds the line in silence."""
    listeners = []

    def make(words):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            c, _ = listener.accept()
            with c:
                if words is not None:
                    c.sendall(words)
                    c.shutdown(socket.SHUT_WR)
                while c.recv(4096):
                    pass

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    yield make
    for one in listeners:
        one.close()


@pytest.mark.parametrize("words, code", [
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", "NOT_MYSQL"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "NOT_MYSQL"),
    (b"\x05\x00\x00\x00\x0b\x08\x05\x1a\x00", "NOT_MYSQL"),  # MySQL's X protocol
    (b"\x01\x00\x00\x00\x09", "NOT_MYSQL"),
    (b"\x02\x00\x00\x00\x0a1", "PROTOCOL"),
    (b"", "LINK_LOST"),
    (b"\x10\x00", "LINK_LOST"),
    (b"\x17\x00\x00\x00\xff\x10\x04Too many connections", "SERVER_BUSY"),
])
def test_what_is_no_mysql_server(words, code, peer):
    assert wire("login", host="127.0.0.1", port=peer(words)).split()[0] == code


def test_a_silent_peer_ends_with_the_time_limit(peer):
    assert wire("login", host="127.0.0.1", port=peer(None), connect_timeout=100).startswith("CONNECT ")


def test_where_nobody_listens(lab):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        assert wire("login", host="127.0.0.1", port=s.getsockname()[1]).startswith("CONNECT 0 cannot connect to 127.0.0.1:")
    assert wire("login", socket=lab.folder / "nobody").startswith("CONNECT 0 cannot connect to ")
    assert wire("login", socket="/" + "x" * 200).startswith("CONNECT 0 the socket's path is longer")
    briefly = {"RES_OPTIONS": "timeout:1 attempts:1"}  # where no name server answers
    assert wire("login", briefly, host="no.such.host.invalid").startswith("CONNECT 0 cannot find host no.such.host.invalid")
