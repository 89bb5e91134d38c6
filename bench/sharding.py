"""What RUNBOOKS over REPLICAS cost each of them, by figures measured per Runbook, and what moves as replicas change.

Simulated are the hash and the plan that replicas share by, the very functions that the operator has; no lease is taken
and no request is sent. Measured here is what a Runbook with its switches costs a replica in memory, which holds all of
them, and what each costs more that it leads. What checks cost is measured elsewhere (bench/sensing.py) and told as
CPU_MS_PER_ASK; without it none of that is said. Figures go to .lab/bench-sharding.json.
"""

import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import count
from random import Random
from typing import Any

from bench import facts
from runbook_operator.core.sharding import next_changes, shard_of

RUNBOOKS = int(os.environ.get("RUNBOOKS", "100000"))
REPLICAS = int(os.environ.get("REPLICAS", "10"))
SHARDS = int(os.environ.get("SHARDS", "128"))
NAMESPACES = int(os.environ.get("NAMESPACES", "5000"))
CHECKS = int(os.environ.get("CHECKS", "2"))
"""Of each Runbook, every PERIOD seconds."""
PERIOD = float(os.environ.get("PERIOD", "10"))
CPU_MS_PER_ASK = float(os.environ.get("CPU_MS_PER_ASK", "0"))
Figures = dict[str, Any]


def spread(*, skewed: bool) -> Counter[str]:
    """How many Runbooks each namespace has: all as many, or as by Zipf's law, in which a few have most."""
    names = [f"team-{number}" for number in range(NAMESPACES)]
    weights = [1 / (rank + 1) if skewed else 1.0 for rank in range(NAMESPACES)]
    Random(7).shuffle(names)  # noqa: S311 # a sequence that can be repeated
    return Counter(Random(7).choices(names, weights, k=RUNBOOKS))  # noqa: S311 # as above


def settled(holders: list[str], replicas: Iterable[str]) -> tuple[list[str], int]:
    """Who holds which shard once all have done their part, and how many turns that took."""
    alive, now = frozenset(replicas), list(holders)
    for turns in count():
        before = list(now)
        for one in alive:
            wish = next_changes(one, before, alive)
            for shard in wish.take:
                now[shard] = one
            for shard in wish.give:
                now[shard] = ""
        if now == before:
            return now, turns
    raise AssertionError


def loads(holders: list[str], sizes: Mapping[str, int]) -> Counter[str]:
    """How many Runbooks each replica leads."""
    led: Counter[str] = Counter()
    for namespace, size in sizes.items():
        led[holders[shard_of(namespace, len(holders))]] += size
    return led


def balance(led: Mapping[str, int]) -> Figures:
    mean = statistics.mean(led.values())
    return {
        "least": min(led.values()),
        "mean": round(mean),
        "most": max(led.values()),
        "most_to_mean": _r(max(led.values()) / mean),
    }


def moved(sizes: Mapping[str, int], before: list[str], after: list[str]) -> float:
    """The part of all Runbooks whose leader is another one."""
    changed = sum(
        size for name, size in sizes.items() if before[shard_of(name, len(before))] != after[shard_of(name, len(after))]
    )
    return _r(changed / RUNBOOKS)


def changes(sizes: Mapping[str, int]) -> Figures:
    """A replica is lost, one joins, and all are replaced: each time a new one comes and then an old one goes."""
    names = [f"replica-{number}" for number in range(REPLICAS)]
    start, _ = settled([""] * SHARDS, names)
    lost, turns = settled(start, names[1:])
    joined, _ = settled(start, [*names, "new"])
    rolled, alive, steps = start, set(names), 0.0
    for number, old in enumerate(names):
        for change in ({f"fresh-{number}"}, {old}):
            alive ^= change
            now, _ = settled(rolled, alive)
            steps += moved(sizes, rolled, now)
            rolled = now
    more = sum(size for name, size in sizes.items() if shard_of(name, SHARDS) != shard_of(name, 2 * SHARDS))
    return {
        "in_the_largest_namespace": _r(max(sizes.values()) / RUNBOOKS),
        "runbooks_led": balance(loads(start, sizes)),
        "shards_led": sorted(Counter(start).values()),
        "moved_by_a_loss": moved(sizes, start, lost),
        "turns_after_a_loss": turns,
        "after_a_loss": balance(loads(lost, sizes)),
        "moved_by_a_new_one": moved(sizes, start, joined),
        "moved_by_a_rollout_of_all": _r(steps),
        "in_another_shard_with_twice_as_many": _r(more / RUNBOOKS),
    }


def costs(most: int, kib: Mapping[str, float]) -> Figures:
    """What a replica needs, that with the most to do: memory for all, and time for its own."""
    mib = (RUNBOOKS * kib["stored"] + most * kib["led"]) / 1024
    figures: Figures = {"objects_mib": round(mib), "asks_per_second": round(most * CHECKS / PERIOD)}
    if CPU_MS_PER_ASK:
        figures["cores"] = _r(most * CHECKS / PERIOD * CPU_MS_PER_ASK / 1000)
    return figures


def measured() -> dict[str, float]:
    """KiB for each Runbook: of a process of its own for each figure."""
    stored, both = (
        float(
            subprocess.run(
                [sys.executable, "-m", "bench.sharding_memory", led, str(CHECKS)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for led in ("stored", "led")
    )
    return {"stored": _r(stored), "led": _r(both - stored)}


def _r(figure: float) -> float:
    return round(figure, 3)


def main() -> None:
    kib = measured()
    figures: Figures = {
        "runbooks": RUNBOOKS,
        "replicas": REPLICAS,
        "shards": SHARDS,
        "namespaces": NAMESPACES,
        "checks": CHECKS,
        "period_s": PERIOD,
        "kib_per_runbook": kib,
    }
    for name, skewed in (("even", False), ("skewed", True)):
        found = changes(spread(skewed=skewed))
        figures[name] = found | {"busiest": costs(found["runbooks_led"]["most"], kib)}
    figures["one_leader"] = costs(RUNBOOKS, kib)
    print(json.dumps(figures, indent=2))
    facts.kept("sharding", cluster=False, sharding=figures)


if __name__ == "__main__":
    main()
