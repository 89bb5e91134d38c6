"""A Switch that is changed while no operator runs: the API server warns, by the age of the operator's Lease."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from runbook_operator.api.conditions import timestamp
from runbook_operator.runtime import clock
from tests.e2e import api, installed
from tests.e2e.harness import Cluster, eventually
from tests.e2e.people import UNATTENDED, policies

LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{installed.NAMESPACE}/leases"
SWITCH = {
    "apiVersion": "runbooks.dev/v1alpha1",
    "kind": "Switch",
    "metadata": {"name": "shop-stop"},
    "spec": {"runbook": "shop", "switch": "stop"},
}


@contextmanager
def lease(cluster: Cluster) -> Iterator[str]:
    """The Lease of the release that the policies of the namespace belong to, renewed an hour ago."""
    name = f"{cluster.namespace}-runbook-operator"
    api.create(LEASES, {"metadata": {"name": name}, "spec": renewed(timedelta(hours=1))})
    try:
        yield name
    finally:
        api.delete(f"{LEASES}/{name}")


def renewed(ago: timedelta) -> dict[str, str]:
    return {"renewTime": timestamp(clock.now() - ago)}


def warning(cluster: Cluster, number: int) -> str:
    """The warnings that kubectl prints at a throw, which is accepted."""
    patch = json.dumps({"spec": {"engaged": True, "reason": f"INC-{number}"}})
    command = ["kubectl", "patch", "sw", "shop-stop", "-n", cluster.namespace, "--type=merge", "-p", patch]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_throw_without_a_renewed_lease_is_warned_about(cluster: Cluster) -> None:
    cluster.create(SWITCH)
    numbers = iter(range(10_000))
    with policies(cluster.namespace, UNATTENDED), lease(cluster) as name:
        text = eventually("kubectl prints the warning", lambda: warning(cluster, next(numbers)))

        assert f"no operator runs: Lease {installed.NAMESPACE}/{name} was renewed last at " in text
        assert "The change of Switch shop-stop is stored, and nothing acts on it before an operator runs" in text
        api.patch(f"{LEASES}/{name}", {"spec": renewed(timedelta(hours=-1))})
        eventually("it prints none", lambda: not warning(cluster, next(numbers)))
