"""One contender's turn: it starts, rests, is thrown one by one and many at once, and ends."""

import asyncio
import random
import re
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import asked, process, scene
from bench.contenders import Contender, Place, free_port, running
from bench.throwing import LONGEST, Levers, Watcher
from lab.layout import here
from runbook_operator.kube.client import Kube

AWAY = 10
"""Switches that are thrown while the contender is not there."""
SETTLING = 60.0
SEED = 8
HALF_DONE = "r0"
Figures = dict[str, Any]


@dataclass(frozen=True)
class Amounts:
    """How much of each there is in one turn."""

    runbooks: int
    throws: int
    bursts: int
    burst: int
    idle_seconds: float


@dataclass
class Turn:
    """One contender on its own objects."""

    contender: Contender
    kube: Kube
    kubeconfig: Path
    amounts: Amounts
    random: random.Random
    log: Path
    figures: Figures = field(default_factory=lambda: {"throw_ms": [], "restore_ms": [], "bursts": []})

    async def first(self) -> None:
        """What a new installation does once, so that no turn has to: Switches, annotations, finalizers."""
        async with self.levers() as levers:
            thrown = None if self.contender.has_runbooks else await self._left_behind(levers)
            with self.running() as (child, _):
                began = time.monotonic()
                if self.contender.has_runbooks:
                    await levers.until_all_at_rest(self.amounts.runbooks)
                    self.figures["first_start_s"] = time.monotonic() - began
                if thrown is not None:
                    await self._gone_on_with(levers, thrown)
                await process.quiet(child.pid, SETTLING)

    async def take(self) -> None:
        """Everything but the slowed API server."""
        async with self.levers() as levers:
            away = self._choose(min(AWAY, self.amounts.runbooks))
            effects = [(await levers.patch(name, engaged=True))[1] for name in away]
            with self.running() as (child, place):
                await self._started(time.monotonic(), effects, place)
                await levers.burst(away, engaged=False)
                await process.quiet(child.pid, SETTLING)
                if self.amounts.idle_seconds:
                    await self._rested(child.pid)
                await self._thrown(levers, child.pid)
                for _ in range(self.amounts.bursts):
                    await self._burst(levers)
                self.figures["loaded"] = self.figures.get("loaded", {}) | _memory(child.pid)

    async def slowed(self, kubeconfig: Path, milliseconds: str, throws: int) -> None:
        """Some throws by an API server that is slower, see slow.py."""
        self.kubeconfig = kubeconfig
        async with self.levers() as levers:
            with self.running() as (child, _):
                # What is found while it starts is done at once: the first is only to say that it is there.
                await levers.throw(self.chosen())
                await process.quiet(child.pid, SETTLING)
                took = [await levers.throw(self.chosen()) for _ in range(throws)]
        slow = self.figures.setdefault("slowed", {})
        slow[milliseconds] = {"throw_ms": [one for one, _ in took], "restore_ms": [one for _, one in took]}

    async def _left_behind(self, levers: Levers) -> asyncio.Future[float]:
        """A switch as a process leaves it that ended between the record and the effect; the effect is still to come."""
        switch = f"{levers.path}/{scene.switch_of(HALF_DONE)}"
        target = f"{scene.DEPLOYMENTS.format(self.contender.namespace)}/{HALF_DONE}"
        await self.kube.merge(f"{switch}/status", {"status": scene.half_done(await self.kube.get(target))})
        # Not what the record says: who writes a second record gives this back.
        await self.kube.merge(target, {"spec": {"replicas": scene.REPLICAS + 2}})
        return (await levers.patch(HALF_DONE, engaged=True))[1]

    async def _gone_on_with(self, levers: Levers, effect: asyncio.Future[float]) -> None:
        """A peer that loses a throw, or what there was before it, would be compared for work that it does not do."""
        try:
            async with asyncio.timeout(LONGEST):
                await effect
                await levers.until_at_rest(HALF_DONE, engaged=True)
                await levers.move(HALF_DONE, engaged=False)
                await levers.until_at_rest(HALF_DONE, engaged=False)
        except TimeoutError as error:
            raise SystemExit(f"bench: {self.contender.name} does not go on from a record") from error

    async def _started(self, began: float, effects: list[asyncio.Future[float]], place: Place) -> None:
        looked = asyncio.create_task(self._looked(place))
        try:
            async with asyncio.timeout(LONGEST):
                done = await asyncio.gather(*effects)
                self.figures.setdefault("start_s", []).append(max(done) - began)
                if self.contender.looks:
                    self.figures.setdefault("looked_s", []).append(await looked - began)
        finally:
            looked.cancel()

    async def _looked(self, place: Place) -> float:
        """The moment in which it had looked at as many objects as there are, and had none left, by its own metrics."""
        wanted = self.amounts.runbooks * (2 if self.contender.has_runbooks else 1)
        while True:
            looks, left = await asyncio.to_thread(_counts, place.port, self.contender.looks, self.contender.left)
            if looks >= wanted and not left:
                break
            await asyncio.sleep(0.1)
        return time.monotonic()

    async def _rested(self, pid: int) -> None:
        """Nobody touches anything."""
        before, used, began = asked.now(self.contender.namespace), process.cpu(pid), time.monotonic()
        await asyncio.sleep(self.amounts.idle_seconds)
        took = time.monotonic() - began
        idle = {"seconds": took, "cpu_share": (process.cpu(pid) - used) / took}
        self.figures["idle"] = _memory(pid) | idle | asked.between(self.contender.namespace, before)

    async def _thrown(self, levers: Levers, pid: int) -> None:
        before, used, began = asked.now(self.contender.namespace), process.cpu(pid), time.monotonic()
        for _ in range(self.amounts.throws):
            took, back = await levers.throw(self.chosen())
            self.figures["throw_ms"].append(took)
            self.figures["restore_ms"].append(back)
        loaded = {"throws": self.amounts.throws, "seconds": time.monotonic() - began, "cpu_s": process.cpu(pid) - used}
        self.figures["loaded"] = loaded | asked.between(self.contender.namespace, before)

    async def _burst(self, levers: Levers) -> None:
        chosen = self._choose(min(self.amounts.burst, self.amounts.runbooks))
        took = await levers.burst(chosen, engaged=True)
        back = await levers.burst(chosen, engaged=False)
        self.figures["bursts"].append({"throw_ms": took, "restore_ms": back})

    def chosen(self) -> str:
        """One of its Runbooks at random."""
        return self._choose(1)[0]

    def _choose(self, count: int) -> list[str]:
        return self.random.sample(scene.names(self.amounts.runbooks), count)

    @contextmanager
    def running(self) -> Iterator[tuple[subprocess.Popen[bytes], Place]]:
        place = Place(self.contender.namespace, self.kubeconfig, free_port())
        with running(self.contender, place, self.log) as child:
            yield child, place

    @asynccontextmanager
    async def levers(self) -> AsyncIterator[Levers]:
        watcher = Watcher(self.kube, self.contender.namespace)
        watching = asyncio.create_task(watcher.run())
        await watcher.ready.wait()
        try:
            yield Levers(self.kube, watcher, self.contender.namespace)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


