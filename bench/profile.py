"""Where the processor's time of a throw goes: py-spy looks at the operator while its switches are thrown one by one.

RUNBOOKS=100 says how many there are, SECONDS=60 for how long they are thrown and released. Figures go to
.lab/bench-profile.json. Sampled is what runs or waits for a processor; the shares are what counts.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import ending, facts, process, scene, stacks
from bench.contenders import CONTENDERS
from bench.throwing import Levers
from bench.visit import SETTLING, Amounts, Turn, prepared
from lab.layout import here
from runbook_operator.kube.client import connect

RUNBOOKS = int(os.environ.get("RUNBOOKS", "100"))
SECONDS = int(os.environ.get("SECONDS", "60"))
RATE = 200
"""Looks in a second."""
OPERATOR = replace(CONTENDERS["operator"], name="profile")
"""In a namespace of its own."""


async def main() -> None:
    """Sample it, and keep the table as JSON."""
    scene.install()
    kube = await connect(30)
    try:
        figures = await profiled(await prepared(kube, OPERATOR, Amounts(RUNBOOKS, 0, 0, 0, 0.0)))
    finally:
        await scene.gone(kube, OPERATOR.namespace)
        await kube.close()
    print(f"{figures['throws']} throws and releases: the parts of {figures['cpu_s']:.1f} s of a processor")
    print(stacks.told(figures["samples"], figures["cpu_s"], figures["throws"]))
    facts.kept("profile", profile=figures)


async def profiled(turn: Turn) -> dict[str, Any]:
    """What was sampled from the first throw to the last, once nothing is left to do of the start."""
    samples = here().home / "bench-profile.raw"
    async with turn.levers() as levers:
        with turn.running() as (child, _):
            await levers.throw(turn.chosen())
            await process.quiet(child.pid, SETTLING)
            used, began = process.cpu(child.pid), time.monotonic()
            with sampled(child.pid, samples) as sampling:
                throws = await thrown(turn, levers, sampling)
            took, cpu = time.monotonic() - began, process.cpu(child.pid) - used
    figures = {"runbooks": RUNBOOKS, "throws": throws, "seconds": took, "cpu_s": cpu, "rate": RATE}
    return figures | {"samples": stacks.folded(samples.read_text().splitlines())}


async def thrown(turn: Turn, levers: Levers, sampling: "subprocess.Popen[str]") -> int:
    """How often a switch was thrown and released until the sampling had ended."""
    throws = 0
    while sampling.poll() is None:
        await levers.throw(turn.chosen())
        throws += 1
    return throws


@contextmanager
def sampled(pid: int, path: Path) -> Iterator["subprocess.Popen[str]"]:
    """py-spy at work on the process."""
    # A process that is held still for every look has all of its threads woken by it, as if they worked.
    looking = ["--nonblocking", "--threads", "--full-filenames"]
    spy = str(Path(sys.executable).with_name("py-spy"))
    options = {"--pid": pid, "--rate": RATE, "--duration": SECONDS, "--format": "raw", "--output": path}
    command = [spy, "record", *looking, *(str(one) for pair in options.items() for one in pair)]
    spying = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield spying
        _, said = spying.communicate()
        if spying.returncode:
            raise SystemExit(f"bench: py-spy may need root, or kernel.yama.ptrace_scope=0\n{said}")
    finally:
        spying.kill()
        spying.wait()


if __name__ == "__main__":
    asyncio.run(ending.orderly(main()))
