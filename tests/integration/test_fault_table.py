"""Each row of the table of faults (faults/), under a small workload: what comes out is what the row says, each source transaction is at
the target exactly once, and all tables are equal. Rows share two servers and one Lutra; one that fails gets its successors new ones."""

import pytest
from faults import fault as one_fault
from faults.data import DATA
from faults.host import HOST
from faults.servers import SERVERS
from faults.world import World
from lutralab import lutra as lutra_lab
from lutralab.servers import Unavailable, tail

FAULTS = [*SERVERS, *DATA, *HOST]
ROWS = sorted(((engine, fault) for fault in FAULTS for engine in fault.engines), key=lambda row: row[0])


@pytest.fixture(scope="module")
def worlds(lab):
    if not lutra_lab.binary().exists():
        pytest.skip(f"{lutra_lab.binary()} is not built")
    made = {}
    yield made
    for world in made.values():
        world.close()


@pytest.mark.parametrize("engine, fault", ROWS, ids=[f"{engine}-{fault.name}" for engine, fault in ROWS])
def test_fault(engine, fault, lab, worlds):
    if engine not in worlds:
        for other in list(worlds):
            worlds.pop(other).close()
        try:
            worlds[engine] = World(lab, engine)
        except Unavailable as e:
            pytest.skip(str(e))
    try:
        one_fault.run(fault, worlds[engine])
    except Exception:
        print(tail(worlds[engine].lutra.log, 40))
        worlds.pop(engine).close()
        raise


def test_the_table_is_as_long_as_it_must_be():
    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names)) >= 40
