"""What the deep checks at idle switches ask of the API server, with dry runs and without: RUNBOOKS with a switch each.

The same operator three times in one run: it checks no writes by dry run, it checks them at every deep check, and it
checks them as it does. Its clocks of ten minutes and of an hour go FASTER=120 times as fast, so that HOURS=3 of rest
take a minute and a half. The ratios are what counts: a request is one request on every machine.
"""

import asyncio
import os
from dataclasses import replace

from bench import asked, ending, facts, process, scene
from bench.contenders import CONTENDERS, Contender, Place
from bench.installed import python
from bench.visit import SETTLING, Amounts, Figures, Turn, prepared
from runbook_operator.kube.client import connect

RUNBOOKS = int(os.environ.get("RUNBOOKS", "100"))
FASTER = float(os.environ.get("FASTER", "120"))
HOURS = float(os.environ.get("HOURS", "3"))
HOUR = 3600.0
QUICKENED = f"""
import sys
from runbook_operator.act import trials
from runbook_operator.decide import rehearsal
from runbook_operator.observe import looks, reviews
looks.CLOSE_LOOK /= {FASTER}
reviews.ALLOWED_SECONDS /= {FASTER}
trials.ALLOWED_SECONDS /= {FASTER}
{{}}
from runbook_operator.__main__ import main
sys.exit(main([]))
"""
VARIANTS = {"without": "rehearsal.MOST = 0", "every look": "trials.ALLOWED_SECONDS = 0.0", "as it is": ""}


async def main() -> None:
    """Measure each variant, print them beside each other, and keep the figures as JSON."""
    scene.install()
    kube = await connect(30)
    operator = CONTENDERS["operator"]
    try:
        turn = await prepared(kube, operator, Amounts(RUNBOOKS, 0, 0, 0, 0.0))
        figures = {name: await rested(turn, quickened(operator, change)) for name, change in VARIANTS.items()}
        report(figures)
    finally:
        await scene.gone(kube, operator.namespace)
        await kube.close()


def quickened(operator: Contender, change: str) -> Contender:
    """The operator with faster clocks, and with one thing changed."""

    def command(_: Place) -> list[str]:
        return [python(), "-c", QUICKENED.format(change)]

    return replace(operator, command=command)


async def rested(turn: Turn, contender: Contender) -> Figures:
    """The requests of some hours of rest, for each switch and hour, counted once the first looks are over."""
    turn.contender = contender
    with turn.running() as (child, _):
        await process.quiet(child.pid, SETTLING)
        await asyncio.sleep(HOUR / FASTER / 4)
        before = asked.now(contender.namespace)
        await asyncio.sleep(HOURS * HOUR / FASTER)
        found = asked.between(contender.namespace, before)
    checks = (found["writes"] or {}).get("patch deployments/scale", 0)
    each = HOURS * RUNBOOKS
    return {"requests": found["requests"] / each, "dry_runs": checks / each}


def report(figures: dict[str, Figures]) -> None:
    """A row for each variant, beside the one that checks nothing by dry run."""
    print(f"{RUNBOOKS} idle switches; requests for each switch and hour")
    print(f"{'dry runs':12}{'requests':>10}{'dry runs':>10}{'beside every look':>20}")
    often = figures["every look"]["requests"]
    for name, one in figures.items():
        print(f"{name:12}{one['requests']:10.2f}{one['dry_runs']:10.2f}{one['requests'] / often:20.2f}")
    facts.kept("looks", looked=RUNBOOKS, faster=FASTER, figures=figures, load=os.getloadavg()[0])


if __name__ == "__main__":
    asyncio.run(ending.orderly(main()))
