"""The sections of replicas that share the work: those that were run, and more that were simulated."""

from collections.abc import Callable, Iterator

from bench.told import quantile
from tools.performance.figures import Committed, Figures, exponent
from tools.performance.rows import percent

COSTS = """
## Replicas that share the work, and what more Runbooks cost

Each number of Runbooks has its own run (`make bench-sharded`), with one namespace per shard. Each
Runbook has a switch that sets a flag in a ConfigMap of its own. The first start lasts from the start
of the replicas until each Runbook has its Switch and no work is left. The columns "at rest" are per
replica. The replicas, the API server and the bench share the processors.

| Runbooks | replicas | shards | first start, s | processors' time of it, s | not ready then | at rest: MB | CPU |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
THROWN = """
Switches are thrown one by one. Then one replica is killed, and at that moment one switch is thrown in
each namespace, including those of the lost shards. A watcher observes all flags: each must change
once for a throw, and once for its release.

| Runbooks | throws | p50 ms | p99 ms | shards lost | throws then | the slowest, ms | changes | done twice, or not |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
SIMULATED = """
## {runbooks:,} Runbooks over {replicas} replicas, simulated

The operator's own functions decide which replica leads which of {shards} shards (`make
bench-sharding`). Each Runbook has {checks} checks every {period_s:.0f} s. The memory of one Runbook
was measured: {stored:.1f} KiB in every replica, and {led:.1f} KiB more in the one that leads it.

| | {namespaces:,} namespaces, all alike | {namespaces:,} by Zipf's law: the largest has {largest} |
| --- | --- | --- |
"""
GROWN: tuple[tuple[str, str, Callable[[Figures], float]], ...] = (
    ("sharded-start", "first start", lambda run: float(run["first_start_s"])),
    ("sharded-cpu", "processors' time of it", lambda run: float(run["first_start_cpu_s"])),
    ("sharded-memory", "memory of a replica", lambda run: mean(run, "rss_mb")),
)
"""What is said to grow no faster than the number of Runbooks does."""


def runs(all_: Committed) -> list[Figures]:
    """With the fewest Runbooks first."""
    found = all_.others.get("sharded", {"sharded": []})["sharded"]
    return sorted(found, key=lambda run: int(run["runbooks"]))


def mean(run: Figures, what: str) -> float:
    return float(sum(one[what] for one in run["at_rest"]) / len(run["at_rest"]))


def fitted(all_: Committed, cost: Callable[[Figures], float]) -> float:
    return exponent([(run["runbooks"], cost(run)) for run in runs(all_)])


def costs(all_: Committed) -> Iterator[str]:
    if not (found := runs(all_)):
        return
    yield COSTS
    for run in found:
        start = f"{run['first_start_s']:.0f} | {run['first_start_cpu_s']:.0f} | {run['unready'] or 'none'}"
        rest = f"{_range(run, 'rss_mb', lambda mb: f'{mb:.0f}')} | {_range(run, 'cpu_share', percent)}"
        yield f"| {run['runbooks']:,} | {run['replicas']} | {run['shards']} | {start} | {rest} |\n"
    if len(found) > 1:
        yield "\n![Costs against the number of Runbooks](performance/cost-by-runbooks.svg)\n"
    yield THROWN
    for run in found:
        yield f"| {run['runbooks']:,} | {_thrown(run)} |\n"


def _range(run: Figures, what: str, said: Callable[[float], str]) -> str:
    least, most = (said(pick(one[what] for one in run["at_rest"])) for pick in (min, max))
    return least if least == most else f"{least} to {most}"


def _thrown(run: Figures) -> str:
    took, lost = run["throw_ms"], run.get("lost", {"shards": "", "throw_ms": []})
    meanwhile = lost["throw_ms"]
    cells = (
        *(len(took), f"{quantile(took, 0.5):.0f}", f"{quantile(took, 0.99):.0f}"),
        *(lost["shards"], len(meanwhile), f"{max(meanwhile):,.0f}" if meanwhile else ""),
        *(f"{run['changes']:,}", run["not_as_often_as_wanted"] or "none"),
    )
    return " | ".join(str(cell) for cell in cells)


def simulated(all_: Committed) -> Iterator[str]:
    if (document := all_.others.get("sharding")) is None:
        return
    found = document["sharding"]
    more = found["kib_per_runbook"] | {"largest": percent(found["skewed"]["in_the_largest_namespace"], 0)}
    yield SIMULATED.format_map(found | more)
    for what, read in _rows(found, _processors_per_ask(all_)):
        yield f"| {what} | {read(found['even'])} | {read(found['skewed'])} |\n"


def _rows(found: Figures, per_ask: float | None) -> Iterator[tuple[str, Callable[[Figures], str]]]:
    alone = found["one_leader"]
    yield "Runbooks of a replica: least, most", lambda one: _least_and_most(one["runbooks_led"])
    yield "when one is lost: least, most", lambda one: _least_and_most(one["after_a_loss"])
    yield (
        "checks a second of the busiest; of a single leader",
        lambda one: f"{one['busiest']['asks_per_second']:,}; {alone['asks_per_second']:,}",
    )
    if per_ask:
        yield (
            "processors for them, by what a check costs above",
            lambda one: f"{one['busiest']['asks_per_second'] * per_ask:.1f}; {alone['asks_per_second'] * per_ask:.1f}",
        )
    yield "memory of the objects in the busiest", lambda one: f"{one['busiest']['objects_mib'] / 1024:.1f} GiB"
    yield "Runbooks that move when a replica is lost", lambda one: percent(one["moved_by_a_loss"])
    yield "when one joins", lambda one: percent(one["moved_by_a_new_one"])
    yield (
        "how often a Runbook moves while all are replaced",
        lambda one: f"{one['moved_by_a_rollout_of_all']:.1f} times",
    )
    yield "in another shard with twice as many", lambda one: percent(one["in_another_shard_with_twice_as_many"])


def _least_and_most(one: Figures) -> str:
    return f"{one['least']:,}, {one['most']:,}"


def _processors_per_ask(all_: Committed) -> float | None:
    """Beside what is used with nothing to watch."""
    if (found := all_.others.get("watching")) is None:
        return None
    idle, watching = found["idle"], found["watching"]
    return float((watching["cpu_share"] - idle["cpu_share"]) / watching["readings_per_second"])
