"""What watching costs the whole operator, and what it costs a thrown switch: RUNBOOKS with two health endpoints each.

The peer is the same operator with the same Runbooks and nothing to watch, measured first in the same run. Runbooks,
Services and the way through them are real; what answers is a server of a few lines in the lab's network, since an app
of the node would take a processor of its own to be asked 1,000 times a second. Needs the lab with a node. Ratios are
what counts; the figures are this machine's, on which the API server and the operator share the processors.
"""

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from bench import ending, facts, installed, process, scene
from bench.throwing import Levers, Watcher
from lab.layout import here
from lab.up import Lab
from runbook_operator.kube.client import Kube, connect

NAMESPACE = "bench-watching"
RUNBOOKS = int(os.environ.get("RUNBOOKS", "5000"))
SECONDS = float(os.environ.get("SECONDS", "60"))
"""How long the processor's time is measured, each time."""
THROWS = int(os.environ.get("THROWS", "50"))
THROWN = "shop"
ADDRESS = "10.244.255.1"
"""Of the pods' range, and no pod's: the node hands out those of its first 256."""
EACH = 10
"""Runbooks that ask one Service: each host is asked by so many at once and no more."""
PERIOD = 10
"""Seconds between two checks of an endpoint."""
WINDOW = 10.0
DRAINED = 1.01
"""Of what falls due in a window; what is asked beyond that was late."""
SETTLED = 900.0
"""Seconds within which every Runbook must have told what it found."""
PATH = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/runbooks"
LATENESS = "runbook_operator_sensing_lateness_seconds"
READINGS = "runbook_operator_readings_total"
SOURCES = f"{scene.ROOT}:{scene.ROOT / 'operator'}"


async def main() -> None:
    """Measure both, print them beside each other, and keep the figures as JSON."""
    scene.install()
    scene.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=300s")
    scene.kubectl("create", "namespace", NAMESPACE)
    kube = await connect(30)
    try:
        await create(kube, "/apis/apps/v1", "deployments", scene.deployment(THROWN))
        await kube.create(PATH, scene.runbook(THROWN))
        with query_supply() as port:
            report(await compared(kube, port))
    finally:
        await kube.close()
        scene.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


