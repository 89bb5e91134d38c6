"""A release for one namespace, on the real API server: what its operator can do there, and what it cannot elsewhere."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chart.helm import packaged
from tests.e2e import account
from tests.e2e.harness import Cluster, Operator, deployment, eventually, kubectl, runbook
from tests.e2e.installed import has_rights

NAME, NAMESPACE = "scoped", "runbook-scoped"
FULLNAME = f"{NAME}-runbook-operator"
USER = f"system:serviceaccount:{NAMESPACE}:{FULLNAME}"
OFF = {"crds": {"enabled": False}, "admission": {"enabled": False}, "replicas": 0}
"""The suite's own release has these for the whole cluster."""


@pytest.fixture
def _release(cluster: Cluster) -> Iterator[None]:
    """A release that serves the test's namespace alone, with the rights of a default install."""
    values = OFF | {"scope": {"namespaces": [cluster.namespace]}, "rights": {"shared": False}}
    command = ["helm", "upgrade", "--install", NAME, str(packaged()), "--create-namespace", "--values=-"]
    done = subprocess.run(
        [*command, "--namespace", NAMESPACE], input=json.dumps(values), text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    try:
        eventually("the account has its rights", lambda: has_rights(FULLNAME))
        yield
    finally:
        ended = ["helm", "uninstall", NAME, "--namespace", NAMESPACE, "--no-hooks"]
        subprocess.run(ended, check=False, capture_output=True)


def can(who: str, *what: str) -> bool:
    command = ["kubectl", "auth", "can-i", *what, f"--as={who}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.usefixtures("_release")
def test_operator_of_one_namespace_reaches_no_other(cluster: Cluster, tmp_path: Path) -> None:
    token = kubectl("create", "token", FULLNAME, "--namespace", NAMESPACE)
    config = account.like_mine(tmp_path / "kubeconfig", token)
    operator = Operator(
        cluster.namespace,
        tmp_path,
        KUBECONFIG=str(config),
        RUNBOOK_LEASE_NAMESPACE=NAMESPACE,
        RUNBOOK_LEASE_NAME=FULLNAME,
    )
    operator.start()
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")

    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    assert cluster.replicas() == 0
    eventually("it is ready", lambda: operator.http("/readyz") == (200, "ok"))
    cluster.clear()
    cluster.until_replicas(3)
    assert operator.stop() == 0

    assert not re.search(r"\b403\b|forbidden", operator.log(), re.IGNORECASE), "an identity may have these digits in it"
    assert can(USER, "list", "switches.runbooks.dev", "--namespace", cluster.namespace)
    assert can(USER, "update", f"leases.coordination.k8s.io/{FULLNAME}", "--namespace", NAMESPACE)
    for what in (
        ("create", "switches.runbooks.dev", "--all-namespaces"),
        ("delete", "switches.runbooks.dev", "--all-namespaces"),
        ("list", "deployments.apps", "--namespace", "default"),
        ("get", "secrets", "--namespace", cluster.namespace),
        ("patch", "deployments.apps", "--namespace", cluster.namespace),
        ("update", "leases.coordination.k8s.io/another", "--namespace", NAMESPACE),
    ):
        assert not can(USER, *what), what
