"""What watches tell of the kinds that somebody has asked about lately, for as long as somebody does."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.core.references import Ref, ref_of
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.dynamic_watcher import Follower, Kind
from runbook_operator.kube.watch_demand import Needs
from runbook_operator.runtime import clock

Body = Mapping[str, Any]


@dataclass
class Kept(ABC):
    """Make it inside the event loop; `namespaces` are those that are served, none for all of them."""

    paths: Paths
    namespaces: Sequence[str] = ()
    seconds: int = 15
    resync: float = 300.0
    monotonic: Callable[[], float] = clock.monotonic
    follower: Follower = field(init=False)
    _needs: Needs = field(init=False)
    _uids: dict[Ref, str] = field(default_factory=dict)

    @abstractmethod
    def _put(self, ref: Ref, body: Body) -> None:
        """Keep what is asked for of the object."""

    @abstractmethod
    def _drop(self, ref: Ref) -> None:
        """Keep nothing of it any more."""

    async def run(self) -> None:
        """Keep the watches up, and end those that nobody needs any more, for ever."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self.follower.run())
            both.create_task(self._forget_for_ever())

    def held_kinds(self) -> frozenset[Kind]:
        """What is to be watched."""
        return self._needs.kinds()

    def uids(self, api_version: str, kind: str, namespace: str) -> dict[str, Ref]:
        """What is known of one kind, by uid; an empty namespace means all of them."""
        return {uid: ref for ref, uid in self._uids.items() if ref.is_of(api_version, kind, namespace)}

    def is_older(self, ref: Ref, version: str) -> bool:
        """Of what a watch alone tells nothing comes meanwhile."""
        del ref, version
        return False

    def see(self, event: str | None, body: Body) -> None:
        """An event of a watch, or None for an object of a list."""
        ref, uid = ref_of(body), body["metadata"]["uid"]
        if event != "DELETED":
            self._put(ref, body)
            self._uids[ref] = uid
        elif self._uids.get(ref) == uid:
            self._lose(ref)

    def forget(self) -> None:
        """Let go of what nobody has needed for a while."""
        if self._needs.forget():
            for ref in self._needs.strangers(self._uids):
                self._lose(ref)
            self.follower.look()

    def _lose(self, ref: Ref) -> None:
        del self._uids[ref]
        self._drop(ref)

    async def _forget_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._needs.unused / 10)
            self.forget()
