"""What a conflict channel should have made of its sites' logs, reckoned here from the logs alone, each table by its policy.

A log says who wrote what and when, and in which order a site applied what others wrote: its marks name those transactions. All else is worked out
anew and compared: each transaction's version and what it had seen (R18, R20), the rows, those that are parked, what each site's table was behind
each decision, and which operation met a write that it had not seen, in the order of the site's log."""

import collections
import datetime
import functools
import json
import os
import subprocess

from lutralab.lutra import PASSWORD, USER

Txn = collections.namedtuple("Txn", "at stamp_us own mark beats changes")  # changes: {(table, key): (before, after)}
Version = collections.namedtuple("Version", "clock origin seq")  # ordered by the first two
Write = collections.namedtuple("Write", "version seen before after")  # a transaction, as far as one key goes
Met = collections.namedtuple("Met", "version key other won rule operation before after found now")  # a line of a conflict log, images as text

SITES = 1 << 16  # an origin is a site, and so many for each time that it lost the end of its log
BEFORE_ALL = Version(-1, 0, 0)  # of what lay there when the channel began


# -- policies --------------------------------------------------------------------------------------------------------------------------

class LastWriter:
    """The newest write, the whole row. `unique`: columns, each with values that only one row may have."""

    rule = "last-writer-wins"

    def __init__(self, *unique):
        self.unique = unique

    def holder(self, writes):
        """Whose the row is, of its writes in the order of their versions."""
        return writes[-1]

    def fold(self, base, writes):
        return self.holder(writes).after if writes else base


class Trusted(LastWriter):
    """Among writes that had not seen each other, that of the site that stands first; those that do not stand there come last, all alike."""

    rule = "trusted"

    def __init__(self, *sites):
        super().__init__()
        self.sites = sites

    def _rank(self, write):
        site = write.version.origin % SITES
        return self.sites.index(site) if site in self.sites else len(self.sites)

    def holder(self, writes):
        return functools.reduce(lambda held, w: w if knew(w, held) or self._rank(w) <= self._rank(held) else held, writes)


class Named(LastWriter):
    """Among writes that had not seen each other the one that a function names: of [(site, before, after)] in the order of their versions its place."""

    rule = "function"

    def __init__(self, function):
        super().__init__()
        self.function = function

    def holder(self, writes):
        free = unseen(writes)
        return free[self.function(images(free))] if len(free) > 1 else writes[-1]


class Columns(LastWriter):
    """Each column by a rule of its own; those that are not named by the newest write that changed them. A rule is a word, or a function that makes
    the value, of [(site, before, after)] in the order of their versions."""

    rule = "column-last-writer-wins"

    def __init__(self, **rules):
        super().__init__()
        self.rules = rules

    def fold(self, base, writes):
        whole, row = None, base  # the write that left the whole row as it then was, and later ones
        later = []
        for write in writes:
            if write.before is None or write.after is None or row is None:
                whole, row, later = write, write.after, []
            else:
                later.append(write)
        return row and {c: self._by(self.rules.get(c, "newest"))(c, row[c], whole, [w for w in later if w.before[c] != w.after[c]]) for c in row}

    def _by(self, rule):
        return functools.partial(self._made, rule) if callable(rule) else getattr(self, f"_{rule}")

    @staticmethod
    def _newest(column, value, _, edits):
        return edits[-1].after[column] if edits else value

    @staticmethod
    def _counter(column, value, _, edits):
        """A NULL that is set or taken away stands as it is; what is added to one is added to nothing."""
        for before, after in ((w.before[column], w.after[column]) for w in edits):
            value = after if before is None or after is None else (value or 0) + after - before
        return value

    @staticmethod
    def _rivals(column, value, whole, edits):
        """Of the writes of a column, the one that wrote all of the row among them, those that no other had seen (ADR 31). NULL is below all."""
        free = [w.after[column] for w in unseen([*([whole] if whole else []), *edits])]
        return sorted(free, key=lambda v: (v is not None, v)) or [value]

    def _made(self, function, column, value, whole, edits):
        """A function is asked where nobody had seen two writes or more (ADR 47)."""
        free = unseen([*([whole] if whole else []), *edits])
        return function(images(free, column)) if len(free) > 1 else self._newest(column, value, whole, edits)

    def _greatest(self, *about):
        return self._rivals(*about)[-1]

    def _least(self, *about):
        return self._rivals(*about)[0]


def knew(write, other):
    return write.seen.get(other.version.origin, 0) >= other.version.seq


def unseen(writes):
    """Those that none of the others had seen."""
    return [w for w in writes if not any(o is not w and knew(o, w) for o in reversed(writes))]


