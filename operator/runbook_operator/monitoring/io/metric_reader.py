"""Asks the administrator's metric sources for numbers: one call for all watches of a source that are due together.

No number is neither good nor bad: why there is none is said, and nothing is made up.
"""

import asyncio
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from runbook_operator.core import samples
from runbook_operator.core.monitors import AskMetric, Key, Reading, Watch
from runbook_operator.core.samples import Answer, QueryError, Sample
from runbook_operator.runtime import clock

STALE_AFTER = timedelta(minutes=1)
"""Asked for now, a source answers for now, give or take a cache."""
REASONS: Mapping[samples.Kind, str] = {
    "Unreachable": "SourceDown",
    "Timeout": "SourceTimeout",
    "Refused": "QueryRefused",
    "TooLarge": "QueryTooLarge",
    "Malformed": "AnswerMalformed",
    "Unauthorized": "SourceUnauthorized",
}
NO_SERIES = "NoData"
INFINITE = "infinite, as a division by 0 gives"
ABSENT = "the query gives no series, which counts as 0 (absent: Zero)"
Worst = Literal["high", "low"]
Due = tuple[Watch, AskMetric]


class MetricSource(Protocol):
    """What io.prometheus.Prometheus is."""

    @property
    def ahead(self) -> timedelta | None:
        """How far its clock is ahead of ours, None until it has answered."""

    async def instant(self, queries: Iterable[str], at: datetime) -> dict[str, Answer]: ...


class Sources(Protocol):
    """Sources by name, each for the namespaces that the administrator lets ask it; io.metric_sources.MetricSources."""

    def of(self, name: str, namespace: str) -> MetricSource | None: ...

    def why_not(self, name: str, namespace: str) -> str: ...


class Usual(Protocol):
    """What is usual for a query, None while it is not known; observe.baselines.Baselines."""

    async def of(self, source: str, key: Key, query: str, window: timedelta, worst: Worst) -> float | None: ...

    def why_not(self, source: str, key: Key, query: str, window: timedelta, worst: Worst) -> str: ...


@dataclass(frozen=True)
class Measuring:
    """Numbers from sources, and beside them what is usual."""

    sources: Sources
    usual: Usual
    now: Callable[[], datetime] = clock.now

    async def __call__(self, name: str, dues: Sequence[Due]) -> Mapping[Key, Reading]:
        """The reading of each watch of the source of this name."""
        clients = {watch.key: self.sources.of(name, watch.key.runbook.namespace) for watch, _ in dues}
        found = {key: self._unnamed(name, key) for key, client in clients.items() if client is None}
        # It is one and the same for all who may ask it.
        if source := next(filter(None, clients.values()), None):
            found |= await self._asked(name, source, [due for due in dues if due[0].key not in found])
        return found

    def _unnamed(self, name: str, key: Key) -> Reading:
        return Reading(reason="SourceNotFound", message=self.sources.why_not(name, key.runbook.namespace))

    async def _asked(self, name: str, source: MetricSource, dues: Sequence[Due]) -> Mapping[Key, Reading]:
        began = clock.monotonic()
        answers = await source.instant([ask.query for _, ask in dues], self._its_now(source))
        took = clock.monotonic() - began
        # Its clock as it is known by now: the first time it may have been asked for another time than it has.
        now = self._its_now(source)
        readings = [_counted(ask, reading(name, answers[ask.query], ask.worst, now)) for _, ask in dues]
        complete = await asyncio.gather(*(self._beside(*due, found) for due, found in zip(dues, readings, strict=True)))
        return {watch.key: replace(one, latency=took) for (watch, _), one in zip(dues, complete, strict=True)}

    def _its_now(self, source: MetricSource) -> datetime:
        return self.now() + (source.ahead or timedelta())

    async def _beside(self, watch: Watch, ask: AskMetric, found: Reading) -> Reading:
        """The reading with its baseline; without a number nobody asks for one."""
        window = watch.measure.baseline if watch.measure else None
        if found.value is None or not isinstance(window, timedelta):
            return replace(found, baseline=None if isinstance(window, timedelta) else window)
        usual = (ask.source, watch.key, ask.query, window, ask.worst)
        baseline = await self.usual.of(*usual)
        if baseline is None:
            return replace(found, reason="NoBaseline", message=self.usual.why_not(*usual))
        return replace(found, baseline=baseline)


def reading(source: str, answer: Answer, worst: Worst, now: datetime) -> Reading:
    """What an answer says by `now`, the time of the source's own clock.

    NaN, as 0 divided by 0 gives, is no number. Infinity, as anything else divided by 0 gives, is beyond every number.
    """
    if isinstance(answer, QueryError):
        return Reading(reason=REASONS[answer.kind], message=f"metric source {source}: {answer.message}")
    if not answer:
        return Reading(reason=NO_SERIES, message="the query gives no series")
    fresh = [one for one in answer if not samples.is_stale(one, now, STALE_AFTER)]
    if not fresh:
        said = f"metric source {source} answers for {answer[0].at:%H:%M:%S}"
        return Reading(reason="StaleSamples", message=f"{said}, when it is {now:%H:%M:%S} by its own clock")
    found = samples.worst(fresh, worst)
    if found is None:
        return Reading(reason="NotANumber", message=f"NaN in each of {len(fresh)} series")
    return Reading(value=found.value, series=series(found), note=INFINITE if math.isinf(found.value) else "")


def _counted(ask: AskMetric, found: Reading) -> Reading:
    """The reading, or 0 where that is declared of a query that gives no series."""
    if found.reason == NO_SERIES and ask.zero_where_absent:
        return Reading(value=0.0, note=ABSENT)
    return found


def series(sample: Sample) -> str:
    """Its labels as PromQL writes them, no more of them than a status holds; empty where it has none."""
    name = sample.labels.get("__name__", "")
    labels = sorted((label, value) for label, value in sample.labels.items() if label != "__name__")
    inner = ",".join(f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in labels)
    return samples.first_line(f"{name}{{{inner}}}") if labels else name
