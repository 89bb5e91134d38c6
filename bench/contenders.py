"""Who is measured: the operator, and its peers that do the same work on the same cluster; each as a process.

Each has a namespace of its own, and a service account of its own, by whose name the API server counts what it asks.
"""

import json
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import installed
from bench.installed import python
from bench.scene import ROOT
from lab import build
from lab.layout import Layout, here

PEERS = Path("bench") / "peers"
SECONDS_TO_STOP = 30.0


@dataclass(frozen=True)
class GoPeer(build.Program):
    """As the lab's programs, in the folder of the peers."""

    def sources(self, layout: Layout) -> Path:
        return layout.checkout / PEERS / self.name


CONTROLLER_RUNTIME = GoPeer(
    name="controller_runtime",
    announcement="bench: compiling the peer in Go from its modules, once: about a minute on 2 cores where the lab's\n"
    "bench: Kubernetes was compiled before",
)


@dataclass(frozen=True)
class Place:
    """Where a contender runs: its namespace, how it reaches the API server, and the port of its metrics."""

    namespace: str
    kubeconfig: Path
    port: int


@dataclass(frozen=True)
class Contender:
    """A program, and how to ask how many objects it has looked at."""

    name: str
    command: Callable[[Place], list[str]]
    looks: str = ""
    """The metric that counts its looks at objects, empty where it has none."""
    left: str = ""
    """The metric that says how many are left to look at."""
    has_runbooks: bool = False
    """Whether it is the operator: what it makes switches of, and what the chart has admission do, belongs to it."""
    settings: Callable[[Place], Mapping[str, str]] = field(default=lambda _: {})
    made: Callable[[], object] = field(default=python)
    """Installs or compiles it, where that was not done yet: the minutes of that are no part of a start."""

    @property
    def namespace(self) -> str:
        return f"throws-{self.name}"


def _operator(_: Place) -> list[str]:
    return [python(), "-m", "runbook_operator"]


def _operator_settings(place: Place) -> Mapping[str, str]:
    return {
        "RUNBOOK_LEASE_NAMESPACE": place.namespace,
        "RUNBOOK_HTTP_PORT": str(place.port),
        "PYTHONPATH": str(ROOT / "operator"),
    }


def _compiled() -> Path:
    return build.compiled(here(), CONTROLLER_RUNTIME)


def _go(place: Place) -> list[str]:
    address = f"127.0.0.1:{place.port}"
    return [str(_compiled()), "--namespace", place.namespace, "--metrics-bind-address", address]


def _tutorial(place: Place) -> list[str]:
    program = str(ROOT / PEERS / "tutorial.py")
    return [python(), "-m", "kopf", "run", "--standalone", "--namespace", place.namespace, program]


CONTENDERS = {
    one.name: one
    for one in (
        Contender("floor", lambda _: [python(), str(ROOT / PEERS / "floor.py")]),
        Contender(
            name="operator",
            command=_operator,
            looks="runbook_operator_reconciles_total",
            left="runbook_operator_queue_length",
            has_runbooks=True,
            settings=_operator_settings,
        ),
        Contender("go", _go, "controller_runtime_reconcile_total", "workqueue_depth", made=_compiled),
        Contender("tutorial", _tutorial),
    )
}


@contextmanager
def running(contender: Contender, place: Place, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The contender's process; SIGTERM at the end, and what it says is added to the log."""
    process = started(contender, place, log)
    try:
        yield process
    finally:
        stop(process)


def started(contender: Contender, place: Place, log: Path) -> subprocess.Popen[bytes]:
    with log.open("a") as out:
        return subprocess.Popen(contender.command(place), env=environment(contender, place), stdout=out, stderr=out)


def environment(contender: Contender, place: Place) -> dict[str, str]:
    """What its process is told."""
    return installed.environment() | {
        "KUBECONFIG": str(place.kubeconfig),
        "RUNBOOK_NAMESPACES": json.dumps([place.namespace]),
        **contender.settings(place),
    }


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL where that is not enough."""
    process.terminate()
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: Any = listener.getsockname()[1]
    return int(port)
