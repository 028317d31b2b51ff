"""Row changes as the servers' own log readers tell them (`mariadb-binlog -vv`, `mysqlbinlog -vv`), and whether
`lutra binlog dump --raw` tells the same.

    mine, theirs = dumped(lines), pseudo_sql(text);  where = difference(mine, theirs)
"""

import datetime
import decimal
import json
import math
import re
import struct

_HEAD = re.compile(rb"^### (INSERT INTO|UPDATE|DELETE FROM) `(.*)`\.`(.*)`$")
_PART = re.compile(rb"^### (SET|WHERE)$")
_VALUE = re.compile(rb"^###   @(\d+)=(.*) /\* (\S+) meta=\S+ nullable=[01] is_null=([01]) \*/$", re.DOTALL)
_BARE = re.compile(rb"^###   @(\d+)=(.*) /\* (\S+).*\*/$", re.DOTALL)
_OPERATIONS = {b"INSERT INTO": "insert", b"UPDATE": "update", b"DELETE FROM": "delete"}
_EPOCH = datetime.datetime(1970, 1, 1)


class Row:
    """One change: images are lists of (column number or None, value, type or None); None where there is none."""

    def __init__(self, operation, table, before=None, after=None):
        self.operation, self.table, self.before, self.after = operation, table, before, after

    def __repr__(self):
        return f"{self.operation} of {self.table}"


def pseudo_sql(text):
    """The rows of `-vv` output (bytes), in their order."""
    rows, image = [], None
    for line in text.split(b"\n"):
        head = _HEAD.match(line)
        part = _PART.match(line)
        value = _VALUE.match(line) or _BARE.match(line)
        if head:
            rows.append(Row(_OPERATIONS[head[1]], f"{head[2].decode()}.{head[3].decode()}"))
        elif part and rows:
            image = []
            setattr(rows[-1], "before" if part[1] == b"WHERE" else "after", image)
        elif value and image is not None:
            image.append((int(value[1]), value[2], value[3].decode()))
    return rows


def dumped(objects):
    """The rows of parsed `lutra binlog dump --raw` lines."""
    def image(o):
        return None if o is None else [(int(k[1:]) if re.fullmatch(r"@\d+", k) else None, v, None) for k, v in o.items()]
    return [Row(o["kind"], f"{o['schema']}.{o['table']}", image(o.get("before")), image(o.get("after")))
            for o in objects if o["kind"] in ("insert", "update", "delete")]


def _quotings(raw):
    """The ways in which the tools' versions print text: with or without escapes, hexadecimal in small letters or capitals."""
    for control in (b"\\x%02x", b"\\x%02X"):
        yield b"".join(bytes([b]) if b > 0x1F else control % b for b in raw)
        yield b"".join(b"\\" + bytes([b]) if b in b"'\\" else bytes([b]) if b > 0x1F else control % b for b in raw)


def _close(a, b):
    return a == b or math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-44)


def _same_timestamp(mine, theirs):
    if mine.startswith("0000-00-00"):
        return decimal.Decimal(theirs) == 0
    whole, _, fraction = mine.partition(".")
    at = datetime.datetime.strptime(whole, "%Y-%m-%d %H:%M:%S")
    return decimal.Decimal(f"{int((at - _EPOCH).total_seconds())}.{fraction or 0}") == decimal.Decimal(theirs)


def _digits(text):
    return text.startswith("-"), re.sub(r"\D", "", text)


def _number(mine, key):
    return mine[key] if isinstance(mine, dict) else mine


def _json_call(diffs, column):
    """The function call that mysqlbinlog prints for partial updates of JSON; equal functions in a row share one."""
    written, last = column, None
    for diff in diffs:
        args = [f"'{diff['path']}'"]
        if "value" in diff:
            value = diff["value"]
            plain = isinstance(value, (int, float)) and not isinstance(value, bool)
            text = json.dumps(value, ensure_ascii=False)
            args.append(text if plain else f"'{value}'" if isinstance(value, str) else f"CAST('{text}' AS JSON)")
        if diff["op"] == last:
            written = ", ".join([written[:-1], *args]) + ")"
        else:
            written = f"JSON_{diff['op'].upper()}({', '.join([written, *args])})"
        last = diff["op"]
    return written


