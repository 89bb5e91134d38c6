"""A second release in a cluster where another one has the CRDs and the roles with fixed names."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.chart.helm import packaged
from tests.e2e.harness import Cluster

PAGE = Path(__file__).resolve().parents[2] / "docs" / "install.md"
NAME = "second"


def install(namespace: str, *values: str) -> "subprocess.CompletedProcess[str]":
    scope = (f"scope.namespaces={{{namespace}}}", "replicas=0", "admission.enabled=false")
    sets = [f"--set={one}" for one in (*scope, *values)]
    command = ["helm", "upgrade", "--install", NAME, str(packaged()), "--namespace", namespace, *sets]
    return subprocess.run(command, text=True, capture_output=True, check=False)


@pytest.mark.usefixtures("_crds")
def test_second_release_fails_as_documented_and_installs_with_the_documented_values(cluster: Cluster) -> None:
    page = PAGE.read_text()
    shown = re.findall(r"^Error: (.* invalid ownership metadata)$", page, re.MULTILINE)
    (values,) = re.findall(r"--set (crds\.enabled=false,rights\.shared=false)", page)[:1]
    refused = [install(cluster.namespace), install(cluster.namespace, "crds.enabled=false")]

    try:
        assert [one.returncode for one in refused] == [1, 1]
        assert all(text in one.stderr for text, one in zip(shown, refused, strict=True)), [
            one.stderr for one in refused
        ]
        done = install(cluster.namespace, *values.split(","))
        assert done.returncode == 0, done.stderr
    finally:
        ended = ["helm", "uninstall", NAME, "--namespace", cluster.namespace, "--no-hooks"]
        subprocess.run(ended, check=False, capture_output=True)
