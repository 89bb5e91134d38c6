"""The sections of the operator at what only some of the benches ask of it."""

from collections import Counter
from collections.abc import Iterator

from bench.stacks import LOOP, OTHERS, WATCH
from bench.told import quantile
from tools.performance.figures import Committed
from tools.performance.rows import LABELS, percent, plain

PROFILE = """
## Where the processor's time of a throw goes

The operator has {runbooks:,} Runbooks, and switches are thrown and released one by one {throws:,}
times in {seconds:.0f} s (`make bench-profile`). py-spy samples {rate} times a second the code that
runs or waits for a processor. A sample counts for the innermost frame that belongs to one of these
parts, so work of the rest of the standard library counts for its caller. "Own" is the operator's own
code, by package or module. "Waking up" is the return from the wait for events. The last column
distributes the {each:.1f} ms of processor time that a throw and its release take.

| part | the operator's loop | kopf's watches | other threads | all | ms of a throw and its release |
| --- | --- | --- | --- | --- | --- |
"""
WATCHING = """
## While it watches

The same operator with 5,000 Runbooks: first with nothing to watch, then with two checks per Runbook
every 10 s, which is 1,000 in a second (`make bench-watching`). The measurement begins after the
checks that became due during the start have been made. Lateness is the time from when a check was
due to when it began, as the upper end of the histogram's bucket.

| | nothing to watch | 10,000 checks |
| --- | --- | --- |
"""
LOST = """
## When the leader is lost

Two replicas run, and one of them leads. The leader ends, and a switch is thrown at that moment
(`make bench-failover`). The table has the seconds until the throw takes effect. Each contender has
its default lease: 4 s for the operator, 15 s for controller-runtime.

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
