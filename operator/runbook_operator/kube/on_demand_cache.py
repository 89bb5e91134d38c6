"""Base class of caches that watch a kind on demand, from its first use until it is unused for a while."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.core.references import Ref, ref_of
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.dynamic_watcher import Follower, Kind
from runbook_operator.kube.watch_demand import WatchDemand
from runbook_operator.runtime import clock

Body = Mapping[str, Any]


@dataclass
class OnDemandCache(ABC):
    """The cache. Create it inside the event loop; `namespaces` are the served ones, empty for all."""

    paths: Paths
    namespaces: Sequence[str] = ()
    seconds: int = 15
    resync: float = 300.0
    monotonic: Callable[[], float] = clock.monotonic
    follower: Follower = field(init=False)
    _needs: WatchDemand = field(init=False)
    _uids: dict[Ref, str] = field(default_factory=dict)

    @abstractmethod
    def _put(self, ref: Ref, body: Body) -> None:
        """Store the fields of the object that the cache needs."""

    @abstractmethod
    def _drop(self, ref: Ref) -> None:
        """Remove the object."""

    async def run(self) -> None:
        """Run the watches, and end unused ones, forever."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self.follower.run())
            both.create_task(self._forget_for_ever())

    def held_kinds(self) -> frozenset[Kind]:
        """Return the kinds to watch."""
        return self._needs.kinds()

    def uids(self, api_version: str, kind: str, namespace: str) -> dict[str, Ref]:
        """Return the known objects of one kind by uid; an empty namespace means all of them."""
        return {uid: ref for ref, uid in self._uids.items() if ref.is_of(api_version, kind, namespace)}

    def is_older(self, ref: Ref, version: str) -> bool:
        """Return False: only the watch adds objects here, so that none appears during a list."""
        del ref, version
        return False

    def handle_event(self, event: str | None, body: Body) -> None:
        """Handle an object from a watch with its event, or from a list with the event None."""
        ref, uid = ref_of(body), body["metadata"]["uid"]
        if event != "DELETED":
            self._put(ref, body)
            self._uids[ref] = uid
        elif self._uids.get(ref) == uid:
            self._lose(ref)

    def forget(self) -> None:
        """Drop the objects of kinds that are unused for a while."""
        if self._needs.forget():
            for ref in self._needs.uncovered(self._uids):
                self._lose(ref)
            self.follower.sync_watches()

    def _lose(self, ref: Ref) -> None:
        del self._uids[ref]
        self._drop(ref)

    async def _forget_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._needs.unused / 10)
            self.forget()
