"""docs/log-checklist.md names tests and files that exist, and every type of event."""

import re

from lutralab.servers import CHECKOUT


def lines():
    """(what, files, tests) of each line."""
    for line in (CHECKOUT / "docs/log-checklist.md").read_text().splitlines():
        cells = [c.strip() for c in line.split("|")[1:-1]]
        if len(cells) == 3 and "`" in cells[2]:
            yield cells[0], re.findall(r"`([\w/.]+)`", cells[1]), re.findall(r"`(\w+)`", cells[2])


def test_every_test_of_the_checklist_exists():
    named = {name for *_, tests in lines() for name in tests}
    here = "".join(p.read_text() for p in (CHECKOUT / "tests/integration").glob("test_*.py"))
    units = "".join(p.read_text() for p in (CHECKOUT / "tests/unit").glob("*/test_*.c"))

    assert len(named) > 60
    assert not {n for n in named if not re.search(rf"^(def {n}\(|{n}\(void \*\*state\))", here + units, re.M)}


def test_every_line_of_the_checklist_names_files_that_exist():
    sources = ["/" + str(p.relative_to(CHECKOUT / "src")) for p in (CHECKOUT / "src").glob("*/*.c")]

    for what, files, tests in lines():
        assert files and tests, what
        assert not [f for f in files if not any(s.endswith("/" + f) for s in sources)], what


def test_every_type_of_event_is_on_the_checklist():
    header = (CHECKOUT / "src/binlog/header.h").read_text()
    known = {int(number) for number in re.findall(r"^\tBINLOG_\w+ = (\d+),$", header, re.M)}
    listed = set()
    for what, *_ in lines():
        for numbers in re.findall(r"\((\d[\d, -]*)\)", what):
            for first, _, last in (part.strip().partition("-") for part in numbers.split(",")):
                listed |= set(range(int(first), int(last or first) + 1))

    assert len(known) > 50
    assert listed == known
