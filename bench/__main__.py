"""From patch to effect, beside peers that do the same work: all in one run, on one cluster, turn by turn.

RUNBOOKS=100,1000 says how many there are, THROWS=500 how often one of them is thrown, ROUNDS=2 in how many turns each,
CONTENDERS=floor,operator,go,tutorial who is measured, BURSTS=4 how often BURST=100 are thrown at once, IDLE=30 for how
many seconds nobody touches anything, SLOWED=5,50 by how many milliseconds the API server is slower in turns of their
own of SLOW_THROWS=50. PYTHON says which interpreter runs those that are in Python, installed.py has the default.
Figures are added to .lab/bench-RUNBOOKS.json. Ratios are what counts; the milliseconds are this machine's, which the
API server shares with who is measured.
"""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path

from bench import ending, facts, scene, slow, told
from bench.contenders import CONTENDERS
from bench.visit import Amounts, Figures, Turn, prepared
from runbook_operator.kube.client import connect


@dataclass(frozen=True)
class Plan:
    """What the environment asks for."""

    runbooks: tuple[int, ...]
    contenders: tuple[str, ...]
    throws: int
    rounds: int
    bursts: int
    burst: int
    idle: float
    slowed: tuple[str, ...]
    slow_throws: int

    def amounts(self, runbooks: int, turn: int) -> Amounts:
        """Of one turn; the idle time is measured in the last one."""
        rounds = self.rounds
        idle = self.idle if turn == rounds - 1 else 0.0
        return Amounts(runbooks, self.throws // rounds, -(-self.bursts // rounds), self.burst, idle)


def asked_for() -> Plan:
    said = os.environ.get
    return Plan(
        runbooks=tuple(int(one) for one in said("RUNBOOKS", "100,1000").split(",")),
        contenders=tuple(said("CONTENDERS", ",".join(CONTENDERS)).split(",")),
        throws=int(said("THROWS", "500")),
        rounds=int(said("ROUNDS", "2")),
        bursts=int(said("BURSTS", "4")),
        burst=int(said("BURST", "100")),
        idle=float(said("IDLE", "30")),
        slowed=tuple(one for one in said("SLOWED", "5,50").split(",") if one),
        slow_throws=int(said("SLOW_THROWS", "50")),
    )


async def main() -> None:
    """Measure all of them for each number of Runbooks, print them beside each other, keep the figures as JSON."""
    plan = asked_for()
    scene.install()
    for runbooks in plan.runbooks:
        figures = await compared(plan, runbooks)
        facts.kept(str(runbooks), runbooks=runbooks, contenders=figures)
        print(told.summary(runbooks, figures), flush=True)


async def compared(plan: Plan, runbooks: int) -> dict[str, Figures]:
    """The figures of each, turn by turn, so that what else the machine does meets them all."""
    contenders = [CONTENDERS[name] for name in plan.contenders]
    kube = await connect(30)
    try:
        turns = [await prepared(kube, one, plan.amounts(runbooks, 0)) for one in contenders]
        for number in range(plan.rounds):
            for turn in turns:
                turn.amounts = plan.amounts(runbooks, number)
                print(
                    f"bench: {runbooks} Runbooks, turn {number + 1} of {plan.rounds}: {turn.contender.name}", flush=True
                )
                await turn.take()
        for milliseconds in plan.slowed:
            await slowed(turns, milliseconds, plan.slow_throws)
        return {turn.contender.name: turn.figures for turn in turns}
    finally:
        for one in contenders:
            await scene.gone(kube, one.namespace)
        await kube.close()
        scene.wait_until_gone(one.namespace for one in contenders)


async def slowed(turns: list[Turn], milliseconds: str, throws: int) -> None:
    for turn in turns:
        print(f"bench: by an API server that is {milliseconds} ms slower: {turn.contender.name}", flush=True)
        straight = json.loads(turn.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        with slow.slowed(straight, float(milliseconds)) as server:
            own = Path(f"{turn.kubeconfig}.{milliseconds}")
            fast, namespace = turn.kubeconfig, turn.contender.namespace
            await turn.slowed(scene.kubeconfig(namespace, own, server), milliseconds, throws)
            turn.kubeconfig = fast


if __name__ == "__main__":
    asyncio.run(ending.orderly(main()))
