"""What a conflict channel should have made of its sites' logs, reckoned here from the logs alone: last writer wins by row.

Versions and what each transaction had seen are read from the marks at the other sites; all else is worked out anew: the last row of each
key, and for each site, in the order of its log, which operation met a write that it had not seen."""

import collections
import json
import os
import subprocess

from lutralab.lutra import PASSWORD, USER

Txn = collections.namedtuple("Txn", "own mark changes")  # changes: {(table, key): (before, after)}
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


def read_log(program, server, schema, channel, keys):
    """The transactions of a site's log; keys is {table: column}."""
    dump = subprocess.run([program, "binlog", "dump", f"mysql://{USER}@127.0.0.1:{server.port}", "--password-env", "ORACLE_PW"],
                          env={**os.environ, "ORACLE_PW": PASSWORD}, capture_output=True, text=True, check=True)
    txns = []
    for line in map(json.loads, dump.stdout.splitlines()):
        if line["kind"] == "begin":
            txns.append(Txn(own=[], mark=[], changes={}))
        elif line.get("schema") == "lutra" and line.get("after", {}).get("channel") == channel:
            if line["table"] == "lane":
                txns[-1].own.append(True)
            elif line["table"] == "mark":
                txns[-1].mark[:] = Mark(bytes.fromhex(hex_of(line["after"]["bytes"]))).txns
        elif line.get("schema") == schema and line.get("table") in keys:
            change(txns[-1].changes, line["table"], keys[line["table"]], line.get("before"), line.get("after"))
    return txns


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


class Oracle:
    """sites: {id: the transactions of its log}."""

    def __init__(self, sites):
        self.sites = sites
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
