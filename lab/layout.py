"""Where the lab keeps things, and the addresses that it uses inside its own network namespace."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

ADVERTISED = "10.99.0.1"
POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
SECURE_PORT = 6443
VERSION = "v1.37.2"
"""The newest Kubernetes that the operator is known to work with, which every test runs on."""
OLDEST = "v1.30.14"
"""The oldest: the chart's policies need ValidatingAdmissionPolicy v1. `make test-skew` runs the core's tests on it."""


@dataclass(frozen=True)
class Layout:
    """The folders of one checkout's lab; two checkouts share none of them, nor do two labs of a checkout."""

    checkout: Path
    place: Path | None = None
    """Where this lab is kept instead of in the checkout's .lab."""

    @property
    def home(self) -> Path:
        return self.place or self.checkout / ".lab"

    @property
    def bin(self) -> Path:
        return self.home / "bin"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    @property
    def state(self) -> Path:
        return self.home / "state.json"

    @property
    def cluster(self) -> Path:
        return self.bin / "cluster"

    @property
    def runtime(self) -> Path:
        """A short path for sockets, whose names may have 107 bytes however deep the checkout is."""
        digest = hashlib.sha256(str(self.home.parent).encode()).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"runbook-lab-{os.getuid()}-{digest}"


def here() -> Layout:
    """The layout of the checkout that this file is in; LAB_HOME puts the lab elsewhere, beside the usual one."""
    place = os.environ.get("LAB_HOME")
    return Layout(Path(__file__).resolve().parent.parent, Path(place) if place else None)
