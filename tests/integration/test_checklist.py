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


def fuzzers():
    """{file of src/: targets}, by the lines of that section; a name without a folder is of the folder named before it."""
    section = (CHECKOUT / "docs/log-checklist.md").read_text().split("## Fuzzers", 1)[1]
    met = {}
    for line in section.splitlines():
        cells = [c.strip() for c in line.split("|")[1:-1]]
        folder = None
        for name in re.findall(r"`([\w/]+\.c)`", cells[0] if len(cells) == 2 else ""):
            folder, _, file = name.rpartition("/") if "/" in name else (folder, "", name)
            met[f"{folder}/{file}"] = set(re.findall(r"`(\w+)`", cells[1]))
    return met


def test_every_decoder_meets_a_fuzzer():
    met = fuzzers()
    decoders = {f"{h.parent.name}/{h.stem}.c" for h in (CHECKOUT / "src").glob("*/*.h") if re.search(r"^[^*/]*\w_decode\(", h.read_text(), re.M)}
    decoders = {d for d in decoders if (CHECKOUT / "src" / d).exists()} | {"change/gtid_wire.c"}

    assert len(decoders) > 15
    assert not decoders - met.keys()
    assert not [name for name in met if not (CHECKOUT / "src" / name).exists()]


def test_every_fuzzer_is_built_and_named():
    here = {p.stem.removeprefix("fuzz_") for p in (CHECKOUT / "tests/fuzz").glob("fuzz_*.c")}
    built = set(re.findall(r"^  '(\w+)': \w+_dep,$", (CHECKOUT / "tests/fuzz/meson.build").read_text(), re.M))

    assert len(here) > 15
    assert here == built == set().union(*fuzzers().values())
