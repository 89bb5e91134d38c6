"""docs/performance.md as text: the ratios first, then every table."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from bench.told import burst, last, per_throw, quantile
from tools.performance.figures import FOLDER, Committed, Figures, committed, median
from tools.performance.goals import GOALS, told

PAGE = FOLDER.parent / "performance.md"
LABELS = {
    "floor": "floor: a bare watcher",
    "operator": "**Runbook Operator**",
    "go": "Go, controller-runtime",
    "tutorial": "Python, kopf as a tutorial has it",
}
HEAD = """# Performance

How long a thrown switch takes, what the operator costs, and how both compare with three peers that do the same work in
the same run, on the same cluster: a **floor**, a bare watcher that writes a record and scales and does nothing else;
the same switch in **Go** on controller-runtime; and in **Python** with kopf as a tutorial has it. Their sources, each
with what it leaves out, are in [bench/peers](../bench/peers). `make bench` runs all of it on the lab; `make
performance` makes this page of the figures in [docs/performance](performance), and nothing of it is written by hand but
the reasons.

"""
LOST = """
## When the leader is lost

Two replicas; seconds from the end of the leader to the effect of a switch that is thrown at that moment. Each has its
own terms as they come: the operator's lease lasts 4 s, controller-runtime's 15 s.

| | how it ends | times | p50 | p90 | max |
| --- | --- | --- | --- | --- | --- |
"""
WATCHING = """
## While it watches

The same operator with 5,000 Runbooks, first with nothing to watch and then with two checks each every 10 s, that is
1,000 in a second, once what fell due while they were made known was caught up with. Lateness is how long after its time
a check was begun, as the upper end of the histogram's bucket.

| | nothing to watch | 10,000 checks |
| --- | --- | --- |
"""
METHOD = """
## How it is measured

A throw is measured from the API server's answer to a person's patch of the Switch to the target's patch, as an
independent watcher of the Deployments sees it; a restore likewise from the release. One switch of N is picked at random
each time, and the next one is thrown when the last is at rest. Contenders take turns, so that what else the machine
does meets them all. Deployments have no pods. Each contender has a service account and a flow of its own in the API
server, which counts its requests. The API server, etcd, the controllers and the bench run on the same processors: the
ratios are what counts, milliseconds are this machine's.

"""
OTHERS = """
## What others say of themselves

No figure for this path, from an accepted patch of a switch to the accepted patch of its target, was found published by
anybody. What is published, from the projects' own pages unless another source is named; none of it was run here:

