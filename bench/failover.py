"""How long a switch waits that is thrown when the leader is lost: two replicas, of which the leader is ended.

KILLS=10 times by SIGKILL and as often by SIGTERM; only those who elect a leader can be asked. From the end of the
leader, with the switch thrown at once, to the target's patch by the other one. Both have their own terms as they come:
the operator's lease lasts 4 s, controller-runtime's 15 s. Figures go to .lab/bench-failover.json.
"""

import asyncio
import os
import random
import subprocess
import time
from contextlib import ExitStack

from bench import ending, facts, scene, told
from bench.contenders import CONTENDERS, Place, free_port, started, stop
from bench.throwing import LONGEST, Levers
from bench.visit import SEED, Amounts, Turn, prepared
from runbook_operator.kube.client import Kube, connect

KILLS = int(os.environ.get("KILLS", "10"))
RUNBOOKS = 10
WITH_LEADER = ("operator", "go")
STANDBY = 5.0
"""Seconds in which the second replica has come so far that it only waits for the lease."""


async def main() -> None:
    """Measure both, one after the other, and keep the figures as JSON."""
    scene.install()
    kube = await connect(30)
    try:
        figures = {name: await lost(kube, name) for name in WITH_LEADER}
    finally:
        for name in WITH_LEADER:
            await scene.gone(kube, CONTENDERS[name].namespace)
        await kube.close()
    tell(figures)
    facts.kept("failover", failover=figures)


async def lost(kube: Kube, name: str) -> dict[str, list[float]]:
    """Seconds from the end of each leader to the effect, by how it ended."""
    turn = await prepared(kube, CONTENDERS[name], Amounts(RUNBOOKS, 0, 0, 0, 0.0))
    figures: dict[str, list[float]] = {"killed_s": [], "stopped_s": []}
    async with turn.levers() as levers:
        with ExitStack() as running:
            leader = _replica(turn, running)
            await levers.throw(turn.chosen())
            for number in range(2 * KILLS):
                standby = _replica(turn, running)
                await asyncio.sleep(STANDBY + random.Random(SEED + number).random())  # noqa: S311 # no secret
                which = "killed_s" if number % 2 else "stopped_s"
                figures[which].append(await _ended(turn, levers, leader, kill=bool(number % 2)))
                leader = standby
    return figures


async def _ended(turn: Turn, levers: Levers, leader: subprocess.Popen[bytes], *, kill: bool) -> float:
    name = turn.chosen()
    began = time.monotonic()
    if kill:
        leader.kill()
    else:
        leader.terminate()
    _, effect = await levers.patch(name, engaged=True)
    async with asyncio.timeout(LONGEST):
        took = await effect - began
    await asyncio.to_thread(leader.wait, LONGEST)
    await levers.until_at_rest(name, engaged=True)
    await levers.move(name, engaged=False)
    await levers.until_at_rest(name, engaged=False)
    return took


def _replica(turn: Turn, running: ExitStack) -> subprocess.Popen[bytes]:
    """One more of them, which ends with the others."""
    place = Place(turn.contender.namespace, turn.kubeconfig, free_port())
    replica = started(turn.contender, place, turn.log)
    running.callback(stop, replica)
    return replica


def tell(figures: dict[str, dict[str, list[float]]]) -> None:
    print(f"from the end of the leader to the effect of a switch thrown at once, seconds; {KILLS} times each")
    for name, one in figures.items():
        for how, values in one.items():
            p50, most = told.quantile(values, 0.5), max(values)
            print(f"{name:10}{how.removesuffix('_s'):10}{p50:8.2f}{most:8.2f}")


if __name__ == "__main__":
    asyncio.run(ending.orderly(main()))
