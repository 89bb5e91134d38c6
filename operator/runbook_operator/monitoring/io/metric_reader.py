"""Query the administrator's metric sources: one call for all watches of a source that are due together.

A missing number is neither good nor bad: the Reading then has the reason and no value.
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
"""Samples older than this are stale: a query for the present time returns older samples only from a cache."""
REASONS: Mapping[samples.Kind, str] = {
    "Unreachable": "SourceDown",
    "Timeout": "SourceTimeout",
    "Refused": "QueryRefused",
    "TooLarge": "QueryTooLarge",
    "Malformed": "AnswerMalformed",
    "Unauthorized": "SourceUnauthorized",
}
NO_SERIES = "NoData"
INFINITE = "infinite, as from a division by 0"
ABSENT = "the query returns no series, which counts as 0 (absent: Zero)"
Worst = Literal["high", "low"]
Due = tuple[Watch, AskMetric]


class MetricSource(Protocol):
    """The part of monitoring.backends.MetricBackend that readings need."""

    @property
    def ahead(self) -> timedelta | None:
        """The lead of the source's clock over this one; None until the source has answered."""

    async def instant(self, queries: Iterable[str], at: datetime) -> Mapping[str, Answer]: ...


class Sources(Protocol):
    """Sources by name, each for the namespaces that may use it; implemented by configured_sources.MetricSources."""

    def of(self, name: str, namespace: str) -> MetricSource | None: ...

    def why_not(self, name: str, namespace: str) -> str: ...


class Usual(Protocol):
    """The baseline of a query, None while it is not known; implemented by monitoring.io.baselines.Baselines."""

    async def of(self, source: str, key: Key, query: str, window: timedelta, worst: Worst) -> float | None: ...

    def why_not(self, source: str, key: Key, query: str, window: timedelta, worst: Worst) -> str: ...


@dataclass(frozen=True)
class MetricReader:
    """The metric reader: numbers from sources, with their baselines."""

    sources: Sources
    usual: Usual
    now: Callable[[], datetime] = clock.now

    async def __call__(self, name: str, dues: Sequence[Due]) -> Mapping[Key, Reading]:
        """Return the reading of each watch of the source of this name."""
        clients = {watch.key: self.sources.of(name, watch.key.runbook.namespace) for watch, _ in dues}
        found = {key: self._unnamed(name, key) for key, client in clients.items() if client is None}
        # All namespaces that may use the source share one client.
        if source := next(filter(None, clients.values()), None):
            found |= await self._asked(name, source, [due for due in dues if due[0].key not in found])
        return found

    def _unnamed(self, name: str, key: Key) -> Reading:
        return Reading(reason="SourceNotFound", message=self.sources.why_not(name, key.runbook.namespace))

    async def _asked(self, name: str, source: MetricSource, dues: Sequence[Due]) -> Mapping[Key, Reading]:
        began = clock.monotonic()
        answers = await source.instant([ask.query for _, ask in dues], self._its_now(source))
        took = clock.monotonic() - began
        # An answer shows the source's clock; before the first answer, the query was for the operator's own time.
        now = self._its_now(source)
        readings = [_counted(ask, reading(name, answers[ask.query], ask.worst, now)) for _, ask in dues]
        complete = await asyncio.gather(*(self._beside(*due, found) for due, found in zip(dues, readings, strict=True)))
        return {watch.key: replace(one, latency=took) for (watch, _), one in zip(dues, complete, strict=True)}

    def _its_now(self, source: MetricSource) -> datetime:
        return self.now() + (source.ahead or timedelta())

    async def _beside(self, watch: Watch, ask: AskMetric, found: Reading) -> Reading:
        """Return the reading with its baseline, which is queried only if there is a number."""
        window = watch.measure.baseline if watch.measure else None
        if found.value is None or not isinstance(window, timedelta):
            return replace(found, baseline=None if isinstance(window, timedelta) else window)
        usual = (ask.source, watch.key, ask.query, window, ask.worst)
        baseline = await self.usual.of(*usual)
        if baseline is None:
            return replace(found, reason="NoBaseline", message=self.usual.why_not(*usual))
        return replace(found, baseline=baseline)


def reading(source: str, answer: Answer, worst: Worst, now: datetime) -> Reading:
    """Return the Reading of an answer; `now` is the time by the source's own clock.

    NaN, the result of 0/0, is no number. Infinity, the result of any other division by 0, exceeds every number.
    """
    if isinstance(answer, QueryError):
        return Reading(reason=REASONS[answer.kind], message=f"metric source {source}: {answer.message}")
    if not answer:
        return Reading(reason=NO_SERIES, message="the query returns no series")
    fresh = [one for one in answer if not samples.is_stale(one, now, STALE_AFTER)]
    if not fresh:
        said = f"metric source {source} returns values of {answer[0].at:%H:%M:%S}"
        return Reading(reason="StaleSamples", message=f"{said}, when it is {now:%H:%M:%S} by its own clock")
    found = samples.worst(fresh, worst)
    if found is None:
        return Reading(reason="NotANumber", message=f"NaN in each of {len(fresh)} series")
    return Reading(value=found.value, series=series(found), note=INFINITE if math.isinf(found.value) else "")


def _counted(ask: AskMetric, found: Reading) -> Reading:
    """Return the reading, or 0 if the query gives no series and declares `absent: Zero`."""
    if found.reason == NO_SERIES and ask.zero_where_absent:
        return Reading(value=0.0, note=ABSENT)
    return found


def series(sample: Sample) -> str:
    """Return the labels of a sample as PromQL writes them, cut to what a status holds; "" if it has none."""
    name = sample.labels.get("__name__", "")
    labels = sorted((label, value) for label, value in sample.labels.items() if label != "__name__")
    inner = ",".join(f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in labels)
    return samples.first_line(f"{name}{{{inner}}}") if labels else name
