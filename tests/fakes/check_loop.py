"""An event loop on which time passes only by waiting, with targets that answer what the test sets.

Left out: sockets and threads.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from runbook_operator.core.level_tracker import Level, Timing, Track
from runbook_operator.core.monitors import AskMetric, AskTcp, Key, Measure, Reading, ServiceEndpoint, Watch
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.core.thresholds import parse
from runbook_operator.monitoring.io.check_scheduler import CheckScheduler
from runbook_operator.telemetry.metrics import Metrics
from tests.builders import NAMESPACE, NOW

BEGINNING = 1000.0
TURN = 1e-6
SHOP = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")
PROMPT = Timing(timedelta(), timedelta(), timedelta(minutes=5))
GOOD, BAD, NOTHING = Reading(ok=True, reason="200"), Reading(ok=False, reason="503"), Reading(reason="Busy")


class Time(selectors.SelectSelector):
    """Instead of waiting for sockets, of which there are none, time passes; a turn of the loop takes a little."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = BEGINNING
        self.turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "the loop waits for what will never happen"
        self.turns += 1
        self.seconds += timeout + TURN
        return super().select(0)


class FakeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.passing = Time()
        super().__init__(self.passing)

    def time(self) -> float:
        return self.passing.seconds


def on_a_fake_clock(story: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The story as a test that takes no time of ours."""

    def test() -> None:
        with asyncio.Runner(loop_factory=FakeLoop) as runner:
            runner.run(story())

    test.__name__ = story.__name__
    return test


def passing() -> Time:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FakeLoop)
    return loop.passing


@dataclass
class Asked:
    """One call of the asker: when, in which turn of the loop, and for which entries."""

    at: float
    turn: int
    names: list[str]


@dataclass
class PlanContext:
    """A sensor and whom it asks. Left out is the network: an answer is what the test says, after as long as it says."""

    seconds: dict[str, float] = field(default_factory=dict)
    """How long the answer for an entry takes."""
    answers: dict[str, Reading] = field(default_factory=dict)
    work: float = 0.0
    """For how long each asking holds the loop up."""
    leading: bool = True
    ahead: timedelta = timedelta()
    """What the wall clock was set by."""
    asked: list[Asked] = field(default_factory=list)
    changed: list[Ref] = field(default_factory=list)
    most: int = 0
    """How many askings for the same entry were under way at once."""
    metrics: Metrics = field(default_factory=Metrics)
    ask: Callable[[Sequence[Watch]], Awaitable[Mapping[Key, Reading]]] | None = None
    _under_way: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        passes = passing()
        self.scheduler = CheckScheduler(
            self.ask or self.answer,
            self.changed.append,
            lambda _runbook: self.leading,
            self.metrics,
            lambda: NOW + timedelta(seconds=passes.seconds - BEGINNING) + self.ahead,
            lambda: passes.seconds,
        )

    async def answer(self, watches: Sequence[Watch]) -> Mapping[Key, Reading]:
        names = [one.key.name for one in watches]
        self.asked.append(Asked(passing().seconds, passing().turns, names))
        self._under_way += names
        self.most = max(self.most, *map(self._under_way.count, names))
        passing().seconds += self.work
        try:
            await asyncio.sleep(max(self.seconds.get(name, 0.01) for name in names))
        finally:
            for name in names:
                self._under_way.remove(name)
        return {one.key: self.answers.get(one.key.name, GOOD) for one in watches}

    def watch(self, *watches: Watch, runbook: Ref = SHOP, known: Mapping[Key, Track] | None = None) -> None:
        self.scheduler.watch(runbook, watches, known or {})

    def times(self, name: str) -> list[float]:
        return [one.at for one in self.asked if name in one.names]

    def level(self, one: Watch) -> Level:
        return self.scheduler.monitor_states(one.key.runbook)[one.key].track.level

    @contextmanager
    def running(self) -> Iterator[None]:
        task = asyncio.create_task(self.scheduler.run())
        try:
            yield
        finally:
            task.cancel()

    async def run(self, seconds: float) -> None:
        """The sensor runs for so long."""
        with self.running():
            await asyncio.sleep(seconds)


def check(name: str = "ready", period: float = 10, timing: Timing = PROMPT, runbook: Ref = SHOP) -> Watch:
    key = Key(runbook, "HealthEndpoint", name)
    ask = AskTcp(ServiceEndpoint(Ref("v1", "Service", NAMESPACE, name)))
    return Watch(key, ask, timedelta(seconds=period), timedelta(seconds=2), timing)


def metric(
    name: str = "errors", period: float = 15, source: str = "default", timing: Timing = PROMPT, runbook: Ref = SHOP
) -> Watch:
    """A metric of which 10 is critical."""
    key = Key(runbook, "Metric", name)
    rules = Measure(critical=parse("> 10"))
    return Watch(key, AskMetric(source, name), timedelta(seconds=period), timedelta(seconds=5), timing, rules)


def timing(seconds: float = 0, *, no_data_after: float = 300, failures: int = 1) -> Timing:
    length = partial(timedelta, seconds=seconds)
    return Timing(length(), length(), timedelta(seconds=no_data_after), failures)


def gaps(times: Sequence[float]) -> list[float]:
    return [round(after - before, 2) for before, after in pairwise(times)]
