"""The policies: a row as a function of its operations in the order of their versions, and unique keys on top of it.

An operation is (before, after, writer, vector); a row is a tuple of three values, or None. The function may be any, as long
as a local write, which is the newest and has seen all others, gives its own image."""

from .config import RULES
from .versions import seen


def unique_values(row):
    """The first two columns of a table with unique keys have one each."""
    if row is None:
        return ()
    if row[0] is None:
        return () if row[1] is None else ((1, row[1]),)
    return ((0, row[0]),) if row[1] is None else ((0, row[0]), (1, row[1]))


def fold(config, base, operations):
    """`operations`: version -> operation; `base`: the row before all of them."""
    ordered = [operations[v] for v in sorted(operations)]
    if config.policy == "home":
        return fold_home(config.sites, base, ordered)
    rules = RULES[config.policy]
    return ordered[-1][1] if rules is None else fold_columns(rules, base, ordered, config.causal_max)


def fold_home(sites, base, ordered):
    """Sites are trusted by their number: a write stands against newer ones of less trusted sites that had not seen it."""
    row, holder = base, None
    for _, after, writer, vector in ordered:
        if holder is None or seen(holder, vector) or writer[0] % sites <= holder[0] % sites:
            row, holder = after, writer
    return row


def fold_columns(rules, base, ordered, causal):
    row, rivals = base, [()] * len(rules)
    for before, after, writer, vector in ordered:
        if after is None or before is None or row is None:
            row = after
            rivals = [()] * len(rules) if after is None else [((value, writer),) for value in after]
            continue
        merged = list(row)
        for i, rule in enumerate(rules):
            if after[i] == before[i]:
                continue
            if rule == "last":
                merged[i] = after[i]
            elif rule == "sum":
                merged[i] += after[i] - before[i]
            else:
                best = max if rule == "max" else min
                rivals[i] = tuple(x for x in rivals[i] if not seen(x[1], vector)) + ((after[i], writer),)
                merged[i] = best(x[0] for x in rivals[i]) if causal else best(row[i], after[i])
        row = tuple(merged)
    return row


def project(abstract):
    """Which rows are visible: newest first, and whose unique value is taken is parked. `abstract`: key -> (version, row)."""
    taken, visible, parked = set(), {}, {}
    for key, (version, row) in sorted(abstract.items(), key=lambda e: (e[1][0], e[0]), reverse=True):
        values = unique_values(row)
        if any(value in taken for value in values):
            parked[key] = (row, version)
        else:
            visible[key] = row
            taken.update(values)
    return visible, parked
