"""Every rule that can be switched off, and where that is seen: a workload, and how many seeds one expects to need."""

import collections

from .config import Config

# off: the setting that switches it off. workload: other settings. seeds: how many are listed (three times what is expected, and more).
Switch = collections.namedtuple("Switch", "off workload seeds")


def switch(name, seeds, **workload):
    return Switch({name: False}, workload, seeds)


SWITCHES = {
    "the fence": switch("fence", 12),
    "the fence from what is told after the locks are free": switch("fence_at_end", 60, sites=3),
    "hybrid clock": switch("hybrid_clock", 5),
    "ties decided by the origin": switch("tie_break", 90, shape="ties"),
    "tombstones": switch("tombstones", 6),
    "invisible wins": switch("invisible_wins", 16),
    "insert-first": switch("insert_first", 20),
    "the marker": switch("marker", 2),
    "the epoch check": switch("epoch", 24, shape="storm"),
    "autocommit=0": switch("autocommit_off", 24, sites=3),
    "commits in order": switch("commit_order", 12),
    "the later ones give way (R4)": switch("give_way", 12),
    "versions of each transaction in the mark": switch("group_versions", 40, sites=3),
}


def cases(name):
    """(with the rule, without it, seeds)"""
    entry = SWITCHES[name]
    config = Config(**entry.workload)
    return config, config.with_(**entry.off), range(entry.seeds)
