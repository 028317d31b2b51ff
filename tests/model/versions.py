"""Versions and vectors. A version is (clock, origin); a vector maps an origin to the newest of its transactions that was seen."""

UNKNOWN = (-1, -1)  # of a row that nobody remembers: below all


def seen(writer, vector):
    """`writer`: (origin, seq)."""
    return vector.get(writer[0], 0) >= writer[1]


def below(a, b):
    return all(b.get(origin, 0) >= seq for origin, seq in a.items())


def merge(into, other):
    for origin, seq in other.items():
        if into.get(origin, 0) < seq:
            into[origin] = seq