async def prepared(kube: Kube, contender: Contender, amounts: Amounts) -> Turn:
    """Everything that the contender serves, made anew, and its first start behind it."""
    await asyncio.to_thread(contender.made)
    namespace = contender.namespace
    print(f"bench: making {amounts.runbooks} of everything for {contender.name}", flush=True)
    await scene.gone(kube, namespace)
    scene.wait_until_gone([namespace])
    scene.kubectl("create", "namespace", namespace)
    if contender.has_runbooks:
        scene.kubectl("apply", "-f", "-", stdin=scene.policies(namespace))
    await scene.account(kube, namespace)
    await scene.made(kube, namespace, amounts.runbooks, with_runbooks=contender.has_runbooks)
    kubeconfig = scene.kubeconfig(namespace, here().home / f"{namespace}.kubeconfig")
    log = here().home / f"{namespace}.log"
    log.write_text("")
    chosen = random.Random(SEED)  # noqa: S311 # a sequence that can be repeated
    turn = Turn(contender, kube, kubeconfig, amounts, chosen, log)
    await turn.first()
    return turn


def _memory(pid: int) -> Figures:
    return {"rss_mb": process.memory(pid), "pss_mb": process.proportional(pid), "peak_mb": process.peak(pid)}


def _counts(port: int, *metrics: str) -> list[float]:
    """Each metric's sum over all its labels; 0 where nobody answers yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        text = ""
    return [summed(text, metric) for metric in metrics]


def summed(text: str, metric: str) -> float:
    found = re.findall(rf"^{metric}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
    return sum(float(value) for value in found)
