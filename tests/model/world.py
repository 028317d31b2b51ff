"""One run: sites, processes, links and faults, all decided by a seed."""

import random

from . import heal
from .config import RULES, YEARS, shaped
from .link import Link
from .node import Node
from .server import Site
from .stream import Broken
from .users import UserTransaction

WRITING = 60000  # ticks, at most
SETTLING = 400  # ticks with faults after the last write
JUMPS, LOSSES, PARTS = 0.004, 0.002, 0.002  # chances of one tick
FAULTS = 0.04  # share of ticks in which something may break
DRAINING, PATIENCE = 4000, 250  # rounds without; without anything done


class World:
    def __init__(self, seed, config):
        source = random.Random(seed)
        self.rnd = source.random
        self.config = config = shaped(config, self.choose)
        self.now, self.sessions = 10000, 0
        self.failures, self.held, self.notes = set(), set(), {}
        self.lanes, self.diligence = 1 + self.choose(config.lanes), (1.0, 1.0, 0.3)[self.choose(3)]
        self.group, self.window, self.burst = (1, 6, config.group)[self.choose(3)], (4, 12, config.window)[self.choose(3)], 3
        if config.bulk:
            self.group, self.window, self.burst = config.group, 200, 200
        self.group, self.window = min(self.group, config.group), min(self.window, config.window)
        self.initial = self.first_rows()
        self.lost, self.final, self.trimmed, self.sent = {}, {}, {}, {}
        self.link = {}
        self.sites = [Site(self, i) for i in range(config.sites)]
        for site in self.sites:
            site.offset = self.choose(2 * config.skew + 1) - config.skew
        self.nodes = [Node(site) for site in self.sites]
        self.zombies = []
        pairs = [(i, j) for i in range(config.sites) for j in range(config.sites) if i != j]
        for i, j in pairs:
            self.connect(i, j)
        self.pair = (1, config.sites - 1) if config.split == 2 and config.sites > 2 else pairs[self.choose(len(pairs))]
        if config.bulk:
            for link in self.link.values():
                link.closed_until = self.now + WRITING
        self.users = [[] for _ in self.sites]
        self.left = [config.transactions] * config.sites

    def first_rows(self):
        """Half of the rows are there before all begins."""
        config, rows = self.config, {}
        for key in range(config.keys):
            if config.policy == "tally" or self.rnd() < 0.5:
                if RULES[config.policy]:
                    rows[key] = (0, 0, self.choose(100))
                else:
                    rows[key] = (key if config.policy == "unique" else None, None, 0)
        return rows

    def choose(self, n):
        return int(self.rnd() * n)

    def session(self):
        self.sessions += 1
        return self.sessions

    def fail(self, what):
        self.failures.add(what)

    def note(self, what, n=1):
        self.notes[what] = self.notes.get(what, 0) + n

    # ---- connections and processes
    def connect(self, i, j):
        """A new connection from i to j; sending resumes at the lanes of j."""
        new, old = Link(self.lanes, self.sent), self.link.get((i, j))
        if old is not None:
            new.closed_until = old.closed_until
        self.link[i, j] = new
        if hasattr(self, "nodes"):
            n = self.config.sites
            self.nodes[j].inbound[i] = new
            new.reset(self.nodes[i].reader, {o: self.sites[j].progress(o) for o in range(i, 3 * n, n)})
            for stream in self.nodes[j].streams:
                if stream.peer == i and not stream.groups and self.nodes[j].ready:
                    stream.taken = self.sites[j].progress(stream.origin)

    def crash(self, i):
        """kill -9, or a stop from which it wakes up when another has taken over."""
        node = self.nodes[i]
        self.note("crash")
        self.nodes[i] = Node(self.sites[i])
        for j in node.peers:
            self.connect(i, j)
            self.connect(j, i)
        if self.rnd() < 0.35 and node.ready:
            self.zombies.append(node)
            self.note("zombie")
        else:
            self.kill(node)

    def kill(self, node):
        """Sessions stay until the server notices. A COMMIT that was sent may still go through."""
        site = node.site
        for stream in node.streams:
            for group in stream.groups:
                if group.session is None or group.session not in site.held:
                    continue
                if group.phase == group.sent:
                    self.note("in doubt")
                    if self.rnd() < 0.7:
                        continue
                    site.committing = [job for job in site.committing if job is not group.job]
                site.orphans.append(group.session)
        node.dead = True

    def wake(self):
        node = self.zombies[self.choose(len(self.zombies))]
        for _ in range(1 + self.choose(6)):
            if node.dead:
                break
            if self.rnd() < 0.3:
                node.reader.read()
            elif node.streams:
                node.streams[self.choose(len(node.streams))].step(self.rnd)
        if node.dead or self.rnd() < 0.1:
            self.kill(node)
            self.zombies.remove(node)

    def restart_server(self, i):
        """Every session of the site ends; processes connect again, raise the epoch and read their lanes."""
        site, node = self.sites[i], self.nodes[i]
        self.note("server killed")
        site.restart(self.rnd)
        self.users[i].clear()
        for zombie in [z for z in self.zombies if z.site is site]:
            zombie.dead = True
            self.zombies.remove(zombie)
        node.ready, node.streams = False, []

    def cut(self, i):
        j = (i + 1 + self.choose(self.config.sites - 1)) % self.config.sites
        link = self.link[i, j]
        link.closed_until = max(link.closed_until, self.now + self.choose((80, 1200)[self.choose(2)]))
        self.note("cut")
        if self.rnd() < 0.5:
            self.connect(i, j)

    def heal(self, site):
        return heal.heal(self, site)

    # ---- time
    def tick(self, writing):
        self.now += 1
        rnd, config = self.rnd, self.config
        i = int(rnd() * config.sites)
        chance = rnd()
        if chance < 0.22:
            if writing and (not config.tide or self.now % config.tide < config.flood):
                self.user(i)
        elif chance < 0.36:
            self.sites[i].work(rnd)
        elif chance < 0.36 + FAULTS:
            self.fault(i, rnd() * FAULTS)
        elif chance < 0.43 and self.zombies:
            self.wake()
        else:
            self.nodes[i].step(rnd)

    def user(self, i):
        users = self.users[i]
        if self.left[i] and len(users) < 3 and self.rnd() < 0.4:
            users.append(UserTransaction(self.sites[i]))
            self.left[i] -= 1
        if users:
            user = users[self.choose(len(users))]
            user.step()
            if user.done:
                users.remove(user)

    def fault(self, i, chance):
        config = self.config
        for rate, what in ((config.crash, self.crash), (config.server, self.restart_server), (config.cut, self.cut), (config.reread, self.reread),
                           (PARTS if config.split else 0, self.part),
                           (JUMPS if config.jumps else 0, self.step_clock), (LOSSES if config.lost_tail and not self.lost else 0, self.lose)):
            if chance < rate:
                what(i)
                return
            chance -= rate

    def part(self, _):
        link = self.link[self.pair]
        link.closed_until = max(link.closed_until, self.now + 300 + self.choose(900))

    def reread(self, i):
        if self.nodes[i].ready:
            self.nodes[i].reread()

    def step_clock(self, i):
        site, skew = self.sites[i], self.config.skew
        site.offset = self.choose(2 * skew + 1) - skew
        if self.config.big_jumps and self.rnd() < 0.3:
            site.offset = YEARS if self.rnd() < 0.5 else -YEARS

    def lose(self, i):
        heal.lose(self, i, 1 + self.choose(heal.MOST))

    # ---- a run
    def run(self):
        try:
            for _ in range(WRITING):
                if not any(self.left) and not any(self.users):
                    break
                self.tick(True)
            else:
                raise Broken("STUCK: writing does not end")
            for link in self.link.values():
                link.closed_until = 0
            for _ in range(SETTLING):
                self.tick(False)
            self.drain()
            for _ in range(2):  # after the first round all is acknowledged, after the second durably so
                for node in self.nodes:
                    node.heartbeat()
                self.drain()
            for change in (Node.forget, Node.reread):  # neither may change anything
                for node in self.nodes:
                    change(node)
                    node.reader.maintain = bool(node.site.parked)
                self.drain()
            for node in self.nodes:
                node.forget()
        except Broken as broken:
            self.fail(str(broken))

    def drain(self):
        """Faults end, links heal, clocks are repaired, and all that can be done is done."""
        rnd = self.rnd
        for zombie in self.zombies:
            self.kill(zombie)
        self.zombies.clear()
        for site in self.sites:
            if abs(site.offset) > self.config.skew:
                site.offset = 0
        last, since = None, 0
        for turn in range(DRAINING):
            self.now += 4
            for site, node in zip(self.sites, self.nodes):
                while site.committing or site.releasing or site.told < len(site.log) or site.orphans:
                    site.work(rnd)
                if node.dead:
                    self.crash(site.number)
                elif not node.ready:
                    node.start()
                else:
                    self.serve(node, rnd)
            if self.idle():
                return
            for link in self.link.values():
                link.closed_until = 0
            done = [sum(1 for e in site.log if e.kind != "beat") for site in self.sites] if turn % 50 == 0 else last
            last, since = done, since + 1 if done == last else 0
            if since > PATIENCE:
                break
        if self.held:
            raise Broken("HELD: a transaction of the far future is held for ever")
        raise Broken("STUCK: links are up, and it does not end")

    def serve(self, node, rnd):
        node.read(100)
        for j in node.peers:
            for _ in range(4):
                node.send(j)
            link = node.inbound[j]
            for wire in range(link.connections):
                link.arrived[wire].extend(link.wires[wire])
                link.wires[wire].clear()
        for stream in node.streams:
            for _ in range(6 + 2 * len(stream.groups)):
                if not stream.step(rnd):
                    break

    def idle(self):
        for site, node in zip(self.sites, self.nodes):
            if not node.ready or node.reader.place < len(site.log) or site.committing or site.releasing or site.orphans:
                return False
            if node.reader.maintain and self.config.policy == "unique" or any(stream.groups for stream in node.streams):
                return False
            if any(site.progress(origin) < last for origin, (last, _) in site.given.items()):
                return False
        return all(link.reader is self.nodes[i].reader and link.empty() for (i, _), link in self.link.items())

    def leftovers(self):
        """Everybody has acknowledged all: no version is to be remembered but of parked rows and of those in their way."""
        for site, node in zip(self.sites, self.nodes):
            values = node.reader.parked_values()
            if any(not node.reader.pinned(key, values) for key in node.reader.known):
                return {"FORGET: versions remain after all peers have seen them"}
        return set()

    def summary(self):
        applied = [len(e.marks) for site in self.sites for e in site.log if e.kind == "apply" and e.marks]
        return {**self.notes, "ticks": self.now - 10000, "applied": sum(applied), "groups": len(applied),
                "groups above 25": sum(1 for n in applied if n > 25), "groups of 50": sum(1 for n in applied if n == 50),
                "users": sum(1 for site in self.sites for e in site.log if e.user), "conflicts": sum(len(site.conflicts) for site in self.sites),
                "parked at the end": sum(len(site.parked) for site in self.sites), "entries": sum(len(site.log) for site in self.sites)}

    def history(self):
        """What happened, as plain data: the logs and tables that any outsider could read."""
        return {
            "sites": self.config.sites, "policy": self.config.policy, "interval": self.config.interval, "initial": self.initial,
            "logs": [plain(site.log) for site in self.sites], "breaks": [site.breaks for site in self.sites],
            "rows": [site.rows for site in self.sites], "parked": [{k: row for k, (row, _) in site.parked.items()} for site in self.sites],
            "conflicts": [site.conflicts for site in self.sites], "claimed": [site.first for site in self.sites],
            "lost": {i: plain(log) for i, log in self.lost.items()}, "survived": self.final, "given": self.trimmed,
        }


def plain(log):
    """[(kind, stamp, changes, transactions applied: (origin, seq), rows written)]"""
    return [("user" if e.user else e.kind, e.stamp, e.ops, [m[:2] for m in e.marks], e.rows) for e in log]
