"""Judges a run from the sites' logs and tables alone. Shares no code with the model: written from the rules, to disagree with it.

A log is a list of (kind, stamp, changes, applied, written):
  "user"   a user's transaction: changes [(key, before, after)]        "apply"  applied [(origin, seq)], written {key: row}
  "beat"   a heartbeat with the server's time, or None                 "local"  written by a process, but without its mark
Origins: site + sites * incarnation."""

import collections
import functools

Operation = collections.namedtuple("Operation", "origin seq when sees changes")  # when: (clock, origin); sees: {origin: seq}
Write = collections.namedtuple("Write", "when before after origin seq sees")  # an operation, as far as one key goes

COLUMNS = {
    "column": ("newest",) * 3, "counter": ("newest", "newest", "add"), "tally": ("newest", "newest", "add"),
    "maximum": ("newest", "newest", "greatest"), "minimum": ("newest", "newest", "least"), "mixed": ("newest", "add", "greatest"),
    "made": ("newest", "newest", "made"),
}


def knew(write, other):
    return write.sees.get(other.origin, 0) >= other.seq


# ---- F: what a key's writes make of it
def outcome(policy, sites, initial, writes):
    if not writes:
        return initial
    writes = sorted(writes, key=lambda w: w.when)
    if policy == "home":
        return functools.reduce(lambda held, w: stronger(sites, held, w), writes).after
    if policy == "chosen":
        free = unseen(writes)
        total = summed(free, lambda row: 11 if row is None else row[2] or 0, lambda row: row is not None)
        return free[-1 if total % 5 == 0 or len(free) == 1 else total % len(free)].after
    return writes[-1].after if policy in ("row", "unique") else columns(COLUMNS[policy], initial, writes)


def unseen(writes):
    return [w for w in writes if not any(o is not w and knew(o, w) for o in writes)]


def summed(writes, value, before):
    """What the simulation's two functions reckon; an origin there is the number of its site."""
    total = 0
    for w in writes:
        total = (total * 31 + value(w.after) % 2**64 % 1009 * (w.origin + 1) + before(w.before) % 2**64 % 1009 * 3) % 1009
    return total


def stronger(sites, held, write):
    """The smaller site number is trusted more; who has seen a write may replace it whoever he is."""
    return held if write.origin % sites > held.origin % sites and not knew(write, held) else write


def columns(rules, initial, writes):
    """A row starts at its last deletion or insertion: from there, each column by its own rule."""
    start = max((i for i, w in enumerate(writes) if w.before is None or w.after is None), default=None)
    if start is None and initial is None:
        start = 0
    if start is not None and writes[start].after is None:
        if start + 1 == len(writes):
            return None
        start += 1  # an update that had not seen the deletion brings the whole row back
    root, later = (initial, writes) if start is None else (writes[start].after, writes[start + 1:])
    return tuple(column(rule, i, root[i], [w for w in later if w.before[i] != w.after[i]], None if start is None else writes[start])
                 for i, rule in enumerate(rules))


def column(rule, i, value, edits, root):
    if rule == "newest":
        return edits[-1].after[i] if edits else value
    if rule == "add":
        return value + sum(w.after[i] - w.before[i] for w in edits)
    free = unseen([root] + edits if root else edits)
    if not free:
        return value
    if rule == "made":
        total = summed(free, lambda row: row[i], lambda row: 7 if row is None else row[i])
        return free[-1].after[i] if total % 4 == 0 or len(free) == 1 else total % 100
    free = [w.after[i] for w in free]
    return max(free) if rule == "greatest" else min(free)


def visible(rows):
    """rows: {key: (when, row)} -> (shown, hidden). The newest claims its unique values first."""
    claimed, shown, hidden = {}, {}, {}
    for when, key, row in sorted(((when, key, row) for key, (when, row) in rows.items()), reverse=True, key=lambda x: x[:2]):
        claims = [(i, row[i]) for i in (0, 1) if row[i] is not None]
        if any(claim in claimed for claim in claims):
            hidden[key] = row
        else:
            shown[key] = row
            claimed.update(dict.fromkeys(claims, key))
    return shown, hidden


