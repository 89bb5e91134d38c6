"""Run kopf's watches and hand on every event. No other module imports kopf; it decides nothing and writes nothing."""

import asyncio
import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any, cast

import kopf
import structlog

from runbook_operator.cache.resync import watched_kinds
from runbook_operator.controller.watch_log import Unserved
from runbook_operator.kube.client import credentials
from runbook_operator.kube.discovery import plural_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
WATCHING = logging.getLogger("kopf._cogs.clients.watching")
Sink = Callable[[str | None, dict[str, Any]], None]
PAUSE = 0.5
"""Seconds between the end of kopf and its next start."""
SECONDS_TO_STOP = 5.0
SECONDS_BLIND = 10
NAMES = ("namespace", "name", "uid")
REFUSED = re.compile(r"/namespaces/([^/]+)/.* -> APIForbiddenError")
"""Matches kopf's log line about a watch that the API server refuses in a namespace; kopf retries each second."""


class Refusals(logging.Filter):
    """Drop kopf's log line about each try of a refused watch, and report the namespace instead."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        super().__init__()
        self._notify = notify

    def filter(self, record: logging.LogRecord) -> bool:
        found = REFUSED.search(record.getMessage())
        if found is not None:
            self._notify(found[1])
        return found is None


class Backoffs:
    """Pauses between reconnects: short, capped and without end; kopf's own give up after 55 seconds."""

    def __iter__(self) -> Iterator[float]:
        return chain((0.1, 0.2, 0.5), repeat(1.0))


class NoDiff(kopf.DiffBaseStorage):
    """Store no last-handled configuration, so that kopf neither writes into users' objects nor copies them."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class NoProgress(kopf.ProgressStorage):
    """Store no progress of handlers: there are none."""

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


class Watch:
    """kopf in its own thread and event loop, restarted whenever it ends before stop().

    kopf ends at an HTTP 410, at a 401 with unchanged credentials, and at an ERROR event, and then cancels every task of
    its loop. Its own loop keeps that away from the loop that throws switches.
    """

    def __init__(self, sink: Sink, namespaces: Sequence[str], seconds: int, refused: Callable[[str], None]) -> None:
        """Call `refused` with each namespace in which a watch is refused, at each try."""
        self._sink, self._refused = sink, refused
        self._namespaces = tuple(namespaces)
        self._seconds = seconds
        self._owner = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._ended = asyncio.Event()
        self._loop = self._owner
        self._flag = asyncio.Event()
        self.ready = threading.Event()
        self.restarts = 0
        self._refusals = Refusals(self._note)
        self._unserved = Unserved()

    def start(self) -> None:
        WATCHING.addFilter(self._refusals)
        self._unserved.attach()
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    async def stop(self) -> None:
        """End the watches; return when they have ended, or after SECONDS_TO_STOP."""
        self._stop.set()
        WATCHING.removeFilter(self._refusals)
        self._unserved.detach()
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._flag.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_TO_STOP):
                await self._ended.wait()

    @property
    def expected(self) -> int:
        """The number of watches that should be alive."""
        return len(watched_kinds()) * max(1, len(self._namespaces))

    def alive(self) -> int:
        """Return the number of kopf's watch tasks that are alive; kopf does not restart one that ended."""
        return sum(1 for task in asyncio.all_tasks(self._loop) if task.get_name().startswith("watcher for "))

    def _run(self) -> None:
        """Run kopf until stop(): a broad boundary, so that no error of kopf ends the watches."""
        while not self._stop.is_set():
            try:
                asyncio.run(self._watch())
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 # kopf's errors have no common base, and none may end the watch
                tell = log.debug if self._unserved.explains(error) else log.warning
                tell("the watches ended; they are opened again", error=str(error) or type(error).__name__)
            self.restarts += 1
            self._stop.wait(PAUSE)
        self._owner.call_soon_threadsafe(self._ended.set)

    async def _watch(self) -> None:
        # An asyncio event of this loop: for a threading event, kopf would wait in a thread that outlives the loop.
        self._flag = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        running = asyncio.create_task(self._kopf())
        try:
            await self._guard(running)
        finally:
            running.cancel()
            await asyncio.wait({running}, timeout=SECONDS_TO_STOP)

    async def _kopf(self) -> None:
        await kopf.operator(
            registry=_registry(self._hand_over),
            settings=_settings(self._seconds),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._flag,
            ready_flag=self.ready,
        )

    async def _guard(self, running: asyncio.Task[None]) -> None:
        """Return when kopf ends; raise TimeoutError if it runs with a watch missing, as after a discovery error."""
        blind = 0
        while not (await asyncio.wait({running}, timeout=1.0))[0]:
            blind = 0 if self.alive() >= self.expected else blind + 1
            if not blind:
                self._unserved.served()
            if blind >= SECONDS_BLIND:
                raise TimeoutError(f"{self.alive()} of {self.expected} watches were open for {blind} s")
        running.result()

    def _note(self, namespace: str) -> None:
        with contextlib.suppress(RuntimeError):  # the process is ending
            self._owner.call_soon_threadsafe(self._refused, namespace)

    def _hand_over(self, kind: str | None, body: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the process is ending, and its main loop is closed
            self._owner.call_soon_threadsafe(self._sink, kind, body)


def _registry(sink: Sink) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    for kind in watched_kinds():
        group, version = kind[0].split("/")
        kopf.on.event(group, version, plural_of(kind), registry=registry, id=kind[1])(_hand_to(sink))
    return registry


def _hand_to(sink: Sink) -> Callable[..., Any]:
    async def handle_event(event: kopf.RawEvent, **_: Any) -> None:
        sink(event["type"], _taken(cast("dict[str, Any]", event["object"])))

    return handle_event


def _taken(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body, and leave kopf only the names for its log: kopf's reference cycles keep objects in memory."""
    taken = dict(body)
    body.clear()
    body["metadata"] = {key: value for key, value in taken["metadata"].items() if key in NAMES}
    return taken


async def _login(**_: Any) -> kopf.ConnectionInfo:
    """Read credentials like the other clients: kopf's own logins read less of a kubeconfig, or add a second client."""
    found = await credentials()
    scheme, token = (await found.get_api_key_with_prefix("BearerToken") or "").rpartition(" ")[::2]
    return kopf.ConnectionInfo(
        server=found.host,
        ca_path=found.ssl_ca_cert,
        insecure=not found.verify_ssl,
        username=found.username or None,
        password=found.password or None,
        scheme=scheme or None,
        token=token or None,
        certificate_path=found.cert_file,
        private_key_path=found.key_file,
        proxy_url=found.proxy,
    )


def _settings(seconds: int) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.networking.error_backoffs = Backoffs()
    settings.networking.connect_timeout = 5
    settings.queueing.idle_timeout = 0.05
    settings.watching.chunk_size = 250
    # The server ends each watch after `seconds`, and kopf resumes it. So kopf finds a dead connection soon, and not
    # after the 70 seconds that bookmarks allow.
    settings.watching.server_timeout = seconds
    settings.watching.inactivity_timeout = seconds + 2
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = NoDiff()
    settings.persistence.progress_storage = NoProgress()
    return settings
