"""Compute baselines: the median of a query over a longer window, which `> 2x` is a multiple of.

A baseline is queried rarely and cached, and only the first readings wait for it. A source gives every Runbook the same
answer to the same query over the same window, so all of them share one entry.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from runbook_operator.core.durations import spoken
from runbook_operator.core.monitors import Key
from runbook_operator.core.samples import Matrix, QueryError, Sample, median_of_range, worst
from runbook_operator.monitoring.backends.configured_sources import MetricSources
from runbook_operator.runtime import clock

Worst = Literal["high", "low"]
POINTS = 300
"""Maximum points of one range query; a median needs no more, however long the window."""
FINEST = timedelta(seconds=15)
"""The finest step: a usual scrape interval. Between two scrapes there are no samples."""
LEFT_OUT = timedelta(minutes=15)
"""The window ends this long before now, since the present may be unusual."""
SOONEST, LATEST = timedelta(minutes=10), timedelta(hours=1)
"""A known baseline is queried again after 1/ROUNDING_PARTS of its window, within these bounds."""
ROUNDING_PARTS = 100
LONGEST_CACHED = timedelta(days=1)
"""An old value counts for the length of its window, but at least for LATEST and at most for this time."""
FIRST_RETRY, LAST_RETRY = timedelta(seconds=30), SOONEST
AT_ONCE = 2
"""Concurrent range queries to one source; the other connections of its client are for the readings."""
FIRST_WAIT = 1.0
"""Seconds that the first readings wait for the baseline: with a fast source they have a level at once."""


@dataclass(frozen=True)
class _Range:
    """The key of a cached baseline."""

    source: str
    query: str
    window: timedelta
    worst: Worst


@dataclass
class _Known:
    """A cached baseline: its value and the time `at` of it, or why there is none, and when it is due again."""

    due: float
    used: float
    since: float
    value: float | None = None
    at: float = -math.inf
    failures: int = 0
    why: str = "it has not been answered yet"
    task: asyncio.Task[None] | None = None


@dataclass
class Baselines:
    """The cache of baselines. An error of a source never raises."""

    sources: MetricSources
    now: Callable[[], datetime] = clock.now
    monotonic: Callable[[], float] = clock.monotonic
    _known: dict[_Range, _Known] = field(default_factory=dict)
    _places: defaultdict[str, asyncio.Semaphore] = field(
        default_factory=lambda: defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
    )

    async def of(self, source: str, key: Key, query: str, window: timedelta, worst: Worst) -> float | None:
        """Return the median over the window of the worst series at each point in time; None while it is not known.

        A task refreshes a due value; the old one is returned meanwhile. Await this for several queries concurrently,
        since the first readings may wait for FIRST_WAIT.
        """
        if self.sources.of(source, key.runbook.namespace) is None:
            return None
        asked, now = _Range(source, query, window, worst), self.monotonic()
        if asked not in self._known:
            self._drop(now)
        known = self._known.setdefault(asked, _Known(due=now, used=now, since=now))
        known.used = now
        if known.task is None and known.due <= now:
            known.task = asyncio.create_task(self._refresh(asked, known))
        if known.task and now < known.since + FIRST_WAIT:
            await asyncio.wait([known.task], timeout=FIRST_WAIT)
        kept = _cached_for(window).total_seconds()
        return known.value if self.monotonic() - known.at < kept else None

    def why_not(self, source: str, key: Key, query: str, window: timedelta, worst: Worst) -> str:
        """Return why `of` returns None, as a sentence for people."""
        if self.sources.of(source, key.runbook.namespace) is None:
            return self.sources.why_not(source, key.runbook.namespace)
        known = self._known.get(_Range(source, query, window, worst))
        return f"the median over {spoken(window)} is not known: {known.why if known else _Known.why}"

    async def close(self) -> None:
        """Cancel the running queries and clear the cache."""
        tasks = [known.task for known in self._known.values() if known.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._known.clear()

    async def _refresh(self, asked: _Range, known: _Known) -> None:
        try:
            async with self._places[asked.source]:
                found = await self._asked(asked)
        finally:
            known.task = None
        now = self.monotonic()
        if isinstance(found, float):
            known.value, known.at, known.failures, known.why = found, now, 0, ""
            known.due = now + _interval(asked.window).total_seconds()
            return
        known.failures, known.why = known.failures + 1, found
        known.due = now + _pause(known.failures).total_seconds()

    async def _asked(self, asked: _Range) -> float | str:
        """Query the source; return the median, or why there is none."""
        client = self.sources.get(asked.source)
        if client is None:
            return "the source is no longer configured"
        found = await client.range_(asked.query, *times(self.now(), asked.window))
        if isinstance(found, QueryError):
            return found.message
        value = median_of_range(_worsts(found, asked.worst))
        return "less than half of that time has values" if value is None else value

    def _drop(self, now: float) -> None:
        """Drop entries unused for LONGEST_CACHED: their Runbook is deleted or edited."""
        old = now - LONGEST_CACHED.total_seconds()
        self._known = {asked: known for asked, known in self._known.items() if known.task or known.used > old}


def times(now: datetime, window: timedelta) -> tuple[datetime, datetime, timedelta]:
    """Return start, end and step. The times are multiples of the step, so that a source can use its result cache."""
    seconds = max(FINEST.total_seconds(), math.ceil(window.total_seconds() / (POINTS - 1)))
    end = (now - LEFT_OUT).timestamp() // seconds * seconds
    points = max(1, int(window.total_seconds() // seconds))
    last = datetime.fromtimestamp(end, now.tzinfo)
    step = timedelta(seconds=seconds)
    return last - points * step, last, step


def _worsts(found: Matrix, direction: Worst) -> Matrix:
    """Return the worst series at each time, as a reading does.

    A median over all series would hide one that is always high; each reading would then exceed it.
    """
    at: dict[datetime, list[Sample]] = defaultdict(list)
    for one in found.samples:
        if math.isfinite(one.value):
            at[one.at].append(one)
    worsts = (worst(samples, direction) for samples in at.values())
    return Matrix(tuple(one for one in worsts if one), found.points)


def _interval(window: timedelta) -> timedelta:
    return min(max(window / ROUNDING_PARTS, SOONEST), LATEST)


def _cached_for(window: timedelta) -> timedelta:
    return min(max(window, LATEST), LONGEST_CACHED)


def _pause(failures: int) -> timedelta:
    return min(FIRST_RETRY * (1 << min(failures - 1, 16)), LAST_RETRY)
