"""The figures that were promised before anything was measured, beside what was measured."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.told import burst, quantile
from tools.performance import sharded as shared
from tools.performance.figures import FLOOR, GO, OPERATOR, TUTORIAL, Committed, Figures, exponent, median

FEWEST = 3
"""Numbers of Runbooks that a growth is told from."""
MOST = 20_000
"""Runbooks that replicas which share the work are said to serve."""


@dataclass(frozen=True)
class Goal:
    """One promise; `measured` is None where the committed figures do not say."""

    key: str
    text: str
    bound: float
    unit: str
    measured: Callable[[Committed], float | None]
    at_least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def wanted(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {told(self.bound, self.unit)}"


def told(value: float, unit: str) -> str:
    digits = 0 if value >= 100 or value == int(value) else 2 if value < 10 else 1  # noqa: PLR2004 # three digits
    return f"{value:,.{digits}f}{unit}"


def beside(peer: str, part: float) -> Callable[[Committed], float | None]:
    """How often as long the operator takes as the peer."""

    def ratio(all_: Committed) -> float | None:
        ours, theirs = all_.of(1000, OPERATOR), all_.of(1000, peer)
        return quantile(ours["throw_ms"], part) / quantile(theirs["throw_ms"], part) if ours and theirs else None

    return ratio


def in_a_burst(all_: Committed) -> float | None:
    ours, theirs = all_.of(1000, OPERATOR), all_.of(1000, TUTORIAL)
    return quantile(burst(theirs), 0.99) / quantile(burst(ours), 0.99) if ours and theirs else None


def of_the_operator(runbooks: int, read: Callable[[Figures], float]) -> Callable[[Committed], float | None]:
    def value(all_: Committed) -> float | None:
        one = all_.of(runbooks, OPERATOR)
        return read(one) if one else None

    return value


def idle_writes(one: Figures) -> float:
    writes = one["idle"]["writes"] or {}
    return float(sum(count for what, count in writes.items() if what != "update leases"))


def looked(one: Figures) -> float:
    return median(one["looked_s"])


def resident(one: Figures) -> float:
    return float(one["idle"]["rss_mb"])


def growth(cost: Callable[[Figures], float]) -> Callable[[Committed], float | None]:
    def value(all_: Committed) -> float | None:
        points = all_.growth(cost)
        return exponent(points) if len(points) >= FEWEST else None

    return value


def watching(name: str) -> Callable[[Committed], float | None]:
    return lambda all_: all_.others["watching"]["watching"][name] if "watching" in all_.others else None


def sharded(cost: Callable[[Figures], float]) -> Callable[[Committed], float | None]:
    """The exponent, where as many Runbooks were run as the promise is about."""
    return lambda all_: shared.fitted(all_, cost) if _far_enough(all_) else None


def _far_enough(all_: Committed) -> bool:
    found = shared.runs(all_)
    return len(found) >= FEWEST and found[-1]["runbooks"] >= MOST


def twice(all_: Committed) -> float | None:
    found = shared.runs(all_)
    return float(sum(run["not_as_often_as_wanted"] for run in found)) if found else None


GOALS = (
    Goal("p50-floor", "from patch to effect, p50, times the floor's (1,000 Runbooks)", 1.5, "", beside(FLOOR, 0.5)),
    Goal("p99-floor", "the same at p99", 3, "", beside(FLOOR, 0.99)),
    Goal("p50-go", "the same at p50, times that of Go on controller-runtime", 1, "", beside(GO, 0.5)),
    Goal(
        "burst", "100 thrown at once: how many times longer a tutorial's operator takes, p99", 3, "", in_a_burst, True
    ),
    Goal(
        "idle-memory", "resident memory with 100 Runbooks and nothing to do", 80, " MB", of_the_operator(100, resident)
    ),
    Goal("start", "from its start to the first look at each of 1,000 Runbooks", 5, " s", of_the_operator(1000, looked)),
    Goal("idle-writes", "writes beside the lease's with nothing to do", 0, "", of_the_operator(1000, idle_writes)),
    Goal("watching-cpu", "5,000 Runbooks with 2 checks every 10 s: processors", 1, "", watching("cpu_share")),
    Goal("watching-memory", "the same: resident memory", 300, " MB", watching("memory_mb")),
    Goal("start-growth", "the start's growth with N: exponent of the fit, 1 is linear", 1.05, "", growth(looked)),
    Goal("memory-growth", "the memory's growth with N, likewise", 1.05, "", growth(resident)),
    *(
        Goal(key, f"replicas that share up to {MOST:,} Runbooks: {what}, likewise", 1.05, "", sharded(cost))
        for key, what, cost in shared.GROWN
    ),
    Goal("sharded-twice", "a replica killed: flags that changed more or less often than told to", 0, "", twice),
)