# ---- versions, from all logs together
class Clocks:
    """Walks all logs side by side; a log waits at a mark until the origin's log has got there."""

    def __init__(self, history, complain):
        self.history, self.complain = history, complain
        self.operations = {}
        logs = list(enumerate(history["logs"])) + list(history["lost"].items())
        walks = [self.walk(i, log, history["breaks"][i] if n < history["sites"] else {}, n >= history["sites"])
                 for n, (i, log) in enumerate(logs)]
        before = None
        while walks and before != (len(walks), len(self.operations)):
            before = len(walks), len(self.operations)
            walks = [w for w in walks if next(w, "end") != "end"]
        if walks:
            complain("UNKNOWN: a mark names an operation that no log holds")

    def walk(self, site, log, breaks, lost):
        clock, beat, incarnation, sees = 0, None, 0, {}
        for place, (kind, stamp, changes, applied, _) in enumerate(log):
            incarnation = breaks.get(place, incarnation)
            origin = site + self.history["sites"] * incarnation
            if kind == "beat":
                if stamp is not None:
                    beat, clock = stamp, max(clock, stamp)
            elif kind == "apply":
                for name in applied:
                    while name not in self.operations:
                        yield
                    clock = max(clock, self.operations[name].when[0])
                    sees[name[0]] = max(name[1], sees.get(name[0], 0))
            else:
                limit = clock + 1 if beat is None else beat + 2 * self.history["interval"]
                clock = max(clock + 1, min(stamp, limit))
                sees[origin] = sees.get(origin, 0) + 1
                self.found(site, place, Operation(origin, sees[origin], (clock, origin), dict(sees), changes), lost)

    def found(self, site, place, operation, lost):
        name = operation.origin, operation.seq
        if lost and operation.seq > self.history["survived"].get(operation.origin, 0):
            return  # nobody ever had it
        self.operations.setdefault(name, operation)
        claimed = self.history["claimed"][site].get(place)
        if not lost and claimed and claimed != (operation.when, operation.seq, operation.sees):
            self.complain("RECOMPUTE: the reader took another version than its log gives")


