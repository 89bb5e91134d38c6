"""What e2e tests are written in: kubectl as typed, conditions that are waited for, the operator as a process."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from tests.e2e import account, api
from tests.e2e.zygote import Forked, zygote
from tests.patience import Patience, limit

SECONDS = 60.0
"""What has not come by then does not come; on a busy machine it is more: tests/patience.py."""
ROLLOUT = 180.0
"""Seconds for what the node does: how long a kubelet takes to start and to end pods on a busy machine is not ours."""
QUICK_LEASE = {
    "RUNBOOK_LEASE_SECONDS": "1",
    "RUNBOOK_RENEW_DEADLINE_SECONDS": "0.9",
    "RUNBOOK_RETRY_SECONDS": "0.2",
}
"""For those that another one follows, or that are to lose it while the API server does not answer."""
POLL, LONGEST_POLL = 0.02, 0.1
"""Seconds between two looks: the more, the longer it takes, since each costs what others on the machine wait for."""
Body = dict[str, Any]
ERROR_RATE: Body = {
    "name": "error-rate",
    "object": {"apiVersion": "v1", "kind": "ConfigMap", "name": "rate", "field": "data.errors"},
    "critical": "> 10",
    "period": "1s",
    "for": "0s",
    "clearFor": "0s",
    "response": {"firstAction": {"engage": "stop"}},
}
"""A metric that engages `stop`: its number is in a ConfigMap, which the test writes."""


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Run kubectl; returns what it printed, raises AssertionError with its complaint."""
    done = subprocess.run(["kubectl", *arguments], input=stdin, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}\n{done.stderr}"
    return done.stdout


