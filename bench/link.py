"""link: catching up over a link with a round trip of 20 ms between Lutra and the target, against the same without a delay."""

import contextlib
import subprocess
import sys
import types

from apply import TRANSACTIONS, rates
from catchup import Backlog
from common import CHECKOUT, RUNS, Lab, create, figure, fill, say

DELAY_MS = 10  # each way


@contextlib.contextmanager
def relay(server, delay_ms):
    """What to connect to in the server's place: a process that hands on each byte so much later, either way."""
    process = subprocess.Popen([sys.executable, CHECKOUT / "bench/relay.py", str(server.port), str(delay_ms)], stdout=subprocess.PIPE)
    try:
        yield types.SimpleNamespace(port=int(process.stdout.readline()), engine=server.engine)
    finally:
        process.kill()
        process.wait()


def run():
    with Lab() as lab:
        say(f"link: filling {TRANSACTIONS} transactions")
        backlog = Backlog(lab, create, lambda source: fill(source, TRANSACTIONS))
        target = backlog.target()
        for bench, extra in (("apply.link", ()), ("apply.link.writers", ("writers: 4",))):
            near, far = [], []
            with relay(target, 0) as at_once, relay(target, DELAY_MS) as late:
                for i in range(RUNS):
                    near.append(backlog.ours(target, extra, through=at_once)[0])
                    far.append(backlog.ours(target, extra, through=late)[0])
                    say(f"{bench} run {i + 1} of {RUNS}: {near[-1]:.1f} s at 0 ms, {far[-1]:.1f} s at {2 * DELAY_MS} ms")
            figure(bench, rates(far), rates(near), 0.8, "transactions/s", "itself through the same relay at 0 ms")