# ---- the judgement
class Judge:
    def __init__(self, history):
        self.history, self.policy, self.sites = history, history["policy"], history["sites"]
        self.complaints = set()
        self.operations = Clocks(history, self.complaints.add).operations
        self.writes = collections.defaultdict(list)
        for operation in self.operations.values():
            for key, before, after in operation.changes:
                self.writes[key].append(Write(operation.when, before, after, operation.origin, operation.seq, operation.sees))
        for site in range(self.sites):
            self.log(site)
        self.tables()
        self.explained()
        if self.policy == "tally":
            self.sums()

    def complain(self, what):
        self.complaints.add(what)

    def log(self, site):
        """One site, in the order of its log: once each, in order, none of its own; rows and conflicts as they must be."""
        table, had, here, conflicts = dict(self.history["initial"]), set(), collections.defaultdict(list), []
        position, seq, breaks, incarnation = {}, {}, self.history["breaks"][site], 0
        for place, (kind, _, changes, applied, written) in enumerate(self.history["logs"][site]):
            incarnation = breaks.get(place, incarnation)
            if kind == "apply":
                keys = set()
                for name in applied:
                    if name in had:
                        self.complain("TWICE: an operation was applied twice")
                    if name[1] <= position.get(name[0], 0):
                        self.complain("ORDER: an origin's operations were not applied in their order")
                    position[name[0]] = name[1]
                    had.add(name)
                    if name in self.operations:
                        keys |= self.arrive(site, name, here, conflicts)
                table.update(written)
                self.prefix(table, {key for key in keys if self.has_decided(table, key, applied, here)} | set(written), here)
            elif kind != "beat":
                if kind == "local":
                    self.complain("UNMARKED: a process wrote rows without its mark")
                origin = site + self.sites * incarnation
                seq[origin] = seq.get(origin, 0) + 1
                if (origin, seq[origin]) in had:
                    self.complain("HOME: an operation came home")
                had.add((origin, seq[origin]))
                for key, before, after in changes:
                    if table.get(key) != before:
                        self.complain("LOG: a before image is not the row")
                    table[key] = after
                if (origin, seq[origin]) in self.operations:
                    self.arrive(site, (origin, seq[origin]), here, [])
        if set(self.operations) - had:
            self.complain("MISSING: an operation never reached a site")
        if sorted(conflicts) != sorted(self.history["conflicts"][site]):
            self.complain("CONFLICTS: the conflict log is not what the order of the log gives")

    def arrive(self, site, name, here, conflicts):
        operation = self.operations[name]
        keys = set()
        for key, before, after in self.history["given"].get((site,) + name, operation.changes):
            write = Write(operation.when, before, after, operation.origin, operation.seq, operation.sees)
            last = max(here[key], key=lambda w: w.when, default=None)
            if last is not None and not knew(write, last):
                conflicts.append(name + (key, (last.origin, last.seq)))
            here[key].append(write)
            keys.add(key)
        return keys

    def has_decided(self, table, key, applied, here):
        """Where rows compete for values, an operation that came too late and wrote nothing has decided nothing: the row that is there may have to
        go, for one that is parked and whose values a user has freed, which is looked at next."""
        last = max(here[key], key=lambda w: w.when)
        return self.policy != "unique" or table.get(key) is None or (last.origin, last.seq) in applied

    def prefix(self, table, keys, here):
        """What a process has just decided is what the operations up to here give."""
        expected = {key: outcome(self.policy, self.sites, self.history["initial"].get(key), here.get(key, ())) for key in keys}
        if self.policy == "unique":
            expected, _ = self.projected(here)
        if any(table.get(key) != expected.get(key) for key in keys):
            self.complain("AUDIT: a row is not what the operations up to here give")

    def projected(self, writes):
        """Newest row of each key, then the unique keys: (shown, hidden)."""
        rows = {key: ((-1, -1), row) for key, row in self.history["initial"].items()}
        for key, all_writes in writes.items():
            if all_writes:
                newest = max(all_writes, key=lambda w: w.when)
                rows[key] = (newest.when, newest.after)
        return visible({key: x for key, x in rows.items() if x[1] is not None})

    def tables(self):
        all_rows = self.history["rows"]
        if any(rows != all_rows[0] for rows in all_rows):
            self.complain("DIVERGED: the sites differ")
        if self.policy == "unique":
            final, hidden = self.projected(self.writes)
        else:
            keys = set(self.history["initial"]) | set(self.writes)
            final = {key: outcome(self.policy, self.sites, self.history["initial"].get(key), self.writes.get(key, ())) for key in keys}
            final, hidden = {key: row for key, row in final.items() if row is not None}, {}
        for rows, parked in zip(all_rows, self.history["parked"]):
            if rows != final:
                self.complain("NOT F: a site's rows are not what the operations give")
            if parked != hidden:
                self.complain("PARKED: the parked rows are not what the operations give")

    def explained(self):
        """Each write is the last of its row, or was seen by a later one, or stands in a conflict log."""
        logged = {(key, (o, n)) for log in self.history["conflicts"] for o, n, key, _ in log}
        logged |= {(key, other) for log in self.history["conflicts"] for _, _, key, other in log}
        for key, writes in self.writes.items():
            newest = max(writes, key=lambda w: w.when)
            for w in writes:
                if w is not newest and (key, (w.origin, w.seq)) not in logged and not any(o is not w and knew(o, w) for o in writes):
                    self.complain("UNEXPLAINED: a write vanished without a trace")

    def sums(self):
        for key, row in self.history["initial"].items():
            total = row[2] + sum(w.after[2] - w.before[2] for w in self.writes.get(key, ()))
            if any(rows.get(key, (0, 0, None))[2] != total for rows in self.history["rows"]):
                self.complain("COUNTER: not the first value and all deltas")


def judge(history):
    """Everything that is wrong with a run, as a set of sentences."""
    return Judge(history).complaints
