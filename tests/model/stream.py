"""Applies one origin at one site: groups of its transactions, several at once in lanes, committed in order."""

import collections

from . import decide
from .server import Entry, Job

LOCK_PATIENCE = 10  # steps
FENCE_PATIENCE = 60
HEAD_PATIENCE = 3  # of the first in the order, before all later ones let go (R4)


class Broken(Exception):
    """A run that cannot go on."""


class Group:
    """Some source transactions in one target transaction. `phase` is the next step."""

    def __init__(self, stream, messages):
        self.stream, self.node, self.site, self.config = stream, stream.node, stream.node.site, stream.node.config
        self.messages, self.beats = messages, []
        self.lane = None
        self.reset()

    def reset(self):
        self.session = self.job = None
        self.waits = 0
        self.need = {("p", key) for m in self.messages for key, _, _ in m[5]}
        if self.config.policy == "unique" and self.config.value_locks:
            self.need |= {("u",) + v for m in self.messages for _, _, after in m[5] for v in decide.unique_values(after)}
        self.phase = self.begin

    def redo(self, halve=False):
        """Rolled back, to be tried again; after a deadlock in two halves (R5)."""
        self.release()
        if halve and len(self.messages) > 1:
            half = len(self.messages) // 2
            rest = Group(self.stream, self.messages[half:])
            rest.beats, self.beats = self.beats, []
            del self.messages[half:]
            self.stream.insert_behind(self, rest)
        self.reset()

    def release(self):
        if self.session is not None:
            self.site.unlock(self.session)

    def wait(self, patience):
        self.waits += 1
        if self.waits >= HEAD_PATIENCE and self.config.give_way and self.stream.groups[0] is self:
            self.stream.give_way()
        if self.waits > patience and self.site.world.rnd() < 0.4:
            self.redo()

    # ---- the steps
    def begin(self):
        if self.lane is None:
            self.lane = self.stream.lane_for(self)
            if self.lane is None:
                return
        self.session = self.site.world.session()
        self.phase = self.move_lane

    def move_lane(self):
        """The first write: compare-and-set on the lane."""
        if not self.site.lock(("l", self.stream.origin, self.lane), self.session):
            self.wait(LOCK_PATIENCE)
        elif self.config.epoch and self.site.epoch != self.node.epoch:
            self.release()
            self.node.dead = True  # another owner: stop for good
        else:
            self.phase = self.lock

    def lock(self):
        for key in sorted(self.need):
            locked = (self.site.lock_row(key[1], self.session, self.config.insert_first) if key[0] == "p"
                      else self.site.lock(key, self.session))
            if not locked:
                self.wait(LOCK_PATIENCE)
                return
        self.phase = self.fence

    def fence(self):
        """The end of the log, read with the locks held."""
        self.place = len(self.site.log) if self.config.fence_at_end else self.site.told
        self.phase = self.decide

    def decide(self):
        if self.config.fence and self.node.reader.place < self.place:
            self.wait(FENCE_PATIENCE)
            return
        rule = decide.by_row if self.node.reader.by_row else decide.by_list
        decision = rule(self.config, self.site, self.node.reader, self.messages)
        if not decision.need <= self.need:
            self.need |= decision.need
            self.phase = self.lock
            return
        self.job = self.job_of(decision)
        self.phase = self.turn

    def turn(self):
        if not self.config.commit_order or self.stream.groups[0] is self:
            self.phase = self.write

    def write(self):
        """The statements. What was not locked before is locked by writing it, and a unique clash decides again."""
        site, job, unique = self.site, self.job, self.config.policy == "unique"
        for key, row in job.rows.items():
            if not site.lock(("p", key), self.session):
                self.wait(LOCK_PATIENCE)
                return
            for value in decide.unique_values(row) if unique else ():
                if not site.lock(("u",) + value, self.session):
                    self.wait(LOCK_PATIENCE)
                    return
                for other, image in site.rows.items():
                    if other not in job.rows and value in decide.unique_values(image):
                        self.need.add(("p", other))
                        self.phase = self.lock
                        return
        if site.world.rnd() < self.config.deadlock:
            self.deadlock()
            return
        job.session = self.session
        site.committing.append(job)
        self.phase = self.sent  # COMMIT is on its way; the outcome is not known yet

    def deadlock(self):
        """R1: this transaction is the server's victim at one of its statements; those behind it were already sent."""
        rows = list(self.job.rows.items())
        if rows and not self.config.autocommit_off:
            for key, row in rows[self.site.world.choose(len(rows)):]:
                ops = [(key, self.site.rows.get(key), row)]
                self.site.commit(Job(self.session, {key: row}, Entry("local", stamp=self.site.clock(), ops=ops)))
        self.redo(halve=True)

    def sent(self):
        if self.job.done:
            self.stream.committed(self)

    def job_of(self, decision):
        last = self.messages[-1]
        job = Job(None, decision.rows, Entry("apply", marks=decision.marks, park=decision.park, rows=decision.rows))
        if not self.config.marker:
            ops = [(key, self.site.rows.get(key), row) for key, row in sorted(decision.rows.items())]
            job.entry = Entry("local", stamp=self.site.clock(), ops=ops)
        job.lane = (self.stream.origin, self.lane), last[2]
        if self.stream.counts():
            job.heard = self.stream.peer, last[4], last[3][0]
        job.parked, job.conflicts, job.drift = decision.parked, decision.conflicts, decision.drift
        return job


