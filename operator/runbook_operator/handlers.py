"""The only importer of kopf: it watches and hands every event on. It decides nothing and writes nothing."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any

import kopf

from runbook_operator.io.paths import BUILT_IN
from runbook_operator.observe.resync import KINDS

Sink = Callable[[str | None, dict[str, Any]], None]


class Backoffs:
    """Pauses between reconnects: short, capped and without end, where kopf's own give up after 55 seconds."""

    def __iter__(self) -> Iterator[float]:
        return chain((0.1, 0.2, 0.5), repeat(1.0))


class NoDiff(kopf.DiffBaseStorage):
    """We keep no last-handled configuration: nothing is written into the objects of users."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class NoProgress(kopf.ProgressStorage):
    """We have no handlers whose progress would have to be kept."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence


async def watch(sink: Sink, namespaces: Sequence[str], ready: asyncio.Event) -> None:
    """Watch until a signal ends the process; `sink` gets the event's type, None for a listing, and the body."""
    await kopf.operator(
        registry=_registry(sink),
        settings=_settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=tuple(namespaces),
        ready_flag=ready,
    )


def watchers() -> int:
    """How many of kopf's watch tasks are alive; it does not restart one that ended."""
    return sum(1 for task in asyncio.all_tasks() if task.get_name().startswith("watcher for "))


def _registry(sink: Sink) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    for kind in KINDS:
        group, version = kind[0].split("/")
        kopf.on.event(group, version, BUILT_IN[kind].plural, registry=registry, id=kind[1])(_hand_to(sink))
    return registry


def _hand_to(sink: Sink) -> Callable[..., Any]:
    async def see(event: kopf.RawEvent, **_: Any) -> None:
        sink(event["type"], dict(event["object"]))

    return see


def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_via_client(**kwargs)


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.networking.error_backoffs = Backoffs()
    settings.networking.connect_timeout = 5
    settings.queueing.idle_timeout = 0.05
    settings.watching.chunk_size = 250
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = NoDiff()
    settings.persistence.progress_storage = NoProgress()
    return settings
