"""The metric sources that the administrator has configured, each with a client that is ready for queries.

All files are read again every few seconds, since Kubernetes renews mounted files in place. An error in one source is
reported and affects no other. A source that was valid before keeps its old configuration, so that a typo blinds no
threshold.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Self

import structlog

from runbook_operator.core.query_languages import Languages
from runbook_operator.monitoring.backends import source_config
from runbook_operator.monitoring.backends.metric_backend import PATIENCE, REGISTRY, MetricBackend, Terms
from runbook_operator.monitoring.backends.source_config import Found
from runbook_operator.runtime import clock
from runbook_operator.runtime.watched_files import FileError, Files

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
EVERY = 5.0
"""Seconds between two checks of the files; a kubelet takes up to a minute to renew them."""
FILE = ""
"""The key in `problems` for an error in the file itself."""
Observe = Callable[[str, str, float], None]
"""Called after each request with its source, Answered or an error's kind, and its duration in seconds."""
NONE = (
    "no metric source is configured for this namespace: set metricSources.sources in the chart, or "
    "RUNBOOK_METRIC_SOURCES without it"
)


class MetricSources(Mapping[str, MetricBackend]):
    """The client of each source by its name. An unusable source is missing, and `why_not` gives the reason."""

    def __init__(self, path: Path | None, observe: Observe) -> None:
        self._path = path
        self._observe = observe
        self._files = Files()
        self._terms: dict[str, Terms] = {}
        self._clients: dict[str, MetricBackend] = {}
        self._retired: list[tuple[float, MetricBackend]] = []
        self.problems: Mapping[str, str] = {}
        """By source, a sentence about its error. The source may still have its old client."""
        self.languages: Languages = {}
        """By source, the language of its queries; a new map for each change."""

    @classmethod
    async def open(cls, path: str, observe: Observe = lambda _source, _kind, _seconds: None) -> Self:
        """Return the sources of the file at this path, none if it is "". Errors are logged, not raised."""
        made = cls(Path(path) if path else None, observe)
        await made.refresh()
        return made

    def __getitem__(self, name: str) -> MetricBackend:
        return self._clients[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clients)

    def __len__(self) -> int:
        return len(self._clients)

    def of(self, name: str, namespace: str) -> MetricBackend | None:
        """Return the client for the Runbooks of this namespace; None if there is none, or they may not use it."""
        return self._clients[name] if self._serves(name, namespace) else None

    def why_not(self, name: str, namespace: str) -> str:
        """Return why `of` returns None, as a sentence for the author of the Runbook."""
        if name not in self._clients:
            for entry, where in ((name, f"entry for metric source {name}"), (FILE, "file of metric sources")):
                if entry in self.problems:
                    return f"the administrator's {where} is not valid: {self.problems[entry]}"
        named = ", ".join(sorted(one for one in self._clients if self._serves(one, namespace)))
        return f"no metric source {name} is declared for this namespace; it may use: {named}" if named else NONE

    async def run(self) -> None:
        """Refresh every EVERY seconds, forever."""
        while True:
            await asyncio.sleep(EVERY)
            await self.refresh()

    async def refresh(self) -> None:
        """Apply the current files, and close replaced clients whose requests have ended."""
        # In a thread, since a volume may hang.
        found = await asyncio.to_thread(self._read)
        if found is not None:
            self._take(found)
        now = clock.monotonic()
        over = [client for until, client in self._retired if until <= now]
        self._retired = [one for one in self._retired if one[0] > now]
        for client in over:
            await client.close()

    async def close(self) -> None:
        clients = [*self._clients.values(), *(client for _, client in self._retired)]
        self._clients.clear()
        self._terms.clear()
        self._retired.clear()
        for client in clients:
            await client.close()

    def _serves(self, name: str, namespace: str) -> bool:
        terms = self._terms.get(name)
        return terms is not None and terms.serves(namespace)

    def _read(self) -> Found | None:
        """Read the files; None if nothing has changed. If the main file is invalid, the old sources remain."""
        if self._path is None or not self._files.changed():
            return None
        try:
            return source_config.read(self._path, self._files)
        except FileError as error:
            return Found(self._terms, {FILE: str(error)})

    def _take(self, found: Found) -> None:
        problems = dict(found.problems)
        for name, terms in found.terms.items():
            if terms != self._terms.get(name) and (problem := self._make(name, terms)):
                problems[name] = problem
        for name in set(self._terms) - set(found.terms) - set(problems):
            self._retire(name)
        for name, problem in problems.items():
            log.error(
                "metric source", file=str(self._path), source=name, problem=problem, as_before=name in self._clients
            )
        self.problems = problems
        self.languages = {name: client.language for name, client in self._clients.items()}
        log.info("metric sources", names=sorted(self._clients))

    def _make(self, name: str, terms: Terms) -> str:
        """Replace the client of a source by one with these terms; return what is wrong with them, or ""."""
        try:
            client = REGISTRY[terms.spec.type].connect(terms, partial(self._observe, name))
        except ValueError as error:
            return f"no client can be created from it: {error}"
        self._retire(name)
        self._clients[name], self._terms[name] = client, terms
        return ""

    def _retire(self, name: str) -> None:
        """Remove the client of a source, to be closed once the longest possible request has ended."""
        if name in self._terms:
            seconds = (PATIENCE + 1) * self._terms.pop(name).seconds
            self._retired.append((clock.monotonic() + seconds, self._clients.pop(name)))
