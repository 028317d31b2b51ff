"""A site: a database server with row locks and a log. COMMIT writes the log, and only later steps free the locks and tell of it.

Beside the user's table it holds schema `lutra`, which commits with it: lanes, what was heard from peers, checkpoints, parked
rows, the conflict log, and the places where the log was found to have lost its tail."""

from .fold import unique_values
from .versions import merge

START = {"place": 0, "clock": 0, "vector": {}, "beat": None, "pins": {}, "incarnation": 0}


class Entry:
    """One transaction in the log. kind: "local" (no mark), "apply" (with marks), "beat"."""

    __slots__ = ("kind", "stamp", "ops", "marks", "park", "rows", "user")

    def __init__(self, kind, stamp=None, ops=(), marks=(), park=None, rows=None, user=False):
        self.kind, self.stamp, self.ops, self.marks, self.park, self.rows, self.user = kind, stamp, ops, marks, park, rows, user


class Job:
    """A COMMIT that was sent."""

    __slots__ = ("session", "rows", "entry", "lane", "heard", "parked", "conflicts", "drift", "done")

    def __init__(self, session, rows, entry):
        self.session, self.rows, self.entry = session, rows, entry
        self.lane = self.heard = None
        self.parked, self.conflicts, self.drift, self.done = {}, (), False, False


class Site:
    def __init__(self, world, number):
        self.world, self.config, self.number = world, world.config, number
        self.rows = dict(world.initial)
        self.parked = {}  # key -> (row, version)
        self.epoch = 0
        self.lanes = {}  # (origin, lane) -> newest seq that it moved to
        self.heard = {}  # peer -> vector last received from it
        self.watermark = {}  # peer -> clock last heard (only a wrong rule needs it)
        self.conflicts = []
        self.breaks = {}  # place -> incarnation that begins there
        self.lost_from = None  # place, until the loss is noticed
        self.given = {}  # origin -> (last seq, messages): what peers give back of an incarnation that lost its tail
        self.checkpoints = [START]
        self.log, self.history = [], []  # history: the state after each entry, where a tail may be lost
        self.locks, self.held = {}, {}
        self.committing, self.releasing, self.orphans = [], [], []
        self.told = 0  # what is known of the log after locks are free
        self.offset = 0
        self.first = {}  # place -> what the first reader computed there

    def clock(self):
        return self.world.now + self.offset

    # ---- locks
    def lock(self, key, session):
        owner = self.locks.get(key)
        if owner is None:
            self.locks[key] = session
            self.held.setdefault(session, []).append(key)
            return True
        return owner == session

    def lock_row(self, key, session, insert):
        """An absent key is held by inserting it; SELECT FOR UPDATE only waits for whoever holds it."""
        lock = ("p", key)
        if key in self.rows or insert:
            return self.lock(lock, session)
        return self.locks.get(lock, session) == session

    def unlock(self, session):
        for key in self.held.pop(session, ()):
            del self.locks[key]

    def lanes_are_free(self):
        return not any(key[0] == "l" for key in self.locks)

    # ---- commits
    def append(self, entry):
        self.log.append(entry)
        if self.config.lost_tail:
            self.history.append(self.snapshot())

    def snapshot(self):
        return {
            "rows": dict(self.rows), "parked": dict(self.parked), "epoch": self.epoch, "lanes": dict(self.lanes),
            "heard": {j: dict(v) for j, v in self.heard.items()}, "watermark": dict(self.watermark),
            "conflicts": list(self.conflicts), "breaks": dict(self.breaks), "checkpoints": list(self.checkpoints),
        }

    def restore(self, state):
        for name, value in state.items():
            setattr(self, name, {j: dict(v) for j, v in value.items()} if name == "heard" else type(value)(value))

    def commit(self, job):
        rows = self.rows
        for key, row in job.rows.items():
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row
        if self.config.policy == "unique":
            taken = [value for row in rows.values() for value in unique_values(row)]
            assert len(taken) == len(set(taken)), "the model broke a unique key"
            for key, lost in job.parked.items():
                if lost is None:
                    self.parked.pop(key, None)
                else:
                    self.parked[key] = lost
        if job.lane is not None:
            lane, seq = job.lane
            self.lanes[lane] = seq
        if job.heard is not None:
            peer, vector, clock = job.heard
            merge(self.heard.setdefault(peer, {}), vector)
            self.watermark[peer] = max(clock, self.watermark.get(peer, -1))
        self.conflicts.extend(job.conflicts)
        if job.drift:
            self.world.fail("DRIFT: a before image that cannot be")
        self.append(job.entry)
        self.releasing.append(job.session)
        job.done = True

    def work(self, rnd):
        """One step of the server: a commit, locks freed, the end of the log told, a dead session noticed."""
        if self.committing and rnd() < 0.6:
            job = self.committing.pop(int(rnd() * len(self.committing)))
            if job.session in self.held:
                self.commit(job)
        elif self.releasing:
            self.unlock(self.releasing.pop(int(rnd() * len(self.releasing))))
        elif self.told < len(self.log):
            self.told += 1
        elif self.orphans:
            self.unlock(self.orphans.pop(0))

    def restart(self, rnd):
        """kill -9 of the server: sessions are gone, a COMMIT that was sent went through or did not."""
        for job in self.committing:
            if rnd() < 0.5 and job.session in self.held:
                self.commit(job)
        self.forget_sessions()

    def forget_sessions(self):
        for waiting in (self.committing, self.releasing, self.orphans):
            waiting.clear()
        self.locks.clear()
        self.held.clear()
        self.told = len(self.log)

    def progress(self, origin):
        return max((seq for (o, _), seq in self.lanes.items() if o == origin), default=0)
