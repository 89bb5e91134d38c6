"""A throw: from the API server's answer to a person's patch to the target's patch, as a third party sees it."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterable

from bench import scene
from runbook_operator.api.switch import FINALIZER
from runbook_operator.kube import errors
from runbook_operator.kube.client import Body, Kube

LONGEST = 120.0
"""Seconds after which a throw counts as lost, and the bench ends."""
NOTED = "kopf.zalando.org/last-handled-configuration"
REST = 0.05
"""Seconds before each move, so that none is measured while somebody still writes about the one before."""
EACH_AT_MOST = 0.1
"""Seconds that the first look at one more Runbook, which makes its Switch, may take in the mean."""
WATCH_SECONDS = 3600


class Watcher:
    """One watch of all Deployments of a namespace: when the replicas of each became what they are."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.kube = kube
        self.path = scene.DEPLOYMENTS.format(namespace)
        self.replicas: dict[str, int] = {}
        self.waiting: dict[tuple[str, int], list[asyncio.Future[float]]] = defaultdict(list)
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Watch; it does not last longer than its watch."""
        version = ""
        async for items, listed in self.kube.pages(self.path):
            version = listed
            for one in items:
                self.see(one)
        self.ready.set()
        async for kind, body in self.kube.watch(self.path, version, WATCH_SECONDS):
            if kind == "MODIFIED":
                self.see(body)

    def see(self, body: Body) -> None:
        at, name, replicas = time.monotonic(), body["metadata"]["name"], body["spec"]["replicas"]
        if self.replicas.get(name) != replicas:
            self.replicas[name] = replicas
            for future in self.waiting.pop((name, replicas), ()):
                future.set_result(at)

    def expect(self, name: str, replicas: int) -> asyncio.Future[float]:
        """The moment in which the Deployment will have so many."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.waiting[name, replicas].append(future)
        return future


class Levers:
    """Throws the switches of a namespace, and releases them."""

    def __init__(self, kube: Kube, watcher: Watcher, namespace: str) -> None:
        self.kube = kube
        self.watcher = watcher
        self.path = scene.SWITCHES.format(namespace)

    async def move(self, name: str, *, engaged: bool) -> float:
        """Milliseconds from the answer to the person's patch to the target's patch."""
        accepted, effect = await self.patch(name, engaged=engaged)
        async with asyncio.timeout(LONGEST):
            return max(0.0, (await effect - accepted) * 1000)

    async def patch(self, name: str, *, engaged: bool) -> tuple[float, asyncio.Future[float]]:
        """The moment of the answer, and that of the effect to wait for."""
        effect = self.watcher.expect(name, 0 if engaged else scene.REPLICAS)
        word = {"engaged": True, "reason": "bench"} if engaged else {"engaged": None, "reason": None}
        await self.kube.merge(f"{self.path}/{scene.switch_of(name)}", {"spec": word})
        return time.monotonic(), effect

    async def throw(self, name: str) -> tuple[float, float]:
        """One throw and its release, each from rest; milliseconds of both."""
        took = []
        for engaged in (True, False):
            await asyncio.sleep(REST)
            took.append(await self.move(name, engaged=engaged))
            await self.until_at_rest(name, engaged=engaged)
        return took[0], took[1]

    async def burst(self, chosen: Iterable[str], *, engaged: bool) -> list[float]:
        """All at once, as a person does with a selector; milliseconds of each."""
        chosen = list(chosen)
        # The person's connections are open before: a hundred handshakes would take their time from who is measured.
        await asyncio.gather(*map(self.observed, chosen))
        took = await asyncio.gather(*(self.move(name, engaged=engaged) for name in chosen))
        for name in chosen:
            await self.until_at_rest(name, engaged=engaged)
        return took

    async def until_at_rest(self, name: str, *, engaged: bool) -> None:
        """Nothing is left to do that the next throw would wait for."""
        async with asyncio.timeout(LONGEST):
            while not at_rest(await self.observed(name), engaged=engaged):  # noqa: ASYNC110 # it polls another process's work
                await asyncio.sleep(0.01)

    async def observed(self, name: str) -> Body:
        try:
            return await self.kube.get(f"{self.path}/{scene.switch_of(name)}")
        except errors.NotFoundError:
            return {}

    async def until_all_at_rest(self, count: int) -> None:
        """So many switches are there, and all of them released."""
        async with asyncio.timeout(LONGEST + count * EACH_AT_MOST):
            while await self._resting() < count:  # noqa: ASYNC110 # as above
                await asyncio.sleep(1)

    async def _resting(self) -> int:
        return sum([at_rest(one, engaged=False) async for one in self.kube.items(self.path)])


def at_rest(switch: Body, *, engaged: bool) -> bool:
    """Whether it has been told of, and noted by kopf where that notes what it has handled.

    A lever of the tutorial's that is back by then has not moved for it, and would never be looked at.
    """
    noted = switch.get("metadata", {}).get("annotations", {}).get(NOTED)
    if noted and bool(json.loads(noted)["spec"].get("engaged")) is not engaged:
        return False
    phase: str = switch.get("status", {}).get("phase", "")
    if engaged:
        return phase == "Engaged"
    return phase == "Released" and FINALIZER not in set(switch["metadata"].get("finalizers", ()))