| project | figure | source |
| --- | --- | --- |
| KEDA | polls each 30 s, scales to zero after 300 s of calm; HTTP timeout 3 s | keda-docs 2.20, operate/cluster |
| Argo Rollouts | an analysis that fails is tried again after 10 s | analysis/analysis.go |
| Argo CD | self-heal puts back within about 5 s | docs/user-guide/auto_sync.md |
| flagd | under 10 ms for an evaluation, thousands of flags per second | docs/architecture.md |
| OpenFeature Operator | under 10 s from the resource to the app, in an early test | open-feature/ofep#1 |
| LaunchDarkly | under 200 ms to spread a flag | a third party that quotes the vendor |
| Kubernaut | under 30 s from alert to dispatch | docs/architecture |
| Node Healthcheck | unhealthy after 300 s, each step of an escalation at least 60 s | nodehealthcheck_types.go |
| Flagger | no figure found | |
"""
LEASE = "update leases"
DAY = 24 * 3600
UNITS = {"ms": "ms", "mb": "MB", "s": "s"}
Column = tuple[str, Callable[[Figures], str]]


def page(all_: Committed | None = None) -> str:
    """The whole page."""
    found = all_ or committed()
    first = (_machine, _goals, _plots, _latency, _bursts, _slowed, _starts)
    sections = (*first, _costs, _requests, _watching, _failover, _growth)
    return HEAD + "".join(part for section in sections for part in section(found)) + METHOD.rstrip("\n") + "\n" + OTHERS


def _machine(all_: Committed) -> Iterator[str]:
    for runbooks, run in sorted(all_.runs.items()):
        machine, versions = run["machine"], ", ".join(f"{name} {one}" for name, one in run["versions"].items() if one)
        yield (
            f"- {runbooks:,} Runbooks: {run['date']}, {machine['processors']} processors ({machine['processor']}), "
            f"{machine['memory_gib']} GiB, Linux {machine['kernel']}; {versions}\n"
        )


def _goals(all_: Committed) -> Iterator[str]:
    yield "\n## The ratios\n\n| what | wanted | measured | |\n| --- | --- | --- | --- |\n"
    missed = []
    for goal in GOALS:
        value = goal.measured(all_)
        if value is None:
            yield f"| {goal.text} | {goal.wanted()} | not measured yet | |\n"
            continue
        if not goal.met(value):
            missed.append(goal)
        yield f"| {goal.text} | {goal.wanted()} | {told(value, goal.unit)} | {_verdict(met=goal.met(value))} |\n"
    for goal in missed:
        if goal.key not in all_.remarks:
            raise SystemExit(f"performance: {goal.key} is missed; say why in docs/performance/remarks.yaml")
        yield f"\n**Missed: {goal.text}.** {' '.join(all_.remarks[goal.key].split())}\n"


def _verdict(*, met: bool) -> str:
    return "met" if met else "**missed**"


def _plots(all_: Committed) -> Iterator[str]:
    largest = max((number for number, run in all_.runs.items() if "floor" in run["contenders"]), default=0)
    if largest:
        yield f"\n![How long throws take, {largest:,} Runbooks](performance/latency.svg)\n"
        yield f"\n![How long 100 throws at once take, {largest:,} Runbooks](performance/burst.svg)\n"
    if len(all_.runs) > 1:
        yield "\n![Latency against the number of Runbooks](performance/latency-by-runbooks.svg)\n"
        yield "\n![Memory against the number of Runbooks](performance/memory-by-runbooks.svg)\n"


def _latency(all_: Committed) -> Iterator[str]:
    yield "\n## From patch to effect, and from release to restore\n"
    for which, what in (("throw_ms", "Thrown"), ("restore_ms", "Released")):
        yield from _table(all_, f"{what}, milliseconds", [("throws", lambda one: f"{len(one['throw_ms']):,}")], which)


def _table(all_: Committed, title: str, more: Sequence[Column], which: str) -> Iterator[str]:
    def at(part: float) -> Callable[[Figures], str]:
        return lambda one: f"{quantile(one[which], part):.1f}"

    columns = [("p50", at(0.5)), ("p90", at(0.9)), ("p99", at(0.99)), ("max", at(1)), *more]
    yield from _each(all_, title, columns)


def _bursts(all_: Committed) -> Iterator[str]:
    yield "\n## 100 at once\n"
    columns = [*_burst_columns("throw_ms", "in effect"), *_burst_columns("restore_ms", "restored")]
    yield from _each(all_, "Milliseconds, of all bursts; the last is the median burst's", columns, needs="bursts")


def _burst_columns(which: str, what: str) -> list[Column]:
    return [
        (f"{what} p50", lambda one: f"{quantile(burst(one, which), 0.5):.0f}"),
        ("p99", lambda one: f"{quantile(burst(one, which), 0.99):.0f}"),
        ("the last", lambda one: f"{last(one, which):.0f}"),
    ]


def _slowed(all_: Committed) -> Iterator[str]:
    contenders = [one for run in all_.runs.values() for one in run["contenders"].values()]
    steps = sorted({step for one in contenders for step in one.get("slowed", ())}, key=float)
    if steps:
        yield "\n## With a slower API server\n"
        columns = [column for step in steps for column in _slowed_columns(step)]
        yield from _each(all_, "Each request takes so much longer; milliseconds", columns, needs="slowed")


def _slowed_columns(step: str) -> list[Column]:
    def at(which: str, part: float) -> Callable[[Figures], str]:
        return lambda one: f"{quantile(one['slowed'][step][which], part):.1f}"

    return [
        (f"+{step} ms: p50", at("throw_ms", 0.5)),
        ("p99", at("throw_ms", 0.99)),
        ("restore p50", at("restore_ms", 0.5)),
    ]


def _starts(all_: Committed) -> Iterator[str]:
    yield "\n## From start to effect\n"
    columns: list[Column] = [
        ("thrown while it was away: the last of 10 in effect", lambda one: f"{median(one['start_s']):.2f}"),
        ("each object looked at", lambda one: f"{median(one['looked_s']):.2f}" if "looked_s" in one else ""),
        (
            "first start: a Switch made for each",
            lambda one: f"{one['first_start_s']:.1f}" if "first_start_s" in one else "",
        ),
    ]
    yield from _each(all_, "Seconds from the start of the process; only two have a metric that says when", columns)


def _costs(all_: Committed) -> Iterator[str]:
    yield "\n## Memory and processor\n"
    columns: list[Column] = [
        ("idle RSS MB", lambda one: f"{one['idle']['rss_mb']:.0f}"),
        ("idle PSS MB", lambda one: f"{one['idle']['pss_mb']:.0f}"),
        ("loaded RSS MB", lambda one: f"{one['loaded']['rss_mb']:.0f}"),
        ("loaded PSS MB", lambda one: f"{one['loaded']['pss_mb']:.0f}"),
        ("idle CPU", lambda one: f"{one['idle']['cpu_share'] * 100:.2f} %"),
        (
            "CPU ms for a throw and its release",
            lambda one: f"{one['loaded']['cpu_s'] / one['loaded']['throws'] * 1000:.1f}",
        ),
    ]
    yield from _each(all_, "Loaded is after all throws and bursts", columns, needs="idle")


def _requests(all_: Committed) -> Iterator[str]:
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
    yield from _each(all_, title, columns, needs="idle")


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


def _watching(all_: Committed) -> Iterator[str]:
    if (found := all_.others.get("watching")) is None:
        return
    yield WATCHING
    for name, idle in found["idle"].items():
        what, _, unit = name.rpartition("_")
        label = f"{what}, {UNITS[unit]}" if unit in UNITS else name
        yield f"| {label.replace('_', ' ')} | {_plain(idle)} | {_plain(found['watching'][name])} |\n"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004 # three digits of what is small


def _failover(all_: Committed) -> Iterator[str]:
    if (found := all_.others.get("failover")) is None:
        return
    yield LOST
    for name, one in found["failover"].items():
        for how, what in (("stopped_s", "SIGTERM"), ("killed_s", "SIGKILL")):
            numbers = " | ".join(f"{quantile(one[how], part):.2f}" for part in (0.5, 0.9, 1))
            yield f"| {LABELS[name]} | {what} | {len(one[how])} | {numbers} |\n"


def _growth(all_: Committed) -> Iterator[str]:
    points = all_.growth(lambda one: float(one["idle"]["pss_mb"]))
    if len(points) < 2:  # noqa: PLR2004 # a growth has a beginning and an end
        return
    starts = dict(all_.growth(lambda one: median(one["looked_s"])))
    yield "\n## What one more Runbook costs\n\n"
    yield "| from | to | memory, KB each | start, ms each |\n| --- | --- | --- | --- |\n"
    for (few, before), (many, after) in pairwise(points):
        memory, start = (after - before) * 1024 / (many - few), (starts[many] - starts[few]) * 1000 / (many - few)
        yield f"| {few:,} | {many:,} | {memory:.1f} | {start:.2f} |\n"


def _each(all_: Committed, title: str, columns: Iterable[Column], needs: str = "throw_ms") -> Iterator[str]:
    """A table with a row for each contender of each run that has what it needs."""
    columns = list(columns)
    yield f"\n{title}:\n\n| Runbooks | | {' | '.join(name for name, _ in columns)} |\n"
    yield f"| --- | --- |{' --- |' * len(columns)}\n"
    for runbooks, run in sorted(all_.runs.items()):
        for name, one in run["contenders"].items():
            if one.get(needs):
                yield f"| {runbooks:,} | {LABELS[name]} | {' | '.join(read(one) for _, read in columns)} |\n"
