"""Metric sources by name and their baselines, with the real clients of the sources.

Left out: the file of sources, and the queries of baselines.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runbook_operator.core.monitors import Key
from runbook_operator.monitoring.io.metric_reader import MetricReader, MetricSource, Worst
from tests.fakes.prometheus_source import AT


@dataclass
class Sources:
    """Every source is for all namespaces but those that are named."""

    named: Mapping[str, MetricSource] = field(default_factory=dict)
    denied: frozenset[str] = frozenset()

    def of(self, name: str, namespace: str) -> MetricSource | None:
        return None if namespace in self.denied else self.named.get(name)

    def why_not(self, name: str, namespace: str) -> str:
        return f"there is no {name} for {namespace}, but {', '.join(self.named) or 'none'}"


@dataclass
class Usuals:
    """What is usual for each query; nothing is known of the others."""

    values: Mapping[str, float] = field(default_factory=dict)
    asked: list[tuple[str, str, str, timedelta, Worst]] = field(default_factory=list)

    async def of(self, source: str, key: Key, query: str, window: timedelta, worst: Worst) -> float | None:
        self.asked.append((source, key.name, query, window, worst))
        return self.values.get(query)

    def why_not(self, source: str, key: Key, query: str, window: timedelta, worst: Worst) -> str:
        return f"nothing is known of {query} in {source} over {window.days} days, {worst}, for {key.name}"


def measuring(sources: Sources, usual: Usuals, now: Callable[[], datetime] = lambda: AT) -> MetricReader:
    return MetricReader(sources, usual, now)
