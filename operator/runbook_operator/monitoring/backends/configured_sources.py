"""The metric sources that an administrator has named, each with a client that is ready to be asked.

All files are read again every few seconds, since Kubernetes renews what it mounts in place. What is wrong with one
source is told and takes nothing from the others; nor from itself where it was right before: a slip of the pen blinds no
threshold.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Self

import structlog

from runbook_operator.monitoring.backends import source_config
from runbook_operator.monitoring.backends.prometheus import PATIENCE, Prometheus
from runbook_operator.monitoring.backends.source_config import Found, Terms
from runbook_operator.runtime import clock
from runbook_operator.runtime.watched_files import FileError, Files

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
EVERY = 5.0
"""Seconds between two looks at the files; a kubelet takes up to a minute to renew them."""
FILE = ""
"""Under this name stands what is wrong with the file itself."""
Observe = Callable[[str, str, float], None]
"""Told of each request: its source, Answered or an error's kind, and how many seconds it took."""
NONE = (
    "no metric source is configured for this namespace: set metricSources.sources in the chart, or "
    "RUNBOOK_METRIC_SOURCES without it"
)


class MetricSources(Mapping[str, Prometheus]):
    """The client of each source by its name. A source that cannot be asked is missing, and `why_not` says why."""

    def __init__(self, path: Path | None, observe: Observe) -> None:
        self._path = path
        self._observe = observe
        self._files = Files()
        self._terms: dict[str, Terms] = {}
        self._clients: dict[str, Prometheus] = {}
        self._retired: list[tuple[float, Prometheus]] = []
        self.problems: Mapping[str, str] = {}
        """A sentence for each source with which something is wrong, whether it is asked as before or not at all."""

    @classmethod
    async def open(cls, path: str, observe: Observe = lambda _source, _kind, _seconds: None) -> Self:
        """The sources of the file at this path, none for an empty one. What is wrong with it is logged, not raised."""
        made = cls(Path(path) if path else None, observe)
        await made.refresh()
        return made

    def __getitem__(self, name: str) -> Prometheus:
        return self._clients[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clients)

    def __len__(self) -> int:
        return len(self._clients)

    def of(self, name: str, namespace: str) -> Prometheus | None:
        """The client for the Runbooks of this namespace; None where there is none, or it is not for them."""
        return self._clients[name] if self._serves(name, namespace) else None

    def why_not(self, name: str, namespace: str) -> str:
        """Why `of` gives None, as a sentence for whoever wrote the Runbook."""
        if name not in self._clients:
            for entry, where in ((name, f"entry for metric source {name}"), (FILE, "file of metric sources")):
                if entry in self.problems:
                    return f"the administrator's {where} is not right: {self.problems[entry]}"
        named = ", ".join(sorted(one for one in self._clients if self._serves(one, namespace)))
        return f"no metric source {name} is declared for this namespace; there is: {named}" if named else NONE

    async def run(self) -> None:
        """Follow the files for ever."""
        while True:
            await asyncio.sleep(EVERY)
            await self.refresh()

    async def refresh(self) -> None:
        """Take what the files say now, and close the clients that were replaced and have nothing more to answer."""
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
        return terms is not None and (terms.namespaces is None or namespace in terms.namespaces)

    def _read(self) -> Found | None:
        """None where nothing has changed. A file that cannot be read as a whole leaves everything as it was."""
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
        log.info("metric sources", names=sorted(self._clients))

    def _make(self, name: str, terms: Terms) -> str:
        """Put a client of these terms in the place of the one before; what is wrong with them is returned."""
        try:
            client = Prometheus(
                terms.url,
                ca=terms.ca,
                token=terms.token,
                basic=terms.basic,
                tenant=terms.tenant,
                seconds=terms.seconds,
                observe=partial(self._observe, name),
            )
        except ValueError as error:
            return f"no client can be made of it: {error}"
        self._retire(name)
        self._clients[name], self._terms[name] = client, terms
        return ""

    def _retire(self, name: str) -> None:
        """Its requests may go on for as long as they may take."""
        if name in self._terms:
            seconds = (PATIENCE + 1) * self._terms.pop(name).seconds
            self._retired.append((clock.monotonic() + seconds, self._clients.pop(name)))
