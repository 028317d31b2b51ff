"""decode: `lutra binlog dump` of a file against mariadb-binlog, both reading the same log from the page cache."""

import os

from common import RUNS, Lab, binary, child, create, figure, fill, say

TRANSACTIONS = int(os.environ.get("BENCH_TRANSACTIONS", "250000"))


def run():
    with Lab() as lab:
        server = lab.start("mariadb", 1, "binlog-annotate-row-events=OFF", "max-binlog-size=1G")
        create(server)
        server.sql("FLUSH BINARY LOGS")
        say(f"filling {TRANSACTIONS} transactions")
        fill(server, TRANSACTIONS)
        name = server.sql("SHOW MASTER STATUS")[0][0]
        server.sql("FLUSH BINARY LOGS")  # closes the file: no in-use flag
        log = server.data / name if (server.data / name).exists() else next(server.folder.rglob(name))
        rows = 4 * TRANSACTIONS
        peer_argv = ["mariadb-binlog", "-vv", "--base64-output=decode-rows", log]
        sides = {"decode.rows": [binary(), "binlog", "dump", log], "decode.values": [binary(), "binlog", "dump", "--count", log]}
        child(peer_argv)
        peer, ours, memory = [], {k: [] for k in sides}, {k: [] for k in sides}
        for i in range(RUNS):
            say(f"run {i + 1} of {RUNS}")
            peer.append(rows / child(peer_argv)[0])
            for bench, argv in sides.items():
                wall, _, peak = child(argv)
                ours[bench].append(rows / wall)
                memory[bench].append(peak)
        for bench, goal in (("decode.rows", 8), ("decode.values", 25)):
            figure(bench, ours[bench], peer, goal, "rows/s", "mariadb-binlog -vv")
        figure("decode.memory", memory["decode.values"], [16 << 20] * RUNS, 1, "bytes", "a limit of 16 MiB", better="less")
