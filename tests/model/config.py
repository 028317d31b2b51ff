"""What a run is made of: workload, faults, and the rules that may be switched off."""

import dataclasses

YEARS = 10**9  # a lie of years, in ticks
RULES = {  # policy -> rule of each of the three columns; None: the row is one value
    "row": None,
    "home": None,
    "unique": None,
    "column": ("last", "last", "last"),
    "counter": ("last", "last", "sum"),
    "tally": ("last", "last", "sum"),
    "maximum": ("last", "last", "max"),
    "minimum": ("last", "last", "min"),
    "mixed": ("last", "sum", "max"),
}


@dataclasses.dataclass
class Config:
    """One run, but for its seed. The second half are the switches: each is a rule, and all are on."""

    sites: int = 2
    policy: str = "row"
    shape: str = "mixed"  # a name in SHAPES, or "mixed": the seed chooses
    keys: int = 4
    values: int = 3  # different unique values
    transactions: int = 16  # of users, at each site
    size: int = 3  # most rows in one
    group: int = 50  # most source transactions in one of the target
    lanes: int = 3  # at most; the seed chooses
    window: int = 60  # messages under way on a link
    skew: int = 300
    interval: int = 20  # between heartbeats
    max_skew: int = 2000
    tide: int = 0  # ticks from one time of writing to the next, if not all the time
    flood: int = 160  # how long such a time is
    beats: float = 0.025  # share of a process's steps that are heartbeats
    crash: float = 0.004  # chances of one tick
    reread: float = 0.004
    server: float = 0.001
    cut: float = 0.003
    deadlock: float = 0.02  # chance of a target transaction to be the server's victim
    split: int = 0  # one direction of one pair is cut most of the time. 1: of any pair; 2: from the second site to the last
    bulk: bool = False  # all links are cut while users write: then all comes at once
    coarse: int = 1  # ticks that stamps are rounded to
    jumps: bool = True  # clocks step by up to `skew`
    lies: bool = True  # SET timestamp
    big_jumps: bool = False  # clocks step by years
    lost_tail: bool = False  # one fail-over to a copy that lacks the end of the log

    fence: bool = True  # wait until the reader has passed the end of the log
    fence_at_end: bool = True  # off: the place is taken from what is known only after the locks are free
    hybrid_clock: bool = True
    tie_break: bool = True  # the origin decides between equal clocks
    tombstones: bool = True
    invisible_wins: bool = True  # the mark names keys that were won without a change
    pins: bool = True  # versions of rows in the way of parked rows are not forgotten
    stored_pins: bool = True  # they are in checkpoints and marks
    marker: bool = True
    insert_first: bool = True
    component_locks: bool = True  # all rows that compete for unique values are locked before it is decided
    value_locks: bool = True  # and the values themselves; off: they are locked when they are written
    epoch: bool = True
    autocommit_off: bool = True
    commit_order: bool = True
    lanes_in_order: bool = True  # a free lane goes to the first group that has none
    give_way: bool = True  # R4: later groups let go when the first of the order waits for a lock
    group_versions: bool = True  # each transaction of a group keeps its version in the mark
    operation_list: bool = True
    causal_max: bool = True  # max and min only among operations that had not seen each other
    clamp: bool = True
    heartbeat_guard: bool = True
    hold: bool = True
    checkpoint_clock: bool = True
    checkpoint_beat: bool = True
    checkpoint_vector: bool = True  # off: own transactions received by all is enough
    forget_by_vector: bool = True  # off: by the clock heard from all
    reassemble: bool = True  # what came over several connections is put in order
    two_cursors: bool = True  # off: the reader that feeds the fence waits for peers
    history_check: bool = True
    lower_acks: bool = True  # after a lost tail: peers take back what was acknowledged
    give_back: bool = True
    spare_given: bool = True  # before images of what is given back are not compared
    claim_given: bool = True  # what is yet to be given back bounds forgetting and checkpoints as a peer does
    old_first: bool = True  # the new incarnation is heard after all of the old one

    def with_(self, **changes):
        return dataclasses.replace(self, **changes)


SHAPES = {
    "calm": {},
    "hot": {"keys": 2},
    "tides": {"tide": 900, "beats": 0.05, "reread": 0.008, "cut": 0.001, "keys": 6, "transactions": 20},
    "bulk": {"transactions": 75, "size": 1, "keys": 8, "bulk": True, "window": 200, "cut": 0.0},
    "narrow": {"window": 2, "group": 5},
    "split": {"split": 1, "keys": 2, "tide": 500, "flood": 80, "beats": 0.05, "reread": 0.012, "cut": 0.0003},
    "ranks": {"split": 2, "keys": 1, "size": 1, "tide": 400, "flood": 60, "beats": 0.12, "reread": 0.02, "crash": 0.001, "cut": 0.0},
    "claims": {"tide": 700, "flood": 120, "beats": 0.05, "reread": 0.008, "cut": 0.001, "keys": 8, "values": 4, "transactions": 20},
    "ties": {"coarse": 40, "keys": 2},
    "storm": {"crash": 0.015, "server": 0.006, "keys": 3},
}
MIX = ("calm", "calm", "hot", "tides", "tides", "bulk", "narrow", "split", "split", "ties", "storm")  # of "mixed"


def shaped(config, choose):
    """The configuration with its shape in it. `choose(n)` gives a number below n."""
    name = MIX[choose(len(MIX))] if config.shape == "mixed" else config.shape
    return config.with_(**{**SHAPES[name], "shape": name})
