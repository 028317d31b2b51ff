"""Who wins: what a group of source transactions does at the target, with its rows locked and the reader past the fence.

Nothing here changes anything: it reads the site and its reader, and gives a Decision."""

from .fold import fold, project, unique_values
from .versions import UNKNOWN, seen


class Decision:
    __slots__ = ("rows", "parked", "park", "marks", "conflicts", "drift", "need")

    def __init__(self):
        self.rows = {}  # key -> row, where it differs
        self.parked = {}  # key -> (row, version), or None: no longer
        self.park = {}  # for the mark: versions of all rows that compete with parked ones
        self.marks = []  # (origin, seq, version, vector, won)
        self.conflicts = []  # (origin, seq, key, writer that it had not seen)
        self.drift = False
        self.need = set()  # locks without which the decision may not stand


def newer(config, version, than):
    return version > than if config.tie_break else version[0] >= than[0]


class Applied:
    """What was applied here, so far: a before image is compared only if all that its writer had seen is here."""

    def __init__(self, site, reader):
        self.vector = dict(reader.vector)
        self.given = site.given if site.config.spare_given else ()

    def covers(self, vector, origin):
        """What is given back of a lost tail is not whole: its images are not compared."""
        return origin not in self.given and all(self.vector.get(o, 0) >= seq for o, seq in vector.items() if o != origin)


def by_row(config, site, reader, messages):
    """The newest write of a row stands."""
    out, known, applied = Decision(), reader.known, Applied(site, reader)
    winners = {}  # key -> (version, row, writer)
    check = config.policy == "row"
    for _, origin, seq, version, vector, ops in messages:
        writer = (origin, seq)
        applied.vector[origin] = seq
        for key, before, after in ops:
            last = winners.get(key)
            entry = known.get(key)
            if last is not None:
                held, image = (last[0], last[2]), last[1]
            else:
                held, image = entry, site.rows.get(key)
            if held is not None and not seen(held[1], vector):
                out.conflicts.append((origin, seq, key, held[1]))
            elif check and image != before and applied.covers(vector, origin):
                out.drift = True
            if held is None or newer(config, version, held[0]):
                winners[key] = (version, after, writer)
    if config.policy == "unique":
        written = {key for m in messages for key, _, _ in m[5]}
        visible, parked = unique(config, site, reader, winners, written, out)
    else:
        visible, parked = {key: w[1] for key, w in winners.items() if w[1] is not None}, ()
        out.rows = {key: w[1] for key, w in winners.items() if site.rows.get(key) != w[1]}
    won = {}
    for key, (_, _, writer) in winners.items():
        if config.invisible_wins or key in out.rows:
            won.setdefault(writer, []).append((key, "parked" if key in parked else "visible" if key in visible else "absent"))
    last = messages[-1][3] if messages else None
    out.marks = [(o, n, v if config.group_versions else last, vec, won.get((o, n), ())) for _, o, n, v, vec, _ in messages]
    return out


def unique(config, site, reader, winners, written, out):
    """Park and project, among all rows that compete with those that change. Returns (visible, parked) of them."""
    known = reader.known
    before = {key: (known[key][0] if key in known else UNKNOWN, row) for key, row in site.rows.items()}
    for key, (row, version) in site.parked.items():  # a later write of its key makes a parked row void
        if key not in site.rows and key in known and known[key][2] == "parked" and known[key][0] == version:
            before[key] = (version, row)
    after = dict(before)
    for key, (version, row, _) in winners.items():
        after.pop(key, None)
        if row is not None:
            after[key] = (version, row)
    touched = set(winners) | {key for key in written if key in site.parked} if written else set(site.parked)
    keys, values = component(touched, before, after)
    out.need = {("p", key) for key in (keys | touched if config.component_locks else touched)}
    if config.value_locks:
        out.need |= {("u",) + value for value in values}
    visible, parked = project({key: after[key] for key in keys if key in after})
    for key in keys | touched:
        if visible.get(key) != site.rows.get(key):
            out.rows[key] = visible.get(key)
        if parked.get(key) != site.parked.get(key):
            out.parked[key] = parked.get(key)
    blocked = {value for row, _ in parked.values() for value in unique_values(row)}
    for key in keys - set(winners):
        held = known.get(key, (UNKNOWN, (0, 0)))
        if key in parked:
            out.park[key] = (parked[key][1], held[1], "parked")
        elif key in visible and (key in out.rows or config.stored_pins and key in known and blocked & set(unique_values(visible[key]))):
            out.park[key] = (held[0], held[1], "visible")
    return visible, parked


def component(touched, before, after):
    """All keys and values that hang together with `touched` by unique values, before or after."""
    holders = {}
    for state in (before, after):
        for key, (_, row) in state.items():
            for value in unique_values(row):
                holders.setdefault(value, set()).add(key)
    keys, values, todo = set(touched), set(), list(touched)
    while todo:
        key = todo.pop()
        for state in (before, after):
            for value in unique_values(state[key][1]) if key in state else ():
                if value not in values:
                    values.add(value)
                    todo.extend(holders[value] - keys)
                    keys |= holders[value]
    return keys, values


def by_list(config, site, reader, messages):
    """The row is folded again from the operations that are remembered of it."""
    out, known, applied = Decision(), reader.known, Applied(site, reader)
    newest, lists, images = {}, {}, {}
    for _, origin, seq, version, vector, ops in messages:
        writer, won = (origin, seq), []
        applied.vector[origin] = seq
        for key, before, after in ops:
            held = newest.get(key) or known.get(key)
            now = images[key] if key in images else site.rows.get(key)
            if held is not None and not seen(held[1], vector):
                out.conflicts.append((origin, seq, key, held[1]))
            elif held is None and now != before and applied.covers(vector, origin):
                out.drift = True
            if held is None or version > held[0]:
                newest[key] = (version, writer)
            if key not in lists:
                have = reader.lists.get(key)
                lists[key] = (have[0], dict(have[1])) if have else (now, {})
            base, operations = lists[key]
            late = any(v > version or not seen(op[2], vector) for v, op in operations.items())
            replaced = (base, dict(operations)) if late and config.operation_list else None
            operations[version] = (before, after, writer, vector)
            images[key] = fold(config, base, operations)
            won.append((key, before, after, now, replaced))
        out.marks.append((origin, seq, version, vector, won))
    out.rows = {key: row for key, row in images.items() if site.rows.get(key) != row}
    if not config.invisible_wins:
        out.marks = [(o, n, v, vec, [w for w in won if w[0] in out.rows]) for o, n, v, vec, won in out.marks]
    return out
