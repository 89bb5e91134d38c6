"""Compiles the control plane of another Kubernetes from its Go modules, as a folder for KUBEBUILDER_ASSETS.

No `make test` does this: each version costs minutes once. etcd is the lab's, and so are kubectl and helm.
"""

import json
import os
import re
import subprocess
import time
from pathlib import Path

from lab import build
from lab.layout import Layout

PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
MODULE = "k8s.io/kubernetes"


def assets(layout: Layout, version: str) -> Path:
    """The folder with etcd and the parts of that version, compiled where they are not there yet."""
    if not re.fullmatch(r"v1\.\d+\.\d+", version):
        raise SystemExit(f"lab: {version} is no version of Kubernetes; name one such as v1.34.4")
    folder = layout.home / "skew" / version
    binary = folder / "controlplane"
    if not binary.exists():
        build.ensure(layout)
        _compile(layout, version, binary)
    etcd = folder / "etcd"
    etcd.write_text(f'#!/bin/sh\nexec "{layout.cluster}" etcd "$@"\n')
    etcd.chmod(0o755)
    for part in PARTS:
        if not (folder / part).is_symlink():
            (folder / part).symlink_to(binary.name)
    return folder


def _compile(layout: Layout, version: str, binary: Path) -> None:
    compiler, sources, began = build.go(layout), binary.parent / "source", time.monotonic()
    sources.mkdir(parents=True, exist_ok=True)
    print(f"lab: compiling the control plane of Kubernetes {version}, once: some minutes on 2 cores", flush=True)
    main = layout.checkout / "lab" / "controlplane" / "main.go"
    (sources / "main.go").write_text(main.read_text())
    # Nothing but Kubernetes is required, so that its own go.mod decides every version.
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    (sources / "go.mod").write_text(_module(compiler, version, environment))
    major, minor = version.removeprefix("v").split(".")[:2]
    stamp = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    flags = " ".join(("-s -w", *(f"-X {build.STAMP}{name}={value}" for name, value in stamp.items())))
    fresh = binary.with_suffix(".new")
    command = [compiler, "build", "-trimpath", "-ldflags", flags, "-o", str(fresh), "."]
    done = subprocess.run(command, cwd=sources, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if not line.startswith("go: downloading ")]
        raise SystemExit("\n".join((f"lab: {version} did not compile:", *said[-30:])))
    fresh.rename(binary)
    print(f"lab: compiled in {time.monotonic() - began:.0f} s", flush=True)


def _module(compiler: str, version: str, environment: dict[str, str]) -> str:
    """A go.mod that takes Kubernetes and the staging modules that its own go.mod replaces, all of that version."""
    wanted = [compiler, "mod", "download", "-json", f"{MODULE}@{version}"]
    fetched = json.loads(subprocess.check_output(wanted, env=environment, text=True))
    own = Path(fetched["GoMod"]).read_text()
    staging = re.findall(r"(k8s\.io/\S+) => \./staging/", own)
    go = re.search(r"^go \S+", own, re.MULTILINE)
    number = version.removeprefix("v1.")
    replaced = "\n".join(f"replace {name} => {name} v0.{number}" for name in sorted(set(staging)))
    assert go is not None  # noqa: S101 # every go.mod of it has one
    return f"module runbooks.dev/lab/controlplane\n\n{go[0]}\n\nrequire {MODULE} {version}\n\n{replaced}\n"
