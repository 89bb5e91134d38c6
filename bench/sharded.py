"""A real run of RUNBOOKS over REPLICAS that share SHARDS: the first start, what each replica costs, throws, and a loss.

RUNBOOKS=2500,5000,10000,20000 says how many there are, each number in a run of its own, REPLICAS=3 and SHARDS=24 who
shares them, THROWS=200 how often one of them is thrown, SECONDS=20 for how long the processor's time at rest is
measured. Figures go to .lab/bench-sharded.json after each run. The replicas, the API server and this program share the
machine: what counts is how the replicas compare, and how the costs grow.
"""

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count

from bench import ending, facts, scene, told
from bench.flags import Flags
from bench.replicas import Replica, settled
from bench.visit import SEED, Figures
from runbook_operator.core.sharding import shard_of
from runbook_operator.kube.client import Kube, connect

DELETED = 1800
"""Seconds in which a run's namespaces are gone."""
AFTERWARDS = 5.0
"""What is done twice is done within so many seconds."""


@dataclass(frozen=True)
class Plan:
    """What the environment asks for."""

    runbooks: tuple[int, ...]
    replicas: int
    shards: int
    throws: int
    seconds: float

    def namespaces(self) -> list[str]:
        """One in each shard."""
        found: dict[int, str] = {}
        for name in (f"bench-shard-{number}" for number in count()):
            found.setdefault(shard_of(name, self.shards), name)
            if len(found) == self.shards:
                break
        return [found[shard] for shard in sorted(found)]


def asked_for() -> Plan:
    said = os.environ.get
    return Plan(
        runbooks=tuple(int(one) for one in said("RUNBOOKS", "2500,5000,10000,20000").split(",")),
        replicas=int(said("REPLICAS", "3")),
        shards=int(said("SHARDS", "24")),
        throws=int(said("THROWS", "200")),
        seconds=float(said("SECONDS", "20")),
    )


async def main() -> None:
    """One run after the other, and the figures of all so far as JSON."""
    plan, runs = asked_for(), list[Figures]()
    scene.install()
    kube = await connect(30)
    try:
        for runbooks in plan.runbooks:
            await gone(kube, plan)
            print(f"bench: making {runbooks} Runbooks in {plan.shards} namespaces", flush=True)
            runs.append(await measured(kube, plan, runbooks))
            print(summary(runs[-1]), flush=True)
            facts.kept("sharded", sharded=runs)
    finally:
        await gone(kube, plan)
        await kube.close()


async def gone(kube: Kube, plan: Plan) -> None:
    """Nothing is left of a run, also of one that was broken off: what is being deleted would be a part of the next."""
    namespaces = plan.namespaces()
    scene.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=scene.policies(*namespaces))
    await scene.each(partial(scene.emptied, kube), namespaces, at_once=4)
    await asyncio.to_thread(scene.wait_until_gone, namespaces, DELETED)


async def measured(kube: Kube, plan: Plan, runbooks: int) -> Figures:
    """Start them, throw, and lose one."""
    flags = Flags(kube, plan.namespaces(), runbooks)
    scene.kubectl("apply", "-f", "-", stdin=scene.policies(*flags.namespaces))
    await flags.make()
    with running(plan) as replicas:
        figures: Figures = {"runbooks": runbooks, "replicas": plan.replicas, "shards": plan.shards}
        figures["first_start_s"] = await settled(replicas, plan.shards)
        figures["first_start_cpu_s"] = sum(one.cpu() for one in replicas)
        figures["unready"] = await flags.unready()
        figures["at_rest"] = await at_rest(replicas, plan.seconds)
        async with flags.watched():
            figures["throw_ms"] = await throws(flags, plan.throws)
            if plan.replicas > 1:
                figures["lost"] = await lose(replicas[0], flags)
            await asyncio.sleep(AFTERWARDS)
    figures["changes"] = flags.changes.total()
    figures["not_as_often_as_wanted"] = flags.not_as_often_as_wanted()
    return figures


@contextmanager
def running(plan: Plan) -> Iterator[list[Replica]]:
    """The replicas; however it ends, none is left."""
    replicas: list[Replica] = []
    try:
        replicas.extend(Replica(number, plan.namespaces(), plan.shards) for number in range(plan.replicas))
        yield replicas
    finally:
        for one in replicas:
            one.kill()


async def at_rest(replicas: list[Replica], seconds: float) -> list[Figures]:
    """What each replica has and costs while nothing happens."""
    before = [one.cpu() for one in replicas]
    await asyncio.sleep(seconds)
    return [
        {
            "shards": int(one.metric("shards_held")),
            "cpu_share": (one.cpu() - used) / seconds,
            "rss_mb": one.memory(),
        }
        for one, used in zip(replicas, before, strict=True)
    ]


async def throws(flags: Flags, often: int) -> list[float]:
    """Some of them, one after the other, each released before the next; milliseconds of the throws."""
    took = []
    for one in random.Random(SEED).choices(flags.names(), k=often):  # noqa: S311 # a sequence that can be repeated
        took.append(await flags.throw(one, engaged=True))
        await flags.throw(one, engaged=False)
    return took


async def lose(lost: Replica, flags: Flags) -> Figures:
    """Kill a replica, and throw a switch in every namespace; each is to be done once, also those that it led."""
    shards, some = int(lost.metric("shards_held")), flags.one_of_each_namespace()
    lost.kill()
    took = await asyncio.gather(*(flags.throw(one, engaged=True) for one in some))
    await asyncio.gather(*(flags.throw(one, engaged=False) for one in some))
    return {"shards": shards, "throw_ms": took}


def summary(run: Figures) -> str:
    """A run's figures, a line for each thing that was done."""
    took, start = run["throw_ms"], (run["first_start_s"], run["first_start_cpu_s"])
    lines = [f"{run['runbooks']} Runbooks ready after {start[0]:.0f} s, {start[1]:.0f} s of processors"]
    if run["unready"]:
        lines.append(f"{run['unready']} Runbooks were not ready then")
    lines.extend(
        f"a replica at rest: {one['shards']} shards, {one['cpu_share']:.3f} processors, {one['rss_mb']:.0f} MB"
        for one in run["at_rest"]
    )
    lines.append(f"thrown: p50 {told.quantile(took, 0.5):.0f} ms, p99 {told.quantile(took, 0.99):.0f} ms")
    if lost := run.get("lost"):
        lines.append(f"with {lost['shards']} shards lost: at most {max(lost['throw_ms']):.0f} ms")
    lines.append(f"{run['changes']} changes; not as often as told to: {run['not_as_often_as_wanted']} flags")
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(ending.orderly(main()))
