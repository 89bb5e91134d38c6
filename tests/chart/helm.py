"""What the real helm makes of the chart; each combination of values is rendered once per process of tests."""

import atexit
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from tools.chart.package import package

Body = dict[str, Any]
NAMESPACE, RELEASE = "runbooks", "ops"
FULLNAME = f"{RELEASE}-runbook-operator"
VERSION = "1.2.3"
SERVED = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
"""`helm template` asks no cluster what it serves."""


@dataclass(frozen=True)
class Rendered:
    """The objects of one combination of values, and the templates that they came from."""

    text: str

    @cached_property
    def documents(self) -> list[Body]:
        """Read once, and by libyaml: the CRDs alone are 150 kB."""
        return [one for one in yaml.load_all(self.text, yaml.CSafeLoader) if one]

    @property
    def templates(self) -> frozenset[str]:
        """Those of which something came, by their paths in the chart."""
        return frozenset(re.findall(r"^# Source: runbook-operator/(\S+)$", self.text, re.MULTILINE))

    def kinds(self, *kinds: str) -> list[Body]:
        return [one for one in self.documents if one["kind"] in kinds]

    def one(self, kind: str, name: str = "") -> Body:
        """The only object of this kind, or of this kind and name."""
        (found,) = (one for one in self.kinds(kind) if name in ("", one["metadata"]["name"]))
        return found

    def pods(self) -> Iterator[tuple[str, Body]]:
        """Every pod, or template of one, with the name of what it is in: its metadata and spec."""
        for one in self.kinds("Deployment", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]
        for one in self.kinds("Pod"):
            yield one["metadata"]["name"], one


def render(**values: Any) -> Rendered:
    """What `helm template` makes of these values; AssertionError with its complaint where it makes nothing."""
    return _rendered(json.dumps(values, sort_keys=True))


def refused(**values: Any) -> str:
    """What helm says of values that it does not take."""
    done = _helm(json.dumps(values, sort_keys=True))
    assert done.returncode != 0, "helm took it"
    return done.stderr


@cache
def packaged() -> Path:
    """The chart as it is released."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    return package(Path(folder), VERSION)


@cache
def _rendered(values: str) -> Rendered:
    done = _helm(values)
    assert done.returncode == 0, done.stderr
    return Rendered(done.stdout)


def _helm(values: str) -> "subprocess.CompletedProcess[str]":
    command = [
        "helm",
        "template",
        RELEASE,
        str(packaged()),
        f"--namespace={NAMESPACE}",
        f"--api-versions={SERVED}",
        "--values=-",
    ]
    return subprocess.run(command, input=values, text=True, capture_output=True, check=False)
