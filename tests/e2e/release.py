"""A release of the packaged chart whose operator runs as pods of the lab's node, from the image of the Dockerfile."""

import json
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.layout import here
from tests.e2e import api
from tests.e2e.harness import Body

OPERATORS = "app.kubernetes.io/component=operator"
# Other releases have the same CRDs, and kubectl may have applied them before: each takes them for its own.
TAKEN = ("--take-ownership", "--force-conflicts", "--server-side=true")
PATIENCE = "--timeout=150s"


@dataclass(frozen=True)
class Release:
    """What a person does by helm; `image` is what the node has. The namespace is called like the release.

    Each test has one of another name, since much of a release is cluster-wide.
    """

    chart: Path
    image: str
    name: str

    @property
    def fullname(self) -> str:
        return f"{self.name}-runbook-operator"

    def install(self, **values: object) -> None:
        """Returns when all replicas are ready, or raises with what helm says."""
        self.do("install", self.name, str(self.chart), *TAKEN, "--wait", PATIENCE, "--values=-", values=values)

    def upgrade(self, **values: object) -> None:
        self.do("upgrade", self.name, str(self.chart), *TAKEN, "--wait", PATIENCE, "--values=-", values=values)

    def do(self, *arguments: str, values: Body | None = None) -> str:
        done = self.tried(*arguments, values=values)
        assert done.returncode == 0, f"helm {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def tried(self, *arguments: str, values: Body | None = None) -> "subprocess.CompletedProcess[str]":
        command = ["helm", *arguments, "--namespace", self.name]
        text = json.dumps(self._values() | (values or {}))
        return subprocess.run(command, input=text, text=True, capture_output=True, check=False)

    def pods(self) -> list[str]:
        """The names of the operator's pods that are not going away."""
        found = api.request("GET", f"{api.path('pod', self.name)}?labelSelector={OPERATORS}")["items"]
        return sorted(one["metadata"]["name"] for one in found if "deletionTimestamp" not in one["metadata"])

    def leader(self) -> str:
        """The pod that holds the lease, by the host's name that every replica's identity begins with."""
        return str(api.get(api.path("lease", self.name, self.fullname))["spec"]["holderIdentity"]).partition("_")[0]

    def _values(self) -> Body:
        repository, _, tag = self.image.rpartition(":")
        image = {"repository": repository, "tag": tag, "pullPolicy": "Never"}
        requests = {"cpu": "10m", "memory": "64Mi"}
        return {
            "image": image,
            "scope": {"namespaces": [self.name]},
            "resources": {"requests": requests},
            # Those for people are of the suite's own release, whose tests go on when this one is uninstalled.
            "rights": {"shared": False},
        }


def only_on_the_lab() -> None:
    """Skip where the node is another cluster's, which takes images from registries only."""
    if os.environ.get("KUBECONFIG") != str(here().kubeconfig):
        pytest.skip("this cluster is not the lab, so that its node cannot be given an image that was made here")


def remove(name: str) -> None:
    """Take away the release and its namespace, as nobody should on a cluster that matters: nothing is put back."""
    command = ["helm", "uninstall", name, "--namespace", name, "--no-hooks", "--ignore-not-found"]
    subprocess.run(command, check=False, capture_output=True)
    for kind in ("switch", "runbook"):
        for one in api.items(kind, name):
            with suppress(api.NotThereError):
                api.patch(api.path(kind, name, one["metadata"]["name"]), {"metadata": {"finalizers": None}})
