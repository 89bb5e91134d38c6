"""Runbooks with a switch each that sets a flag in a ConfigMap of its own: nothing but the operator works on those."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from bench.scene import RUNBOOKS, SWITCHES, each, switch_of
from bench.throwing import LONGEST, WATCH_SECONDS
from runbook_operator.kube.client import Body, Kube

CONFIGMAPS = "/api/v1/namespaces/{}/configmaps"
OPENED = 2.0
"""Seconds in which the watches are open."""
Name = tuple[str, str]
"""Of a Runbook and its ConfigMap: the namespace, and what it is called there."""


@dataclass
class Flags:
    """The flags, and how often each was seen to change."""

    kube: Kube
    namespaces: Sequence[str]
    runbooks: int
    awaited: dict[Name, asyncio.Future[float]] = field(default_factory=dict)
    """Whoever waits to be told when the flag was seen to change."""
    wanted: Counter[Name] = field(default_factory=Counter)
    changes: Counter[Name] = field(default_factory=Counter)
    """How often each flag was to change, and how often it was seen to."""

    def names(self) -> list[Name]:
        """Each of them; the namespaces take turns."""
        return [(self.namespaces[number % len(self.namespaces)], f"shop-{number}") for number in range(self.runbooks)]

    def one_of_each_namespace(self) -> list[Name]:
        return self.names()[: len(self.namespaces)]

    async def make(self) -> None:
        for name in self.namespaces:
            await self.kube.create("/api/v1/namespaces", {"metadata": {"name": name}})
        await each(self._add, self.names())

    async def _add(self, one: Name) -> None:
        namespace, name = one
        flags = {"metadata": {"name": name}, "data": {"enabled": "true"}}
        await self.kube.create(CONFIGMAPS.format(namespace), flags)
        await self.kube.create(RUNBOOKS.format(namespace), runbook(name))

    async def unready(self) -> int:
        """How many Runbooks have no switch that says that it is ready."""
        ready = 0
        for namespace in self.namespaces:
            async for one in self.kube.items(SWITCHES.format(namespace)):
                conditions = one.get("status", {}).get("conditions", ())
                ready += any((item["type"], item["status"]) == ("Ready", "True") for item in conditions)
        return self.runbooks - ready

    async def throw(self, one: Name, *, engaged: bool) -> float:
        """Milliseconds from the accepted patch to the flag that is seen to have changed."""
        observed: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.awaited[one] = observed
        self.wanted[one] += 1
        namespace, name = one
        word = {"spec": {"engaged": True if engaged else None}}
        await self.kube.merge(f"{SWITCHES.format(namespace)}/{switch_of(name)}", word)
        accepted = time.monotonic()
        async with asyncio.timeout(LONGEST):
            return max(0.0, (await observed - accepted) * 1000)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Note when flags change, as somebody who has nothing to do with the operator sees it."""
        versions = [await self._version(name) for name in self.namespaces]
        tasks = [asyncio.create_task(self._watch(*one)) for one in zip(self.namespaces, versions, strict=True)]
        # Not to be a part of the first throws.
        await asyncio.sleep(OPENED)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks)

    async def _version(self, namespace: str) -> str:
        listed = await self.kube.get(CONFIGMAPS.format(namespace), limit="1")
        return str(listed["metadata"]["resourceVersion"])

    async def _watch(self, namespace: str, version: str) -> None:
        async for kind, body in self.kube.watch(CONFIGMAPS.format(namespace), version, WATCH_SECONDS):
            if kind == "MODIFIED":
                self.see((namespace, body["metadata"]["name"]))

    def see(self, one: Name) -> None:
        self.changes[one] += 1
        if (observed := self.awaited.pop(one, None)) is not None:
            observed.set_result(time.monotonic())

    def not_as_often_as_wanted(self) -> int:
        """How many flags changed more often than they were told to, or less."""
        return sum(self.changes[name] != self.wanted[name] for name in self.wanted | self.changes)


def runbook(name: str) -> Body:
    flag = {"setFlag": {"target": "app", "flag": "enabled", "value": "false"}}
    spec = {
        "title": name,
        "targets": [{"name": "app", "flags": {"configMap": name}}],
        "killSwitches": [{"name": "stop", "actions": [flag]}],
    }
    return {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Runbook", "metadata": {"name": name}, "spec": spec}
