"""Replicas in this process, so that a thousand of them can die in two minutes.

The whole operator but for kopf, whose watching is replaced by a plain watch, and for the process: a crash cancels every
task and drops every connection, wherever they are. Left out: what the operating system does when a process ends.
"""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from runbook_operator.cache.resync import watched_kinds
from runbook_operator.cli.run import Operator
from runbook_operator.kube.client import Kube, connect
from runbook_operator.kube.discovery import collection, plural_of
from runbook_operator.settings import Settings


@dataclass(frozen=True)
class Turn:
    """A look at the Leases and what it led to; from when to when, in seconds of time.monotonic."""

    began: float
    ended: float
    leads: bool


class Replica:
    """One replica; `start` it, and then `crash` or `stop` it."""

    def __init__(self, settings: Settings, server: str) -> None:
        self._settings, self._server = settings, server
        self._kubes: list[Kube] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self.turns: list[Turn] = []

    @property
    def leading(self) -> bool:
        """Whether it leads in the namespace that it serves."""
        (namespace,) = self._settings.namespaces
        return self.operator.elector.leads(namespace)

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(self._server, timeout=aiohttp.ClientTimeout(total=None))
        try:
            await self._begin()
        except BaseException:
            await self._end()
            raise

    async def _begin(self) -> None:
        self._kubes = [await connect(self._settings.request_timeout) for _ in range(3)]
        self.operator = Operator(self._settings, *self._kubes)
        self._round = self.operator.elector._round
        self.operator.elector._round = self._noted  # type: ignore[method-assign] # the turn is taken, and noted
        ending = asyncio.create_task(_never())
        self._tasks = [ending]
        await self.operator._first_sync(ending)
        work = [*self.operator._work(), *(self._watch(kind) for kind in watched_kinds()[:3])]
        self._tasks += [asyncio.create_task(one) for one in work]

    async def crash(self) -> None:
        """All at once and in the middle of whatever it is doing; no lease is released."""
        ended = self._ended()
        self.operator.kube.may_write = lambda _path: False
        await self._end()
        assert not ended, f"ended before the crash: {ended}"

    async def stop(self) -> None:
        """As after SIGTERM."""
        ended = self._ended()
        try:
            await self.operator._stop()
        finally:
            await self._end()
        assert not ended, f"ended before the replica was stopped: {ended}"

    def _ended(self) -> list[asyncio.Task[Any]]:
        """The tasks that run no longer: without one of them, the test proves nothing."""
        return [task for task in self._tasks if task.done()]

    async def _noted(self) -> None:
        began = time.monotonic()
        await self._round()
        self.turns.append(Turn(began, time.monotonic(), self.leading))

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()
        for kube in self._kubes:
            await kube.close()

    async def _watch(self, kind: tuple[str, str]) -> None:
        """Watch from a list on, and list again when the watch ends or the API server has dropped it."""
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                await self._watch_once(kind)

    async def _watch_once(self, kind: tuple[str, str]) -> None:
        (namespace,) = self._settings.namespaces
        path = collection(kind[0], plural_of(kind), namespace)
        async with self._session.get(path) as answer:
            listed = await answer.json()
        since = listed["metadata"]["resourceVersion"]
        for item in listed["items"]:
            self.operator.handle_event(None, {"apiVersion": kind[0], "kind": kind[1]} | item)
        async with self._session.get(path, params={"watch": "1", "resourceVersion": since}) as stream:
            async for line in stream.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                self.operator.handle_event(event["type"], event["object"])


async def _never() -> None:
    """Nobody sends this process a signal that ends a replica."""
    await asyncio.Event().wait()
