"""Every rule that can be switched off, and where that is seen: a workload, and the seeds of which one must fail.

How many of a hundred seeds fail stands in REPORT.md; the numbers here are four times what is expected then, and more."""

import collections

from .config import Config

Switch = collections.namedtuple("Switch", "off workload seeds")


def switch(seeds, *off, **workload):
    return Switch(dict.fromkeys(off, False), workload, range(seeds))


SWITCHES = {
    "the fence": switch(12, "fence"),
    "the fence at the end of the log, not at what is told after the locks are free": switch(90, "fence_at_end", sites=3),
    "the hybrid clock": switch(6, "hybrid_clock"),
    "equal clocks decided by the origin": switch(60, "tie_break", shape="ties", skew=0, jumps=False, lies=False),
    "tombstones": switch(8, "tombstones"),
    "invisible wins": switch(20, "invisible_wins"),
    "insert-first": switch(24, "insert_first"),
    "the marker": switch(4, "marker", shape="calm"),
    "the epoch check": switch(120, "epoch", shape="storm"),
    "autocommit=0": switch(24, "autocommit_off", sites=3),
    "commits in the source's order": switch(16, "commit_order"),
    "later groups let go when the first waits (R4)": switch(16, "give_way"),
    "a free lane for the first group that has none": switch(16, "lanes_in_order", shape="bulk", deadlock=0.4),
    "versions of each transaction in the mark": switch(10, "group_versions", sites=3, shape="bulk"),
    "the list of operations in the mark, counters": switch(120, "operation_list", policy="counter", shape="tides"),
    "the list of operations in the mark, columns": switch(400, "operation_list", policy="column", shape="tides"),
    "greatest and least only among those that had not seen each other": switch(5, "causal_max", policy="maximum"),
    "versions of rows in the way of parked ones kept": switch(12, "pins", policy="unique", shape="claims"),
    "those versions in checkpoints and marks": switch(12, "stored_pins", policy="unique", shape="claims"),
    "all competing rows locked": switch(40, "component_locks", "value_locks", policy="unique", shape="claims", sites=3),
    "the checkpoint's clock": switch(8, "checkpoint_clock", shape="tides"),
    "the checkpoint's last heartbeat": switch(10, "checkpoint_beat", shape="tides"),
    "checkpoints used by vector, not by what was sent": switch(90, "checkpoint_vector", shape="tides", sites=3),
    "forgetting by vector, not by clock": switch(12, "forget_by_vector", shape="tides"),
    "stamps held to the last heartbeat (R20)": switch(5, "clamp", shape="calm"),
    "no time from a server whose clock is off": switch(24, "heartbeat_guard", shape="calm", big_jumps=True),
    "connections put in order again": switch(8, "reassemble", shape="calm"),
    "a reader that never waits for peers (R21)": switch(4, "two_cursors", shape="narrow"),
    "the check of the log's history (R13)": switch(60, "history_check", shape="calm", lost_tail=True),
    "what a lost tail had is given back": switch(70, "give_back", shape="calm", lost_tail=True),
    "acknowledgements lowered after a lost tail": switch(80, "lower_acks", shape="tides", lost_tail=True),
    "before images not compared of what is given back": switch(400, "spare_given", shape="calm", lost_tail=True),
    "the old incarnation before the new": switch(240, "old_first", shape="tides", lost_tail=True),
}
NOT_MISSED = {  # by no seed, or rules that are not needed: see ADR 33, and the cases by hand in test_model.py
    "unique values locked before it is decided": switch(100, "value_locks", policy="unique", sites=3, shape="claims"),
    "transactions of the far future held": switch(100, "hold", "heartbeat_guard", shape="calm", big_jumps=True),
    "what is yet to be given back bounds forgetting (a case by hand misses it)": switch(100, "claim_given", shape="tides", lost_tail=True),
    "the list of operations in the mark, trusted sites, 3 sites (a case by hand misses it)": switch(
        100, "operation_list", policy="home", shape="tides", sites=3),
    "the list of operations in the mark, trusted sites, 2 sites": switch(100, "operation_list", policy="home", shape="tides"),
    "checkpoints used by vector, 2 sites": switch(100, "checkpoint_vector", shape="tides"),
    "versions of each transaction in the mark, 2 sites": switch(100, "group_versions", shape="bulk"),
}


def cases(entry):
    """(with the rule, without it)"""
    config = Config(**entry.workload)
    return config, config.with_(**entry.off)
