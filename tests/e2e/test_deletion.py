"""Namespaces that are deleted with a switch engaged: the operator holds up nothing that it need not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runbook_operator.api.switch import FINALIZER
from tests.e2e import api
from tests.e2e.harness import ROLLOUT, Body, Cluster, Operator, deployment, eventually, fresh_namespace, runbook
from tests.e2e.jobs import jobs, pod, run_job
from tests.e2e.orphans import engaged, owners, ready, restored

FLAGS: Body = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "flags", "finalizers": ["example.com/slow"]},
    "data": {"ai": "true"},
}
TARGET: Body = {"name": "web", "workload": {"name": "web"}, "flags": {"configMap": "flags"}}
OFF: Body = {"name": "ai-off", "actions": [{"setFlag": {"target": "web", "flag": "ai", "value": "false"}}]}
STOP: Body = {"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}]}

SERVICE: Body = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}
EVERYTHING: Body = {
    "name": "all",
    "actions": [
        {"blockTraffic": {"target": "web"}},
        {"setFlag": {"target": "web", "flag": "ai", "value": "false", "restart": True}},
        run_job(pod(LATENCY_MS="600000") | {"terminationGracePeriodSeconds": 60}),
    ],
}
"""What a release has to restore, to roll out again and to wait for."""


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


def served(**rest: Any) -> Body:
    """The Runbook of a workload behind a Service, with its flags."""
    return runbook(targets=[TARGET | {"service": {"name": "web", "port": "http"}}], scaling=[], **rest)


@pytest.mark.parametrize("entry", [STOP, EVERYTHING], ids=lambda entry: str(entry["name"]))
def test_namespace_deleted_after_an_unvisited_throw_ends(cluster: Cluster, leader: Operator, entry: Body) -> None:
    name = f"shop-{entry['name']}"
    flags = FLAGS | {"metadata": {"name": "flags"}}
    cluster.apply(deployment(), flags, SERVICE, served(killSwitches=[entry]))
    if entry is STOP:
        eventually("the throw is prepared", lambda: cluster.get("switch", name)["status"].get("prepared"))
    cluster.until_reason("switch", name, "Ready")
    leader.kill()
    marked = {"metadata": {"finalizers": [FINALIZER]}, "spec": {"engaged": True}}
    api.patch(api.path("switch", cluster.namespace, name), marked)
    api.delete(namespace(cluster))
    kinds = ("deployment", "runbook", "service", "configmap")
    eventually("the target and the Runbook are gone", lambda: not any(api.items(k, cluster.namespace) for k in kinds))
    assert cluster.get("switch", name)["metadata"]["finalizers"] == [FINALIZER]

    leader.start()

    eventually("the namespace is gone", lambda: is_gone(cluster))
    assert "did not settle" not in leader.log()
    assert "Traceback" not in leader.log()


@pytest.mark.node
def test_namespace_deleted_with_engaged_job_block_and_restart_keeps_only_foreign_objects(
    cluster: Cluster, leader: Operator, node: str
) -> None:
    web, http = deployment(scheduler="default-scheduler"), [{"name": "http", "containerPort": 8080}]
    probe = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}
    web["spec"]["template"]["spec"]["containers"][0] |= {"ports": http, "readinessProbe": probe}
    endpoint = {"name": "ready", "target": "web", "path": "/health/ready", "probe": "readiness", "enforce": True}
    cluster.apply(web, FLAGS, SERVICE, served(killSwitches=[STOP, EVERYTHING], healthEndpoints=[endpoint]))

    def probed() -> str:
        pods = cluster.get("deployment", "web")["spec"]["template"]["spec"]
        return str(pods["containers"][0]["readinessProbe"]["httpGet"]["path"])

    eventually("the probe is enforced", lambda: probed() == "/health/ready", ROLLOUT)
    cluster.throw_when_there("shop-all")
    eventually("the Job runs", lambda: any(one["status"].get("active") for one in jobs(cluster)), ROLLOUT)
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    assert cluster.get("configmap", "flags")["data"] == {"ai": "false"}

    api.delete(namespace(cluster))

    kinds = ("switch", "runbook", "deployment", "job", "service")
    eventually("ours are gone", lambda: not any(api.items(kind, cluster.namespace) for kind in kinds), ROLLOUT)
    assert cluster.get("configmap", "flags")["metadata"]["finalizers"] == ["example.com/slow"]
    log = leader.log()
    assert "Traceback" not in log
    assert log.count(" 403 ") < 20
    api.patch(api.path("configmap", cluster.namespace, "flags"), {"metadata": {"finalizers": None}})
    eventually("the namespace is gone", lambda: is_gone(cluster), ROLLOUT)
    assert node


@pytest.mark.parametrize("is_engaged", [True, False], ids=["engaged", "at rest"])
def test_backup_restored_into_a_new_namespace_restores_the_saved_values(
    cluster: Cluster, leader: Operator, *, is_engaged: bool
) -> None:
    """The backup has the workload as the switch held it; there it has another uid, and so have Runbook and Switch."""
    ready(cluster)
    before = engaged(cluster) if is_engaged else cluster.get("switch", "shop-stop")
    uid = cluster.get("deployment", "web")["metadata"]["uid"]
    api.delete(namespace(cluster))
    eventually("the namespace is gone", lambda: is_gone(cluster))

    api.create("/api/v1/namespaces", {"metadata": {"name": cluster.namespace}})
    cluster.apply(deployment(replicas=0 if is_engaged else 3))
    restored(cluster, before, status=True)
    cluster.apply(runbook(scaling=[]))

    owner = cluster.get("runbook", "shop")["metadata"]["uid"]
    eventually("the Runbook owns the Switch", lambda: owners(cluster) == [owner])
    assert cluster.get("deployment", "web")["metadata"]["uid"] != uid
    if is_engaged:
        kept = before["status"]["record"]
        record = cluster.until_phase("shop-stop", "Engaged")["status"]["record"]
        assert (record["engagementId"], record["actions"][0]["saved"]) == (kept["engagementId"], 3)
        cluster.release("shop-stop")
    else:
        cluster.until_reason("switch", "shop-stop", "Ready")
        engaged(cluster)
        assert cluster.replicas() == 0
        cluster.release("shop-stop")
    cluster.until_replicas(3)
    cluster.until_phase("shop-stop", "Released")
    assert leader.alive
    cluster.clear()


def test_namespace_deleted_with_engaged_switches_keeps_only_foreign_objects(cluster: Cluster, leader: Operator) -> None:
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
