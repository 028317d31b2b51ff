"""The model of conflict resolution: sites end equal under every policy, and each rule that is switched off is missed."""

import pytest

from .config import Config
from .run import run_seed
from .switches import SWITCHES, cases

SEEDS = 150


@pytest.mark.parametrize("sites", (2, 3))
@pytest.mark.parametrize("policy", ("row", "home", "column", "counter", "tally", "maximum", "minimum", "mixed", "unique"))
def test_sites_end_equal(policy, sites):
    config = Config(policy=policy, sites=sites)
    found = {seed: failures for seed in range(SEEDS // sites) if (failures := run_seed(seed, config)[0])}
    assert not found


@pytest.mark.parametrize("name", SWITCHES)
def test_a_rule_switched_off_is_missed(name):
    whole, without, seeds = cases(name)
    for seed in seeds:
        failures, _ = run_seed(seed, without)
        if failures:
            assert not run_seed(seed, whole)[0], "this seed fails with the rule as well"
            return
    pytest.fail(f"{len(seeds)} seeds did not show that {name} is needed")


def test_a_seed_is_one_history():
    first, second = (run_seed(7, Config(sites=3))[1].history() for _ in range(2))
    assert first == second


def test_groups_reach_fifty():
    assert sum(run_seed(seed, Config(shape="bulk"))[1].summary()["groups of 50"] for seed in range(6)) > 0
