"""The model of conflict resolution: sites end equal under every policy, and each rule that is switched off is missed."""

import pytest

from . import heal
from .config import Config
from .oracle import judge
from .run import run_seed
from .server import Entry, Job
from .switches import SWITCHES, cases
from .world import World

SEEDS = {2: 160, 3: 80}


@pytest.mark.parametrize("sites", SEEDS)
@pytest.mark.parametrize("policy", ("row", "home", "column", "counter", "tally", "maximum", "minimum", "mixed", "unique"))
def test_sites_end_equal(policy, sites):
    config = Config(policy=policy, sites=sites)
    found = {seed: failures for seed in range(SEEDS[sites]) if (failures := run_seed(seed, config)[0])}
    assert not found


@pytest.mark.parametrize("name", SWITCHES)
def test_a_rule_switched_off_is_missed(name):
    entry = SWITCHES[name]
    whole, without = cases(entry)
    for seed in entry.seeds:
        failures, _ = run_seed(seed, without)
        if failures:
            assert not run_seed(seed, whole)[0], "this seed fails with the rule as well"
            return
    pytest.fail(f"{len(entry.seeds)} seeds did not show that {name} is needed")


def test_a_seed_is_one_history():
    first, second = (run_seed(7, Config(sites=3))[1].history() for _ in range(2))
    assert first == second


def test_groups_reach_fifty():
    assert sum(run_seed(seed, Config(shape="bulk"))[1].summary()["groups of 50"] for seed in range(6)) > 0


class ByHand:
    """A world without chance: the test says who does what, and when."""

    def __init__(self, **settings):
        self.world = World(1, Config(shape="calm", **settings))
        for site in self.world.sites:
            site.rows.clear()
        self.world.initial.clear()
        for node in self.world.nodes:
            node.start()

    def write(self, i, key, row):
        site, session = self.world.sites[i], self.world.session()
        ops = [(key, site.rows.get(key), row)]
        site.commit(Job(session, {key: row}, Entry("local", stamp=0, ops=ops, user=True)))
        self.read(i)

    def read(self, i):
        self.world.nodes[i].read(1000)

    def beat(self, i):
        self.world.nodes[i].heartbeat()
        self.read(i)

    def carry(self, i, j):
        """All that i has for j is sent, applied and read there."""
        world, link, node = self.world, self.world.link[i, j], self.world.nodes[j]
        while link.send():
            for wire, arrived in zip(link.wires, link.arrived):
                arrived.extend(wire)
                wire.clear()
        while link.pending() or any(stream.groups for stream in node.streams):
            next(stream for stream in node.streams if stream.peer == i).step(world.rnd)
            while node.site.committing or node.site.releasing:
                node.site.work(world.rnd)
            self.read(j)

    def end(self):
        self.world.drain()
        return self.world.failures | judge(self.world.history())


def trusted_sites(**settings):
    """Site 0 is trusted more than 1, and 1 more than 2. Its reader begins again between its own write and an older one of site 1."""
    run = ByHand(policy="home", sites=3, **settings)
    for key in (1, 1, 0):
        run.write(0, key, (None, None, 1))
    run.beat(0)
    run.write(1, 0, (None, None, 2))  # an older version, not having seen the other
    run.carry(1, 0)
    run.carry(0, 1)
    run.carry(0, 2)
    for i in (1, 2):
        run.beat(i)
        run.carry(i, 0)
    run.beat(0)
    run.world.nodes[0].reread()
    run.read(0)
    run.write(2, 0, (None, None, 3))  # has seen the first, which had won, and not the second
    run.carry(2, 0)
    return run.end()


def test_a_write_that_lost_to_one_forgotten_stays_lost():
    assert not trusted_sites()
    assert "DIVERGED: the sites differ" in trusted_sites(operation_list=False)


def older_write_given_back(**settings):
    """Site 1 loses a write that site 0 has; a newer one of site 0 comes again before the lost one is given back."""
    run = ByHand(policy="column", lost_tail=True, **settings)
    run.write(1, 1, (1, 1, 1))
    run.write(1, 0, (1, 1, 1))
    for key in (2, 3, 4, 0):
        run.write(0, key, (2, 2, 2))
    run.carry(1, 0)
    heal.lose(run.world, 1, 1)
    run.world.nodes[1].start()
    run.read(1)
    run.carry(0, 1)
    run.beat(0)
    run.carry(0, 1)
    run.world.nodes[1].forget()
    return run.end()


def test_what_is_yet_to_be_given_back_bounds_forgetting():
    assert not older_write_given_back()
    assert "DIVERGED: the sites differ" in older_write_given_back(claim_given=False)
