"""A Lutra process at a site: its reader, one stream for each origin, what peers were heard to have. All of it is memory."""

from .reader import Reader
from .server import Entry
from .stream import Broken, Maintenance, Stream
from .versions import below, merge

RESERVE = 40  # checkpoints kept for tails that a peer may lose


class Node:
    def __init__(self, site):
        self.site, self.config, self.world = site, site.config, site.world
        self.dead = self.ready = False
        self.epoch = self.reader = None
        self.peers = [j for j in range(self.config.sites) if j != site.number]
        self.inbound = {}
        self.streams = []

    def start(self):
        """Shut out every other owner first: raising the epoch waits for whatever is in doubt."""
        site, world = self.site, self.world
        if site.lost_from is not None and self.config.history_check and not world.heal(site):
            return
        if self.config.epoch:
            if not site.lanes_are_free():
                return
            site.epoch += 1
            self.epoch = site.epoch
        self.acks = {j: dict(site.heard.get(j, {})) for j in self.peers}
        self.watermarks = {j: site.watermark.get(j, -1) for j in self.peers}
        if self.reader is None:
            self.reread()
        self.restart_streams()
        self.ready = True

    def restart_streams(self):
        """From the lanes on, for every origin that is known here."""
        site = self.site
        origins = [o for j in self.peers for o in range(j, self.newest(j) + 1, self.config.sites)]
        origins += [o for o in site.given if o % self.config.sites == site.number]
        self.streams = [Stream(self, o) for o in origins]
        if self.config.policy == "unique":
            self.streams.append(Maintenance(self))
        for j in self.peers:
            self.world.connect(j, site.number)

    def newest(self, peer):
        """The peer's newest incarnation that is known here."""
        return max((o for o, _ in self.site.lanes if o % self.config.sites == peer), default=peer)

    def claims(self):
        """Vectors, durable here, that bound what may still come: peers, and what is yet to be given back of a lost tail."""
        site = self.site
        claims = [site.heard.get(j, {}) for j in self.peers]
        return claims + self.pending_claims()

    def pending_claims(self):
        site, claims = self.site, []
        for origin, (_, messages) in site.given.items() if self.config.claim_given else ():
            claims += [m[4] for m in messages if m[2] == site.progress(origin) + 1]
        return claims

    def may_apply(self, origin):
        """R13: a new incarnation is heard after all that peers hold of the old one was applied here."""
        old = origin - self.config.sites
        return old < 0 or not self.config.old_first or self.site.progress(old) >= self.world.final.get(old, 0)

    def usable(self, checkpoint):
        if not self.config.checkpoint_vector:
            own = {o: n for o, n in checkpoint["vector"].items() if o % self.config.sites == self.site.number}
            return all(below(own, claim) for claim in self.claims())
        return all(below(checkpoint["vector"], claim) for claim in self.claims())

    def reread(self):
        """The reader's memory is gone: it begins again at the newest checkpoint that may be used."""
        found = [c for c in self.site.checkpoints if c["place"] == 0 or self.usable(c)]
        if not found:
            raise Broken("PURGED: no checkpoint is old enough")
        self.reader = Reader(self.site, found[-1])
        for j in self.peers:
            self.world.connect(self.site.number, j)

    def heartbeat(self):
        """A row in the log: idle time moves the clock, the reader's state becomes a checkpoint, acknowledgements durable."""
        site, config = self.site, self.config
        if config.epoch and site.epoch != self.epoch:
            self.dead = True
            return
        clock = site.clock()
        if config.heartbeat_guard and abs(clock - self.world.now) > config.max_skew // 2:
            clock = None  # the server's clock is off: an alarm, and no time
        for j in self.peers:
            merge(site.heard.setdefault(j, {}), self.acks[j])
            site.watermark[j] = max(site.watermark.get(j, -1), self.watermarks[j])
        site.checkpoints.append(self.reader.checkpoint())
        good = max(i for i, c in enumerate(site.checkpoints) if c["place"] == 0 or self.usable(c) or i == 0)
        del site.checkpoints[:max(0, good - (RESERVE if config.lost_tail else 0))]
        site.append(Entry("beat", stamp=clock))

    def hear(self, peer, message):
        merge(self.acks[peer], message[4])
        self.watermarks[peer] = max(self.watermarks[peer], message[3][0])

    def forget(self):
        acks = dict(self.acks)
        acks.update((("given", i), vector) for i, vector in enumerate(self.pending_claims()))
        self.reader.forget(acks, self.watermarks)

    # ---- steps
    def step(self, rnd):
        if self.dead:
            return
        if not self.ready:
            self.start()
            return
        chance = rnd()
        if chance < 0.26:
            self.read(1 + int(rnd() * 3))
        elif chance < 0.26 + self.config.beats:
            self.heartbeat()
        elif chance < 0.34:
            self.forget()
        elif chance < 0.44:
            self.send(self.peers[int(rnd() * len(self.peers))])
        elif chance < 0.52:
            self.inbound[self.peers[int(rnd() * len(self.peers))]].carry(self.world.choose)
        elif rnd() < self.world.diligence:
            self.streams[int(rnd() * len(self.streams))].step(rnd)

    def read(self, most):
        for _ in range(most):
            if not self.config.two_cursors and self.peer_is_slow():
                return
            if not self.reader.read():
                return

    def peer_is_slow(self):
        """The wrong way: the reader hands each message on itself, and waits where a link is full."""
        if self.reader.place < len(self.site.log) and self.site.log[self.reader.place].kind == "apply":
            return False
        for j in self.peers:
            self.send(j)
        return any(self.world.link[self.site.number, j].reader is self.reader and self.world.link[self.site.number, j].next() for j in self.peers)

    def send(self, peer):
        link = self.world.link[self.site.number, peer]
        if link.reader is self.reader and self.world.now >= link.closed_until:
            for _ in range(self.world.burst):
                if link.pending() >= self.world.window or not link.send():
                    break