NO_ROW = object()  # before an insertion, behind a deletion


def images(writes, column=None):
    """What a function is told of writes: [(site, before, after)], rows or values of a column."""
    def of(row):
        return NO_ROW if row is None else row if column is None else row[column]
    return [(w.version.origin % SITES, of(w.before), of(w.after)) for w in writes]


def projected(unique, rows):
    """rows: {key: (version, row)} -> ({key: row} shown, parked). The newest row has its values first."""
    taken, shown, parked = set(), {}, {}
    for key, (_, row) in sorted(rows.items(), key=lambda entry: entry[1][0], reverse=True):
        claims = {(column, row[column]) for column in unique if row[column] is not None}
        (parked if claims & taken else shown)[key] = row
        if key in shown:
            taken |= claims
    return shown, parked


# -- logs ------------------------------------------------------------------------------------------------------------------------------

class Bytes:
    """What Lutra keeps in form 1, marks also in form 2, read from its beginning."""

    def __init__(self, data):
        self.data, self.at = data, 0
        assert self.number(1) in (1, 2)

    def take(self, length):
        self.at += length
        return self.data[self.at - length:self.at]

    def number(self, width):
        return int.from_bytes(self.take(width), "little")

    def count(self):
        first = self.number(1)
        return first if first < 0xfb else self.number({0xfc: 2, 0xfd: 3, 0xfe: 8}[first])

    def values(self):
        return [self.take(self.count()).decode() if self.number(1) else None for _ in range(self.count())]