class Stream:
    def __init__(self, node, origin):
        self.node, self.site, self.config, self.origin = node, node.site, node.config, origin
        self.peer = origin % node.config.sites
        self.taken = self.done = node.site.progress(origin)
        self.groups = collections.deque()
        self.lanes = set(range(node.site.world.lanes))

    def queue(self):
        """What arrived from the peer, or is given back by one."""
        given = self.site.given.get(self.origin)
        if given is not None and self.taken < given[0]:
            return [m for m in given[1] if m[2] > self.taken]
        return self.node.inbound[self.peer].queue(self.config.reassemble) if self.peer != self.site.number else None

    def pop(self, queue):
        if isinstance(queue, list):
            del queue[0]
        else:
            queue.popleft()
            self.node.inbound[self.peer].taken += 1

    def counts(self):
        """Whether what it has seen counts as received by the peer (not after a later incarnation is known)."""
        return self.peer != self.site.number and self.node.newest(self.peer) == self.origin

    def step(self, rnd):
        if self.lanes and (not self.groups or rnd() < 0.4) and all(g.lane is not None for g in self.groups):
            group = self.take()
            if group:
                self.groups.append(group)
                return True
        if not self.groups:
            return False
        self.groups[int(rnd() * len(self.groups))].phase()
        return True

    def take(self):
        """The next group from what has arrived; heartbeats wait for the transactions before them."""
        world, messages, beats = self.site.world, [], []
        limit = world.group if world.rnd() < 0.5 else 1 + world.choose(world.group)
        while len(messages) < limit:
            queue = self.queue()
            if not queue:
                break
            message = queue[0]
            kind, origin, seq = message[:3]
            if origin != self.origin or not self.node.may_apply(origin):
                break
            if seq > self.taken + (kind == "t"):
                raise Broken("GAP: an origin's transactions are not in sequence")
            if kind == "h":
                self.pop(queue)
                if seq == self.taken:
                    beats.append(message)
                continue
            if seq <= self.taken:
                self.pop(queue)
                continue
            if self.config.hold and message[3][0] > world.now + self.config.max_skew:
                world.held.add((self.site.number, origin))  # far future: hold, alarm
                break
            self.pop(queue)
            self.taken = seq
            messages.append(message)
        if not messages:
            if self.groups:
                self.groups[-1].beats += beats
            else:
                self.hear(beats)
            return None
        group = Group(self, messages)
        group.beats = beats
        return group

    def hear(self, messages):
        if self.counts():
            for message in messages:
                self.node.hear(self.peer, message)

    def lane_for(self, group):
        """Lanes go out in the order of the groups: else one that waits for its turn could hold the only lane."""
        first = next(g for g in self.groups if g.lane is None)
        return self.lanes.pop() if self.lanes and (first is group or not self.config.lanes_in_order) else None

    def insert_behind(self, group, rest):
        self.groups.insert(self.groups.index(group) + 1, rest)

    def give_way(self):
        for later in list(self.groups)[1:]:
            if later.session is not None and later.phase != later.sent:
                later.redo()

    def committed(self, group):
        self.groups.remove(group)
        self.lanes.add(group.lane)
        self.done = max(self.done, group.messages[-1][2])
        self.hear([group.messages[-1]] + group.beats)


class Maintenance(Stream):
    """Unparks rows whose value a local write has freed: a stream without source transactions."""

    def __init__(self, node):
        super().__init__(node, node.site.number)
        self.lanes = {"maintenance"}

    def step(self, rnd):
        if self.groups:
            self.groups[0].phase()
        elif self.node.reader.maintain:
            self.node.reader.maintain = False
            self.groups.append(Upkeep(self, []))
        else:
            return False
        return True

    def committed(self, group):
        self.groups.clear()
        self.lanes = {"maintenance"}


class Upkeep(Group):
    def redo(self, halve=False):
        super().redo()
        self.stream.committed(self)
        self.node.reader.maintain = True

    def write(self):
        if self.job.rows or self.job.parked:
            super().write()
        else:
            self.release()
            self.stream.committed(self)

    def job_of(self, decision):
        job = Job(None, decision.rows, Entry("apply", park=decision.park, rows=decision.rows))
        job.parked = decision.parked
        return job
