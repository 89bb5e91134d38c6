"""Namespaces that are deleted with a switch engaged: the operator holds up nothing that it need not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook_operator.api.switch import FINALIZER
from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, fresh_namespace, runbook

FLAGS: Body = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "flags", "finalizers": ["example.com/slow"]},
    "data": {"ai": "true"},
}
TARGET: Body = {"name": "web", "workload": {"name": "web"}, "flags": {"configMap": "flags"}}
OFF: Body = {"name": "ai-off", "actions": [{"setFlag": {"target": "web", "flag": "ai", "value": "false"}}]}
STOP: Body = {"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}]}


@pytest.fixture
def leader(cluster: Cluster, tmp_path: Path) -> Iterator[Operator]:
    """An operator whose lease outlives the test's namespace."""
    with fresh_namespace() as home:
        running = Operator(cluster.namespace, tmp_path, RUNBOOK_LEASE_NAMESPACE=home)
        running.start()
        yield running
        if running.alive:
            running.kill()


def namespace(cluster: Cluster) -> str:
    return f"/api/v1/namespaces/{cluster.namespace}"


def is_gone(cluster: Cluster) -> bool:
    try:
        api.get(namespace(cluster))
    except api.NotThereError:
        return True
    return False


def test_namespace_deleted_after_a_throw_that_no_operator_saw_is_gone(cluster: Cluster, leader: Operator) -> None:
    cluster.apply(deployment(), runbook(killSwitches=[STOP], scaling=[]))
    eventually("the throw is prepared", lambda: cluster.get("switch", "shop-stop")["status"].get("prepared"))
    leader.kill()
    marked = {"metadata": {"finalizers": [FINALIZER]}, "spec": {"engaged": True}}
    api.patch(api.path("switch", cluster.namespace, "shop-stop"), marked)
    api.delete(namespace(cluster))
    kinds = ("deployment", "runbook")
    eventually("the target and the Runbook are gone", lambda: not any(api.items(k, cluster.namespace) for k in kinds))
    assert cluster.get("switch", "shop-stop")["metadata"]["finalizers"] == [FINALIZER]

    leader.start()

    eventually("the namespace is gone", lambda: is_gone(cluster))
    assert "did not settle" not in leader.log()


def test_namespace_deleted_with_switches_engaged_keeps_only_what_others_hold(
    cluster: Cluster, leader: Operator
) -> None:
    """A ConfigMap that a switch holds stays, by the finalizer of somebody else."""
    cluster.apply(deployment(), FLAGS, runbook(targets=[TARGET], killSwitches=[STOP, OFF], scaling=[]))
    for name in ("shop-stop", "shop-ai-off"):
        cluster.throw_when_there(name)
        cluster.until_phase(name, "Engaged")

    api.delete(namespace(cluster))

    kinds = ("switch", "runbook", "deployment")
    eventually("ours are gone", lambda: not any(api.items(kind, cluster.namespace) for kind in kinds))
    flags = cluster.get("configmap", "flags")
    assert flags["metadata"]["finalizers"] == ["example.com/slow"]
    assert flags["data"] == {"ai": "true"}
    log = leader.log()
    assert "Traceback" not in log
    assert log.count(" 403 ") < 10
    api.patch(api.path("configmap", cluster.namespace, "flags"), {"metadata": {"finalizers": None}})
    eventually("the namespace is gone", lambda: is_gone(cluster))