class Mark(Bytes):
    """Of lutra.mark: the transactions of a group, [(version, {origin: seq})]. What it tells the site's reader of keys is passed over."""

    def __init__(self, data):
        super().__init__(data)
        self.txns = [self._txn() for _ in range(self.count())]

    def _version(self):
        clock, seq, origin = self.number(8), self.count(), self.count()
        return Version(clock, origin, seq)

    def _seen(self):
        return dict((self.count(), self.count()) for _ in range(self.count()))

    def _pass_rows(self, count):
        for _ in range(count):
            if self.number(1):
                self.values()

    def _pass_key(self):
        self.take(self.count())
        kind = self.number(1)
        if kind in (0, 3):
            self.number(1)
            self._pass_rows(kind // 3)
            return
        self._pass_rows(3)
        if kind == 2:
            self._pass_rows(1)
            for _ in range(self.count()):
                self._version()
                self._seen()
                self._pass_rows(2)

    def _txn(self):
        version, seen = self._version(), self._seen()
        for _ in range(self.count()):
            self._pass_key()
        return version, seen


def stamp_us(text):
    at = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    return (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


def has_gtid(executed, gtid):
    """Whether a transaction's id is in a set as servers write them."""
    if not gtid:  # in front of all that have one
        return True
    *source, number = gtid.split("-" if ":" not in gtid else ":")
    for one in executed.replace("\n", "").split(","):
        if ":" not in gtid:
            domain, _, newest = one.split("-")
            if domain == source[0] and int(number) <= int(newest):
                return True
        elif one.lower().startswith(source[0].lower() + ":"):
            for span in one.split(":")[1:]:
                low, _, high = span.partition("-")
                if int(low) <= int(number) <= int(high or low):
                    return True
    return False


def dump_of(program, source, *more):
    """Of a server's log, or of files that a server left when it was killed."""
    if not isinstance(source, list):
        return subprocess.run([program, "binlog", "dump", f"mysql://{USER}@127.0.0.1:{source.port}", "--password-env", "ORACLE_PW", *more],
                              env={**os.environ, "ORACLE_PW": PASSWORD}, capture_output=True, text=True, check=True).stdout
    dump = subprocess.run([program, "binlog", "dump", *source], capture_output=True, text=True, check=False)
    assert dump.returncode in (0, 4), dump.stderr  # 4: it ends within what was being written
    return dump.stdout


def read_log(program, source, schema, channel, tables, by_gtid=False, began=None):
    """The transactions of a site's log since the channel began; tables are all that it decides or carries over, each with its key in `id`. `by_gtid`:
    it began in another server's log. `began`: the place where, if the log does not reach back to what tells it."""
    txns, gtids = [], None
    for line in map(json.loads, dump_of(program, source).splitlines()):
        if line["kind"] == "begin":
            stamp = stamp_us(line.get("written", line["time"]))
            txns.append(Txn(line["gtid"] if by_gtid else (line["file"], line["pos"]), stamp, own=[], mark=[], beats=[], changes={}))
        elif line["kind"] == "ddl":  # it is counted; none is in a log in the midst of what is judged
            txns.append(Txn(txns[-1].at if txns else "" if by_gtid else ("", 0), 0, own=[], mark=[], beats=[], changes={}))
        elif line.get("schema") == "lutra" and line.get("after", {}).get("channel") == channel:
            if line["table"] == "lane":
                txns[-1].own.append(True)
            elif line["table"] == "mark":
                txns[-1].mark[:] = Mark(bytes.fromhex(hex_of(line["after"]["bytes"]))).txns
            elif line["table"] == "site" and line["kind"] == "update":
                txns[-1].beats.append(line["after"]["beat"])
            elif line["table"] == "checkpoint" and began is None:
                began, gtids = (line["after"]["file"], line["after"]["pos"]), line["after"]["gtids"]
        elif line.get("schema") == schema and line.get("table") in tables:
            change(txns[-1].changes, line["table"], line.get("before"), line.get("after"))
    return [t for t in txns if (not has_gtid(gtids, t.at) if by_gtid else t.at >= began)]


def hex_of(value):
    """Bytes as the dump shows them."""
    return value["hex"] if isinstance(value, dict) else value.removeprefix("0x")


def change(changes, table, before, after):
    """One row, folded into what its transaction did so far."""
    old, new = ((table, image["id"]) if image else None for image in (before, after))
    if old is not None and old != new:
        changes[old] = (changes[old][0] if old in changes else before, None)
    if new is not None:
        changes[new] = (changes[new][0] if new in changes else before if old == new else None, after)


def versions(txns, origin, interval_us):
    """[(version, seen)] of each transaction that users made: a function of the log, whoever reads it and wherever it began to."""
    now, count, beat, seen, given = 0, 0, None, {}, []
    for t in txns:
        for beaten in t.beats:
            if beaten is not None:
                beat, now = beaten, max(now, beaten)
        for version, _ in t.mark:
            now = max(now, version.clock)
            seen[version.origin] = version.seq
        if t.beats or t.own:
            continue
        count += 1
        now = max(now + 1, 0 if beat is None else min(t.stamp_us, beat + 2 * interval_us))
        if t.changes:
            given.append((Version(now, origin, count), {**seen, origin: count}))
    return given


def text_of(row):
    return json.dumps(row, sort_keys=True)


# -- the judgement ---------------------------------------------------------------------------------------------------------------------

class Oracle:
    """sites: {id: the transactions of its log}; policies: {table: how it is decided, None: not at all}; base: {(table, key): row} before all that."""

    def __init__(self, sites, policies, base=None, interval_us=1000000):
        self.sites, self.policies, self.base, self.interval_us = sites, policies, base or {}, interval_us
        self.told = {site: self._told(site) for site in sites}  # of each site's own transactions, in their order
        self.by_name = {(v.origin, v.seq): (v, seen, changes) for told in self.told.values() for v, seen, changes in told}

    def _effective(self, changes):
        return {key: images for key, images in changes.items() if images[0] != images[1] and self.policies[key[0]]}

    def _local(self, txns):
        """What users' transactions did."""
        return [self._effective(t.changes) for t in txns if not t.own and t.changes]

    def _told(self, origin):
        """[(version, seen, changes)]: each peer's marks name every one of them, in the order of their numbers."""
        local = self._local(self.sites[origin])
        told = None
        for site, txns in self.sites.items():
            if site == origin:
                continue
            named = [(v, seen) for t in txns for v, seen in t.mark if v.origin == origin]
            assert [v.seq for v, _ in named] == sorted({v.seq for v, _ in named}), f"site {site} applied something twice, or in another order"
            assert told in (None, named), "two sites were told different versions"
            told = named
        told = told or []
        assert len(told) == len(local), f"site {origin} wrote {len(local)} transactions, its peers applied {len(told)}"
        assert told == versions(self.sites[origin], origin, self.interval_us)
        return [(v, seen, changes) for (v, seen), changes in zip(told, local)]

    def final(self):
        """({(table, key): row} at all sites, those that are parked)."""
        writes = self._writes()
        return self._made_of(writes, self.base.keys() | writes.keys())

    def _writes(self):
        writes = collections.defaultdict(list)
        for version, seen, changes in self.by_name.values():
            for key, (before, after) in changes.items():
                writes[key].append(Write(version, seen, before, after))
        for its in writes.values():
            its.sort()
        return writes

    def _made_of(self, writes, keys):
        """What these writes make of some rows: (shown, parked), and of all of a table where rows compete."""
        shown, parked = {}, {}
        for key in keys:
            if not self.policies[key[0]].unique and (row := self.policies[key[0]].fold(self.base.get(key), writes.get(key, []))) is not None:
                shown[key] = row
        for table in {key[0] for key in keys if self.policies[key[0]].unique}:
            newest = {key: (BEFORE_ALL, row) for key, row in self.base.items() if key[0] == table}
            newest.update({key: (its[-1].version, its[-1].after) for key, its in writes.items() if key[0] == table})
            for whole, part in zip((shown, parked), projected(self.policies[table].unique, {k: n for k, n in newest.items() if n[1] is not None})):
                whole.update(part)
        return shown, parked

    def met(self, site):
        """What the conflict log of a site must hold. On the way: each row that was decided is what the writes up to there make of it."""
        local, here, table, lines = iter(self.told[site]), collections.defaultdict(list), dict(self.base), []
        for t in self.sites[site]:
            if not t.own and t.changes:
                version, seen, changes = next(local)
                self._take(here, version, seen, changes)
            found = dict(table)
            for key, (before, after) in t.changes.items():
                if self.policies[key[0]]:
                    assert table.get(key) == before, f"site {site}: {key} was {table.get(key)}, and its log says {before}"
                    table[key] = after
            named = {}
            for v, _ in t.mark:
                version, seen, changes = self.by_name[v.origin, v.seq]
                named.update(dict.fromkeys(changes, version))
                for key, (before, after) in changes.items():
                    lines += self._line(here[key], key, Write(version, seen, before, after), found.get(key), table.get(key))
                self._take(here, version, seen, changes)
            if t.own:
                self._is_made_of(site, here, table, [*self._decided(here, named), *self._effective(t.changes)])
        return lines

    def _decided(self, here, named):
        """Where rows compete, one that a group has only to lose by may be wrong until parked rows are looked at."""
        return [key for key, version in named.items() if not self.policies[key[0]].unique or here[key][-1].version == version]

    def _is_made_of(self, site, here, table, keys):
        shown, _ = self._made_of(here, keys)
        for key in keys:
            assert table.get(key) == shown.get(key), f"site {site}: {key} was decided as {table.get(key)}, and is {shown.get(key)} of {here[key]}"

    @staticmethod
    def _take(here, version, seen, changes):
        for key, (before, after) in changes.items():
            here[key] = sorted([*here[key], Write(version, seen, before, after)])

    def _line(self, writes, key, write, found, now):
        """Of a write that comes to those that a site has."""
        if not writes or knew(write, writes[-1]):
            return []
        policy = self.policies[key[0]]
        operation = "insert" if write.before is None else "delete" if write.after is None else "update"
        return [Met(write.version, key, writes[-1].version, policy.holder(sorted([*writes, write])) is write, policy.rule, operation,
                    *map(text_of, (write.before, write.after, found, now)))]

    def unexplained(self, lines):
        """Writes that are no row's last, were seen by none, and stand in no conflict log."""
        logged = {(line.key, version) for line in lines for version in (line.version, line.other)}
        return [(key, w) for key, writes in self._writes().items() for w in writes
                if w is not self.policies[key[0]].holder(writes) and (key, w.version) not in logged and not any(o is not w and knew(o, w) for o in writes)]


class Healed(Oracle):
    """Site `lost` came back without the end of its log, and goes on as another origin. `old`: the log that it had; of that what a peer has counts."""

    def __init__(self, lost, old, *about):
        self.lost, self.old = lost, old
        super().__init__(*about)

    def _told(self, origin):
        if origin != self.lost:
            return super()._told(origin)
        kept = {t.at for t in self.old}
        new = [t for t in self.sites[origin] if t.at not in kept]
        peers = [txns for site, txns in self.sites.items() if site != origin]
        before, behind = ([[(v, seen) for t in txns for v, seen in t.mark if v.origin == o] for txns in peers] for o in (origin, origin + SITES))
        assert all(named == before[0] for named in before) and all(named == behind[0] for named in behind), "peers were told different versions"
        self.tail = [v for v, _ in before[0] if v.seq > sum(not t.beats and not t.own for t in self.sites[origin] if t.at in kept)]
        assert [v for t in self.sites[origin] for v, _ in t.mark if v.origin == origin] == self.tail, "it was not given what it lost, each once"
        assert before[0] == versions(self.old, origin, self.interval_us)[:len(before[0])]
        assert behind[0][0][0] > before[0][-1][0], "what is new is not newer than what was lost"
        told = [*zip(before[0], self._local(self.old)), *zip(behind[0], self._local(new), strict=True)]
        return [(v, seen, changes) for (v, seen), changes in told]
