"""What the figures are of: the machine, the day and the versions of who was measured."""

import importlib.metadata
import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import installed
from bench.scene import ROOT, kubectl
from lab.layout import here

PACKAGES = ("kopf", "kubernetes", "aiohttp")
GO_MOD = ROOT / "bench" / "peers" / "controller_runtime" / "go.mod"
DIGITS = 3


def document(*, cluster: bool = True, **figures: Any) -> dict[str, Any]:
    """The figures with everything that is to be known about them; `cluster` is whether one was measured on."""
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251 # the bench has no clock of the operator's
    server = {"kubernetes": kubernetes()} if cluster else {}
    python = installed.interpreter()[1] if cluster else platform.python_version()
    return {"date": today, "machine": machine(), "versions": versions(python) | server, **rounded(figures)}


def kept(name: str, *, cluster: bool = True, **figures: Any) -> None:
    """Leave them as .lab/bench-NAME.json, from where those that are published go to docs/performance."""
    path = here().home / f"bench-{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document(cluster=cluster, **figures)) + "\n")
    print(f"figures: {os.path.relpath(path)}")


def machine() -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "processor": model[1].strip() if model else platform.machine(),
        "processors": os.cpu_count(),
        "memory_gib": round(int(memory[1]) / 2**20) if memory else 0,
        "kernel": platform.release(),
    }


def kubernetes() -> str:
    version: str = json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
    return version


def versions(python: str) -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    runtime = re.search(r"controller-runtime (v\S+)", GO_MOD.read_text())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True, capture_output=True, check=False
    ).stdout.strip()
    return {
        "runbook-operator": commit or importlib.metadata.version("runbook-operator"),
        "python": python,
        "controller-runtime": runtime[1] if runtime else "",
        **{f"python package {name}": version for name, version in found.items()},
    }


def rounded(figures: Any) -> Any:
    """To microseconds of what is milliseconds: more digits would only be bytes."""
    if isinstance(figures, float):
        return round(figures, DIGITS)
    if isinstance(figures, dict):
        return {name: rounded(one) for name, one in figures.items()}
    return [rounded(one) for one in figures] if isinstance(figures, list) else figures
