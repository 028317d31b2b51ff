"""Rules switched off, in a build with -Dfaults=true: their tests must notice."""

import functools
import os
import pathlib
import re

import pytest
import steps
import test_converge_rules as converge
import test_explained as explained
import test_log_xa as xa
import test_rules as rules
import test_rules_log as log
import test_rules_rows as rows
import test_semi_sync as semi_sync
import test_writers as writers
from conftest import Channels
from lutralab import lutra as lutra_lab
from lutralab.lutra import LutraFailed
from lutralab.servers import CHECKOUT


def xa_over_a_kill(site, channel, schema):
    xa.test_r14_a_restart_between_prepare_and_commit("kill", (site("mysql", 1), site("mariadb", 2)), channel, schema)


# Switch in src/: the steps that must fail with it, and how long they may wait for what then never comes.
SWITCHED_OFF = {
    "r01_commit": (functools.partial(rules.damaged_group, damage="missing", places=(7,)), 5),
    "r02_claim": (rules.commit_in_doubt, 5),
    "r02_owner": (rules.two_owners, 5),
    "r02_newest": (writers.newest_lane_counts, 5),
    "r02_window": (writers.done_ahead_of_the_head, 5),
    "r03_session": (functools.partial(rules.test_r03_hostile_globals, "mysql", rules.HOSTILE["sql_mode"]), 5),
    "r03_flags": (functools.partial(rules.test_r03_cascades_and_orphans, ("mysql", "mysql")), 5),
    "r04_give_way": (writers.cycle_through_a_local_transaction, 3),
    "r04_order": (writers.cycle_through_a_local_transaction, 3),
    "r05_redo": (functools.partial(rules.damaged_group, damage="missing", places=(7,)), 5),
    "r06_whole": (functools.partial(writers.test_groups_that_the_server_takes_for_touching_never_meet, "mariadb"), 5),
    "r06_writeset": (functools.partial(rows.write_sets, "mariadb", "cascade"), 5),
    "r07_missing": (functools.partial(rows.test_r06_r07_images_without_all_columns, ("mariadb", "mysql"), "MINIMAL"), 5),
    "r08_verify": (rows.crossover, 3),
    "r09_count": (functools.partial(rows.test_r09_keyless_tables, ("mariadb", "mariadb")), 5),
    "r10_mark": (log.hidden_mark, 13),
    "r11_quiet": (log.test_r11_idle_two_way_channel_writes_next_to_nothing, 5),
    "r12_start": (log.killed_when_ready, 5),
    "r13_history": (functools.partial(log.lost_tail, again=True), 5),
    "r14_recall": (xa_over_a_kill, 5),
    "r15_state": (log.test_r15_data_folder_may_be_deleted, 5),
    "r16_version": (log.test_r16_newer_state_is_refused, 5),
    "r17_insert": (converge.every_write_is_explained, 5),
    "r21_fence": (converge.every_write_is_explained, 5),
    "r23_ack": (semi_sync.acked_before_it_is_kept, 5),
    # Of the conflict core, which tests/sim judges, what real servers show as well:
    "conflict_group_versions": (converge.every_write_is_explained, 5),
    "conflict_tombstones": (converge.every_write_is_explained, 5),
    "conflict_causal": (explained.every_write_is_accounted_for, 5),
}


def binary():
    return pathlib.Path(os.environ.get("LUTRA_FAULTS_BIN", CHECKOUT / "build-faults/lutra"))


def test_every_rule_has_a_switch():
    found = {name for file in (CHECKOUT / "src").rglob("*.c") for name in re.findall(r'lt_fault\("(r\d+_\w+)"\)', file.read_text())}
    assert found == {name for name in SWITCHED_OFF if not name.startswith("conflict_")}
    assert {int(name[1:3]) for name in found} == {*range(1, 18), 21, 23}


TRIES = 3  # what shares a group, and who is faster, is the moment's: once it may come out well all the same


@pytest.mark.parametrize("switch", SWITCHED_OFF)
def test_rule_switched_off_is_noticed(switch, lab, site, schema, monkeypatch):
    if not binary().exists():
        pytest.skip(f"{binary()} is not built (`make faults`)")
    rule, patience_s = SWITCHED_OFF[switch]
    monkeypatch.setattr(steps, "PATIENCE_S", patience_s)
    monkeypatch.setattr(lutra_lab, "READY_S", 10)
    with_lab = getattr(rule, "func", rule) in (log.lost_tail, semi_sync.acked_before_it_is_kept)
    for number in range(TRIES):
        name = f"{schema}_{number}"
        channel = Channels(lab, name)
        channel.more = {"program": binary(), "env": {"LUTRA_FAULTS": switch}}
        try:
            rule(*((lab,) if with_lab else ()), site, channel, name)
        except (AssertionError, LutraFailed, TimeoutError) as failure:
            print(f"{switch}, try {number + 1}: {failure}")
            return
        finally:
            channel.close()
    pytest.fail(f"{TRIES} times nothing was seen of it")
