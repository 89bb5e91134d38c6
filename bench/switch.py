"""From patch to effect: how long a thrown switch takes, beside the floor in the same run, on the same cluster.

A throw is measured from the API server's answer to the person's patch to the moment in which an independent watcher
sees the Deployment's replicas change. The floor (peers/floor.py) is a bare watcher that writes a record and scales,
and does nothing else that an operator has to do. Ratios are what counts; the milliseconds are this machine's.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from runbook_operator import errors
from runbook_operator.io.kube import Kube, connect

ROOT = Path(__file__).resolve().parent.parent
SWITCHES = "/apis/runbooks.dev/v1alpha1/namespaces/{}/switches"
THROWS = int(os.environ.get("THROWS", "100"))
LEADER_SECONDS = 20.0


async def main() -> None:
    """Measure the floor and the operator, print the ratio, and keep the figures as JSON."""
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    figures = {}
    kube = await connect(5)
    try:
        for name, command in (
            ("floor", [str(ROOT / "bench" / "peers" / "floor.py")]),
            ("operator", ["-m", "runbook_operator"]),
        ):
            figures[name] = await measured(kube, f"bench-{name}", command)
    finally:
        await kube.close()
    report(figures)


async def measured(kube: Kube, namespace: str, command: list[str]) -> list[float]:
    """Milliseconds of each throw, with one Runbook and one Deployment."""
    prepare(namespace)
    with running(namespace, command):
        await until_settled(kube, namespace)
        seen: asyncio.Queue[tuple[float, int]] = asyncio.Queue()
        watch = asyncio.create_task(watched(namespace, seen))
        await seen.get()
        try:
            return [await throw(kube, namespace, seen) for _ in range(THROWS)]
        finally:
            watch.cancel()
            kubectl("delete", "runbooks,switches,deployments", "--all", "-n", namespace, "--timeout=30s")
            kubectl("delete", "namespace", namespace, "--wait=false")


async def throw(kube: Kube, namespace: str, seen: asyncio.Queue[tuple[float, int]]) -> float:
    """One throw and its release; returns the milliseconds of the throw."""
    path = SWITCHES.format(namespace) + "/shop-stop"
    await kube.merge(path, {"spec": {"engaged": True}})
    accepted = time.monotonic()
    took = await until(seen, 0) - accepted
    await kube.merge(path, {"spec": {"engaged": None}})
    await until(seen, 3)
    await until_let_go(kube, path)
    return max(0.0, took * 1000)


async def until(seen: asyncio.Queue[tuple[float, int]], replicas: int) -> float:
    while True:
        at, found = await asyncio.wait_for(seen.get(), 10)
        if found == replicas:
            return at


async def until_phase(kube: Kube, path: str, phase: str) -> None:
    while await phase_of(kube, path) != phase:  # noqa: ASYNC110 # it polls another process's work
        await asyncio.sleep(0.01)


async def until_let_go(kube: Kube, path: str) -> None:
    """Released, and nothing left to do for the next throw to wait for."""
    await until_phase(kube, path, "Released")
    while (await kube.get(path))["metadata"].get("finalizers"):  # noqa: ASYNC110 # as above
        await asyncio.sleep(0.01)


async def phase_of(kube: Kube, path: str) -> str:
    try:
        return str((await kube.get(path)).get("status", {}).get("phase"))
    except errors.NotFoundError:
        return ""


async def until_settled(kube: Kube, namespace: str) -> None:
    """The switch is there and at rest; the floor has none of its own, so one is made for it."""
    async with asyncio.timeout(LEADER_SECONDS):
        await until_phase(kube, SWITCHES.format(namespace) + "/shop-stop", "Released")


async def watched(namespace: str, seen: asyncio.Queue[tuple[float, int]]) -> None:
    """Every change of the Deployment's replicas, by kubectl's own watch."""
    command = (
        "kubectl",
        "get",
        "deployment",
        "web",
        "-n",
        namespace,
        "--watch",
        "-o",
        "jsonpath={.spec.replicas}{'\\n'}",
    )
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        while process.stdout and (line := await process.stdout.readline()):
            seen.put_nowait((time.monotonic(), int(line)))
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def prepare(namespace: str) -> None:
    kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=300s")
    kubectl("create", "namespace", namespace)
    documents = [deployment(), runbook()]
    if namespace.endswith("floor"):
        documents = [deployment(), switch()]
    kubectl("apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(documents))
    if namespace.endswith("floor"):
        patch = json.dumps({"status": {"phase": "Released"}})
        kubectl("patch", "sw", "shop-stop", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)


@contextmanager
def running(namespace: str, command: list[str]) -> Any:
    environment = os.environ | {
        "RUNBOOK_NAMESPACES": json.dumps([namespace]),
        "RUNBOOK_LEASE_NAMESPACE": namespace,
        "RUNBOOK_HTTP_PORT": "0",
        "PYTHONPATH": str(ROOT / "operator"),
    }
    with (ROOT / ".lab" / f"{namespace}.log").open("w") as log:
        process = subprocess.Popen([sys.executable, *command], env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=15)


def report(figures: dict[str, list[float]]) -> None:
    floor = statistics.median(figures["floor"])
    print(f"patch to effect, {THROWS} throws, milliseconds")
    print(f"{'':10}{'p50':>8}{'p90':>8}{'max':>8}{'p50 / floor':>14}")
    for name, values in figures.items():
        p50, p90 = statistics.median(values), statistics.quantiles(values, n=10)[8]
        print(f"{name:10}{p50:8.1f}{p90:8.1f}{max(values):8.1f}{p50 / floor:14.2f}")
    path = ROOT / ".lab" / "bench-switch.json"
    path.write_text(json.dumps(figures))
    print(f"figures: {os.path.relpath(path)}")


def deployment() -> dict[str, Any]:
    labels = {"app": "web"}
    container = {"name": "app", "image": "runbooks.dev/demo-app:1.0", "imagePullPolicy": "Never"}
    template = {"metadata": {"labels": labels}, "spec": {"schedulerName": "nobody", "containers": [container]}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def runbook() -> dict[str, Any]:
    spec = {
        "title": "Shop",
        "targets": [{"name": "web", "workload": {"name": "web"}}],
        "killSwitches": [{"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}]}],
    }
    return {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Runbook", "metadata": {"name": "shop"}, "spec": spec}


def switch() -> dict[str, Any]:
    spec = {"runbook": "shop", "switch": "stop"}
    return {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Switch", "metadata": {"name": "shop-stop"}, "spec": spec}


def kubectl(*arguments: str, stdin: str | None = None) -> None:
    done = subprocess.run(["kubectl", *arguments], input=stdin, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: kubectl {' '.join(arguments)}\n{done.stderr}")


if __name__ == "__main__":
    asyncio.run(main())
