"""What a conflict channel should have made of its sites' logs, reckoned here from the logs alone: last writer wins by row.

What each transaction had seen is read from the marks at the other sites; all else is worked out anew: its version, from the stamps, heartbeats and
marks of its site's log (R18, R20), the last row of each key, and for each site, in the order of its log, which operation met a write that it had
not seen."""

import collections
import datetime
import json
import os
import subprocess

from lutralab.lutra import PASSWORD, USER

Txn = collections.namedtuple("Txn", "at stamp_us own mark beats changes")  # changes: {(table, key): (before, after)}
Version = collections.namedtuple("Version", "clock origin seq")  # ordered by the first two
Met = collections.namedtuple("Met", "version key other won")


class Mark:
    """The bytes of lutra.mark, form 1, of tables whose operations are not remembered: [(version, {origin: seq})]."""

    def __init__(self, data):
        self.data, self.at = data, 0
        assert self._le(1) == 1
        self.txns = [self._txn() for _ in range(self._count())]

    def _le(self, width):
        self.at += width
        return int.from_bytes(self.data[self.at - width:self.at], "little")

    def _count(self):
        first = self._le(1)
        return first if first < 0xfb else self._le({0xfc: 2, 0xfd: 3, 0xfe: 8}[first])

    def _txn(self):
        clock, seq, origin = self._le(8), self._count(), self._count()
        seen = {}
        for _ in range(self._count()):
            site = self._count()
            seen[site] = self._count()
        for _ in range(self._count()):
            length = self._count()
            self.at += length  # the key
            assert self._le(1) == 0
            self._le(1)
        return Version(clock, origin, seq), seen


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


def read_log(program, server, schema, channel, keys, marks=True, by_gtid=False):
    """The transactions of a site's log since the channel began; keys is {table: column}. Without `marks` operations may be remembered. `by_gtid`:
    it began in another server's log."""
    dump = subprocess.run([program, "binlog", "dump", f"mysql://{USER}@127.0.0.1:{server.port}", "--password-env", "ORACLE_PW"],
                          env={**os.environ, "ORACLE_PW": PASSWORD}, capture_output=True, text=True, check=True)
    txns, began, gtids = [], None, None
    for line in map(json.loads, dump.stdout.splitlines()):
        if line["kind"] == "begin":
            txns.append(Txn(line["gtid"] if by_gtid else (line["file"], line["pos"]), stamp_us(line.get("written", line["time"])), own=[], mark=[], beats=[], changes={}))
        elif line["kind"] == "ddl":  # it is counted; none is in a log in the midst of what is judged
            txns.append(Txn(txns[-1].at if txns else "" if by_gtid else ("", 0), 0, own=[], mark=[], beats=[], changes={}))
        elif line.get("schema") == "lutra" and line.get("after", {}).get("channel") == channel:
            if line["table"] == "lane":
                txns[-1].own.append(True)
            elif line["table"] == "mark" and marks:
                txns[-1].mark[:] = Mark(bytes.fromhex(hex_of(line["after"]["bytes"]))).txns
            elif line["table"] == "site" and line["kind"] == "update":
                txns[-1].beats.append(line["after"]["beat"])
            elif line["table"] == "checkpoint" and began is None:
                began, gtids = (line["after"]["file"], line["after"]["pos"]), line["after"]["gtids"]
        elif line.get("schema") == schema and line.get("table") in keys:
            change(txns[-1].changes, line["table"], keys[line["table"]], line.get("before"), line.get("after"))
    return [t for t in txns if (not has_gtid(gtids, t.at) if by_gtid else t.at >= began)]


def hex_of(value):
    """Bytes as the dump shows them."""
    return value["hex"] if isinstance(value, dict) else value.removeprefix("0x")


def change(changes, table, column, before, after):
    """One row, folded into what its transaction did so far."""
    old, new = ((table, image[column]) if image else None for image in (before, after))
    if old is not None and old != new:
        changes[old] = (changes[old][0] if old in changes else before, None)
    if new is not None:
        changes[new] = (changes[new][0] if new in changes else before if old == new else None, after)


def effective(changes):
    return {key: images for key, images in changes.items() if images[0] != images[1]}


def versions(txns, origin, interval_us):
    """Of each transaction that users made: a function of the log, whoever reads it and wherever it began to."""
    now, count, beat, given = 0, 0, None, []
    for t in txns:
        for beaten in t.beats:
            if beaten is not None:
                beat, now = beaten, max(now, beaten)
        for version, _ in t.mark:
            now = max(now, version.clock)
        if t.beats or t.own:
            continue
        count += 1
        now = max(now + 1, 0 if beat is None else min(t.stamp_us, beat + 2 * interval_us))
        if t.changes:
            given.append(Version(now, origin, count))
    return given


class Oracle:
    """sites: {id: the transactions of its log}."""

    def __init__(self, sites, interval_us=1000000):
        self.sites = sites
        self.interval_us = interval_us
        self.told = {site: self._versions(site) for site in sites}  # of each site's own transactions, in their order

    def _versions(self, origin):
        """[(version, seen, changes)]: each peer's marks name every one of them, in the order of their numbers."""
        local = [effective(t.changes) for t in self.sites[origin] if not t.own and t.changes]
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
        assert [v for v, _ in told] == versions(self.sites[origin], origin, self.interval_us)
        return [(v, seen, changes) for (v, seen), changes in zip(told, local)]

    def rows(self):
        """{(table, key): row}: of each key the newest write."""
        newest = {}
        for told in self.told.values():
            for version, _, changes in told:
                for key, (_, after) in changes.items():
                    if key not in newest or newest[key][0] < version:
                        newest[key] = version, after
        return {key: row for key, (_, row) in newest.items() if row is not None}

    def met(self, site):
        """What the conflict log of a site must hold."""
        by_name = {(v.origin, v.seq): (v, seen, changes) for told in self.told.values() for v, seen, changes in told}
        local, last, lines = iter(self.told[site]), {}, []
        for t in self.sites[site]:
            if not t.own and t.changes:
                version, _, changes = next(local)
                last.update(dict.fromkeys(changes, version))
            for v, _ in t.mark:
                version, seen, changes = by_name[v.origin, v.seq]
                for key in changes:
                    other = last.get(key)
                    if other is not None and seen.get(other.origin, 0) < other.seq:
                        lines.append(Met(version, key, other, version > other))
                    last[key] = max(version, other or version)
        return lines
