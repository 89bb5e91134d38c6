"""What e2e tests are written in: kubectl as typed, conditions that are waited for, the operator as a process."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

SECONDS = 20.0
POLL = 0.02
Body = dict[str, Any]


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Run kubectl; returns what it printed, raises AssertionError with its complaint."""
    done = subprocess.run(["kubectl", *arguments], input=stdin, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}\n{done.stderr}"
    return done.stdout


def eventually(what: str, check: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Poll until `check` gives something true, and return it; an AssertionError of it counts as not yet."""
    deadline, last = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            if found := check():
                return found
        except AssertionError as error:
            last = str(error)
        pause()
    pytest.fail(f"not within {seconds:.0f} s: {what} {last}")


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

    def get(self, kind: str, name: str) -> Body:
        body: Body = json.loads(self.run("get", kind, name, "-o", "json"))
        return body

    def replicas(self, name: str = "web") -> int:
        return int(self.get("deployment", name)["spec"]["replicas"])

    def scale(self, replicas: int, name: str = "web") -> None:
        self.run("scale", "deployment", name, f"--replicas={replicas}")

    def throw(self, name: str, reason: str = "INC-42") -> None:
        self._patch(name, {"engaged": True, "reason": reason})

    def throw_when_there(self, name: str) -> None:
        eventually(f"{name} is there", lambda: self.get("switch", name))
        self.throw(name)

    def release(self, name: str) -> None:
        self._patch(name, {"engaged": None})

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
        return [
            event for event in json.loads(self.run("get", "events", "-o", "json"))["items"] if event["reason"] == reason
        ]

    def dump(self) -> str:
        return self.run("get", "runbooks,switches,deployments,events", "-o", "wide")

    def _patch(self, name: str, spec: Body) -> None:
        self.run("patch", "switch", name, "--type", "merge", "-p", json.dumps({"spec": spec}))


class Operator:
    """The operator as a process of its own, in the test's namespace, with a lease that is quick to move."""

    def __init__(self, namespace: str, folder: Path) -> None:
        self._namespace = namespace
        self._log = folder / "operator.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *command: str) -> None:
        """Start it and wait until it leads; `command` replaces `python -m runbook_operator`."""
        seen = len(self.log())
        self.launch({}, *command)
        if not command:
            eventually("the operator leads", lambda: '"event": "leading"' in self.log()[seen:])

    def launch(self, environment: dict[str, str], *command: str) -> None:
        """Start it and do not wait."""
        arguments = [sys.executable, *(command or ("-m", "runbook_operator"))]
        self._began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(arguments, stdout=log, stderr=log, env=self._environment() | environment)

    def uptime(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._began

    def kill(self) -> None:
        """Kill -9."""
        assert self._process
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=SECONDS)

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=SECONDS)

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
            "RUNBOOK_NAMESPACES": json.dumps([self._namespace]),
            "RUNBOOK_LEASE_NAMESPACE": self._namespace,
            "RUNBOOK_LEASE_SECONDS": "1",
            "RUNBOOK_RENEW_DEADLINE_SECONDS": "0.9",
            "RUNBOOK_RETRY_SECONDS": "0.2",
            "RUNBOOK_HTTP_PORT": "0",
        }


def deployment(name: str = "web", replicas: int = 3) -> Body:
    """A Deployment of the demo app's image; without a node its pods stay Pending, which no switch minds."""
    labels = {"app": name}
    container = {"name": "app", "image": "runbooks.dev/demo-app:1.0", "imagePullPolicy": "Never"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
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
