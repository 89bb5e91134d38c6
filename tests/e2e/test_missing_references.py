"""A Runbook that names something that does not exist says so, and heals when it appears."""

from typing import Any

from tests.e2e.harness import Cluster, Operator, deployment, runbook
from tests.e2e.installed import NAMESPACE, RELEASE


def service(name: str) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def test_runbook_with_a_missing_dependency_service_is_ready_once_it_exists(
    cluster: Cluster, operator: Operator
) -> None:
    check = {"tcp": {"service": {"name": "model", "port": 80}}}
    cluster.apply(deployment(), runbook(dependencies=[{"name": "model", "check": check, "period": "1s"}]))

    ready = cluster.until_reason("runbook", "shop", "ReferenceNotFound")

    assert ready["status"] == "False"
    assert ready["message"].startswith("spec.dependencies[0] (model): Service/model does not exist in namespace ")
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.apply(service("model"))
    cluster.until_reason("runbook", "shop", "Ready")
    assert operator.alive


def test_runbook_with_a_missing_service_account_is_ready_once_it_exists(cluster: Cluster, operator: Operator) -> None:
    """The account's rights are there before it: the API server asks for them by name alone."""
    acting = f"--serviceaccount={NAMESPACE}:{RELEASE}-runbook-operator"
    cluster.run("create", "rolebinding", "acting", "--clusterrole=runbook-operator-impersonation", acting)
    team = f"--serviceaccount={cluster.namespace}:team"
    cluster.run("create", "rolebinding", "team", "--clusterrole=cluster-admin", team)
    cluster.apply(deployment(), runbook(serviceAccountName="team"))

    for kind, name in (("runbook", "shop"), ("switch", "shop-stop")):
        ready = cluster.until_reason(kind, name, "ServiceAccountNotFound")
        assert ready["status"] == "False"
        assert f"To create it: kubectl -n {cluster.namespace} create serviceaccount team" in ready["message"]

    cluster.run("create", "serviceaccount", "team")
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.until_reason("runbook", "shop", "Ready")
    assert operator.alive
