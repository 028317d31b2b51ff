"""docs/log-checklist.md names tests that exist."""

import re

from lutralab.servers import CHECKOUT


def test_every_test_of_the_checklist_exists():
    lines = (CHECKOUT / "docs/log-checklist.md").read_text().splitlines()
    named = {name for line in lines if line.startswith("| ") for name in re.findall(r"`(\w+)`", line.rsplit("|", 2)[1])}
    here = "".join(p.read_text() for p in (CHECKOUT / "tests/integration").glob("test_*.py"))
    units = "".join(p.read_text() for p in (CHECKOUT / "tests/unit").glob("*/test_*.c"))

    assert len(named) > 60
    assert not {n for n in named if not re.search(rf"^(def {n}\(|{n}\(void \*\*state\))", here + units, re.M)}
