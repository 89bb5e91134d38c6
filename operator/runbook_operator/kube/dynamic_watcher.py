"""Dynamic watches: one for each kind and namespace that is not always watched, while it is needed."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from runbook_operator.core.accounts import Account
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths, collection
from runbook_operator.runtime import clock
from runbook_operator.runtime.work_queue import backoff

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
Kind = tuple[str, str, str]
"""API version, kind and namespace; an empty namespace is all of them."""
Sink = Callable[[str | None, dict[str, Any]], None]


class Held(Protocol):
    """The object that needs the watches: its kinds, and its known objects."""

    def held_kinds(self) -> frozenset[Kind]: ...

    def uids(self, api_version: str, kind: str, namespace: str) -> dict[str, Ref]: ...

    def is_older(self, ref: Ref, version: str) -> bool:
        """True if the known state of the object is certainly older than that resourceVersion."""


@dataclass
class Follower:
    """The dynamic watches; `sink` gets their events. Kopf cannot watch kinds that are named while it runs."""

    paths: Paths
    held: Held
    sink: Sink
    seconds: int
    """Duration of one watch request."""
    resync: float
    """Seconds between two lists of a kind, which find what the watch missed."""
    monotonic: Callable[[], float] = clock.monotonic
    accounts: Callable[[Kind], Sequence[Account | None]] = lambda _: (None,)
    """Return the accounts that act on a kind; the watch tries them in turn after each error."""
    expected: tuple[type[errors.ApiError], ...] = (errors.NotFoundError,)
    """Errors that are logged at debug level only, since the object that needs the kind reports them itself."""
    _signal: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: dict[Kind, asyncio.Task[None]] = field(default_factory=dict)
    _tried: dict[Kind, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    _errors: dict[Kind, errors.ApiError] = field(default_factory=dict)
    following: set[Kind] = field(default_factory=set)
    """The kinds whose watches are up to date now."""

    def sync_watches(self) -> None:
        """Compare the watches with the needed kinds, which may have changed."""
        self._signal.set()

    def follows(self, ref: Ref) -> bool:
        return (ref.api_version, ref.kind, ref.namespace) in self.following

    async def trouble(self, kind: Kind) -> errors.ApiError | None:
        """Wait for the first list of a kind; return the error that keeps its watch from being up to date, or None."""
        await self._tried[kind].wait()
        return self._errors.get(kind)

    async def run(self) -> None:
        """Start and end watches as the needed kinds change, forever."""
        try:
            while True:
                await self._signal.wait()
                self._signal.clear()
                self._compare(self.held.held_kinds())
        finally:
            self._compare(frozenset())

    def _compare(self, wanted: frozenset[Kind]) -> None:
        for kind in set(self._tasks) - wanted:
            self._tasks.pop(kind).cancel()
            self.following.discard(kind)
            self._errors.pop(kind, None)
        for kind in set(self._tried) - wanted:
            self._tried.pop(kind).set()
        for kind in wanted - set(self._tasks):
            self._tasks[kind] = asyncio.create_task(self._follow(kind))

    async def _follow(self, kind: Kind) -> None:
        failures = 0
        while True:
            try:
                accounts = self.accounts(kind) or (None,)
                await self._list_and_watch(kind, self.paths.as_(accounts[failures % len(accounts)]))
                failures = 0
                continue
            except errors.ApiError as error:
                tell = log.debug if isinstance(error, self.expected) else log.warning
                tell("a watch failed; it is opened again", kind=kind[1], namespace=kind[2], error=str(error))
                failures += 1
                self.following.discard(kind)
                self._errors[kind] = error
                self._tried[kind].set()
            await asyncio.sleep(backoff(failures))

    async def _list_and_watch(self, kind: Kind, paths: Paths) -> None:
        api_version, name, namespace = kind
        resource = await paths.resource(Ref(api_version, name, namespace, ""))
        if resource is None:
            raise errors.NotFoundError(f"the cluster no longer serves kind {name} in {api_version}")
        path = collection(api_version, resource.plural, namespace)
        version = await self._list(kind, path, paths)
        self.following.add(kind)
        self._errors.pop(kind, None)
        self._tried[kind].set()
        until = self.monotonic() + self.resync
        while self.monotonic() < until:
            async for event, body in paths.kube.watch(path, version, self.seconds):
                version = body["metadata"]["resourceVersion"]
                if event != "BOOKMARK":
                    self.sink(event, body)

    async def _list(self, kind: Kind, path: str, paths: Paths) -> str:
        """Send all listed objects, and DELETED for objects that are gone; return the version from which to watch."""
        before, listed, version = self.held.uids(*kind), set[str](), ""
        async for bodies, at in paths.kube.pages(path):
            version = at
            for body in bodies:
                listed.add(body["metadata"]["uid"])
                self.sink(None, body)
        # An object that appeared during the list may be deleted again before the watch, which begins after the list.
        for uid, ref in (before | self.held.uids(*kind)).items():
            if uid not in listed and (uid in before or self.held.is_older(ref, version)):
                self.sink("DELETED", _gone(ref, uid))
        return version


def _gone(ref: Ref, uid: str) -> dict[str, Any]:
    """Return the body of a DELETED event for an object that was deleted without a watch."""
    meta = {"name": ref.name, "namespace": ref.namespace, "uid": uid, "resourceVersion": "0"}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": meta}
