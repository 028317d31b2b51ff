"""The simulation's histories, judged by the model's oracle: a second program, in another language, which shares nothing with the
first or with the core. Both must say the same of every run, of those with a rule off too."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
SIM = pathlib.Path(os.environ.get("LUTRA_BIN", CHECKOUT / "build/lutra")).parent / "tests/sim/sim"

sys.path.insert(0, str(CHECKOUT / "tests"))

from model.oracle import judge  # noqa: E402

OWN = ("DRIFT", "WENT BACK", "RECOMPUTE", "FORGET", "1062")  # seen while it runs, not in what is left
ENDLESS = ("STUCK", "HELD", "GAP", "PURGED")


def row(values):
    return None if values is None else tuple(values)


def rows(table):
    return {int(key): row(values) for key, values in table.items()}


def history(text):
    """As the oracle wants it; an origin is the number of its site."""
    told = json.loads(text)
    sites = told["histories"]
    return {
        "sites": told["sites"], "policy": told["policy"], "interval": told["interval"], "initial": rows(told["initial"]),
        "logs": [[(kind, stamp, [(key, row(before), row(after)) for key, before, after in changes], [tuple(name) for name in applied], rows(written))
                  for kind, stamp, changes, applied, written in site["log"]] for site in sites],
        "rows": [rows(site["rows"]) for site in sites], "parked": [rows(site["parked"]) for site in sites],
        "conflicts": [[(origin, seq, key, tuple(other)) for origin, seq, key, other in site["conflicts"]] for site in sites],
        "claimed": [{int(place): ((clock, number), seq, {o: n for o, n in enumerate(sees) if n}) for place, (clock, seq, sees) in site["claimed"].items()}
                    for number, site in enumerate(sites)],
        "breaks": [{} for _ in sites], "lost": {}, "survived": {}, "given": {},
    }


def run(seed, *settings):
    """(what the simulation said, what the oracle says); None for a run that did not end."""
    if not SIM.exists():
        pytest.skip("needs a build with tests")
    done = subprocess.run([SIM, "history", str(seed), *settings], capture_output=True, text=True)
    said = set(done.stderr.splitlines())
    assert done.returncode == (1 if said else 0), done.stderr
    if any(line.startswith(ENDLESS) for line in said):
        return None
    return {line for line in said if not line.startswith(OWN)}, {line for line in judge(history(done.stdout)) if not line.startswith(OWN)}


@pytest.mark.parametrize("sites", (2, 3, 4))
@pytest.mark.parametrize("policy", ("row", "home", "column", "counter", "tally", "maximum", "minimum", "mixed", "made", "chosen", "unique"))
def test_another_program_finds_nothing_either(policy, sites):
    for seed in range(1000, 1006):
        assert run(seed, f"policy={policy}", f"sites={sites}") == (set(), set()), seed


def test_a_late_operation_meets_a_row_that_is_to_give_way():
    """Of three million seeds one has it: a user frees a value, a parked row is not back yet, and to the row that is there in its place comes an
    operation that is older than both."""
    assert run(4981737, "policy=unique", "sites=4", "big_jumps=0") == (set(), set())


@pytest.mark.parametrize("rule, settings", (
    ("fence", ()), ("tombstones", ()), ("invisible_wins", ()), ("hybrid_clock", ()), ("group_versions", ("sites=3", "shape=bulk")),
    ("causal_max", ("policy=maximum",)), ("causal_max", ("policy=mixed",)), ("pins", ("policy=unique", "shape=claims")), ("autocommit", ("sites=3",)),
))
def test_both_programs_find_the_same_where_a_rule_is_off(rule, settings):
    found = 0
    for seed in range(150):  # sim switches sees each rule missed within so many
        both = run(seed, f"off={rule}", *settings)
        if both is not None:
            assert both[0] == both[1], seed
            found += bool(both[0])
        if found == 3:
            return
    assert found > 0


def found(pattern, *files):
    return {name for file in files for name in re.findall(pattern, file.read_text())}


def test_every_rule_of_the_core_can_be_switched_off_and_is_missed():
    """Whatever the core asks lt_fault() for the simulation knows, and `sim switches` has seeds for it."""
    here = CHECKOUT / "tests/sim"
    asked = found(r'lt_fault\("conflict_(\w+)"\)', *(CHECKOUT / "src/conflict").glob("*.c"))
    assert asked == found(r'{ "conflict_(\w+)", SIM_\w+ }', here / "config.c")
    rules = found(r"\b(SIM_\w+)", here / "switches.c") - {"SIM_BIT"}
    assert found(r'{ "conflict_\w+", (SIM_\w+) }', here / "config.c") <= rules
    listed = found(r'{ "(\w+)", SIM_BIT', here / "switches.c")
    assert {"fence", "hybrid_clock", "tombstones", "invisible_wins", "pins", "marker", "insert_first", "epoch", "group_versions", "autocommit",
            "checkpoint_clock"} <= listed


def test_a_seed_is_one_history():
    first, second = (subprocess.run([SIM, "history", "7", "sites=3"], capture_output=True).stdout for _ in range(2))
    assert first == second and len(first) > 1000


def test_groups_reach_fifty():
    counted = subprocess.run([SIM, "count", "--seeds", "20", "shape=bulk", "sites=3"], capture_output=True, text=True).stdout
    assert "groups of 50 0" not in counted and "groups of 50 " in counted


def test_a_seed_that_fails_tells_itself_and_its_history():
    done = subprocess.run([SIM, "long", "--seeds", "40", "off=fence"], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and lines[-1].endswith("failed") and not lines[-1].endswith(" 0 failed")
    told = next(line for line in lines if line.startswith("# seed "))
    again = subprocess.run([SIM, *told.split(": sim ")[1].split(" (")[0].split(), "off=fence"], capture_output=True, text=True)
    assert again.returncode == 1 and f"#   {again.stderr.splitlines()[0]}" in lines
    printed = "\n".join(line.removeprefix("# ") for line in lines[:-1])
    assert again.stdout.strip() in printed
