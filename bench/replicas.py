"""Replicas that share the work, each as a process of this machine."""

import asyncio
import json
import subprocess
import time
import urllib.request
from collections.abc import Sequence

from bench import process
from bench.installed import environment, python
from lab.layout import here

SETTLED = 1800.0
"""Seconds in which all of them must have come to rest."""
IN_A_ROW = 3
"""Seconds at rest that count as rest: for a moment it is also between two things to do."""


class Replica:
    """One of them: what it says, what it uses."""

    def __init__(self, number: int, namespaces: Sequence[str], shards: int) -> None:
        self.log = here().home / f"bench-sharded-{number}.log"
        self.address = ""
        settings = {
            "RUNBOOK_NAMESPACES": json.dumps(namespaces),
            "RUNBOOK_LEASE_NAMESPACE": namespaces[0],
            "RUNBOOK_SHARDS": str(shards),
            "RUNBOOK_HTTP_PORT": "0",
        }
        self.log.parent.mkdir(exist_ok=True)
        command = [python(), "-m", "runbook_operator"]
        with self.log.open("w") as log:
            self.running = subprocess.Popen(command, env=environment() | settings, stdout=log, stderr=log)

    def metric(self, name: str) -> float:
        """One of its own metrics; -1 while it does not serve any."""
        if self.running.poll() is not None:
            raise SystemExit(f"bench: a replica ended by itself, see {self.log}")
        self.address = self.address or address(self.log.read_text())
        if not self.address:
            return -1.0
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=30) as answer:  # noqa: S310 # our own
            return value(answer.read().decode(), name)

    def cpu(self) -> float:
        """Seconds of a processor that it has used."""
        return process.cpu(self.running.pid)

    def memory(self) -> float:
        return process.memory(self.running.pid)

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()


def address(log: str) -> str:
    """Where it serves, by the line of its log that says so; empty while there is none."""
    said = (json.loads(line) for line in log.splitlines(keepends=True) if '"http"' in line and line.endswith("\n"))
    return str(next(said, {"http": ""})["http"])


def value(text: str, name: str) -> float:
    start = f"runbook_operator_{name} "
    return float(next(line for line in text.splitlines() if line.startswith(start)).removeprefix(start))


async def settled(replicas: Sequence[Replica], shards: int) -> float:
    """Seconds until each shard was held and nobody had anything to do any more."""
    began, quiet = time.monotonic(), 0
    while quiet < IN_A_ROW:
        await asyncio.sleep(1)
        quiet = quiet + 1 if await asyncio.to_thread(_at_rest, replicas, shards) else 0
        if time.monotonic() - began > SETTLED:
            raise SystemExit(f"bench: the replicas were not done within {SETTLED:.0f} s")
    return time.monotonic() - began - IN_A_ROW


def _at_rest(replicas: Sequence[Replica], shards: int) -> bool:
    idle = all(one.metric("queue_length") == 0 for one in replicas)
    return idle and sum(one.metric("shards_held") for one in replicas) == shards
