"""Runs seeds and tells what failed: python3 -m model.run [--seeds N] [--first K] [--table] [SETTING=VALUE ...]"""

import argparse
import ast
import collections
import dataclasses
import multiprocessing
import sys
import time

from .config import RULES, Config
from .oracle import judge
from .switches import NOT_MISSED, SWITCHES, cases
from .world import World


def run_seed(seed, config):
    """(failures, the world at its end)"""
    world = World(seed, config)
    world.run()
    failures = set(world.failures)
    if not any(f.startswith(("STUCK", "HELD", "GAP", "PURGED")) for f in failures):
        failures |= judge(world.history())
        failures |= world.leftovers()
    return sorted(failures), world


def one(job):
    seed, config = job
    failures, world = run_seed(seed, config)
    return seed, failures, world.summary()


def batch(config, seeds, jobs=1):
    """{"failed": seeds, "failures": {sentence: seeds}, "notes": what happened, summed}"""
    failures, notes, failed = {}, collections.Counter(), []
    work = [(seed, config) for seed in seeds]
    pool = multiprocessing.Pool(jobs) if jobs > 1 else None
    for seed, found, summary in pool.imap_unordered(one, work, 16) if pool else [one(job) for job in work]:
        notes.update(summary)
        if found:
            failed.append(seed)
        for sentence in found:
            failures.setdefault(sentence, []).append(seed)
    if pool:
        pool.close()
    return {"failed": sorted(failed), "failures": {s: sorted(x) for s, x in sorted(failures.items())}, "notes": notes}


FAULTS = {"crashes, cuts, clocks": {}, "years of skew": {"big_jumps": True}, "a lost tail": {"lost_tail": True}}


def table(seeds, jobs):
    """Every policy, with 2, 3 and 4 sites, under each kind of faults. Status 1 if any run failed."""
    bad = 0
    print("| policy | sites | faults | runs | failed | diverged |\n|---|---|---|---|---|---|", flush=True)
    for policy in RULES:
        for sites in (2, 3, 4):
            for name, faults in FAULTS.items():
                result = batch(Config(policy=policy, sites=sites, **faults), seeds, jobs)
                diverged = len(result["failures"].get("DIVERGED: the sites differ", ()))
                print(f"| {policy} | {sites} | {name} | {len(seeds)} | {len(result['failed'])} | {diverged} |", flush=True)
                bad += len(result["failed"])
                for sentence, found in result["failures"].items():
                    print(f"{len(found)} x {sentence}, first seed {found[0]}", file=sys.stderr, flush=True)
    return 1 if bad else 0


def missed(entries, seeds, jobs):
    """What is seen of each rule when it is off."""
    print("| rule | workload | runs | failed | diverged | first | seen as |\n|---|---|---|---|---|---|---|", flush=True)
    for name, entry in entries.items():
        result = batch(cases(entry)[1], seeds, jobs)
        workload = ", ".join(f"{k}={v}" for k, v in entry.workload.items())
        seen = sorted(result["failures"].items(), key=lambda x: -len(x[1]))[:3]
        words = ", ".join(f"{sentence.split(':')[0]} {len(found)}" for sentence, found in seen)
        diverged = len(result["failures"].get("DIVERGED: the sites differ", ()))
        first = result["failed"][0] if result["failed"] else "-"
        print(f"| {name} | {workload} | {len(seeds)} | {len(result['failed'])} | {diverged} | {first} | {words} |", flush=True)
    return 0


def settings_of(texts):
    types = {f.name: f.type for f in dataclasses.fields(Config)}
    pairs = (text.split("=", 1) for text in texts)
    return Config(**{k: v if types[k] in (str, "str") else ast.literal_eval(v) for k, v in pairs})


def main():
    parser = argparse.ArgumentParser(prog="model.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--notes", action="store_true", help="what happened in these runs")
    parser.add_argument("--table", action="store_true", help="every policy, number of sites and kind of faults")
    parser.add_argument("--missed", action="store_true", help="every rule switched off, one at a time")
    parser.add_argument("settings", nargs="*", metavar="SETTING=VALUE")
    args = parser.parse_args()
    seeds = range(args.first, args.first + args.seeds)
    if args.table:
        return table(seeds, args.jobs)
    if args.missed:
        return missed({**SWITCHES, **NOT_MISSED}, seeds, args.jobs)
    begin = time.time()
    result = batch(settings_of(args.settings), seeds, args.jobs)
    print(f"{' '.join(args.settings) or 'base'}: {args.seeds} seeds from {args.first}, {len(result['failed'])} failed, {time.time() - begin:.1f} s")
    for sentence, found in result["failures"].items():
        print(f"  {len(found):6d}  {sentence}  first seed {found[0]}")
    if args.notes:
        print("  " + ", ".join(f"{k} {v}" for k, v in sorted(result["notes"].items())))
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
