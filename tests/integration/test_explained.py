"""Two sites that write the same rows end equal, and every write is accounted for: it stands, or a newer one had seen it, or the conflict
log has it. Against an oracle that knows the logs alone."""

import pytest
from storm import Storm

WRITES = 150


@pytest.mark.parametrize("engines", [("mariadb", "mariadb"), ("mysql", "mysql"), ("mariadb", "mysql"), ("mariadb", "mariadb", "mysql")],
                         ids="-".join)
def test_every_write_is_accounted_for(channel, site, schema, engines):
    storm = Storm(channel, {name: site(engine, number) for number, (name, engine) in enumerate(zip("abc", engines), 1)}, schema)
    storm.lutra.start()
    with storm.clients(limit=WRITES) as clients:
        clients.join()
    storm.ends_well()
