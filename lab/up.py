"""Starts what is not running, and stops what was started."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from lab import build, credentials, forward, network, node, plane
from lab.layout import SECURE_PORT, Layout
from lab.procs import Process, Processes

READY_SECONDS = 60.0
ASSETS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


class Lab:
    """One checkout's lab."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.processes = Processes(layout.state, layout.log)

    def up(self, *, with_node: bool) -> None:
        """Start the control plane where it is not running; raises SystemExit with the log's end where it fails."""
        programs = self._programs()
        began = time.monotonic()
        tokens = credentials.write(self.layout)
        plane.write_configuration(self.layout)
        space = network.choose(node=with_node)
        holder = self._holder(space)
        for part in plane.parts(self.layout, programs):
            self._start(part.name, space.inside(holder, part.command))
            if part.name == "kube-apiserver":
                self._offer(space, holder, tokens)
        self._await("the API server", lambda: self._get("/readyz") == "ok", "kube-apiserver")
        if "kube-controller-manager" in programs:
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            self._await("the controllers", lambda: bool(self._get(account)), "kube-controller-manager")
        print(
            f"lab: control plane ready in {time.monotonic() - began:.1f} s, kubeconfig {self._shown()}",
            flush=True,
        )
        if with_node:
            self._node_up(space, holder)

    def down(self) -> None:
        """Stop exactly what was started, and forget its data."""
        for name in reversed(list(self.processes.all())):
            if name == "containerd":
                self._stop_pods()
            self.processes.stop(name)
        node.clean(self.layout)
        shutil.rmtree(self.layout.data, ignore_errors=True)
        for path in (self.layout.kubeconfig, self.layout.state):
            path.unlink(missing_ok=True)

    def _node_up(self, space: network.Namespace, holder: Process) -> None:
        began = time.monotonic()
        node.write_configuration(self.layout)
        archives = [] if self.processes.alive("containerd") else node.make_images(self.layout)
        for part in node.parts(self.layout):
            self._start(part.name, space.inside(holder, part.command))
            if part.name == "containerd":
                self._await("containerd", node.socket(self.layout).exists, "containerd")
                for archive in archives:
                    command = space.inside(holder, node.ctr(self.layout, "images", "import", str(archive)))
                    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self._await("the node", self._node_ready, "kubelet")
        print(f"lab: node {node.NAME} ready in {time.monotonic() - began:.1f} s: pods run, Services answer", flush=True)

    def _node_ready(self) -> bool:
        answer = self._get(f"/api/v1/nodes/{node.NAME}")
        conditions = json.loads(answer)["status"].get("conditions", []) if answer else []
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def _stop_pods(self) -> None:
        """Containers outlive containerd on purpose; the lab's must not outlive the lab."""
        if self.processes.alive("containerd") is None:
            return
        tasks = self._inside(node.ctr(self.layout, "tasks", "list", "--quiet")).split()
        for task in tasks:
            self._inside(node.ctr(self.layout, "tasks", "delete", "--force", task))

    def _inside(self, command: list[str]) -> str:
        done = subprocess.run(self.run_inside(command), text=True, capture_output=True, check=False)
        return done.stdout

    def run_inside(self, command: list[str]) -> list[str]:
        """The command as it runs inside the lab's network namespace."""
        holder = self.processes.alive("network")
        if holder is None:
            raise SystemExit("lab: it is not running; `make lab` starts it")
        return network.choose(node=bool(self.processes.noted("node"))).inside(holder, command)

    def _programs(self) -> dict[str, list[str]]:
        assets = os.environ.get("KUBEBUILDER_ASSETS")
        if not assets:
            build.ensure(self.layout)
            return {name: [str(self.layout.cluster), name] for name in ASSETS}
        found = {name: [str(Path(assets) / name)] for name in ASSETS if (Path(assets) / name).exists()}
        if missing := [name for name in ASSETS if name not in found]:
            print(
                f"lab: KUBEBUILDER_ASSETS has no {', '.join(missing)}; what they do does not happen",
                flush=True,
            )
        return found

    def _holder(self, space: network.Namespace) -> Process:
        if (holder := self.processes.alive("network")) is not None:
            return holder
        self.processes.note("node", space.node)
        holder = self.processes.start("network", space.holder())
        self._await("the network namespace", lambda: _comm(holder.pid) == "sleep", "network")
        return holder

    def _start(self, name: str, command: list[str]) -> None:
        if self.processes.alive(name) is None:
            self.processes.start(name, command)

    def _offer(self, space: network.Namespace, holder: Process, tokens: dict[str, str]) -> None:
        """Forward a port of the host's loopback, the same one each time, and write the kubeconfigs."""
        if self.processes.alive("forward") is None:
            with socket.create_server(("127.0.0.1", self._port())) as listener:
                self.processes.note("port", listener.getsockname()[1])
                program = str(Path(forward.__file__))
                command = [sys.executable, program, str(listener.fileno()), str(SECURE_PORT)]
                self.processes.start("forward", space.inside(holder, command), pass_fds=[listener.fileno()])
        certificate = plane.certificate(self.layout)
        self._await("the API server's certificate", lambda: plane.has_certificate(self.layout), "kube-apiserver")
        for user, token in tokens.items():
            path = plane.internal_kubeconfig(self.layout, user)
            path.write_text(credentials.kubeconfig(token, certificate))
        self.layout.kubeconfig.write_text(credentials.kubeconfig(tokens["admin"], certificate, self._port()))
        self.layout.kubeconfig.chmod(0o600)

    def _port(self) -> int:
        port = self.processes.noted("port")
        return port if isinstance(port, int) else 0

    def _get(self, path: str) -> str:
        """The API server's answer, empty while there is none."""
        config = json.loads(self.layout.kubeconfig.read_text())
        token = config["users"][0]["user"]["token"]
        context = ssl.create_default_context(cafile=plane.certificate(self.layout))
        request = urllib.request.Request(  # our own loopback
            f"https://localhost:{self._port()}{path}", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=2, context=context) as answer:  # noqa: S310 # as above
                return str(answer.read().decode())
        except OSError:
            return ""

    def _await(self, what: str, ready: Callable[[], bool], name: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if time.monotonic() > deadline or self.processes.alive(name) is None:
                tail = self.processes.tail(name)
                raise SystemExit(f"lab: {what} did not become ready; the end of {name}.log:\n{tail}")
            time.sleep(0.05)

    def _shown(self) -> str:
        return os.path.relpath(self.layout.kubeconfig)


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
