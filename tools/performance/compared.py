"""The sections in which the operator and its peers stand beside each other, a row for each of them."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from bench.told import burst, last, per_throw, quantile
from tools.performance.figures import Committed, Figures, median
from tools.performance.rows import Column, each, percent

LEASE = "update leases"
DAY = 24 * 3600


def latency(all_: Committed) -> Iterator[str]:
    yield "\n## From patch to effect, and from release to restore\n"
    for which, what in (("throw_ms", "Thrown"), ("restore_ms", "Released")):
        yield from _table(all_, f"{what}, milliseconds", [("throws", lambda one: f"{len(one['throw_ms']):,}")], which)


def _table(all_: Committed, title: str, more: Sequence[Column], which: str) -> Iterator[str]:
    def at(part: float) -> Callable[[Figures], str]:
        return lambda one: f"{quantile(one[which], part):.1f}"

    columns = [("p50", at(0.5)), ("p90", at(0.9)), ("p99", at(0.99)), ("max", at(1)), *more]
    yield from each(all_, title, columns)


def status_deferral(all_: Committed) -> Iterator[str]:
    yield "\n## 100 at once\n"
    columns = [*_burst_columns("throw_ms", "in effect"), *_burst_columns("restore_ms", "restored")]
    yield from each(all_, "Milliseconds, of all bursts; the last is the median burst's", columns, needs="bursts")


def _burst_columns(which: str, what: str) -> list[Column]:
    return [
        (f"{what} p50", lambda one: f"{quantile(burst(one, which), 0.5):.0f}"),
        ("p99", lambda one: f"{quantile(burst(one, which), 0.99):.0f}"),
        ("the last", lambda one: f"{last(one, which):.0f}"),
    ]


def slowed(all_: Committed) -> Iterator[str]:
    contenders = [one for run in all_.runs.values() for one in run["contenders"].values()]
    steps = sorted({step for one in contenders for step in one.get("slowed", ())}, key=float)
    if steps:
        yield "\n## With a slower API server\n"
        columns = [column for step in steps for column in _slowed_columns(step)]
        yield from each(all_, "Each request takes so much longer; milliseconds", columns, needs="slowed")


def _slowed_columns(step: str) -> list[Column]:
    def at(which: str, part: float) -> Callable[[Figures], str]:
        return lambda one: f"{quantile(one['slowed'][step][which], part):.1f}"

    return [
        (f"+{step} ms: p50", at("throw_ms", 0.5)),
        ("p99", at("throw_ms", 0.99)),
        ("restore p50", at("restore_ms", 0.5)),
    ]


def starts(all_: Committed) -> Iterator[str]:
    yield "\n## From start to effect\n"
    columns: list[Column] = [
        ("thrown while it was away: the last of 10 in effect", lambda one: f"{median(one['start_s']):.2f}"),
        ("each object looked at", lambda one: f"{median(one['looked_s']):.2f}" if "looked_s" in one else ""),
        (
            "first start: a Switch made for each",
            lambda one: f"{one['first_start_s']:.1f}" if "first_start_s" in one else "",
        ),
    ]
    yield from each(all_, "Seconds from the start of the process; only two have a metric that says when", columns)


def costs(all_: Committed) -> Iterator[str]:
    yield "\n## Memory and processor\n"
    columns: list[Column] = [
        ("idle RSS MB", lambda one: f"{one['idle']['rss_mb']:.0f}"),
        ("idle PSS MB", lambda one: f"{one['idle']['pss_mb']:.0f}"),
        ("loaded RSS MB", lambda one: f"{one['loaded']['rss_mb']:.0f}"),
        ("loaded PSS MB", lambda one: f"{one['loaded']['pss_mb']:.0f}"),
        ("idle CPU", lambda one: percent(one["idle"]["cpu_share"], 2)),
        (
            "CPU ms for a throw and its release",
            lambda one: f"{one['loaded']['cpu_s'] / one['loaded']['throws'] * 1000:.1f}",
        ),
    ]
    yield from each(all_, "Loaded is after all throws and bursts", columns, needs="idle")


def requests(all_: Committed) -> Iterator[str]:
    yield "\n## Requests to the API server\n"
    columns: list[Column] = [
        ("for a throw and its release", lambda one: f"{per_throw(one):.1f}"),
        ("writes among them", _writes),
        ("etcd KB of that", _etcd),
        ("idle, in a minute", lambda one: f"{one['idle']['requests'] / one['idle']['seconds'] * 60:.0f}"),
        ("writes among them", _idle_writes),
        ("idle, in 24 h", lambda one: f"{one['idle']['requests'] / one['idle']['seconds'] * DAY:,.0f}"),
        ("etcd MB of that", _idle_etcd),
    ]
    title = (
        "Counted by the API server, writes by its audit log, bytes by etcd's log. 24 h are extrapolated from the idle "
        "time; the bytes of those are the whole cluster's, of which the floor's row, which writes nothing, is the rest"
    )
    yield from each(all_, title, columns, needs="idle")


def _writes(one: Figures) -> str:
    writes = one["loaded"]["writes"] or {}
    parts = (f"{what} {count / one['loaded']['throws']:.1f}" for what, count in sorted(writes.items()) if what != LEASE)
    return ", ".join(parts)


def _idle_writes(one: Figures) -> str:
    writes, minutes = one["idle"]["writes"] or {}, one["idle"]["seconds"] / 60
    return ", ".join(f"{what} {count / minutes:.0f}" for what, count in sorted(writes.items())) or "none"


def _etcd(one: Figures) -> str:
    """What is written for a throw, the rest of the cluster's share left out by the idle time of the same turn."""
    loaded, idle = one["loaded"], one["idle"]
    if loaded.get("etcd_bytes") is None:
        return ""
    rest = idle["etcd_bytes"] / idle["seconds"] * loaded["seconds"]
    return f"{(loaded['etcd_bytes'] - rest) / loaded['throws'] / 1024:.1f}"


def _idle_etcd(one: Figures) -> str:
    written = one["idle"].get("etcd_bytes")
    return "" if written is None else f"{written / one['idle']['seconds'] * DAY / 2**20:.0f}"


def growth(all_: Committed) -> Iterator[str]:
    points = all_.growth(lambda one: float(one["idle"]["pss_mb"]))
    if len(points) < 2:  # noqa: PLR2004 # a growth has a beginning and an end
        return
    starts = dict(all_.growth(lambda one: median(one["looked_s"])))
    yield "\n## What one more Runbook costs\n\n"
    yield "| from | to | memory, KB each | start, ms each |\n| --- | --- | --- | --- |\n"
    for (few, before), (many, after) in pairwise(points):
        memory, start = (after - before) * 1024 / (many - few), (starts[many] - starts[few]) * 1000 / (many - few)
        yield f"| {few:,} | {many:,} | {memory:.1f} | {start:.2f} |\n"
