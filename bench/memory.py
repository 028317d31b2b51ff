"""memory: the peak while a transaction of several times the memory is applied, and what an idle channel costs."""

import os
import pathlib
import re
import time

from common import Lab, figure, say
from lutralab.lutra import Lutra, create_user

SIZE_MB = int(os.environ.get("BENCH_MB", "2048"))
IDLE_S = 30
MEMORY = 256 << 20
ROW_BYTES, DIGITS = 4096, 4


def peak(pid):
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def create(server):
    server.script(["CREATE DATABASE bench", "USE bench", "CREATE TABLE digit (d INT PRIMARY KEY)",
                   "INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
                   "CREATE TABLE large (id INT PRIMARY KEY, v INT, b LONGTEXT)"])
    create_user(server, ["bench"])


def fill(server):
    """One transaction; the bytes that its log takes."""
    tables = ", ".join(f"digit d{i}" for i in range(DIGITS))
    number = " + ".join(f"d{i}.d * {10 ** i}" for i in range(DIGITS))
    step = 10 ** DIGITS
    with server.connect("bench") as c, c.cursor() as cursor:
        cursor.execute("BEGIN")
        for first in range(0, SIZE_MB * (1 << 20) // ROW_BYTES, step):
            cursor.execute(f"INSERT INTO large SELECT {first} + {number}, 0, REPEAT(CHAR(97 + d0.d), {ROW_BYTES}) FROM {tables}")
        c.commit()
    return sum(int(row[1]) for row in server.sql("SHOW BINARY LOGS"))


def run():
    with Lab() as lab:
        source, target = lab.start("mariadb", 1), lab.start("mariadb", 2)
        for server in (source, target):
            create(server)
        lutra = Lutra(lab.folder / "lutra", {"a": source, "b": target}, "a <-> b", ["bench.large"], extra=[f"memory: {MEMORY}"]).start()
        lutra.wait()
        before = cpu_s(lutra.pid)
        time.sleep(IDLE_S)
        figure("memory.idle.cpu", [(cpu_s(lutra.pid) - before) / IDLE_S * 100], [0.1], 1, "% of a CPU", "a limit of 0.1 %", better="less")
        began = time.monotonic()
        logged = fill(source)
        say(f"one transaction of {logged >> 20} MB in the log, written in {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        lutra.wait(timeout_s=1800)
        rows = [server.sql("SELECT COUNT(*), SUM(CRC32(b)) FROM large", db="bench") for server in (source, target)]
        if rows[0] != rows[1]:
            raise RuntimeError(f"the ends differ: {rows}")
        say(f"applied and seen in the other log in {time.monotonic() - began:.0f} s, {rows[1][0][0]} rows; {lutra.pipelines()}")
        figure("memory.large", [peak(lutra.pid)], [MEMORY], 1, "bytes", f"`memory` of {MEMORY >> 20} MiB", better="less")
        lutra.stop()