def same_value(mine, theirs, kind):
    """Whether a value of --raw output is what the tool printed (bytes) for a column of that kind."""
    if mine is None or theirs == b"NULL":
        return mine is None and theirs == b"NULL"
    quoted = theirs[1:-1] if theirs[:1] == b"'" and theirs[-1:] == b"'" else None
    name = kind.split("(")[0]
    if isinstance(mine, dict) and "json" in mine:
        return quoted in _quotings(mine["json"].encode())
    if isinstance(mine, dict) and "json_diff" in mine:
        text = theirs.decode()
        column = re.search(r"@\d+", text)
        return bool(column) and _json_call(json.loads(mine["json_diff"]), column[0]) == text
    if name == "VECTOR" and isinstance(mine, dict):
        raw = bytes.fromhex(mine["hex"])
        numbers = [float(n) for n in theirs.decode().strip("[]").split(",")]
        return len(numbers) * 4 == len(raw) and all(map(_close, struct.unpack(f"<{len(numbers)}f", raw), numbers))
    if isinstance(mine, dict) and "hex" in mine:
        return quoted in _quotings(bytes.fromhex(mine["hex"]))
    text = theirs.decode()
    if name in ("FLOAT", "DOUBLE"):
        return _close(float(mine), float(text))
    if name == "DECIMAL":
        return decimal.Decimal(mine) == decimal.Decimal(text)
    if name == "TIMESTAMP":
        return _same_timestamp(mine, text)
    if name in ("DATE", "TIME", "DATETIME"):
        return _digits(mine) == _digits(text.strip("'"))
    if text.startswith("b'"):
        number = int(mine["bit"], 2) if isinstance(mine, dict) and "bit" in mine else _number(mine, "set")
        return number == int(text[2:-1] or "0", 2)
    if name.startswith("ENUM"):
        return _number(mine, "enum") == int(text)
    if name == "YEAR":
        # Both tools print YEAR 0000 as 1900.
        return mine == int(text) or (mine == 0 and text == "1900")
    # Signed, and unsigned in parentheses where that differs: the tools do not know which it is.
    return str(mine) in (text, *re.findall(r"\((\d+)\)", text), text.split(" ")[0])


def _different_image(what, mine, theirs):
    if (mine is None) != (theirs is None):
        return f"{what}: only one of the two has it"
    if mine is None:
        return None
    if len(mine) != len(theirs):
        return f"{what}: {len(mine)} values, {len(theirs)} by the server's tool"
    for (number, value, _), (column, text, kind) in zip(mine, theirs):
        if number not in (None, column):
            return f"{what}: column {number} in place of {column}"
        if not same_value(value, text, kind):
            return f"{what}: column {column} ({kind}): {repr(value)[:200]}, {repr(text)[:200]} by the server's tool"
    return None


def difference(mine, theirs, mine_ended=False, theirs_ended=False):
    """None, or where two lists of rows differ. One that ended early may be shorter, and its last row be cut."""
    if theirs_ended:
        theirs = theirs[:-1]
        mine = mine[: len(theirs)]
    if mine_ended:
        theirs = theirs[: len(mine)]
    for number, (a, b) in enumerate(zip(mine, theirs), 1):
        if (a.operation, a.table) != (b.operation, b.table):
            return f"row {number}: {a}, {b} by the server's tool"
        found = _different_image("before", a.before, b.before) or _different_image("after", a.after, b.after)
        if found:
            return f"row {number}, {a}, {found}"
    if len(mine) != len(theirs):
        return f"{len(mine)} rows, {len(theirs)} by the server's tool"
    return None
