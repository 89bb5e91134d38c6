"""What a large flag document of one tenant costs the throws of another one: with and without it, turn by turn.

THROWS=20 of each. Before each disturbed throw the document changes, and each of SWITCHES=8 switches with eight flags
in it is looked at closely. KILOBYTES=430 is its size, as JSON. The ratio is what counts; the milliseconds are this
machine's.
"""

import asyncio
import json
import os
import statistics

from bench import ending, facts, process, scene
from bench.contenders import CONTENDERS
from bench.flags import CONFIGMAPS
from bench.throwing import Levers
from bench.visit import Amounts, Turn, prepared
from runbook_operator.kube.client import Body, Kube, connect

THROWS = int(os.environ.get("THROWS", "20"))
SWITCHES = int(os.environ.get("SWITCHES", "8"))
KILOBYTES = int(os.environ.get("KILOBYTES", "430"))
FLAGS = 8
SETTLED = 5.0
"""Seconds at most before a throw without the odd tenant: on a machine with other work nothing is ever quite at rest."""
THROWN = "r0"
ODD = "odd"


async def main() -> None:
    """Measure both, print them beside each other, and keep the figures as JSON."""
    scene.install()
    kube = await connect(30)
    operator = CONTENDERS["operator"]
    try:
        turn = await prepared(kube, operator, Amounts(1, 0, 0, 0, 0.0))
        await kube.create(CONFIGMAPS.format(operator.namespace), {"metadata": {"name": ODD}, "data": data(0)})
        await kube.create(scene.RUNBOOKS.format(operator.namespace), runbook())
        async with turn.levers() as levers:
            report(*await compared(turn, levers))
    finally:
        await scene.gone(kube, operator.namespace)
        await kube.close()


async def compared(turn: Turn, levers: Levers) -> tuple[list[float], list[float]]:
    """The milliseconds of throws without the odd tenant, and with it."""
    calm, busy = [], []
    with turn.running() as (child, _):
        for number in range(THROWS):
            await process.quiet(child.pid, SETTLED)
            calm.append((await levers.throw(THROWN))[0])
            await disturbed(turn.kube, turn.contender.namespace, number + 1)
            busy.append((await levers.throw(THROWN))[0])
    return calm, busy


async def disturbed(kube: Kube, namespace: str, number: int) -> None:
    """Another document, and a Runbook that asks for a deep check at each of its switches."""
    await kube.merge(f"{CONFIGMAPS.format(namespace)}/{ODD}", {"data": data(number)})
    await kube.merge(f"{scene.RUNBOOKS.format(namespace)}/{ODD}", {"spec": {"title": f"Odd {number}"}})


def data(number: int) -> dict[str, str]:
    """A document like flagd's, of so many kilobytes."""
    about = {"description": f"switch number {number} of the shop", "variants": {"off": False, "on": True}}
    one = {"defaultVariant": "off", "state": "ENABLED"} | about
    count = KILOBYTES * 1024 // len(json.dumps({"flag00000": one}, indent=2))
    return {"flags": json.dumps({"flags": {f"flag{n:05d}": one for n in range(count)}}, indent=2)}


def runbook() -> Body:
    names = [[f"flags.flag{FLAGS * n + m:05d}.defaultVariant" for m in range(FLAGS)] for n in range(SWITCHES)]
    actions = [[{"setFlag": {"target": "api", "flag": name, "value": "on"}} for name in each] for each in names]
    return scene.runbook(ODD) | {
        "spec": {
            "title": "Odd",
            "targets": [{"name": "api", "flags": {"configMap": ODD, "key": "flags"}}],
            "killSwitches": [{"name": f"off-{n}", "actions": each} for n, each in enumerate(actions)],
        }
    }


def report(calm: list[float], busy: list[float]) -> None:
    """The median of both, and their ratio."""
    without, beside = statistics.median(calm), statistics.median(busy)
    print(f"{THROWS} throws, the median in milliseconds: {without:.1f} alone, {beside:.1f} beside a document of")
    print(f"{KILOBYTES} KB that is parsed for {SWITCHES * FLAGS} flags meanwhile; ratio {beside / without:.2f}")
    flags, load = SWITCHES * FLAGS, os.getloadavg()[0]
    facts.kept("neighbours", kilobytes=KILOBYTES, flags=flags, calm_ms=calm, busy_ms=busy, load=load)


if __name__ == "__main__":
    asyncio.run(ending.orderly(main()))
