"""A rolling restart on the real API server, and on real pods."""

from pathlib import Path

import pytest

from tests.e2e import api
from tests.e2e.harness import ROLLOUT, Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.optional import serve

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "05-flags"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def declare(cluster: Cluster, *objects: Body, api_version: str = "apps/v1", kind: str = "Deployment") -> None:
    named = {"apiVersion": api_version, "kind": kind, "name": "web"}
    entry = {"name": "again", "actions": [{"restart": {"target": "web"}}]}
    cluster.apply(*objects, runbook(targets=[{"name": "web", "workload": named}], killSwitches=[entry], scaling=[]))
    eventually("it is told of", lambda: cluster.condition("switch", "shop-again"))


def engage(cluster: Cluster) -> Body:
    cluster.until_reason("switch", "shop-again", "Ready")
    cluster.throw("shop-again")
    status: Body = cluster.until_phase("shop-again", "Engaged")["status"]
    return status


def workload(kind: str, **spec: object) -> Body:
    """As the harness's Deployment, of another kind."""
    body = deployment()
    shared = {key: body["spec"][key] for key in ("selector", "template")}
    return body | {"kind": kind, "spec": shared | spec}


def annotations(cluster: Cluster, kind: str = "deployment") -> dict[str, str]:
    found: dict[str, str] = cluster.get(kind, "web")["spec"]["template"]["metadata"].get("annotations", {})
    return found


def test_restart_happens_once_and_is_kept_at_release(cluster: Cluster, operator: Operator) -> None:
    declare(cluster, deployment())

    status = engage(cluster)
    assert annotations(cluster) == {RESTARTED_AT: status["record"]["engagedAt"]}
    after = cluster.get("deployment", "web")["metadata"]["generation"]
    cluster.run("rollout", "restart", "deployment/web")
    cluster.release("shop-again")
    cluster.until_phase("shop-again", "Released")

    assert annotations(cluster)[RESTARTED_AT] != status["record"]["engagedAt"]
    assert cluster.get("deployment", "web")["metadata"]["generation"] == after + 1
    assert operator.alive


@pytest.mark.parametrize(
    ("kind", "spec", "remarks"),
    [
        ("StatefulSet", {"serviceName": "web", "updateStrategy": {"type": "OnDelete"}}, ["PodsNotReplaced"]),
        ("DaemonSet", {}, []),
    ],
)
def test_other_workload_kinds_are_restarted(
    cluster: Cluster, operator: Operator, kind: str, spec: Body, remarks: list[str]
) -> None:
    declare(cluster, workload(kind, **spec), kind=kind)

    record = engage(cluster)["record"]

    assert annotations(cluster, kind) == {RESTARTED_AT: record["engagedAt"]}
    assert [one["reason"] for one in record.get("remarks", [])] == remarks
    assert operator.alive


def test_rollout_restart_sets_restart_at(cluster: Cluster, operator: Operator) -> None:
    serve("Rollout")
    rollout = workload("Rollout", replicas=1) | {"apiVersion": "argoproj.io/v1alpha1"}
    declare(cluster, rollout, api_version="argoproj.io/v1alpha1", kind="Rollout")

    at = engage(cluster)["record"]["engagedAt"]

    restart_at = cluster.get("rollout", "web")["spec"]["restartAt"]
    assert len(restart_at) == len("2026-11-24T03:00:01Z")
    assert restart_at.removesuffix("Z") >= at[: len("2026-11-24T03:00:01")]
    assert operator.alive


def test_paused_deployment_is_restarted_once_resumed(cluster: Cluster, operator: Operator) -> None:
    body = deployment()
    body["spec"]["paused"] = True
    declare(cluster, body)
    cluster.until_reason("switch", "shop-again", "Paused")

    cluster.throw("shop-again")
    cluster.until_phase("shop-again", "Stalled")
    assert annotations(cluster) == {}
    api.patch(api.path("deployment", cluster.namespace, "web"), {"spec": {"paused": False}})

    cluster.until_phase("shop-again", "Engaged")
    assert RESTARTED_AT in annotations(cluster)
    assert operator.alive


@pytest.mark.node
def test_example_restart_replaces_its_pods(cluster: Cluster, operator: Operator, node: str) -> None:
    cluster.run("apply", "-f", str(EXAMPLE))
    cluster.until_reason("switch", "assistant-restart", "Ready")
    eventually("two pods are ready", lambda: ready(cluster) == 2, seconds=ROLLOUT)
    before = pods(cluster)

    cluster.throw("assistant-restart")

    eventually("no pod of before is left", lambda: ready(cluster) == 2 and not before & pods(cluster), seconds=ROLLOUT)
    eventually("it sprang back", lambda: "engaged" not in cluster.get("switch", "assistant-restart")["spec"])
    assert operator.alive
    assert node


def ready(cluster: Cluster) -> int:
    return int(cluster.get("deployment", "assistant")["status"].get("readyReplicas", 0))


def pods(cluster: Cluster) -> set[str]:
    return set(cluster.run("get", "pods", "-l", "app=assistant", "-o", "name").split())
