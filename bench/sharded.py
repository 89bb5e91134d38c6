"""A real run of RUNBOOKS over REPLICAS that share SHARDS: the first start, what each replica costs, throws, and a loss.

Each Runbook has a switch that sets a flag in a ConfigMap of its own, so that nothing but the operator works on it. The
replicas, the API server and this program share the machine: what counts is how the replicas compare.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.scene import install, kubectl
from runbook_operator.io.kube import Kube, connect
from runbook_operator.model.shards import shard_of

RUNBOOKS = int(os.environ.get("RUNBOOKS", "20000"))
REPLICAS = int(os.environ.get("REPLICAS", "3"))
SHARDS = int(os.environ.get("SHARDS", "24"))
"""As many namespaces, one in each shard."""
THROWS = int(os.environ.get("THROWS", "200"))
SECONDS = float(os.environ.get("SECONDS", "20"))
"""How long the processor's time at rest is measured."""
AT_ONCE = 32
SETTLED = 1800.0
ROOT = Path(__file__).resolve().parent.parent
GROUP = "/apis/runbooks.dev/v1alpha1"
TICKS = os.sysconf("SC_CLK_TCK")
Body = dict[str, Any]


@dataclass
class Process:
    """One replica."""

    number: int
    namespaces: list[str]
    log: Path = field(init=False)
    running: "subprocess.Popen[bytes]" = field(init=False)

    def __post_init__(self) -> None:
        self.log = ROOT / ".lab" / f"bench-sharded-{self.number}.log"
        settings = {
            "RUNBOOK_NAMESPACES": json.dumps(self.namespaces),
            "RUNBOOK_LEASE_NAMESPACE": self.namespaces[0],
            "RUNBOOK_SHARDS": str(SHARDS),
            "RUNBOOK_HTTP_PORT": "0",
        }
        self.log.parent.mkdir(exist_ok=True)
        with self.log.open("w") as log:
            command = [sys.executable, "-m", "runbook_operator"]
            self.running = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)

    def lines(self, what: str) -> list[Body]:
        """The lines of its log that have this in them."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if what in line]

    def metric(self, name: str) -> float:
        """One of its own metrics; -1 while it does not serve any."""
        if not (said := self.lines('"http"')):
            return -1.0
        with urllib.request.urlopen(f"{said[0]['http']}/metrics", timeout=10) as answer:  # noqa: S310 # our own
            text = answer.read().decode()
        return float(
            next(line for line in text.splitlines() if line.startswith(f"runbook_operator_{name} ")).split()[1]
        )

    def cpu(self) -> float:
        """Seconds of a processor that it has used."""
        fields = Path(f"/proc/{self.running.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def mib(self) -> float:
        line = next(one for one in Path(f"/proc/{self.running.pid}/status").read_text().splitlines() if "VmRSS" in one)
        return int(line.split()[1]) / 1024


@dataclass
class Run:
    """The namespaces, the Runbooks in them, and the replicas."""

    kube: Kube
    namespaces: list[str]
    replicas: list[Process] = field(default_factory=list)
    awaited: dict[str, asyncio.Future[float]] = field(default_factory=dict)
    """By namespace and name, whoever waits to be told when the flag of a Runbook was seen to change."""
    wanted: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    """How often each flag was to change, and how often it was seen to."""

    def names(self) -> list[tuple[str, str]]:
        return [(self.namespaces[number % SHARDS], f"shop-{number}") for number in range(RUNBOOKS)]

    async def make(self) -> None:
        for name in self.namespaces:
            await self.kube.create("/api/v1/namespaces", {"metadata": {"name": name}})
        await together(self._add(*one) for one in self.names())

    async def _add(self, namespace: str, name: str) -> None:
        flags = {"metadata": {"name": name}, "data": {"enabled": "true"}}
        await self.kube.create(f"/api/v1/namespaces/{namespace}/configmaps", flags)
        await self.kube.create(f"{GROUP}/namespaces/{namespace}/runbooks", runbook(name))

    async def settled(self) -> float:
        """Seconds until nobody has anything to do any more."""
        began, quiet = time.monotonic(), 0
        while quiet < 3:  # noqa: PLR2004 # in a row
            await asyncio.sleep(1)
            idle = all(one.metric("queue_length") == 0 for one in self.replicas)
            quiet = quiet + 1 if idle and sum(one.metric("shards_held") for one in self.replicas) == SHARDS else 0
            if time.monotonic() - began > SETTLED:
                raise TimeoutError("the replicas are not done")
        return time.monotonic() - began - 3

    async def unready(self) -> int:
        """How many Runbooks have no switch that says that it is ready."""
        ready = 0
        async for one in self.kube.items(f"{GROUP}/switches"):
            conditions = one.get("status", {}).get("conditions", ())
            ours = one["metadata"]["namespace"] in self.namespaces
            ready += ours and any((item["type"], item["status"]) == ("Ready", "True") for item in conditions)
        return RUNBOOKS - ready

    async def throw(self, namespace: str, name: str, value: bool | None) -> float:  # noqa: FBT001 # as in the spec
        """Milliseconds from the accepted patch to the flag that is seen to have changed."""
        seen: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.awaited[f"{namespace}/{name}"] = seen
        self.wanted[f"{namespace}/{name}"] += 1
        await self.kube.merge(f"{GROUP}/namespaces/{namespace}/switches/{name}-stop", {"spec": {"engaged": value}})
        accepted = time.monotonic()
        return max(0.0, (await asyncio.wait_for(seen, 60) - accepted) * 1000)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Note when flags change, as somebody who has nothing to do with the operator sees it."""
        tasks = [asyncio.create_task(self._watch(name)) for name in self.namespaces]
        await asyncio.sleep(2)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def _watch(self, namespace: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        version = (await self.kube.get(path, limit="1"))["metadata"]["resourceVersion"]
        async for kind, body in self.kube.watch(path, version, 3600):
            if kind != "MODIFIED":
                continue
            name = f"{namespace}/{body['metadata']['name']}"
            self.changes[name] += 1
            if (seen := self.awaited.pop(name, None)) is not None:
                seen.set_result(time.monotonic())


def runbook(name: str) -> Body:
    flag = {"setFlag": {"target": "app", "flag": "enabled", "value": "false"}}
    spec = {
        "title": name,
        "targets": [{"name": "app", "flags": {"configMap": name}}],
        "killSwitches": [{"name": "stop", "actions": [flag]}],
    }
    return {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Runbook", "metadata": {"name": name}, "spec": spec}


async def together(work: Iterable[Awaitable[Any]]) -> None:
    """So many at once."""
    waiting = iter(work)

    async def one_after_the_other() -> None:
        for one in waiting:
            await one

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def at_rest(run: Run) -> list[Body]:
    """What each replica has and costs while nothing happens."""
    before = [one.cpu() for one in run.replicas]
    await asyncio.sleep(SECONDS)
    return [
        {"shards": one.metric("shards_held"), "cores": (one.cpu() - used) / SECONDS, "mib": one.mib()}
        for one, used in zip(run.replicas, before, strict=True)
    ]


async def lose_one(run: Run) -> Body:
    """Kill a replica, and throw a switch in every namespace; each is to be done once, also those that it led."""
    lost = run.replicas[0]
    held = int(lost.metric("shards_held"))
    lost.running.kill()
    first = dict(reversed(run.names())).items()
    took = await asyncio.gather(*(run.throw(*one, value=True) for one in first))
    await asyncio.gather(*(run.throw(*one, value=None) for one in first))
    return {"shards_lost": held, "slowest_ms": max(took), "p50_ms": statistics.median(took)}


async def measured(run: Run, timed: Callable[[str, float], None]) -> Body:
    """Start them, throw, and lose one."""
    began = time.monotonic()
    await run.make()
    timed("made", time.monotonic() - began)
    run.replicas = [Process(number, run.namespaces) for number in range(REPLICAS)]
    took = await run.settled()
    timed("settled", took)
    figures: Body = {"first_start_s": took, "unready": await run.unready(), "at_rest": await at_rest(run)}
    async with run.watched():
        some = random.Random(7).choices(run.names(), k=THROWS)  # noqa: S311 # a sequence that can be repeated
        throws = []
        for one in some:
            throws.append(await run.throw(*one, value=True))
            await run.throw(*one, value=None)
        figures["throw_ms"] = {"p50": statistics.median(throws), "p99": statistics.quantiles(throws, n=100)[98]}
        if REPLICAS > 1:
            figures["lost"] = await lose_one(run)
        # What is done twice is done soon after.
        await asyncio.sleep(5)
    figures["changes"] = run.changes.total()
    figures["not_as_often_as_wanted"] = sum(run.changes[name] != often for name, often in run.wanted.items())
    return figures


async def benched(run: Run) -> Body:
    """The figures; however it ends, no replica is left."""
    try:
        return await measured(run, lambda what, seconds: print(f"{what}: {seconds:.0f} s", flush=True))
    finally:
        for one in run.replicas:
            one.running.kill()
            one.running.wait()
        await run.kube.close()


async def begin(namespaces: list[str]) -> Body:
    return await benched(Run(await connect(30), namespaces))


def main() -> None:
    # Others than those of the last run, which may be on their way out.
    some = [f"bench-shard-{os.getpid()}-{number}" for number in range(100 * SHARDS)]
    names = {shard_of(name, SHARDS): name for name in some}
    install()
    try:
        figures = asyncio.run(begin(list(names.values())))
        figures |= {"runbooks": RUNBOOKS, "replicas": REPLICAS, "shards": SHARDS, "throws": THROWS}
        print(json.dumps(figures, indent=2))
        (ROOT / ".lab" / "bench-sharded.json").write_text(json.dumps(figures))
    finally:
        kubectl("delete", "namespace", *names.values(), "--ignore-not-found", "--wait=false")


if __name__ == "__main__":
    main()