async def compared(kube: Kube, port: int) -> dict[str, dict[str, float]]:
    """The figures of both, of the peer first."""
    await scene.each(partial(served, kube, port), range(-(-RUNBOOKS // EACH)))
    await scene.each(partial(made, kube), range(RUNBOOKS - 1))
    with operator() as child:
        idle = await measured(kube, child, "Ready")
        await scene.each(partial(watched, kube), range(RUNBOOKS - 1))
        watching = await measured(kube, child, "Healthy")
    return {"idle": idle, "watching": watching}


@contextmanager
def query_supply() -> Iterator[int]:
    """A server at an address of the pods' range; gives its port."""
    inside = Lab(here()).run_inside
    own = ["ip", "addr", "{}", f"{ADDRESS}/32", "dev", "lo"]
    subprocess.run(inside([one.format("add") for one in own]), check=True)
    command = inside([sys.executable, "-m", "bench.sensing", "serve"])
    server = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": SOURCES}, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout  # noqa: S101 # it is a pipe
        yield int(server.stdout.readline())
    finally:
        server.terminate()
        server.wait(timeout=10)
        subprocess.run(inside([one.format("del") for one in own]), check=True)


async def served(kube: Kube, port: int, number: int) -> None:
    """A Service that leads to the server, and a Deployment without pods, for the Runbooks that share them."""
    name = f"s{number}"
    spec = {"selector": {"app": "nobody"}, "ports": [{"name": "http", "port": 80, "targetPort": port}]}
    await create(kube, "/api/v1", "services", {"metadata": {"name": name}, "spec": spec})
    ends = {
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [ADDRESS]}],
        "ports": [{"name": "http", "port": port}],
    }
    await create(kube, "/apis/discovery.k8s.io/v1", "endpointslices", ends)
    workload = scene.deployment(name)
    workload["spec"]["replicas"] = 0
    await create(kube, "/apis/apps/v1", "deployments", workload)


async def create(kube: Kube, group: str, plural: str, body: dict[str, Any]) -> None:
    await kube.request("POST", f"{group}/namespaces/{NAMESPACE}/{plural}", body=body)


async def made(kube: Kube, number: int) -> None:
    name = f"s{number // EACH}"
    target = {"name": "web", "workload": {"name": name}, "service": {"name": name, "port": "http"}}
    body = {
        "apiVersion": "runbooks.dev/v1alpha1",
        "kind": "Runbook",
        "metadata": {"name": f"r{number}"},
        "spec": {"title": "Watched", "targets": [target]},
    }
    await kube.request("POST", PATH, body=body)


async def watched(kube: Kube, number: int) -> None:
    endpoints = [
        {"name": name, "target": "web", "path": path, "period": f"{PERIOD}s"}
        for name, path in (("live", "/health/live"), ("ready", "/health/ready"))
    ]
    await kube.merge(f"{PATH}/r{number}", {"spec": {"healthEndpoints": endpoints}})


@contextmanager
def operator() -> Iterator[subprocess.Popen[bytes]]:
    """The operator inside of the lab's network, from where Services are reached."""
    settings = installed.environment() | {
        "RUNBOOK_NAMESPACES": json.dumps([NAMESPACE]),
        "RUNBOOK_LEASE_NAMESPACE": NAMESPACE,
        "RUNBOOK_HTTP_PORT": "18080",
        "PYTHONPATH": SOURCES,
        "KUBECONFIG": str(here().data / "admin.kubeconfig"),
    }
    command = Lab(here()).run_inside([installed.python(), "-m", "runbook_operator"])
    with (scene.ROOT / ".lab" / f"{NAMESPACE}.log").open("w") as log:
        child = subprocess.Popen(command, env=settings, stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.terminate()
        child.wait(timeout=15)


async def measured(kube: Kube, child: subprocess.Popen[bytes], condition: str) -> dict[str, float]:
    """Once every Runbook says that condition: what the process uses, how late it asks, how long a throw takes."""
    await settled(kube, condition)
    drained_after = await drained()
    before, used, began = scraped(), process.cpu(child.pid), time.monotonic()
    await asyncio.sleep(SECONDS)
    took = time.monotonic() - began
    after, share = scraped(), (process.cpu(child.pid) - used) / took
    milliseconds = await throws(kube)
    return {
        "cpu_share": share,
        "memory_mb": process.memory(child.pid),
        "readings_per_second": (total(after, READINGS) - total(before, READINGS)) / took,
        "drained_after_s": drained_after,
        "lateness_p99_ms": 1000 * quantile(before, after, 0.99),
        "throw_p50_ms": statistics.median(milliseconds),
        "throw_p99_ms": sorted(milliseconds)[int(len(milliseconds) * 0.99)],
    }


async def settled(kube: Kube, condition: str) -> None:
    async with asyncio.timeout(SETTLED):
        while await unrecorded_writes(kube, condition):  # noqa: ASYNC110 # it polls another process's work
            await asyncio.sleep(5)


async def drained() -> float:
    """Wait until no more is asked than falls due; the seconds that this took after everything was told.

    10,000 first readings within 30 s, each of which is written down, leave checks that wait.
    """
    began, asked = time.monotonic(), total(scraped(), READINGS)
    while True:
        await asyncio.sleep(WINDOW)
        before, asked = asked, total(scraped(), READINGS)
        if asked - before <= DRAINED * WINDOW * 2 * RUNBOOKS / PERIOD:
            return time.monotonic() - began - WINDOW


async def unrecorded_writes(kube: Kube, condition: str) -> int:
    """How many Runbooks do not say yet that the condition is true; the one with the switch has nothing to watch."""
    left = 0
    async for one in kube.items(PATH):
        told = {item["type"]: item["status"] for item in one.get("status", {}).get("conditions", ())}
        wanted = "Ready" if one["metadata"]["name"] == THROWN else condition
        left += told.get(wanted) != "True"
    return left


async def throws(kube: Kube) -> list[float]:
    """The milliseconds of each throw, see throwing.py."""
    watcher = Watcher(kube, NAMESPACE)
    watch = asyncio.create_task(watcher.run())
    await watcher.ready.wait()
    levers = Levers(kube, watcher, NAMESPACE)
    try:
        return [(await levers.throw(THROWN))[0] for _ in range(THROWS)]
    finally:
        watch.cancel()


def scraped() -> str:
    """The operator's own metrics, from inside of its network."""
    script = "import urllib.request as u;print(u.urlopen('http://127.0.0.1:18080/metrics',timeout=5).read().decode())"
    return subprocess.run(
        Lab(here()).run_inside([sys.executable, "-c", script]), text=True, capture_output=True, check=True
    ).stdout


def total(text: str, name: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{name}{{"))


def quantile(before: str, after: str, part: float) -> float:
    """The upper end of the bucket that holds the quantile of what came between; 0 where nothing did."""
    old, new = buckets(before), buckets(after)
    counts = {bound: new[bound] - old.get(bound, 0) for bound in new}
    wanted = part * max(counts.values(), default=0)
    return next((bound for bound in sorted(counts) if counts[bound] >= wanted > 0), 0.0)


def buckets(text: str) -> dict[float, float]:
    found = re.findall(rf'{LATENESS}_bucket{{le="([^"]+)"}} (\S+)', text)
    return {float(bound): float(count) for bound, count in found}


def report(figures: dict[str, dict[str, float]]) -> None:
    print(f"{RUNBOOKS} Runbooks, two checks each every 10 s, beside the same with nothing to watch; {THROWS} throws")
    print(f"{'':22}{'idle':>12}{'watching':>12}{'ratio':>8}")
    for name, idle in figures["idle"].items():
        watching = figures["watching"][name]
        ratio = f"{watching / idle:8.2f}" if idle else ""
        print(f"{name:22}{idle:12.3f}{watching:12.3f}{ratio}")
    facts.kept("watching", idle=figures["idle"], watching=figures["watching"])


if __name__ == "__main__":
    asyncio.run(ending.orderly(main()))