def eventually(what: str, check: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Poll until `check` gives something true, and return it; an AssertionError of it counts as not yet.

    What has come is progress, and gives the test its whole limit again.
    """
    began, last, patience = time.monotonic(), "", Patience(seconds)
    while not patience.is_over:
        waited = time.monotonic() - began
        try:
            if found := check():
                limit.restart()
                return found
        except AssertionError as error:
            last = str(error)
        time.sleep(max(POLL, min(LONGEST_POLL, waited / 5)))
    pytest.fail(f"not within {seconds:.0f} s of a machine that keeps up: {what} {last}")


def pause() -> None:
    """Yield the processor between two looks at a condition; nothing is ever taken to be true because time passed."""
    time.sleep(POLL)


@dataclass(frozen=True)
class Cluster:
    """One namespace of the real cluster."""

    namespace: str

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        return kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    def apply(self, *documents: Body) -> str:
        return self.run("apply", "-f", "-", stdin=yaml.safe_dump_all(documents))

    def refused(self, document: Body) -> str:
        """What kubectl says when the API server refuses the document."""
        command = ["kubectl", "--namespace", self.namespace, "apply", "-f", "-"]
        done = subprocess.run(command, input=yaml.safe_dump(document), text=True, capture_output=True, check=False)
        assert done.returncode != 0, f"it was accepted: {done.stdout}"
        return done.stderr

    def create(self, *documents: Body) -> None:
        """As `kubectl create`, without a process for it."""
        for document in documents:
            api.create(api.path(document["kind"], self.namespace), document)

    def get(self, kind: str, name: str) -> Body:
        return api.get(api.path(kind, self.namespace, name))

    def replicas(self, name: str = "web") -> int:
        return int(self.get("deployment", name)["spec"]["replicas"])

    def scale(self, replicas: int, name: str = "web") -> None:
        api.patch(api.path("deployment", self.namespace, name), {"spec": {"replicas": replicas}})

    def throw(self, name: str, reason: str = "INC-42") -> None:
        self._patch(name, {"engaged": True, "reason": reason})

    def throw_when_there(self, name: str) -> None:
        eventually(f"{name} is there", lambda: self.get("switch", name))
        self.throw(name)

    def release(self, name: str) -> None:
        """As the README releases: a reason that stays in the spec would belong to this throw, and to none after it."""
        self._patch(name, {"engaged": None, "reason": None})

    def condition(self, kind: str, name: str, which: str = "Ready") -> Body:
        conditions = self.get(kind, name).get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == which), {})

    def phase(self, name: str) -> str:
        return str(self.get("switch", name).get("status", {}).get("phase", ""))

    def until_phase(self, name: str, phase: str) -> Body:
        eventually(f"{name} is {phase}", lambda: self.phase(name) == phase)
        return self.get("switch", name)

    def until_replicas(self, replicas: int, name: str = "web") -> None:
        eventually(f"{name} has {replicas} replicas", lambda: self.replicas(name) == replicas)

    def until_reason(self, kind: str, name: str, reason: str) -> Body:
        eventually(f"{kind} {name} says {reason}", lambda: self.condition(kind, name).get("reason") == reason)
        return self.condition(kind, name)

    def events(self, reason: str) -> list[Body]:
        return [event for event in api.items("event", self.namespace) if event["reason"] == reason]

    def clear(self) -> None:
        """Delete every Runbook and Switch, and wait until they are gone: what was engaged is released by then."""
        for kind in ("runbook", "switch"):
            api.delete(api.path(kind, self.namespace))
        kinds = ("runbook", "switch")
        eventually("all is let go", lambda: not any(api.items(kind, self.namespace) for kind in kinds), 3 * SECONDS)

    def dump(self) -> str:
        return self.run("get", "runbooks,switches,deployments,events", "-o", "wide")

    def _patch(self, name: str, spec: Body) -> None:
        api.patch(api.path("switch", self.namespace, name), {"spec": spec})


@contextmanager
def fresh_namespace() -> Iterator[str]:
    """A namespace that is deleted at the end; what is engaged in it must have been let go by then."""
    name = f"t-{uuid4().hex[:8]}"
    api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    try:
        yield name
    finally:
        with suppress(api.NotThereError):
            api.delete(f"/api/v1/namespaces/{name}")


class Operator:
    """The operator as a process of its own, in the test's namespace, with a lease that it keeps.

    Started again it is the same one, so that it need not wait for its own lease to expire; and it loses none on a busy
    machine, where a request may take a second.

    It speaks as the account that the chart made, and has no other rights than the chart gives.
    """

    def __init__(self, namespace: str, folder: Path, *, as_typed: bool = False, **settings: str) -> None:
        """`settings` are environment variables beside, or instead of, the usual ones.

        `as_typed` starts it by its command line, as users do; else it is forked, which is much faster.
        """
        self._as_typed = as_typed
        self._namespace = namespace
        self._identity = f"operator-{uuid4().hex[:8]}"
        self._settings = settings
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "operator.log"
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self._began = 0.0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it leads."""
        observed = len(self.log())
        self.launch()
        eventually("the operator leads", lambda: '"event": "leading"' in self.log()[observed:])

    def is_ready(self) -> bool:
        """Whether it says so, once it serves anything."""
        return '"http"' in self.log() and self.http("/readyz")[0] == HTTPStatus.OK

    def launch(self, **settings: str) -> None:
        """Start it and do not wait."""
        environment = self._environment() | self._settings | settings
        self._began = time.monotonic()
        if not self._as_typed:
            self._process = zygote().start(environment, self._log)
            return
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "runbook_operator"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def uptime(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._began

    def kill(self) -> None:
        """Kill -9."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait until it ends by itself; returns the exit status, negative for a signal."""
        assert self._process
        return self._process.wait(timeout=SECONDS)

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def http(self, path: str) -> tuple[int, str]:
        """Status and text of one of its own endpoints."""
        line = next(line for line in reversed(self.log().splitlines()) if '"http"' in line)
        try:
            with urllib.request.urlopen(json.loads(line)["http"] + path, timeout=5) as answer:  # noqa: S310 # our own
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "KUBECONFIG": str(account.KUBECONFIG),
            "RUNBOOK_NAMESPACES": json.dumps([self._namespace]),
            "RUNBOOK_LEASE_NAMESPACE": self._namespace,
            "RUNBOOK_IDENTITY": self._identity,
            "RUNBOOK_LEASE_SECONDS": "15",
            "RUNBOOK_RENEW_DEADLINE_SECONDS": "10",
            "RUNBOOK_RETRY_SECONDS": "1",
            "RUNBOOK_HTTP_PORT": "0",
        }


def deployment(name: str = "web", replicas: int = 3, scheduler: str = "nobody") -> Body:
    """A Deployment of the demo app's image. Its pods stay Pending, which no switch minds, unless somebody schedules."""
    labels = {"app": name}
    container = {"name": "app", "image": "runbooks.dev/demo-app:1.0", "imagePullPolicy": "Never"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"schedulerName": scheduler, "containers": [container]},
            },
        },
    }


def runbook(name: str = "shop", **spec: Any) -> Body:
    """A Runbook with a kill switch `stop` (web to 0) and a scaling command `up` (two more, at most 6)."""
    usual: Body = {
        "title": "Shop",
        "targets": [{"name": "web", "workload": {"name": "web"}}],
        "killSwitches": [{"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}]}],
        "scaling": [{"name": "up", "target": "web", "by": 2, "max": 6}],
    }
    return {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Runbook", "metadata": {"name": name}, "spec": usual | spec}
