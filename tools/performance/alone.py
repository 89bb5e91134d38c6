"""The sections of the operator at what only some of the benches ask of it."""

from collections import Counter
from collections.abc import Iterator

from bench.stacks import LOOP, OTHERS, WATCH
from bench.told import quantile
from tools.performance.figures import Committed
from tools.performance.rows import LABELS, percent, plain

PROFILE = """
## Where the processor's time of a throw goes

Of the operator with {runbooks:,} Runbooks, thrown and released one by one {throws:,} times in {seconds:.0f} s (`make
bench-profile`). py-spy looked {rate} times a second at what ran in it or waited for a processor; a sample counts for
the innermost frame that is of one of these parts, so that what the rest of the standard library does, it does for its
caller. Own is the operator's own code, by package or module; waking up is the way out of the wait for events. The last
column shares out the {each:.1f} ms of a processor that a throw and its release took meanwhile.

| part | the operator's loop | kopf's watches | other threads | all | ms of a throw and its release |
| --- | --- | --- | --- | --- | --- |
"""
WATCHING = """
## While it watches

The same operator with 5,000 Runbooks, first with nothing to watch and then with two checks each every 10 s, that is
1,000 in a second, once what fell due while they were made known was caught up with (`make bench-watching`). Lateness is
how long after its time a check was begun, as the upper end of the histogram's bucket.

| | nothing to watch | 10,000 checks |
| --- | --- | --- |
"""
LOST = """
## When the leader is lost

Two replicas, of which one leads; seconds from the end of the leader to the effect of a switch that is thrown at that
moment (`make bench-failover`). Each has its own terms as they come: the operator's lease lasts 4 s, that of
controller-runtime 15 s.

| | how it ends | times | p50 | p90 | max |
| --- | --- | --- | --- | --- | --- |
"""
UNITS = {"ms": "ms", "mb": "MB", "s": "s"}


def profile(all_: Committed) -> Iterator[str]:
    if (document := all_.others.get("profile")) is None:
        return
    found = document["profile"]
    each = found["cpu_s"] / found["throws"] * 1000
    yield PROFILE.format_map(found | {"each": each})
    threads = [Counter(found["samples"].get(thread, {})) for thread in (LOOP, WATCH, OTHERS)]
    parts = sum(threads, Counter[str]())
    for part, samples in parts.most_common():
        shares = [one[part] / parts.total() for one in (*threads, parts)]
        yield f"| {part} | {' | '.join(map(_share, shares))} | {samples / parts.total() * each:.1f} |\n"
    sums = [one.total() / parts.total() for one in (*threads, parts)]
    yield f"| **all** | {' | '.join(map(_share, sums))} | {each:.1f} |\n"


def _share(value: float) -> str:
    return percent(value) if value else ""


def watching(all_: Committed) -> Iterator[str]:
    if (found := all_.others.get("watching")) is None:
        return
    yield WATCHING
    for name, idle in found["idle"].items():
        what, _, unit = name.rpartition("_")
        label = f"{what}, {UNITS[unit]}" if unit in UNITS else name
        yield f"| {label.replace('_', ' ')} | {plain(idle)} | {plain(found['watching'][name])} |\n"


def failover(all_: Committed) -> Iterator[str]:
    if (found := all_.others.get("failover")) is None:
        return
    yield LOST
    for name, one in found["failover"].items():
        for how, what in (("stopped_s", "SIGTERM"), ("killed_s", "SIGKILL")):
            numbers = " | ".join(f"{quantile(one[how], part):.2f}" for part in (0.5, 0.9, 1))
            yield f"| {LABELS[name]} | {what} | {len(one[how])} | {numbers} |\n"
