"""link: catching up over a link with a round trip of 20 ms between Lutra and the target, against the same without a delay."""

from apply import TRANSACTIONS, rates
from catchup import Backlog
from common import RUNS, Lab, create, figure, fill, say
from lutralab.link import late as link

DELAY_MS = 10  # each way


def run():
    with Lab() as lab:
        say(f"link: filling {TRANSACTIONS} transactions")
        backlog = Backlog(lab, create, lambda source: fill(source, TRANSACTIONS))
        target = backlog.target()
        for bench, extra in (("apply.link", ()), ("apply.link.writers", ("writers: 4",))):
            ours, peer, memory = [], [], []
            with link(target, 0) as near, link(target, DELAY_MS) as far:
                for i in range(RUNS):
                    peer.append(backlog.ours(target, extra, through=near)[0])
                    took, peak = backlog.ours(target, extra, through=far)
                    say(f"{bench} run {i + 1} of {RUNS}: {peer[-1]:.1f} s at 0 ms, {took:.1f} s at {2 * DELAY_MS} ms, {peak >> 20} MB")
                    ours.append(took)
                    memory.append(peak)
            figure(bench, rates(ours), rates(peer), 0.8, "transactions/s", "itself through the same relay at 0 ms")
            figure(f"memory.{bench}", memory, [64 << 20] * RUNS, 1, "bytes", "a limit of 64 MiB", better="less")
