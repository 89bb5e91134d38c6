"""The metric sources that the administrator has configured, each with a client that is ready for queries."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

import structlog

from runbook_operator.core.query_languages import Languages
from runbook_operator.monitoring.backends import source_config
from runbook_operator.monitoring.backends.metric_backend import PATIENCE, REGISTRY, MetricBackend, Terms
from runbook_operator.monitoring.backends.source_config import Found
from runbook_operator.runtime import clock
from runbook_operator.runtime.watched_entries import FILE, WatchedEntries
from runbook_operator.runtime.watched_files import Files

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
Observe = Callable[[str, str, float], None]
"""Called after each request with its source, Answered or an error's kind, and its duration in seconds."""


class MetricSources(WatchedEntries[MetricBackend, Found]):
    """The client of each source by its name."""

    noun = "metric source"
    none = (
        "no metric source is configured for this namespace: set metricSources.sources in the chart, or "
        "RUNBOOK_METRIC_SOURCES without it"
    )

    def __init__(self, path: Path | None, observe: Observe) -> None:
        super().__init__(path)
        self._observe = observe
        self._terms: dict[str, Terms] = {}
        self._retired: list[tuple[float, MetricBackend]] = []
        self.languages: Languages = {}
        """By source, the language of its queries; a new map for each change."""

    @classmethod
    async def open(cls, path: str, observe: Observe = lambda _source, _kind, _seconds: None) -> Self:
        """Return the sources of the file at this path, none if it is "". Errors are logged, not raised."""
        made = cls(Path(path) if path else None, observe)
        await made.refresh()
        return made

    def serves(self, name: str, namespace: str) -> bool:
        terms = self._terms.get(name)
        return terms is not None and terms.serves(namespace)

    def parse(self, path: Path, files: Files) -> Found:
        return source_config.read(path, files)

    def unread(self, problem: str) -> Found:
        return Found(self._terms, {FILE: problem})

    async def refresh(self) -> None:
        """Apply the current files, and close replaced clients whose requests have ended."""
        await super().refresh()
        now = clock.monotonic()
        over = [client for until, client in self._retired if until <= now]
        self._retired = [one for one in self._retired if one[0] > now]
        for client in over:
            await client.close()

    async def close(self) -> None:
        clients = [*self.entries.values(), *(client for _, client in self._retired)]
        self.entries.clear()
        self._terms.clear()
        self._retired.clear()
        for client in clients:
            await client.close()

    def take(self, found: Found) -> None:
        problems = dict(found.problems)
        for name, terms in found.terms.items():
            if terms != self._terms.get(name) and (problem := self._make(name, terms)):
                problems[name] = problem
        for name in set(self._terms) - set(found.terms) - set(problems):
            self._retire(name)
        for name, problem in problems.items():
            log.error(
                "metric source", file=str(self.path), source=name, problem=problem, as_before=name in self.entries
            )
        self.problems = problems
        self.languages = {name: client.language for name, client in self.entries.items()}
        log.info("metric sources", names=sorted(self.entries))

    def _make(self, name: str, terms: Terms) -> str:
        """Replace the client of a source by one with these terms; return what is wrong with them, or ""."""
        try:
            client = REGISTRY[terms.spec.type].connect(terms, partial(self._observe, name))
        except ValueError as error:
            return f"no client can be created from it: {error}"
        self._retire(name)
        self.entries[name], self._terms[name] = client, terms
        return ""

    def _retire(self, name: str) -> None:
        """Remove the client of a source, to be closed once the longest possible request has ended."""
        if name in self._terms:
            seconds = (PATIENCE + 1) * self._terms.pop(name).seconds
            self._retired.append((clock.monotonic() + seconds, self.entries.pop(name)))
