"""The observing cursor: turns a site's log into versions. Its state is a function of a checkpoint and the log behind it, and
it never waits for anyone."""

from .fold import unique_values
from .versions import seen


class Reader:
    def __init__(self, site, checkpoint):
        config = site.config
        self.site, self.config = site, config
        self.place, self.clock, self.beat = checkpoint["place"], checkpoint["clock"], checkpoint["beat"]
        self.vector, self.incarnation = dict(checkpoint["vector"]), checkpoint["incarnation"]
        self.known = dict(checkpoint["pins"])  # key -> (version, writer, "visible" | "absent" | "parked")
        self.lists = {}  # policies that merge: key -> [base, {version: operation}]
        self.by_row = config.policy in ("row", "unique")
        self.messages = []  # for peers: (kind, origin, seq, version, vector, ops), kind "t" or "h"
        self.maintain = bool(site.parked)
        if not config.checkpoint_clock:
            self.clock = 0
        if not config.checkpoint_beat:
            self.beat = None

    def origin(self):
        return self.site.number + self.config.sites * self.incarnation

    def checkpoint(self):
        """The whole state at this place, but for what every peer has seen when it is used."""
        pins = {}
        if self.site.parked and self.config.stored_pins:
            pins = {key: entry for key, entry in self.known.items() if self.pinned(key, self.parked_values())}
        return {"place": self.place, "clock": self.clock, "vector": dict(self.vector), "beat": self.beat, "pins": pins,
                "incarnation": self.incarnation}

    def parked_values(self):
        return {value for row, _ in self.site.parked.values() for value in unique_values(row)}

    def pinned(self, key, values):
        return key in self.site.parked or any(value in values for value in unique_values(self.site.rows.get(key)))

    def read(self):
        site = self.site
        if self.place >= len(site.log):
            return False
        if site.breaks:
            self.incarnation = site.breaks.get(self.place, self.incarnation)
        entry = site.log[self.place]
        if entry.kind == "local":
            self.read_local(entry)
        elif entry.kind == "apply":
            self.read_marks(entry)
        else:
            if entry.stamp is not None:
                self.beat = entry.stamp
                self.clock = max(self.clock, entry.stamp)
            origin = self.origin()
            self.messages.append(("h", origin, self.vector.get(origin, 0), (self.clock, origin), dict(self.vector), ()))
        if site.parked and entry.kind != "beat":
            self.maintain = True
        self.place += 1
        return True

    def time(self, stamp):
        """R20: a stamp counts up to two intervals above the last heartbeat in the log."""
        if not self.config.clamp:
            return stamp
        return self.clock + 1 if self.beat is None else min(stamp, self.beat + 2 * self.config.interval)

    def read_local(self, entry):
        stamp = self.time(entry.stamp)
        self.clock = max(stamp, self.clock + 1) if self.config.hybrid_clock else stamp
        origin = self.origin()
        seq = self.vector[origin] = self.vector.get(origin, 0) + 1
        version, vector, writer = (self.clock, origin), dict(self.vector), (origin, seq)
        if self.site.first.setdefault(self.place, (version, seq, vector)) != (version, seq, vector):
            self.site.world.fail("RECOMPUTE: another version at the same place")
        self.messages.append(("t", origin, seq, version, vector, entry.ops))
        for key, before, after in entry.ops:
            if self.by_row:
                self.put(key, version, writer, "absent" if after is None else "visible")
            else:
                self.add(key, before, version, (before, after, writer, vector))

    def read_marks(self, entry):
        for origin, seq, version, vector, won in entry.marks:
            self.clock = max(self.clock, version[0])
            self.vector[origin] = max(seq, self.vector.get(origin, 0))
            if self.by_row:
                for key, state in won:
                    self.put(key, version, (origin, seq), state)
                continue
            for key, before, after, base, replaced in won:
                if replaced is not None:
                    self.lists[key] = [replaced[0], dict(replaced[1])]
                    newest = max(replaced[1])
                    self.known[key] = (newest, replaced[1][newest][2], "visible")
                self.add(key, base, version, (before, after, (origin, seq), vector))
        for key, state in (entry.park or {}).items():
            self.known[key] = state

    def put(self, key, version, writer, state):
        if state == "absent" and not self.config.tombstones:
            self.known.pop(key, None)
        else:
            self.known[key] = (version, writer, state)

    def add(self, key, base, version, operation):
        self.lists.setdefault(key, [base, {}])[1][version] = operation
        if key not in self.known or self.known[key][0] < version:
            self.known[key] = (version, operation[2], "visible")

    def forget(self, acks, watermarks):
        """Drop what every peer has seen: whatever they send from now on was written after it."""
        config = self.config
        values = self.parked_values() if self.site.parked and config.pins else ()
        everyone = None
        for vector in acks.values():
            everyone = dict(vector) if everyone is None else {o: min(n, vector.get(o, 0)) for o, n in everyone.items()}
        lowest = min(watermarks.values())
        for key, (version, writer, _) in list(self.known.items()):
            if not (seen(writer, everyone) if config.forget_by_vector else version[0] <= lowest):
                continue
            if key in self.lists and not all(seen(op[2], everyone) for op in self.lists[key][1].values()):
                continue
            if key in self.site.parked or values and self.pinned(key, values):
                continue
            del self.known[key]
            self.lists.pop(key, None)
